"""The account of a long recording adds up those of its windows; what windows share counts once."""

from dataclasses import dataclass, field

from modeling_supreme.long_recordings.accounts import Tally
from modeling_supreme.recordings import Account


def make_account(**fields):
    """Of a window of 10 s with two leads."""
    return Account(
        **{"source": "a.hea", "leads_found": ("I", "II"), "leads_used": ("I", "II"), "seconds_used": 10.0} | fields
    )


def add_up(*windows, seconds=30.0, stride_s=10.0):
    """The account of windows of 10 s."""
    tally = Tally("a.hea", seconds=seconds, window_s=10.0, stride_s=stride_s)
    for place, window in enumerate(windows):
        if isinstance(window, Exception):
            tally.skip(window)
        else:
            tally.add(window, place * stride_s)
    return tally.account()


def test_windows_side_by_side_use_the_whole():
    account = add_up(make_account(), make_account(), make_account())

    assert (account.source, account.seconds_found, account.seconds_used, account.losses()) == ("a.hea", 30, 30, [])


def test_what_windows_share_counts_once():
    account = add_up(*[make_account(num_bridged_samples=4)] * 5, stride_s=5.0)

    assert account.seconds_used == 30
    assert account.num_bridged_samples == 10  # half of 20


def test_time_between_windows_is_not_used():
    account = add_up(make_account(), make_account(), seconds=70.0, stride_s=60.0)

    assert (account.seconds_used, account.losses()) == (20, ["20.00 of 70.00 s used"])


def test_a_lead_that_no_window_has_is_left_out_and_one_that_some_lack_was_missing():
    left_out = {"X": "none of the 12 leads"}

    account = add_up(
        make_account(leads_used=("I",), left_out=left_out | {"II": "flat or not recorded"}),
        make_account(left_out=left_out, seconds_missing={"I": 2.5}),
        make_account(left_out=left_out),
    )

    assert account.left_out == left_out
    assert account.seconds_missing == {"II": 10.0, "I": 2.5}
    assert account.leads_used == ("I", "II")


def test_a_remark_says_of_how_many_windows():
    account = add_up(
        make_account(remarks=("I and II look exchanged", "Mason-Likar")), make_account(remarks=("Mason-Likar",))
    )

    assert account.remarks == ("Mason-Likar", "I and II look exchanged (1 of 2 windows)")


def test_very_many_different_remarks_are_cut_short():
    account = add_up(*[make_account(remarks=(f"odd {number}",)) for number in range(100)], seconds=1000.0)

    assert len(account.remarks) == 9
    assert account.remarks[0] == "others (92 of 100 windows)"


def test_windows_without_a_score_are_counted_with_their_reasons():
    flat, late = (ValueError(f"a.hea: {reason}. Leave the record out.") for reason in ("every lead is flat", "over"))

    account = add_up(make_account(), flat, late, flat, seconds=40.0)

    assert account.remarks == ("3 of 4 windows without a score (every lead is flat: 2, over: 1)",)


def test_the_largest_offset_and_the_mean_of_what_was_cut_off_count():
    account = add_up(
        make_account(offsets_removed_mv={"I": 3.0}, share_clipped=0.02),
        make_account(offsets_removed_mv={"I": -4.0}, share_clipped=0.04),
    )

    assert account.offsets_removed_mv == {"I": -4.0}
    assert account.share_clipped == 0.03


@dataclass(frozen=True)
class JudgedAccount(Account):
    """Of a checkpoint that judges signals: leads that show no heart, and what is wrong with them."""

    unusable: dict = field(default_factory=dict)


def judge(**unusable):
    return JudgedAccount(leads_used=("I", "II"), seconds_used=10.0, unusable=unusable)


def test_a_window_without_a_lead_that_shows_a_heart_is_not_scored():
    tally = Tally("a.hea", seconds=20.0, window_s=10.0, stride_s=10.0)

    is_scored = [tally.add(judge(I="flat", II="flat"), 0), tally.add(judge(I="flat"), 10)]

    assert is_scored == [False, True]
    assert tally.account().remarks == ("1 of 2 windows without a score (I is flat)",)


def test_a_lead_is_unusable_where_it_is_so_in_every_window():
    tally = Tally("a.hea", seconds=20.0, window_s=10.0, stride_s=10.0)
    for start_s, account in enumerate([judge(I="flat"), judge(I="covered by noise"), judge(I="flat")]):
        tally.add(account, 10.0 * start_s)

    assert tally.account().unusable == {"I": "flat"}
