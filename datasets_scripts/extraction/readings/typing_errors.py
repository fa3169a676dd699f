"""Typing errors: the one word that the rules know and from which an unknown word differs by one letter.

Source: look-up by deletions (Garbe 2012, SymSpell, github.com/wolfgarbe/SymSpell): two words that differ by one letter
share what is left when one letter is deleted.
"""

from collections.abc import Iterable, Iterator


SHORTEST_CORRECTED = 6  # letters: shorter words are too many to tell which one is meant
LONGEST_CORRECTED = 60  # letters: no word that is meant is longer


class WordList:
    """Words that may be meant.

    Args:
        words (`Iterable[str]`):
            Words in lower case; those with fewer than six letters are never meant.

    Example:
        >>> words = WordList(["fibrillation", "anterior", "inferior"])
        >>> words.find_meant("fibrilation"), words.find_meant("interior"), words.find_meant("flutter")
        ('fibrillation', None, None)
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._by_rest: dict[str, set[str]] = {}
        for word in words:
            if len(word) >= SHORTEST_CORRECTED and word.isalpha():
                for rest in _rests(word):
                    self._by_rest.setdefault(rest, set()).add(word)

    def find_meant(self, word: str) -> str | None:
        """The one word that differs by a letter too many, too few, wrong or exchanged with its neighbour.

        The first letter must be right; where two words may be meant ("interior"), none is taken.
        """
        if not SHORTEST_CORRECTED <= len(word) <= LONGEST_CORRECTED or not word.isalpha():
            return None
        near = {other for rest in _rests(word) for other in self._by_rest.get(rest, ())}
        meant = [other for other in near if _differ_by_one(word, other)]
        return meant[0] if len(meant) == 1 and meant[0][0] == word[0] else None


def _rests(word: str) -> Iterator[str]:
    """A word, and what is left of it without one letter."""
    yield word
    for place in range(len(word)):
        yield word[:place] + word[place + 1 :]


def _differ_by_one(word: str, other: str) -> bool:
    """Whether one letter is added, missing, wrong, or exchanged with the next one."""
    if len(word) < len(other):
        word, other = other, word
    start = 0
    while start < len(other) and word[start] == other[start]:
        start += 1
    if len(word) > len(other):
        return word[start + 1 :] == other[start:]
    next_two = slice(start, start + 2)
    is_exchanged = word[next_two] == other[next_two][::-1] and word[start + 2 :] == other[start + 2 :]
    return is_exchanged or word[start + 1 :] == other[start + 1 :]
