"""The pages hang together: every link leads somewhere, and every page is in the contents."""

import configparser
import re
import subprocess
import sys

import pytest
from helpers.pages.blocks import PAGES
from helpers.pages.extensions import load_extension
from helpers.repository import ROOT
from markdown_it import MarkdownIt


DOCS = ROOT / "docs"
INDEX = (DOCS / "index.md").read_text(encoding="utf-8")
CONTENTS = [line for part in re.findall(r"```{toctree}(.*?)```", INDEX, re.DOTALL) for line in part.split("\n")[1:]]
MOST_LINES_OF_README = 150


def read_links(page):
    """Targets of the links and pictures of a page."""
    tokens = MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
    parts = [child for token in tokens for child in (token.children or ())]
    found = [part.attrGet("href") or part.attrGet("src") for part in parts if part.type in ("link_open", "image")]
    return [target for target in found if not re.match(r"https?:|mailto:", target)]


def slugs(page):
    """The anchors of a page: those that a forge makes of its headings, and those written in HTML."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)"', text))


CHARTS = [(page, name) for page in PAGES for name in load_extension("charts").find_charts(page)]
LINKS = [(page, target) for page in PAGES for target in read_links(page)]


@pytest.mark.parametrize(("page", "target"), LINKS, ids=lambda value: getattr(value, "name", value))
def test_a_link_leads_somewhere(page, target):
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page

    assert file.exists()
    assert not anchor or anchor in slugs(file)


@pytest.mark.parametrize(("page", "name"), CHARTS, ids=lambda value: getattr(value, "name", value))
def test_a_picture_of_a_table_is_that_of_the_table(page, name):
    charts = load_extension("charts")
    picture = page.parent / "images" / f"{name}.svg"

    assert picture.read_text(encoding="utf-8") == charts.draw_chart(charts.find_charts(page)[name])
    assert f"images/{name}.svg" in read_links(page)


def test_every_page_is_in_the_contents_and_the_contents_are_pages():
    listed = {line for line in CONTENTS if line and not line.startswith(":")} - {"api/index"}
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}

    assert pages == listed


def test_the_readme_is_one_page_and_leads_to_every_page_but_lists():
    readme = ROOT / "README.md"
    linked = {target.partition("#")[0] for target in read_links(readme)}

    assert len(readme.read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_README
    assert {f"docs/{path.name}" for path in DOCS.glob("*.md")} - linked <= {"docs/index.md", "docs/messages.md"}


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    """Without the reference, which takes minutes: `make docs` builds all of it."""
    settings = ["exclude_patterns=api/*,build", "suppress_warnings=toc.excluded,ref.python"]
    words = ["-b", "html", "-W", "-d", str(tmp_path / "trees"), *(word for one in settings for word in ("-D", one))]

    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words, str(DOCS), str(tmp_path / "html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "message-text" in (tmp_path / "html" / "messages.html").read_text(encoding="utf-8")
    assert not re.search(
        r'(src|href)="https?://[^"]*\.(js|css|woff2?)', (tmp_path / "html" / "index.html").read_text()
    )


def test_nothing_is_fetched_when_the_site_is_built():
    settings = (DOCS / "conf.py").read_text(encoding="utf-8")
    styles = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "static").iterdir())

    assert "intersphinx" not in settings
    assert not re.search(r"https?:|@import|url\(", settings + styles)


def test_the_site_has_the_version_of_the_package_and_what_builds_it_is_an_extra():
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extra = setup["options.extras_require"]["docs"]

    assert "version = release = __version__" in (DOCS / "conf.py").read_text(encoding="utf-8")
    assert all(name in extra for name in ("sphinx", "myst-parser", "furo", "sphinx-copybutton"))
