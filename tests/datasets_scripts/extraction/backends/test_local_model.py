"""The `transformers` backend: a model that knows nothing still writes nothing but answers of the right form."""

import json
import sys

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from datasets_scripts.extraction.backends.answers import MAX_ENTITIES, MAX_NAME_LENGTH, MAX_QUOTE_LENGTH
from datasets_scripts.extraction.backends.backend import BackendArguments, BackendError
from datasets_scripts.extraction.backends.local_model import LocalModelBackend
from datasets_scripts.extraction.backends.prompts import Prompt
from datasets_scripts.extraction.backends.statement_task import StatementTask, close_answer


pytest.importorskip("llguidance")
STATEMENTS = ["Sinus rhythm", "LBBB", "Vorhofflimmern", "Possible LVH with PVCs", "Sinus rhythm with 1st degree AVB"]
CHAT_TEMPLATE = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"
SHORT_PROMPT = Prompt("short-1", "Read.", ())


def make_tokenizer():
    """Byte-level BPE with some words of an answer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    answer = '{"entities":[{"quote":"Sinus rhythm","entity":"sinus rhythm","certainty":"positive"}]}'
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<s>", "</s>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator([answer] * 9, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")


@pytest.fixture(scope="module")
def make_model_dir(tmp_path_factory):
    """A function that saves a random Llama of 30,000 parameters, which prefers other tokens for every seed."""

    def make(seed=0, chat_template=None):
        torch.manual_seed(seed)
        folder = tmp_path_factory.mktemp("language_model")
        tokenizer = make_tokenizer()
        tokenizer.chat_template = chat_template
        tokenizer.save_pretrained(folder)
        config = LlamaConfig(
            vocab_size=352,  # wider than the tokenizer, as in many models
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=8192,
            initializer_range=0.5,
            bos_token_id=0,
            eos_token_id=1,
        )
        LlamaForCausalLM(config).save_pretrained(folder)
        return folder

    return make


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


def test_a_chat_template_is_used_where_there_is_one(make_model_dir):
    backend = make_backend(make_model_dir(chat_template=CHAT_TEMPLATE))
    plain = make_backend(make_model_dir())

    assert decode_prompt(backend) == '<system>Read.<user>{"statement": "LBBB"}<assistant>'
    assert decode_prompt(plain) == 'system: Read.\n\nuser: {"statement": "LBBB"}\n\nassistant: '


def decode_prompt(backend):
    """The text that the model is given."""
    inputs = backend._tokenize([SHORT_PROMPT.messages("LBBB")])
    return backend._tokenizer.decode(inputs["input_ids"][0])


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
