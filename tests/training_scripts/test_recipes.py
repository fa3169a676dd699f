"""Every recipe in configs/ is read by the script it is for, and names what exists."""

import pytest
import yaml
from helpers.repository import ROOT

from datasets_scripts import BUILDERS
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme import ECG_PRESETS
from modeling_supreme.command_line import parse_arguments
from modeling_supreme.queries import BUNDLED_TEXT_ENCODERS
from training_scripts.arguments import DataArguments, ModelArguments, ObjectiveArguments, TrainArguments
from training_scripts.data.choose import choose_corpora
from training_scripts.text_tower.arguments import TowerArguments


CONFIGS = ROOT / "configs"
TOWER_RECIPE = CONFIGS / "text_tower.yaml"
RECIPES = sorted({*CONFIGS.glob("*.yaml"), *(CONFIGS / "default_rounds").glob("*.yaml")} - {TOWER_RECIPE})


def read(path):
    """The arguments of a recipe; demo.py and the reader of the README fill in what machines differ in."""
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    missing = {"dataset_name": "simulated", "output_dir": "runs/test"}
    flags = [word for name, value in missing.items() if name not in settings for word in (f"--{name}", value)]
    return parse_arguments((ModelArguments, DataArguments, ObjectiveArguments, TrainArguments), [str(path), *flags])


def test_there_are_recipes():
    assert "ptb_xl_mini.yaml" in {path.name for path in RECIPES}


def test_recipes_are_yaml_files_alone():
    assert {path.suffix for path in CONFIGS.rglob("*") if path.is_file()} == {".yaml"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
class TestRecipe:
    def test_every_value_arrives_as_it_is_written(self, path):
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))

        arguments = {key: value for part in read(path) for key, value in vars(part).items()}

        # a single word in a recipe is a list of one
        as_written = {
            key: value[0] if isinstance(value, list) and not isinstance(settings[key], list) else value
            for key, value in arguments.items()
            if key in settings
        }
        assert as_written == settings

    def test_the_encoder_exists(self, path):
        assert read(path)[0].ecg_encoder in ECG_PRESETS

    def test_the_corpus_and_its_configuration_exist(self, path):
        corpora = choose_corpora(read(path)[1])

        unknown = [
            corpus for corpus in corpora if corpus.config_name not in {None, *BUILDERS[corpus.name].builder_configs}
        ]
        assert unknown == []

    def test_held_out_findings_are_in_the_terminology(self, path):
        terminology = load_terminology()

        assert [name for name in read(path)[1].held_out_findings if terminology.find(name) is None] == []

    def test_it_names_no_folder_of_a_machine(self, path):
        _, data, _, train = read(path)

        assert data.data_dir == []
        assert train.output_dir == "runs/test"

    def test_it_opens_with_what_it_is_for(self, path):
        assert path.read_text(encoding="utf-8").startswith("# ")


def test_the_recipe_of_the_text_tower_is_read_by_its_command():
    settings = yaml.safe_load(TOWER_RECIPE.read_text(encoding="utf-8"))

    parts = parse_arguments((TowerArguments, TrainArguments), [str(TOWER_RECIPE), "--output_dir", "runs/test"])

    arguments = {key: value for part in parts for key, value in vars(part).items()}
    assert {key: arguments[key] for key in settings} == settings
    assert settings["text_model_name_or_path"] in BUNDLED_TEXT_ENCODERS
