"""Bad input: exit 2 or InputError, and one line below 500 characters that names the argument and what was expected."""

import os
import re
from itertools import groupby

import bad_options
import numpy as np
import pytest
from bad_arguments import ARGUMENTS
from bad_calls import CALLS
from bad_figures import DRAWINGS
from bad_inputs import INPUTS
from bad_protocols import PROTOCOLS
from bad_selections import SELECTIONS
from conftest import random_problem, write_images

import stdyn
from stdyn.command.main import cli


def check_line(text, *words):
    """One short line, with these words."""
    assert len(text) < 500
    assert text.isprintable()
    for word in words:
        assert word in text, text


def option_rows():
    """A command line and words of the answer: every bad value once, and one of every option in every command."""
    for command, small in bad_options.COMMANDS.items():
        there = {flag for parameter in cli.commands[command].params for flag in parameter.opts}
        for option, values in bad_options.EXPERIMENT.items():
            if f"--{option}" in there and (command, option) != ("sizes", "alpha-min"):  # which has no use there
                of_runs = option in ("method", "runs", "normals")
                every = command == ("simulate" if of_runs else "compare" if option == "reduced-runs" else "integrate")
                some = values if every else values[:1]
                if (command, option) == ("scan", "sigma"):
                    some = [(values[0][0], f"{option} is of no use where {option} varies")]
                for value, words in some:
                    yield [command, *bad_options.changed(small, f"--{option}={value}")], [option, words]
        for option, values in bad_options.OUTPUT.items():
            for value, words in values if f"--{option}" in there else ():
                elsewhere = ["--data={folder}/new"] if option == "figures" else []
                yield [command, *small, *elsewhere, f"--{option}={value}"], [words]
    for option, values in bad_options.TRAINING.items():
        for value, words in values:
            yield ["mnist", f"--{option}={value}"], [option, words]
    for line, words in bad_options.OTHERS:
        yield [line[0], *bad_options.changed(bad_options.COMMANDS[line[0]], *line[1:])], words
    for command in sorted(set(cli.commands) - {"scan", "info", "plot", "explore"}):
        yield [command, "--config", "none.toml"], ["none.toml cannot be read", "No such file"]
    yield from bad_options.PLAIN


OPTIONS = list(option_rows())


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with files that are not what is wanted, apart from where the commands run."""
    made = tmp_path_factory.mktemp("bad")
    (made / "text.h5").write_text("no data")
    (made / "empty.h5").write_bytes(b"")
    (made / "folder").mkdir()
    write_images(made / "images", 6, 6)
    stdyn.integrate(random_problem(2, 2), [0, 1]).save(made / "t.h5")
    small = stdyn.Experiment(rule="bp", N=30, K=2, M=2)
    stdyn.scan(stdyn.Variations(small, {"eta": [0.1]}), [0, 1], made / "scan.h5")
    os.mkfifo(made / "fifo")
    with (made / "large").open("wb") as file:
        file.truncate(2**27)
    return made


def refused(run, tmp_path, arguments, words):
    """Exit 2, nothing on stdout, one line on stderr, and nothing is written."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, ""), err
    assert err.startswith("stdyn: error: ")
    assert err.endswith("\n")
    line = err.removesuffix("\n")
    check_line(line)
    plain = line.replace("_", "-")
    for word in words:
        assert word in line or word in plain, line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "words"), OPTIONS, ids=range(len(OPTIONS)))
def test_bad_options_are_refused(run, tmp_path, folder, arguments, words):
    """By every command."""
    refused(run, tmp_path, [each.replace("{folder}", str(folder)) for each in arguments], words)


@pytest.mark.parametrize("content", bad_options.FILES, ids=range(len(bad_options.FILES)))
def test_bad_files_of_parameters_are_refused(run, tmp_path, folder, content):
    """By every command that reads one alike."""
    (folder / "c.toml").write_bytes(content)
    refused(run, tmp_path, ["integrate", "--config", folder / "c.toml"], ["c.toml", bad_options.FILES[content]])


@pytest.mark.parametrize("text", bad_options.KEYS, ids=range(len(bad_options.KEYS)))
def test_bad_values_in_files_are_refused(run, tmp_path, folder, text):
    """The key is named."""
    (folder / "c.toml").write_text(text, encoding="utf-8")
    key = text.partition(" ")[0]
    refused(run, tmp_path, ["integrate", "--config", folder / "c.toml"], [key, bad_options.KEYS[text]])


@pytest.mark.parametrize("name", bad_options.SPECIAL)
def test_what_is_no_file_of_parameters_is_refused(run, tmp_path, folder, name):
    """A folder, a pipe that nobody writes into, a device without end, a file that is too large: soon, by its name."""
    refused(run, tmp_path, ["compare", "--config", folder / name], [name, bad_options.SPECIAL[name]])


ROWS = [*ARGUMENTS, *PROTOCOLS, *INPUTS, *CALLS, *DRAWINGS, *SELECTIONS]
OF_ONE = [list(rows) for _, rows in groupby(ROWS, lambda row: (id(row[0]), row[1]))]  # argument of a function


@pytest.mark.parametrize("rows", OF_ONE, ids=[f"{n}-{rows[0][1]}" for n, rows in enumerate(OF_ONE)])
def test_bad_arguments_are_refused(tmp_path, monkeypatch, rows):
    """By every public function and class: an InputError that names the argument, before anything is written."""
    monkeypatch.chdir(tmp_path)
    for call, argument, value, words in rows:
        with pytest.raises(stdyn.InputError) as error:  # and no warning, which is an error in the tests
            call(**{argument: value})
        check_line(str(error.value), words)
        assert not re.search(r"but is (.+) \(\1 ", str(error.value))  # the value once
        assert re.search(rf"\b{re.escape(argument)}\b", str(error.value)), str(error.value)
        assert list(tmp_path.iterdir()) == []


def test_there_are_enough_of_them():
    """At least 300, of every option of every command, and every argument of every public function."""
    assert len(OPTIONS) + len(ROWS) + len(bad_options.FILES) + len(bad_options.KEYS) >= 300
    for command in cli.commands.values():
        lines = " ".join(word for line, _ in OPTIONS if line[0] == command.name for word in line)
        missing = [
            p.opts for p in command.params if not getattr(p, "is_flag", False) and not any(o in lines for o in p.opts)
        ]
        assert [each for each in missing if each[0].startswith("--")] == [], command.name
    for option in {option for command in cli.commands.values() for p in command.params for option in p.opts}:
        assert not option.startswith("--") or any(option in str(line) for line, _ in OPTIONS), option


def test_what_is_written_as_utf_8_with_a_mark_is_read(run, tmp_path):
    """As editors of Windows write it."""
    (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbfeta = 0.25\nK = 2\nM = 2\n")
    assert run("compare", "--config", "c.toml", "--write-config", "d.toml")[0] == 0
    assert "eta = 0.25" in (tmp_path / "d.toml").read_text(encoding="utf-8")


def test_an_argument_of_any_length_is_one_line():
    """Also where it has control characters, or its repr fails."""

    class Odd:
        def __repr__(self):
            raise RuntimeError

    for value in ("x" * 600_000, "\n" * 600_000, 10**20_000, Odd(), list(range(10**6)), np.zeros((300, 300, 3), "c16")):
        with pytest.raises(stdyn.InputError, match=r"eta must be (a number|finite)") as error:
            stdyn.Problem(stdyn.initial.prepared(1, 1), eta=value, eta_v=0)
        check_line(str(error.value))
