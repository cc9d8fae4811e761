"""What the site makes of docstrings: `theory.md, section 3` in them becomes a link to that section.

A bar is a bar: |v| is a length, not a substitution, of which there are none. And of the help of a command lines that
click leaves as they are stay so.
"""

import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

THEORY = Path(__file__).parent.parent / "theory.md"
PAGES = "activations|beyond|cluster|format|inputs|layered|protocols|results|scans|theory|usage|validation"
CITED = re.compile(rf"(?P<file>(?:docs/)?(?P<page>{PAGES})\.md)(?:,\s+(?:section )?(?P<section>\d+)(?!\w))?")


def anchors() -> dict[str, str]:
    """The anchor of each numbered section of docs/theory.md, as GitHub makes it."""
    headings = re.findall(r"^## ((\d+)\. .*)$", THEORY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {number: re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title, number in headings}


class Cited(SphinxRole):
    """:cited:`theory.md, section 3` is a link to that section, and :cited:`protocols.md` one to that page."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        found = CITED.fullmatch(self.text)
        if found is None:
            raise ValueError(f"{self.text!r} names no page of the site")
        section = anchors()[found["section"]] if found["section"] else None
        link = addnodes.pending_xref(
            "", nodes.inline("", self.text), refdomain="doc", reftype="myst", reftarget=f"docs/{found['page']}",
            reftargetid=section, refexplicit=True, refdoc=self.env.docname, refwarn=True,
        )  # fmt: skip
        link.source, link.line = self.get_source_info()
        return [link], []


def link_pages(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Every page that a docstring cites becomes the role above, also where the line ends amid it."""
    text = CITED.sub(_role, "\n".join(lines))
    lines[:] = text.split("\n")


def _role(found: re.Match[str]) -> str:
    said = re.sub(r"\s+", " ", found[0])
    return rf"\ :cited:`{said}`\ " + "\n" * found[0].count("\n")


def keep_lines(app: Sphinx, context: object, lines: list[str]) -> None:
    """A block of lines after \\b, which sphinx-click would join in a font of unequal widths, becomes one of code."""
    kept: list[str] = []
    for line in lines:
        if not line.startswith("| "):
            kept.append(line)
            continue
        if not kept or not kept[-1].startswith("    "):
            kept += [".. code-block:: text", ""]
        kept.append("    " + line.removeprefix("| "))
    lines[:] = kept


def bar(inliner: Inliner, match: re.Match[str], line: int) -> tuple[str, list[nodes.Node], str, list[nodes.Node]]:
    """What docutils makes of |: text."""
    end = match.end("start")
    return match.string[:end], [], match.string[end:], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Join Sphinx."""
    app.setup_extension("sphinx_click")
    Inliner.dispatch = Inliner.dispatch | {"|": bar}
    app.add_role("cited", Cited())
    app.connect("autodoc-process-docstring", link_pages)
    app.connect("sphinx-click-process-description", keep_lines)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
