"""The way of the heart vector to the leads: twelve leads from eight, electrodes, rotations."""

import numpy as np
import pytest

from datasets_scripts.simulator.patient.body import ROW, limb_lead_matrix, precordial_bump, rotation_matrix


def test_the_augmented_leads_add_up_to_zero():
    augmented = limb_lead_matrix()[[ROW["aVR"], ROW["aVL"], ROW["aVF"]]]

    assert np.abs(augmented.sum(axis=0)).max() == 0


def test_a_precordial_bump_is_highest_under_its_electrode():
    weights = precordial_bump(3.0, 1.0)

    assert weights[:2].tolist() == [0.0, 0.0]
    assert weights[4] == 1.0
    assert weights[3] == pytest.approx(np.exp(-0.5))


def test_a_quarter_turn_in_the_frontal_plane_moves_left_to_down():
    turned = rotation_matrix(np.pi / 2, 0.0, 0.0) @ [1.0, 0.0, 0.0]

    np.testing.assert_allclose(turned, [0.0, 1.0, 0.0], atol=1e-12)
