"""Words that tell findings apart, which a text encoder hardly sees: left from right, first from second degree.

To an encoder, "left bundle branch block" and "right bundle branch block" are all but the same sentence. Names are
therefore compared word by word before a neighbour in the encoder's space is taken for the same finding.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache

from datasets_scripts.terminology.findings import TERRITORIES, load_terminology

from .lexicon import NOT_IN_REPORTS, split_words
from .statements import normalize_statement


# Words of one meaning stand in one string, the first of them for all.
_MEANINGS = (
    *("left", "right", "bilateral biatrial biventricular both"),
    *("limb extremity peripheral", "precordial chest", "extensive diffuse widespread global generalized"),
    *("first 1st i", "second 2nd ii", "third 3rd iii", "high increased", "tall peaked", "low small decreased"),
    *("complete total", "incomplete partial", "bifascicular", "trifascicular"),
    *("acute", "recent subacute", "old previous prior chronic healed", "new", "early", "late delayed"),
    *("no not without absent absence never negative denied non", "normal", "abnormal", "reversed reverse", "poor"),
    *("elevation elevated", "depression depressed", "inversion inverted", "flat flattening", "biphasic", "upright"),
    *("prolonged prolongation long", "short shortened", "broad wide", "narrow", "rapid fast", "slow", "deep"),
    *("tachycardia tachy", "bradycardia brady", "pause arrest", "escape", "premature extrasystole", "regular"),
    *("irregular", "paced pacing pacemaker", "flutter flut", "fibrillation fib", "rhythm", "block", "couplet paired"),
    *("bigeminy bigeminal", "trigeminy trigeminal", "multifocal multiform", "interpolated", "blocked nonconducted"),
    *("p", "q", "r", "s", "t", "u", "st", "pr", "qt", "qrs", "qs", "j", "rsr'", "delta", "axis"),
    *(
        "atrial atrium auricular",
        "ventricular ventricle",
        "supraventricular",
        "junctional nodal",
        "sinus",
        "sinoatrial",
    ),
    *("av atrioventricular", "intraventricular", "fascicular hemiblock", "idioventricular", "septum"),
    *("infarction infarct", "ischemia ischemic", "injury", "hypertrophy", "enlargement dilation overload", "strain"),
    *("clockwise", "counterclockwise anticlockwise", "leftward", "rightward", "superior", "extreme", "indeterminate"),
    *("voltage", "aberrant aberrancy", "ectopic", "wandering", "sustained", "unsustained", "secondary", "accelerated"),
    *("variable varied", "transition", "equivalent", "fusion", "terminal", "congenital", "capture", "sense", "node"),
    *("mitral", "aortic", "tricuspid", "pulmonary", "valvular valve", "borderline", "possible possibly"),
    *("probable probably likely", "suspected", "equivocal", "questionable"),
)
_MEANING = {word: words.split()[0] for words in _MEANINGS for word in words.split()}
_MEANING |= {word: word for territory in TERRITORIES for word in territory.split()}
# A misspelling ("hypertropy") is as like as this to the word that is meant, and no short word is taken for another.
MIN_LIKENESS, MIN_LENGTH = 0.9, 7
_LONG_WORDS = [word for word in _MEANING if len(word) >= MIN_LENGTH]
# Ratios and numbers; too much and too little of a salt, heat or pressure; territories that the list lacks.
_DISTINCTIVE = re.compile(r".*\d|hyper|hypo|antero|infero|postero|latero|septo")
_SPLIT_TERRITORY = re.compile(r"\b(antero|infero|postero|latero|septo)[ -]+(?=[a-z])")


@lru_cache(maxsize=100_000)
def find_distinctions(name: str) -> frozenset[str]:
    """The words of a name that may not be exchanged, in one spelling each; abbreviations are written out.

    Args:
        name (`str`):
            Name of a finding, in any spelling.

    Returns:
        `frozenset[str]`: Two names can mean the same finding only if these are equal.

    Example:
        >>> sorted(find_distinctions("Previous anterior-wall infarct"))
        ['anterior', 'infarction', 'old']
        >>> sorted(find_distinctions("RBBB, incomplete"))
        ['block', 'incomplete', 'right']
    """
    return frozenset(_distinctions_of(name))


def _distinctions_of(name: str) -> Iterator[str]:
    """Distinctive words, one by one."""
    terminology = load_terminology()
    for word in split_words(_SPLIT_TERRITORY.sub(r"\1", normalize_statement(name))):
        if meant := _correct(word):
            yield _MEANING[meant]
        elif _DISTINCTIVE.match(word):
            yield word
        elif word not in NOT_IN_REPORTS and (finding := terminology.find(word)):
            yield from _distinctions_of(" ".join(other for other in split_words(finding.name) if other != word))


def _correct(word: str) -> str | None:
    """The word of the list that this one is or misspells, if there is one."""
    if word in _MEANING:
        return word
    near = get_close_matches(word, _LONG_WORDS, n=1, cutoff=MIN_LIKENESS) if len(word) >= MIN_LENGTH else []
    return next((other for other in near if other[0] == word[0]), None)
