"""Backends: one interface, chosen and configured by flags that are checked before anything is read."""

import pytest
from transformers import HfArgumentParser

from datasets_scripts.extraction.backends.backend import BackendArguments
from datasets_scripts.extraction.backends.costs import Cost, CostMeter
from datasets_scripts.extraction.backends.make_backend import make_backend
from datasets_scripts.extraction.backends.rules_backend import RulesBackend
from datasets_scripts.extraction.backends.statement_task import StatementTask
from datasets_scripts.extraction.readings.rules import read_statement


def make_arguments(**flags):
    """Flags of the `endpoint` backend."""
    return BackendArguments(**{"backend": "endpoint", "model": "m", "base_url": "http://localhost/v1", **flags})


def test_the_default_reads_by_rules_and_costs_nothing(tmp_path):
    backend = make_backend(BackendArguments(), tmp_path)

    assert isinstance(backend, RulesBackend)
    assert dict(backend.read(["LVH", "PVCs"])) == {name: read_statement(name) for name in ("LVH", "PVCs")}
    assert backend.estimate(["LVH"]) == backend.cost == Cost()


def test_a_fall_back_is_read_by_rules_and_says_why():
    reading = StatementTask.load("findings_v1").fall_back("LVH", "HTTP 500")

    assert (reading.backend, reading.problem) == ("rules", "HTTP 500")
    assert reading.entities == read_statement("LVH").entities


def test_the_flags_are_those_of_the_command_line():
    command = "--backend endpoint --model m --base_url http://localhost:1/v1 --max_cost 2 --input_price .1 --dry_run"

    (arguments,) = HfArgumentParser(BackendArguments).parse_args_into_dataclasses(command.split())

    assert (arguments.max_cost, arguments.input_price, arguments.dry_run) == (2.0, 0.1, True)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"model": None}, "--backend endpoint` needs a language model.*--model"),
        ({"backend": "transformers", "model": ""}, "--backend transformers` needs a language model"),
        ({"base_url": None}, "needs the address of a server, not None.*--base_url"),
        ({"base_url": "localhost:8000"}, "needs the address of a server, not 'localhost:8000'"),
        ({"base_url": "file:///etc/passwd"}, "needs the address of a server"),
        ({"max_cost": 1.0}, r"--max_cost` \(1.0\) cannot be kept without prices.*--input_price"),
        ({"max_concurrency": 0}, r"--max_concurrency` \(0\) must be at least 1"),
        ({"max_retries": -1}, r"--max_retries` \(-1\) must be at least 0"),
        ({"batch_size": 0}, r"--batch_size` \(0\)"),
        ({"max_new_tokens": 0}, r"--max_new_tokens` \(0\)"),
        ({"request_timeout_s": 0.0}, r"--request_timeout_s` \(0.0\) must be above 0"),
        ({"input_price": -1.0}, r"--input_price` \(-1.0\) must not be negative"),
        ({"retry_wait_s": -1.0}, r"--retry_wait_s` \(-1.0\)"),
    ],
)
def test_flags_that_make_no_sense_are_refused_by_name(flags, message):
    with pytest.raises(ValueError, match=message):
        make_arguments(**flags)


@pytest.mark.parametrize(
    ("base_url", "key"),
    [
        ("http://localhost:8000/v1", "sk-openai"),
        ("https://api.openai.com/v1", "sk-openai"),
        ("https://router.huggingface.co/v1", "hf-token"),
        ("https://abc.endpoints.huggingface.cloud", "hf-token"),
        ("https://huggingface.co.evil.example/v1", "sk-openai"),
        ("https://evilhuggingface.co/v1", "sk-openai"),
    ],
)
def test_a_hugging_face_token_is_for_hugging_face_only(base_url, key, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("HF_TOKEN", "hf-token")

    assert make_arguments(base_url=base_url).api_key == key


def test_a_prompt_that_does_not_exist_is_refused_before_anything_is_asked(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no prompt 'findings_v0'.*takes .*findings_v1"):
        make_backend(make_arguments(prompt_version="findings_v0"), tmp_path)


def test_a_cost_is_told_in_words():
    assert str(Cost(2, 300, 40, 0.5)) == (
        "2 requests, 300 input tokens, 40 output tokens, 0.5000 in the currency of the prices"
    )
    assert str(Cost(1, 3, 4, is_estimated=True)) == "1 requests, about 3 input tokens, about 4 output tokens"


def test_money_set_aside_counts_until_the_request_is_settled():
    meter = CostMeter(input_price=1.0, output_price=2.0, max_cost=0.01)

    assert meter.reserve(0.009)
    meter.settle(0.009, 1000, 500, is_estimated=False)
    assert meter.spent == (1, 1000, 500, pytest.approx(0.002), False)
    assert meter.reserve(0.008)
    meter.settle(0.008, 0, 4000, is_estimated=True)
    assert not meter.reserve(0.001)


def test_a_prompt_puts_the_statement_last_and_as_data():
    messages = StatementTask.load("findings_v1").messages('Say "ok"\nand stop')

    assert [messages[0]["role"], messages[-1]["role"]] == ["system", "user"]
    assert messages[-1]["content"] == '{"statement": "Say \\"ok\\"\\nand stop"}'
