"""The printed table: unseen conditions are marked, columns line up, controls are explained where there are any."""

from helpers.made_predictions import CONDITIONS, compile_quickly, make_predictions

from evaluation_scripts.conditions import Condition
from evaluation_scripts.result_table import format_result


def test_the_table_marks_unseen_conditions_and_explains_the_controls():
    table = format_result("simulated/default/test", compile_quickly(make_predictions(), min_positives=5))

    lines = table.splitlines()
    assert lines[0] == "simulated/default/test: 80 records of 40 patients"
    assert [line.split()[0] for line in lines if "UNSEEN" in line] == ["IMI", "WPW"]
    assert "Not averaged: WPW (2 positive records, fewer than 5)." in lines
    assert "training never named is recognised only where its AUROC beats both controls" in table


def test_the_columns_of_the_table_line_up():
    lines = format_result("simulated/default/test", compile_quickly(make_predictions())).splitlines()

    header, row = lines[1], next(line for line in lines if line.startswith("IMI"))
    assert row[header.index("AUROC") :].startswith("0.")
    assert row[header.index("random*") :].startswith("0.")


def test_the_table_does_not_repeat_a_query_that_is_the_label():
    conditions = [Condition(one.query, one.finding, one.query, one.seen) for one in CONDITIONS]

    table = format_result("simulated/default/test", compile_quickly(make_predictions(), conditions))

    assert table.count("left bundle branch block") == 1


def test_the_table_of_seen_conditions_says_nothing_of_controls():
    predictions = make_predictions(num_conditions=2)

    table = format_result("simulated/default/test", compile_quickly(predictions, CONDITIONS[:2]))

    assert "random" not in table
    assert "mean of unseen" not in table
