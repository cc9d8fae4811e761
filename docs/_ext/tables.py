"""Long names in tables, such as those of tests, may be parted where a reader would: else their column is all one sees.

It is an opportunity that leaves nothing behind: what is copied is the name.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx

LONG = 24
AFTER = re.compile(r"(?<=[/_])(?=[^/_])|(?<=::)")


def part(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Every literal of a table that is long may break behind a /, a _ and a ::."""
    for entry in doctree.findall(nodes.entry):
        for literal in list(entry.findall(nodes.literal)):
            pieces = AFTER.split(literal.astext())
            if len(literal.astext()) > LONG and len(pieces) > 1:
                literal.children = []
                for piece in pieces:
                    literal += [nodes.Text(piece), nodes.raw("", "<wbr>", format="html")]
                literal.pop()


def setup(app: Sphinx) -> dict[str, bool]:
    """Join Sphinx."""
    app.connect("doctree-resolved", part)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
