"""Settings of the site: `sphinx-build -W -n -b html tutorials _build`, with the extra `docs`.

Needs no network: an inventory of another project is used where it can be fetched, and left out where it cannot.
"""

from __future__ import annotations

import sys
from importlib.metadata import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))
from types_shown import Shown

about = metadata("scgsr")
project = about["Name"]
author = "the scgsr developers"
copyright = author  # noqa: A001 (the name that Sphinx gives it)
version = release = about["Version"]

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx_autodoc_typehints",  # after napoleon, whose fields it adds types to
    "sphinx_copybutton",
    "docstrings",
    "formulas",
    "included",
    "inventories",
    "report_page",
]
exclude_patterns = ["_build", "_extensions", "_templates", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
nitpicky = True
# Names in other projects: see _extensions/inventories.py. Ours have to resolve, all of them.
others = ("Ellipsis", "anndata", "collections", "matplotlib", "numpy", "os", "pandas", "scipy", "torch", "typing")
nitpick_ignore_regex = [("py:(class|data|obj)", rf"({'|'.join(others)})(\..*)?")]

# Docstrings: numpy style, types in signatures alone, names of arguments in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the next line does it
always_use_bars_union = True
typehints_document_rtype_none = False
typehints_formatter = Shown()
autosummary_generate = True
napoleon_google_docstring = False
napoleon_use_rtype = False

# Notebooks are committed executed; tests run them.
nb_execution_mode = "off"
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4

# One picture for each plot: what its example in the docstring draws.
plot_formats = [("png", 120)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = False
plot_rcparams = {"savefig.bbox": "tight"}
plot_apply_rcparams = True

html_theme = "sphinx_book_theme"
html_title = f"scgsr {release}"
html_math_renderer = "mathml"
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search stands in the sidebar already
    "path_to_docs": "tutorials",
    # "repository_url": "",  # the address of the repository, once there is one; then also
    # "use_repository_button": True, "use_issues_button": True, "use_edit_page_button": True,
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
