"""croissant.json: every file with its checksum, every column with its type, and nothing that is to stay here."""

import hashlib
import importlib.util
import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from datasets_scripts.prepare.corpus import prepare_corpus


VALIDATION = """
import sys, mlcroissant
described = mlcroissant.Dataset(jsonld=sys.argv[1])
print(len(described.metadata.ctx.issues.errors), len(list(described.records("train"))))
"""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Forty simulated records in several shards, with columns of structs and of lists of structs."""
    folder = tmp_path_factory.mktemp("croissant") / "out"
    prepare_corpus(
        "simulated",
        output_dir=folder,
        num_records=40,
        config_name="conditions",
        has_measurements=True,
        has_annotations=True,
        records_per_shard=16,
    )
    return folder


@pytest.fixture(scope="module")
def croissant(simulated):
    return json.loads((simulated / "croissant.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def train(croissant):
    """The fields of the split train, by name."""
    (record_set,) = [part for part in croissant["recordSet"] if part["name"] == "train"]
    return {field["name"]: field for field in record_set["field"]}


def parts_of(described):
    """All nodes that have an identifier, at any depth."""
    if isinstance(described, list):
        return [part for item in described for part in parts_of(item)]
    if not isinstance(described, dict):
        return []
    own = [described] if "@type" in described and "@id" in described else []
    return own + [part for value in described.values() for part in parts_of(value)]


class TestFiles:
    def test_every_shard_is_listed_with_its_size_and_checksum(self, simulated, croissant):
        listed = {part["@id"]: part for part in croissant["distribution"] if part["@type"] == "cr:FileObject"}

        files = {path.name: path.read_bytes() for path in simulated.glob("*.parquet")}
        assert {name: part["sha256"] for name, part in listed.items()} == {
            name: hashlib.sha256(content).hexdigest() for name, content in files.items()
        }
        assert {name: part["contentSize"] for name, part in listed.items()} == {
            name: f"{len(content)} B" for name, content in files.items()
        }

    def test_the_shards_of_a_split_are_one_set(self, croissant):
        sets = {part["@id"]: part["includes"] for part in croissant["distribution"] if part["@type"] == "cr:FileSet"}

        assert sets == {f"{split}-files": f"{split}-*.parquet" for split in ("train", "validation", "test")}


class TestColumns:
    def test_every_column_is_a_field_of_every_split(self, simulated, croissant):
        columns = pq.read_schema(next(simulated.glob("train-*.parquet"))).names

        fields = [[field["name"] for field in record_set["field"]] for record_set in croissant["recordSet"]]
        assert fields == [columns] * 3

    @pytest.mark.parametrize(
        ("name", "kind", "is_repeated"),
        [
            ("record_id", "sc:Text", False),
            ("age", "sc:Float", False),
            ("num_samples", "sc:Integer", False),
            ("signal", "sc:Integer", True),
            ("lead_mask", "sc:Boolean", True),
            ("not_recorded", "sc:Integer", True),
            ("labels", "sc:Integer", True),
        ],
    )
    def test_types_are_those_of_schema_org(self, train, name, kind, is_repeated):
        assert (train[name]["dataType"], train[name].get("repeated", False)) == (kind, is_repeated)

    def test_labels_are_named_in_the_order_of_their_places(self, simulated, train):
        told = train["labels"]["description"]

        card = (simulated / "README.md").read_text(encoding="utf-8")
        names = [line.partition(": ")[2] for line in card.splitlines() if line.startswith("          '")]
        assert len(names) > 100
        assert told == f"Places of the positive labels in this list: {', '.join(names)}."

    def test_a_struct_has_a_field_for_each_of_its_parts(self, train):
        parts = {part["name"]: part for part in train["measurements"]["subField"]}

        assert parts["qrs_ms"]["dataType"] == "sc:Float"
        assert parts["qrs_ms"]["source"]["transform"] == {"jsonPath": "qrs_ms"}


class TestWhole:
    def test_identifiers_are_unique_and_all_that_is_pointed_at_is_there(self, croissant):
        names = [part["@id"] for part in parts_of(croissant)]
        fields = [part for part in parts_of(croissant) if part["@type"] == "cr:Field"]

        assert len(set(names)) == len(names)
        assert {field["source"]["fileSet"]["@id"] for field in fields} <= set(names)

    def test_it_says_by_which_rules_it_is_to_be_read(self, croissant):
        assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.0"
        assert croissant["@type"] == "sc:Dataset"

    def test_it_names_no_place_on_this_machine_and_no_record(self, ptb_xl_dir, tmp_path):
        prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(ptb_xl_dir))

        text = (tmp_path / "out" / "croissant.json").read_text(encoding="utf-8")
        assert str(tmp_path) not in text
        assert str(ptb_xl_dir) not in text
        assert "00001_hr" not in text
        assert json.loads(text)["license"] == "https://creativecommons.org/licenses/by/4.0/"

    def test_mlcroissant_finds_it_valid_and_reads_the_rows_by_it(self, simulated):
        if importlib.util.find_spec("mlcroissant") is None:
            pytest.skip("mlcroissant is not installed: its own validation is not run")
        path = str(simulated / "croissant.json")

        # In a process of its own: where `datasets` is loaded, pandas reads its arrays as types that mlcroissant breaks
        done = subprocess.run([sys.executable, "-c", VALIDATION, path], capture_output=True, text=True, check=False)

        num_rows = sum(pq.read_metadata(path).num_rows for path in simulated.glob("train-*.parquet"))
        assert (done.returncode, done.stdout.split()) == (0, ["0", str(num_rows)]), done.stderr
