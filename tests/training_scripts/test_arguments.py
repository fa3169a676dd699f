"""`parse_arguments`: a YAML recipe says the usual, a flag says otherwise, and mistakes in either are named."""

import dataclasses
from functools import partial
from typing import get_args, get_type_hints

import pytest
import yaml

from modeling_supreme import ECG_PRESETS
from modeling_supreme.command_line import parse_arguments, read_recipe, recipe_to_flags
from training_scripts.arguments import DataArguments, ModelArguments, ObjectiveArguments, TrainArguments


CLASSES = (ModelArguments, DataArguments, ObjectiveArguments, TrainArguments)
REQUIRED = ["--dataset_name", "ptb_xl", "--output_dir", "runs/mini"]
MIXED = ["--dataset_name", "simulated", "ptb_xl", "--output_dir", "runs/mixed"]


def write_recipe(folder, content):
    path = folder / "recipe.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return str(path)


class TestRecipesAndFlags:
    def test_the_recipe_sets_the_fields_of_every_class(self, tmp_path):
        recipe = write_recipe(
            tmp_path, {"ecg_encoder": "hybrid", "dataset_name": "ptb_xl", "output_dir": "runs/mini", "seed": 3}
        )

        model, data, objective, train = parse_arguments(CLASSES, [recipe])

        assert objective.loss_type == "bce"
        assert (model.ecg_encoder, data.dataset_name, train.output_dir, train.seed) == (
            "hybrid",
            ["ptb_xl"],
            "runs/mini",
            3,
        )

    def test_a_flag_wins_over_the_recipe(self, tmp_path):
        recipe = write_recipe(tmp_path, {"seed": 3, "learning_rate": 0.01})

        *_, train = parse_arguments(CLASSES, [recipe, *REQUIRED, "--seed", "4"])

        assert (train.seed, train.learning_rate) == (4, 0.01)

    def test_flags_need_no_recipe(self):
        _, data, *_ = parse_arguments(CLASSES, REQUIRED)

        assert data.dataset_name == ["ptb_xl"]

    def test_a_list_of_flags_takes_the_place_of_the_recipes_list(self, tmp_path):
        recipe = write_recipe(tmp_path, {"held_out_findings": ["atrial flutter", "sinus tachycardia"]})

        _, data, *_ = parse_arguments(CLASSES, [recipe, *REQUIRED, "--held_out_findings", "normal ecg", "pause"])

        assert data.held_out_findings == ["normal ecg", "pause"]

    @pytest.mark.parametrize(
        ("spelling", "value"), [("0.002", 0.002), ("2e-3", 0.002), ("1", 1.0)], ids=["point", "exponent", "integer"]
    )
    def test_numbers_may_be_spelt_as_people_do(self, tmp_path, spelling, value):
        # YAML reads 2e-3, without a point, as a string
        recipe = write_recipe(tmp_path, f"learning_rate: {spelling}\n")

        *_, train = parse_arguments(CLASSES, [recipe, *REQUIRED])

        assert train.learning_rate == value

    @pytest.mark.parametrize("value", [True, False])
    def test_a_switch_of_the_recipe_may_be_on_or_off(self, tmp_path, value):
        recipe = write_recipe(tmp_path, {"do_bandpass": value})

        model, *_ = parse_arguments(CLASSES, [recipe, *REQUIRED])

        assert model.do_bandpass is value

    def test_a_bare_switch_is_on(self):
        model, *_ = parse_arguments(CLASSES, [*REQUIRED, "--do_bandpass"])

        assert model.do_bandpass is True

    @pytest.mark.parametrize("value", [None, []], ids=["null", "empty list"])
    def test_an_empty_value_is_the_default(self, tmp_path, value):
        recipe = write_recipe(tmp_path, {"held_out_findings": value})

        _, data, *_ = parse_arguments(CLASSES, [recipe, *REQUIRED])

        assert data.held_out_findings == []

    def test_all_arguments_of_a_run_are_a_recipe_of_the_same_run(self, tmp_path):
        arguments = parse_arguments(CLASSES, [*REQUIRED, "--held_out_findings", "atrial flutter", "--do_bandpass"])
        settings = {key: value for part in arguments for key, value in dataclasses.asdict(part).items()}

        again = parse_arguments(CLASSES, [write_recipe(tmp_path, settings)])

        assert again == arguments

    def test_the_command_line_of_the_process_is_read_by_default(self, monkeypatch):
        monkeypatch.setattr("sys.argv", ["train.py", *REQUIRED, "--seed", "5"])

        *_, train = parse_arguments(CLASSES)

        assert train.seed == 5

    def test_values_are_words_of_a_command_line(self):
        assert recipe_to_flags({"seed": 1, "do_bandpass": False, "data_dir": None, "held_out_findings": []}) == [
            "--seed",
            "1",
            "--do_bandpass",
            "False",
        ]


class TestMistakesInRecipes:
    def test_a_missing_recipe_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"There is no recipe .*none\.yaml.*in configs/"):
            parse_arguments(CLASSES, [str(tmp_path / "none.yaml"), *REQUIRED])

    def test_unknown_keys_are_named_with_the_recipe(self, tmp_path):
        recipe = write_recipe(tmp_path, {"seed": 1, "learning_rat": 0.1, "batch_size": 2})

        with pytest.raises(ValueError, match=r"recipe\.yaml sets batch_size, learning_rat, which no flag.*--help"):
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
        ("flags", "message"),
        [
            (["--output_dir", "o"], r"`--dataset_name` is missing\. Name a corpus: ptb_xl, simulated"),
            (["--dataset_name", "ptb_xl"], r"`--output_dir` is missing\. Name a folder"),
            ([*REQUIRED, "--uncertain_label", "1.5"], r"`--uncertain_label` is 1\.5\..*choose 0 to 1"),
            ([*REQUIRED, "--uncertain_label", "nan"], r"`--uncertain_label` is nan\..*choose 0 to 1"),
            ([*REQUIRED, "--num_train_epochs", "0"], r"`--num_train_epochs` is 0\. It must be at least 1"),
            ([*REQUIRED, "--per_device_train_batch_size", "-4"], r"`--per_device_train_batch_size` is -4\."),
            ([*REQUIRED, "--gradient_accumulation_steps", "0"], r"`--gradient_accumulation_steps` is 0\."),
            ([*REQUIRED, "--checkpoints_total_limit", "0"], r"`--checkpoints_total_limit` is 0\."),
            ([*REQUIRED, "--logging_steps", "0"], r"`--logging_steps` is 0\."),
            ([*REQUIRED, "--push_to_hub"], r"`--push_to_hub` needs `--hub_model_id owner/name`"),
            ([*REQUIRED, "--gain", "0.6"], r"`--gain` is 0\.6\. Choose a number from 0 to 0\.5"),
            ([*REQUIRED, "--noise_mv", "nan"], r"`--noise_mv` is nan\. Choose a number from 0 to 1"),
            ([*REQUIRED, "--ema_decay", "1"], r"`--ema_decay` is 1\.0\. Choose a share between 0 and 1"),
            ([*REQUIRED, "--early_stopping_patience", "3"], r"`--early_stopping_patience` .*`--eval_steps`"),
            ([*REQUIRED, "--on_the_fly"], r"`--on_the_fly` simulates records, but `--dataset_name` is ptb_xl"),
            ([*REQUIRED, "--num_records", "9"], r"`--num_records` is for the corpus simulated.*`--max_train_samples`"),
            ([*MIXED, "--data_dir", "a", "b", "c"], r"`--data_dir` has 3 values for 2 corpora\. Give one each"),
            ([*MIXED, "--dataset_config_name", "all"], r"`--dataset_config_name` has 1 values for 2 corpora"),
            ([*MIXED, "--dataset_weights", "1", "0"], r"`--dataset_weights` are 1, 0\. Each must be above 0"),
            ([*MIXED, "--streaming"], r"`--streaming` reads one corpus, not the 2 of `--dataset_name`"),
            (
                [*MIXED, "--on_the_fly", "--report_labels", "a.parquet", "none"],
                r"`--report_labels` has no labels of records that `--on_the_fly` makes\. Write none",
            ),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_the_flag_and_its_remedy_are_named(self, flags, message):
        with pytest.raises(ValueError, match=message):
            parse_arguments(CLASSES, flags)

    @pytest.mark.parametrize(
        ("arguments", "choices"),
        [
            (partial(ModelArguments, ecg_encoder="vit_huge"), r"`--ecg_encoder` is vit_huge\. Choose one of vit_tiny"),
            (partial(ModelArguments, text_pooling="max"), r"`--text_pooling` is max\. Choose one of cls, mean"),
            (partial(DataArguments, ["ptb_xl"], on_error="ignore"), r"`--on_error` is ignore\. .*raise, skip"),
            (partial(ObjectiveArguments, loss_type="hinge"), r"`--loss_type` is hinge\. .* bce, focal, asymmetric"),
            (partial(TrainArguments, "o", report_to="email"), r"`--report_to` is email\. .* tensorboard, wandb"),
            (partial(TrainArguments, "o", lr_scheduler_type="cosin"), r"`--lr_scheduler_type` is cosin\. .*, cosine,"),
        ],
        ids=["ecg_encoder", "text_pooling", "on_error", "loss_type", "report_to", "lr_scheduler_type"],
    )
    def test_a_word_that_is_no_choice_is_refused(self, arguments, choices):
        with pytest.raises(ValueError, match=choices):
            arguments()

    def test_every_preset_of_the_encoder_is_a_choice(self):
        assert get_args(get_type_hints(ModelArguments)["ecg_encoder"]) == tuple(ECG_PRESETS)

    def test_a_flag_that_is_not_spelt_out_is_refused(self):
        with pytest.raises(ValueError, match=r"--learning_rat\b"):
            parse_arguments(CLASSES, [*REQUIRED, "--learning_rat", "0.1"])

    def test_a_word_where_a_number_belongs_is_refused(self, capsys):
        with pytest.raises(SystemExit, match="2"):
            parse_arguments(CLASSES, [*REQUIRED, "--seed", "first"])

        assert "--seed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "field",
    [field for part in CLASSES for field in dataclasses.fields(part)],
    ids=lambda field: field.name,
)
def test_every_flag_is_explained_in_one_sentence(field):
    text = field.metadata["help"]

    assert text[0].isupper() or text.startswith(("labels.parquet", "no, fp16"))
    assert text.endswith(".")
    assert "\n" not in text
