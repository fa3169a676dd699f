"""From strips in millivolts to the model's `signal`: lead order, sampling rate, length, filters, scaling."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np
from transformers import BatchFeature, FeatureExtractionMixin
from transformers.utils import TensorType, logging

from .admission import admit, parse_rate, read_strip
from .ecg_files import read_ecg
from .leads import STANDARD_LEADS, derive_limb_leads, list_lead_names, require_leads, standardize_lead_names
from .recordings import NEGLIGIBLE_S, Account, EcgRecording, NothingRecordedError, recording_from_row
from .signal_processing import bandpass_strip, bridge, estimate_baseline, resample_strip


logger = logging.get_logger(__name__)

# The median over leads of the peak-to-peak voltage is 0.7 to 3 mV in PTB-XL and about 0.1 mV at the very lowest
# voltages. The median, so that one defective lead (30 mV occurs in CODE-15 %) does not condemn the strip.
MIN_PEAK_TO_PEAK_MV, MAX_PEAK_TO_PEAK_MV = 0.02, 20.0
ARRAY_KEYS = ("array", "strip", "signal")  # of a dictionary that holds a strip
RESAMPLING_MARGIN_S = 1.0  # more than the filter's reach, so that cropping early changes no sample
# A second holds about one beat, whose waves can be judged; a rhythm takes several. Ours.
MIN_STRIP_S, MIN_RHYTHM_S = 1.0, 5.0


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

    model_input_names = ["signal", "lead_mask", "sample_mask", "recorded_mask"]

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
        parse_rate(self.sampling_rate, place="The feature extractor")
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
        sampling_rate: Any = None,
        leads: Any = None,
        unit: str | None = None,
        record_id: str | Sequence[str] | None = None,
        return_tensors: str | TensorType | None = None,
    ) -> BatchFeature:
        """Put strips into the form the model takes.

        Args:
            strips (`np.ndarray` of shape `(num_leads, num_samples)`, or a batch or list of them):
                Voltages as floats, in millivolts, NaN where a sample is missing. The strips of a list may differ in
                length. Any array will do: nested lists, tensors, masked arrays. An [`EcgRecording`], or a list of
                them, brings its own rate and leads.
            sampling_rate (`float`, *optional*):
                Sampling rate of `strips`, in Hz; needed unless recordings are given.
            leads (`Sequence[str]` or `str`, *optional*):
                Names of the rows of every strip; needed unless recordings are given. Limb leads that are absent are
                computed where two of I, II and III are given; what is still absent is zero and false in `lead_mask`.
            unit (`str`, *optional*):
                Unit of `strips`: `"mV"`, `"uV"` or `"V"`. By default they are floats in millivolts.
            record_id (`str` or `Sequence[str]`, *optional*):
                One per strip; named in messages.
            return_tensors (`str`, *optional*):
                `"np"` or `"pt"`; NumPy arrays where left out.

        Returns:
            `BatchFeature`: `signal`, float32 of shape `(batch_size, num_leads, num_samples)`, in units of `scale_mv`;
            `lead_mask`, bool of shape `(batch_size, num_leads)`, true where a lead was recorded or computed;
            `recorded_mask`, bool of shape `(batch_size, num_leads, num_samples)`, true where it was at that time;
            `sample_mask`, bool of shape `(batch_size, num_samples)`, true where any lead was. Its attribute
            `accounts` says what of each strip was used; where that is less than all, it is logged.

        Raises:
            TypeError: If the samples are integers, which are not millivolts, or `sampling_rate` is no number.
            ValueError: If a strip does not fit `leads`, is flat, shorter than a second, or not in millivolts; if a
                lead is unknown or repeated; or if the sampling rate is not one of an ECG.
        """
        listed = _list_strips(strips)
        places = _name_strips(record_id, len(listed))
        recordings = [
            strip
            if isinstance(strip, EcgRecording)
            else _admit_named(strip, place, sampling_rate=sampling_rate, leads=leads, unit=unit)
            for strip, place in zip(listed, places, strict=True)
        ]
        features = self.prepare(recordings, places=places, return_tensors=return_tensors)
        for account in features.accounts:
            if account.losses():
                logger.warning(account.line())
        return features

    def prepare(
        self,
        recordings: Sequence[EcgRecording],
        *,
        places: Sequence[str] | None = None,
        return_tensors: str | TensorType | None = None,
    ) -> Any:
        """Put recordings into the form the model takes, as calling the extractor does, without logging.

        Args:
            recordings (`Sequence[EcgRecording]`):
                Of any rates, lengths and leads.
            places (`Sequence[str]`, *optional*):
                What messages call them.
            return_tensors (`str`, *optional*):
                `"np"` or `"pt"`; NumPy arrays where left out.

        Returns:
            `BatchFeature`: As the extractor returns it, with the attribute `accounts`.

        Raises:
            ValueError: If a recording is shorter than a second, not in millivolts, or has none of the model's leads.
        """
        places = places or _name_strips(None, len(recordings))
        shape = (len(recordings), len(self.leads), self.num_samples)
        signal, recorded_mask = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=bool)
        accounts = [
            self._prepare_one(recording, place, signal[index], recorded_mask[index])
            for index, (recording, place) in enumerate(zip(recordings, places, strict=True))
        ]
        signal *= np.float32(1 / self.scale_mv)
        features: Any = BatchFeature(
            {
                "signal": signal,
                "lead_mask": recorded_mask.any(axis=2),
                "sample_mask": recorded_mask.any(axis=1),
                "recorded_mask": recorded_mask,
            },
            tensor_type=return_tensors,
        )
        features.accounts = accounts
        return features

    def _prepare_one(
        self, recording: EcgRecording, place: str, signal: np.ndarray, recorded_mask: np.ndarray
    ) -> Account:
        """Fill one row of the batch, `(num_leads, num_samples)`, and complete the account."""
        account, rate = recording.account, recording.sampling_rate
        place = account.source or place
        strip = self._crop(np.asarray(recording.strip_mv, dtype=np.float32), rate)
        check_voltages(strip, recording.leads, place)
        strip, available = derive_limb_leads(strip, recording.leads)
        rows = [row for row, lead in enumerate(self.leads) if lead in available]
        if not rows:
            raise ValueError(
                f"{place}: none of the model's leads ({', '.join(self.leads)}) can be had from"
                f" {', '.join(recording.leads)}. Give a strip with at least one of them, or load a model for the leads"
                " you have."
            )
        strip = strip[[available.index(self.leads[row]) for row in rows]]
        is_missing = np.isnan(strip)
        has_gaps = bool(is_missing.any())
        strip = self._filter(self._resample(bridge(strip) if has_gaps else strip, rate))
        num_samples = strip.shape[1]
        is_recorded, num_recorded = np.ones((len(rows), 1), dtype=bool), num_samples
        if has_gaps:
            places_before = np.minimum(np.arange(num_samples) * rate / self.sampling_rate, is_missing.shape[1] - 1)
            is_recorded = ~is_missing[:, np.round(places_before).astype(int)]
            num_recorded = is_recorded.sum(axis=1).max()
            strip = np.where(is_recorded, strip, np.float32(0))
        recorded_s = num_recorded / self.sampling_rate
        if recorded_s < MIN_STRIP_S - NEGLIGIBLE_S:
            raise ValueError(
                f"{place}: the longest lead lasts {recorded_s:.2f} s. A strip of at least {MIN_STRIP_S:g} s is needed,"
                f" and of {MIN_RHYTHM_S:g} s for rhythms: leave the record out, or read more of it."
            )
        signal[rows, :num_samples] = np.clip(strip, -self.clip_mv, self.clip_mv)
        recorded_mask[rows, :num_samples] = is_recorded
        used = [self.leads[row] for row, recorded in zip(rows, is_recorded, strict=True) if recorded.any()]
        return self._complete(
            account,
            used=used,
            recording=recording,
            seconds_used=min(num_samples / self.sampling_rate, recording.num_samples / rate),
            recorded_s=recorded_s,
            share_clipped=float(np.count_nonzero(np.abs(strip) > self.clip_mv)) / strip.size,
        )

    def _complete(
        self,
        account: Account,
        *,
        used: list[str],
        recording: EcgRecording,
        seconds_used: float,
        recorded_s: float,
        share_clipped: float,
    ) -> Account:
        """What the model sees of a recording."""
        unknown = {lead: "no lead of the model" for lead in recording.leads if lead not in self.leads}
        remarks = account.remarks
        if recorded_s < MIN_RHYTHM_S:
            remarks = (*remarks, f"{recorded_s:.2f} s show the shapes of waves; a rhythm takes {MIN_RHYTHM_S:g} s")
        return replace(
            account,
            leads_found=account.leads_found or recording.leads,
            leads_used=tuple(used),
            leads_derived=tuple(lead for lead in used if lead not in recording.leads),
            left_out={**account.left_out, **unknown},
            seconds_found=account.seconds_found or recording.num_samples / recording.sampling_rate,
            seconds_used=seconds_used,
            sampling_rate_found=recording.sampling_rate,
            sampling_rate_used=self.sampling_rate,
            share_clipped=share_clipped,
            remarks=remarks,
        )

    def _crop(self, strip: np.ndarray, sampling_rate: float) -> np.ndarray:
        """The samples that can reach the model's input, still at the rate of the strip."""
        if sampling_rate == self.sampling_rate:
            return strip[:, : self.num_samples]
        duration_s = self.num_samples / self.sampling_rate + RESAMPLING_MARGIN_S
        return strip[:, : math.ceil(duration_s * sampling_rate)]

    def _resample(self, strip: np.ndarray, sampling_rate: float) -> np.ndarray:
        """The strip at the model's rate, no longer than its input."""
        return resample_strip(strip, sampling_rate, self.sampling_rate)[:, : self.num_samples]

    def _filter(self, strip: np.ndarray) -> np.ndarray:
        """Apply the filters that are switched on; padding has not been added yet, so it stays zero."""
        if self.do_remove_baseline:
            strip = strip - estimate_baseline(strip, self.sampling_rate)
        if self.do_bandpass:
            strip = bandpass_strip(strip, self.sampling_rate, self.low_cutoff_hz, self.high_cutoff_hz)
        return strip


def admit_strip(
    strip: Any, names: Sequence[str], *, sampling_rate: Any, unit: str | None, source: str | None
) -> EcgRecording:
    """The recording in any array.

    Args:
        strip (`Any`):
            What [`read_strip`] reads.
        names (`Sequence[str]`):
            Names of its rows.
        sampling_rate (`float`, or what [`parse_rate`] reads):
            In Hz.
        unit (`str`, *optional*):
            Unit of its voltages, if the caller said so; floats are millivolts otherwise.
        source (`str`, *optional*):
            What messages and the account call it.

    Raises:
        TypeError: If the samples are no numbers, or integers of an unknown unit.
        ValueError: If the shape does not fit `names`, or nothing was recorded.
    """
    return admit(
        read_strip(strip, names, place=source or "The recording", unit=unit),
        names=names,
        sampling_rate=sampling_rate,
        unit=unit or "mV",
        unit_from="default" if unit is None else "argument",
        source=source,
    )


def _admit_named(strip: Any, place: str, *, sampling_rate: Any, leads: Any, unit: str | None) -> EcgRecording:
    """The recording of a strip whose rows the caller named: every name must be a lead."""
    if sampling_rate is None or leads is None:
        raise TypeError(f"{place} came without `sampling_rate` or `leads`. Pass both: voltages do not tell them.")
    names = require_leads(list_lead_names(leads), record_id=place)
    return admit_strip(strip, names, sampling_rate=sampling_rate, unit=unit, source=place)


def check_voltages(strip: np.ndarray, names: Sequence[str], place: str, *, unit_remedy: str | None = None) -> None:
    """Refuse a strip in another unit than millivolts.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages as floats, in millivolts; NaN where a lead was not recorded.
        names (`Sequence[str]`):
            Names of the rows.
        place (`str`):
            What messages call the strip.
        unit_remedy (`str`, *optional*):
            What to do about another unit; by default, how to scale the array.

    Raises:
        ValueError: If there is no recorded sample, or the voltages are none of an ECG in millivolts.
    """
    if not strip.size:
        raise ValueError(f"{place}: the strip has no samples. Leave the record out, or read it again.")
    highest, lowest = strip.max(axis=1), strip.min(axis=1)  # several times as fast as what looks for NaN
    if np.isnan(highest).any():
        highest, lowest = np.fmax.reduce(strip, axis=1), np.fmin.reduce(strip, axis=1)
    peak_to_peak_mv = highest - lowest  # (num_leads,)
    peak_to_peak_mv = peak_to_peak_mv[peak_to_peak_mv > 0]
    if not peak_to_peak_mv.size:
        raise ValueError(
            f"{place}: every lead is flat in what is used ({', '.join(names)}), so nothing was recorded. Leave the"
            " record out, or read it again."
        )
    median_mv = float(np.median(peak_to_peak_mv))
    problem = f"{place}: the median peak-to-peak voltage is {median_mv:.3g} mV, which looks like"
    if median_mv < MIN_PEAK_TO_PEAK_MV:
        remedy = "Give millivolts: multiply by 1000. If the unit is right, nothing was recorded: leave the record out."
        raise ValueError(f"{problem} volts. {unit_remedy or remedy}")
    if median_mv > MAX_PEAK_TO_PEAK_MV:
        remedy = "Give millivolts: divide microvolts by 1000, raw units by the gain of the header."
        raise ValueError(f"{problem} microvolts or raw ADC units. {unit_remedy or remedy}")


def _list_strips(strips: Any) -> list[Any]:
    """One entry per strip, whether one strip, a batch or a list was given."""
    if isinstance(strips, EcgRecording):
        return [strips]
    num_dims = _num_dims(strips)
    if num_dims not in (1, 2, 3):
        raise ValueError(
            f"`strips` has {num_dims} dimensions. Give a strip of shape (num_leads, num_samples), or a batch of them."
        )
    return list(strips) if num_dims == 3 else [strips]


def _num_dims(values: Any) -> int:
    """The number of dimensions of arrays or nested lists, whose rows may differ in length; 3 for a list of strips."""
    if isinstance(values, EcgRecording):
        return 2
    if hasattr(values, "ndim"):
        return int(values.ndim)
    if not isinstance(values, list | tuple):
        return 0
    if not values:
        raise ValueError("`strips` is empty. Give at least one strip of shape (num_leads, num_samples).")
    return 1 + _num_dims(values[0])


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


def load_recording(
    recording: Any,
    *,
    sampling_rate: Any = None,
    leads: Any = None,
    unit: str | None = None,
    place: str = "",
    max_seconds: float | None = None,
) -> EcgRecording:
    """Turn a recording of any kind into one of standard leads.

    Args:
        recording (`str`, `Path`, array, `dict`, DataFrame or `EcgRecording`):
            A path, an array, a dictionary, a row of a corpus, a record of `wfdb`.
        sampling_rate (`float`, *optional*):
            Samples per second of an array, and of a file that does not say, in Hz.
        leads (`Sequence[str]`, *optional*):
            Names of the rows of an array, and of a file that does not say.
        unit (`str`, *optional*):
            Unit of an array, and of a file that does not say.
        place (`str`, *optional*):
            What messages call a recording that has no name of its own.
        max_seconds (`float`, *optional*):
            How much of a file is needed from its beginning: of a day, no more is read. All by default, and where
            nothing was recorded so early.

    Returns:
        `EcgRecording`: Its standard leads, and the account of them.

    Raises:
        TypeError: If the input is of another kind.
        ValueError: If an array comes without sampling rate or leads, or is not one strip.
    """
    if isinstance(recording, EcgRecording):
        return recording
    if isinstance(recording, str | PathLike):
        options = {"sampling_rate": sampling_rate, "leads": leads, "unit": unit}
        try:
            return read_ecg(recording, max_seconds=max_seconds, **options)
        except NothingRecordedError:
            if max_seconds is None:
                raise
            return read_ecg(recording, **options)
    if isinstance(recording, Mapping):
        return _load_mapping(recording, sampling_rate=sampling_rate, leads=leads, unit=unit, place=place)
    if hasattr(recording, "p_signal") and hasattr(recording, "sig_name"):
        return _load_wfdb_record(recording, place)
    if hasattr(recording, "columns") and hasattr(recording, "to_numpy"):
        names = list_lead_names(recording.columns if leads is None else leads)
        return _load_array(
            recording.to_numpy().T, names, sampling_rate=sampling_rate, unit=unit, place=place, are_own=leads is None
        )
    if not (hasattr(recording, "__array__") or is_nested_numbers(recording)):
        raise TypeError(
            f"{place or 'A recording'} was given as {type(recording).__name__}."
            " Pass the path of an ECG file, an array, a dictionary, or a row of a corpus."
        )
    return _load_array(recording, leads, sampling_rate=sampling_rate, unit=unit, place=place)


def _load_mapping(
    recording: Mapping[str, Any], *, sampling_rate: Any, leads: Any, unit: str | None, place: str
) -> EcgRecording:
    """A row of a corpus, or a dictionary that says what it holds."""
    name = recording.get("record_id")
    if "lead_mask" in recording and "signal" in recording:
        row = recording_from_row(recording)
        return admit(
            row.microvolts,
            names=row.leads,
            sampling_rate=row.sampling_rate,
            unit="uV",
            is_missing=None if row.is_recorded is None else ~row.is_recorded,
            source=place or "The row" if name is None else f"Record {name}",
        )
    keys = [key for key in ARRAY_KEYS if key in recording]
    if not keys:
        raise ValueError(
            f"{place or 'A recording'} was given as a dictionary with the keys {', '.join(map(str, recording))}."
            " Pass `array`, `sampling_rate` and `leads`, or a row of a corpus."
        )
    own_leads = recording.get("leads")
    return _load_array(
        recording[keys[0]],
        leads if own_leads is None else own_leads,
        sampling_rate=recording.get("sampling_rate", sampling_rate),
        unit=recording.get("unit", unit),
        place=place if name is None else f"Record {name}",
        are_own=own_leads is not None,
    )


def _load_wfdb_record(record: Any, place: str) -> EcgRecording:
    """A record that `wfdb` has read."""
    if record.p_signal is None:
        raise ValueError(
            f"Record {record.record_name} holds no physical values. Read it with `wfdb.rdrecord(…, physical=True)`."
        )
    return admit(
        np.asarray(record.p_signal, np.float64).T,
        names=record.sig_name,
        sampling_rate=record.fs,
        unit=record.units,
        source=f"Record {record.record_name}" if record.record_name else place or None,
    )


def _load_array(
    values: Any, leads: Any, *, sampling_rate: Any, unit: str | None, place: str, are_own: bool = False
) -> EcgRecording:
    """An array; names that came with it may stand for channels that are no leads, those that a caller gave may not."""
    if sampling_rate is None or leads is None:
        raise ValueError(
            f"{place or 'An array'} was given without `sampling_rate` or `leads`. Pass both: they cannot be told from"
            " the voltages."
        )
    names = list_lead_names(leads)
    if not are_own:
        require_leads(names, record_id=place or None)
    if getattr(values, "ndim", 2) not in (1, 2) or (getattr(values, "ndim", 2) == 1 and len(names) > 1):
        raise ValueError(
            f"{place or 'The recording'}: an array of shape {tuple(values.shape)} is not one strip of shape"
            " (num_leads, num_samples). Pass a list of strips for many recordings, and `strip[None]` for a single"
            " lead."
        )
    return admit_strip(values, names, sampling_rate=sampling_rate, unit=unit, source=place or None)


def is_nested_numbers(values: Any) -> bool:
    """Whether lists hold numbers or rows of numbers, so that they are one strip, and not several recordings."""
    if not isinstance(values, list | tuple) or not len(values):
        return False
    first = values[0]
    if isinstance(first, list | tuple):
        return bool(len(first)) and (is_number(first[0]) or first[0] is None)
    if getattr(first, "ndim", None) == 1:  # rows of NumPy or torch; an array of paths is no row
        return getattr(getattr(first, "dtype", None), "kind", "f") in "fiu"
    return is_number(first)


def is_number(value: Any) -> bool:
    """Whether a value is one number, of Python or NumPy."""
    return isinstance(value, Real) and not isinstance(value, bool)
