"""Bars in a terminal, in a notebook with widgets or without, in a file."""

import io
import sys
import types
import warnings

import pytest
from tqdm import tqdm

from stdyn import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def notebook(monkeypatch, widgets):
    """IPython as a kernel of Jupyter has it, and a module ipywidgets or none."""
    shell = types.SimpleNamespace(config={"IPKernelApp": {"connection_file": "kernel.json"}})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(progress, "find_spec", lambda name: object() if widgets else None)


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize("kernel", [False, True])
def test_a_bar_that_is_asked_for_is_shown_as_text_and_never_warns(monkeypatch, stream, kernel):
    """In a terminal, in a file, and in a notebook without widgets, where tqdm's own choice warns."""
    if kernel:
        notebook(monkeypatch, widgets=False)
    monkeypatch.setattr(sys, "stderr", stream())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(progress.bar(True, range(3), desc="three")) == [0, 1, 2]
        assert "three: 100%" in sys.stderr.getvalue()
        assert list(progress.bar(False, range(3), desc="none")) == [0, 1, 2]
    assert "none" not in sys.stderr.getvalue()


def test_a_notebook_with_widgets_gets_one(monkeypatch):
    notebook(monkeypatch, widgets=True)
    made = []

    class Widget(tqdm):
        def __init__(self, *arguments, **keywords):
            made.append(keywords)
            super().__init__(*arguments, **keywords)

    monkeypatch.setitem(sys.modules, "tqdm.notebook", types.SimpleNamespace(tqdm=Widget))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    list(progress.bar(True, range(3)))
    assert len(made) == 1


def test_in_a_file_a_bar_is_a_line_now_and_then(monkeypatch):
    """No more than its beginning and its end, here of 100 steps."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress.bar(True, total=100) as bar:
        for _ in range(100):
            bar.update()
    assert sys.stderr.getvalue().count("\r") <= 3


def test_commands_show_bars_in_terminals_only(monkeypatch):
    for stream, expected in ((io.StringIO(), False), (Terminal(), True), (None, False)):
        monkeypatch.setattr(sys, "stderr", stream)
        assert progress.interactive() is expected
    closed = Terminal()
    closed.close()
    closed.isatty = closed.getvalue  # which raises ValueError
    monkeypatch.setattr(sys, "stderr", closed)
    assert not progress.interactive()
