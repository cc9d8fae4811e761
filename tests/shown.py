"""What every value that shows itself is held to: one line, and well-formed HTML; for the tests."""

from html.parser import HTMLParser

NAMELESS = '<script>alert("1")</script>\n\x1b[31m & \u202e'  # a name in somebody's file


class Balanced(HTMLParser):
    """What is read: every element that is opened is closed, in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.words, self.tags = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def check(value, *words):
    """One line of its class, in angle brackets and printable; HTML that is well formed, small, and without scripts."""
    line = repr(value)
    assert line.startswith(f"<{type(value).__name__} ")
    assert line.endswith(">")
    assert line.isprintable()
    assert len(line) <= 300
    assert "cannot be shown" not in line
    for each in words:
        assert each in line, line
    return check_html(value._repr_html_())


def check_html(html):
    """What is in it."""
    found = Balanced(html)
    assert "script" not in found.tags
    assert len(html) < 100_000
    assert all(ord(character) >= 32 for character in html)
    return found
