"""How Sphinx builds the site: `make docs`, offline; what it warns of is an error.

Pages are the Markdown files of this folder, which a forge shows as well. The reference of the packages is made of
their docstrings, the list of messages of their source (`extensions/`).
"""

import os
import sys
from pathlib import Path


DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "extensions")]
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from modeling_supreme import __version__  # noqa: E402


project = "modeling_supreme"
author = "The modeling_supreme developers"
project_copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docstring_markup",
    "repository_links",
    "message_list",
    "reference_pages",
]
exclude_patterns = ["build", "api/*.md"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
suppress_warnings = [
    "ref.python",  # several classes have a field of one name
]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings give types with units and shapes
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "code"
add_module_names = False

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["find_message.js"]
html_copy_source = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = ">>> "
