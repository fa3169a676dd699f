"""Waves as sums of Gaussian kernels in time, each pulling the heart vector or single electrodes in one direction."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from datasets_scripts.simulator.patient.body import NUM_INDEPENDENT


FIT_STEP_MS = 2.0


class Kernels(NamedTuple):
    """Bell curves in time with a weight per direction.

    Attributes:
        weights (`np.ndarray` of shape `(num_kernels, 3)` or `(num_kernels, 8)`):
            Peak of the heart vector (x, y, z) or of each independent lead, in millivolts.
        centres, rises, falls (`np.ndarray` of shape `(num_kernels,)`):
            Time of the peak after QRS onset and standard deviations before and after it, in milliseconds.
    """

    weights: np.ndarray
    centres: np.ndarray
    rises: np.ndarray
    falls: np.ndarray

    def shifted(self, onset: float, stretch: float) -> "Kernels":
        """These kernels in a time that starts at `onset` and runs `stretch` times slower."""
        return Kernels(self.weights, (self.centres - onset) * stretch, self.rises * stretch, self.falls * stretch)

    def joined(self, other: "Kernels") -> "Kernels":
        """These kernels followed by `other`."""
        return Kernels(*map(np.concatenate, zip(self, other, strict=True))) if len(other.centres) else self

    def render(self, times: np.ndarray) -> np.ndarray:
        """Sum of the curves at `times` in each direction; shape `(num_directions, num_samples)`, `float32`."""
        centres, rises, falls = np.array(self[1:], dtype=np.float32)[:, :, None]
        return self.weights.T.astype(np.float32) @ bell(times, centres, rises, falls)

    def lasting(self, duration_ms: float, *, edge_share: float, search_ms: tuple[float, float]) -> "Kernels":
        """These kernels, shifted and stretched in time until they start at 0 and last for a duration.

        They last while the voltage over all directions, looked at within `search_ms`, is above a share of its peak.
        """
        times = np.arange(*search_ms, FIT_STEP_MS, dtype=np.float32)
        size = np.square(self.render(times)).sum(axis=0)
        within = np.flatnonzero(size > edge_share**2 * size.max())
        onset, offset = float(times[within[0]]), float(times[within[-1]])
        return self.shifted(onset, duration_ms / max(offset - onset, FIT_STEP_MS))


def one_kernel(weights: np.ndarray, centre: float, width: float, fall: float | None = None) -> Kernels:
    """A single kernel; `width` is used on both sides unless `fall` is given. Times in milliseconds."""
    return Kernels(
        np.asarray(weights, dtype=np.float64)[None],
        np.array([centre]),
        np.array([width]),
        np.array([width if fall is None else fall]),
    )


def no_kernels(size: int) -> Kernels:
    """An empty set whose weights have `size` columns."""
    return Kernels(np.empty((0, size)), np.empty(0), np.empty(0), np.empty(0))


def bell(
    times: np.ndarray, centre: float | np.ndarray, rise: float | np.ndarray, fall: float | np.ndarray
) -> np.ndarray:
    """Gaussian of height 1 with its own width on each side of the peak; arguments broadcast.

    Example:
        >>> bell(np.array([-1.0, 0.0, 2.0]), 0.0, 1.0, 2.0).round(3).tolist()
        [0.607, 1.0, 0.607]
    """
    distance = times - centre
    widths = distance / np.where(distance < 0, rise, fall)
    return np.exp(-0.5 * widths * widths)


@dataclass
class VentricularActivity:
    """All that makes one QRS-T complex, before it is projected on the leads.

    Attributes:
        dipole (`Kernels` with weights of shape `(num_kernels, 3)`):
            QRS of the heart vector; the first `NUM_PHASES` are the phases of activation, if conduction is normal.
        near_field (`Kernels` with weights of shape `(num_kernels, 8)`):
            QRS parts that only nearby electrodes see.
        qrs_duration_ms, qt_ms (`float`):
            Intervals from QRS onset.
        st_vector, t_vector (`np.ndarray` of shape `(3,)`):
            Heart vector of the ST segment and at the peak of T, in millivolts.
        st_near, t_near (`np.ndarray` of shape `(8,)`):
            Near-field parts of the same.
        biphasic_near (`np.ndarray` of shape `(8,)`):
            Near-field wave right after the peak of T, in millivolts; makes T biphasic.
        coved_near (`np.ndarray` of shape `(8,)`):
            Near-field wave that starts at the end of QRS and falls into T, in millivolts: a coved ST segment.
        t_width (`float`):
            Width of T relative to the usual one.
        st_dome_ms (`float`):
            How much later than usual ST reaches its voltage, in milliseconds: a convex ST segment.
        u_mv (`float`):
            U wave in lead V3 in millivolts, 0 for the small one that many people have.
        delay_ms (`float`):
            Activation through the normal pathways starts this long after QRS onset.
        strain (`float`):
            How far ST and T go against the QRS because the wall is thick; a reader sees it from about 0.3 on.
    """

    dipole: Kernels
    qrs_duration_ms: float
    st_vector: np.ndarray
    t_vector: np.ndarray
    qt_ms: float = 400.0
    time_scale: float = 1.0
    near_field: Kernels = field(default_factory=lambda: no_kernels(NUM_INDEPENDENT))
    st_near: np.ndarray = field(default_factory=lambda: np.zeros(NUM_INDEPENDENT))
    t_near: np.ndarray = field(default_factory=lambda: np.zeros(NUM_INDEPENDENT))
    biphasic_near: np.ndarray = field(default_factory=lambda: np.zeros(NUM_INDEPENDENT))
    coved_near: np.ndarray = field(default_factory=lambda: np.zeros(NUM_INDEPENDENT))
    t_width: float = 1.0
    st_dome_ms: float = 0.0
    u_mv: float = 0.0
    delay_ms: float = 0.0
    strain: float = 0.0
