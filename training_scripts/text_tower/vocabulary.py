"""A smaller WordPiece vocabulary: the pieces that texts need, and every character, so that it spells anything.

WordPiece takes the longest piece that fits, again and again. A word whose pieces are all kept is therefore cut as
before; another one is cut into shorter pieces, in the worst case into its characters.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modeling_supreme.command_line import CommandLineError


CONTINUED = "##"  # begins a piece that does not begin a word
UNUSED = "[unused"
SHORTEST_WORD = 3  # letters


def choose_pieces(vocabulary: Mapping[str, int], counts: Mapping[str, int], size: int) -> list[str]:
    """The pieces to keep, in the order of the vocabulary.

    Args:
        vocabulary (`Mapping[str, int]`):
            All pieces and their ids; among equals, the first are more common.
        counts (`Mapping[str, int]`):
            How often texts need each piece.
        size (`int`):
            Pieces to keep: the special ones and all single characters first, then those that are needed most.

    Raises:
        CommandLineError: If the special pieces and the characters are more.

    Example:
        >>> vocabulary = {"[UNK]": 0, "[unused0]": 1, "a": 2, "##a": 3, "river": 4, "sinus": 5}
        >>> choose_pieces(vocabulary, {"sinus": 2}, 4)
        ['[UNK]', 'a', '##a', 'sinus']
    """
    pieces = sorted((piece for piece in vocabulary if not piece.startswith(UNUSED)), key=vocabulary.__getitem__)
    needed = [piece for piece in pieces if _is_special(piece) or len(piece.removeprefix(CONTINUED)) == 1]
    if len(needed) > size:
        raise CommandLineError(
            f"`--vocab_size` is {size}, and {len(needed)} pieces are special or single characters, without which some"
            " texts cannot be spelt. Give more."
        )
    rest = sorted(set(pieces).difference(needed), key=lambda piece: (-counts.get(piece, 0), vocabulary[piece]))
    return sorted([*needed, *rest[: size - len(needed)]], key=vocabulary.__getitem__)


def _is_special(piece: str) -> bool:
    return piece.startswith("[") and piece.endswith("]") and len(piece) > 2


def count_pieces(tokenizer: Any, texts: Iterable[str]) -> Counter[str]:
    """How often texts need each piece of a tokenizer."""
    counts: Counter[str] = Counter()
    for encoding in tokenizer(list(texts), truncation=True, add_special_tokens=False).encodings:
        counts.update(encoding.tokens)
    return counts


def list_words(vocabulary: Mapping[str, int]) -> list[str]:
    """English words of a vocabulary, the common ones first."""
    words = [piece for piece in vocabulary if piece.isascii() and piece.isalpha() and len(piece) >= SHORTEST_WORD]
    return sorted(words, key=vocabulary.__getitem__)


def trim_tokenizer(tokenizer: Any, pieces: Sequence[str]) -> Any:
    """The tokenizer with these pieces alone, numbered in their order.

    Raises:
        CommandLineError: If it is no WordPiece tokenizer that can be made of a vocabulary.
    """
    check_word_piece(tokenizer)
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return type(tokenizer)(
        vocab=vocabulary,
        do_lower_case=tokenizer.init_kwargs.get("do_lower_case", True),
        strip_accents=tokenizer.init_kwargs.get("strip_accents"),
        tokenize_chinese_chars=tokenizer.init_kwargs.get("tokenize_chinese_chars", True),
        model_max_length=tokenizer.model_max_length,
    )


def check_word_piece(tokenizer: Any) -> None:
    """Refuse tokenizers that are not BERT's.

    Raises:
        CommandLineError: If it is one.
    """
    if not type(tokenizer).__name__.startswith("Bert"):
        raise CommandLineError(
            f"The tokenizer of `--text_model_name_or_path` is a {type(tokenizer).__name__}, whose vocabulary cannot be"
            " trimmed. Name an encoder with BERT's, such as sentence-transformers/all-MiniLM-L6-v2."
        )
