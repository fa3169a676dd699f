"""Leads are found by name, whatever their spelling and order; limb leads follow from each other exactly."""

import numpy as np
import pytest

from modeling_supreme.leads import (
    LIMB_LEADS,
    STANDARD_LEADS,
    derive_limb_leads,
    is_standard_lead,
    read_lead_name,
    read_lead_names,
    select_leads,
    standardize_lead_name,
    standardize_lead_names,
    suspect_leads,
)


MIMIC_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
UPPER_CASE_LEADS = tuple(lead.upper() for lead in STANDARD_LEADS)
PTB_LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6", "vx", "vy", "vz")


def make_strip(leads, num_samples=4):
    """A strip whose every row is filled with the position of its lead among the standard leads."""
    names = [lead.upper() for lead in leads]
    positions = [UPPER_CASE_LEADS.index(name) if name in UPPER_CASE_LEADS else 99 for name in names]
    return np.stack([np.full(num_samples, position, dtype=np.float32) for position in positions])


def make_limb_leads(leads):
    """Rows of a recording with I = 0.3, 0.7 mV and II = 1.1, -0.2 mV, by the textbook identities."""
    i, ii = np.array([0.3, 0.7]), np.array([1.1, -0.2])
    iii = ii - i
    rows = {"I": i, "II": ii, "III": iii, "aVR": -(i + ii) / 2, "aVL": (i - iii) / 2, "aVF": (ii + iii) / 2}
    return np.stack([rows[lead] for lead in leads])


def test_the_standard_order_is_limb_augmented_precordial():
    assert STANDARD_LEADS == ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


@pytest.mark.parametrize(
    ("name", "standard"),
    [
        ("aVR", "aVR"),
        ("AVR", "aVR"),
        ("avr", "aVR"),
        (" avf ", "aVF"),
        ("i", "I"),
        ("v6", "V6"),
        ("Lead I", "I"),
        ("LEAD_II", "II"),
        ("lead aVL", "aVL"),
        ("MDC_ECG_LEAD_V3", "V3"),
        ("DI", "I"),
        ("DIII", "III"),
        ("D1", "I"),
        ("L2", "II"),
        ("C1", "V1"),
        ("c6", "V6"),
        ("\u2161", "II"),  # one character
        ("EKG I", "I"),
        ("ECG_V4", "V4"),
        ("ECG:aVL", "aVL"),
        ("V1-REF", "V1"),
        ("V1-AVG", "V1"),
        ("I (mV)", "I"),
        ("V2 [uV]", "V2"),
        ("V3_mV", "V3"),
        ("'II'", "II"),
        ("V 5", "V5"),
        ("Lead-III", "III"),
        ("12L aVF", "aVF"),
        ("MDC_ECG_LEAD_AVL", "aVL"),
        ("MLII", "II"),
        ("MCL1", "V1"),
        ("VF", "aVF"),
    ],
)
def test_known_spellings_of_a_lead_become_the_standard_one(name, standard):
    assert standardize_lead_name(name) == standard


@pytest.mark.parametrize(
    "name", ["-aVR", "vx", "V7", "V3R", "V0", "", "IV", "1", "aV", "X", "ECG", "C3-A2", "ECG I-II"]
)
def test_another_lead_is_never_taken_for_a_standard_one(name):
    with pytest.raises(ValueError, match=r"Unknown lead .*12 standard leads are I, II, .*Leave the row out"):
        standardize_lead_name(name)


@pytest.mark.parametrize(("name", "is_standard"), [("avr", True), ("DII", True), ("vx", False), ("-aVR", True)])
def test_standard_leads_are_told_from_others_in_any_spelling(name, is_standard):
    assert is_standard_lead(name) is is_standard


def test_names_keep_their_order():
    assert standardize_lead_names(["v2", "AVL", "I"]) == ("V2", "aVL", "I")


def test_a_lead_named_twice_is_refused_with_the_record():
    with pytest.raises(ValueError, match=r"Record s0001: Lead aVR stands more than once .*\(AVR, I, avr\).*once"):
        standardize_lead_names(["AVR", "I", "avr"], record_id="s0001")


def test_an_unknown_name_is_refused_with_the_record():
    with pytest.raises(ValueError, match=r"Record s0001: Unknown lead 'vx'.*Leave the row out"):
        standardize_lead_names(["I", "vx"], record_id="s0001")


def test_one_string_names_leads_between_commas():
    assert standardize_lead_names("II") == ("II",)
    assert standardize_lead_names("i, AVF,v6") == ("I", "aVF", "V6")


@pytest.mark.parametrize("leads", [7, None, {"I": 0}])
def test_what_holds_no_names_is_refused(leads):
    with pytest.raises(TypeError, match=r"`leads` is a .*, not a list of names\. Write `leads=\['I', 'II'\]`"):
        standardize_lead_names(leads)


@pytest.mark.parametrize("name", ["-aVR", "aVR (inverted)", "minus aVR", "MDC_ECG_LEAD_MINUS_AVR", "\u2212avr"])
def test_an_inverted_lead_is_known_as_one(name):
    read = read_lead_name(name)

    assert (read.lead, read.sign, read.remark) == ("aVR", -1, "turned upside down")


@pytest.mark.parametrize(("name", "unit"), [("I (mV)", "mV"), ("V1 [uV]", "uV"), ("aVL_mv", "mv"), ("V2", None)])
def test_a_unit_behind_a_name_is_kept(name, unit):
    assert read_lead_name(name).unit == unit


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("vx", "one of Frank's orthogonal leads, which is none of the 12"),
        ("Frank Z", "one of Frank's orthogonal leads, which is none of the 12"),
        ("V4R", "an ECG lead, but none of the 12"),
        ("SpO2", "none of the 12 standard leads"),
    ],
)
def test_why_a_channel_is_no_lead_is_said(name, remark):
    assert read_lead_name(name).remark == remark


def test_places_on_the_scalp_are_no_chest_leads():
    names = ["C3", "C4", "O1-A2", "ECG II"]

    assert [read.lead for read in read_lead_names(names)] == [None, None, None, "II"]


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["II", "V1", "II"], [True, True, False]),
        (["MLII", "II"], [False, True]),
        (["-aVR", "aVR"], [False, True]),
    ],
)
def test_a_lead_that_comes_twice_is_taken_once_the_plain_one_first(names, taken):
    assert [read.lead is not None for read in read_lead_names(names)] == taken


LIMBS = ("I", "II", "III", "aVR", "aVL", "aVF")


def make_limbs():
    """Six limb leads of random voltages; the chest lead V6 follows lead I."""
    i, ii = np.random.default_rng(0).normal(size=(2, 400))
    i = np.abs(i)  # mostly upright, as is V6
    rows = {"I": i, "II": ii, "III": ii - i, "aVR": -(i + ii) / 2, "aVL": i - ii / 2, "aVF": ii - i / 2}
    return np.stack([*(rows[lead] for lead in LIMBS), i * 1.2])


def test_true_leads_raise_no_suspicion():
    assert suspect_leads(make_limbs(), (*LIMBS, "V6")) == []


@pytest.mark.parametrize(("first", "second"), [("aVL", "aVF"), ("I", "II"), ("II", "aVR"), ("III", "aVF")])
def test_two_exchanged_limb_leads_are_named(first, second):
    names = [{first: second, second: first}.get(lead, lead) for lead in LIMBS]

    (suspicion,) = suspect_leads(make_limbs()[:6], names)

    exchanged = {f"{first} and {second} were exchanged", f"{second} and {first} were exchanged"}
    assert suspicion.removeprefix("the limb leads contradict each other, as if ") in exchanged


@pytest.mark.parametrize("lead", LIMBS)
def test_a_limb_lead_upside_down_is_named(lead):
    strip = make_limbs()[:6]
    strip[LIMBS.index(lead)] *= -1

    assert suspect_leads(strip, LIMBS) == [f"the limb leads contradict each other, as if {lead} was upside down"]


def test_what_no_exchange_explains_is_still_said():
    strip = make_limbs()[:6]
    strip[2] = np.random.default_rng(1).normal(size=400)

    assert suspect_leads(strip, LIMBS) == ["the limb leads contradict each other, as if a limb lead is none"]


def test_exchanged_arm_electrodes_turn_lead_one_over():
    i, ii, iii, avr, avl, avf, v6 = make_limbs()

    (suspicion,) = suspect_leads(np.stack([-i, iii, ii, avl, avr, avf, v6]), (*LIMBS, "V6"))

    assert suspicion.startswith("lead I is upside down, as if the arm electrodes were exchanged")


@pytest.mark.parametrize(
    "leads",
    [STANDARD_LEADS, MIMIC_LEADS, STANDARD_LEADS[::-1], UPPER_CASE_LEADS, PTB_LEADS],
    ids=["standard", "mimic", "reversed", "ptb-xl", "ptb"],
)
def test_rows_follow_the_wanted_order(leads):
    strip = select_leads(make_strip(leads), leads, STANDARD_LEADS, record_id="s0001")

    assert strip[:, 0].tolist() == list(range(12))


def test_a_selection_is_a_copy():
    strip = make_strip(STANDARD_LEADS)

    select_leads(strip, STANDARD_LEADS, STANDARD_LEADS, record_id="s0001")[:] = -1

    assert strip.min() == 0


def test_a_missing_lead_is_reported_with_the_record_and_a_remedy():
    with pytest.raises(ValueError, match=r"Record s0001 has no lead V6.*header lists I, II.*leads that it has"):
        select_leads(make_strip(["I", "II"]), ["I", "II"], ["I", "V6"], record_id="s0001")


@pytest.mark.parametrize("sources", [("I", "II"), ("I", "III"), ("II", "III"), ("III", "I")])
def test_two_bipolar_leads_give_all_six_limb_leads(sources):
    strip, leads = derive_limb_leads(make_limb_leads(sources), sources)

    assert set(leads) == set(LIMB_LEADS)
    np.testing.assert_allclose(strip, make_limb_leads(leads), atol=1e-15)


def test_recorded_leads_are_kept_as_they_are():
    recorded = np.array([[0.3], [1.1], [9.0]])  # aVF disagrees with I and II: a recording is never overwritten

    strip, leads = derive_limb_leads(recorded, ("I", "II", "aVF"))

    assert leads == ("I", "II", "aVF", "III", "aVR", "aVL")
    np.testing.assert_array_equal(strip[:3], recorded)


def test_precordial_leads_stay_in_place():
    strip, leads = derive_limb_leads(np.array([[5.0], [1.0], [2.0]]), ("V1", "I", "II"))

    assert leads[:3] == ("V1", "I", "II")
    assert strip[0, 0] == 5.0


@pytest.mark.parametrize("leads", [("II",), ("II", "aVF"), ("V1", "V2")])
def test_nothing_is_derived_from_fewer_than_two_bipolar_leads(leads):
    strip, names = derive_limb_leads(np.ones((len(leads), 3)), leads)

    assert names == leads
    assert strip.shape == (len(leads), 3)


def test_derived_leads_have_the_precision_of_the_strip():
    strip, _ = derive_limb_leads(np.ones((2, 3), dtype=np.float32), ("I", "II"))

    assert strip.dtype == np.float32
