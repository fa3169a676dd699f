"""The benchmarks of measurements, thresholds and hidden conditions: what they count, by hand and on made records."""

import doctest
import sys

import numpy as np
import pytest
import torch
from datasets import Dataset
from helpers.repository import ROOT
from transformers import AutoModel, pipeline

from datasets_scripts.schema import corpus_features
from datasets_scripts.simulated import columns_of
from datasets_scripts.simulator import label_names, simulate_record
from datasets_scripts.simulator.truth.measurement_keys import measurement_keys
from modeling_supreme.definitions import Measured, evaluate_expression, parse_definitions, read_definitions
from modeling_supreme.ecg_files import read_ecg
from modeling_supreme.query_grammar import findings_of, keys_of, normalize_name, parse_query


sys.path.insert(0, str(ROOT / "benchmarks" / "questions"))

import hidden_conditions
import long_recordings
import measurements_on_real_records
import untrained_thresholds


@pytest.mark.parametrize("module", [hidden_conditions, untrained_thresholds])
def test_the_examples_of_the_docstrings_hold(module):
    results = doctest.testmod(module)

    assert (results.failed, results.attempted > 0) == (0, True)


def make_entry(auroc, specific, *, normal=0.6, random=0.7):
    """An entry of `eval_results.json` whose controls are the same among records that are not normal."""
    controls = {"normal_ecg": normal, "random_queries": random}
    figures = {"auroc": auroc, "controls": controls, "num_positives": 5}
    return {**figures, "query": "q", "among_non_normal": {**figures, "auroc": specific}}


class TestHiddenConditions:
    def test_the_table_has_a_column_for_each_way_and_each_control(self):
        by_way = {"name": {"flutter": make_entry(0.8, 0.65)}, "rule": {"flutter": make_entry(0.9, 0.95)}}

        lines = hidden_conditions.format_table(by_way).splitlines()

        assert lines[0] == '| condition | positives | name | rule | "normal ecg" alone | random queries |'
        assert lines[2] == "| flutter | 5 | .800 / .650 | .900 / .950 | .600 / .600 | .700 / .700 |"

    def test_it_counts_what_is_better_than_both_controls(self):
        entries = {"a": make_entry(0.9, 0.75), "b": make_entry(0.9, 0.65), "c": make_entry(0.9, 0.5)}

        table = hidden_conditions.format_table({"name": entries, "rule": {key: make_entry(1, 1) for key in entries}})

        assert table.endswith("of 3: name 1, rule 3.")

    def test_the_mean_is_that_of_the_column(self):
        entries = {"a": make_entry(0.9, 0.8), "b": make_entry(0.7, 0.4)}

        assert "| mean | | .800 / .600 |" in hidden_conditions.format_table({"name": entries})

    def test_every_way_asks_evaluate_for_it(self, tmp_path, monkeypatch):
        commands = []

        def stop(*command):
            commands.append(command)
            raise RuntimeError("nothing is run here")

        monkeypatch.setattr(hidden_conditions, "run_script", stop)
        flags = ["--data_dir", "d", "--output_dir", str(tmp_path), "--definitions", "own.yaml"]
        options = hidden_conditions.parse_arguments(flags)
        for way in hidden_conditions.WAYS:
            with pytest.raises(RuntimeError, match="nothing is run here"):
                hidden_conditions.evaluate(options, "checkpoint", way)

        told = [
            [*command[command.index("--answer_by") + 1 :: 2]] if "--definitions" in command else [command[-1]]
            for command in commands
        ]
        rules = str(ROOT / "benchmarks" / "questions" / "rules_over_findings.yaml")
        own = "own.yaml"
        assert told == [["name"], ["definition", own], ["both", own], ["auto", own], ["definition", rules]]

    def test_a_checkpoint_that_knows_the_names_is_refused(self):
        entries = {"flutter": {"seen": True}, "fibrillation": {"seen": False}}

        with pytest.raises(SystemExit, match=r"^runs/x was trained on flutter, .*`--held_out_findings`"):
            hidden_conditions.check_hidden(entries, "runs/x")

    def test_the_rules_name_findings_and_measure_nothing(self):
        rules = parse_definitions(read_definitions(hidden_conditions.RULES))

        assert {rule.condition for rule in rules.values()} == set(hidden_conditions.HELD_OUT)
        known = set(map(normalize_name, label_names()))
        assert all(set(findings_of(rule.expression)) <= known for rule in rules.values())
        assert not any(keys_of(rule.expression) for rule in rules.values())


@pytest.fixture(scope="module")
def records():
    return [simulate_record(index, seed=5) for index in range(120)]


def measure_exactly(records):
    """What a model would say that knows every number."""
    keys = tuple(dict.fromkeys(key for record in records for key in record.measurements))
    values = torch.tensor([[record.measurements.get(key, float("nan")) for key in keys] for record in records])
    counts = [key for key in keys if untrained_thresholds.find_measurement(key).is_count]
    measurable = (~values.isnan()).float()
    for key in counts:
        column = keys.index(key)
        measurable[:, column] = (values[:, column] != 0).float()
    value = values.nan_to_num().double()
    return Measured(keys, value, torch.full_like(value, 1e-7), measurable.double(), torch.zeros(len(keys), 2))


class TestThresholds:
    def test_a_finding_is_answered_by_the_name_that_expressions_have(self, make_checkpoint, tiny_processor, records):
        folder = make_checkpoint(trained_queries=["nondiagnostic st-t changes"], measurements=["qrs_ms"])

        measured, found = untrained_thresholds.answer(
            AutoModel.from_pretrained(folder).eval(), tiny_processor, records[:3], ["nondiagnostic st-t changes"]
        )

        chances = evaluate_expression(parse_query('"nondiagnostic st-t changes" and qrs_ms > 0'), measured, found)
        assert chances.shape == (3,)

    def test_the_calibration_error_is_the_mean_gap_of_the_bins(self):
        chances, truth = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9]), np.array([1, 0, 0, 0, 1, 0])

        figures = untrained_thresholds.judge([chances[:3], chances[3:]], [truth[:3], truth[3:]])

        # 4 answers of .1 with a share of .25, and 2 of .9 with a share of .5
        assert figures.calibration_error == pytest.approx((4 * 0.15 + 2 * 0.4) / 6)
        assert figures.log_loss == pytest.approx(-np.log([0.1, 0.9, 0.9, 0.9, 0.9, 0.1]).mean())

    def test_the_auroc_is_the_mean_over_questions(self):
        answers = [np.array([0.1, 0.9]), np.array([0.9, 0.1])]

        assert untrained_thresholds.judge(answers, [np.array([0, 1])] * 2).auroc == 0.5

    def test_a_question_is_true_of_some_records_and_false_of_others(self, records):
        questions = untrained_thresholds.Questions(measurement_keys(), label_names(), records, seed=0)
        draw = questions.kinds()["a number of a lead"]

        drawn = list(untrained_thresholds.draw_questions(draw, records, 10))

        assert len(drawn) == 10
        assert all(10 <= truth.sum() <= 110 for _, truth in drawn)

    @pytest.mark.parametrize("place", range(10))
    def test_exact_numbers_answer_every_kind_of_question_exactly(self, records, place):
        questions = untrained_thresholds.Questions(measurement_keys(), label_names(), records, seed=0)
        kind, draw = list(questions.kinds().items())[place]
        measured = measure_exactly(records)
        named = {normalize_name(name): name for name in label_names()}

        for question, truth in untrained_thresholds.draw_questions(draw, records, 5):
            found = {
                name: torch.tensor([float(named[name] in record.labels) for record in records], dtype=torch.float64)
                for name in findings_of(question)
            }
            answers = evaluate_expression(question, measured, found)
            np.testing.assert_allclose(answers, truth, atol=1e-6, err_msg=f"{kind}: {question}")

    def test_a_checkpoint_is_judged(self, make_checkpoint, tmp_path):
        checkpoint = make_checkpoint(
            "hybrid", trained_queries=["normal ecg", "q waves"], measurements=list(measurement_keys())
        )
        sizes = ["--num_records", "60", "--num_questions", "2"]

        untrained_thresholds.main(["--model_name_or_path", str(checkpoint), "--output_dir", str(tmp_path), *sizes])

        lines = (tmp_path / "thresholds.md").read_text(encoding="utf-8").splitlines()
        assert 2 + 5 <= len(lines) <= 2 + 10
        assert all(line.count("|") == lines[0].count("|") for line in lines)


@pytest.fixture(scope="module")
def classify(make_checkpoint):
    """A pipeline that measures everything."""
    checkpoint = make_checkpoint("hybrid", trained_queries=["normal ecg"], measurements=list(measurement_keys()))
    return pipeline("zero-shot-ecg-classification", model=str(checkpoint))


class TestRealRecords:
    def test_the_reference_measures_what_the_simulator_knows(self):
        record = simulate_record(0, condition="normal ecg")

        reference = measurements_on_real_records.measure_strip(record.strip.astype(float))

        truth = record.measurements
        assert reference.agrees
        assert reference.measurements["rate_per_min"] == pytest.approx(truth["rate_per_min"], abs=1)
        assert reference.measurements["axis_deg"] == pytest.approx(truth["axis_deg"], abs=5)
        for lead in ("I", "V2", "V5"):
            deepest = max(truth[f"q_mv_{lead}"], truth[f"s_mv_{lead}"])
            assert reference.measurements[f"r_mv_{lead}"] == pytest.approx(truth[f"r_mv_{lead}"], abs=0.05)
            assert reference.measurements[f"s_mv_{lead}"] == pytest.approx(deepest, abs=0.05)

    def test_a_strip_without_a_heart_has_no_reference(self):
        assert measurements_on_real_records.measure_strip(np.zeros((12, 5000))) == (False, {})

    def test_the_deeper_of_q_and_s_is_compared(self):
        keys = [f"{wave}_{lead}" for wave in ("q_mv", "s_mv") for lead in measurements_on_real_records.STANDARD_LEADS]
        parts = {"value": np.zeros((1, 24)), "sd": np.arange(24.0)[None]}
        parts["value"][0, [0, 13]] = 0.7, 0.4  # Q of I, S of II

        measurements_on_real_records.take_deeper_wave(keys, parts)

        assert parts["value"][0, 12:14].tolist() == [0.7, 0.4]
        assert parts["sd"][0, 12:14].tolist() == [0, 13]

    def test_the_checkpoint_measures_every_record(self, classify):
        rows = [columns_of(simulate_record(index), ("x",)) for index in range(2)]
        records = Dataset.from_list(rows, features=corpus_features(("x",))).with_format("numpy")

        measured, agrees = measurements_on_real_records.compare(records, classify)

        assert measured.keys == list(measurement_keys())
        assert measured.value.shape == measured.reference.shape == (2, 270)
        assert len(agrees) == 2
        expected = classify.measure(records[0])["qrs_ms"]
        assert measured.value[0, measured.keys.index("qrs_ms")] == pytest.approx(expected["value"])


def test_a_long_recording_is_written_and_scanned(tiny_checkpoint_dir, tmp_path):
    path = long_recordings.write_record(tmp_path, 0.05)

    figures = long_recordings.scan(str(tiny_checkpoint_dir), str(path), batch_size=4)

    account = read_ecg(path).account
    assert (account.leads_used, account.seconds_found) == (long_recordings.LEADS, 180.0)
    assert figures["windows"] == 18
    assert figures["day_s"] == pytest.approx(8640 * figures["seconds"] / 18)
