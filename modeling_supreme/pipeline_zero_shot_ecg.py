"""`pipeline("zero-shot-ecg-classification")`: a recording and any findings in, a probability for each out."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import Pipeline
from transformers.utils import logging

from .admission import admit
from .checkpoints import check_logits
from .composed_rules import Composed, Composition
from .ecg_files import find_recordings, read_ecg
from .feature_extraction_supreme import RESAMPLING_MARGIN_S, admit_strip
from .leads import list_lead_names, require_leads
from .queries import encode_queries, fill_template
from .recordings import Account, EcgRecording, NothingRecordedError, recording_from_row


logger = logging.get_logger(__name__)

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# What the configuration of a checkpoint says of this file, so that `pipeline` finds it where the package is absent
PIPELINE_ENTRY = {
    "zero-shot-ecg-classification": {
        "impl": "pipeline_zero_shot_ecg.ZeroShotEcgClassificationPipeline",
        "pt": ["AutoModel"],
        "type": "multimodal",
    }
}
ARRAY_KEYS = ("array", "strip", "signal")
READING_OPTIONS = ("sampling_rate", "leads", "unit", "on_error")
ASKING_OPTIONS = ("candidate_labels", "hypothesis_template", "composed", "return_attention")
CHOOSING_OPTIONS = ("top_k", "threshold", "return_details")
ON_ERROR = ("raise", "skip")
# What a recording that cannot be used may raise
RECORD_ERRORS = (OSError, ValueError, TypeError, ImportError)

_warned_of_unseen = False  # once per process


class Entry(NamedTuple):
    """One of several recordings, and what messages call it."""

    recording: Any
    place: str


class Entries(torch.utils.data.Dataset):
    """Several recordings that can be counted, read as they are asked for."""

    def __init__(self, recordings: Any) -> None:
        self.recordings = recordings

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, index: int) -> Entry:
        # Rows of a table of pandas are not found by their place but by their label
        recordings = self.recordings.iloc if hasattr(self.recordings, "iloc") else self.recordings
        return Entry(recordings[index], f"Recording {index}")


class ZeroShotEcgClassificationPipeline(Pipeline):
    """Scores any findings on ECG recordings, without training for them.

    Scores are probabilities of presence, each finding for itself: they do not sum to one.

    Example:
        ```python
        classify = pipeline("zero-shot-ecg-classification", model="runs/demo/checkpoint")
        classify("records500/00000/00001_hr", candidate_labels=["atrial fibrillation", "left bundle branch block"])
        ```
    """

    _load_processor = False
    _load_image_processor = False
    _load_feature_extractor = True
    _load_tokenizer = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._query_cache: dict[tuple[str, ...], torch.Tensor] = {}
        self._compositions: dict[tuple[tuple[str, ...], Composed], Composition] = {}
        super().__init__(*args, **kwargs)

    def __call__(self, recordings: Any, candidate_labels: Any = None, **kwargs: Any) -> Any:
        """Score findings on one recording or on many.

        Args:
            recordings (`str`, `Path`, array, `dict`, or a list, a `Dataset`, or a generator of them):
                - the path of an ECG file: a WFDB record, a table, an array, or what `ecgdatakit` reads; or of a folder
                  of them;
                - any array of shape `(num_leads, num_samples)` in millivolts, with `sampling_rate` and `leads`:
                  of NumPy or torch, masked, nested lists; a DataFrame with a column per lead;
                - a dictionary with `array`, `sampling_rate` and `leads`, a record of `wfdb`;
                - a row of a corpus (`datasets_scripts.load_corpus`), in any format.
            candidate_labels (`str` or `list[str]`):
                Findings to score, in anything that holds strings; one string is cut at its commas.
            sampling_rate (`float`, *optional*):
                Samples per second of arrays, and of files that do not say, in Hz.
            leads (`list[str]` or `str`, *optional*):
                Names of the rows of arrays, and of files that do not say.
            unit (`str`, *optional*):
                Unit of the voltages of arrays, and of files that do not say: `"mV"` (the default), `"uV"` or `"V"`.
            on_error (`str`, *optional*, defaults to `"raise"`):
                What to do with a recording that cannot be used: `"raise"` stops; `"skip"` says so and gives `None` in
                its place.
            hypothesis_template (`str`, *optional*, defaults to `"{}"`):
                Sentence with a `{}` for each label.
            top_k (`int`, *optional*):
                How many of the best labels to return; all by default.
            threshold (`float`, *optional*):
                Lowest score to return.
            return_attention (`bool`, *optional*, defaults to `False`):
                Whether to say where in the strip each label looked.
            return_details (`bool`, *optional*, defaults to `False`):
                Whether to say what of the recording was used.
            composed (`bool` or `"auto"`, *optional*, defaults to `False`):
                Whether labels are answered by their rule over measured findings instead of by their own query: all of
                them (`True`), or those that the checkpoint was not trained on where it has a rule (`"auto"`).
            batch_size (`int`, *optional*, defaults to 1):
                Recordings scored at once.
            kwargs:
                The arguments above from `candidate_labels` on.

        Returns:
            `list[dict]`: For one recording, a dictionary for each finding, best first, with `label`, `score`, `seen`
            (whether training named it; `None` where the checkpoint does not say what it was trained on) and `source`
            (what answers: `"query"`, or `"composed: "` and the rule). With `return_attention` also `attention`, the
            share of attention each token received (mean over layers and heads), and `attention_step_s`, the time from
            one token to the next, in seconds; with `return_details` also `account`, see [`Account`]; of a folder also
            `record`. A list of such lists for several recordings, an iterator for a generator.

        Raises:
            FileNotFoundError: If a path has no record.
            TypeError: If a recording is none of the kinds above, or an option is unknown.
            ValueError: If labels are missing, empty or repeated, a recording cannot be used, or a rule is asked for
                that the checkpoint does not have or was not trained for.
        """
        if candidate_labels is not None:
            kwargs["candidate_labels"] = candidate_labels
        if isinstance(recordings, str | PathLike) and Path(recordings).is_dir():
            return self._score_folder(Path(recordings), **kwargs)
        several = list_recordings(recordings)
        if several is None:
            return super().__call__(Entry(recordings, ""), **kwargs)
        if isinstance(several, Iterator):
            entries = (Entry(recording, f"Recording {index}") for index, recording in enumerate(several))
            return super().__call__(entries, **kwargs)
        if not len(several):
            self._sanitize_parameters(**kwargs)
            return []
        results: Any = super().__call__(Entries(several), **kwargs)
        return list(results)

    def _score_folder(self, folder: Path, **kwargs: Any) -> list[Any]:
        """Results of every ECG file below a folder, in the order of their paths."""
        paths = find_recordings(folder)
        if not paths:
            raise ValueError(f"{folder} holds no ECG file of a known kind. Give the folder of your recordings.")
        results = self(paths, **kwargs)
        for path, answers in zip(paths, results, strict=True):
            for answer in answers or ():
                answer["record"] = path.relative_to(folder).as_posix()
        return results

    def _sanitize_parameters(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        _refuse_unknown_options(kwargs)
        given = {key: value for key, value in kwargs.items() if value is not None}
        check_options(given)
        preprocess = {key: given[key] for key in READING_OPTIONS if key in given}
        forward = {key: given[key] for key in ASKING_OPTIONS if key in given}
        postprocess = {key: given[key] for key in CHOOSING_OPTIONS if key in given}
        if "candidate_labels" in kwargs:
            forward["candidate_labels"] = postprocess["candidate_labels"] = check_labels(kwargs["candidate_labels"])
        if "composed" in given:
            postprocess["composed"] = given["composed"]
        fill_template(forward.get("hypothesis_template", "{}"), [])
        return preprocess, forward, postprocess

    def preprocess(
        self,
        entry: Any,
        sampling_rate: Any = None,
        leads: Any = None,
        unit: str | None = None,
        on_error: str = "raise",
    ) -> dict[str, Any]:
        """Read one recording and prepare it for the model."""
        recording, place = entry if isinstance(entry, Entry) else (entry, "")
        extractor: Any = self.feature_extractor
        try:
            source = load_recording(
                recording,
                sampling_rate=sampling_rate,
                leads=leads,
                unit=unit,
                place=place,
                max_seconds=extractor.num_samples / extractor.sampling_rate + RESAMPLING_MARGIN_S,
            )
            features = extractor.prepare(
                [source], places=[source.account.source or place or "The recording"], return_tensors="pt"
            )
        except RECORD_ERRORS as error:
            if on_error == "raise":
                raise
            return self._stand_in(Account(source=_name_of(recording, place)), reason=str(error))
        (account,) = features.accounts
        if account.losses():
            logger.warning(account.line())
        return {**features, "account": account, "failure": None}

    def _stand_in(self, account: Account, *, reason: str) -> dict[str, Any]:
        """What goes through the model in place of a recording that cannot be used; its scores are not returned."""
        logger.warning(f"{account.source} was skipped: {reason}")
        extractor: Any = self.feature_extractor
        shape = (1, len(extractor.leads), extractor.num_samples)
        return {
            "signal": torch.zeros(shape),
            "lead_mask": torch.ones(shape[:2], dtype=torch.bool),
            "sample_mask": torch.ones(shape[::2], dtype=torch.bool),
            "recorded_mask": torch.ones(shape, dtype=torch.bool),
            "account": account,
            "failure": reason,
        }

    def _forward(
        self,
        model_inputs: dict[str, Any],
        candidate_labels: Sequence[str] | None = None,
        hypothesis_template: str = "{}",
        return_attention: bool = False,
        composed: Composed = False,
    ) -> dict[str, Any]:
        composition = self._compose(check_labels(candidate_labels), composed)
        notes = {key: model_inputs.pop(key) for key in ("account", "failure")}
        if return_attention and composition.findings:
            raise ValueError(
                "`return_attention` and `composed` were both given: a rule has no attention of its own. Ask for the"
                " attention of its findings, as `candidate_labels`."
            )
        queries = (*fill_template(hypothesis_template, composition.queries), *composition.findings)
        outputs = self.model(
            **{**model_inputs, "signal": model_inputs["signal"].to(self.model.dtype)},
            query_embeds=self._embed(queries),
            output_attentions=return_attention,
        )
        accounts = notes["account"] if isinstance(notes["account"], list) else [notes["account"]]
        check_logits(outputs.logits_per_ecg, [account.source or "without a name" for account in accounts])
        model_outputs = {"logits": outputs.logits_per_ecg.float(), **notes}
        if return_attention:
            weights = torch.stack(outputs.cross_attentions)  # (num_layers, batch_size, num_heads, num_queries, tokens)
            model_outputs["attention"] = weights.float().mean(dim=(0, 2))
        return model_outputs

    def postprocess(
        self,
        model_outputs: dict[str, Any],
        candidate_labels: Sequence[str] = (),
        top_k: int | None = None,
        threshold: float = 0.0,
        composed: Composed = False,
        return_details: bool = False,
    ) -> list[dict[str, Any]] | None:
        """Turn logits into labels with scores, best first; `None` for a recording that was skipped."""
        account, failure = (_only(model_outputs[key]) for key in ("account", "failure"))
        if failure is not None:
            return None
        composition = self._compose(candidate_labels, composed)
        # In single precision, the sigmoid of a vector depends on the place of a number in it, by its last bit
        probabilities = torch.sigmoid(model_outputs["logits"][0].double())
        scores = composition.evaluate(probabilities).float().tolist()
        _warn_of_unseen(composition)
        answers = zip(candidate_labels, scores, composition.seen, composition.sources, strict=True)
        results: list[dict[str, Any]] = [
            {"label": label, "score": score, "seen": seen, "source": source} for label, score, seen, source in answers
        ]
        if return_details:
            for result in results:
                result["account"] = account.to_dict()
        if "attention" in model_outputs:
            ecg_config = self.model.config.ecg_config
            for result, weights in zip(results, model_outputs["attention"][0], strict=True):
                result["attention"] = weights.tolist()
                result["attention_step_s"] = ecg_config.token_stride / ecg_config.sampling_rate
        results.sort(key=lambda result: -result["score"])
        return [result for result in results[:top_k] if result["score"] >= threshold]

    def _compose(self, labels: Sequence[str], composed: Composed) -> Composition:
        """Decide which labels are answered by a rule of the checkpoint; the last decision is remembered."""
        asked = (tuple(labels), composed)
        if asked not in self._compositions:
            config = self.model.config
            composition = Composition(
                labels, composed, stored_rules=config.composed_rules, trained_queries=config.trained_queries
            )
            self._compositions = {asked: composition}
        return self._compositions[asked]

    def _embed(self, queries: tuple[str, ...]) -> torch.Tensor:
        """Embed queries; the last set asked for is remembered."""
        if queries not in self._query_cache:
            self._query_cache = {queries: encode_queries(self.model, self.tokenizer, queries)}
        return self._query_cache[queries]


def _warn_of_unseen(composition: Composition) -> None:
    """Speak of the first label in this process that training did not name."""
    global _warned_of_unseen
    if False in composition.seen and not _warned_of_unseen:
        _warned_of_unseen = True
        unseen = composition.labels[composition.seen.index(False)]
        logger.warning(
            f"Training never named {unseen!r}: its score is a guess from the wording, marked `seen: False`, as are"
            " those of other such labels."
        )


def check_labels(candidate_labels: Any) -> list[str]:
    """Return labels without blanks around them, refusing what cannot be asked.

    Args:
        candidate_labels (`str` or iterable of `str`):
            A string with commas, or anything that holds strings: a list, an array, a column or an index of a table.

    Raises:
        TypeError: If a label is no string.
        ValueError: If there is no label, an empty one, the same one twice, or one that is no text.
    """
    if isinstance(candidate_labels, str):
        candidate_labels = candidate_labels.split(",")
    if candidate_labels is not None and not isinstance(candidate_labels, Iterable):
        raise TypeError(f"`candidate_labels` is a {type(candidate_labels).__name__}. Give a list of findings.")
    candidate_labels = [] if candidate_labels is None else list(candidate_labels)
    if not candidate_labels:
        raise ValueError(
            "There are no `candidate_labels`. Name the findings to score,"
            ' as in `candidate_labels=["atrial fibrillation", "left bundle branch block"]`.'
        )
    for label in candidate_labels:
        if not isinstance(label, str):
            raise TypeError(f"The candidate label {label!r} is a {type(label).__name__}. Labels are strings.")
    labels = [label.strip() for label in candidate_labels]
    if "" in labels:
        raise ValueError(f"Candidate label {labels.index('')} of {len(labels)} is empty. Remove it or name a finding.")
    repeated = [label for label, count in Counter(labels).items() if count > 1]
    if repeated:
        raise ValueError(f"Candidate label {min(repeated)!r} is given more than once. Give each label once.")
    broken = next((label for label in labels if LONE_SURROGATE.search(label)), None)
    if broken is not None:
        raise ValueError(
            f"The candidate label {broken!r} holds half a character (a lone surrogate), which no text encoder reads."
            " Decode the text with the encoding that it was written in."
        )
    return labels


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that mean nothing.

    Raises:
        TypeError: If an option is of a wrong kind.
        ValueError: If its value selects nothing sensible.
    """
    top_k, threshold = options.get("top_k"), options.get("threshold")
    if top_k is not None and (not isinstance(top_k, Integral) or isinstance(top_k, bool)):
        raise TypeError(f"`top_k` is {top_k!r}, not a whole number. Give how many of the best labels to return.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"`top_k` is {top_k}. Ask for at least one label, or leave it out for all.")
    if threshold is not None and not _is_number(threshold):
        raise TypeError(f"`threshold` is {threshold!r}, not a number. Scores are probabilities, from 0 to 1.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"`threshold` is {threshold}. Scores are probabilities: choose a value from 0 to 1.")
    if options.get("composed", False) not in (True, False, "auto"):
        raise ValueError(f'`composed` is {options["composed"]!r}. Pass True, False or "auto".')
    if options.get("on_error", "raise") not in ON_ERROR:
        raise ValueError(f'`on_error` is {options["on_error"]!r}. Pass "raise" or "skip".')
    template = options.get("hypothesis_template", "{}")
    if not isinstance(template, str):
        raise TypeError(f"`hypothesis_template` is a {type(template).__name__}. Give a sentence with a {{}} in it.")


def _refuse_unknown_options(options: Mapping[str, Any]) -> None:
    """Refuse an option that no part of the pipeline takes, with the nearest that one does."""
    known = (*READING_OPTIONS, *ASKING_OPTIONS, *CHOOSING_OPTIONS, "batch_size", "num_workers")
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(known)}."
            raise TypeError(f"The pipeline has no option `{name}`. {hint}")


def list_recordings(recordings: Any) -> Any:
    """Several recordings as something that can be counted and indexed, or as an iterator; `None` for a single one.

    An array is a single recording if it has two dimensions, several if it has three, or if it holds paths; nested
    lists are arrays.
    """
    if isinstance(recordings, Iterator) or (is_dataset(recordings) and not hasattr(recordings, "__len__")):
        return iter(recordings)
    if is_dataset(recordings):
        return recordings
    if isinstance(recordings, list | tuple):
        return None if is_nested_numbers(recordings) else recordings
    if type(recordings).__name__ in ("Series", "Index") and not _is_number(next(iter(recordings), 0)):
        return list(recordings)
    num_dims = getattr(recordings, "ndim", None)
    if isinstance(recordings, np.ndarray) and recordings.dtype.kind in "OUS" and num_dims == 1:
        return recordings.tolist()
    return list(recordings) if num_dims is not None and num_dims >= 3 else None


def is_dataset(recordings: Any) -> bool:
    """Whether this is a data set of `datasets` or of torch, in memory or streamed."""
    if isinstance(recordings, torch.utils.data.Dataset):
        return True
    return type(recordings).__module__.partition(".")[0] == "datasets" and hasattr(recordings, "features")


def is_nested_numbers(values: Any) -> bool:
    """Whether lists hold numbers or rows of numbers, so that they are one strip, and not several recordings."""
    if not isinstance(values, list | tuple) or not len(values):
        return False
    first = values[0]
    if isinstance(first, list | tuple):
        return bool(len(first)) and (_is_number(first[0]) or first[0] is None)
    if getattr(first, "ndim", None) == 1:  # rows of NumPy or torch; an array of paths is no row
        return getattr(getattr(first, "dtype", None), "kind", "f") in "fiu"
    return _is_number(first)


def _is_number(value: Any) -> bool:
    """Whether a value is one number, of Python or NumPy."""
    return isinstance(value, Real) and not isinstance(value, bool)


def load_recording(
    recording: Any,
    *,
    sampling_rate: Any = None,
    leads: Any = None,
    unit: str | None = None,
    place: str = "",
    max_seconds: float | None = None,
) -> EcgRecording:
    """Turn any input of the pipeline into a recording.

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


def _name_of(recording: Any, place: str) -> str:
    """What messages call a recording that could not be loaded."""
    if isinstance(recording, str | PathLike):
        return str(recording)
    if isinstance(recording, Mapping) and recording.get("record_id") is not None:
        return f"Record {recording['record_id']}"
    return place or "The recording"


def _only(value: Any) -> Any:
    """A note of one recording; batches hold them in lists."""
    return value[0] if isinstance(value, list) else value


__all__ = ["ZeroShotEcgClassificationPipeline"]
