"""`score`: the command writes the figures of readings that are compared with annotated statements."""

import json

from datasets_scripts.extraction.score import main


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


def test_the_command_writes_the_scores_as_json(tmp_path, capsys):
    annotations = write_lines(tmp_path / "annotated.jsonl", ANNOTATIONS)
    readings = write_lines(tmp_path / "statements.jsonl", ANNOTATIONS)

    main([str(annotations), "--readings", str(readings)])

    scores = json.loads(capsys.readouterr().out)
    assert scores["f1"] == 1.0
    assert scores["errors"] == 0
