"""`python -m datasets_scripts.simulator` shows, lists, exports and compares."""

import logging

import pandas as pd
import pytest

from datasets_scripts.simulator import CONDITIONS, simulate_record
from datasets_scripts.simulator.__main__ import describe, load_real_rows, main, make_title


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(record.getMessage() for record in caplog.records)


def test_a_strip_with_the_condition_is_drawn(tmp_path):
    main(["--condition", "atrial flutter", "--seed", "3", "--output", str(tmp_path / "new" / "strip.png")])

    assert (tmp_path / "new" / "strip.png").read_bytes().startswith(b"\x89PNG")


def test_plot_alone_names_the_file_after_the_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    main(["--condition", "left bundle branch block", "--plot"])

    assert [path.name for path in tmp_path.iterdir()] == ["sim0-r0000000.png"]


def test_several_records_are_drawn_into_a_folder(tmp_path):
    main(["show", "--num_records", "2", "--record_index", "4", "--output", str(tmp_path / "strips")])

    assert sorted(path.name for path in (tmp_path / "strips").iterdir()) == ["sim0-r0000004.png", "sim0-r0000005.png"]


def test_show_prints_report_and_truth(said):
    main(["--seed", "3", "--record_index", "1"])

    assert describe(simulate_record(1, seed=3)) in said()


def test_the_title_names_the_record_and_quotes_the_report():
    record = simulate_record(0, seed=3)

    assert make_title(record).startswith("sim3-r0000000, ")
    assert all(statement in make_title(record) for statement in record.report)


def test_reports_can_be_german(said):
    main(["--condition", "normal ecg", "--language", "de", "--report_noise", "0"])

    assert "normales ekg" in said()


def test_list_names_every_condition(said):
    main(["list"])

    assert set(CONDITIONS) <= {line.strip() for line in said().splitlines()}
    assert "  heart rate above 100 per minute" in said()


@pytest.mark.parametrize(("layout", "table"), [("ptb_xl", "ptbxl_database.csv"), ("mimic_iv_ecg", "record_list.csv")])
def test_export_writes_a_layout(tmp_path, layout, table):
    main(["export", "--layout", layout, "--num_records", "2", "--output_dir", str(tmp_path), "--annotations"])

    assert len(pd.read_csv(tmp_path / table)) == 2
    assert len(list(tmp_path.rglob("*.atr"))) == 2


def test_realism_compares_with_a_folder_of_ptb_xl(tmp_path, monkeypatch, said):
    given = []
    test = {"auroc": 0.9, "auroc_ci95": [0.8, 1.0]}
    monkeypatch.setattr(
        "datasets_scripts.simulator.__main__.load_real_rows", lambda data_dir, count: f"{count} of {data_dir}"
    )
    monkeypatch.setattr(
        "datasets_scripts.simulator.__main__.compare_with_real",
        lambda *given_to, **options: given.append((given_to, options)) or {"two_sample_auroc": {"spectra": test}},
    )

    main(["realism", "--data_dir", "ptb-xl", "--output_dir", str(tmp_path), "--num_records", "9"])

    assert given == [(("9 of ptb-xl", tmp_path), {"seed": 0})]
    assert "AUROC of telling simulated from real by spectra: 0.9" in said()


def test_realism_reads_the_first_records_of_all_splits(ptb_xl_dir):
    first, everything = (load_real_rows(ptb_xl_dir, count)["record_id"][:] for count in (2, 1000))

    assert first == everything[:2]
    assert len(set(everything)) == len(everything) == len(pd.read_csv(ptb_xl_dir / "ptbxl_database.csv"))


@pytest.mark.parametrize("flags", [[], ["--folds", "9", "10"]], ids=["usual", "other folds"])
def test_people_are_compared_by_what_they_have(ptb_xl_dir, tmp_path, said, flags):
    table = str(ptb_xl_dir / "ptbxl_database.csv")

    main(["people", "--table", table, "--output_dir", str(tmp_path), "--num_records", "4", *flags])

    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"conditions.csv", "company.csv", "population.json"}
    assert f"num_recorded: {4 if flags else 16}\n" in said()


def test_an_unknown_condition_is_refused():
    with pytest.raises(ValueError, match="no condition 'gout'"):
        main(["--condition", "gout"])


def test_a_mistyped_condition_gets_the_nearest_one():
    with pytest.raises(ValueError, match=r"'atrial fluter'\. Did you mean `atrial flutter`\? Ask for one of"):
        main(["--condition", "atrial fluter"])


def test_help_explains_the_commands(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])

    shown = capsys.readouterr().out
    assert "--condition" in shown
    assert all(f"    {command} " in shown for command in ("show", "list", "export", "realism", "people"))
