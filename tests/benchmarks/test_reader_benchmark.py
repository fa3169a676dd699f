"""`benchmarks/readers.py` tells readers apart by figures counted by hand, and knows codes of like words."""

import json
import logging
import sys

import pandas as pd
import pytest
from helpers.annotated_statements import write_lines
from helpers.repository import ROOT
from helpers.servers.chat_server import answer_with, complete, serve_chat


sys.path.insert(0, str(ROOT / "benchmarks"))

import readers


ANNOTATIONS = [
    {"statement": "LBBB", "entities": [{"entity": "left bundle branch block", "certainty": "positive"}]},
    {"statement": "gremlins aa", "entities": [{"entity": "fusion complexes", "certainty": "positive"}]},
]
FUSION = {"quote": "gremlins aa", "entity": "fusion complexes", "certainty": "positive"}


def call_gremlins_fusion(subject):
    """A completion that finds fusion complexes where there are gremlins, and nothing else anywhere."""
    if not subject.startswith("["):
        return complete(json.dumps({"entities": [FUSION] if "gremlins" in subject else []}))
    numbered = [(one["number"], [FUSION] if one["left_over"] else []) for one in json.loads(subject)]
    return complete(json.dumps({"readings": [{"number": number, "entities": found} for number, found in numbered]}))


def run(caplog, *flags):
    """Figures by reader, as the benchmark prints them."""
    caplog.set_level(logging.INFO)
    readers.main([*flags])
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == readers.logger.name]
    return {name: figures for line in lines for name, figures in line.items()}


@pytest.fixture
def figures(tmp_path, caplog):
    annotations = write_lines(tmp_path / "annotated.jsonl", ANNOTATIONS)
    with serve_chat(answer_with(call_gremlins_fusion)) as server:
        asked = ["--backend", "endpoint", "--base_url", server.base_url, "--model", "m"]
        return run(caplog, "--annotations", str(annotations), *asked, "--num_bootstrap_samples", "200")


def test_each_reader_has_its_f1_and_its_distance_from_the_rules(figures):
    f1 = {name: (shown["f1"][0], shown["f1_beyond_rules"][0]) for name, shown in figures.items()}

    # The rules find one of the two findings, the model the other one: 2 * 1 / (1 + 2)
    assert f1 == {"rules": (0.667, 0.0), "all": (0.667, 0.0), "leftover": (1.0, 0.333), "audit": (0.667, 0.0)}


def test_intervals_come_from_draws_of_the_statements(figures):
    # Drawn twice, the one statement that the rules read right gives 1, the other one 0
    assert figures["rules"]["f1"] == [0.667, 0.0, 1.0]
    assert figures["leftover"]["f1"] == [1.0, 1.0, 1.0]
    assert figures["rules"]["f1_beyond_rules"] == [0.0, 0.0, 0.0]


def test_wrong_statements_and_what_was_asked_are_counted(figures):
    wrong = {name: (shown["num_wrong"], shown["num_wrong_called_read"]) for name, shown in figures.items()}

    assert wrong == {"rules": (1, 0), "all": (1, 1), "leftover": (0, 0), "audit": (1, 0)}
    assert [figures[name]["spent"].split(" requests")[0] for name in ("all", "leftover", "audit")] == ["2", "1", "2"]


def test_a_code_is_met_by_kinds_and_coarsely_by_the_habit_of_the_coders():
    records = pd.DataFrame(
        {
            "report": ["non-specific t wave flattening in v6", "voltages are high in chest leads suggesting lvh"],
            "scp_codes": ["{'NT_': 0.0}", "{'VCLVH': 0.0}"],
        }
    )

    compared = readers.compare_records(records).set_index(["side", "finding"])

    assert compared["is_met"].to_dict() == {
        ("coded", "nonspecific t wave changes"): False,
        ("read", "low amplitude t waves"): False,
        ("coded", "left ventricular hypertrophy by voltage"): True,
        ("read", "left ventricular hypertrophy by voltage"): True,
        ("read", "high qrs voltage"): False,
        ("read", "left ventricular hypertrophy"): False,
    }
    assert [name for (_, name), met in compared["is_met_coarsely"].items() if not met] == [
        "left ventricular hypertrophy"
    ]
