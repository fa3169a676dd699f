"""Links from a page to Markdown outside of this folder: a forge opens it; the site brings a copy along.

Pages link to other pages as `queries.md`, and to files of the repository as `../setup.cfg`. MyST copies the latter,
but takes whatever ends in `.md` for a page. An anchor in HTML, `<a id="name"></a>`, is a target of links, too.
"""

import re
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.transforms import SphinxTransform


if TYPE_CHECKING:
    from sphinx.application import Sphinx

ANCHOR = re.compile(r'<a id="([\w-]+)">(</a>)?')


class CopiedPages(SphinxTransform):
    """Makes a link to Markdown elsewhere in the repository one to a copy of it."""

    default_priority = 500  # any: before the files to copy are collected, which is after all transforms

    def apply(self, **kwargs: Any) -> None:
        """Replace such links."""
        for link in list(self.document.findall(pending_xref)):
            path = Path(f"{link.get('reftarget', '')}.md")
            if link.get("refdomain") == "doc" and path.is_absolute() and path.is_file():
                page = Path(self.env.doc2path(self.env.docname))
                target = Path(relpath(path, page.parent)).as_posix()
                link.replace_self(
                    download_reference(
                        "",
                        "",
                        *link.children,
                        refdoc=self.env.docname,
                        reftarget=target,
                        refexplicit=True,
                        refdomain=None,
                    )
                )


class HtmlAnchors(SphinxTransform):
    """Makes an anchor that is written in HTML known as a target of links."""

    default_priority = 500  # before MyST looks for targets, at 879

    def apply(self, **kwargs: Any) -> None:
        """Replace such anchors."""
        for raw in list(self.document.findall(nodes.raw)):
            anchor = ANCHOR.fullmatch(raw.astext().strip())
            if anchor:
                target = nodes.target("", "", ids=[anchor[1]], names=[anchor[1]])
                raw.replace_self(target)
                self.document.note_explicit_target(target)


def setup(app: "Sphinx") -> dict[str, Any]:
    """Tell Sphinx of this extension."""
    app.add_transform(CopiedPages)
    app.add_transform(HtmlAnchors)
    return {"parallel_read_safe": True}
