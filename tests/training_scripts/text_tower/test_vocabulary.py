"""A trimmed vocabulary cuts words whose pieces it kept as before, and spells everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling_supreme.command_line import CommandLineError
from training_scripts.text_tower.vocabulary import (
    check_word_piece,
    choose_pieces,
    count_pieces,
    list_words,
    trim_tokenizer,
)


NUM_NEEDED = 5 + 2 * 49  # special pieces, and 49 characters at the beginning of a word and within


def trim(tokenizer, texts, size):
    pieces = choose_pieces(tokenizer.get_vocab(), count_pieces(tokenizer, texts), size)
    return trim_tokenizer(tokenizer, pieces)


@pytest.fixture(scope="module")
def trimmed(teacher_tokenizer):
    """Room for three pieces beside the characters; the texts need "sinus", "atrial" and "##ed" most."""
    return trim(teacher_tokenizer, ["sinus atrial", "sinus atrial waved", "sinus blocked fluttered"], NUM_NEEDED + 3)


class TestChoosePieces:
    def test_the_pieces_that_texts_need_most_are_kept_in_the_order_of_the_vocabulary(self, trimmed):
        assert trimmed.convert_ids_to_tokens(list(range(NUM_NEEDED, len(trimmed)))) == ["##ed", "atrial", "sinus"]

    def test_pieces_that_no_text_needs_follow_as_they_come(self):
        vocabulary = {"[UNK]": 0, "common": 1, "rare": 2, "needed": 3}

        assert choose_pieces(vocabulary, {"needed": 1}, 3) == ["[UNK]", "common", "needed"]

    def test_characters_and_special_pieces_stay_whatever_texts_need(self, teacher_tokenizer, trimmed):
        vocabulary = teacher_tokenizer.get_vocab()

        needed = {piece for piece in vocabulary if len(piece.removeprefix("##")) == 1}
        needed |= {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
        assert needed <= trimmed.get_vocab().keys()

    def test_pieces_that_nobody_uses_go(self, trimmed):
        assert not [piece for piece in trimmed.get_vocab() if piece.startswith("[unused")]

    def test_too_small_a_vocabulary_is_refused(self, teacher_tokenizer):
        with pytest.raises(CommandLineError, match=rf"`--vocab_size` is 50, and {NUM_NEEDED} pieces.*Give more"):
            choose_pieces(teacher_tokenizer.get_vocab(), {}, 50)


class TestTrimmedTokenizer:
    @pytest.mark.parametrize("text", ["sinus", "Atrial SINUS?", "sinus, atrial", "3 < 5", ""])
    def test_words_whose_pieces_were_kept_are_cut_as_before(self, teacher_tokenizer, trimmed, text):
        assert trimmed.tokenize(text) == teacher_tokenizer.tokenize(text)

    def test_other_words_are_cut_into_what_there_is(self, trimmed):
        assert trimmed.tokenize("Rivered") == ["r", "##i", "##v", "##e", "##r", "##ed"]

    @given(st.text(max_size=40))
    def test_what_was_spelt_is_spelt(self, teacher_tokenizer, trimmed, text):
        def is_unknown(tokenizer):
            return "[UNK]" in tokenizer.tokenize(text)

        assert is_unknown(trimmed) == is_unknown(teacher_tokenizer)

    def test_texts_begin_and_end_with_the_special_pieces(self, trimmed):
        encoding = trimmed(["atrial", "sinus atrial"], padding=True)

        assert [trimmed.convert_ids_to_tokens(row) for row in encoding["input_ids"]] == [
            ["[CLS]", "atrial", "[SEP]", "[PAD]"],
            ["[CLS]", "sinus", "atrial", "[SEP]"],
        ]

    def test_it_is_the_same_after_saving(self, trimmed, tmp_path):
        from transformers import AutoTokenizer

        trimmed.save_pretrained(tmp_path)
        loaded = AutoTokenizer.from_pretrained(tmp_path)

        text = "Atrial flutter, é and 心?"
        assert (loaded(text)["input_ids"], loaded.model_max_length) == (trimmed(text)["input_ids"], 64)

    def test_a_tokenizer_of_another_kind_is_refused(self):
        from tokenizers import Tokenizer, models
        from transformers import PreTrainedTokenizerFast

        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))

        with pytest.raises(CommandLineError, match=r"vocabulary cannot be trimmed\. Name an encoder with BERT's"):
            check_word_piece(tokenizer)


def test_words_are_whole_and_come_in_the_order_of_the_vocabulary(teacher_tokenizer):
    assert list_words(teacher_tokenizer.get_vocab())[:3] == ["atrial", "fibrillation", "flutter"]
