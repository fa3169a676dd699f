"""The one door: what any reader found becomes a recording here, with an account of what of it is used."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .leads import STANDARD_LEADS, LeadName, is_standard_lead, read_lead_names, suspect_leads
from .recordings import (
    MICROVOLTS_PER_MILLIVOLT,
    MILLIVOLTS_PER_UNIT,
    Account,
    EcgRecording,
    NothingRecordedError,
    round_to_int16,
)
from .signal_processing import Channel, find_flat, find_saturated, join_channels, keep_long_runs


MIN_SAMPLING_RATE, MAX_SAMPLING_RATE = 50, 20_000  # Hz; outside, the number is a period or is given in kHz

# Two samples at 50 Hz: a straight line over them changes no wave that is looked at. Ours, as are the next four.
MAX_GAP_S = 0.04
MIN_LEAD_S = 1.0  # about one beat; of less nothing can be said
FLAT_MV, SATURATED_MV = 0.01, 1.0  # peak to peak of an electrode that is off; distance of a rail from the median
MAX_MV = 1e9  # a million volts: what a damaged file holds in place of a sample
MAX_OFFSET_MV = 2.5  # half the clip of the feature extractor; the baselines of PTB-XL stay below
SUSPICION_RATE = 50  # Hz; the identities of the limb leads hold in every sample, so few are enough
INT16_LIMIT = np.iinfo(np.int16).max

# Parts of a recording are put side by side up to these: 800 MB, or ten times what was recorded. Ours.
MAX_JOINED_SAMPLES, MAX_SPREAD = 100_000_000, 10
_ECG = re.compile("ECG|EKG", re.IGNORECASE)


def admit(
    voltages: np.ndarray,
    *,
    names: Sequence[str],
    sampling_rate: Any,
    unit: str | Sequence[str] = "mV",
    unit_from: str = "file",
    is_missing: np.ndarray | None = None,
    source: str | None = None,
    num_samples_found: int | None = None,
    start_s: float = 0.0,
    left_out: Mapping[str, str] | None = None,
    remarks: Sequence[str] = (),
) -> EcgRecording:
    """Make a recording of what any reader found: the one place that decides what of it is used, with the account.

    Channels that are none of the 12 leads are left out, inverted leads are turned. What no lead has at the beginning
    or end is cut off. Gaps of up to `MAX_GAP_S` become straight lines; in longer ones, where a lead is flat, and where
    it stands at the end of the recorder's range, it counts as not recorded. A lead that stands further than
    `MAX_OFFSET_MV` from zero is moved there.

    Args:
        voltages (`np.ndarray` of shape `(num_channels, num_samples)`):
            Floats in `unit`, NaN, infinity or more than `MAX_MV` where a sample is missing; or `int16` in
            microvolts, which stay integers.
        names (`Sequence[str]`):
            Names of the channels, as the source spells them.
        sampling_rate (`float`, or what [`parse_rate`] reads):
            In Hz.
        unit (`str` or `Sequence[str]`, defaults to `"mV"`):
            Unit of all channels, or of each, as the source states it.
        unit_from (`str`, defaults to `"file"`):
            Who states the unit: `"file"`, `"argument"` or `"default"`. Unless the file does, a unit behind a channel's
            name counts, as in `I (uV)`.
        is_missing (`np.ndarray` of shape `(num_channels, num_samples)`, *optional*):
            True where integers stand for missing samples.
        source (`str`, *optional*):
            The file, record or row, for messages and the account.
        num_samples_found (`int`, *optional*):
            Samples of the whole file, where only a part of it was read.
        start_s (`float`, *optional*, defaults to 0):
            When the first sample was taken, in seconds after the beginning of the file.
        left_out (`Mapping[str, str]`, *optional*):
            Further channels, which the reader left out, and why.
        remarks (`Sequence[str]`, *optional*):
            What the reader has to say besides.

    Returns:
        `EcgRecording`: Its standard leads.

    Raises:
        TypeError: If the rate is no number.
        ValueError: If there is no standard lead, no recorded sample or an unknown unit, or the rate is none of an ECG.
    """
    place = "The recording" if source is None else source
    rate = parse_rate(sampling_rate, place=place)
    read = read_lead_names(names)
    rows = [row for row, entry in enumerate(read) if entry.lead is not None]
    lost = dict(left_out or {})
    _refuse_without_leads(read, lost, place)
    units = [unit] * len(read) if isinstance(unit, str) else list(unit)
    if unit_from != "file":
        unit_from = "name" if any(read[row].unit for row in rows) else unit_from
        units = [entry.unit or stated for entry, stated in zip(read, units, strict=True)]
    if not voltages.shape[1]:
        raise NothingRecordedError(f"{place} holds no sample. Leave the record out, or read another part of it.")
    admission = _Admission(
        _take_rows(voltages, rows),
        None if is_missing is None else _take_rows(is_missing, rows),
        [read[row] for row in rows],
        rate,
        place,
    )
    admission.scale([units[row] for row in rows])
    admission.mask_what_is_missing()
    admission.mask_what_is_silent()
    admission.leave_out_what_is_absent()
    admission.remove_offsets()
    account = Account(
        source=source,
        leads_found=(*(entry.name for entry in read), *lost),
        leads_used=tuple(admission.leads),
        left_out={entry.name: str(entry.remark) for entry in read if entry.lead is None} | admission.left_out | lost,
        seconds_found=(num_samples_found or voltages.shape[1]) / rate,
        seconds_used=admission.strip.shape[1] / rate,
        start_s=start_s + admission.num_cut / rate,
        sampling_rate_found=rate,
        sampling_rate_used=rate,
        unit=", ".join(dict.fromkeys(units[row] for row in rows)),
        unit_from=unit_from,
        num_bridged_samples=admission.num_bridged,
        seconds_missing=admission.seconds_missing(),
        offsets_removed_mv=admission.offsets,
        remarks=(*remarks, *admission.remarks()),
    )
    return admission.recording(account)


def admit_channels(
    channels: Sequence[Channel],
    *,
    source: str,
    leads: Sequence[str] | None = None,
    unit: str | None = None,
    seconds_found: float | None = None,
    origin_s: float | None = None,
    left_out: Mapping[str, str] | None = None,
    remarks: Sequence[str] = (),
) -> EcgRecording:
    """Make a recording of channels that may differ in rate, in length, and in when they were recorded.

    Leads leave at the highest rate of any of them; slower ones are brought to it, with a remark. Channels of one name
    are parts of one channel. What a lead lacks of the time that the others have was not recorded.

    Args:
        channels (`Sequence[Channel]`):
            In the order of the file.
        source (`str`):
            The file, for messages and the account.
        leads (`Sequence[str]`, *optional*):
            Names for the ECG channels of a file whose own names are no leads.
        unit (`str`, *optional*):
            Unit of the channels for which the file states none.
        seconds_found (`float`, *optional*):
            How long the whole file lasts, where only a part of it was read.
        origin_s (`float`, *optional*):
            When the file begins, on the clock of the channels; by default with the first of them.
        left_out (`Mapping[str, str]`, *optional*):
            Further channels, which the reader left out, and why.
        remarks (`Sequence[str]`, *optional*):
            What the reader has to say besides.

    Returns:
        `EcgRecording`: Its standard leads.

    Raises:
        ValueError: If no channel is a standard lead in volts, or the parts lie too far apart.
    """
    given = [channel.unit for channel in channels]
    names = name_channels([channel.name for channel in channels], leads, place=source, units=given, left_out=left_out)
    parts = [replace(channel, name=name) for channel, name in zip(channels, names, strict=True)]
    stated = [replace(part, unit=part.unit.strip() or unit or "") for part in parts]
    taken, lost = _sort_out(stated, dict(left_out or {}))
    if not taken:
        listed = ", ".join(f"{name}: {reason}" for name, reason in lost.items())
        raise NothingRecordedError(
            f"{source} has no lead that can be used ({listed}). Correct it, or export it again."
        )
    rate = max(part.sampling_rate for part in taken)
    slower = {part.name: part.sampling_rate for part in taken if part.sampling_rate != rate}
    notes = [f"{name} brought from {slow:g} to {rate:g} Hz" for name, slow in slower.items()]
    units = {part.name: part.unit for part in reversed(taken)}  # of several parts, that of the first
    first_s = min(part.start_s for part in taken)
    seconds = max(part.stop_s for part in taken) - first_s
    num_recorded = sum(part.num_seconds for part in taken) * rate
    if len(units) * seconds * rate > max(MAX_JOINED_SAMPLES, MAX_SPREAD * num_recorded):
        raise ValueError(
            f"{source}: its parts lie up to {seconds / 3600:.0f} hours apart, with almost nothing between them. Read"
            " the parts one by one, or only the beginning with `max_seconds=`."
        )
    names = list(dict.fromkeys(part.name for part in taken))
    is_stated = all(unit.strip() for unit, part in zip(given, parts, strict=True) if part.name in units)
    strip = join_channels([_in_unit(part, units[part.name]) for part in taken], rate)
    return admit(
        strip,
        names=names,
        sampling_rate=rate,
        unit=[units[name] for name in names],
        unit_from="file" if is_stated else "argument",
        source=source,
        num_samples_found=None if seconds_found is None else round(seconds_found * rate),
        start_s=0.0 if origin_s is None else first_s - origin_s,
        left_out=lost,
        remarks=[*remarks, *notes],
    )


def name_channels(
    names: Sequence[str],
    leads: Sequence[str] | None,
    *,
    place: str,
    units: Sequence[str] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> list[str]:
    """Name the channels of a file: as the file does or, where none of its names is a lead, as the caller does.

    Args:
        names (`Sequence[str]`):
            As the file spells them; a name may come more than once.
        leads (`Sequence[str]`, *optional*):
            What the caller calls all channels, or those that have `ECG` in their names, or those in volts.
        place (`str`):
            What messages call the file.
        units (`Sequence[str]`, *optional*):
            Of each channel.
        left_out (`Mapping[str, str]`, *optional*):
            Further channels, which the reader left out, and why.

    Returns:
        `list[str]`: One name per channel.

    Raises:
        ValueError: If no name is a lead, and `leads` does not help.

    Example:
        >>> name_channels(["ECG", "Resp"], ["II"], place="a.edf")
        ['II', 'Resp']
    """
    lost = dict(left_out or {})
    if any(map(is_standard_lead, [*names, *lost])):
        return list(names)
    listed = ", ".join([*dict.fromkeys(names), *(f"{name} ({reason})" for name, reason in lost.items())]) or "none"
    if not names:
        raise ValueError(f"{place} holds nothing that can be read: {listed}. Export its rhythm as WFDB, EDF or CSV.")
    if leads is None:
        raise ValueError(
            f"{place} names none of the 12 leads: its channels are {listed}. Pass `leads=`, the names of its ECG"
            ' channels in order, such as `leads=["II"]`.'
        )
    distinct = list(dict.fromkeys(names))
    volts = {name for name, unit in zip(names, units or [""] * len(names), strict=True) if is_voltage(unit)}
    for chosen in (
        distinct,
        [name for name in distinct if _ECG.search(name)],
        [name for name in distinct if name in volts],
    ):
        if len(chosen) == len(leads):
            renamed = dict(zip(chosen, leads, strict=True))
            return [renamed.get(name, name) for name in names]
    raise ValueError(
        f"{place} has {len(distinct)} channels ({listed}), but `leads` names {len(leads)}"
        f" ({', '.join(leads)}). Name every channel of the file in its order."
    )


def _sort_out(channels: Sequence[Channel], lost: dict[str, str]) -> tuple[list[Channel], dict[str, str]]:
    """The channels that can be used as leads, and why the others cannot."""
    distinct = list(dict.fromkeys(channel.name for channel in channels))
    meanings = dict(zip(distinct, read_lead_names(distinct), strict=True))
    taken, seen = [], set()
    for channel in channels:
        span = (channel.name, channel.start_s, channel.num_seconds)
        if meanings[channel.name].lead is None:
            lost[channel.name] = str(meanings[channel.name].remark)
        elif not is_voltage(channel.unit):
            lost[channel.name] = f"in {channel.unit}, no voltage" if channel.unit else "without a unit; pass `unit=`"
        elif not channel.sampling_rate >= MIN_SAMPLING_RATE:
            lost[channel.name] = f"at {channel.sampling_rate:g} Hz only"
        elif not len(channel.values):
            lost[channel.name] = "without a sample"
        elif span in seen:
            lost[f"{channel.name} (again)"] = f"lead {meanings[channel.name].lead} once more"
        else:
            taken.append(channel)
            seen.add(span)
    return taken, lost


def _in_unit(channel: Channel, unit: str) -> Channel:
    """A channel in another unit of voltage; itself where that is its own."""
    if channel.unit == unit:
        return channel
    factor = MILLIVOLTS_PER_UNIT[channel.unit.lower()] / MILLIVOLTS_PER_UNIT[unit.lower()]
    return replace(channel, values=channel.values * factor, unit=unit)


def is_voltage(unit: str) -> bool:
    """Whether a unit is one of voltage."""
    return unit.strip().lower() in MILLIVOLTS_PER_UNIT


class _Admission:
    """Voltages of standard leads on their way to a recording; every step may leave something out and notes it.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Floats in any unit, or `int16` in microvolts.
        missing (`np.ndarray` of shape `(num_leads, num_samples)`, *optional*):
            True where a sample was not recorded.
        names (`list[LeadName]`):
            What each row is.
        rate (`float`):
            In Hz.
        place (`str`):
            What messages call the source.
    """

    def __init__(
        self, strip: np.ndarray, missing: np.ndarray | None, names: list[LeadName], rate: float, place: str
    ) -> None:
        self.strip, self.missing, self.names, self.rate, self.place = strip, missing, names, rate, place
        self.is_integer = strip.dtype == np.int16
        self.num_bridged = self.num_cut = 0
        self.left_out: dict[str, str] = {}
        self.offsets: dict[str, float] = {}

    @property
    def leads(self) -> list[str]:
        """Standard names of the rows."""
        return [str(name.lead) for name in self.names]

    @property
    def units_per_mv(self) -> float:
        """How many units of the strip are a millivolt."""
        return MICROVOLTS_PER_MILLIVOLT if self.is_integer else 1.0

    def scale(self, units: Sequence[str]) -> None:
        """Bring floats to millivolts, and turn inverted leads."""
        signs = np.array([name.sign for name in self.names])
        if self.is_integer:
            if (signs < 0).any():
                self.strip = (self.strip * signs[:, None]).clip(-INT16_LIMIT, INT16_LIMIT).astype(np.int16)
            return
        for name, unit in zip(self.names, units, strict=True):
            if not is_voltage(unit):
                raise ValueError(
                    f"{self.place}: lead {name.name} is stored in {unit!r}, not mV. Correct the unit where it is"
                    " stated, or convert the voltages: mV, uV, V and nV are read."
                )
        factors = signs * [MILLIVOLTS_PER_UNIT[unit.strip().lower()] for unit in units]
        if self.strip.dtype != np.float32 or (factors != 1).any():  # a product has eight bytes, and takes its time
            with np.errstate(all="ignore"):  # what a damaged file holds in place of voltages
                self.strip = np.asarray(self.strip) * factors[:, None]

    def mask_what_is_missing(self) -> None:
        """Cut off what no lead has at the ends, bridge short gaps, keep longer ones as missing."""
        if not self.is_integer:
            is_voltage_at = np.abs(self.strip) < MAX_MV
            lost = None if is_voltage_at.all() else ~is_voltage_at
            self.missing = lost if self.missing is None or lost is None else self.missing | lost
        if self.missing is None or not self.missing.any():
            self.missing = None
            return
        present = np.flatnonzero(~self.missing.all(axis=0))
        if not present.size:
            raise NothingRecordedError(
                f"{self.place} holds no recorded sample. Leave the record out, or read it again."
            )
        kept, self.num_cut = slice(present[0], present[-1] + 1), int(present[0])
        self.strip, self.missing = self.strip[:, kept].copy(), self.missing[:, kept].copy()
        max_gap = round(MAX_GAP_S * self.rate)
        for values, gaps in zip(self.strip, self.missing, strict=True):
            if gaps.all():
                continue
            bridged = gaps & ~keep_long_runs(gaps, max_gap + 1)
            if bridged.any():
                places, known = np.flatnonzero(bridged), np.flatnonzero(~gaps)
                values[places] = self._rounded(np.interp(places, known, values[known]))
                gaps[places] = False
                self.num_bridged += len(places)
        if not self.missing.any():
            self.missing = None

    def mask_what_is_silent(self) -> None:
        """Count flat and saturated stretches as not recorded."""
        silent = find_flat(self.strip, self.rate, FLAT_MV * self.units_per_mv)
        if silent.all():  # volts in place of millivolts are small too, and are refused for that
            silent = find_flat(self.strip, self.rate, 0.0)
        silent |= find_saturated(self.strip, self.rate, SATURATED_MV * self.units_per_mv)
        if silent.any():
            self.missing = silent if self.missing is None else self.missing | silent
            if self.missing.all():
                raise NothingRecordedError(
                    f"{self.place}: every lead is flat, so nothing was recorded. Leave the record out, or read it"
                    " again."
                )

    def leave_out_what_is_absent(self) -> None:
        """Leave out leads of which less than `MIN_LEAD_S` was recorded."""
        if self.missing is None:
            return
        num_recorded = self.strip.shape[1] - self.missing.sum(axis=1)
        needed = min(MIN_LEAD_S * self.rate, self.strip.shape[1])
        for name, count in zip(self.names, num_recorded, strict=True):
            if not count:
                self.left_out[name.name] = "flat or not recorded"
            elif count < needed:
                self.left_out[name.name] = f"recorded for {count / self.rate:.2f} s only"
        kept = [row for row, name in enumerate(self.names) if name.name not in self.left_out]
        if not kept:
            raise NothingRecordedError(
                f"{self.place}: no lead was recorded for {MIN_LEAD_S:g} s. Leave the record out, or read it again."
            )
        self.strip, self.missing = self.strip[kept], self.missing[kept]
        self.names = [self.names[row] for row in kept]
        self.missing = self.missing if self.missing.any() else None

    def remove_offsets(self) -> None:
        """Move leads to zero that stand far from it: the clip of a model or of a row would cut their beats off."""
        if self.strip.shape[1] < MIN_LEAD_S * self.rate:
            return
        limit = MAX_OFFSET_MV * self.units_per_mv
        step = max(1, self.strip.shape[1] // 200)
        sampled = self.strip[:, ::step].astype(np.float64)
        if self.missing is None:
            means = sampled.mean(axis=1)
        else:  # integers stand there that are no voltages
            means = np.ma.masked_array(sampled, self.missing[:, ::step]).mean(axis=1).filled(0.0)
        far = np.flatnonzero(np.abs(means) > limit / 2)
        for row in far:
            values = self.strip[row] if self.missing is None else self.strip[row][~self.missing[row]]
            offset = float(np.median(values))
            if abs(offset) > limit:
                if not self.offsets:
                    self.strip = self.strip.copy()
                moved = self.strip[row].astype(np.float64) - offset
                self.strip[row] = self._rounded(moved)
                self.offsets[self.leads[row]] = offset / self.units_per_mv

    def seconds_missing(self) -> dict[str, float]:
        """How long each lead was not recorded, of those that were not throughout."""
        if self.missing is None:
            return {}
        counts = self.missing.sum(axis=1)
        return {lead: float(count) / self.rate for lead, count in zip(self.leads, counts, strict=True) if count}

    def remarks(self) -> list[str]:
        """Modified and inverted leads, and suspected exchanges."""
        spelled = [f"{name.name} is {name.remark}" for name in self.names if name.remark]
        step = max(1, round(self.rate / SUSPICION_RATE))
        sampled = self.strip[:, ::step]
        if self.missing is not None:
            sampled = sampled[:, ~self.missing[:, ::step].any(axis=0)]
        is_long_enough = sampled.shape[1] >= SUSPICION_RATE * MIN_LEAD_S
        return [*spelled, *(suspect_leads(sampled, self.leads) if is_long_enough else [])]

    def recording(self, account: Account) -> EcgRecording:
        """The recording, with NaN, or false in its mask, where a lead was not recorded."""
        if self.is_integer:
            is_recorded = None if self.missing is None else ~self.missing
            voltages: dict[str, Any] = {"microvolts": self.strip, "is_recorded": is_recorded}
            if self.missing is not None:
                voltages["microvolts"] = np.where(self.missing, np.int16(0), self.strip)
        else:
            voltages = {"strip_mv": self.strip if self.missing is None else np.where(self.missing, np.nan, self.strip)}
        return EcgRecording(sampling_rate=self.rate, leads=self.leads, account=account, **voltages)

    def _rounded(self, values: np.ndarray) -> np.ndarray:
        """Values as the strip stores them."""
        return round_to_int16(values) if self.is_integer else values


def read_strip(values: Any, names: Sequence[str], *, place: str, unit: str | None = None) -> np.ndarray:
    """Read one strip from any array: of NumPy, torch or another library, masked, of any byte order, nested lists.

    Args:
        values (`Any`):
            Voltages of shape `(num_leads, num_samples)`, or `(num_samples,)` where one lead is named. Integers need
            `unit`.
        names (`Sequence[str]`):
            Names of the rows.
        place (`str`):
            What messages call the strip.
        unit (`str`, *optional*):
            Unit of the voltages, if the caller said so.

    Returns:
        `np.ndarray` of shape `(num_leads, num_samples)`: Floats in `unit`, NaN where a sample is missing.

    Raises:
        TypeError: If the samples are no numbers, or integers of an unknown unit.
        ValueError: If the shape does not fit `names`, or there is no sample.
    """
    strip = _to_floats(values, place, unit)
    if strip.ndim == 1 and len(names) == 1:
        strip = strip[None]
    if strip.ndim == 1:
        raise ValueError(
            f"{place}: a strip has one dimension, not two. Write `strip[None]` and name its only row, as in"
            " `leads=['II']`."
        )
    if strip.ndim != 2 or strip.shape[0] != len(names):
        is_transposed = strip.ndim == 2 and strip.shape[1] == len(names)
        remedy = "It looks transposed: pass `strip.T`." if is_transposed else "Give one row per name in `leads`."
        raise ValueError(
            f"{place}: a strip of shape {strip.shape} has not the {len(names)} rows of {', '.join(names)}. {remedy}"
        )
    if not strip.shape[1]:
        raise ValueError(f"{place}: the strip has no samples. Leave the record out, or read it again.")
    return strip


def _to_floats(values: Any, place: str, unit: str | None) -> np.ndarray:
    """Any array as floats of NumPy, masked values as NaN."""
    if hasattr(values, "detach"):  # a tensor: NumPy knows no bfloat16 and takes no gradient along
        values = values.detach().cpu()
        values = (values.float() if values.dtype.is_floating_point and values.dtype.itemsize < 4 else values).numpy()
    is_masked = isinstance(values, np.ma.MaskedArray)
    try:
        strip = values if isinstance(values, np.ndarray) else np.asarray(values)
        if strip.dtype == object:  # `None` among numbers, or rows of other libraries
            strip = np.array([np.asarray(row, dtype=np.float64) for row in strip])
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{place}: its rows differ in length, or hold something else than numbers. Cut or pad all leads to the"
            " same samples."
        ) from error
    if strip.dtype.kind in "iu" and unit is not None:
        strip = strip.astype(np.float64)
    if strip.dtype.kind != "f":
        raise TypeError(
            f"{place}: samples are {strip.dtype}, so raw units or microvolts, not millivolts as floats."
            ' Divide by the gain of the header (`strip / 1000` for microvolts), or pass `unit="uV"`.'
        )
    strip = strip.astype(np.float32 if strip.dtype.itemsize <= 4 else np.float64, copy=False)
    return np.ma.filled(strip, np.nan) if is_masked else strip


def parse_rate(sampling_rate: Any, *, place: str | None = None) -> float:
    """Read a sampling rate, however a file or a library holds it.

    Args:
        sampling_rate (`Any`):
            A number of Python, NumPy or torch, an array of one number, or its digits as text, in Hz.
        place (`str`, *optional*):
            What messages call the source.

    Returns:
        `float`: In Hz; whole rates as `int`.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it lies outside 50 to 20,000 Hz.

    Example:
        >>> parse_rate("500"), parse_rate(np.float32(250)), parse_rate(np.array([249.89]))
        (500, 250, 249.89)
    """
    where = "" if place is None else f"{place}: "
    try:
        if isinstance(sampling_rate, (bool, np.bool_)) or sampling_rate is None:
            raise TypeError
        number = sampling_rate.item() if hasattr(sampling_rate, "item") else sampling_rate
        rate = float(number)
    except (TypeError, ValueError, RuntimeError) as error:  # the last: a tensor of several numbers
        raise TypeError(
            f"{where}`sampling_rate` is {sampling_rate!r}, not a number. Give the samples per second of the record's"
            " header."
        ) from error
    if not MIN_SAMPLING_RATE <= rate <= MAX_SAMPLING_RATE:
        raise ValueError(
            f"{where}`sampling_rate` is {rate:g} Hz, outside {MIN_SAMPLING_RATE} to {MAX_SAMPLING_RATE} Hz."
            " Give the samples per second of the record's header, not kHz and not the time between samples."
        )
    return int(rate) if rate.is_integer() else rate


def _refuse_without_leads(read: Sequence[LeadName], left_out: Mapping[str, str], place: str) -> None:
    """Refuse a source none of whose channels is a standard lead, saying what each of them is."""
    if any(entry.lead is not None for entry in read):
        return
    reasons = [(entry.name, entry.remark) for entry in read] + list(left_out.items())
    listed = ", ".join(f"{name}: {reason}" for name, reason in reasons[:12]) or "none"
    raise ValueError(
        f"{place} has no standard lead (its signals are {listed}). Rename the signals that are standard leads"
        f" ({', '.join(STANDARD_LEADS)}), or pass an array with `leads`."
    )


def _take_rows(array: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """Some rows of an array; the array itself where they are all of them."""
    return array if list(rows) == list(range(len(array))) else array[list(rows)]
