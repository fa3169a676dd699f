"""Links from a page to Markdown outside of this folder: a forge opens it; the site brings a copy along.

Pages link to other pages as `queries.md`, and to files of the repository as `../setup.cfg`. MyST copies the latter,
but takes whatever ends in `.md` for a page.
"""

from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.addnodes import download_reference, pending_xref
from sphinx.transforms import SphinxTransform


if TYPE_CHECKING:
    from sphinx.application import Sphinx


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


def setup(app: "Sphinx") -> dict[str, Any]:
    """Tell Sphinx of this extension."""
    app.add_transform(CopiedPages)
    return {"parallel_read_safe": True}
