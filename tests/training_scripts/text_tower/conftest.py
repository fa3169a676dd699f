"""A random BERT with a WordPiece vocabulary, small enough to be distilled in no time."""

import pytest
from helpers.tiny_models import save_text_encoder


WORDS = ("atrial", "fibrillation", "flutter", "sinus", "left", "right", "block", "the", "river", "house", "wave")
PIECES = ("##ing", "##ation", "##ed")


def make_vocabulary():
    """Special pieces, two that nobody uses, letters and figures, pieces of words, and words."""
    characters = "abcdefghijklmnopqrstuvwxyz0123456789-/().,'<>?+é心"
    pieces = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]", *characters]
    pieces += [*(f"##{letter}" for letter in characters), *PIECES, *WORDS]
    return {piece: number for number, piece in enumerate(pieces)}


@pytest.fixture(scope="session")
def teacher_tokenizer():
    from transformers import BertTokenizer

    return BertTokenizer(vocab=make_vocabulary(), model_max_length=64)


@pytest.fixture(scope="session")
def teacher_dir(teacher_tokenizer, tmp_path_factory):
    """Folder of a BERT of four layers, 32 wide; loads without the net."""
    return save_text_encoder(tmp_path_factory.mktemp("teacher"), teacher_tokenizer, num_layers=4)


@pytest.fixture
def teacher(teacher_dir):
    from transformers import AutoModel

    return AutoModel.from_pretrained(teacher_dir)
