"""The reference: one page for each folder of the packages, written before a build and never committed."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("modeling_supreme", "datasets_scripts", "training_scripts", "evaluation_scripts")
OPTIONS = "   :members:\n   :show-inheritance:\n   :ignore-module-all:\n"
INDEX = """Reference
=========

Public classes and functions, from their docstrings, folder by folder. What most programs need: :doc:`modeling_supreme`
(models, processor, pipeline, files) and :doc:`datasets_scripts` (``load_corpus``).

.. toctree::
   :maxdepth: 1

"""


def list_modules(folder: Path) -> list[str]:
    """Dotted names of the modules of a folder, the folder itself first; commands are started and not imported."""
    package = ".".join(folder.relative_to(ROOT).parts)
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("__"))
    return [package, *(f"{package}.{name}" for name in names)]


def make_page(modules: Iterable[str]) -> str:
    """A page with the reference of a folder and of its modules."""
    package, *others = modules
    lines = [package, "=" * len(package), "", f".. automodule:: {package}", OPTIONS]
    for name in others:
        title = f"``{name.rpartition('.')[2]}``"
        lines += [title, "-" * len(title), "", f".. automodule:: {name}", OPTIONS]
    return "\n".join(lines)


def _write_pages(app: "Sphinx") -> None:
    """All pages; one that has not changed is left alone, so that it is not read again."""
    folders = [
        path.parent for package in PACKAGES for path in sorted((ROOT / package).rglob("__init__.py")) if path.is_file()
    ]
    names = [".".join(folder.relative_to(ROOT).parts) for folder in folders]
    pages = {name: make_page(list_modules(folder)) for name, folder in zip(names, folders, strict=True)}
    pages["index"] = INDEX + "".join(f"   {name}\n" for name in names)
    place = Path(app.srcdir) / "api"
    place.mkdir(exist_ok=True)
    for path in place.glob("*.rst"):
        if path.stem not in pages:
            path.unlink()
    for name, text in pages.items():
        path = place / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: "Sphinx") -> dict[str, Any]:
    """Tell Sphinx of this extension."""
    app.connect("builder-inited", _write_pages)
    return {"parallel_read_safe": True}
