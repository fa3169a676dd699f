"""`score`: the command writes the figures of readings that are compared with annotated statements."""

import json

from helpers.annotated_statements import ANNOTATIONS, write_lines

from datasets_scripts.extraction.score import main


def test_the_command_writes_the_scores_as_json(tmp_path, capsys):
    annotations = write_lines(tmp_path / "annotated.jsonl", ANNOTATIONS)
    readings = write_lines(tmp_path / "statements.jsonl", ANNOTATIONS)

    main([str(annotations), "--readings", str(readings)])

    scores = json.loads(capsys.readouterr().out)
    assert scores["f1"] == 1.0
    assert scores["errors"] == 0
