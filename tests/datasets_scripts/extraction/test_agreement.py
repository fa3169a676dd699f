"""`agreement`: what two extractions, or an extraction and the labels of a corpus, say of the same records."""

import pandas as pd
import pytest

from datasets_scripts.extraction.__main__ import main as extract
from datasets_scripts.extraction.agreement import main, read_corpus, read_extraction
from datasets_scripts.extraction.checks.label_agreement import LabelSet, measure_agreement
from datasets_scripts.extraction.report_findings import ReportFindings
from modeling_supreme.command_line import run_command


def test_the_labels_of_a_corpus_are_findings_closed_upward(ptb_xl_dir):
    labels = read_corpus("ptb_xl", config_name="all", data_dir=str(ptb_xl_dir))

    # Record 2 carries IMI, 1AVB and SR.
    assert {"inferior myocardial infarction", "myocardial infarction", "first degree av block", "av block"} <= set(
        labels.records["2"].positive
    )
    assert len(labels.records) == 20


def test_a_corpus_is_asked_only_for_what_its_labels_can_say(ptb_xl_dir):
    corpus = read_corpus("ptb_xl", config_name="superclass", data_dir=str(ptb_xl_dir))
    stated = {"2": ReportFindings(("myocardial infarction", "sinus rhythm"), ()), "3": ReportFindings((), ())}
    reports = LabelSet(stated, frozenset(stated["2"].positive), is_complete=True)

    found = measure_agreement(reports, corpus)["finding"]
    assert set(found) == {"conduction disturbance", "myocardial infarction"}


@pytest.fixture
def extracted_dir(ptb_xl_dir, tmp_path):
    """Labels from the reports of the small PTB-XL, which all say "sinus rhythm. left axis deviation."."""
    extract(["--reports", str(ptb_xl_dir / "ptbxl_database.csv"), "--output_dir", str(tmp_path / "labels")])
    return tmp_path / "labels"


def test_the_command_compares_two_extractions(extracted_dir, tmp_path, capsys):
    main([str(extracted_dir), str(extracted_dir), "--output_dir", str(tmp_path / "out")])

    assert "sinus rhythm" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "out" / "agreement.csv")
    assert table.query("finding == 'sinus rhythm'")["num_both"].tolist() == [20]
    assert "left axis deviation" in (tmp_path / "out" / "agreement.html").read_text(encoding="utf-8")


def test_the_command_compares_an_extraction_with_the_labels_of_a_corpus(extracted_dir, ptb_xl_dir, capsys):
    main(
        [str(extracted_dir), "--dataset_name", "ptb_xl", "--dataset_config_name", "all", "--data_dir", str(ptb_xl_dir)]
    )

    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("sinus rhythm"))
    # SR stands in ten of the twenty records; the reports claim it of all.
    assert line.split()[2:6] == ["20", "20", "10", "10"]


@pytest.mark.parametrize("given", [["one"], ["one", "two", "three"], ["one", "two", "--dataset_name", "ptb_xl"]])
def test_two_label_sets_are_needed(given, capsys):
    with pytest.raises(SystemExit, match="2"):
        run_command(main, given)

    assert "Two label sets are compared, not" in capsys.readouterr().err


@pytest.mark.data
def test_reports_and_codes_of_ptb_xl_agree_on_what_both_state(data_dir, tmp_path):
    folder = data_dir / "ptb-xl"
    extract(["--reports", str(folder / "ptbxl_database.csv"), "--output_dir", str(tmp_path)])

    codes = read_corpus("ptb_xl", config_name="all", data_dir=str(folder))
    kappa = measure_agreement(read_extraction(tmp_path), codes).set_index("finding")["kappa"]

    assert len(codes.records) == 500
    assert kappa[["sinus rhythm", "atrial fibrillation", "left bundle branch block"]].min() > 0.75
