"""Terminals and pipes that are not UTF-8: everything the command says can be said there."""

import io
import sys
import warnings

import pytest
from command_helpers import RUNS, SMALL

from stdyn import load
from stdyn.command.main import cli, main

ENCODINGS = ["ascii", "latin-1", "cp437", "cp932", "utf-8"]


@pytest.fixture
def run_in(tmp_path, monkeypatch):
    """run_in(encoding, *arguments): the exit code, and what is on stdout and stderr, in that encoding."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def call(encoding, *arguments):
        streams = {name: io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for name in ("stdout", "stderr")}
        for name, stream in streams.items():
            monkeypatch.setattr(sys, name, stream)
        monkeypatch.setattr(sys, "argv", ["stdyn", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        said_in = "utf-8" if encoding == "ascii" else encoding  # as click does: to say "C" says nothing of a terminal
        return code, *(stream.buffer.getvalue().decode(said_in) for stream in streams.values())

    return call


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_help_can_be_said(run_in, encoding):
    """Of all commands, in the same words but for what has no character."""
    for name in ["", *cli.commands]:
        code, out, err = run_in(encoding, *([name] if name else []), "--help")
        assert (code, err) == (0, "")
        assert "Usage: stdyn" in out


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_run_is_not_lost_in_its_words(run_in, tmp_path, encoding):
    """Runs, their table of the file, and an error that quotes what has no character there."""
    code, out, err = run_in(encoding, "simulate", *SMALL, *RUNS, "-o", "ФА α.h5")
    assert (code, err.count("Error")) == (0, 0), err
    assert "runs of N = 30" in out
    assert load(tmp_path / "ФА α.h5").runs == 3
    assert run_in(encoding, "info", "ФА α.h5")[0] == 0
    code, out, err = run_in(encoding, "integrate", *SMALL, "--rule", "ФА")
    assert (code, out) == (2, "")
    assert "rule must be" in err
    assert ("ФА" in err) == (encoding not in ("latin-1", "cp437"))


def test_a_written_configuration_is_utf_8_whatever_the_terminal(run_in, tmp_path):
    """The file, not what is said of it."""
    assert run_in("ascii", "compare", *SMALL, "--write-config", "c.toml")[0] == 0
    assert "alpha_max = 5.0" in (tmp_path / "c.toml").read_text(encoding="utf-8")
