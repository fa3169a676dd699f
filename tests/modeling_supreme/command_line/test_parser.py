"""Dataclasses as flags: a YAML recipe says the usual, a flag says otherwise, and a mistake in either is named."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import yaml

from modeling_supreme.command_line import (
    CommandLineError,
    check_name,
    parse_arguments,
    read_recipe,
    recipe_to_flags,
    run_command,
)


@dataclass
class ModelArguments:
    """What is trained."""

    encoder: Literal["vit", "resnet", "hybrid"] = field(default="vit", metadata={"help": "Encoder, 100 % new."})
    do_bandpass: bool = field(default=False, metadata={"help": "Filter strips."})
    freeze_text: bool = field(default=True, metadata={"help": "Keep the text encoder."})


@dataclass
class RunArguments:
    """How it is trained."""

    output_dir: Path = field(metadata={"help": "Folder to write."})
    data_dir: str | None = field(default=None, metadata={"help": "Folder to read."})
    seed: int = field(default=0, metadata={"help": "Seed of everything random."})
    learning_rate: float = field(default=1e-3, metadata={"help": "Highest learning rate."})
    held_out_findings: list[str] = field(default_factory=list, metadata={"help": "Findings hidden from training."})

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"`--seed` is {self.seed}. Choose 0 or more.")


@dataclass
class FolderArguments:
    """What to compare."""

    folders: list[str] = field(metadata={"help": "Folders to compare."})
    output: str = field(default="out.json", metadata={"help": "File to write."})
    is_strict: bool = field(default=False, metadata={"help": "Exit with 1."})


CLASSES = (ModelArguments, RunArguments)
REQUIRED = ["--output_dir", "runs/mini"]


def write_recipe(folder, content):
    path = folder / "recipe.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return str(path)


def read_folders(*words):
    return parse_arguments([FolderArguments], words, positional="folders")[0]


class TestRecipesAndFlags:
    def test_the_recipe_sets_the_fields_of_every_class(self, tmp_path):
        recipe = write_recipe(tmp_path, {"encoder": "hybrid", "output_dir": "runs/mini", "seed": 3})

        model, run = parse_arguments(CLASSES, [recipe])

        assert (model.encoder, run.output_dir, run.seed, run.learning_rate) == ("hybrid", Path("runs/mini"), 3, 1e-3)

    def test_a_flag_wins_over_the_recipe(self, tmp_path):
        recipe = write_recipe(tmp_path, {"seed": 3, "learning_rate": 0.01})

        _, run = parse_arguments(CLASSES, [recipe, *REQUIRED, "--seed", "4"])

        assert (run.seed, run.learning_rate) == (4, 0.01)

    def test_flags_need_no_recipe(self):
        _, run = parse_arguments(CLASSES, [*REQUIRED, "--data_dir", "d"])

        assert run.data_dir == "d"

    def test_a_list_of_flags_takes_the_place_of_the_recipes_list(self, tmp_path):
        recipe = write_recipe(tmp_path, {"held_out_findings": ["atrial flutter", "sinus tachycardia"]})

        _, run = parse_arguments(CLASSES, [recipe, *REQUIRED, "--held_out_findings", "normal ecg", "pause"])

        assert run.held_out_findings == ["normal ecg", "pause"]

    @pytest.mark.parametrize(
        ("spelling", "value"), [("0.002", 0.002), ("2e-3", 0.002), ("1", 1.0)], ids=["point", "exponent", "integer"]
    )
    def test_numbers_may_be_spelt_as_people_do(self, tmp_path, spelling, value):
        # YAML reads 2e-3, without a point, as a string
        recipe = write_recipe(tmp_path, f"learning_rate: {spelling}\n")

        _, run = parse_arguments(CLASSES, [recipe, *REQUIRED])

        assert run.learning_rate == value

    def test_a_number_may_be_negative(self):
        _, run = parse_arguments(CLASSES, [*REQUIRED, "--learning_rate", "-0.5"])

        assert run.learning_rate == -0.5

    @pytest.mark.parametrize("value", [True, False])
    def test_a_switch_of_the_recipe_may_be_on_or_off(self, tmp_path, value):
        recipe = write_recipe(tmp_path, {"do_bandpass": value})

        model, _ = parse_arguments(CLASSES, [recipe, *REQUIRED])

        assert model.do_bandpass is value

    @pytest.mark.parametrize(
        ("words", "is_on"),
        [
            (["--do_bandpass"], True),
            (["--do-bandpass"], True),
            (["--do_bandpass", "True"], True),
            (["--do_bandpass", "false"], False),
            (["--do_bandpass=false"], False),
            (["--no_do_bandpass"], False),
            (["--no-do_bandpass"], False),
            (["--no-do-bandpass"], False),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_a_switch_may_be_spelt_in_several_ways(self, words, is_on):
        model, _ = parse_arguments(CLASSES, [*words, *REQUIRED])

        assert model.do_bandpass is is_on

    def test_a_switch_that_is_on_can_be_turned_off(self):
        model, _ = parse_arguments(CLASSES, [*REQUIRED, "--no_freeze_text"])

        assert model.freeze_text is False

    @pytest.mark.parametrize("value", [None, []], ids=["null", "empty list"])
    def test_an_empty_value_is_the_default(self, tmp_path, value):
        recipe = write_recipe(tmp_path, {"held_out_findings": value})

        _, run = parse_arguments(CLASSES, [recipe, *REQUIRED])

        assert run.held_out_findings == []

    def test_all_arguments_of_a_run_are_a_recipe_of_the_same_run(self, tmp_path):
        arguments = parse_arguments(CLASSES, [*REQUIRED, "--held_out_findings", "atrial flutter", "--do_bandpass"])
        settings = {key: value for part in arguments for key, value in dataclasses.asdict(part).items()}

        again = parse_arguments(CLASSES, [write_recipe(tmp_path, settings | {"output_dir": "runs/mini"})])

        assert again == arguments

    def test_the_command_line_of_the_process_is_read_by_default(self, monkeypatch):
        monkeypatch.setattr("sys.argv", ["train.py", *REQUIRED, "--seed", "5"])

        _, run = parse_arguments(CLASSES)

        assert run.seed == 5

    def test_a_file_of_flags_beside_the_script_is_not_read(self, tmp_path, monkeypatch):
        (tmp_path / "train.args").write_text("--seed 7", encoding="utf-8")
        monkeypatch.setattr("sys.argv", [str(tmp_path / "train.py"), *REQUIRED])

        _, run = parse_arguments(CLASSES)

        assert run.seed == 0

    def test_values_are_words_of_a_command_line(self):
        assert recipe_to_flags({"seed": 1, "do_bandpass": False, "data_dir": None, "held_out_findings": []}) == [
            "--seed",
            "1",
            "--do_bandpass",
            "False",
        ]

    def test_reading_changes_no_field_of_the_classes(self):
        before = [declared.type for declared in dataclasses.fields(RunArguments)]

        parse_arguments(CLASSES, REQUIRED)

        assert [declared.type for declared in dataclasses.fields(RunArguments)] == before


class TestWordsOutsideOfFlags:
    @pytest.mark.parametrize(
        "words",
        [
            ["a", "b", "--output", "o"],
            ["--output", "o", "a", "b"],
            ["a", "--output=o", "b"],
            ["--output", "o", "--folders", "a", "b"],
        ],
        ids=" ".join,
    )
    def test_they_may_stand_anywhere(self, words):
        assert read_folders(*words) == FolderArguments(["a", "b"], output="o")

    def test_they_may_follow_a_switch(self):
        assert read_folders("--is_strict", "a", "b") == FolderArguments(["a", "b"], is_strict=True)

    def test_a_recipe_is_told_by_its_suffix(self, tmp_path):
        recipe = write_recipe(tmp_path, {"output": "o"})

        assert read_folders(recipe, "a", "b") == FolderArguments(["a", "b"], output="o")

    def test_a_word_too_many_is_named(self):
        with pytest.raises(CommandLineError, match="`more` belongs to no flag"):
            parse_arguments(CLASSES, [*REQUIRED, "more"])


class TestMistakesInRecipes:
    def test_a_missing_recipe_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"There is no recipe .*none\.yaml.*in configs/"):
            parse_arguments(CLASSES, [str(tmp_path / "none.yaml"), *REQUIRED])

    def test_unknown_keys_are_named_with_the_recipe_and_with_the_keys_that_may_be_meant(self, tmp_path):
        recipe = write_recipe(tmp_path, {"seed": 1, "learning_rat": 0.1, "batch_size": 2})

        with pytest.raises(
            ValueError,
            match=r"recipe\.yaml sets batch_size, learning_rat, which no flag.*Did you mean `learning_rate`\?.*--help",
        ):
            parse_arguments(CLASSES, [recipe, *REQUIRED])

    @pytest.mark.parametrize(
        ("content", "kind"),
        [("- seed\n- 1\n", "list"), ("just words\n", "str"), ("", "NoneType")],
        ids=["list", "words", "empty"],
    )
    def test_a_recipe_that_is_no_table_is_refused(self, tmp_path, content, kind):
        recipe = write_recipe(tmp_path, content)

        with pytest.raises(ValueError, match=rf"recipe\.yaml holds a {kind}, not a table\. Write one `flag: value`"):
            parse_arguments(CLASSES, [recipe, *REQUIRED])

    def test_a_recipe_is_read_as_it_is_written(self, tmp_path):
        path = tmp_path / "recipe.yaml"
        path.write_text("seed: 1  # why\ndata_dir:\n", encoding="utf-8")

        assert read_recipe(path, known={"seed", "data_dir"}) == {"seed": 1, "data_dir": None}


class TestMistakesInFlags:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--outptu_dir", "o"], r"There is no flag `--outptu_dir`\. Did you mean `--output_dir`\?"),
            (["--outptu-dir", "o"], r"There is no flag `--outptu-dir`\. Did you mean `--output_dir`\?"),
            ([*REQUIRED, "--learning_rat=1"], r"no flag `--learning_rat`\. Did you mean `--learning_rate`\?"),
            ([*REQUIRED, "--xyz"], r"There is no flag `--xyz`\. See --help"),
            (["--seed", "1"], r"`--output_dir` is missing\. See --help"),
            ([*REQUIRED, "--seed", "first"], r"`--seed` is first\. Give a whole number"),
            ([*REQUIRED, "--learning_rate", "high"], r"`--learning_rate` is high\. Give a number"),
            ([*REQUIRED, "--do_bandpass=perhaps"], r"`--do_bandpass` is perhaps\. Give true or false"),
            ([*REQUIRED, "--encoder", "resnte"], r"is resnte\. Did you mean `resnet`\? Choose one of vit, resnet"),
            ([*REQUIRED, "--encoder", "oracle"], r"`--encoder` is oracle\. Choose one of vit, resnet, hybrid\."),
            ([*REQUIRED, "--data_dir"], r"--data_dir.*expected one argument\. See --help"),
            ([*REQUIRED, "--seed", "-1"], r"`--seed` is -1\. Choose 0 or more"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_the_flag_and_its_remedy_are_named(self, words, message):
        with pytest.raises(CommandLineError, match=message):
            parse_arguments(CLASSES, words)

    def test_a_flag_that_is_not_spelt_out_is_refused(self):
        with pytest.raises(ValueError, match=r"--learning_rat\b"):
            parse_arguments(CLASSES, [*REQUIRED, "--learning_rat", "0.1"])

    def test_a_word_where_a_number_belongs_ends_the_command(self, capsys):
        with pytest.raises(SystemExit, match="2"):
            run_command(lambda argv: parse_arguments(CLASSES, argv), [*REQUIRED, "--seed", "first"])

        assert capsys.readouterr().err == "error: `--seed` is first. Give a whole number.\n"

    def test_a_name_that_does_not_exist_gets_the_nearest_one(self):
        with pytest.raises(CommandLineError, match=r"no corpus 'ptbxl'\. Did you mean `ptb_xl`\? Choose one of sph, "):
            check_name("ptbxl", ["sph", "ptb_xl"], kind="corpus")


class TestRefusals:
    def test_what_a_command_refuses_is_told_in_one_sentence(self, capsys):
        def refuse(argv):
            raise FileNotFoundError("There is no such table. Correct `--data_dir`.")

        with pytest.raises(SystemExit, match="2"):
            run_command(refuse, [], refusals=(OSError,))

        assert capsys.readouterr().err == "error: There is no such table. Correct `--data_dir`.\n"

    def test_other_errors_keep_their_traceback(self):
        def fail(argv):
            raise ValueError("a bug")

        with pytest.raises(ValueError, match="a bug"):
            run_command(fail, [])


class TestHelp:
    @pytest.fixture
    def text(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            parse_arguments(CLASSES, ["--help"], description="Train.\n\n    train.py recipe.yaml", command="show")
        return capsys.readouterr().out

    def test_the_description_keeps_its_lines(self, text):
        assert "Train.\n\n    train.py recipe.yaml\n" in text

    def test_the_classes_are_groups_of_flags(self, text):
        assert text.index("What is trained:") < text.index("--encoder {vit,resnet,hybrid}")
        assert text.index("How it is trained:") < text.index("--seed SEED")

    def test_explanations_and_defaults_are_told(self, text):
        words = " ".join(text.split())

        assert "--encoder {vit,resnet,hybrid} Encoder, 100 % new. Default: vit." in words
        assert "--seed SEED Seed of everything random. Default: 0." in words
        assert "Keep the text encoder. On by default; --no_freeze_text turns it off." in words
        assert "Folder to read. --seed" in words

    def test_a_flag_is_spelt_in_one_way(self, text):
        assert "--output_dir OUTPUT_DIR" in text
        assert "--output-dir" not in text
        assert "[--no" not in text

    def test_usage_says_what_may_come_first(self, text):
        assert text.splitlines()[0].endswith("show [RECIPE.yaml] [--flag value ...]")
