"""`benchmarks/readers.py` tells readers apart by figures counted by hand, and says how codes are compared."""

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

from datasets_scripts.extraction.checks import code_agreement
from datasets_scripts.terminology.findings import load_terminology


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


def compare(report, codes, basis="code"):
    """The findings of one record on both sides."""
    return code_agreement.compare_records(pd.DataFrame({"report": [report], "scp_codes": [str(codes)]}), basis)


def met_in(compared):
    """`is_met` of a comparison by side and finding."""
    return compared.set_index(["side", "finding"])["is_met"].to_dict()


def test_a_code_is_met_by_itself_an_ancestor_or_a_descendant():
    compared = compare("old inferolateral infarct with premature beats", {"IMI": 100.0, "PVC": 100.0})

    assert met_in(compared) == {
        ("coded", "inferior myocardial infarction"): True,
        ("coded", "premature ventricular contraction"): True,
        ("read", "inferolateral myocardial infarction"): True,
        ("read", "premature complexes"): True,
    }


@pytest.mark.parametrize(
    ("report", "codes", "is_met_by"),
    [
        ("non-specific t wave flattening in v6", {"NT_": 0.0}, {"code": False, "definition": True, "habit": True}),
        ("t wave flattening in v6", {"NT_": 0.0}, {"code": False, "definition": False, "habit": True}),
        ("left axis deviation", {"LAFB": 100.0}, {"code": False, "definition": False, "habit": True}),
        ("inferior infarct, lateral infarct", {"IMI": 100.0}, {"code": True, "definition": True, "habit": True}),
    ],
)
def test_each_basis_counts_the_conventions_of_those_before_it(report, codes, is_met_by):
    met = {basis: compare(report, codes, basis).query("side == 'coded'")["is_met"].all() for basis in is_met_by}

    assert met == is_met_by


def test_a_row_counts_only_beside_the_findings_that_it_names():
    alone, beside = (
        code_agreement.code_report(report, "definition")
        for report in ("voltages are high in chest leads", "voltages are high in chest leads suggesting lvh")
    )

    assert alone == {"high qrs voltage": "positive"}
    assert beside == {
        "left ventricular hypertrophy by voltage": "positive",
        "left ventricular hypertrophy": "uncertain",
    }


def test_what_one_side_doubts_and_the_other_lacks_is_left_open():
    codes = {"LVH": 15.0, "IMI": 50.0, "NORM": 0.0}
    compared = compare("sinus rhythm. possible pericarditis. possible lbbb. pvcs", codes)

    left = code_agreement.leave_doubts_open(compared)

    assert sorted(set(compared["finding"]) - set(left["finding"])) == [
        "left bundle branch block",  # hedged and not coded
        "left ventricular hypertrophy",  # coded as rather absent, and not read
    ]
    assert not left["is_met"].any()


def test_the_table_says_what_a_finding_costs_the_pooled_figures():
    compared = compare("pvcs. lbbb", {"PVC": 100.0, "LVH": 100.0})

    table = code_agreement.tabulate_agreement(compared).set_index("finding")

    # One of two codes is missed, one of two readings added
    assert table["missed_share"].to_dict() == {
        "premature ventricular contraction": 0.0,
        "left ventricular hypertrophy": 0.5,
        "left bundle branch block": 0.0,
    }
    assert table.loc["left bundle branch block", "added_share"] == 0.5


def test_every_convention_names_findings_of_the_terminology_and_codes_of_ptb_xl():
    for row in code_agreement.load_conventions():
        assert row.basis in code_agreement.BASES[1:]
        assert all(name in load_terminology() for name in (row.finding, *row.beside))
        assert all(load_terminology().find_label(code, config_name="all") for code in row.scp_codes)
