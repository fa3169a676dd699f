"""The suites: which label sets are tested together, where they lie, and what each protocol calls their classes."""

from dataclasses import dataclass, field


MERL = "merl"
CORRECTED = "corrected"
PROTOCOLS = (MERL, CORRECTED)
# What the macro average of each protocol needs of a condition, in positive records
FEWEST_POSITIVES = {MERL: 1, CORRECTED: 10}

# Class of MERL's tables (Liu et al. 2024, ICML) -> label of the corpus that asks for the same; the others agree.
PTB_XL_NAMES = {
    "AVB": "_AVB",
    "ISC": "ISC_",
    "NST": "NST_",
    "NT": "NT_",
    "STD": "STD_",
    "STE": "STE_",
    "TAB": "TAB_",
}
CPSC2018_NAMES = {
    "1AVB": "I-AVB",
    "AFIB": "AF",
    "CLBBB": "LBBB",
    "CRBBB": "RBBB",
    "NORM": "Normal",
    "VPC": "PVC",
}
# In the publisher's table AF is atrial flutter, VEB a ventricular escape beat, and STE an "ST extension".
CHAPMAN_NAMES = {"AF": "AFL", "STE": "STIAb", "VEB": "VEsB"}


@dataclass(frozen=True)
class LabelSet:
    """One of the sets of a suite.

    Args:
        name (`str`):
            "corpus/configuration", as results are called before the split.
        title (`str`):
            For people.
        corpus (`str`):
            Name of its builder in `datasets_scripts`.
        config_name (`str`):
            Configuration of the builder that has its labels.
        num_conditions (`int`):
            Classes of the published set.
        merl_tables (`str`):
            Folder and beginning of the names of MERL's three tables, below its `data_split`.
        merl_names (`dict[str, str]`):
            Class of MERL's tables -> label of the corpus, where the two differ.
        merl_seconds (`float`, *optional*):
            What MERL keeps of a recording, in seconds from its beginning; the rest of its ten seconds are zeros.
        whole_config (`str`, *optional*):
            Configuration whose rows hold the records of all sets of the corpus; its own otherwise.
    """

    name: str
    title: str
    corpus: str
    config_name: str
    num_conditions: int
    merl_tables: str
    merl_names: dict[str, str] = field(default_factory=dict)
    merl_seconds: float | None = None
    whole_config: str | None = None

    @property
    def rows_config(self) -> str:
        """The configuration to read records from."""
        return self.whole_config or self.config_name


def _ptb_xl(config_name: str, num_conditions: int, folder: str) -> LabelSet:
    """One of the four sets of PTB-XL."""
    return LabelSet(
        name=f"ptb_xl/{config_name}",
        title=f"PTB-XL {config_name}",
        corpus="ptb_xl",
        config_name=config_name,
        num_conditions=num_conditions,
        merl_tables=f"ptbxl/{folder}/ptbxl_{folder}",
        merl_names=PTB_XL_NAMES if config_name in ("subclass", "form") else {},
        whole_config="all",
    )


# The six sets on which MERL and all that follow it report zero-shot figures: 106 conditions.
SUPREME6 = (
    _ptb_xl("superclass", 5, "super_class"),
    _ptb_xl("subclass", 23, "sub_class"),
    _ptb_xl("form", 19, "form"),
    _ptb_xl("rhythm", 12, "rhythm"),
    LabelSet(
        name="cpsc2018/default",
        title="CPSC2018",
        corpus="cpsc2018",
        config_name="default",
        num_conditions=9,
        merl_tables="icbeb/icbeb",
        merl_names=CPSC2018_NAMES,
        merl_seconds=5.0,
    ),
    LabelSet(
        name="chapman_shaoxing_ningbo/merl",
        title="Chapman-Shaoxing-Ningbo",
        corpus="chapman_shaoxing_ningbo",
        config_name="merl",
        num_conditions=38,
        merl_tables="chapman/chapman",
        merl_names=CHAPMAN_NAMES,
        whole_config="default",
    ),
)
SUITES = {"supreme6": SUPREME6}
