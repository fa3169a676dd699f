"""What a checkpoint still knows with fewer leads: rows without the others, tables and curves by condition."""

import json

import numpy as np

from benchmarks.questions.fewer_leads import LEAD_SETS, format_table, keep_leads, main
from modeling_supreme import STANDARD_LEADS


def make_result(auroc):
    """A result with one condition that is averaged, and one that is too rare."""
    entries = [
        {"label": "AFIB", "finding": "atrial fibrillation", "num_positives": 7, "auroc": auroc, "is_averaged": True},
        {"label": "SVTAC", "finding": None, "num_positives": 1, "auroc": None, "is_averaged": False},
    ]
    return {"auroc_macro": auroc, "conditions": entries}


class TestKeepLeads:
    def test_the_other_leads_are_as_if_nobody_had_recorded_them(self):
        row = {"signal": np.ones((12, 5), dtype=np.int16), "lead_mask": [True] * 11 + [False]}

        kept = keep_leads(row, ("II", "V6"))

        assert kept["lead_mask"] == [False, True] + [False] * 10  # V6 was not there before
        assert kept["signal"].sum(axis=1).tolist() == [0, 5] + [0] * 9 + [5]
        assert kept["signal"].dtype == np.int16


class TestTable:
    def test_a_column_for_each_set_of_leads_and_a_row_for_each_averaged_condition(self):
        by_leads = {name: make_result(0.9 - 0.05 * place) for place, name in enumerate(LEAD_SETS)}

        lines = format_table({"rhythm": by_leads}).splitlines()

        assert lines[2] == "| **rhythm** (mean) | | 0.900 | 0.850 | 0.800 | 0.750 | 0.700 | 0.650 | 0.600 |"
        assert lines[3].startswith("| atrial fibrillation | 7 | 0.900 |")
        assert len(lines) == 4


def test_it_runs_on_a_corpus(ptb_xl_dir, tiny_checkpoint_dir, tmp_path):
    flags = ["--model_name_or_path", str(tiny_checkpoint_dir), "--data_dir", str(ptb_xl_dir), "--split", "train"]

    main([*flags, "--dataset_config_name", "superclass", "--max_eval_samples", "8", "--output_dir", str(tmp_path)])

    results = json.loads((tmp_path / "fewer_leads.json").read_text())
    assert list(results["superclass"]) == list(LEAD_SETS)
    assert len(LEAD_SETS["12 leads"]) == len(STANDARD_LEADS)
    assert (tmp_path / "fewer_leads.png").stat().st_size > 10_000
    assert "**superclass** (mean)" in (tmp_path / "fewer_leads.md").read_text()
