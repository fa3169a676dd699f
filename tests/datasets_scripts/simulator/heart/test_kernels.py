"""The bell curves that waves are made of."""

import numpy as np

from datasets_scripts.simulator.heart.kernels import bell


def test_a_bell_has_a_width_on_each_side():
    heights = bell(np.array([-10.0, 0.0, 20.0]), 0.0, 10.0, 20.0)

    np.testing.assert_allclose(heights, [np.exp(-0.5), 1.0, np.exp(-0.5)])
