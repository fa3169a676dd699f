"""Links from a page to files of the repository beside it: a forge opens them; the site brings a copy along.

Pages link to other pages as `queries.md`, and to other files as `../configs/default.yaml`. Of the second kind Sphinx
knows nothing. A folder is named, not linked.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes


if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

FILES = "repository"  # folder of the site
ROOT = Path(__file__).resolve().parents[2]


def find_file(page: Path, target: str) -> Path | None:
    """The file or folder of the repository that a link of a page leads to; `None` where there is none."""
    path = (page.parent / target.partition("#")[0]).resolve()
    return path if path.exists() and ROOT in path.parents else None


def _resolve(
    app: "Sphinx", env: "BuildEnvironment", node: "pending_xref", content: nodes.TextElement
) -> nodes.Node | None:
    """A link to a copy of the file."""
    if node.get("reftype") != "myst":
        return None
    path = find_file(Path(env.doc2path(node["refdoc"])), node["reftarget"])
    if path is None:
        return None
    if path.is_dir():
        return content
    place = f"{FILES}/{path.relative_to(ROOT).as_posix()}"
    # A page of Markdown is text for a browser that does not know better
    place += ".txt" if path.suffix in (".md", ".py", ".yaml", ".csv") or not path.suffix else ""
    copy = Path(app.outdir) / place
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, copy)
    depth = "../" * app.builder.get_target_uri(node["refdoc"]).count("/")
    return nodes.reference("", "", *content.children, internal=False, refuri=f"{depth}{place}")


def setup(app: "Sphinx") -> dict[str, Any]:
    """Tell Sphinx of this extension."""
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True}
