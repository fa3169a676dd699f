"""What must be true of a checkpoint before it answers: safetensors, inside its folder, complete, and finite.

A pickle can run code when it is read, a tensor that is missing is replaced by random numbers, and transformers goes on
with both. Here they are errors that name the file or the tensors.
"""

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, ClassVar, NamedTuple, cast

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, cached_file


# What says from where `from_pretrained` takes a checkpoint
SOURCE_OPTIONS = ("cache_dir", "local_files_only", "proxies", "revision", "subfolder", "token")
PICKLE_SUFFIXES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")
# As safetensors spells them. Integers would need a scale, and eight bits of float too
FLOAT_DTYPES = ("F64", "F32", "F16", "BF16")
WEIGHTS_NAME = re.compile(r"[\w.-]+\.safetensors(\.index\.json)?")
# "file.Class", after the name of a repository where the code lies in another
CODE_REFERENCE = re.compile(r"([\w.-]+/[\w.-]+--)?\w+\.\w+")
NUM_NAMED = 3  # tensors that a message names
CONVERSION = (
    "Load it where you trust it and save it again (`save_pretrained` writes safetensors), or convert it at"
    " https://huggingface.co/spaces/safetensors/convert"
)


class CheckpointError(ValueError, OSError):
    """A checkpoint cannot be trusted with an answer.

    Also an `OSError`, which is what transformers raises where it finds no weights.
    """


class StoredTensor(NamedTuple):
    """A tensor as the header of a safetensors file describes it.

    Attributes:
        dtype (`str`):
            Its type, as safetensors spells it.
        shape (`tuple[int, ...]`):
            Its shape.
    """

    dtype: str
    shape: tuple[int, ...]


class CheckedPreTrainedModel(PreTrainedModel):
    """A model that loads nothing but whole checkpoints, and says what is wrong with the others."""

    # Beginnings of the names of tensors that checkpoints of other models of this family hold besides
    other_parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: PreTrainedConfig, *args: Any, **kwargs: Any) -> None:
        config.validate()  # fields may have been set since it was made
        super().__init__(config, *args, **kwargs)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        pretrained_model_name_or_path: str | os.PathLike | None,
        *model_args: Any,
        use_safetensors: bool | None = None,
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Load a checkpoint that is whole.

        Args:
            pretrained_model_name_or_path (`str` or `PathLike`, *optional*):
                Folder or Hub id.
            model_args:
                Further arguments of the model.
            use_safetensors (`bool`, *optional*):
                May not be `False`: nothing else is read.
            ignore_mismatched_sizes (`bool`):
                Whether tensors that are missing, have no place, or have another shape are left out; what is not
                loaded is random.
            output_loading_info (`bool`):
                Whether to return what was left out, too.
            kwargs:
                All else that transformers' `from_pretrained` takes.

        Returns:
            The model, in evaluation mode, or the model and what was left out.

        Raises:
            CheckpointError: If the weights are no safetensors, lie outside of the folder, cannot be read, do not fit
                the configuration, or are not finite.
        """
        source = pretrained_model_name_or_path
        if use_safetensors is False or kwargs.get("gguf_file"):
            raise CheckpointError(
                f"{source}: `use_safetensors=False` and `gguf_file` ask for what is no safetensors. Nothing else"
                " is read: leave them out."
            )
        described = cls._describe_source(source, kwargs)
        stored = cls._check_source(source, kwargs, described, is_whole=not ignore_mismatched_sizes)
        with explain_missing_safetensors(str(source)):
            loaded: Any = super().from_pretrained(
                source,
                *model_args,
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # reported below, in words
                output_loading_info=True,
                **kwargs,
            )
        model, loading_info = loaded
        if not ignore_mismatched_sizes:
            new_parts = cls._new_parts(described, stored, kwargs)
            check_complete(loading_info, str(source), new_parts=new_parts, other_parts=cls.other_parts)
        if getattr(model, "hf_quantizer", None) is None:
            check_dtypes(model, stored, str(source))
            check_finite(model, str(source))
        return (model, loading_info) if output_loading_info else model

    @classmethod
    def _describe_source(cls, source: str | os.PathLike | None, options: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration as it is stored, before anybody changed it."""
        if source is None or Path(source).is_file():
            return {}
        kept = {name: options[name] for name in SOURCE_OPTIONS if options.get(name) is not None}
        return PreTrainedConfig.get_config_dict(source, **kept)[0]

    @classmethod
    def _check_source(
        cls,
        source: str | os.PathLike | None,
        options: Mapping[str, Any],
        described: Mapping[str, Any],
        *,
        is_whole: bool,
    ) -> dict[str, StoredTensor]:
        """The tensors of a checkpoint, if its files can be read and, where it is to be whole, hold enough of them."""
        if source is None:
            return {}
        kept = {name: options[name] for name in SOURCE_OPTIONS if options.get(name) is not None}
        weights_name, variant = described.get("transformers_weights"), options.get("variant")
        stored = read_stored_tensors(source, weights_name=weights_name, variant=variant, **kept)
        config = options.get("config")
        if not isinstance(config, PreTrainedConfig):
            config = cast("type[PreTrainedConfig]", cls.config_class).from_pretrained(source, **kept)
        if stored and is_whole:
            check_size(lambda: cls._count_parameters(config), config.estimated_parameters, stored, str(source))
        return stored

    @classmethod
    def _count_parameters(cls, config: PreTrainedConfig) -> int:
        """Parameters of the model that a configuration describes, without memory for them."""
        with torch.device("meta"), init.no_init_weights():
            return cls(config).num_parameters()

    @classmethod
    def _new_parts(
        cls, described: Mapping[str, Any], stored: Mapping[str, StoredTensor], options: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Beginnings of the names of tensors that this checkpoint need not hold, as they are to be trained."""
        return ()

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Write weights and configuration, with the permissions that the user's other files get."""
        super().save_pretrained(save_directory, *args, **kwargs)
        follow_umask(Path(save_directory).glob("model*.safetensors"))


def read_stored_tensors(
    name_or_path: str | os.PathLike,
    *,
    weights_name: str | None = None,
    variant: str | None = None,
    **source: Any,
) -> dict[str, StoredTensor]:
    """Find the weights of a checkpoint and read what is in them, but no number of it.

    Args:
        name_or_path (`str` or `PathLike`):
            Folder or Hub id of the checkpoint.
        weights_name (`str`, *optional*):
            The file that the configuration names (`transformers_weights`).
        variant (`str`, *optional*):
            What stands before the suffix of the files.
        source:
            Options of `from_pretrained` that say from where: `revision`, `subfolder`, `token` and their kin.

    Returns:
        `dict[str, StoredTensor]`: By name; empty where a repository on the Hub has no safetensors.

    Raises:
        CheckpointError: If there are no safetensors in a folder, a file lies outside of it, or one cannot be read.
    """
    if Path(name_or_path).is_file():
        return _read_header(_check_suffix(Path(name_or_path)))
    find = _finder(name_or_path, source)
    stem, suffix = SAFE_WEIGHTS_NAME.rsplit(".", 1)
    names = (SAFE_WEIGHTS_NAME, SAFE_WEIGHTS_INDEX_NAME)
    if variant:
        names = tuple(name.replace(f"{stem}.{suffix}", f"{stem}.{variant}.{suffix}", 1) for name in names)
    if weights_name is not None:
        names = (_check_inside(weights_name, SAFE_WEIGHTS_NAME),)
    found = next((path for path in map(find, names) if path is not None), None)
    if found is None:
        if Path(name_or_path).is_dir():
            raise _no_safetensors(Path(name_or_path, source.get("subfolder") or ""), names[0])
        return {}
    if found.suffix == ".json":
        return _read_shards(found, find)
    return _read_header(found)


def _finder(name_or_path: str | os.PathLike, source: Mapping[str, Any]) -> Callable[[str], Path | None]:
    """A function that finds a file of a checkpoint by its name; `None` where there is none."""

    def find_on_hub(name: str) -> Path | None:
        # Whatever else goes wrong, transformers will say when it looks for the same file
        path = cached_file(
            str(name_or_path),
            name,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
            **source,
        )
        return None if path is None else Path(path)

    folder = Path(name_or_path, source.get("subfolder") or "")

    def find_in_folder(name: str) -> Path | None:
        path = folder / name
        if not os.path.lexists(path):
            return None
        _check_target(path, folder)
        return path

    return find_in_folder if Path(name_or_path).is_dir() else find_on_hub


def _check_target(path: Path, folder: Path) -> None:
    """Refuse what is no file, and a link out of the folder; those of the cache of the Hub lead to its blobs."""
    target = path.resolve()
    is_blob = target.parent.name == "blobs" and target.parent.parent.name.startswith("models--")
    if not (is_blob or target.is_relative_to(folder.resolve())):
        raise CheckpointError(
            f"{path} is a link to {target}, outside of the folder of its checkpoint. Put the file itself in its place."
        )
    if not target.is_file():
        raise CheckpointError(f"{path} is no file. Download or copy the checkpoint again.")


def _check_inside(name: Any, place: str | Path) -> str:
    """The name of a file with weights, if it lies in the folder of the checkpoint and is safetensors."""
    ways = (PurePosixPath(str(name)), PureWindowsPath(str(name)))
    if not isinstance(name, str) or any(way.is_absolute() or way.drive or ".." in way.parts for way in ways):
        raise CheckpointError(
            f"{place} points to {name!r}, outside of the folder of its checkpoint. Download the checkpoint again from"
            " a source you trust."
        )
    if not name.endswith((".safetensors", ".safetensors.index.json")):
        raise CheckpointError(
            f"{place} points to {name!r}, which is no safetensors file: only safetensors are read. {CONVERSION}."
        )
    return name


def _check_suffix(path: Path) -> Path:
    """A path that was given as weights, if it is safetensors."""
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path} is no safetensors file: only safetensors are read. {CONVERSION}.")
    return path


def _no_safetensors(folder: Path, wanted: str) -> CheckpointError:
    """What to say of a folder without safetensors."""
    names = sorted(path.name for path in folder.iterdir())
    if "adapter_config.json" in names:
        return CheckpointError(
            f"{folder} has no {wanted}, only an adapter. Load the model that it belongs to, and then the adapter with"
            " `load_adapter`."
        )
    pickles = [name for name in names if name.endswith(PICKLE_SUFFIXES)]
    if pickles:
        return CheckpointError(
            f"{folder} has no {wanted}, only {pickles[0]}: a pickle, which can run code when it is read. Only"
            f" safetensors are read. {CONVERSION}."
        )
    return CheckpointError(
        f"{folder} has no {wanted}: the weights are missing. Copy or download the whole checkpoint again."
    )


def _read_shards(index_path: Path, find: Callable[[str], Path | None]) -> dict[str, StoredTensor]:
    """The tensors of all files that an index lists, each name checked before any file is opened."""
    remedy = "Download or copy the checkpoint again."
    try:
        index = json.loads(index_path.read_text(encoding="utf-8"))
        names = sorted({_check_inside(name, index_path) for name in index["weight_map"].values()})
        is_complete = isinstance(index["metadata"], dict)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"{index_path} is no index of weights ({error!r}). {remedy}") from error
    if not is_complete or any(name.endswith(".json") for name in names):
        raise CheckpointError(f"{index_path} is no index of weights. {remedy}")
    tensors: dict[str, StoredTensor] = {}
    for name in names:
        path = find(name)
        if path is None:
            raise CheckpointError(f"{index_path} lists {name}, which is missing. {remedy}")
        tensors |= _read_header(path)
    return tensors


def _read_header(path: Path) -> dict[str, StoredTensor]:
    """The tensors of one file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            return {name: StoredTensor(part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is no safetensors file, or not all of it ({error}). Download or copy it again."
        ) from error


def check_references(fields: Mapping[str, Any]) -> None:
    """Refuse a configuration that points out of its folder, or at code that nobody agreed to.

    Args:
        fields (`Mapping`):
            Content of config.json.

    Raises:
        CheckpointError: If weights or code are more than the name of a file, or an attention comes from the Hub.
    """
    remedy = "Download the checkpoint again from a source you trust."
    weights_name = fields.get("transformers_weights")
    if weights_name is not None and not WEIGHTS_NAME.fullmatch(str(weights_name)):
        raise CheckpointError(
            f"`transformers_weights` is {weights_name!r}, no safetensors file beside config.json: nothing else is"
            f" read. {remedy}"
        )
    pipelines = fields.get("custom_pipelines")
    entries = pipelines.values() if isinstance(pipelines, Mapping) else ()
    code = [fields.get("auto_map"), *(entry.get("impl") for entry in entries if isinstance(entry, Mapping))]
    for reference in _list_texts(code):
        if not CODE_REFERENCE.fullmatch(reference):
            raise CheckpointError(f"The code {reference!r} is no file of its own beside config.json. {remedy}")
    for part in (fields, *(part for part in fields.values() if isinstance(part, Mapping))):
        chosen = [part.get(f"{prefix}{name}_implementation") for prefix in ("", "_") for name in ("attn", "experts")]
        foreign = [name for name in _list_texts(chosen) if "/" in name]
        if foreign:
            raise CheckpointError(
                f"The attention {foreign[0]!r} is code from the Hub, which a checkpoint may not choose. Remove it from"
                " config.json, and pass `attn_implementation` to `from_pretrained` if you trust it."
            )


def _list_texts(value: Any) -> list[str]:
    """All texts in nested lists and dictionaries."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for part in parts for text in _list_texts(part)]


def check_dtypes(model: nn.Module, stored: Mapping[str, StoredTensor], source: str | os.PathLike) -> None:
    """Refuse integers and eight-bit floats where the model has floats: they are nothing without their scale.

    Raises:
        CheckpointError: If there are any.
    """
    floats = {name for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    odd = [
        f"{name} ({tensor.dtype})"
        for name, tensor in sorted(stored.items())
        if tensor.dtype not in FLOAT_DTYPES and floats & {name, f"{prefix}{name}", name.removeprefix(prefix)}
    ]
    if odd:
        raise CheckpointError(
            f"{source}: {_name_some(odd)} should be floats of 16 bits or more. Save the checkpoint in one of the types"
            f" {', '.join(FLOAT_DTYPES)}."
        )


def check_size(
    num_parameters: Callable[[], int], estimate: int, stored: Mapping[str, StoredTensor], source: Any
) -> None:
    """Refuse a configuration of far more parameters than the files hold, before memory is asked for.

    Args:
        num_parameters (`Callable`):
            Counts the parameters; asked only where the estimate is far from what is stored.
        estimate (`int`):
            Upper estimate of the parameters.
        stored (`Mapping[str, StoredTensor]`):
            What the files hold.
        source (`str` or `PathLike`):
            The checkpoint.

    Raises:
        CheckpointError: If it is more than twice as many.
    """
    num_stored = sum(math.prod(tensor.shape) for tensor in stored.values())
    if estimate > 2 * num_stored and (needed := num_parameters()) > 2 * num_stored:
        raise CheckpointError(
            f"{source}: the configuration describes {needed:,} parameters, the weights hold {num_stored:,}. They do"
            " not belong together: take both from the same checkpoint."
        )


def check_complete(
    loading_info: Mapping[str, Any],
    source: str | os.PathLike,
    *,
    new_parts: Sequence[str] = (),
    other_parts: Sequence[str] = (),
) -> None:
    """Refuse weights that do not fit the model, tensor by tensor.

    Args:
        loading_info (`Mapping`):
            What `from_pretrained` reports with `output_loading_info=True`.
        source (`str` or `PathLike`):
            The checkpoint.
        new_parts (`Sequence[str]`):
            Beginnings of names that the weights need not have, as they are to be trained.
        other_parts (`Sequence[str]`):
            Beginnings of names of which the model takes no notice.

    Raises:
        CheckpointError: If tensors are missing, have no place in the model, or have another shape.
    """
    missing = [name for name in sorted(loading_info["missing_keys"]) if not name.startswith(tuple(new_parts))]
    unexpected = [name for name in sorted(loading_info["unexpected_keys"]) if not name.startswith(tuple(other_parts))]
    mismatched = [
        f"{name} {tuple(shape)} instead of {tuple(wanted)}"
        for name, shape, wanted in sorted(loading_info["mismatched_keys"])
    ]
    problems = {
        "lack tensors of the model": missing,
        "have tensors that the model has no place for": unexpected,
        "have tensors of another shape": mismatched,
    }
    said = [f"{problem} ({_name_some(names)})" for problem, names in problems.items() if names]
    if said:
        raise CheckpointError(
            f"{source}: the weights {', and '.join(said)}. The model would answer with random numbers, so it is not"
            " loaded. Download the checkpoint again, or take configuration and weights from the same one; to use a"
            " part of it on purpose, pass `ignore_mismatched_sizes=True`."
        )


def check_finite(model: nn.Module, source: str | os.PathLike) -> None:
    """Refuse weights that are NaN or infinite.

    Raises:
        CheckpointError: If there are any.
    """
    broken = [
        name
        for name, tensor in model.state_dict().items()
        if tensor.is_floating_point() and not tensor.is_meta and not torch.isfinite(tensor).all()
    ]
    if broken:
        raise CheckpointError(
            f"{source}: the weights hold NaN or infinity ({_name_some(broken)}). The training that made them came"
            " apart, or the file is damaged: take an earlier checkpoint, or download it again."
        )


def check_logits(logits: torch.Tensor, records: Sequence[str]) -> None:
    """Refuse logits that are NaN or infinite.

    Args:
        logits (`torch.Tensor` of shape `(num_records, num_queries)`):
            What the model answered.
        records (`Sequence[str]`, one per row):
            Names of the records.

    Raises:
        ValueError: If there are any; the message names the first record.
    """
    is_broken = torch.isfinite(logits).all(dim=-1).logical_not()
    if is_broken.any():
        first = records[int(is_broken.nonzero()[0])]
        more = int(is_broken.sum()) - 1
        raise ValueError(
            f"Record {first}{f' and {more} more' if more else ''}: the model answered NaN or infinity, which is no"
            " score. Load it in float32 (`dtype=torch.float32`); if that does not help, its weights are damaged: take"
            " another checkpoint."
        )


def load_text_encoder(name_or_path: str, *, revision: str | None = None, dtype: torch.dtype | None = None) -> Any:
    """Load a text encoder that others have trained.

    Args:
        name_or_path (`str`):
            Folder or Hub id of an encoder that `AutoModel` loads.
        revision (`str`, *optional*):
            Branch, tag or commit on the Hub.
        dtype (`torch.dtype`, *optional*):
            Type of its weights; as they were saved by default.

    Returns:
        `PreTrainedModel`: In evaluation mode.

    Raises:
        OSError: If there is no text encoder of this name.
        CheckpointError: If it has no safetensors, or they lack tensors or are not finite. A missing pooler is no
            matter: no query goes through it.
    """
    config = AutoConfig.from_pretrained(name_or_path, revision=revision)
    weights_name = getattr(config, "transformers_weights", None)
    read_stored_tensors(name_or_path, weights_name=weights_name, revision=revision)
    with explain_missing_safetensors(name_or_path):
        model, loading_info = AutoModel.from_pretrained(
            name_or_path, revision=revision, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
    check_complete({**loading_info, "unexpected_keys": ()}, name_or_path, new_parts=("pooler.",))
    check_finite(model, name_or_path)
    return model


@contextmanager
def explain_missing_safetensors(name_or_path: str) -> Iterator[None]:
    """Say what to do about a repository on the Hub that has no safetensors.

    transformers looks for the conversion that the Hub offers as a pull request, and asks for one where there is none;
    what it says when it has found neither is to allow pickles.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, CheckpointError) or SAFE_WEIGHTS_NAME not in str(error):
            raise
        raise CheckpointError(
            f"{name_or_path} has no {SAFE_WEIGHTS_NAME} on the Hub, and a pickle is never read. Convert it at"
            " https://huggingface.co/spaces/safetensors/convert and name the revision that this opens"
            " (`--revision refs/pr/1`), pass a folder with its weights as safetensors, or choose another model."
        ) from error


def half_floats(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of a model with floats of 16 bits, for a file of half the size: `save_pretrained(state_dict=...)`.

    The configuration goes on to say float32, so that `from_pretrained` computes in float32 on any machine.

    Raises:
        CheckpointError: If a weight is too large for 16 bits.

    Example:
        >>> half_floats({"scale": torch.ones(2), "place": torch.arange(2)})
        {'scale': tensor([1., 1.], dtype=torch.float16), 'place': tensor([0, 1])}
    """
    halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    broken = [name for name, tensor in halved.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise CheckpointError(
            f"{_name_some(broken)}: weights are beyond {torch.finfo(torch.float16).max:,.0f}, the largest number of 16"
            " bits. Save them in 32."
        )
    return halved


def follow_umask(paths: Iterable[Path]) -> None:
    """Give files the permissions that the user's other new files get; safetensors makes them private."""
    umask = os.umask(0o077)
    os.umask(umask)
    for path in paths:
        path.chmod(0o666 & ~umask)


def _name_some(names: Sequence[str]) -> str:
    """The first names of a list, and how many there are."""
    more = len(names) - NUM_NAMED
    return f"{', '.join(names[:NUM_NAMED])}{f' and {more} more' if more > 0 else ''}"
