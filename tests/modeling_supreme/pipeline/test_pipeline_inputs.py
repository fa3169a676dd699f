"""Whatever holds a recording is taken by the pipeline, and what of it was used is said."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import wfdb
from datasets import Array2D, Dataset, Features, List, Value
from helpers.ecg_file_writers import WRITERS
from helpers.scores import LABELS, approx, make_strip, scores_of

from modeling_supreme import STANDARD_LEADS, feature_extraction_supreme


class TestInputs:
    @pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
    @pytest.mark.parametrize("kind", [str, Path])
    def test_a_record_is_given_by_its_path(self, classify, paths, suffix, kind):
        results = classify(kind(f"{paths[0]}{suffix}"), candidate_labels=LABELS)

        assert results == classify(paths[0], candidate_labels=LABELS)

    @pytest.mark.parametrize("name", WRITERS)
    def test_a_file_of_a_clinical_format_scores_as_its_array(self, classify, tmp_path, name):
        microvolts = np.rint(make_strip() * 1000).astype(np.int16)
        WRITERS[name](tmp_path / name, microvolts, STANDARD_LEADS)

        results = classify(tmp_path / name, candidate_labels=LABELS)

        expected = classify(microvolts / 1000, candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)
        assert scores_of(results) == approx(scores_of(expected))

    def test_a_file_that_does_not_say_takes_rate_and_leads_from_the_options(self, classify, tmp_path):
        np.save(tmp_path / "rec.npy", make_strip())
        arguments = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

        results = classify(str(tmp_path / "rec.npy"), **arguments)

        assert scores_of(results) == approx(scores_of(classify(make_strip(), **arguments)))

    def test_an_array_is_given_with_rate_and_leads(self, classify):
        strip = make_strip(num_leads=2)

        results = classify(strip, candidate_labels=LABELS, sampling_rate=500, leads=["I", "II"])

        swapped = classify(strip[::-1], candidate_labels=LABELS, sampling_rate=500, leads=["II", "I"])
        assert scores_of(results) == approx(scores_of(swapped))

    @pytest.mark.parametrize("key", ["array", "strip", "signal"])
    def test_a_dictionary_says_what_it_holds(self, classify, key):
        recording = {key: make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}

        results = classify(recording, candidate_labels=LABELS)

        assert results == classify(make_strip(), candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

    def test_what_a_dictionary_says_goes_before_what_holds_for_all(self, classify):
        recordings = [{"array": make_strip(250), "sampling_rate": 250}, {"array": make_strip()}]

        own, common = classify(recordings, candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

        assert scores_of(own) == pytest.approx(scores_of(common), abs=2e-4)

    def test_a_tensor_is_an_array(self, classify):
        arguments = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

        assert classify(torch.from_numpy(make_strip()), **arguments) == classify(make_strip(), **arguments)

    @pytest.mark.parametrize("data_format", [None, "numpy", "torch"])
    def test_a_row_of_a_corpus_scores_as_its_file(self, classify, corpus, ptb_xl_dir, data_format):
        row = corpus.with_format(data_format)[0]
        path = ptb_xl_dir / f"records500/00000/{int(row['record_id']):05d}_hr"

        results = classify(row, candidate_labels=LABELS)

        assert scores_of(results) == approx(scores_of(classify(path, candidate_labels=LABELS)))

    def test_a_list_gives_a_list_of_results(self, classify, paths):
        results = classify(paths[:3], candidate_labels=LABELS)

        assert results == [classify(path, candidate_labels=LABELS) for path in paths[:3]]

    def test_a_tuple_is_a_list(self, classify, paths):
        assert classify(tuple(paths[:2]), candidate_labels=LABELS) == classify(paths[:2], candidate_labels=LABELS)

    def test_an_empty_list_gives_an_empty_list(self, classify):
        assert classify([], candidate_labels=LABELS) == []

    def test_a_list_may_mix_kinds(self, classify, paths, corpus):
        recordings = [str(paths[0]), {"array": make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}, corpus[0]]

        results = classify(recordings, candidate_labels=LABELS, batch_size=2)

        alone = [scores_of(classify(recording, candidate_labels=LABELS)) for recording in recordings]
        np.testing.assert_allclose([scores_of(result) for result in results], alone, atol=1e-5)

    def test_a_generator_gives_an_iterator_of_the_same_results(self, classify, paths):
        results = classify((path for path in paths[:3]), candidate_labels=LABELS)

        assert isinstance(results, Iterator)
        assert list(results) == classify(paths[:3], candidate_labels=LABELS)

    def test_a_generator_is_read_as_results_are_asked_for(self, classify, paths):
        read = []
        results = classify((read.append(path) or path for path in paths), candidate_labels=LABELS)

        next(results)

        assert len(read) < len(paths)

    @pytest.mark.parametrize("batch_size", [2, 3, 16])
    def test_the_size_of_a_batch_does_not_change_a_score(self, classify, paths, batch_size):
        one_by_one = classify(paths, candidate_labels=LABELS, batch_size=1)

        in_batches = classify(paths, candidate_labels=LABELS, batch_size=batch_size)

        expected = np.array([scores_of(results) for results in one_by_one])
        np.testing.assert_allclose([scores_of(results) for results in in_batches], expected, atol=1e-5)

    def test_strips_of_several_lengths_go_into_one_batch(self, classify):
        strips = [make_strip()[:, :num_samples] for num_samples in (5000, 3210, 1500)]
        arguments = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

        together = classify(strips, batch_size=3, **arguments)

        alone = [scores_of(classify(strip, **arguments)) for strip in strips]
        np.testing.assert_allclose([scores_of(results) for results in together], alone, atol=1e-5)


class Streamed(torch.utils.data.IterableDataset):
    """Recordings that cannot be counted."""

    def __init__(self, recordings):
        self.recordings = recordings

    def __iter__(self):
        return iter(self.recordings)


@pytest.fixture(scope="module")
def expected(classify):
    """Scores of the plain array."""
    return classify(make_strip(), candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)


class TestAnyArray:
    """Whatever holds a strip gives the score that the plain array gives."""

    options = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

    @pytest.mark.parametrize(
        "convert",
        [
            np.ndarray.tolist,
            lambda strip: tuple(map(tuple, strip)),
            list,
            lambda strip: strip.astype(">f8"),
            lambda strip: np.ma.masked_array(strip),
            lambda strip: torch.tensor(strip, requires_grad=True),
            lambda strip: [torch.tensor(row) for row in strip],
            lambda strip: pd.DataFrame(strip.T, columns=STANDARD_LEADS),
            lambda strip: pd.DataFrame(strip.T, columns=STANDARD_LEADS, index=np.arange(5000) / 500),
        ],
        ids=["lists", "tuples", "rows", "big-endian", "masked", "gradient", "tensors", "frame", "timed frame"],
    )
    def test_a_strip_comes_in_any_array(self, classify, expected, convert):
        assert scores_of(classify(convert(make_strip()), **self.options)) == approx(scores_of(expected))

    def test_a_frame_names_its_leads_and_may_hold_more(self, classify, expected, caplog):
        frame = pd.DataFrame(make_strip().T, columns=[f"{lead} (mV)" for lead in STANDARD_LEADS]).assign(pulse=7.0)

        results = classify(frame, candidate_labels=LABELS, sampling_rate=500)

        assert scores_of(results) == approx(scores_of(expected))
        assert "pulse left out (none of the 12 standard leads)" in caplog.text

    def test_microvolts_come_with_their_unit(self, classify, expected):
        microvolts = np.rint(make_strip() * 1000).astype(np.int16)

        assert scores_of(classify(microvolts, unit="uV", **self.options)) == pytest.approx(
            scores_of(expected), abs=1e-3
        )

    def test_a_record_that_wfdb_read_is_a_recording(self, classify, paths):
        record = wfdb.rdrecord(str(paths[0]))

        assert scores_of(classify(record, candidate_labels=LABELS)) == approx(
            scores_of(classify(paths[0], candidate_labels=LABELS))
        )

    @pytest.mark.parametrize("data_format", [None, "numpy", "torch", "pandas", "arrow"])
    def test_a_row_of_anybodys_data_set_is_a_recording(self, classify, expected, data_format):
        features = Features(
            {"signal": Array2D((12, 5000), "float64"), "sampling_rate": Value("int64"), "leads": List(Value("string"))}
        )
        row = {"signal": make_strip(), "sampling_rate": 500, "leads": list(STANDARD_LEADS)}
        dataset = Dataset.from_list([row], features=features)
        if data_format in ("pandas", "arrow"):
            dataset = Dataset.from_list([dataset[0]], features=features)
            data_format = None

        results = classify(dataset.with_format(data_format)[0], candidate_labels=LABELS)

        assert scores_of(results) == approx(scores_of(expected))

    @pytest.mark.parametrize("stream", [False, True], ids=["counted", "streamed"])
    def test_a_data_set_itself_is_a_list_of_recordings(self, classify, corpus, stream):
        dataset = corpus.select(range(1))

        results = classify(dataset.to_iterable_dataset() if stream else dataset, candidate_labels=LABELS)

        (scores,) = list(results)
        assert scores_of(scores) == approx(scores_of(classify(corpus[0], candidate_labels=LABELS)))

    def test_a_data_set_of_torch_is_one_too(self, classify, paths):
        results = classify(Streamed(paths[:2]), candidate_labels=LABELS)

        assert list(results) == classify(paths[:2], candidate_labels=LABELS)

    @pytest.mark.parametrize("contain", [np.array, pd.Series, pd.Index, tuple], ids=lambda kind: kind.__name__)
    def test_paths_come_in_any_container(self, classify, paths, contain):
        names = [str(path) for path in paths[:2]]

        assert classify(contain(names), candidate_labels=LABELS) == classify(names, candidate_labels=LABELS)

    def test_a_stack_of_strips_is_a_list_of_them(self, classify, expected):
        first, second = classify(np.stack([make_strip()] * 2), **self.options)

        assert first == second
        assert scores_of(first) == approx(scores_of(expected))

    @pytest.mark.parametrize(
        "contain", [np.array, pd.Series, pd.Index, tuple, dict.fromkeys], ids=lambda kind: kind.__name__
    )
    def test_labels_come_in_any_container(self, classify, paths, contain):
        assert classify(paths[0], candidate_labels=contain(LABELS)) == classify(paths[0], candidate_labels=LABELS)

    def test_labels_may_stand_second(self, classify, paths):
        assert classify(paths[0], LABELS) == classify(paths[0], candidate_labels=LABELS)

    def test_a_folder_gives_the_results_of_its_files(self, classify, paths):
        results = classify(paths[0].parent, candidate_labels=LABELS)

        of_first = next(answers for answers in results if answers[0]["record"] == f"{paths[0].name}.hea")
        assert scores_of(of_first) == approx(scores_of(classify(paths[0], candidate_labels=LABELS)))


class TestLongFiles:
    """Of a file that lasts longer than the model looks, the beginning is read."""

    def write(self, folder, strip):
        wfdb.wrsamp("day", 500, ["mV"] * 12, list(STANDARD_LEADS), strip.T, write_dir=str(folder), fmt=["16"] * 12)
        return folder / "day"

    def test_no_more_is_read_than_is_used_and_the_account_knows_the_rest(self, classify, tmp_path, monkeypatch):
        asked = []
        read = feature_extraction_supreme.read_ecg
        monkeypatch.setattr(
            feature_extraction_supreme,
            "read_ecg",
            lambda path, **options: asked.append(options) or read(path, **options),
        )
        path = self.write(tmp_path, np.tile(make_strip(), 6))

        (account, *_) = [result["account"] for result in classify(path, LABELS, return_details=True)]

        assert [options["max_seconds"] for options in asked] == [11]
        assert (account["seconds_found"], account["seconds_used"]) == (60, 10)

    def test_it_scores_as_its_beginning(self, classify, tmp_path):
        path = self.write(tmp_path, np.tile(make_strip(), 6))

        beginning = classify(make_strip(), candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

        assert scores_of(classify(path, LABELS)) == pytest.approx(scores_of(beginning), abs=2e-3)

    def test_a_file_that_begins_with_nothing_is_read_on(self, classify, tmp_path):
        strip = np.concatenate([np.full((12, 20 * 500), np.nan), make_strip()], axis=1)

        results = classify(self.write(tmp_path, strip), LABELS)

        expected = classify(make_strip(), candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)
        assert scores_of(results) == pytest.approx(scores_of(expected), abs=2e-3)


class TestRows:
    def test_a_row_of_before_there_was_presence_goes_through_the_same_door(self, classify, corpus):
        row = {**corpus.with_format("numpy")[0]}
        row["signal"] = row["signal"].copy()
        row["signal"][7, 1000:3000] = 0
        row["signal"][9] = -400
        row.pop("not_recorded")

        (account, *_) = [result["account"] for result in classify(row, LABELS, return_details=True)]

        assert account["left_out"] == {"V4": "flat or not recorded"}
        assert account["seconds_missing"]["V2"] == pytest.approx(4, abs=0.05)


class TestAccount:
    """What of a recording was used is returned on request, and logged where it is not all."""

    def test_a_whole_recording_is_accounted_for_and_nothing_is_logged(self, classify, paths, caplog):
        results = classify(paths[0], candidate_labels=LABELS, return_details=True)

        account = results[0]["account"]
        assert (account["leads_used"], account["left_out"]) == (list(STANDARD_LEADS), {})
        assert (account["seconds_found"], account["seconds_used"], account["sampling_rate_found"]) == (10, 10, 500)
        assert account["source"] == f"{paths[0]}.hea"
        assert json.loads(json.dumps(account)) == account
        assert "left out" not in caplog.text

    def test_it_is_not_returned_unasked(self, classify, paths):
        assert all("account" not in result for result in classify(paths[0], candidate_labels=LABELS))

    @pytest.mark.parametrize("batch_size", [1, 3])
    def test_every_recording_has_its_own(self, classify, batch_size):
        strips = [make_strip()[:, : 500 * seconds] for seconds in (8, 9, 10)]
        options = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

        results = classify(strips, return_details=True, batch_size=batch_size, **options)

        assert [answers[0]["account"]["seconds_used"] for answers in results] == [8, 9, 10]
        assert [answers[0]["account"]["source"] for answers in results] == [f"Recording {i}" for i in range(3)]

    def test_a_suspected_exchange_is_logged(self, classify, caplog):
        strip = make_strip()
        strip[2:6] = strip[1] - strip[0], -(strip[0] + strip[1]) / 2, strip[0] - strip[1] / 2, strip[1] - strip[0] / 2
        strip[[4, 5]] = strip[[5, 4]]

        classify(strip, candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

        assert "as if aVL and aVF were exchanged" in caplog.text


class TestRecordsThatCannotBeUsed:
    """One bad recording stops the rest only if it is asked to."""

    options = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

    def test_the_error_names_its_place(self, classify):
        with pytest.raises(ValueError, match=r"Recording 2: every lead is flat"):
            classify([make_strip(), make_strip(), np.zeros((12, 5000))], **self.options)

    @pytest.mark.parametrize("batch_size", [1, 2, 3])
    @pytest.mark.parametrize("wrap", [list, iter, Streamed], ids=["list", "generator", "stream"])
    def test_it_is_skipped_said_and_the_others_keep_their_places(self, classify, caplog, wrap, batch_size):
        recordings = [make_strip(), np.zeros((12, 5000)), make_strip()]

        first, bad, last = classify(wrap(recordings), on_error="skip", batch_size=batch_size, **self.options)

        assert bad is None
        assert scores_of(first) == approx(scores_of(last))
        assert scores_of(first) == approx(scores_of(classify(make_strip(), **self.options)))
        assert "Recording 1 was skipped: Recording 1: every lead is flat" in caplog.text

    def test_a_missing_file_is_skipped_by_name(self, classify, paths, tmp_path, caplog):
        results = classify([tmp_path / "s0001", paths[0]], candidate_labels=LABELS, on_error="skip")

        assert results == [None, classify(paths[0], candidate_labels=LABELS)]
        assert f"{tmp_path}/s0001 was skipped: There is no ECG record" in caplog.text

    def test_a_mistake_of_the_caller_is_no_bad_recording(self, classify, paths):
        with pytest.raises(ValueError, match=r"There are no `candidate_labels`"):
            classify([paths[0]], on_error="skip")
