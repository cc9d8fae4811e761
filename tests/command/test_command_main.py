"""The process: help, exit codes, what is imported."""

import logging
import subprocess
import sys

import pytest
from command_helpers import assert_refused

import stdyn
from stdyn.command.workers import muted


@pytest.mark.parametrize(
    "command", ["", "compare", "integrate", "simulate", "sizes", "scan", "mnist", "theory", "plot", "info", "explore"]
)
def test_every_command_has_help(run, command):
    """On stdout, with exit code 0, and with every parameter where there is an experiment."""
    code, out, err = run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert "Usage: stdyn" in out
    if command in ("compare", "integrate", "simulate", "sizes", "theory"):
        assert all(option in out for option in ("--config", "--eta-v RATE", "--v-teacher VALUE", "--seed", "--force"))


def test_help_is_short_and_of_this_command(run):
    """The list of commands is cut off nowhere; "both" is spoken of where it can be."""
    listed = run("--help")[1].partition("Commands:")[2].splitlines()[1:]
    assert len(listed) == 10
    assert all(line.endswith(".") and not line.endswith("...") for line in listed), listed
    for command, both in (("compare", 2), ("scan", 1), ("integrate", 0), ("simulate", 0)):
        assert run(command, "--help")[1].count("both is") == both, command


def python(code, *arguments, cwd=None):
    """The finished process of a few lines of Python."""
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd)


def test_python_dash_m_is_the_command(tmp_path):
    """`python -m stdyn` has the commands, and bad input ends it with exit code 2, one line and no traceback."""
    call = [sys.executable, "-m", "stdyn"]
    good = subprocess.run([*call, "--help"], capture_output=True, text=True)
    assert good.returncode == 0
    assert "compare" in good.stdout
    assert_refused(
        _result(subprocess.run([*call, "integrate", "--eta", "-1"], capture_output=True, text=True, cwd=tmp_path))
    )
    assert list(tmp_path.iterdir()) == []


def _result(process):
    return process.returncode, process.stdout, process.stderr


def test_import_and_help_are_light():
    """`import stdyn` and `stdyn --help` load neither numba, SciPy, matplotlib, h5py, xarray, dask nor a server."""
    heavy = (
        "print(sorted({'numba', 'scipy', 'matplotlib', 'h5py', 'xarray', 'dask', 'numpy', 'tornado', 'asyncio'}"
        " & set(sys.modules)))"
    )
    assert python(f"import sys, stdyn; {heavy}").stdout == "[]\n"
    assert python(f"import sys, stdyn.command.main; {heavy}").stdout == "[]\n"


@pytest.mark.parametrize("name", stdyn.__all__)
def test_every_public_name_resolves(name):
    """Each has a docstring, and dir lists it."""
    assert getattr(stdyn, name).__doc__
    assert name in dir(stdyn)


def test_loggers_are_muted_only_for_a_while():
    """Those of the packages and no others; the levels that they had come back, after an exception too."""
    levels = {"loud": logging.WARNING, "loud.some": logging.INFO, "loud.other": logging.NOTSET, "loudly": logging.INFO}
    loggers = [logging.getLogger(name) for name in levels]
    for logger in loggers:
        logger.setLevel(levels[logger.name])
    inside = []

    def fail():
        with muted("loud", "absent"):
            inside.extend(logger.level for logger in loggers)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert inside == [logging.CRITICAL] * 3 + [logging.INFO]
    assert [logger.level for logger in loggers] == list(levels.values())
