"""`python -m datasets_scripts.simulator` draws one record."""

import pytest

from datasets_scripts.simulator.__main__ import main, make_title
from datasets_scripts.simulator.record import simulate_record


def test_a_strip_with_the_condition_is_drawn(tmp_path):
    main(["--condition", "atrial flutter", "--seed", "3", "--output", str(tmp_path / "strip.png")])

    assert (tmp_path / "strip.png").read_bytes().startswith(b"\x89PNG")


def test_the_title_names_the_record_and_quotes_the_report():
    record = simulate_record(0, seed=3)

    assert make_title(record).startswith("sim3-r0000000, ")
    assert all(statement in make_title(record) for statement in record.report)


def test_an_output_file_is_required(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--condition", "atrial flutter"])

    assert "--output" in capsys.readouterr().err
