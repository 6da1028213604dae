"""How the documentation is built: ``tox -e docs``, which takes warnings for errors.

The sources are Markdown files of the whole checkout, so that a link works in the repository as it does in the pages.
Two references are generated: of the commands, by Typer from the app, and of the modules, by Sphinx from their
docstrings. What docstrings cite, as in "protocol §3" and "[NOS]", becomes a link into ``docs/science.md``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import generated

import harness

project = "The harness"
author = "The harness authors"
version = release = harness.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["docs/**", "results/*.md", "results/**/*.md", "CONTRIBUTING.md", "CHANGELOG.md"]
exclude_patterns = ["docs/_*", "build", "dist", "**/.*"]
templates_path = ["_templates"]
suppress_warnings = ["myst.header"]  # a generated board may skip a level

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4

autosummary_generate = True
autodoc_mock_imports = ["triton"]  # there is none but beside a torch for GPUs
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False

html_theme = "pydata_sphinx_theme"
html_title = "The harness"
html_copy_source = False
html_show_sphinx = False
html_extra_path = ["_pages"]  # index.html, which leads to docs/index.html
html_sidebars = {"**": ["globaltoc.html"]}
html_theme_options = {
    "navbar_center": [],
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_version_warning_banner": False,
}

SECTIONS = re.compile(r"\bprotocol (§\d+(?:(?:,| and) §\d+)*)")
SECTION = re.compile(r"§(\d+)")
SOURCE = re.compile(r"\[((?:NOS|L2L)(?:-[A-Z]+)?)\]")


def link_sources(_app: object, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Turn what a docstring cites into links; a section or source that is not there is a warning, and so an error."""
    for number, line in enumerate(lines):
        linked = SECTIONS.sub(lambda found: "protocol " + SECTION.sub(r":ref:`§\1 <protocol-\1>`", found[1]), line)
        lines[number] = SOURCE.sub(lambda found: f":ref:`[{found[1]}] <{found[1].lower()}>`", linked)


def setup(app: Any) -> None:
    """Write the generated sources before Sphinx looks for them."""
    generated.write()
    app.connect("autodoc-process-docstring", link_sources)
