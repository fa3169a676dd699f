"""Leads are found by name, whatever their spelling and order; limb leads follow from each other exactly."""

import numpy as np
import pytest

from modeling_supreme.leads import (
    LIMB_LEADS,
    STANDARD_LEADS,
    derive_limb_leads,
    is_standard_lead,
    select_leads,
    standardize_lead_name,
    standardize_lead_names,
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
    ],
)
def test_known_spellings_of_a_lead_become_the_standard_one(name, standard):
    assert standardize_lead_name(name) == standard


@pytest.mark.parametrize("name", ["-aVR", "MLII", "vx", "V7", "V3R", "V0", "", "IV", "1", "aV", "X", "ECG"])
def test_another_lead_is_never_taken_for_a_standard_one(name):
    with pytest.raises(ValueError, match=r"Unknown lead .*12 standard leads are I, II, .*Leave the row out"):
        standardize_lead_name(name)


@pytest.mark.parametrize(("name", "is_standard"), [("avr", True), ("DII", True), ("vx", False), ("-aVR", False)])
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


def test_one_string_is_not_a_list_of_leads():
    with pytest.raises(TypeError, match=r"`leads` is the string 'II'.*leads=\['II'\]"):
        standardize_lead_names("II")


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
