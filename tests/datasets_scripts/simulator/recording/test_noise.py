"""`draw_noise`: its scale multiplies all of it."""

import numpy as np

from datasets_scripts.simulator.recording.noise import draw_noise


def test_noise_scales():
    rngs = (np.random.default_rng(3) for _ in range(2))

    half, whole = (draw_noise(rng, 5000, scale) for rng, scale in zip(rngs, (0.5, 1.0), strict=True))

    np.testing.assert_allclose(whole, 2 * half, rtol=1e-5)
