"""Every message of the packages is on the list of messages, and found by what a user sees of it."""

import ast
import re
import traceback
from pathlib import Path

import numpy as np
import pytest
from helpers.pages.extensions import load_extension, read_all_messages
from helpers.repository import ROOT


VALUE = "…"
# Fixed text between values, with which it is certain that a message is meant
LEAST_LETTERS = 12


messages = load_extension("messages")


@pytest.fixture(scope="module")
def known():
    """All messages of the packages."""
    return read_all_messages()


def texts_of(node):
    """The fixed texts within an expression, longer ones only, each cut where a value or a template stands."""
    strings = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    pieces = [piece for text in strings for piece in re.split(r"%[-.\d]*[srdfg]|\{[^{}]*\}|%%", text)]
    return [piece for piece in pieces if sum(map(str.isalpha, piece)) >= LEAST_LETTERS and " " in piece.strip()]


def list_spoken(package):
    """Path, line and fixed texts of each `raise` and of each call of a logger, however it is written."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_logged = isinstance(node, ast.Call) and re.fullmatch(
                r"(logger|warnings)\.(warning|warning_once|error|info|warn)", ast.unparse(node.func)
            )
            if isinstance(node, ast.Raise) and node.exc is not None:
                yield path.relative_to(ROOT), node.lineno, texts_of(node.exc)
            elif is_logged:
                yield path.relative_to(ROOT), node.lineno, texts_of(node)


@pytest.mark.parametrize("package", messages.PACKAGES)
def test_whatever_is_raised_or_logged_is_listed(package, known):
    listed = {}
    for message in known:
        listed.setdefault(message.path, []).append(message.text)

    missing = [
        f"{path}:{line}: {text}"
        for path, line, texts in list_spoken(package)
        for text in texts
        if not any(" ".join(text.split()) in other for other in listed.get(path.as_posix(), ()))
    ]

    assert missing == []


def parse_wrong_query():
    from modeling_supreme.query_grammar import parse_query

    parse_query("QRS > 120 bananas")


def read_no_record():
    from modeling_supreme.ecg_files import read_ecg

    read_ecg("nowhere/record.hea")


def name_wrong_lead():
    from modeling_supreme.leads import standardize_lead_names

    standardize_lead_names(["I", "respiration"])


def load_no_corpus():
    from datasets_scripts import load_corpus

    load_corpus("ptb_xxl")


def load_without_folder():
    from datasets_scripts import load_corpus

    load_corpus("ptb_xl")


def mistype_a_flag():
    from datasets_scripts.prepare.__main__ import main

    main(["ptb_xl", "--outptu_dir", "there"])


def name_no_objective():
    from training_scripts.objectives import find_objective

    find_objective("contrastive")


def ask_for_no_encoder():
    from modeling_supreme import SupremeEcgConfig

    SupremeEcgConfig.from_preset("vit_enormous")


def write_patches_that_do_not_fit():
    from modeling_supreme import SupremeEcgConfig

    SupremeEcgConfig(num_samples=5001)


def transpose_a_strip():
    from modeling_supreme import SupremeEcgFeatureExtractor

    SupremeEcgFeatureExtractor()(np.zeros((5000, 2)), sampling_rate=500, leads=["I", "II"])


def give_microvolts():
    from modeling_supreme import SupremeEcgFeatureExtractor

    SupremeEcgFeatureExtractor()(np.ones((2, 5000), np.int16), sampling_rate=500, leads=["I", "II"])


def give_no_rate():
    from modeling_supreme import SupremeEcgFeatureExtractor

    SupremeEcgFeatureExtractor()(np.ones((2, 5000)), sampling_rate=0.5, leads=["I", "II"])


def read_no_reports():
    from datasets_scripts.extraction.__main__ import main

    main(["--reports", "nowhere.csv", "--output_dir", "labels", "--backend", "rules"])


PROVOKED = [
    *(parse_wrong_query, read_no_record, name_wrong_lead, load_no_corpus, load_without_folder, mistype_a_flag),
    *(name_no_objective, ask_for_no_encoder, write_patches_that_do_not_fit, transpose_a_strip, give_microvolts),
    *(give_no_rate, read_no_reports),
]


@pytest.mark.parametrize("provoke", PROVOKED, ids=lambda provoke: provoke.__name__)
def test_a_message_that_a_user_meets_is_found(provoke, known, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match=r"\w") as caught:
        provoke()

    best = messages.find_messages(str(caught.value), known)[0]
    frames = traceback.extract_tb((caught.value.__cause__ or caught.value).__traceback__)
    files = {Path(frame.filename) for frame in frames}
    assert best.num_fixed >= LEAST_LETTERS
    assert ROOT / best.path in files


def test_some_words_of_a_message_find_it(known):
    found = messages.find_messages("looks transposed", known)

    assert [message.path for message in found] == ["modeling_supreme/admission.py"]


def test_headings_of_the_troubleshooting_page_are_messages(known):
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    headings = re.findall(r"^### (.+)$", text, re.MULTILINE)

    unknown = [heading for heading in headings if not any(is_message(heading, message.text) for message in known)]

    assert len(headings) >= 30
    assert unknown == []


def is_message(heading, text):
    """Whether a heading shows a message: each fixed part of the heading stands in it, in order."""
    parts = [part.strip() for part in heading.split(VALUE) if part.strip(" .:()`,")]
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


class TestReading:
    """Messages are followed to where their words are written."""

    @pytest.mark.parametrize(
        ("code", "texts"),
        [
            ('def f(x):\n    raise ValueError(f"{x} is wrong. Mend it.")\n', ["… is wrong. Mend it."]),
            ('def f(x):\n    raise ValueError("a is wrong." + f" Mend {x}.")\n', ["a is wrong. Mend …."]),
            ('def f(x):\n    why = "too long" if x else "too short"\n    raise ValueError(f"It is {why}.")\n',
             ["It is too long.", "It is too short."]),
            ('REMEDY = "Mend it, please."\ndef f(x):\n    raise ValueError(f"{x}: {REMEDY}")\n',
             ["…: Mend it, please."]),
            ('def tell(x):\n    return f"no lead {x} here"\ndef f(x):\n    raise ValueError(tell(x))\n',
             ["no lead … here"]),
            ('class OwnError(ValueError):\n    pass\ndef make(x):\n    return OwnError(f"{x} is our own error")\n'
             'def f(x):\n    raise make(x)\n', ["… is our own error"]),
            ('def fail(problem):\n    raise ValueError(f"{problem}!")\ndef f(x):\n    fail("brackets are missing")\n',
             ["brackets are missing"]),
            ('def f(logger, names):\n    logger.warning("%d of %s left out", 1, names)\n', ["… of … left out"]),
        ],
        ids=["value", "sum", "choice", "constant", "function", "maker", "raiser", "log"],
    )  # fmt: skip
    def test_a_message_is_read_however_it_is_made(self, code, texts, tmp_path):
        (tmp_path / "modeling_supreme").mkdir()
        (tmp_path / "modeling_supreme" / "a.py").write_text(code)

        found = [message.text for message in messages.read_messages(tmp_path)]

        assert found == texts

    def test_what_only_passes_on_is_not_listed(self, tmp_path):
        (tmp_path / "metrics").mkdir()
        tried = "def f(x):\n    try:\n        x()\n    except OSError as error:\n"
        code = tried + '        raise ValueError(f"{x}: {error}") from error\n'
        (tmp_path / "metrics" / "a.py").write_text(code)

        assert messages.read_messages(tmp_path) == []
        assert len(messages.read_sites(tmp_path)) == 2
