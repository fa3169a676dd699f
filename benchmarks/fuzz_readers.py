"""Damaged files on purpose: the readers may refuse them in words, and nothing else.

    python benchmarks/fuzz_readers.py --seconds 600 --seed 0

Writes small sound files of each kind (WFDB as PTB-XL and as the Challenges write it, CSV, NumPy, HDF5), changes bytes,
cuts or repeats parts of one of them, and reads it as the corpora (`read_wfdb_record`) and the pipeline (`read_ecg`)
do. An exception other than those the readers document stops the run and leaves the file to look at; so does a read of
more than `--time_limit_s`. MATLAB files without a header are left out: `scipy.io.loadmat` can end the process on
damaged ones.
"""

import faulthandler
import logging
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import wfdb
from command_line import make_parser, start_logging


sys.path.insert(0, str(Path(__file__).parents[1]))

from datasets_scripts.readers.wfdb_reader import read_wfdb_record
from modeling_supreme.ecg_files import read_ecg
from modeling_supreme.leads import STANDARD_LEADS


logger = logging.getLogger("fuzz")

DOCUMENTED = (ValueError, OSError, TypeError)
NUM_SAMPLES = 300
CHALLENGE_HEADER = "A1.mat 12 500 {num_samples}\n" + "".join(
    f"A1.mat 16+24 1000/mV 16 0 0 0 0 {lead}\n" for lead in STANDARD_LEADS
)


def write_seeds(folder: Path) -> list[tuple[Path, Path, Callable[[Path], object]]]:
    """Sound files: which one to damage, which path to read, and how."""
    microvolts = np.rint(1000 * np.sin(np.arange(NUM_SAMPLES) / 20)[:, None] * np.arange(1, 13)).astype(np.int16)
    wfdb.wrsamp(
        "ptb",
        fs=500,
        units=["mV"] * 12,
        sig_name=list(STANDARD_LEADS),
        d_signal=microvolts,
        fmt=["16"] * 12,
        adc_gain=[1000.0] * 12,
        baseline=[0] * 12,
        write_dir=str(folder),
    )
    (folder / "A1.hea").write_text(CHALLENGE_HEADER.format(num_samples=NUM_SAMPLES) + "#Age: 50\n#Sex: Male\n#Dx: 1\n")
    (folder / "A1.mat").write_bytes(bytes(24) + microvolts.tobytes())
    table = "\n".join([",".join(STANDARD_LEADS), *(",".join(map(str, row / 1000)) for row in microvolts)])
    (folder / "table.csv").write_text(table)
    np.save(folder / "array.npy", microvolts.T / 1000)
    with h5py.File(folder / "array.h5", "w") as file:
        file["ecg"] = microvolts.T / 1000

    def read_corpus(path: Path) -> object:
        return read_wfdb_record(path.with_suffix(""), sampling_rate=None)

    def read_array(path: Path) -> object:
        return read_ecg(path, sampling_rate=500, leads=STANDARD_LEADS)

    headers = [folder / "ptb.hea", folder / "ptb.dat", folder / "A1.hea", folder / "A1.mat"]
    seeds = [(file, file.with_suffix(".hea"), read) for file in headers for read in (read_corpus, read_ecg)]
    return seeds + [(folder / name, folder / name, read_array) for name in ("table.csv", "array.npy", "array.h5")]


def damage(content: bytes, generator: np.random.Generator) -> bytes:
    """Change, cut or repeat a few bytes."""
    data = bytearray(content)
    for _ in range(int(generator.integers(1, 6))):
        position = int(generator.integers(0, len(data) or 1))
        length = int(generator.integers(1, 9))
        kind = generator.integers(0, 4)
        if kind == 0:
            data[position : position + length] = generator.bytes(min(length, max(0, len(data) - position)))
        elif kind == 1:
            del data[position : position + int(generator.integers(1, 1 + max(1, len(data) // 4)))]
        elif kind == 2:
            data[position:position] = data[max(0, position - 8 * length) : position]
        else:
            data[position:position] = str(int(generator.integers(-(10**12), 10**12))).encode()
    return bytes(data)


def main() -> None:
    """Read damaged files until the time is over."""
    parser = make_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="How long to go on.")
    parser.add_argument("--seed", type=int, default=0, help="Another seed damages in other ways.")
    parser.add_argument("--time_limit_s", type=float, default=10, help="Longest time one file may take.")
    arguments = parser.parse_args()
    start_logging(logger)
    warnings.simplefilter("ignore")  # NumPy's about odd numbers in damaged samples
    folder = Path(tempfile.mkdtemp(prefix="fuzz_"))
    generator, outcomes, ends = np.random.default_rng(arguments.seed), Counter(), time.monotonic() + arguments.seconds
    seeds = [(file, path, read, file.read_bytes()) for file, path, read in write_seeds(folder)]
    while time.monotonic() < ends:
        file, path, read, sound = seeds[int(generator.integers(len(seeds)))]
        file.write_bytes(damage(sound, generator))
        # Ends the process, with the line it is busy in, even where no exception can reach the reader.
        faulthandler.dump_traceback_later(arguments.time_limit_s, exit=True)
        try:
            read(path)
            outcomes["read"] += 1
        except DOCUMENTED:
            outcomes["refused"] += 1
        except BaseException:
            logger.error(f"{file} ended the run after {outcomes.total()} files.")
            raise
        faulthandler.cancel_dump_traceback_later()
        file.write_bytes(sound)
    shutil.rmtree(folder)
    logger.info(f"{outcomes.total()} damaged files: {outcomes['refused']} refused in words, {outcomes['read']} read.")


if __name__ == "__main__":
    main()
