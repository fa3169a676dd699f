"""When two spellings of a name are one name: the fold by which findings, queries and rules are compared."""

# The apostrophe of word processors and that of keyboards: "rsR\u2019 complex" is "rsR' complex".
APOSTROPHE_FOLD = {"\u2019": "'"}
_FOLDS = str.maketrans({"-": " ", "_": " "} | APOSTROPHE_FOLD)


def normalize_name(text: str) -> str:
    """Fold case, blanks, hyphens, underscores and typographic apostrophes, so that spellings of a name compare equal.

    Example:
        >>> normalize_name("  Wolff-Parkinson_White   pattern ")
        'wolff parkinson white pattern'
    """
    return " ".join(text.lower().translate(_FOLDS).split())
