"""`python -m datasets_scripts.prepare`: its flags, those of a corpus among them, and what it does with them."""

from dataclasses import dataclass, field
from typing import Literal

import pytest
from datasets import BuilderConfig
from helpers.made_hub import MadeHub

from datasets_scripts import BUILDERS, load_corpus
from datasets_scripts.prepare.__main__ import main, options_class, read_command_line
from modeling_supreme.command_line import CommandLineError, parse_arguments, run_command
from modeling_supreme.command_line import hub as hub_module


@dataclass
class GeneralConfig(BuilderConfig):
    """Options of some corpora."""

    on_error: str = field(default="raise", metadata={"help": "What to do with a broken record, 100 % of the time."})
    max_records: int | None = field(default=None, metadata={"help": "Records to read."})


@dataclass
class SpecialConfig(GeneralConfig):
    """Options of one corpus."""

    window: Literal["first", "all"] = field(default="first", metadata={"help": "Which 10 s to read."})
    scale: float = field(default=1.0, metadata={"help": "Factor."})
    do_filter: bool = field(default=False, metadata={"help": "Filter."})
    leads: list[str] | None = field(default=None, metadata={"help": "Names."})


def parse(*words):
    (options,) = parse_arguments([options_class(SpecialConfig, title="options of special")], words)
    return vars(options)


class TestOptionsOfACorpus:
    @pytest.mark.parametrize(
        ("arguments", "option", "value"),
        [
            (["--on_error", "skip"], "on_error", "skip"),
            (["--max_records", "5"], "max_records", 5),
            (["--window", "all"], "window", "all"),
            (["--scale", "0.5"], "scale", 0.5),
            (["--do_filter"], "do_filter", True),
            (["--no-do_filter"], "do_filter", False),
            (["--leads", "I", "II"], "leads", ["I", "II"]),
        ],
    )
    def test_a_flag_has_the_type_of_its_field(self, arguments, option, value):
        assert parse(*arguments)[option] == value

    def test_a_flag_that_is_not_given_is_none(self):
        assert set(parse().values()) == {None}

    @pytest.mark.parametrize("arguments", [["--window", "last"], ["--max_records", "many"]])
    def test_a_value_of_another_type_is_refused(self, arguments):
        with pytest.raises(CommandLineError, match=f"`{arguments[0]}` is {arguments[1]}"):
            parse(*arguments)

    def test_fields_of_every_builder_are_left_out(self):
        assert list(parse()) == ["on_error", "max_records", "window", "scale", "do_filter", "leads"]

    def test_explanations_are_inherited_and_defaults_are_told(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            parse("--help")

        text = " ".join(capsys.readouterr().out.split())
        assert "--on_error ON_ERROR What to do with a broken record, 100 % of the time. Default: raise." in text
        assert (
            "--max_records MAX_RECORDS Records to read. --window {first,all} Which 10 s to read. Default: first."
            in text
        )

    @pytest.mark.parametrize("corpus", list(BUILDERS))
    def test_every_option_of_every_corpus_is_explained(self, corpus, capsys):
        with pytest.raises(SystemExit, match="0"):
            main([corpus, "--help"])

        text = capsys.readouterr().out
        (options,) = parse_arguments([options_class(BUILDERS[corpus].BUILDER_CONFIG_CLASS, title="options")], [])
        assert all(f"--{name} " in text for name in vars(options))

    def test_leads_of_a_folder_are_one_word_with_commas(self):
        *_, options = read_command_line(["ecg_folder", "--output_dir", "o", "--leads", "I,II,V1"])

        assert options == {"leads": "I,II,V1"}


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
        assert "holds 1 train, 1 validation, 1 test rows" in caplog.text

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

    def test_help_for_a_corpus_explains_its_own_options_in_the_words_of_the_builder(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            main(["ptb_xl", "--help"])

        text = " ".join(capsys.readouterr().out.split())
        assert "options of ptb_xl:" in text
        assert "--window {first,center,all} Which 10 s of a longer recording become rows" in text
        assert "--sampling_rate SAMPLING_RATE Which of the two releases of each recording to read" in text
        assert "Default: 500." in text

    def test_an_option_of_another_corpus_is_no_flag(self, capsys):
        with pytest.raises(SystemExit, match="2"):
            run_command(main, ["ptb_xl", "--output_dir", "out", "--num_records", "3"])

        assert "There is no flag `--num_records`" in capsys.readouterr().err

    def test_the_folder_to_write_must_be_named(self, capsys):
        with pytest.raises(SystemExit, match="2"):
            run_command(main, ["ptb_xl"])

        assert "`--output_dir` is missing" in capsys.readouterr().err

    def test_a_mistyped_corpus_gets_the_nearest_one(self):
        with pytest.raises(ValueError, match=r"There is no corpus 'ptbxl'\. Did you mean `ptb_xl`\?"):
            main(["ptbxl", "--output_dir", "out"])

    @pytest.mark.parametrize("words", [[], ["--output_dir", "out"]], ids=["nothing", "flags alone"])
    def test_a_corpus_must_be_named(self, words):
        with pytest.raises(ValueError, match=r"No corpus is named\. Begin with one of ptb_xl, simulated"):
            main(words)

    def test_the_first_word_is_the_corpus_whatever_a_flag_names(self):
        corpus, _, options = read_command_line(["report_labels", "--corpus_name", "sph", "--output_dir", "o"])

        assert (corpus, options) == ("report_labels", {"corpus_name": "sph"})

    def test_a_recipe_may_follow_the_corpus(self, tmp_path):
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(f"num_records: 8\nreport_noise: 0\noutput_dir: {tmp_path / 'out'}\n", encoding="utf-8")

        corpus, arguments, options = read_command_line(["simulated", str(recipe), "--num_records", "9"])

        assert (corpus, arguments.output_dir) == ("simulated", str(tmp_path / "out"))
        assert options == {"num_records": 9, "report_noise": 0.0}

    def test_the_corpus_may_stand_behind_flags(self):
        corpus, arguments, options = read_command_line(["--output_dir", "o", "simulated", "--num_records", "9"])

        assert (corpus, arguments.output_dir, options) == ("simulated", "o", {"num_records": 9})


class TestUpload:
    @pytest.fixture
    def hub(self, monkeypatch):
        """A Hub on which ann is logged in."""
        hub = MadeHub()
        monkeypatch.setattr(hub_module, "HfApi", hub)
        return hub

    @pytest.fixture
    def command(self, ptb_xl_dir, tmp_path):
        """Three records to prepare."""
        return ["ptb_xl", "--data_dir", str(ptb_xl_dir), "--output_dir", str(tmp_path / "out"), "--max_records", "1"]

    def test_only_data_and_card_are_pushed_and_to_a_private_dataset(self, hub, command, tmp_path):
        main(command)
        for name in ("predictions.parquet", "notes.md", "best/train-00000-of-00001.parquet"):
            (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
            (tmp_path / "out" / name).write_bytes(b"record 1")

        main([*command, "--push_to_hub", "ann/ptb-xl"])

        assert hub.is_private == {"ann/ptb-xl": True}
        rows = {f"{split}-00000-of-00001.parquet" for split in ("train", "validation", "test")}
        assert hub.files.keys() == {"README.md", "croissant.json", *rows}

    def test_a_failed_upload_is_repeated_without_reading_the_records_again(self, hub, command, tmp_path):
        main(command)
        before = (tmp_path / "out" / "build_report.json").stat().st_mtime_ns

        main([*command, "--push_to_hub", "ann/ptb-xl"])

        assert "README.md" in hub.files
        assert (tmp_path / "out" / "build_report.json").stat().st_mtime_ns == before

    def test_without_a_login_no_record_is_read(self, hub, command, tmp_path):
        hub.login = None

        with pytest.raises(CommandLineError, match=r"`--push_to_hub` ann/ptb-xl cannot be written .*`hf auth login`"):
            main([*command, "--push_to_hub", "ann/ptb-xl"])

        assert not (tmp_path / "out").exists()

    def test_a_dry_run_says_what_would_go_where_and_does_nothing(self, hub, command, tmp_path, caplog):
        caplog.set_level("INFO")

        main([*command, "--push_to_hub", "ann/ptb-xl", "--dry_run"])

        assert "Would go to the dataset ann/ptb-xl (private): README.md, croissant.json and the rows" in caplog.text
        assert not (tmp_path / "out").exists()
        assert hub.is_private == {}

    def test_patients_are_not_published_without_the_licence_of_their_source(self, hub, command):
        with pytest.raises(CommandLineError, match=r"`--hub_public` would publish .* ptb_xl\. .*`--hub_license`"):
            main([*command, "--push_to_hub", "ann/ptb-xl", "--hub_public"])

        assert hub.is_private == {}

    def test_a_named_licence_is_in_the_card_of_a_public_dataset(self, hub, command):
        main([*command, "--push_to_hub", "ann/ptb-xl", "--hub_public", "--hub_license", "cc-by-4.0"])

        assert hub.is_private == {"ann/ptb-xl": False}
        assert "\nlicense: cc-by-4.0\n" in hub.files["README.md"].decode()

    def test_a_simulated_corpus_is_published_at_once(self, hub, tmp_path):
        folder = ["--num_records", "20", "--output_dir", str(tmp_path / "out")]

        main(["simulated", *folder, "--push_to_hub", "ann/made", "--hub_public"])

        assert hub.is_private == {"ann/made": False}

    @pytest.mark.parametrize("flags", [["--hub_public"], ["--hub_license", "odbl"], ["--dry_run"]])
    def test_what_is_said_of_an_upload_needs_one(self, command, flags):
        with pytest.raises(CommandLineError, match=rf"`{flags[0]}` is for an upload\. .*`--push_to_hub`"):
            main([*command, *flags])
