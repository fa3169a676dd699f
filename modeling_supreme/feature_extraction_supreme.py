"""From strips in millivolts to the model's `signal`: lead order, sampling rate, length, filters, scaling."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from transformers import BatchFeature, FeatureExtractionMixin
from transformers.utils import TensorType, logging

from .leads import STANDARD_LEADS, derive_limb_leads, standardize_lead_names
from .signal_processing import bandpass_strip, estimate_baseline, resample_strip


logger = logging.get_logger(__name__)

MIN_SAMPLING_RATE, MAX_SAMPLING_RATE = 50, 20_000  # Hz; outside, the number is a period or is given in kHz
# The median over leads of the peak-to-peak voltage is 0.7 to 3 mV in PTB-XL and about 0.1 mV at the very lowest
# voltages. The median, so that one defective lead (30 mV occurs in CODE-15 %) does not condemn the strip.
MIN_PEAK_TO_PEAK_MV, MAX_PEAK_TO_PEAK_MV = 0.02, 20.0
RESAMPLING_MARGIN_S = 1.0  # more than the filter's reach, so that cropping early changes no sample


class SupremeEcgFeatureExtractor(FeatureExtractionMixin):
    """Turns strips in millivolts into batches of equal lead order, sampling rate, length and scale.

    There is no normalisation per record: the same voltage gives the same number in every strip, so that low voltage
    and hypertrophy stay visible.

    Args:
        leads (`Sequence[str]`, *optional*, defaults to `STANDARD_LEADS`):
            Leads of the model, in order.
        sampling_rate (`int`, *optional*, defaults to 500):
            Sampling rate of the model, in Hz. Strips at other rates are resampled.
        num_samples (`int`, *optional*, defaults to 5000):
            Length of the model's input, in samples. Longer strips lose their end, shorter ones are padded with zeros.
        do_bandpass (`bool`, *optional*, defaults to `False`):
            Whether to filter from `low_cutoff_hz` to `high_cutoff_hz` without phase shift, with the gain of a
            third-order Butterworth filter run forwards and backwards.
        low_cutoff_hz (`float`, *optional*, defaults to 0.5):
            Lower cutoff of the band-pass, in Hz; half the amplitude passes there.
        high_cutoff_hz (`float`, *optional*, defaults to 40.0):
            Upper cutoff of the band-pass, in Hz; half the amplitude passes there.
        do_remove_baseline (`bool`, *optional*, defaults to `False`):
            Whether to subtract each lead's baseline, found with running medians over 0.2 s and 0.6 s. Unlike a
            high-pass filter this hardly bends the ST segment.
        scale_mv (`float`, *optional*, defaults to 0.2):
            Voltage that becomes 1, in mV. The standard deviation of PTB-XL is 0.21 mV.
        clip_mv (`float`, *optional*, defaults to 5.0):
            Voltages beyond ± this many mV are cut off. Below it, ratios of voltages are kept exactly.

    Example:
        >>> extractor = SupremeEcgFeatureExtractor(num_samples=1000)
        >>> time = np.arange(300) / 100
        >>> strip = np.stack([np.sin(2 * np.pi * time), np.cos(2 * np.pi * time)])
        >>> features = extractor(strip, sampling_rate=100, leads=["II", "I"])
        >>> features["signal"].shape, features["lead_mask"][0, :7].tolist()
        ((1, 12, 1000), [True, True, True, True, True, True, False])
    """

    model_input_names = ["signal", "lead_mask", "sample_mask"]

    def __init__(
        self,
        leads: Sequence[str] = STANDARD_LEADS,
        sampling_rate: int = 500,
        num_samples: int = 5000,
        do_bandpass: bool = False,
        low_cutoff_hz: float = 0.5,
        high_cutoff_hz: float = 40.0,
        do_remove_baseline: bool = False,
        scale_mv: float = 0.2,
        clip_mv: float = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.leads = list(
            standardize_lead_names(leads)
        )  # JSON has no tuples: a reloaded extractor must equal this one
        self.sampling_rate = sampling_rate
        self.num_samples = num_samples
        self.do_bandpass = do_bandpass
        self.low_cutoff_hz = low_cutoff_hz
        self.high_cutoff_hz = high_cutoff_hz
        self.do_remove_baseline = do_remove_baseline
        self.scale_mv = scale_mv
        self.clip_mv = clip_mv
        self.validate_settings()

    def validate_settings(self) -> None:
        """Refuse settings that no strip could be processed with."""
        check_sampling_rate(self.sampling_rate)
        for name in ("num_samples", "scale_mv", "clip_mv"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` is {getattr(self, name)}. Give a number above 0.")
        if not 0 < self.low_cutoff_hz < self.high_cutoff_hz < self.sampling_rate / 2:
            raise ValueError(
                f"A band-pass from `low_cutoff_hz` {self.low_cutoff_hz} to `high_cutoff_hz` {self.high_cutoff_hz} Hz"
                f" does not exist at {self.sampling_rate} Hz. Choose 0 < low < high < {self.sampling_rate / 2:g} Hz."
            )

    def __call__(
        self,
        strips: Any,
        *,
        sampling_rate: float,
        leads: Sequence[str],
        record_id: str | Sequence[str] | None = None,
        return_tensors: str | TensorType | None = None,
    ) -> BatchFeature:
        """Put strips into the form the model takes.

        Args:
            strips (`np.ndarray` of shape `(num_leads, num_samples)`, or a batch or list of them):
                Voltages as floats, in millivolts. The strips of a list may differ in length. Tensors and nested lists
                are taken too.
            sampling_rate (`float`):
                Sampling rate of `strips`, in Hz.
            leads (`Sequence[str]`):
                Names of the rows of every strip. Limb leads that are absent are computed where two of I, II and III
                are given; what is still absent is zero and false in `lead_mask`.
            record_id (`str` or `Sequence[str]`, *optional*):
                One per strip; named in messages.
            return_tensors (`str`, *optional*):
                `"np"` or `"pt"`; NumPy arrays where left out.

        Returns:
            `BatchFeature`: `signal`, float32 of shape `(batch_size, num_leads, num_samples)`, in units of `scale_mv`;
            `lead_mask`, bool of shape `(batch_size, num_leads)`, true where a lead was recorded or computed;
            `sample_mask`, bool of shape `(batch_size, num_samples)`, true where the strip lasts.

        Raises:
            TypeError: If the samples are integers, which are not millivolts, or `sampling_rate` is no number.
            ValueError: If a strip does not fit `leads`, has missing samples, is flat, or is not in millivolts; if a
                lead is unknown or repeated; or if the sampling rate is not one of an ECG.
        """
        check_sampling_rate(sampling_rate)
        strips = _list_strips(strips)
        places = _name_strips(record_id, len(strips))
        names = standardize_lead_names(leads)
        signal = np.zeros((len(strips), len(self.leads), self.num_samples), dtype=np.float32)
        lead_mask = np.zeros((len(strips), len(self.leads)), dtype=bool)
        sample_mask = np.zeros((len(strips), self.num_samples), dtype=bool)
        flat_leads = {}
        for index, (strip, place) in enumerate(zip(strips, places, strict=True)):
            strip = self._crop(check_strip(strip, names, place), sampling_rate)
            is_flat = check_voltages(strip, names, place)
            if is_flat.any():
                flat_leads[place] = [name for name, flat in zip(names, is_flat, strict=True) if flat]
            strip, rows = self._select(strip, names, is_flat, place)
            strip = self._filter(resample_strip(strip, sampling_rate, self.sampling_rate)[:, : self.num_samples])
            signal[index, rows, : strip.shape[1]] = np.clip(strip, -self.clip_mv, self.clip_mv)
            lead_mask[index, rows] = True
            sample_mask[index, : strip.shape[1]] = True
        signal *= np.float32(1 / self.scale_mv)
        _warn_of_flat_leads(flat_leads)
        features = {"signal": signal, "lead_mask": lead_mask, "sample_mask": sample_mask}
        return BatchFeature(features, tensor_type=return_tensors)

    def _crop(self, strip: np.ndarray, sampling_rate: float) -> np.ndarray:
        """The samples that can reach the model's input, still at the rate of the strip."""
        if sampling_rate == self.sampling_rate:
            return strip[:, : self.num_samples]
        duration_s = self.num_samples / self.sampling_rate + RESAMPLING_MARGIN_S
        return strip[:, : math.ceil(duration_s * sampling_rate)]

    def _select(
        self, strip: np.ndarray, names: tuple[str, ...], is_flat: np.ndarray, place: str
    ) -> tuple[np.ndarray, slice | list[int]]:
        """The leads of the model that the strip has or implies, and the rows of `signal` where they belong."""
        if names == tuple(self.leads) and not is_flat.any():
            return strip, slice(None)
        if is_flat.any():
            strip = strip[~is_flat]
        recorded = [name for name, flat in zip(names, is_flat, strict=True) if not flat]
        # A lead that was recorded flat stays masked: its electrode was off, and so were the leads computed from it.
        strip, available = derive_limb_leads(strip, recorded)
        off = set(names) - set(recorded)
        rows = [row for row, lead in enumerate(self.leads) if lead in available and lead not in off]
        if not rows:
            raise ValueError(
                f"{place}: none of the model's leads ({', '.join(self.leads)}) can be had from {', '.join(recorded)}."
                " Give a strip with at least one of them, or load a model for the leads you have."
            )
        return strip[[available.index(self.leads[row]) for row in rows]], rows

    def _filter(self, strip: np.ndarray) -> np.ndarray:
        """Apply the filters that are switched on; padding has not been added yet, so it stays zero."""
        if self.do_remove_baseline:
            strip = strip - estimate_baseline(strip, self.sampling_rate)
        if self.do_bandpass:
            strip = bandpass_strip(strip, self.sampling_rate, self.low_cutoff_hz, self.high_cutoff_hz)
        return strip


def check_sampling_rate(sampling_rate: float) -> None:
    """Refuse what cannot be the sampling rate of an ECG, in Hz.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it lies outside 50 to 20,000 Hz.
    """
    if not isinstance(sampling_rate, Real) or isinstance(sampling_rate, bool):
        raise TypeError(
            f"`sampling_rate` is {sampling_rate!r}, not a number. Give the samples per second of the record's header."
        )
    if not MIN_SAMPLING_RATE <= sampling_rate <= MAX_SAMPLING_RATE:
        raise ValueError(
            f"`sampling_rate` is {sampling_rate} Hz, outside {MIN_SAMPLING_RATE} to {MAX_SAMPLING_RATE} Hz."
            " Give the samples per second of the record's header, not kHz and not the time between samples."
        )


def check_strip(strip: Any, names: tuple[str, ...], place: str) -> np.ndarray:
    """Refuse what is not one row of floats per lead.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`, tensor or nested lists):
            Voltages, in millivolts.
        names (`tuple[str, ...]`):
            Names of the rows.
        place (`str`):
            What messages call the strip.

    Returns:
        `np.ndarray` of shape `(num_leads, num_samples)`: The strip as contiguous float32, in millivolts.

    Raises:
        TypeError: If the samples are no floats: integers are raw units or microvolts.
        ValueError: If the shape does not fit `names`, or there is no sample.
    """
    try:
        strip = strip.detach().cpu().numpy() if isinstance(strip, torch.Tensor) else np.asarray(strip)
    except ValueError as error:
        raise ValueError(f"{place}: its rows differ in length. Cut or pad all leads to the same samples.") from error
    if not np.issubdtype(strip.dtype, np.floating):
        raise TypeError(
            f"{place}: samples are {strip.dtype}, so raw units or microvolts, not millivolts as floats."
            " Divide by the gain of the header (`strip / 1000` for microvolts)."
        )
    if strip.ndim != 2 or strip.shape[0] != len(names):
        is_transposed = strip.ndim == 2 and strip.shape[1] == len(names)
        remedy = "It looks transposed: pass `strip.T`." if is_transposed else "Give one row per name in `leads`."
        raise ValueError(
            f"{place}: a strip of shape {strip.shape} has not the {len(names)} rows of {', '.join(names)}. {remedy}"
        )
    if not strip.shape[1]:
        raise ValueError(f"{place}: the strip has no samples. Leave the record out, or read it again.")
    return np.ascontiguousarray(strip, dtype=np.float32)


def check_voltages(
    strip: np.ndarray, names: Sequence[str], place: str, *, unit_remedy: str | None = None
) -> np.ndarray:
    """Refuse a strip with missing samples, without any signal, or in another unit than millivolts.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages as floats, in millivolts.
        names (`Sequence[str]`):
            Names of the rows.
        place (`str`):
            What messages call the strip.
        unit_remedy (`str`, *optional*):
            What to do about another unit; by default, how to scale the array.

    Returns:
        `np.ndarray` of shape `(num_leads,)`: True for every flat lead.

    Raises:
        ValueError: If a sample is not finite, every lead is flat, or the voltages are none of an ECG in millivolts.
    """
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        peak_to_peak_mv = strip.max(axis=1) - strip.min(axis=1)  # (num_leads,); not finite if any sample is not
    if not np.isfinite(peak_to_peak_mv).all():
        row, sample = np.argwhere(~np.isfinite(strip))[0]
        raise ValueError(
            f"{place}: lead {names[row]} has no finite voltage at sample {sample} ({strip[row, sample]})."
            " Interpolate missing samples, or leave the lead out of the strip and of `leads`."
        )
    is_flat = peak_to_peak_mv == 0
    if is_flat.all():
        raise ValueError(
            f"{place}: every lead is flat, so nothing was recorded. Leave the record out, or read it again."
        )
    median_mv = float(np.median(peak_to_peak_mv[~is_flat]))
    problem = f"{place}: the median peak-to-peak voltage is {median_mv:.3g} mV, which looks like"
    if median_mv < MIN_PEAK_TO_PEAK_MV:
        remedy = "Give millivolts: multiply by 1000. If the unit is right, nothing was recorded: leave the record out."
        raise ValueError(f"{problem} volts. {unit_remedy or remedy}")
    if median_mv > MAX_PEAK_TO_PEAK_MV:
        remedy = "Give millivolts: divide microvolts by 1000, raw units by the gain of the header."
        raise ValueError(f"{problem} microvolts or raw ADC units. {unit_remedy or remedy}")
    return is_flat


def _list_strips(strips: Any) -> list[Any]:
    """One entry per strip, whether one strip, a batch or a list was given."""
    num_dims = strips.ndim if isinstance(strips, np.ndarray | torch.Tensor) else _nested_dims(strips)
    if num_dims == 1:
        raise ValueError(
            "A strip has one dimension, not two. Write `strip[None]` and name its only row, as in `leads=['II']`."
        )
    if num_dims not in (2, 3):
        raise ValueError(
            f"`strips` has {num_dims} dimensions. Give a strip of shape (num_leads, num_samples), or a batch of them."
        )
    return [strips] if num_dims == 2 else list(strips)


def _nested_dims(values: Any) -> int:
    """The number of dimensions of nested lists, whose rows may differ in length."""
    if isinstance(values, np.ndarray | torch.Tensor):
        return values.ndim
    if not isinstance(values, list | tuple):
        return 0
    if not values:
        raise ValueError("`strips` is empty. Give at least one strip of shape (num_leads, num_samples).")
    return 1 + _nested_dims(values[0])


def _name_strips(record_id: str | Sequence[str] | None, num_strips: int) -> list[str]:
    """What messages call each strip."""
    if record_id is None:
        return [f"Strip {index}" for index in range(num_strips)]
    record_ids = [record_id] if isinstance(record_id, str) else list(record_id)
    if len(record_ids) != num_strips:
        raise ValueError(
            f"`record_id` names {len(record_ids)} records, but there are {num_strips} strips. Name each strip once."
        )
    return [f"Record {name}" for name in record_ids]


def _warn_of_flat_leads(flat_leads: dict[str, list[str]]) -> None:
    """Name, once per call, the leads that were masked because their electrode was off."""
    if flat_leads:
        places = "; ".join(f"{place}: {', '.join(names)}" for place, names in flat_leads.items())
        logger.warning(f"Flat leads are masked as if they were absent ({places}). Leave them out of `leads` if known.")
