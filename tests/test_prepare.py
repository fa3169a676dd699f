"""`python -m datasets_scripts.prepare`: Parquet that `datasets` reads without this package, and an honest report."""

import json
import shutil

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import make_microvolts

from datasets_scripts import load_corpus, prepare
from datasets_scripts.prepare import main, prepare_corpus


@pytest.fixture
def broken_dir(ptb_xl_dir, tmp_path):
    """A copy of the small corpus without the signals of record 4 and of the validation split (9 and 19)."""
    folder = shutil.copytree(ptb_xl_dir, tmp_path / "ptb-xl")
    for ecg_id in (4, 9, 19):
        (folder / f"records500/00000/{ecg_id:05d}_hr.dat").unlink()
    return folder


@pytest.fixture(scope="module")
def prepared(ptb_xl_dir, tmp_path_factory):
    """The small corpus, written once by two processes."""
    folder = tmp_path_factory.mktemp("prepared") / "superclass"
    prepare_corpus("ptb_xl", output_dir=folder, config_name="superclass", data_dir=str(ptb_xl_dir), num_proc=2)
    return folder


class TestFolder:
    def test_shards_are_named_as_on_the_hub_and_nothing_else_is_left(self, prepared):
        assert sorted(path.name for path in prepared.iterdir()) == [
            "README.md",
            "build_report.json",
            "test-00000-of-00002.parquet",
            "test-00001-of-00002.parquet",
            "train-00000-of-00002.parquet",
            "train-00001-of-00002.parquet",
            "validation-00000-of-00002.parquet",
            "validation-00001-of-00002.parquet",
        ]

    def test_datasets_reads_the_folder_as_the_builder_made_it(self, prepared, ptb_xl_dir):
        built = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)

        stored = datasets.load_dataset(str(prepared))

        assert stored["train"].features == built["train"].features
        assert {split: rows.to_dict() for split, rows in stored.items()} == {
            split: rows.to_dict() for split, rows in built.items()
        }

    def test_load_corpus_reads_the_folder(self, prepared):
        corpus = load_corpus(str(prepared))

        assert list(corpus) == ["train", "validation", "test"]
        assert corpus["test"].info.config_name == "superclass"
        assert load_corpus(str(prepared), "superclass", split="test")["record_id"][:] == ["10", "20"]

    def test_signals_are_exact(self, prepared):
        rows = load_corpus(str(prepared), split="test").with_format("numpy", columns=["signal"], dtype=np.int16)

        np.testing.assert_array_equal(rows[0]["signal"], make_microvolts(10).T)

    def test_the_features_are_in_the_parquet_files_too(self, prepared):
        metadata = json.loads(pq.read_schema(prepared / "test-00000-of-00002.parquet").metadata[b"huggingface"])

        assert metadata["info"]["features"]["labels"]["feature"]["names"] == ["NORM", "MI", "STTC", "CD", "HYP"]

    def test_a_split_without_records_has_no_file_and_is_empty_again_when_loaded(self, broken_dir, tmp_path):
        prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(broken_dir), on_error="skip")

        assert sorted(datasets.load_dataset(str(tmp_path / "out"))) == ["test", "train"]
        assert [rows.num_rows for rows in load_corpus(str(tmp_path / "out")).values()] == [13, 0, 2]

    def test_the_card_names_the_licence_of_the_source(self, prepared):
        assert "CC BY 4.0 https://physionet.org/content/ptb-xl/" in (prepared / "README.md").read_text()


class TestReport:
    def test_records_patients_and_labels_are_counted(self, prepared):
        report = json.loads((prepared / "build_report.json").read_text())

        assert (report["corpus"], report["config_name"]) == ("ptb_xl", "superclass")
        assert report["splits"]["test"] == {
            "num_records": 2,
            "num_patients": 2,
            "labels": {
                "NORM": {"num_positives": 2, "prevalence": 1.0},
                **{name: {"num_positives": 0, "prevalence": 0.0} for name in ("MI", "STTC", "CD", "HYP")},
            },
            "num_skipped": 0,
        }

    def test_prevalence_is_positives_by_records(self, prepared):
        labels = json.loads((prepared / "build_report.json").read_text())["splits"]["train"]["labels"]

        # 14 records: folds 1 to 8 twice, without the two that have no diagnosis; IMI and ASMI occur twice each.
        assert labels["MI"] == {"num_positives": 4, "prevalence": 0.285714}

    def test_records_left_out_are_listed_with_the_reason(self, broken_dir, tmp_path):
        report = prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(broken_dir), on_error="skip")

        assert [(record["record_id"], record["split"]) for record in report["skipped"]] == [
            ("4", "train"),
            ("9", "validation"),
            ("19", "validation"),
        ]
        assert report["skipped"][0]["reason"].endswith("00004_hr.dat does not exist. Complete the download.")
        assert [split["num_skipped"] for split in report["splits"].values()] == [1, 2, 0]

    def test_an_empty_split_has_no_prevalence(self, broken_dir, tmp_path):
        report = prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(broken_dir), on_error="skip")

        assert report["splits"]["validation"]["labels"]["MI"] == {"num_positives": 0, "prevalence": None}

    def test_the_report_is_the_same_for_any_number_of_processes(self, prepared, ptb_xl_dir, tmp_path):
        alone = prepare_corpus(
            "ptb_xl", output_dir=tmp_path / "out", config_name="superclass", data_dir=str(ptb_xl_dir)
        )

        assert alone == json.loads((prepared / "build_report.json").read_text())


class TestRefusals:
    def test_a_broken_record_stops_the_command_and_leaves_no_data(self, broken_dir, tmp_path):
        with pytest.raises(ValueError, match=r"Record 4 of ptb_xl.*00004_hr\.dat.*--on_error skip"):
            prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(broken_dir))

        assert list((tmp_path / "out").iterdir()) == []

    def test_what_a_killed_run_left_is_cleared_away(self, ptb_xl_dir, tmp_path):
        (tmp_path / "out" / ".incomplete" / "corpus").mkdir(parents=True)
        (tmp_path / "out" / ".incomplete" / "corpus" / "dataset_info.json").write_text("{")

        report = prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(ptb_xl_dir), max_records=1)

        assert report["splits"]["train"]["num_records"] == 1
        assert not (tmp_path / "out" / ".incomplete").exists()

    def test_a_folder_in_use_is_not_touched(self, ptb_xl_dir, tmp_path):
        (tmp_path / "thesis.tex").write_text("years of work")

        with pytest.raises(ValueError, match=r"--output_dir.*is not empty\. Choose another folder"):
            prepare_corpus("ptb_xl", output_dir=tmp_path, data_dir=str(ptb_xl_dir))

        assert (tmp_path / "thesis.tex").read_text() == "years of work"

    def test_an_unknown_corpus_is_answered_with_the_list(self, tmp_path):
        with pytest.raises(ValueError, match=r"no corpus 'ptbxl'\. Choose one of ptb_xl, simulated"):
            prepare_corpus("ptbxl", output_dir=tmp_path / "out")

    def test_an_option_of_another_corpus_is_refused(self, ptb_xl_dir, tmp_path):
        with pytest.raises(ValueError, match=r"ptb_xl has no option --num_records\. Leave it out"):
            prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(ptb_xl_dir), num_records=3)


class TestCommand:
    def test_flags_reach_the_builder(self, ptb_xl_dir, tmp_path, caplog):
        caplog.set_level("INFO")

        main(
            [
                *("ptb_xl", "--config_name", "rhythm", "--data_dir", str(ptb_xl_dir)),
                *("--output_dir", str(tmp_path / "out"), "--max_records", "1", "--sampling_rate", "100"),
            ]
        )

        row = load_corpus(str(tmp_path / "out"), split="train")[0]
        assert row["sampling_rate_original"] == 100
        assert "Wrote 1 train, 1 validation, 1 test records" in caplog.text

    def test_the_simulated_corpus_is_written_in_the_same_way(self, tmp_path):
        main(["simulated", "--num_records", "20", "--seed", "1", "--output_dir", str(tmp_path / "out")])

        stored = load_corpus(str(tmp_path / "out"))

        assert stored["test"].to_dict() == load_corpus("simulated", num_records=20, seed=1)["test"].to_dict()

    def test_help_explains_every_flag(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            main(["--help"])

        text = capsys.readouterr().out
        assert "python -m datasets_scripts.prepare ptb_xl --config_name superclass" in text
        assert "build_report.json" in text

    def test_the_folder_to_write_must_be_named(self, capsys):
        with pytest.raises(SystemExit, match="2"):
            main(["ptb_xl"])

        assert "--output_dir" in capsys.readouterr().err

    def test_only_data_and_card_are_pushed_and_to_a_private_dataset(self, ptb_xl_dir, tmp_path, monkeypatch):
        calls = {}
        monkeypatch.setattr(prepare.HfApi, "create_repo", lambda self, repo_id, **options: calls.update(options))
        monkeypatch.setattr(prepare.HfApi, "upload_folder", lambda self, **options: calls.update(options))

        main(
            [
                *("ptb_xl", "--data_dir", str(ptb_xl_dir), "--max_records", "1"),
                *("--output_dir", str(tmp_path / "out"), "--push_to_hub", "group/ptb-xl"),
            ]
        )

        assert (calls["repo_id"], calls["repo_type"], calls["private"]) == ("group/ptb-xl", "dataset", True)
        assert calls["allow_patterns"] == ["README.md", "*.parquet"]


@pytest.mark.data
def test_real_records_survive_the_way_through_parquet(data_dir, tmp_path):
    folder = data_dir / "ptb-xl"
    prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(folder), max_records=5)
    built = load_corpus("ptb_xl", data_dir=folder, max_records=5)

    stored = load_corpus(str(tmp_path / "out"))

    assert stored["test"].to_dict() == built["test"].to_dict()
