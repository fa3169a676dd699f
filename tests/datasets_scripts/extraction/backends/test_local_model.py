"""The `transformers` backend: a model that knows nothing still writes nothing but answers of the right form."""

import json
import sys
from types import SimpleNamespace

import pytest
import torch
from helpers.language_models import save_language_model
from transformers import MistralConfig

from datasets_scripts.extraction.backends.answers import MAX_ENTITIES, MAX_NAME_LENGTH, MAX_QUOTE_LENGTH
from datasets_scripts.extraction.backends.backend import BackendArguments, BackendError
from datasets_scripts.extraction.backends.local_model import DrawnTokens, LocalModelBackend
from datasets_scripts.extraction.backends.prompt_cache import PromptCache
from datasets_scripts.extraction.backends.prompts import Prompt
from datasets_scripts.extraction.backends.statement_task import StatementTask, close_answer
from datasets_scripts.extraction.backends.task import Sampling


pytest.importorskip("llguidance")
STATEMENTS = ["Sinus rhythm", "LBBB", "Vorhofflimmern", "Possible LVH with PVCs", "Sinus rhythm with 1st degree AVB"]
CHAT_TEMPLATE = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"
SHORT_PROMPT = Prompt("short-1", "Read.", ())
LONG_PROMPT = Prompt("long-1", "Read the statement and name what it finds. " * 20, ())


@pytest.fixture(scope="module")
def make_model_dir(tmp_path_factory):
    """A function that saves a random Llama, which prefers other tokens for every seed."""
    return lambda seed=0, chat_template=None: save_language_model(
        tmp_path_factory.mktemp("language_model"), seed=seed, chat_template=chat_template
    )


def make_backend(folder, *, prompt=SHORT_PROMPT, **flags):
    """The backend on a saved model."""
    arguments = BackendArguments(backend="transformers", model=str(folder), **flags)
    return LocalModelBackend(arguments, StatementTask(prompt))


def is_valid(text):
    """Whether a text is JSON under the schema, rule by rule."""
    answer = json.loads(text)
    return (
        set(answer) == {"entities"}
        and len(answer["entities"]) <= MAX_ENTITIES
        and all(map(is_entity, answer["entities"]))
    )


def is_entity(entity):
    """Whether a value is an entity under the schema."""
    return (
        set(entity) == {"quote", "entity", "certainty"}
        and isinstance(entity["quote"], str)
        and len(entity["quote"]) <= MAX_QUOTE_LENGTH
        and 1 <= len(entity["entity"]) <= MAX_NAME_LENGTH
        and entity["certainty"] in ("positive", "uncertain", "negative")
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("max_new_tokens", [1, 7, 60, 250])
def test_every_answer_parses_under_the_schema_wherever_it_is_cut(make_model_dir, seed, max_new_tokens):
    backend = make_backend(make_model_dir(seed), max_new_tokens=max_new_tokens)

    answers = backend.answer([SHORT_PROMPT.messages(statement) for statement in STATEMENTS])

    assert len(answers) == len(STATEMENTS)
    assert [answer.text for answer in answers if not is_valid(answer.text)] == []


def test_whole_answers_are_told_from_cut_ones(make_model_dir):
    backend = make_backend(make_model_dir(1), max_new_tokens=60)

    answers = backend.answer([SHORT_PROMPT.messages(statement) for statement in STATEMENTS])

    assert {answer.is_complete for answer in answers} == {True, False}


@pytest.mark.parametrize("batch_size", [2, 8])
def test_every_statement_ends_read_or_marked(make_model_dir, batch_size):
    backend = make_backend(make_model_dir(1), batch_size=batch_size, max_new_tokens=60)

    readings = dict(backend.read(STATEMENTS))

    assert set(readings) == set(STATEMENTS)
    assert {reading.backend for reading in readings.values() if not reading.problem} == {"transformers"}
    assert {reading.backend for reading in readings.values() if reading.problem} == {"rules"}


def test_an_answer_does_not_depend_on_the_others_of_its_batch(make_model_dir):
    backend = make_backend(make_model_dir(2), max_new_tokens=40)
    conversations = [SHORT_PROMPT.messages(statement) for statement in STATEMENTS]

    alone = [backend.answer([conversation])[0] for conversation in conversations]

    assert backend.answer(conversations) == alone


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_prompt_that_is_read_once_gives_the_answers_of_one_that_is_read_each_time(make_model_dir, batch_size):
    folder = make_model_dir(2)
    conversations = [LONG_PROMPT.messages(statement) for statement in STATEMENTS]
    batches = [conversations[start : start + batch_size] for start in range(0, len(conversations), batch_size)]
    reusing, rereading = (make_backend(folder, prompt=LONG_PROMPT, max_new_tokens=40) for _ in range(2))
    rereading._prompts.fetch = lambda rows: (None, 0)

    answers = [answer for batch in batches for answer in reusing.answer(batch)]

    # The fixed part, "system: ... user: {"statement": "", has more than nine in ten of these tokens
    assert answers == [answer for batch in batches for answer in rereading.answer(batch)]
    assert len({answer.text for answer in answers}) > 1
    assert reusing.cost == rereading.cost
    num_fixed = min(map(len, reusing._tokenize(conversations))) * 0.9
    assert num_fixed * (len(conversations) - 1) < reusing._prompts.num_reused < reusing.cost.input_tokens


def test_a_prompt_of_another_beginning_takes_the_place_of_the_one_that_was_kept(make_model_dir):
    backend = make_backend(make_model_dir(2), max_new_tokens=20)
    other = Prompt("long-2", "Find nothing at all. " * 20, ())
    alone = backend.answer([LONG_PROMPT.messages("LBBB")])

    drawn_between = backend.answer([other.messages("LBBB")])

    assert backend.answer([LONG_PROMPT.messages("LBBB")]) == alone
    assert backend.answer([other.messages("LBBB")]) == drawn_between


def test_a_model_that_forgets_old_tokens_reads_each_prompt_from_its_beginning():
    config = MistralConfig(num_hidden_layers=1, sliding_window=8)

    cache = PromptCache(SimpleNamespace(config=config))

    assert cache.fetch([[7] * 40, [7] * 41]) == (None, 0)


def test_drawn_answers_differ_by_seed_and_not_by_company(make_model_dir):
    backend = make_backend(make_model_dir(2), max_new_tokens=40)
    conversations = [SHORT_PROMPT.messages(statement) for statement in STATEMENTS]
    drawn = [Sampling(temperature=1.0, seed=1)] * len(STATEMENTS)

    together = backend.answer(conversations, drawn)

    assert [backend.answer([conversations[3]], drawn[:1])[0]] == together[3:4]
    assert backend.answer(conversations, drawn) == together
    assert backend.answer(conversations, [Sampling(temperature=1.0, seed=2)] * len(STATEMENTS)) != together
    assert backend.answer(conversations) != together


def test_tokens_are_drawn_with_the_probabilities_of_a_softmax():
    scores = torch.log(torch.tensor([[0.6, 0.3, 0.1, 0.0]])).repeat(4000, 1)
    samplings = [Sampling(temperature=1.0, seed=7)] * len(scores)

    drawn = DrawnTokens(samplings, [str(row) for row in range(len(scores))])(None, scores).argmax(dim=-1)

    # Four standard errors of a share of .6 over 4,000 draws are .031
    shares = torch.bincount(drawn, minlength=4) / len(drawn)
    assert shares.tolist() == pytest.approx([0.6, 0.3, 0.1, 0.0], abs=0.031)
    assert shares[3] == 0


def test_a_chat_template_is_used_where_there_is_one(make_model_dir):
    backend = make_backend(make_model_dir(chat_template=CHAT_TEMPLATE))
    plain = make_backend(make_model_dir())

    assert decode_prompt(backend) == '<system>Read.<user>{"statement": "LBBB"}<assistant>'
    assert decode_prompt(plain) == 'system: Read.\n\nuser: {"statement": "LBBB"}\n\nassistant: '


def decode_prompt(backend):
    """The text that the model is given."""
    (tokens,) = backend._tokenize([SHORT_PROMPT.messages("LBBB")])
    return backend._tokenizer.decode(tokens)


def test_tokens_are_counted(make_model_dir):
    backend = make_backend(make_model_dir(), max_new_tokens=5)

    backend.answer([SHORT_PROMPT.messages("LBBB")] * 2)

    assert (backend.cost.num_requests, backend.cost.output_tokens) == (2, 10)
    assert backend.estimate(["LBBB"]).num_requests == 1


@pytest.mark.parametrize(
    ("cut", "closed"),
    [
        ("", '{"entities":[]}'),
        ('{"enti', '{"entities":[]}'),
        ('{"entities":[', '{"entities":[]}'),
        ('{"entities":[]', '{"entities":[]}'),
        ('{"entities":[{"a":"x]},"},', '{"entities":[{"a":"x]},"}]}'),
        ('{"entities":[{"a":"x"},{"a":"y"},{"a"', '{"entities":[{"a":"x"},{"a":"y"}]}'),
        ('{"entities":[{"a":"x"}]', '{"entities":[{"a":"x"}]}'),
        ('{"entities":[{"a":"x"}]}', '{"entities":[{"a":"x"}]}'),
    ],
)
def test_a_cut_answer_keeps_its_whole_entities(cut, closed):
    assert close_answer(cut) == closed


def test_without_llguidance_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "llguidance", None)

    with pytest.raises(BackendError, match=r'needs llguidance.*`pip install "\.\[llm\]"` in a clone'):
        make_backend("anything")


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BackendError, match=r"nothing' cannot be loaded.*--model"):
        make_backend(tmp_path / "nothing")
