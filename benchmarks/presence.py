"""How often true recordings are taken for flat, saturated, or wrongly named: the false alarms of admission.

    python benchmarks/presence.py --data_dir ../shared/data

Reads every WFDB record below a folder and prints, for several tolerances, of how many some lead counts as flat; of how
many some lead stands at the end of the recorder's range; how much the limb leads contradict each other; and which
records are suspected of exchanged electrodes. The thresholds in use stand in `modeling_supreme/admission.py` and
`modeling_supreme/leads.py`.
"""

import logging
import sys
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from command_line import make_parser, start_logging

from modeling_supreme.admission import SATURATED_MV
from modeling_supreme.ecg_files import find_recordings
from modeling_supreme.leads import LIMB_LEADS, derive_limb_leads
from modeling_supreme.signal_processing import find_flat, find_saturated
from modeling_supreme.wfdb_files import read_wfdb


TOLERANCES_MV = (0.005, 0.01, 0.02, 0.04)

logger = logging.getLogger(__name__)


def contradiction_share(strip_mv: np.ndarray, leads: tuple[str, ...]) -> float:
    """Share of the energy of the limb leads that leads I and II do not explain."""
    limb_leads = [lead for lead in leads if lead in LIMB_LEADS]
    limbs = strip_mv[[leads.index(lead) for lead in limb_leads]]
    limbs = limbs - limbs.mean(axis=1, keepdims=True)
    expected, names = derive_limb_leads(limbs[[limb_leads.index("I"), limb_leads.index("II")]], ("I", "II"))
    expected = expected[[names.index(lead) for lead in limb_leads]]
    return float(((limbs - expected) ** 2).sum() / (limbs**2).sum())


def main() -> None:
    """Read the records and print the counts."""
    parser = make_parser(__doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="Folder of WFDB records, searched to any depth.")
    arguments = parser.parse_args()
    start_logging(logger)
    flat, saturated, suspected, shares = dict.fromkeys(TOLERANCES_MV, 0), [], [], []
    headers = [path for path in find_recordings(arguments.data_dir) if path.suffix == ".hea"]
    for header in headers:
        recording = read_wfdb(header)
        strip_mv = np.nan_to_num(recording.strip_mv)
        for tolerance in TOLERANCES_MV:
            flat[tolerance] += bool(find_flat(strip_mv, recording.sampling_rate, tolerance).any())
        if find_saturated(recording.strip_mv, recording.sampling_rate, SATURATED_MV).any() or (
            recording.account.seconds_missing
        ):
            saturated.append(header.stem)
        suspected += [f"{header.stem}: {text}" for text in recording.account.remarks if "as if" in text]
        if {"I", "II", "III"} <= set(recording.leads):
            shares.append(contradiction_share(strip_mv, recording.leads))
    logger.info(f"{len(headers)} records below {arguments.data_dir}")
    for tolerance, count in flat.items():
        logger.info(f"some lead within {1000 * tolerance:g} uV for 2 s: {count}")
    logger.info(f"some lead at the end of its range for 0.1 s: {len(saturated)} ({', '.join(saturated) or 'none'})")
    logger.info(f"largest contradiction of the limb leads: {max(shares, default=0):.5f} of their energy")
    logger.info(f"suspected of exchanged leads: {len(suspected)}")
    for line in suspected:
        logger.info(f"  {line}")


if __name__ == "__main__":
    main()
