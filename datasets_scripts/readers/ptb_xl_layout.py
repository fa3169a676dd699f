"""Names of the files and columns of PTB-XL (Wagner et al. 2020), and its codes with the classes they belong to."""

import ast

from .cells import shorten


DATABASE_FILENAME = "ptbxl_database.csv"
STATEMENTS_FILENAME = "scp_statements.csv"
FILENAME_COLUMN = {500: "filename_hr", 100: "filename_lr"}  # by sampling rate, in Hz
DATABASE_COLUMNS = ("ecg_id", "patient_id", "age", "sex", "report", "scp_codes", "strat_fold", "validated_by_human")
SEX_OF_CODE = {"0": "male", "1": "female"}

# Superclass -> subclass -> codes. Source: scp_statements.csv, columns diagnostic_class and diagnostic_subclass.
DIAGNOSTIC_CODES = {
    "NORM": {"NORM": ("NORM",)},
    "MI": {
        "AMI": ("AMI", "ASMI", "ALMI", "INJAS", "INJAL", "INJLA"),
        "IMI": ("IMI", "ILMI", "IPMI", "IPLMI", "INJIN", "INJIL"),
        "LMI": ("LMI",),
        "PMI": ("PMI",),
    },
    "STTC": {
        "STTC": ("NDT", "DIG", "LNGQT", "ANEUR", "EL"),
        "NST_": ("NST_",),
        "ISC_": ("ISC_",),
        "ISCA": ("ISCAL", "ISCAS", "ISCLA", "ISCAN"),
        "ISCI": ("ISCIN", "ISCIL"),
    },
    "CD": {
        "LAFB/LPFB": ("LAFB", "LPFB"),
        "IRBBB": ("IRBBB",),
        "CRBBB": ("CRBBB",),
        "ILBBB": ("ILBBB",),
        "CLBBB": ("CLBBB",),
        "_AVB": ("1AVB", "2AVB", "3AVB"),
        "IVCD": ("IVCD",),
        "WPW": ("WPW",),
    },
    "HYP": {
        "LVH": ("LVH",),
        "RVH": ("RVH",),
        "SEHYP": ("SEHYP",),
        "LAO/LAE": ("LAO/LAE",),
        "RAO/RAE": ("RAO/RAE",),
    },
}
# Four form codes are diagnostic codes too. Source: scp_statements.csv, column form.
FORM_CODES = (
    *("NDT", "NST_", "DIG", "LNGQT", "ABQRS", "PVC", "STD_", "VCLVH", "QWAVE", "LOWT"),
    *("NT_", "PAC", "LPR", "INVT", "LVOLT", "HVOLT", "TAB_", "STE_", "PRC(S)"),
)
# Source: scp_statements.csv, column rhythm.
RHYTHM_CODES = (
    *("SR", "AFIB", "STACH", "SARRH", "SBRAD", "PACE"),
    *("SVARR", "BIGU", "AFLT", "SVTAC", "PSVT", "TRIGU"),
)

# Superclass and subclass of each diagnostic code.
CLASSES_OF_CODE = {
    code: (superclass, subclass)
    for superclass, subclasses in DIAGNOSTIC_CODES.items()
    for subclass, codes in subclasses.items()
    for code in codes
}
ALL_CODES = tuple(dict.fromkeys((*CLASSES_OF_CODE, *FORM_CODES, *RHYTHM_CODES)))


def parse_scp_codes(cell: str | None) -> dict[str, float]:
    """Codes with their likelihoods in percent, 0 where none is stated.

    Raises:
        ValueError: If the cell is no dictionary of known codes and numbers.

    Example:
        >>> parse_scp_codes("{'NORM': 100.0, 'SR': 0.0}")
        {'NORM': 100.0, 'SR': 0.0}
    """
    try:
        codes = ast.literal_eval(cell or "")
        likelihoods = {str(code): float(likelihood) for code, likelihood in codes.items()}
    except (ValueError, SyntaxError, TypeError, AttributeError, MemoryError, RecursionError) as error:
        raise ValueError(
            f"{shorten(cell or '')} is no dictionary of codes and likelihoods, such as {{'NORM': 100.0}}"
        ) from error
    unknown = [code for code in likelihoods if code not in ALL_CODES]
    if unknown:
        raise ValueError(f"it carries the unknown code {shorten(unknown[0])}, which the official table lacks")
    return likelihoods
