"""The directive `{messages}`: all messages of the packages by folder, with a field to paste one into."""

import ast
from itertools import groupby
from typing import TYPE_CHECKING, Any

from docutils import nodes
from messages import ROOT, Message, read_messages
from sphinx.util.docutils import SphinxDirective


if TYPE_CHECKING:
    from sphinx.application import Sphinx

FIELD = """
<div class="find-message">
<label for="find-message">A message, or some words of it</label>
<textarea id="find-message" rows="3" spellcheck="false"></textarea>
<p id="found-messages" role="status" aria-live="polite"></p>
</div>
"""


class MessageList(SphinxDirective):
    """Writes the list; its pages are read anew in every build, since messages lie in the source and not in a page."""

    def run(self) -> list[nodes.Node]:
        """The field, and a section for each folder."""
        self.env.note_reread()
        sections = [
            make_section(folder, list(those))
            for folder, those in groupby(read_messages(), key=lambda one: _folder(one))
        ]
        return [nodes.raw("", FIELD, format="html"), *sections]


def make_section(folder: str, messages: list[Message]) -> nodes.section:
    """The messages of a folder under its name and what it is for."""
    section = nodes.section("", nodes.title("", "", nodes.literal("", folder)), ids=[nodes.make_id(f"in-{folder}")])
    init = ROOT / folder / "__init__.py"
    about = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) if init.exists() else None
    if about:
        section += nodes.paragraph("", about.partition("\n\n")[0].replace("\n", " "))
    for message in messages:
        section += make_entry(message)
    return section


def make_entry(message: Message) -> nodes.container:
    """A message, and below it its kind and who says it."""
    place = f"{message.path}:{message.line}"
    said_by = f" {message.function}: {message.purpose}" if message.purpose else f" {message.function}"
    text = nodes.paragraph("", "", nodes.literal("", message.text, classes=["message-text"]))
    origin = nodes.paragraph("", f"{message.kind} · {place} ·{said_by}", classes=["message-origin"])
    return nodes.container("", text, origin, classes=["message"])


def _folder(message: Message) -> str:
    """The folder of the module that says it."""
    return message.path.rpartition("/")[0] or "."


def setup(app: "Sphinx") -> dict[str, Any]:
    """Tell Sphinx of this extension."""
    app.add_directive("messages", MessageList)
    return {"parallel_read_safe": True}
