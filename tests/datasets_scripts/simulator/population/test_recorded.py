"""Counts of recorded people: what a count says, and what the simulator draws by."""

import pytest

from datasets_scripts.simulator.population import recorded
from datasets_scripts.simulator.population.recorded import (
    RECORDED_AS,
    Count,
    counted_findings,
    load_recorded,
    name_stratum,
    share_of_two_walls,
    weigh_as_recorded,
)
from datasets_scripts.simulator.realism.population import MIN_EXPECTED, count_drawn, read_recorded
from datasets_scripts.terminology.findings import load_terminology


CACHED = (load_recorded, counted_findings, weigh_as_recorded, share_of_two_walls)
TABLE = """finding,given,num_given,observed,expected
atrial fibrillation,male from 80,100,25,10.0
atrial fibrillation,left bundle branch block,50,0,5.0
premature ventricular contraction,atrial fibrillation,80,15,5.0
inferior myocardial infarction,anterior myocardial infarction,30,10,9.0
anterior myocardial infarction,inferior myocardial infarction,40,10,9.0
"""


@pytest.fixture
def table(tmp_path, monkeypatch):
    """The counts of `TABLE` in place of those of PTB-XL."""
    (tmp_path / "recorded.csv").write_text(TABLE, encoding="utf-8")
    monkeypatch.setattr(recorded, "RECORDED_PATH", tmp_path / "recorded.csv")
    [cached.cache_clear() for cached in CACHED]
    yield
    [cached.cache_clear() for cached in CACHED]


@pytest.mark.parametrize(("observed", "expected", "ratio"), [(0, 5.0, 0.5), (25, 5.0, 3.0), (7, 7.0, 1.0)])
def test_a_ratio_is_drawn_towards_one_by_five_records(observed, expected, ratio):
    assert Count("atrial flutter", "male from 80", 100, observed, expected).ratio == ratio


@pytest.mark.parametrize(
    ("age", "stratum"),
    [(39, "female under 40"), (40, "female 40 to 49"), (79, "female 70 to 79"), (80, "female from 80")],
)
def test_decades_begin_with_their_round_number(age, stratum):
    assert name_stratum(age, "female") == stratum


@pytest.mark.usefixtures("table")
class TestDrawingByCounts:
    def test_what_is_given_multiplies(self):
        # (25 + 5) / (10 + 5) = 2 by age, (0 + 5) / (5 + 5) = 0.5 beside a bundle branch block
        assert weigh_as_recorded("atrial fibrillation", "male from 80", ()) == 2
        assert weigh_as_recorded("atrial fibrillation", "male from 80", ("left bundle branch block",)) == 1

    def test_what_is_not_counted_says_nothing(self):
        assert weigh_as_recorded("atrial fibrillation", "female from 80", ("brugada pattern",)) == 1

    def test_a_diagnosis_goes_under_the_finding_of_which_it_is_a_kind(self):
        assert weigh_as_recorded("ventricular couplets", "male from 80", ("atrial fibrillation",)) == 2

    def test_a_finding_without_counts_is_left_to_the_textbook(self):
        assert weigh_as_recorded("brugada pattern", "male from 80", ()) is None

    def test_the_share_of_two_walls_is_among_all_infarcts_of_either(self):
        assert share_of_two_walls() == pytest.approx(10 / 60)


def test_the_counts_of_ptb_xl_agree_with_what_is_known():
    by_age = [load_recorded()["atrial fibrillation", f"male {ages}"].ratio for ages in ("under 40", "from 80")]

    assert by_age[0] < 0.5 < 1.3 < by_age[1]
    assert load_recorded()["digitalis effect", "atrial fibrillation"].ratio > 2
    assert load_recorded()["first degree av block", "atrial fibrillation"].ratio < 0.5


def test_everything_counted_is_a_finding_and_common_enough():
    terminology = load_terminology()

    assert all(finding in terminology for finding in counted_findings())
    assert set(RECORDED_AS.values()) <= counted_findings()
    assert min(count.expected for count in load_recorded().values()) >= MIN_EXPECTED


@pytest.mark.data
def test_the_counts_are_those_of_folds_1_to_8(data_dir):
    recordings = read_recorded(data_dir / "ptb-xl" / "ptbxl_reports.csv", folds=range(1, 9))

    assert {(count.finding, count.given): count for count in count_drawn(recordings)} == load_recorded()
