"""The leaderboard: protocols apart, the best first, published figures marked."""

import json

import pytest
from helpers.made_predictions import CONDITIONS, make_predictions

from evaluation_scripts.suites.evaluated import EvaluatedSets
from evaluation_scripts.suites.leaderboard import main


def write_evaluation(folder, *, protocol, model, seed):
    sets = EvaluatedSets(protocol=protocol, splits=["test"], min_positives=1, num_bootstrap_samples=5, seed=0)
    sets.add("simulated/default", CONDITIONS, make_predictions(seed=seed))
    sets.write(folder, model=model, protocol={"name": protocol, "description": "", "split": "test"})
    return json.loads((folder / "eval_results.json").read_text())["overall"]["auroc_macro"]


def test_evaluations_stand_side_by_side_by_protocol_the_best_first(tmp_path):
    figures = {
        name: write_evaluation(tmp_path / name, protocol=protocol, model=name, seed=seed)
        for name, protocol, seed in (("one", "merl", 0), ("two", "merl", 1), ("three", "corrected", 2))
    }

    main(["--evaluations", *(str(tmp_path / name) for name in figures), "--output_dir", str(tmp_path / "board")])

    board = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert [entry["protocol"] for entry in board["entries"]] == ["corrected", "merl", "merl"]
    means = [entry["mean"] for entry in board["entries"][1:]]
    assert means == sorted((figures["one"], figures["two"]), reverse=True)
    assert not any(row["is_measured_here"] for row in board["published"])
    page = (tmp_path / "board" / "leaderboard.html").read_text()
    assert page.index("Protocol corrected") < page.index("Protocol merl") < page.index("Published by others")


def test_what_is_no_evaluation_of_a_suite_is_refused(tmp_path):
    (tmp_path / "eval_results.json").write_text('{"model": "m", "protocol": {}, "results": {}}')

    with pytest.raises(ValueError, match=r"is no evaluation of a suite\. Run `evaluate\.py --suite supreme6`"):
        main(["--evaluations", str(tmp_path), "--output_dir", str(tmp_path / "board")])
