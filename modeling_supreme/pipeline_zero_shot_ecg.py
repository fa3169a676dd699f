"""`pipeline("zero-shot-ecg-classification")`: a recording and any findings in, a probability for each out."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from transformers import Pipeline
from transformers.utils import logging

from .checkpoints import check_logits
from .composition import Composed, Composition
from .decisions import OPERATING_POINTS, OperatingPoint
from .definitions import Measured, read_definitions
from .ecg_files import find_recordings, is_folder
from .feature_extraction_supreme import RESAMPLING_MARGIN_S, is_nested_numbers, is_number, load_recording
from .queries import encode_queries, fill_template, quote, to_probabilities
from .query_grammar import find_measurement
from .recordings import NEGLIGIBLE_S, Account, EcgRecording
from .signal_quality import add_quality


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
READING_OPTIONS = ("sampling_rate", "leads", "unit", "on_error")
SCANNING_OPTIONS = ("aggregate", "window_s", "stride_s")  # of recordings longer than a strip
ASKING_OPTIONS = ("candidate_labels", "hypothesis_template", "composed", "definitions", "return_attention", "explain")
CHOOSING_OPTIONS = ("top_k", "threshold", "return_details", "operating_point")
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
        self._composition: tuple[Any, Composition] | None = None
        self._explainer: tuple[Any, Any] | None = None
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
            explain (`bool` or `"all"`, *optional*, defaults to `False`):
                Whether to say what carries each answer; `"all"` shows what failed the deletion test, too.
            return_details (`bool`, *optional*, defaults to `False`):
                Whether to say what of the recording was used.
            operating_point (`str`, *optional*, defaults to `"youden"`):
                From where on a finding is present: `"youden"`, where sensitivity and specificity together are
                largest, or `"specificity_90"`, where nine of ten records without it are called so.
            composed (`bool` or `"auto"`, *optional*, defaults to `"auto"`):
                Whether labels are answered by their definition, or by the measurements that they ask for ("QRS > 120
                ms"), instead of by their own query: those that the checkpoint was not trained on where that can be
                done (`"auto"`), all (`True`) or none (`False`).
            definitions (`str`, `Path`, `dict` or `list[dict]`, *optional*):
                Your own definitions, before those of the checkpoint: a YAML or JSON file, or what it holds, see
                [`read_definitions`].
            aggregate (`str`, *optional*):
                What to return of recordings longer than a strip, of which windows are scored: the `"max"`, the
                `"mean"`, or the `"timeline"` (docs/long_recordings.md). By default the first strip answers.
            window_s (`float`, *optional*), stride_s (`float`, *optional*):
                With `aggregate`: length of a window and time from one to the next in seconds, by default a strip.
            batch_size (`int`, *optional*, defaults to 1):
                Recordings scored at once; with `aggregate` windows, 64 by default.
            kwargs:
                The arguments above from `candidate_labels` on.

        Returns:
            `list[dict]`: For one recording, a dictionary for each finding, best first, with `label`, `score`, `seen`
            (whether training named it, by any name; `None` where the checkpoint does not say) and `source` (what
            answers: `"query"`, with the name of training where that is another, `"measured: "` or `"composed: "` and
            the expression). With `return_attention` also `attention`, the share of attention each token received (mean
            over layers and heads; `None` where an expression answers), and `attention_step_s`, the seconds of one;
            with `explain` also `evidence` (docs/evidence.md); with `return_details` also `account`; of a folder also
            `record`. With decisions also `present`, `None` with a `reason` where question, leads or signal leave it
            open (docs/decisions.md). A list of such lists for several recordings, an iterator for a generator.

        Raises:
            FileNotFoundError: If a path has no record.
            ImportError: If an explanation is asked for where the package `modeling_supreme` is not installed.
            TypeError: If a recording is none of the kinds above, or an option is unknown.
            ValueError: If labels are missing, empty or repeated, a recording cannot be used, a definition is wrong, or
                one is asked for that the checkpoint does not have or cannot evaluate.
        """
        if candidate_labels is not None:
            kwargs["candidate_labels"] = candidate_labels
        return self._run(recordings, **kwargs)

    def measure(self, recordings: Any, **kwargs: Any) -> Any:
        """Measure one recording or many.

        Args:
            recordings (`str`, `Path`, array, `dict`, or a list, a `Dataset`, or a generator of them):
                As [`__call__`] takes them.
            kwargs:
                Its arguments `sampling_rate`, `leads`, `unit`, `on_error`, `return_details` and `batch_size`, and for
                recordings longer than a strip `aggregate="timeline"`, `window_s` and `stride_s`.

        Returns:
            `dict[str, dict]`: For one recording, by the name of each measurement, `value`, `sd` (the standard
            deviation of the error), `measurable` (the probability that there is something to measure) and `unit`; with
            `return_details` also `account`, of a folder also `record`. A list of such dictionaries for several
            recordings, an iterator for a generator.

        Raises:
            FileNotFoundError: If a path has no record.
            TypeError: If a recording is of an unknown kind, or an option is unknown.
            ValueError: If a recording cannot be used, or the checkpoint has no measurement head.

        Example:
            ```python
            classify.measure("records500/00000/00001_hr")["qrs_ms"]
            # {"value": 98.2, "sd": 6.1, "measurable": 0.99, "unit": "ms"}
            ```
        """
        if not getattr(self.model.config, "measurements", None):
            raise ValueError(
                "This checkpoint has no measurement head: it answers for findings only. Take one that was trained with"
                " measurements, whose configuration lists them in `measurements`."
            )
        choosing = (name for name in CHOOSING_OPTIONS if name != "return_details")
        refused = [name for name in (*ASKING_OPTIONS, *choosing) if name in kwargs]
        if refused:
            raise TypeError(f"`measure` has no option `{refused[0]}`: all that the checkpoint measures is returned.")
        return self._run(recordings, is_measuring=True, **kwargs)

    def _run(self, recordings: Any, **kwargs: Any) -> Any:
        """Results of a recording, of several, or of a folder."""
        if isinstance(recordings, str | PathLike) and is_folder(recordings):
            return self._run_folder(Path(recordings), **kwargs)
        several = list_recordings(recordings)
        if any(kwargs.get(key, self._preprocess_params.get(key)) is not None for key in SCANNING_OPTIONS):
            return load_room("long_recordings", "`aggregate=`").scan_recordings(self, recordings, several, **kwargs)
        if several is None:
            return super().__call__(Entry(recordings, ""), **kwargs)
        if isinstance(several, Iterator):
            entries = (Entry(recording, f"Recording {index}") for index, recording in enumerate(several))
            return iter(cast("Any", super().__call__(entries, **kwargs)))
        if not len(several):
            self._sanitize_parameters(**kwargs)
            return []
        results: Any = super().__call__(Entries(several), **kwargs)
        return list(results)

    def _run_folder(self, folder: Path, **kwargs: Any) -> list[Any]:
        """Results of every ECG file below a folder, in the order of their paths."""
        paths = find_recordings(folder)
        if not paths:
            raise ValueError(f"{folder} holds no ECG file of a known kind. Give the folder of your recordings.")
        results = self._run(paths, **kwargs)
        for path, answers in zip(paths, results, strict=True):
            for answer in [answers] if isinstance(answers, dict) else answers or ():
                answer["record"] = path.relative_to(folder).as_posix()
        return results

    def _sanitize_parameters(
        self, is_measuring: bool = False, **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        _refuse_unknown_options(kwargs)
        given = {key: value for key, value in kwargs.items() if value is not None}
        check_options(given)
        if "definitions" in given:
            config = self.model.config
            names = (*config.trained_queries, *(entry["condition"] for entry in config.definitions))
            given["definitions"] = read_definitions(given["definitions"], names)
        preprocess = {key: given[key] for key in (*READING_OPTIONS, *SCANNING_OPTIONS) if key in given}
        forward = {key: given[key] for key in ASKING_OPTIONS if key in given}
        postprocess = {key: given[key] for key in CHOOSING_OPTIONS if key in given}
        if is_measuring:
            forward["is_measuring"] = postprocess["is_measuring"] = True
        if "candidate_labels" in kwargs:
            forward["candidate_labels"] = postprocess["candidate_labels"] = check_labels(kwargs["candidate_labels"])
        postprocess |= {key: given[key] for key in ("composed", "definitions") if key in given}
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
        strip_s = extractor.num_samples / extractor.sampling_rate
        try:
            source = load_recording(
                recording,
                sampling_rate=sampling_rate,
                leads=leads,
                unit=unit,
                place=place,
                max_seconds=strip_s + RESAMPLING_MARGIN_S,
            )
            inputs = self.prepare_inputs(source, place)
        except RECORD_ERRORS as error:
            if on_error == "raise":
                raise
            return self._stand_in(Account(source=_name_of(recording, place)), reason=str(error))
        account = inputs["account"]
        if account.losses():
            is_long = account.seconds_found > strip_s + NEGLIGIBLE_S
            remedy = '; `aggregate="timeline"` answers for all of it' if is_long else ""
            logger.warning(f"{account.line()}{remedy}")
        return inputs

    def prepare_inputs(self, recording: EcgRecording, place: str = "") -> dict[str, Any]:
        """What the model takes of a recording in memory, and the account of it; nothing is logged."""
        extractor: Any = self.feature_extractor
        place = recording.account.source or place or "The recording"
        features = extractor.prepare([recording], places=[place], return_tensors="pt")
        (account,) = features.accounts
        if getattr(self.model.config, "decisions", None):
            account = add_quality(account, recording)
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
        composed: Composed = "auto",
        definitions: Any = None,
        explain: Any = False,
        is_measuring: bool = False,
        needs_numbers: bool = False,
    ) -> dict[str, Any]:
        notes = {key: model_inputs.pop(key) for key in ("account", "failure")}
        accounts = notes["account"] if isinstance(notes["account"], list) else [notes["account"]]
        places = [account.source or "without a name" for account in accounts]
        composition = None if is_measuring else self._compose(check_labels(candidate_labels), composed, definitions)
        if composition and return_attention and composed is True:
            raise ValueError(
                "`return_attention` and `composed=True` were both given: an expression has no attention of its own."
                " Ask for the attention of its findings, as `candidate_labels`."
            )
        asked = composition.ask(hypothesis_template) if composition else ()
        has_head, is_measured = self.model.config.measurements, composition is None or composition.is_measured
        outputs = self.model(
            **{**model_inputs, "signal": model_inputs["signal"].to(self.model.dtype)},
            query_embeds=self._embed(asked),
            output_attentions=return_attention,
            **({"output_measurements": needs_numbers or is_measured} if has_head else {}),
        )
        check_logits(outputs.logits_per_ecg, places)
        measured = Measured.of(self.model, outputs.measurements)
        if measured is not None:
            check_logits(torch.cat(measured[1:4], dim=-1), places)
            notes["measured"] = torch.stack(measured[1:4], dim=1)
        if composition is None:
            return notes
        probabilities = to_probabilities(outputs.logits_per_ecg)
        model_outputs = {"scores": composition.evaluate(probabilities, measured), **notes}
        if return_attention:
            weights = torch.stack(outputs.cross_attentions)  # (num_layers, batch_size, num_heads, num_queries, tokens)
            model_outputs["attention"] = weights.float().mean(dim=(0, 2))
        if explain:
            explainer = self._explain_with(composition, hypothesis_template, definitions)
            model_outputs["evidence"] = explainer.explain(model_inputs, show_all=explain == "all")
        return model_outputs

    def _explain_with(self, composition: Composition, template: str, definitions: Any) -> Any:
        """What explains these answers; the last one is remembered, with its embedded queries."""
        if self._explainer is None or self._explainer[0] != (composition, template):
            evidence = load_room("evidence", "`explain=True`")
            options = {"template": template, "definitions": definitions}
            explainer = evidence.Explainer(self.model, self.tokenizer, composition, **options)
            self._explainer = ((composition, template), explainer)
        return self._explainer[1]

    def postprocess(
        self,
        model_outputs: dict[str, Any],
        candidate_labels: Sequence[str] = (),
        top_k: int | None = None,
        threshold: float = 0.0,
        composed: Composed = "auto",
        definitions: Any = None,
        return_details: bool = False,
        operating_point: OperatingPoint = "youden",
        is_measuring: bool = False,
    ) -> Any:
        """Turn scores into labels, best first, or numbers into measurements; `None` where a recording was skipped."""
        account, failure = (_only(model_outputs[key]) for key in ("account", "failure"))
        if failure is not None:
            return None
        details = {"account": account.to_dict()} if return_details else {}
        if is_measuring:
            return self._name_measurements(model_outputs["measured"][0]) | details
        composition = self._compose(candidate_labels, composed, definitions)
        _warn_of_unseen(composition)
        scores = model_outputs["scores"][0].tolist()
        decided = composition.decide(scores, account, operating_point)
        answers = zip(candidate_labels, scores, composition.seen, composition.sources, decided, strict=True)
        results: list[dict[str, Any]] = [
            {"label": label, "score": score, "seen": seen, "source": source, **decision, **details}
            for label, score, seen, source, decision in answers
        ]
        if "evidence" in model_outputs:
            evidence = _only(model_outputs["evidence"])
            results = [result | {"evidence": evidence[result["label"]]} for result in results]
        if "attention" in model_outputs:
            ecg_config = self.model.config.ecg_config
            weights = dict(zip(composition.queries, model_outputs["attention"][0].tolist(), strict=False))
            for result, answer in zip(results, composition.answers, strict=True):
                result["attention"] = weights[answer.query] if answer.expression is None else None
                result["attention_step_s"] = ecg_config.token_stride / ecg_config.sampling_rate
        results.sort(key=lambda result: -result["score"])
        return [result for result in results[:top_k] if result["score"] >= threshold]

    def _name_measurements(self, measured: torch.Tensor) -> dict[str, Any]:
        """Values, standard deviations and probabilities of being measurable, `(3, num_measurements)`, by name."""
        keys = self.model.config.measurements
        units = [found.unit for found in map(find_measurement, keys) if found]  # the configuration knows all keys
        return {
            key: {"value": value, "sd": sd, "measurable": measurable, "unit": unit}
            for key, unit, value, sd, measurable in zip(keys, units, *measured.tolist(), strict=True)
        }

    def _compose(self, labels: Sequence[str], composed: Composed, definitions: Any) -> Composition:
        """Decide what answers each label; the last decision is remembered."""
        asked = (tuple(labels), composed, definitions)
        if self._composition is None or self._composition[0] != asked:
            composition = Composition.of(self.model.config, labels, composed, definitions=definitions)
            self._composition = (asked, composition)
        return self._composition[1]

    def _embed(self, queries: tuple[str, ...]) -> torch.Tensor:
        """Embed queries; the last set asked for is remembered."""
        if not queries:
            return torch.zeros((0, self.model.config.text_config.hidden_size), device=self.model.device)
        if queries not in self._query_cache:
            self._query_cache = {queries: encode_queries(self.model, self.tokenizer, queries)}
        return self._query_cache[queries]


@contextmanager
def naming_pipeline(config: Any) -> Iterator[None]:
    """Let what is saved of a configuration meanwhile say where this pipeline is."""
    known = getattr(config, "custom_pipelines", None)
    config.custom_pipelines = PIPELINE_ENTRY
    try:
        yield
    finally:
        if known is None:
            del config.custom_pipelines
        else:
            config.custom_pipelines = known


def _warn_of_unseen(composition: Composition) -> None:
    """Speak of the first label in this process that training did not name, and that only its wording answers."""
    global _warned_of_unseen
    answers = zip(composition.labels, composition.seen, composition.answers, strict=True)
    unseen = next((label for label, seen, answer in answers if seen is False and answer.expression is None), None)
    if unseen is not None and not _warned_of_unseen:
        _warned_of_unseen = True
        logger.warning(
            f"Training never named {quote(unseen)}: its score is a guess from the wording, marked `seen: False`, as"
            " are those of other such labels."
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
            raise TypeError(f"The candidate label {quote(label)} is a {type(label).__name__}. Labels are strings.")
    labels = [label.strip() for label in candidate_labels]
    if "" in labels:
        raise ValueError(f"Candidate label {labels.index('')} of {len(labels)} is empty. Remove it or name a finding.")
    repeated = [label for label, count in Counter(labels).items() if count > 1]
    if repeated:
        raise ValueError(f"Candidate label {quote(min(repeated))} is given more than once. Give each label once.")
    broken = next((label for label in labels if LONE_SURROGATE.search(label)), None)
    if broken is not None:
        raise ValueError(
            f"The candidate label {quote(broken)} holds half a character (a lone surrogate), which no text encoder"
            " reads. Decode the text with the encoding that it was written in."
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
    if threshold is not None and not is_number(threshold):
        raise TypeError(f"`threshold` is {threshold!r}, not a number. Scores are probabilities, from 0 to 1.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"`threshold` is {threshold}. Scores are probabilities: choose a value from 0 to 1.")
    if options.get("composed", False) not in (True, False, "auto"):
        raise ValueError(f'`composed` is {options["composed"]!r}. Pass True, False or "auto".')
    if options.get("explain", False) not in (True, False, "all"):
        raise ValueError(f'`explain` is {options["explain"]!r}. Pass True, False or "all".')
    if options.get("on_error", "raise") not in ON_ERROR:
        raise ValueError(f'`on_error` is {options["on_error"]!r}. Pass "raise" or "skip".')
    if options.get("operating_point", "youden") not in OPERATING_POINTS:
        raise ValueError(f'`operating_point` is {options["operating_point"]!r}. Pass "youden" or "specificity_90".')
    template = options.get("hypothesis_template", "{}")
    if not isinstance(template, str):
        raise TypeError(f"`hypothesis_template` is a {type(template).__name__}. Give a sentence with a {{}} in it.")


def _refuse_unknown_options(options: Mapping[str, Any]) -> None:
    """Refuse an option that no part of the pipeline takes, with the nearest that one does."""
    known = (*READING_OPTIONS, *SCANNING_OPTIONS, *ASKING_OPTIONS, *CHOOSING_OPTIONS, "batch_size", "num_workers")
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
    if type(recordings).__name__ in ("Series", "Index") and not is_number(next(iter(recordings), 0)):
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


def _name_of(recording: Any, place: str) -> str:
    """What messages call a recording that could not be loaded."""
    if isinstance(recording, str | PathLike):
        return str(recording)
    if isinstance(recording, Mapping) and recording.get("record_id") is not None:
        return f"Record {recording['record_id']}"
    return place or "The recording"


def load_room(name: str, purpose: str) -> Any:
    """A part of this package that does not travel with checkpoints.

    Raises:
        ImportError: If the package is not installed here.
    """
    try:
        return import_module(f"modeling_supreme.{name}")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{purpose} takes the package `modeling_supreme`, which is not installed here: a checkpoint brings only"
            " what answers. Install it, or leave the option out."
        ) from error


def _only(value: Any) -> Any:
    """A note of one recording; batches hold them in lists."""
    return value[0] if isinstance(value, list) else value


__all__ = ["ZeroShotEcgClassificationPipeline"]
