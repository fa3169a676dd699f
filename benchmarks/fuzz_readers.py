"""Damaged files on purpose: the readers may refuse them in words, and nothing else.

    PYTHONPATH=tests python benchmarks/fuzz_readers.py --seconds 600 --seed 0

Writes small sound files of each kind (WFDB as PTB-XL, as the Challenges and as Holter recorders write it, tables in
several dialects, NumPy, HDF5, EDF, BDF, ISHNE, SCP-ECG, DICOM, HL7 aECG and GE MUSE XML), changes bytes, cuts or
repeats parts of one of them, and reads it with `read_ecg`. An exception other than those that it documents stops the
run and leaves the file to look at; so does a message that does not name the file, and a read of more than
`--time_limit_s`. MATLAB files of before version 7.3 are left out: `scipy.io.loadmat` can end the process on damaged
ones.
"""

import faulthandler
import logging
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import wfdb
from command_line import make_parser, start_logging


sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.ecg_file_writers import WRITERS  # pyright: ignore[reportMissingImports]

from modeling_supreme.ecg_files import read_ecg
from modeling_supreme.leads import STANDARD_LEADS


logger = logging.getLogger("fuzz")

DOCUMENTED = (ValueError, OSError)
NUM_SAMPLES = 300
OPTIONS = {"sampling_rate": 500, "leads": STANDARD_LEADS}
CHALLENGE_HEADER = "A1.mat 12 500 {num_samples}\n" + "".join(
    f"A1.mat 16+24 1000/mV 16 0 0 0 0 {lead}\n" for lead in STANDARD_LEADS
)


HOLTER_HEADER = (
    "H1 3 250 {num_samples}\nH1.dat 212x2:1 200/mV 12 0 0 0 0 I\nH1.dat 212 200/mV 12 0 0 0 0 II\n~ 0 0 III\n"
)
TABLES = {  # separator, decimal mark, encoding, what stands above the numbers
    "plain.csv": (",", ".", "utf-8", "{names}\n"),
    "comma.csv": (";", ",", "utf-8-sig", "# sampling rate: 500 Hz\n{names}\n"),
    "wide.tsv": ("\t", ".", "utf-16", "Unit\tuV\n{names}\n"),
    "blanks.txt": (" ", ".", "latin-1", "% fs = 500\n{names}\n"),
}


def write_seeds(folder: Path) -> list[tuple[Path, Path]]:
    """Sound files: which one to damage, and which path to read."""
    microvolts = np.rint(1000 * np.sin(np.arange(NUM_SAMPLES) / 20)[:, None] * np.arange(1, 13)).astype(np.int16)
    layout = {"units": ["mV"] * 12, "sig_name": list(STANDARD_LEADS), "adc_gain": [1000.0] * 12, "baseline": [0] * 12}
    for name, kind in (("ptb", "16"), ("flac", "516")):
        wfdb.wrsamp(name, fs=500, d_signal=microvolts, fmt=[kind] * 12, write_dir=str(folder), **layout)
    (folder / "A1.hea").write_text(CHALLENGE_HEADER.format(num_samples=NUM_SAMPLES) + "#Age: 50\n#Sex: Male\n#Dx: 1\n")
    (folder / "A1.mat").write_bytes(bytes(24) + microvolts.tobytes())
    (folder / "H1.hea").write_text(HOLTER_HEADER.format(num_samples=NUM_SAMPLES))
    (folder / "H1.dat").write_bytes(microvolts.tobytes())
    (folder / "S1.hea").write_text(
        f"S1/3 12 500 {3 * NUM_SAMPLES}\nptb {NUM_SAMPLES}\n~ {NUM_SAMPLES}\nptb {NUM_SAMPLES}\n"
    )
    for name, (separator, mark, encoding, heading) in TABLES.items():
        lines = [separator.join(map(str, row / 1000)).replace(".", mark) for row in microvolts]
        (folder / name).write_text(heading.format(names=separator.join(STANDARD_LEADS)) + "\n".join(lines), encoding)
    np.save(folder / "array.npy", microvolts.T / 1000)
    np.savez_compressed(folder / "array.npz", val=microvolts.T / 1000, fs=500, leads=STANDARD_LEADS)
    with h5py.File(folder / "array.h5", "w") as file:
        file.create_dataset("ecg", data=microvolts.T / 1000, compression="gzip").attrs["fs"] = 500
    for name, write in WRITERS.items():
        write(folder / name, np.tile(microvolts.T, 2)[:, :500], STANDARD_LEADS)
    content = bytearray((folder / "rec.edf").read_bytes())
    (folder / "rec.bdf").write_bytes(b"\xffBIOSEMI" + content[8:] + bytes(6000))
    files = sorted(folder.iterdir())
    headers = {path.stem: path for path in files if path.suffix == ".hea"}
    return [(path, headers.get(path.stem.split("_")[0], path)) for path in files]


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
    logging.getLogger("pydicom").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")  # NumPy's about odd numbers in damaged samples
    folder = Path(tempfile.mkdtemp(prefix="fuzz_"))
    generator, outcomes, ends = np.random.default_rng(arguments.seed), Counter(), time.monotonic() + arguments.seconds
    seeds = [(file, path, file.read_bytes()) for file, path in write_seeds(folder)]
    for _, path, _ in seeds:
        read_ecg(path, **OPTIONS)
    while time.monotonic() < ends:
        file, path, sound = seeds[int(generator.integers(len(seeds)))]
        file.write_bytes(damage(sound, generator))
        # Ends the process, with the line it is busy in, even where no exception can reach the reader.
        faulthandler.dump_traceback_later(arguments.time_limit_s, exit=True)
        try:
            read_ecg(path, **OPTIONS)
            outcomes["read"] += 1
        except DOCUMENTED as error:
            outcomes["refused"] += 1
            if path.stem not in str(error):
                raise RuntimeError(f"{file} was refused without its name after {outcomes.total()} files") from error
        except BaseException:
            logger.error(f"{file} ended the run after {outcomes.total()} files.")
            raise
        faulthandler.cancel_dump_traceback_later()
        file.write_bytes(sound)
    shutil.rmtree(folder)
    logger.info(f"{outcomes.total()} damaged files: {outcomes['refused']} refused in words, {outcomes['read']} read.")


if __name__ == "__main__":
    main()
