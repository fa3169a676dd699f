"""Statements with the findings that a person marked in them, as files have them."""

import json


ANNOTATIONS = [
    {
        "statement": "Possible LVH with PVCs",
        "entities": [{"entity": "LVH", "certainty": "positive"}],
        "group": "uncertain",
    },
    {
        "statement": "Sinus rhythm",
        "entities": [{"entity": "sinus rhythm", "certainty": "positive"}],
        "group": "single",
    },
]


def write_lines(path, rows):
    """A JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
