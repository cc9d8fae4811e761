"""The site, which `make docs` builds. Its source is the whole repository, so that its pages' links work there too."""

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import matplotlib

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "docs" / "_ext")]
matplotlib.use("agg")  # not by a variable, which kernels of the tutorials would inherit, and show no figures

import gallery_scraper  # noqa: E402

import stdyn  # noqa: E402
from stdyn.kernels import compile_silently  # noqa: E402

compile_silently()  # that they are compiled belongs on no page

project = "stdyn"
author = "The stdyn developers"
copyright = author
version = release = stdyn.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "docstrings",
    "tables",
]

# ---------------------------------------------------------------------------------------------------------------------
# What is a page

root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "RELEASING.md",
    "figures/README.md",
    "benchmarks/README.md",
    "data/reference/README.md",
]
exclude_patterns = ["docs/_*", "docs/gallery/**", "docs/auto_gallery/**.ipynb", "**/.*"]
templates_path = [str(ROOT / "docs" / "_templates")]
html_additional_pages = {"index": "to_front_page.html"}

# ---------------------------------------------------------------------------------------------------------------------
# Pages in Markdown, and tutorials, which are executed

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
os.environ["IPYTHONDIR"] = str(ROOT / "docs" / "_build" / "ipython")  # nobody's start-up files; errors only
_PROFILE = ROOT / "docs" / "_build" / "ipython" / "profile_default"
_PROFILE.mkdir(parents=True, exist_ok=True)
(_PROFILE / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n", encoding="utf-8")
nb_custom_formats = {".ipynb": ["tutorial_reader.read", {}, False]}  # which runs them
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # would be fetched from elsewhere

# ---------------------------------------------------------------------------------------------------------------------
# Docstrings

smartquotes = False  # "erf" is a string, and --help an option
default_role = "py:obj"
nitpick_ignore_regex = [("py:obj", r"[\s\S]*")]  # `so` stand names that have a page, and code that has none
autosummary_generate = True
autosummary_ignore_module_all = False  # what a module offers, wherever it is written
autosummary_context = {"public": stdyn.__all__}  # what has a page of its own is not on that of a module, too
autosummary_filename_map = {  # names that differ in capitals only need files that differ in more
    f"stdyn.{name}": f"stdyn.{name}-class"
    for name in stdyn.__all__
    if not name.islower() and name.lower() in stdyn.__all__
}
autodoc_typehints = "none"  # docstrings say more
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False  # the page of a class has them all below each other
add_module_names = False
toc_object_entries_show_parents = "hide"

# ---------------------------------------------------------------------------------------------------------------------
# The gallery

_OF_CODE = sorted([*(ROOT / "stdyn").rglob("*.py"), *(ROOT / "docs").glob("*.py")])
_CODE = hashlib.sha256(b"".join(path.read_bytes() for path in _OF_CODE)).hexdigest()
_DRAWN, _BY = ROOT / "docs" / "auto_gallery", ROOT / "docs" / "auto_gallery" / "drawn_by"
if not (_BY.exists() and _BY.read_text(encoding="utf-8") == _CODE):  # what other code has drawn is drawn and held anew
    shutil.rmtree(_DRAWN, ignore_errors=True)
    _DRAWN.mkdir(exist_ok=True)
    _BY.write_text(_CODE, encoding="utf-8")

sphinx_gallery_conf = gallery_scraper.SETTINGS | {
    "examples_dirs": ["docs/gallery"],
    "gallery_dirs": ["docs/auto_gallery"],
    "backreferences_dir": None,
    "doc_module": ("stdyn",),
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "parallel": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,
}

# ---------------------------------------------------------------------------------------------------------------------
# How it looks; nothing of it is fetched from elsewhere

html_theme = "pydata_sphinx_theme"
html_title = "stdyn"
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "icon_links": [],
    "navigation_with_keys": False,
    "show_prev_next": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"docs/index": [], "CHANGELOG": []}
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {"options": {"enableMenu": False}}
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Any) -> None:
    """Pages of other code are made anew, and what is run for them is."""
    app.add_config_value("stdyn_code", _CODE, "env")
