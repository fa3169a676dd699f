"""How the signal files of WFDB records store samples: bytes, codes for what was not recorded, and their decoders."""

from collections.abc import Callable

import numpy as np


# What each signal format stores for a sample that was not recorded; format 8 has no such number.
# Source: WFDB Applications Guide, signal(5).
NOT_RECORDED = {
    **dict.fromkeys(("80", "508"), -(2**7)),
    **dict.fromkeys(("310", "311"), -(2**9)),
    **dict.fromkeys(("212",), -(2**11)),
    **dict.fromkeys(("16", "61", "160", "516"), -(2**15)),
    **dict.fromkeys(("24", "524"), -(2**23)),
    **dict.fromkeys(("32",), -(2**31)),
}
FLAC_FORMATS = ("508", "516", "524")
# How many bytes hold how many samples; the same source.
BYTES_AND_SAMPLES = {
    **dict.fromkeys(("8", "80"), (1, 1)),
    **dict.fromkeys(("16", "61", "160"), (2, 1)),
    **dict.fromkeys(("310", "311"), (4, 3)),
    "212": (3, 2),
    "24": (3, 1),
    "32": (4, 1),
}


def _decode_212(raw: np.ndarray) -> np.ndarray:
    """Two numbers of 12 bits in 3 bytes."""
    first, middle, last = raw.reshape(-1, 3).T.astype(np.int16)
    pairs = np.stack([first | (middle & 0x0F) << 8, last | (middle >> 4) << 8], axis=1).reshape(-1)
    return (pairs << 4) >> 4  # the twelfth bit is the sign


def _decode_310(raw: np.ndarray) -> np.ndarray:
    """Three numbers of 10 bits in two words: the third in the upper five bits of both."""
    one, two = raw.view("<u2").reshape(-1, 2).T
    third = (one >> 11) | (two >> 11) << 5
    return _sign_10_bits(np.stack([one >> 1 & 0x3FF, two >> 1 & 0x3FF, third], axis=1).reshape(-1))


def _decode_311(raw: np.ndarray) -> np.ndarray:
    """Three numbers of 10 bits in one word, one after the other."""
    words = raw.view("<u4")
    return _sign_10_bits(np.stack([words >> shift & 0x3FF for shift in (0, 10, 20)], axis=1).reshape(-1))


def _sign_10_bits(values: np.ndarray) -> np.ndarray:
    """Numbers whose tenth bit is the sign."""
    return (values.astype(np.int16) << 6) >> 6


def decode_24_bits(raw: np.ndarray) -> np.ndarray:
    """Numbers of 3 bytes."""
    words = np.zeros((len(raw) // 3, 4), np.uint8)
    words[:, 1:] = raw.reshape(-1, 3)
    return words.view("<i4")[:, 0] >> 8


DECODERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "8": lambda raw: raw.view(np.int8),
    "16": lambda raw: raw.view("<i2"),
    "24": decode_24_bits,
    "32": lambda raw: raw.view("<i4"),
    "61": lambda raw: raw.view(">i2"),
    "80": lambda raw: raw.astype(np.int16) - 128,
    "160": lambda raw: (raw.view("<u2") ^ 0x8000).view("<i2"),
    "212": _decode_212,
    "310": _decode_310,
    "311": _decode_311,
}
