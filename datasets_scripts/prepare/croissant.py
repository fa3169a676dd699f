"""croissant.json: a prepared corpus as machines read it, in Croissant 1.0 (schema.org JSON-LD of MLCommons).

Source: Croissant Format Specification 1.0, http://mlcommons.org/croissant/1.0.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Array2D, ClassLabel, Features, List, Value

from .catalogue import CorpusEntry


CROISSANT = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
PARQUET_TYPE = "application/x-parquet"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
# What a column holds, for those whose name and type do not say all
DESCRIPTIONS = {
    "record_id": "Key of the recording; its windows share it.",
    "patient_id": "Key of the patient, where the source has one.",
    "signal": "Microvolts, 12 leads in the order I, II, III, aVR, aVL, aVF, V1 to V6, by 5000 samples at 500 Hz.",
    "lead_mask": "Of each of the 12 leads, whether it was recorded.",
    "not_recorded": "Stretches that a recorded lead lacks: place of the lead, first sample, and the one after.",
    "num_samples": "Samples of 5000 that were recorded; the others are padding.",
    "sampling_rate_original": "Hertz, before resampling.",
    "window_start_s": "Where in the recording the row begins, in seconds.",
    "age": "Years.",
    "report": "Free text, as the source has it.",
    "statements": "The report, one statement each.",
    "label_mask": "Of each label, whether it is known.",
}


def describe_as_croissant(
    title: str,
    features: Features,
    files: Mapping[str, Sequence[Path]],
    *,
    entry: CorpusEntry,
    description: str,
    checksums: Mapping[str, str],
) -> dict[str, Any]:
    """The description as JSON-LD; it names no record, no patient and no place on this machine.

    Args:
        title (`str`):
            Name of the corpus and of its configuration.
        features (`Features`):
            Columns of the rows.
        files (`Mapping[str, Sequence[Path]]`):
            Parquet files of each split.
        entry ([`CorpusEntry`]):
            What the catalogue says of the corpus.
        description (`str`):
            For people.
        checksums (`Mapping[str, str]`):
            SHA-256 of each file, by its name.

    Returns:
        `dict`: A file object per shard, a file set per split, and a record set per split with a field per column.
    """
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": title,
        "description": description,
        "conformsTo": CONFORMS_TO,
        "license": entry.license_url,
        "url": entry.homepage,
        "citeAs": entry.citation,
        "version": "1.0.0",
        "keywords": ["ECG", "electrocardiogram"],
        "distribution": [
            part
            for split, paths in files.items()
            if paths
            for part in _describe_files(split, paths, checksums=checksums)
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": split,
                "name": split,
                "description": f"Rows of the split {split}.",
                "field": [_describe_field(split, name, feature) for name, feature in features.items()],
            }
            for split, paths in files.items()
            if paths
        ],
    }
    return {name: value for name, value in described.items() if value is not None}


def _describe_files(split: str, paths: Sequence[Path], *, checksums: Mapping[str, str]) -> list[dict[str, Any]]:
    """The shards of a split, each and together."""
    objects = [
        {
            "@type": "cr:FileObject",
            "@id": path.name,
            "name": path.name,
            "contentUrl": path.name,
            "contentSize": f"{path.stat().st_size} B",
            "encodingFormat": PARQUET_TYPE,
            "sha256": checksums[path.name],
        }
        for path in paths
    ]
    together = {
        "@type": "cr:FileSet",
        "@id": f"{split}-files",
        "name": f"{split}-files",
        "encodingFormat": PARQUET_TYPE,
        "includes": f"{split}-*.parquet",
    }
    return [*objects, together]


def _describe_field(split: str, name: str, feature: Any) -> dict[str, Any]:
    """A column, and what it is made of where it is a struct."""
    source = {"fileSet": {"@id": f"{split}-files"}, "extract": {"column": name}}
    told = DESCRIPTIONS.get(name)
    if isinstance(_inner(feature), ClassLabel):
        told = f"Places of the positive labels in this list: {', '.join(_inner(feature).names)}."
    field: dict[str, Any] = {"@type": "cr:Field", "@id": f"{split}/{name}", "name": name}
    if told:
        field["description"] = told
    if isinstance(feature, (List, Array2D)):
        field["repeated"] = True
    inner = _inner(feature)
    if not isinstance(inner, dict):
        return field | {"dataType": _data_type(inner), "source": source}
    parts = [
        {
            "@type": "cr:Field",
            "@id": f"{split}/{name}/{key}",
            "name": key,
            "dataType": _data_type(_inner(part)),
            "source": {**source, "transform": {"jsonPath": key}},
        }
        for key, part in inner.items()
    ]
    return field | {"source": source, "subField": parts}


def _inner(feature: Any) -> Any:
    """What lists of lists are of, in the end."""
    while isinstance(feature, List):
        feature = feature.feature
    return feature


def _data_type(feature: Any) -> str:
    """The schema.org type of a value."""
    dtype = feature.dtype if isinstance(feature, (Value, Array2D)) else "int64"  # a label is a place in a list
    kinds = {"string": "sc:Text", "large_string": "sc:Text", "bool": "sc:Boolean"}
    return kinds.get(dtype, "sc:Float" if dtype.startswith("float") else "sc:Integer")
