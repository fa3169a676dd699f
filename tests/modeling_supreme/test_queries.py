"""Queries: what is embedded is the template's sentence, each on its own, and wordings are drawn as often as asked."""

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from modeling_supreme.queries import encode_queries, encode_query_wordings, fill_template


LABELS = ["atrial fibrillation", "normal ecg", "first degree av block", "wolff-parkinson-white pattern"]


def test_every_place_of_the_template_gets_the_label():
    assert fill_template("{}: this ECG shows {}.", ["atrial flutter"]) == [
        "atrial flutter: this ECG shows atrial flutter."
    ]


@pytest.mark.parametrize("label", ["{braces}", "50 % {}", "{0}"])
def test_braces_in_a_label_are_letters_like_others(label):
    assert fill_template("ECG with {}", [label]) == [f"ECG with {label}"]


def test_a_template_without_a_place_for_the_label_is_refused():
    with pytest.raises(ValueError, match=r"`hypothesis_template` 'An ECG' has no \{\}.*Write \{\} where the label"):
        fill_template("An ECG", ["atrial flutter"])


def test_the_first_token_stands_for_the_query_as_in_the_text_encoder_alone(
    make_tiny_model, tiny_processor, text_encoder_dir
):
    text_model, tokenizer = (cls.from_pretrained(text_encoder_dir) for cls in (AutoModel, AutoTokenizer))
    hidden_states = text_model(**tokenizer("normal ecg", return_tensors="pt")).last_hidden_state

    embeds = encode_queries(make_tiny_model(text_pooling="cls"), tiny_processor.tokenizer, ["normal ecg"])

    torch.testing.assert_close(embeds, hidden_states[:, 0])


def test_the_mean_over_tokens_stands_for_the_query_where_the_configuration_says_so(
    make_tiny_model, tiny_processor, text_encoder_dir
):
    text_model, tokenizer = (cls.from_pretrained(text_encoder_dir) for cls in (AutoModel, AutoTokenizer))
    hidden_states = text_model(**tokenizer("normal ecg", return_tensors="pt")).last_hidden_state

    # The longer second query pads the first, which must not enter its mean.
    embeds = encode_queries(make_tiny_model(text_pooling="mean"), tiny_processor.tokenizer, LABELS[1:])

    torch.testing.assert_close(embeds[:1], hidden_states.mean(dim=1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 256])
def test_an_embedding_does_not_depend_on_what_is_embedded_with_it(tiny_model, tiny_processor, batch_size):
    alone = [encode_queries(tiny_model, tiny_processor.tokenizer, [label]) for label in LABELS]

    together = encode_queries(tiny_model, tiny_processor.tokenizer, LABELS, batch_size=batch_size)

    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)


def test_different_queries_have_different_embeddings(tiny_model, tiny_processor):
    embeds = encode_queries(tiny_model, tiny_processor.tokenizer, LABELS)

    assert torch.pdist(embeds).min() > 0.1


def test_the_sentence_of_the_template_is_embedded(tiny_model, tiny_processor):
    sentence = encode_queries(tiny_model, tiny_processor.tokenizer, ["an ecg with atrial flutter"])

    filled = encode_queries(tiny_model, tiny_processor.tokenizer, ["atrial flutter"], template="an ecg with {}")

    assert torch.equal(filled, sentence)


def test_queries_are_cut_where_the_tokenizer_says(tiny_model, text_encoder_dir):
    tokenizer = AutoTokenizer.from_pretrained(text_encoder_dir, model_max_length=4)  # [CLS] atrial flutter [SEP]

    short, long = encode_queries(tiny_model, tokenizer, ["atrial flutter", "atrial flutter with pauses"])

    torch.testing.assert_close(long, short)


def test_a_query_that_is_cut_is_named(tiny_model, text_encoder_dir, caplog):
    tokenizer = AutoTokenizer.from_pretrained(text_encoder_dir, model_max_length=4)

    with caplog.at_level("WARNING", logger="modeling_supreme.queries"):
        encode_queries(tiny_model, tokenizer, ["atrial flutter"])
        assert caplog.text == ""
        encode_queries(tiny_model, tokenizer, ["atrial flutter", "atrial flutter with pauses"])

    length = len(tokenizer("atrial flutter with pauses", verbose=False)["input_ids"])
    assert f"reads 4 tokens of {length} of the query 'atrial flutter with pauses': the rest is not" in caplog.text


def test_embedding_needs_no_gradient_even_where_the_text_encoder_is_trained(make_tiny_model, tiny_processor):
    model = make_tiny_model(freeze_text_encoder=False).train()

    assert not encode_queries(model, tiny_processor.tokenizer, LABELS).requires_grad


class TestSeveralWordings:
    flutter = ["atrial flutter", "auricular flutter", "saw-tooth waves at 250 to 350 per minute"]

    def test_a_query_is_the_mean_direction_of_its_wordings_at_their_mean_length(self, tiny_model, tiny_processor):
        embeds = encode_queries(tiny_model, tiny_processor.tokenizer, self.flutter)

        averaged = encode_query_wordings(tiny_model, tiny_processor.tokenizer, [self.flutter])[0]

        lengths = embeds.norm(dim=1)
        directions = (embeds / lengths[:, None]).sum(dim=0)
        torch.testing.assert_close(averaged, directions / directions.norm() * lengths.mean())

    def test_a_single_wording_is_embedded_as_it_is(self, tiny_model, tiny_processor):
        alone = encode_queries(tiny_model, tiny_processor.tokenizer, LABELS)

        assert torch.equal(
            encode_query_wordings(tiny_model, tiny_processor.tokenizer, [[one] for one in LABELS]), alone
        )

    def test_a_query_does_not_depend_on_the_others_nor_on_the_order_of_its_wordings(self, tiny_model, tiny_processor):
        tokenizer = tiny_processor.tokenizer
        alone = encode_query_wordings(tiny_model, tokenizer, [self.flutter])

        among = encode_query_wordings(tiny_model, tokenizer, [LABELS, self.flutter[::-1], LABELS[:1]])[1:2]

        torch.testing.assert_close(among, alone, atol=1e-5, rtol=1e-5)

    def test_every_wording_is_put_into_the_template(self, tiny_model, tiny_processor):
        sentences = [f"an ecg with {wording}" for wording in self.flutter]

        filled = encode_query_wordings(tiny_model, tiny_processor.tokenizer, [self.flutter], template="an ecg with {}")

        assert torch.equal(filled, encode_query_wordings(tiny_model, tiny_processor.tokenizer, [sentences]))

    def test_a_query_without_a_wording_is_refused(self, tiny_model, tiny_processor):
        with pytest.raises(ValueError, match=r"Query 1 of 2 has no wording\. Give each query one wording or more"):
            encode_query_wordings(tiny_model, tiny_processor.tokenizer, [["sinus rhythm"], []])
