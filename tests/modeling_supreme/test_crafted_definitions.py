"""A checkpoint whose definitions cannot be read is refused, and the definition named."""

import pytest
from huggingface_hub.errors import StrictDataclassError


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"expression": "QRS > 120 ms", "source": "x"}, r"Definition 0 of `definitions`: `condition` is no text"),
        ({"condition": "wide", "expression": 5, "source": "x"}, r"Definition 0 .*'wide': `expression` is no text"),
        ({"condition": "wide", "expression": "QRS > 120 kg", "source": "x"}, r"'wide' in .*at character 10"),
        ({"condition": "wide", "expression": '"wide"', "source": "x"}, r"'wide' in .* is defined by itself"),
        ({"condition": "wide", "expression": "(" * 10**5, "source": "x"}, r"'wide' in .*at character 4000"),
        ({"condition": "wide", "expression": "(" * 999 + "HR > 9", "source": "x"}, r"'wide' in .*deep"),
    ],
)
def test_a_malformed_definition_is_named(tiny_model, entry, message):
    stored = {**tiny_model.config.to_dict(), "definitions": [entry]}

    with pytest.raises(StrictDataclassError, match=message):
        type(tiny_model.config).from_dict(stored)
