"""Flags of the commands; nothing here loads a library."""

from dataclasses import dataclass, field
from typing import Any, Literal

from ..registration import default_checkpoint


@dataclass
class CheckpointArguments:
    """Which checkpoint it is."""

    model: str = field(
        default="",
        metadata={"help": "Folder or Hub id of a checkpoint; else the one that comes with the package."},
    )
    revision: str | None = field(default=None, metadata={"help": "Branch, tag or commit on the Hub."})

    def __post_init__(self) -> None:
        self.model = self.model or default_checkpoint()


@dataclass
class ModelArguments(CheckpointArguments):
    """Which checkpoint answers."""

    device: str | None = field(default=None, metadata={"help": "Such as cpu or cuda:0; else a GPU if there is one."})

    @property
    def loading(self) -> dict[str, Any]:
        """What loading a checkpoint takes besides its name."""
        return {"revision": self.revision, "device": self.device}


@dataclass
class ReadingArguments:
    """For files that do not say."""

    sampling_rate: float | None = field(default=None, metadata={"help": "Samples per second, in Hz."})
    leads: str | None = field(default=None, metadata={"help": "Names of the leads in their order, with commas."})
    unit: Literal["mV", "uV", "V", "nV"] | None = field(default=None, metadata={"help": "Unit of the voltages."})
    on_error: Literal["raise", "skip"] = field(
        default="raise", metadata={"help": "Whether a recording that cannot be used ends the command, or is listed."}
    )

    @property
    def options(self) -> dict[str, Any]:
        """As `read_ecg` takes them."""
        options = {"sampling_rate": self.sampling_rate, "leads": self.leads, "unit": self.unit}
        return {name: value for name, value in options.items() if value is not None}


@dataclass
class OutputArguments:
    """What is read, and where answers go."""

    recordings: list[str] = field(
        metadata={"help": "ECG files, a folder of them, or the folder or Parquet files of a prepared corpus."}
    )
    json: bool = field(default=False, metadata={"help": "Print one line of JSON a recording."})
    csv: str | None = field(
        default=None,
        metadata={
            "help": "File to write; after a kill, the same command goes on, with any --num_proc.",
            "metavar": "FILE",
        },
    )
    parquet: str | None = field(default=None, metadata={"help": "As --csv, in Parquet.", "metavar": "FILE"})
    num_proc: int = field(
        default=1,
        metadata={"help": "Processes that fill a table, each with one thread; the table does not depend on it."},
    )
    dask_scheduler: str | None = field(
        default=None,
        metadata={
            "help": "Fill it on the workers of a Dask cluster, as tcp://host:8786, that see the same folders.",
            "metavar": "ADDRESS",
        },
    )

    def __post_init__(self) -> None:
        if sum(map(bool, (self.json, self.csv, self.parquet))) > 1:
            raise ValueError("More than one of `--json`, `--csv` and `--parquet` is given. Choose one.")
        if self.num_proc < 1:
            raise ValueError(f"`--num_proc` is {self.num_proc}. Give 1 or more.")
        shared = f"--num_proc {self.num_proc}" if self.num_proc > 1 else "--dask_scheduler"
        if (self.num_proc > 1 or self.dask_scheduler) and not (self.csv or self.parquet):
            raise ValueError(
                f"`{shared}` shares the work on a table, and answers are to go to the screen. Name a file with `--csv"
                " FILE` or `--parquet FILE`."
            )


@dataclass
class ClassifyArguments(OutputArguments):
    """What is asked."""

    labels: list[str] | None = field(
        default=None,
        metadata={
            "help": "Findings, measurements with limits, or their combinations: one string with commas, or several."
        },
    )
    list: str | None = field(
        default=None,
        metadata={
            "help": "Conditions of a published test set instead: ptb_xl, ptb_xl_rhythm, cpsc2018, csn and others; or a"
            " text file with one a line.",
            "metavar": "NAME",
        },
    )
    definitions: str | None = field(
        default=None, metadata={"help": "Your own definitions, a YAML or JSON file.", "metavar": "FILE"}
    )
    plot: str | None = field(default=None, metadata={"help": "Folder for sheets of them.", "metavar": "DIR"})
    explain: bool = field(
        default=False, metadata={"help": "Say what carries each answer, and draw it on the sheets of --plot."}
    )
    threshold: float | None = field(default=None, metadata={"help": "Lowest score to give, from 0 to 1."})
    top_k: int | None = field(default=None, metadata={"help": "How many of the best labels to give."})
    operating_point: Literal["youden", "specificity_90"] = field(
        default="youden",
        metadata={
            "help": "From where on a finding is present: where sensitivity and specificity together are largest, or"
            " where nine of ten recordings without it are called so."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.labels) == bool(self.list):
            raise ValueError(
                'Name findings with `--labels "atrial fibrillation, qrs > 120 ms"`, or a list of them with `--list'
                " ptb_xl`: one of the two."
            )


@dataclass
class MeasureArguments(OutputArguments):
    """What is measured."""


@dataclass
class ScanArguments:
    """Recordings longer than a strip; else their beginning answers."""

    aggregate: Literal["max", "mean", "timeline"] | None = field(
        default=None, metadata={"help": "Score windows over all of a recording, and give this of their scores."}
    )
    window_s: float | None = field(default=None, metadata={"help": "Length of a window, in seconds; else a strip."})
    stride_s: float | None = field(
        default=None, metadata={"help": "From one window to the next, in seconds; else the length of one."}
    )

    @property
    def options(self) -> dict[str, Any]:
        """As the pipeline takes them."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass
class InfoArguments:
    """What is looked at."""

    files: list[str] = field(metadata={"help": "ECG files."})
    json: bool = field(default=False, metadata={"help": "Print one line of JSON a file."})


@dataclass
class PlotArguments:
    """What is drawn."""

    file: str = field(metadata={"help": "ECG file."})
    output: str = field(metadata={"help": "File to write: .png, .pdf or .svg."})
    title: str | None = field(
        default=None, metadata={"help": 'Title of the sheet; else the name of the file. "" for none.'}
    )
    layout: Literal["3x4", "6x2", "12x1", "1x1"] = field(
        default="3x4", metadata={"help": "Rows and columns; the first two have a rhythm strip, 1x1 is one lead."}
    )
    lead: str | None = field(default=None, metadata={"help": "The lead of 1x1; else the one that shows rhythms best."})
    speed: Literal[25, 50] = field(default=25, metadata={"help": "Of the paper, in mm/s."})
    compare: str | None = field(
        default=None,
        metadata={"help": "A second ECG file, drawn below the first at the same gain.", "metavar": "FILE"},
    )


@dataclass
class LabelsArguments(CheckpointArguments):
    """Which checkpoint is looked at."""

    json: bool = field(default=False, metadata={"help": "Print JSON."})


@dataclass
class IndexArguments:
    """What is read, and how."""

    source: list[str] = field(
        metadata={"help": "A folder of ECG files or of a prepared corpus, or any number of files."}
    )
    output: str = field(metadata={"help": "Folder to write: empty, absent, or left by the same command."})
    batch_size: int | None = field(
        default=None,
        metadata={
            "help": "Records at once: 64 on a GPU; 1 on a CPU, for answers that equal the pipeline's to the last bit."
        },
    )
    num_proc: int = field(default=1, metadata={"help": "Processes; the files do not depend on it."})
    dask_scheduler: str | None = field(
        default=None,
        metadata={"help": "Encode on the workers of a Dask cluster, as tcp://host:8786.", "metavar": "ADDRESS"},
    )
    records_per_shard: int = field(default=1000, metadata={"help": "Records of one shard."})
    verify: bool = field(
        default=False, metadata={"help": "Compare finished shards with their checksums, and make damaged ones anew."}
    )

    def __post_init__(self) -> None:
        for name in ("batch_size", "num_proc", "records_per_shard"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`--{name}` is {value}. Give 1 or more.")


@dataclass
class ExportArguments:
    """What is written."""

    output: str = field(metadata={"help": "Folder to write: empty or absent."})
    format: Literal["onnx", "torchscript", "openvino"] = field(default="onnx", metadata={"help": "Of the files."})
    int8: bool = field(default=False, metadata={"help": "Store weights in eight bits (ONNX), and say what it costs."})
    records: str | None = field(
        default=None,
        metadata={"help": "Prepared corpus to compare on; else 400 are simulated.", "metavar": "DIR"},
    )


@dataclass
class AskArguments:
    """What is asked, and where answers go."""

    index_and_queries: list[str] = field(
        metadata={"help": "The folder of an index, and then questions, each in quotes."}
    )
    definitions: str | None = field(
        default=None, metadata={"help": "Your own definitions, a YAML or JSON file.", "metavar": "FILE"}
    )
    top: int | None = field(
        default=None, metadata={"help": "How many of the best records to give; else 50, and all of them to a file."}
    )
    count: bool = field(
        default=False,
        metadata={"help": "Estimate how many records show it, with an interval, and name none."},
    )
    csv: str | None = field(default=None, metadata={"help": "File to write.", "metavar": "FILE"})
    parquet: str | None = field(default=None, metadata={"help": "As --csv, in Parquet.", "metavar": "FILE"})
    json: bool = field(default=False, metadata={"help": "Print one line of JSON a record."})
    plot: str | None = field(
        default=None, metadata={"help": "Folder for sheets of the best records.", "metavar": "DIR"}
    )
    model: str | None = field(
        default=None, metadata={"help": "The checkpoint of the index, if it is no longer where it was."}
    )
    device: str | None = field(default=None, metadata={"help": "Such as cpu or cuda:0; else a GPU if there is one."})

    def __post_init__(self) -> None:
        if len(self.index_and_queries) < 2:
            raise ValueError(
                'Give the folder of an index, and what to ask: `supreme ask INDEX "qtc > 500 ms and not paced"`.'
            )
        if self.top is not None and self.top < 1:
            raise ValueError(f"`--top` is {self.top}. Give 1 or more.")
        if sum(map(bool, (self.json, self.csv, self.parquet))) > 1:
            raise ValueError("More than one of `--json`, `--csv` and `--parquet` is given. Choose one.")


@dataclass
class AppArguments:
    """Where the page is served, and what visitors may ask for."""

    host: str = field(
        default="127.0.0.1", metadata={"help": "Address to listen at; 0.0.0.0 shows the page to all of the network."}
    )
    port: int | None = field(default=None, metadata={"help": "Port; else the first free one from 7860 on."})
    open_browser: bool = field(default=False, metadata={"help": "Show the page in a browser."})
    upload_mb: int = field(default=200, metadata={"help": "Largest file that is taken, in megabytes."})
    answer_s: float = field(default=300.0, metadata={"help": "Longest time for one long recording, in seconds."})
    most_labels: int = field(default=200, metadata={"help": "Conditions that may be asked for at once."})

    def __post_init__(self) -> None:
        for name in ("upload_mb", "answer_s", "most_labels"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`--{name}` is {getattr(self, name)}. Give a number above 0.")
