"""Files of anybody: nothing in them is run, and nothing in them is said to the terminal as it stands."""

import json
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
from conftest import random_problem
from damage import ALPHAS, command, evil, read
from matplotlib.figure import Figure

import stdyn
from stdyn import Experiment, InputError, Problem, Variations, initial, integrate, scanplot

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e\n$x_{$"


def _say_everywhere(path, text):
    """Put a text in the place of every name of an activation that a file has."""
    with h5py.File(path, "r+") as file:
        for name in ("activation", "activation_teacher"):
            if name in file.attrs:
                file.attrs[name] = text
            if name in file and "R_start" in file:  # of a list of problems
                file[name][...] = text
        if "description" in file:
            there = json.loads(file["description"][()])
            if "experiment" in there["problems"]:
                there["problems"]["experiment"]["activation"] = text
                vary = there["problems"]["vary"]
                if "activation" in vary:
                    vary["activation"] = [text, "tanh"]
                    file["activation"][...] = np.where(file["activation"].asstr()[()] == "erf", text, "tanh")
            del file["description"]
            file["description"] = json.dumps(there)
        for name in ("activation_values", "activation_teacher_values"):
            if name in file and "point" not in file:
                del file[name]


def _look_at(folder, content, place, *commands):
    """Look at a file that names a function in a file of Python."""
    evil(folder / "evil.py")
    path = folder / "file.h5"
    path.write_bytes(content)
    _say_everywhere(path, place)
    assert read(path) is None
    forced = {"plot": ["--force"]}
    assert [command(each, path, *forced.get(each, [])) for each in commands] == [None] * len(commands)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("name", ["theory", "own", "sampled", "listed"])
def test_no_file_of_functions_is_run(whole_files, tmp_path, monkeypatch, name):
    """Whatever the file says, by its reader, stdyn info, and the problems and trajectories of a scan."""
    monkeypatch.chdir(tmp_path)
    for place in ("evil.py:f", f"{tmp_path}/evil.py:f"):
        _look_at(tmp_path, whole_files[name], place, "info")


@pytest.mark.slow
def test_no_file_of_functions_is_run_to_draw(whole_files, tmp_path, monkeypatch):
    """By stdyn plot, of every kind of file but trainings, which have no activation.

    One file of each kind is drawn to the last pixel, of the others all that takes anything of the file.
    """
    monkeypatch.chdir(tmp_path)
    for name in sorted(whole_files.keys() - {"training", "flat"}):
        with monkeypatch.context() as context:
            if name not in ("theory", "runs", "fluctuations", "sampled"):
                context.setattr(Figure, "savefig", lambda *_, **__: None)
            _look_at(tmp_path, whole_files[name], f"{tmp_path}/evil.py:f", "info", "plot")


def test_a_function_that_is_known_by_its_name_says_how_to_get_it(whole_files, tmp_path):
    """The numbers are there, what needs g is refused, and what is saved again says the same."""
    path = tmp_path / "theory.h5"
    path.write_bytes(whole_files["theory"])
    before = stdyn.load(path)
    _say_everywhere(path, "mine.py:f")
    found = stdyn.load(path)
    np.testing.assert_array_equal(found.eps_g, before.eps_g)
    with pytest.raises(InputError, match=r"make it with stdyn.activation\(g, g_prime, name='mine.py:f'\)"):
        integrate(found.problem, ALPHAS)
    teacher = Problem(found.problem.start, activation_teacher=found.problem.activation, eta=0.1, eta_v=0.1)
    with pytest.raises(InputError, match="known by its name only"):
        integrate(teacher, ALPHAS)
    again = stdyn.load(found.save(tmp_path / "again.h5"))
    assert again.problem.difference(found.problem) is None
    np.testing.assert_array_equal(again.eps_g, before.eps_g)


def test_points_of_a_description_run_nothing(tmp_path):
    """Variations.from_description, of one quantity and of two that are set equal; a scan of them is refused."""
    evil(tmp_path / "evil.py")
    place = f"{tmp_path}/evil.py:f"
    recipes = [
        {"experiment": {"K": 1, "M": 1, "rule": "bp", "activation": place}, "vary": {"eta": [0.1]}},
        {"experiment": {"K": 1, "M": 1, "rule": "bp"}, "vary": {"activation": [place, "tanh"]}},
        {"experiment": {"K": 1, "M": 1, "rule": "bp"}, "vary": {"activation = activation_teacher": [place]}},
        {"experiment": {"K": 1, "M": 1, "rule": "bp"}, "vary": {"activation_teacher": [place, "erf"]}},
    ]
    for recipe in recipes:
        points = Variations.from_description(recipe)
        assert any(str(each) == place and not each.usable for each in points[0].activations)
        with pytest.raises(InputError, match="known by its name only"):
            stdyn.scan(points, [1.0], tmp_path / "scan.h5")
    assert not (tmp_path / "ran").exists()
    own = Variations(Experiment(K=1, M=1, rule="bp"), {"activation = activation_teacher": [place]})  # the user's
    assert own[0].activation.usable
    assert (tmp_path / "ran").exists()


def test_a_file_that_is_a_program_too_is_not_run(whole_files, tmp_path, monkeypatch):
    """A zip at its end and a name with .py: in it: Python would run it; a folder and a zip called .py are not run."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.py:run1.h5"
    path.write_bytes(whole_files["theory"])
    with h5py.File(path, "r+") as file:
        file.attrs["activation"] = "x.py:run1.h5:f"
    for target, mode in ((path, "a"), (tmp_path / "zip.py", "w")):
        with zipfile.ZipFile(target, mode) as archive:
            archive.writestr("__main__.py", "open('ran', 'w')\nf = 1\n")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "folder.py" / "__main__.py").write_text("open('ran', 'w')\n")
    assert command("info", path.name) is not None
    assert command("plot", path.name) is not None
    for name in ("x.py:run1.h5:f", "zip.py:f", "folder.py:f"):
        with pytest.raises(InputError, match="activation"):
            Problem(initial.prepared(1, 1), activation=name, eta=0.1, eta_v=0.1)
    assert not (tmp_path / "ran").exists()


def test_the_command_runs_nothing_in_a_process_of_its_own(whole_files, tmp_path):
    """As a user has it: stdyn info and stdyn plot of a file that names a file of Python."""
    (tmp_path / "evil.py").write_text("open('ran', 'w')\n")
    (tmp_path / "t.h5").write_bytes(whole_files["theory"])
    _say_everywhere(tmp_path / "t.h5", f"{tmp_path}/evil.py:f")
    run = subprocess.run([sys.executable, "-m", "stdyn", "info", "t.h5"], cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert f"activation {tmp_path}/evil.py:f" in run.stdout
    assert not (tmp_path / "ran").exists()


# ---------------------------------------------------------------------------------------------------------------------
# What is said


def test_what_a_file_says_is_printed_as_text(whole_files, tmp_path, capsys):
    """Marks that move the cursor, name the window or turn the writing are written out, in info and in errors."""
    for name in ("theory", "runs", "scan", "listed", "training", "fluctuations"):
        path = tmp_path / "file.h5"
        path.write_bytes(whole_files[name])
        with h5py.File(path, "r+") as file:
            file.attrs["warning"] = file.attrs["note"] = file.attrs[f"n{HOSTILE}"] = HOSTILE
            if "message" in file:
                file["message"][...] = HOSTILE
                file["state"][-1] = 2
            versions = json.loads(file.attrs["versions"])
            file.attrs["versions"] = json.dumps(versions | {HOSTILE: HOSTILE}, ensure_ascii=False)
        assert command("info", path) is None
        shown = capsys.readouterr().out
        assert all(line.isprintable() for line in shown.split("\n")), name
        said = "\\x1b]0;owned\\x07\\x1b[2J\\u202e\\n$x_{$"
        assert said in shown or name in ("training", "fluctuations")
        with h5py.File(path, "r+") as file:
            file.attrs["kind"] = HOSTILE
        refused = command("info", path)
        assert str(refused).isprintable()
        assert "kind must be one of trajectory, scan, training, fluctuations, but is '\\x1b" in str(refused)


def test_a_dollar_in_a_name_begins_no_formula(whole_files, tmp_path, monkeypatch):
    """In figures: of an activation, of what varies, of the solver."""
    monkeypatch.chdir(tmp_path)
    problems, path = [random_problem(1, 1, seed=seed) for seed in range(3)], tmp_path / "scan.h5"
    stdyn.scan(problems, ALPHAS, path, coordinates={r"$x_{$": [1.0, 2.0, 3.0], r"\$_$": [3.0, 4.0, 5.0]})
    with h5py.File(path, "r+") as file:
        file["activation"][...] = HOSTILE + "$"
        description = json.loads(file["description"][()])
        description["solve"] = {"function": "a.$x_{$", "runs": "$y_{$"}
        file["description"][()] = json.dumps(description)
    found = stdyn.open_scan(path)
    figure = scanplot.map_figure(found, "eps_g_final", r"$x_{$", r"\$_$")
    figure.savefig(tmp_path / "map.png")
    labels = figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    assert labels == (r"\$x_{\$", r"\\$_\$")
    assert r"median of \$y_{\$ \$x_{\$" in figure.get_suptitle()


def test_an_unknown_kind_is_not_drawn_as_nothing(run, whole_files, tmp_path):
    """stdyn plot and info end with 2, and name it and what there is."""
    path = tmp_path / "file.h5"
    path.write_bytes(whole_files["theory"])
    with h5py.File(path, "r+") as file:
        file.attrs["kind"] = "picture"
    for name in ("info", "plot"):
        code, out, err = run(name, path)
        assert (code, out) == (2, "")
        assert (
            err
            == f"stdyn: error: {path}: kind must be one of trajectory, scan, training, fluctuations, but is 'picture'\n"
        )
