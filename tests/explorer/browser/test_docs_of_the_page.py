"""What docs/explorer.md says of the page stands on it."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[3] / "docs" / "explorer.md").read_text(encoding="utf-8")


def rows(heading):
    """The first cells of a table, in words."""
    table = TEXT.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return [word.strip() for line in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for word in line.split(" · ")]


def plain(text):
    """Without what says that a letter stands lower."""
    return re.sub(r"[_\s]+", " ", text).replace("ε g", "εg")


def test_every_view_and_every_button_is_in_its_table(shown):
    """In the words, and in the order, of the page."""
    tabs = shown.page.locator("[role=tab]").all_inner_texts()
    assert [plain(tab) for tab in tabs] == [plain(name) for name in rows("view")]
    buttons = shown.page.locator("[role=toolbar] button").all_inner_texts()
    assert {re.sub(r".*, ", "", each) for each in buttons} == {each.rpartition(": ")[2] for each in rows("button")}
