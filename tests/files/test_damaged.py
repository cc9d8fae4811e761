"""Files that somebody has damaged or made up: refused with the file, the variable, and what was expected.

`damage.py` has a file of every kind and the ways to damage what is in it.
"""

import json
import os
import random
import re

import h5py
import pytest
from damage import cases, command, damage, evil, read

import stdyn
from stdyn import Experiment, InputError, Training, Variations
from stdyn.files.store import kind

ALL = (
    "deleted, text, complex, truth, one more axis, one longer, empty, scalar, infinite, one -infinite, nothing, numbers"
)
STATE = "one shorter, last axis longer, NaN, one NaN, huge, one huge"
NUMBER = "deleted, a text, NaN, infinite, nothing, many, -1, a path, control, complex"
INTEGER = f"{NUMBER}, a number, 0, huge, an integer"
CHOICE = "deleted, a text, a number, nothing, many, a path, code, control"
SAID = "a text, a number, nothing, many, a path, control, a list, nested"
SCHEDULE = "deleted, a text, NaN, -1, nothing, many, a path, control, a list, nested"
RATES = "@eta, @eta_v, @sigma, @decay, @decay_v"

# What must be refused of every file: by name, ways to damage what has it, where it can be damaged in this way.
REFUSED = {
    "theory": {
        "alpha, R, Q, v, T, v_teacher, R_start, Q_start, v_start, b, eps_g": f"{ALL}, one shorter, last axis longer",
        "R, Q, v, R_start, Q_start, v_start": STATE,
        "T, v_teacher, b, eps_g": "NaN, one NaN",
        "alpha": "reversed, negative, NaN, one NaN, huge, one huge",
        "Q, Q_start, T, eps_g": "negative",
        "R_start": "fractions",
        "F, alignment": "text, complex, truth, one more axis, one longer, one shorter, empty, scalar",
        "@N": INTEGER, RATES: NUMBER, "@rule, @method": CHOICE,
        "@activation": "deleted, a text, a number, nothing, many",
        "@versions, @created": SAID, "@ode_method": SAID, "@rtol, @atol, @wall_time": "a text, NaN, infinite, -1",
        "@order_parameters, @orbits": "a text, a number, -1, NaN, huge",
        "@format, @format_version, @kind": "a text, many",
    },
    "runs": {
        "R, Q, v, R_start, Q_start, v_start, T, v_teacher, b": f"{ALL}, {STATE}",
        "alpha": "reversed, negative, NaN, one NaN, huge, one huge",
        "F_per_output, alignment_per_output": "text, complex, one longer, scalar",
        "@seed": SAID, "@normals": SAID, "@workers": "a text, a number, -1, 0", "@method": CHOICE,
    },
    "tasks": {
        "eps_g_per_task, task_v_teacher, task_weights, task_at, task_order": f"{ALL}, one shorter, negative, one NaN",
        "task_v_teacher, task_weights, task_order, task_at": "huge, one huge, NaN", "task_order": "fractions",
        "task_at": "reversed", "@eta": SCHEDULE, "@sigma, @decay": NUMBER,
    },
    "feedback": {
        "b": f"{ALL}, {STATE}", "b_start": f"{ALL}, {STATE}", "@decay_v": SCHEDULE, "@rule": CHOICE,
    },
    "mixed": {"@mixture": f"{SCHEDULE}, a number, huge", "b": f"{ALL}, NaN, one NaN"},
    "diverged": {
        "diverged_at": "text, complex, one longer, empty, scalar, NaN, one NaN, negative",
        "R": "infinite, one -infinite",
    },
    "own": {
        "activation_values": "text, complex, one longer, empty, NaN, one NaN, infinite",
        "error_R, error_eps_g": "text, complex, one longer, negative, infinite",
        "@quadrature": "a text, a number, -1, 0, an integer",
    },
    "groups": {
        "inputs_variances, inputs_fractions, R_group, Q_group, R_group_start, Q_group_start, T_group, T_hidden":
            f"{ALL}, one shorter, last axis longer, NaN, one NaN, huge, one huge, infinite",
        "inputs_variances, inputs_fractions, Q_group, T_group": "negative", "group": "text, NaN, reversed, one longer",
        "@order_parameters": "a number, 0, -1",
    },
    "tested": {
        "eps_g_test": "text, complex, one more axis, one longer, scalar, NaN, one NaN, negative, one -infinite",
        "R_group, Q_group, inputs_fractions": f"{ALL}, {STATE}",
    },
    "spectra": {
        "inputs_variances, inputs_fractions, R_group_start, Q_group_start, T_group, T_hidden":
            f"{ALL}, NaN, one NaN, one shorter, one huge, negative",
        "R_group, Q_group": f"{ALL}, NaN, negative, one shorter, huge",
    },
    "varied": {
        "inputs": "deleted, one longer, empty, reversed, a path, code, control, one shorter, nothing",
        "R_group, Q_group": f"{ALL}, NaN, negative, one shorter, huge",
    },
    "fluctuations": {
        "std_R, std_Q, std_v, std_F, std_eps_g": f"{ALL}, negative, NaN, one NaN, one shorter",
        "bias_R, bias_eps_g, covariance": f"{ALL}, NaN, one NaN, one shorter, last axis longer",
        "nonlinearity, nonlinearity_eps_g": "deleted, text, complex, one longer, NaN, one NaN, negative",
        "@quadrature_error": "deleted, a text, -1, NaN", "R": f"{ALL}, {STATE}",
    },
    "scan": {
        "state": f"{ALL}, NaN, negative, huge, fractions, one shorter",
        "message": "deleted, numbers, one longer, empty",
        "eta, rule": f"{ALL}, NaN, one NaN, huge, reversed, fractions, a path, code, control, one shorter",
        "description": f"{ALL}, a path, a list, an object, nested", "point": f"{ALL}, NaN, reversed",
        "diverged_at, eps_g, R, Q, v, alpha": "deleted, text, complex, one more axis, one longer, empty, scalar",
        "method": "numbers, a path, code, control", "eps_g_final, eps_g_start": "NaN, one NaN, negative, text",
        "specialised, plateau_length, b_norm": "text, complex, one longer", "specialised": "huge, infinite",
        "@coordinates": f"{CHOICE}, a list", "@versions, @created": f"deleted, {SAID}",
    },
    "listed": {
        "R_start, Q_start, T, v_start, v_teacher, N, eta, quadrature": f"{ALL}, NaN, one NaN, one shorter",
        "R_start, Q_start, v_start": "huge, one huge", "activation, rule": "deleted, numbers, one longer, empty",
        "rule": "a path, code, nothing", "activation_values": "deleted, text, one longer, NaN",
    },
    "training": {
        "rule": f"{ALL}, a path, code, control", "seed": f"{ALL}, NaN, negative, fractions, huge",
        "epochs_done": f"{ALL}, NaN, negative, fractions, huge, one huge",
        "run, epoch, layer, unit_0": f"{ALL}, NaN, reversed",
        "diverged_epoch, diverged_batch": "deleted, text, one longer, negative, NaN, huge, one huge",
        "train_error, test_error": f"{ALL}, one NaN, negative, huge",
        "train_loss": "negative, text, one NaN, one shorter",
        "weight_angle, update_angle, alignment": "text, complex, one longer, negative, infinite, huge, scalar",
        "W1, W2, b1, b2": f"{ALL}, NaN, one NaN, huge, one shorter, last axis longer",
        "description": f"{ALL}, a path, a list, an object, nested", "alpha": "deleted, text, NaN, negative, one longer",
        "@coordinates": CHOICE, "@training_examples": INTEGER, "@versions, @created": f"deleted, {SAID}",
    },
}  # fmt: skip


def test_whole_files_are_read(whole_files, tmp_path):
    """And drawn."""
    for name, content in whole_files.items():
        (tmp_path / "file.h5").write_bytes(content)
        assert read(tmp_path / "file.h5") is None, name


def _listed(content, path, name):
    """What is damaged of this file, and how, as REFUSED has it."""
    path.write_bytes(content)
    with h5py.File(path) as file:
        there = [*file, *(f"@{each}" for each in file.attrs)]
    pairs = [(names.split(", "), hows.split(", ")) for names, hows in REFUSED[name].items()]
    return [(what, how) for names, hows in pairs for what in names if what in there for how in hows]


def _refused(content, path, listed):
    """Damage a file in all these ways; how many there were."""
    count = 0
    for what, how in listed:
        path.write_bytes(content)
        if damage(path, what, how):
            damaged = path.read_bytes()
            refused = read(path) or read_further(path)
            assert refused is not None, f"{what}, {how}: accepted"
            assert str(path) in str(refused), f"{what}, {how}: {refused}"
            assert str(refused).isprintable(), f"{what}, {how}: {refused}"
            assert path.read_bytes() == damaged
            count += 1
    return count


def test_what_cannot_be_is_refused(whole_files, tmp_path):
    """Every fourth of the cases below."""
    path = tmp_path / "file.h5"
    every = {name: _listed(whole_files[name], path, name)[::4] for name in REFUSED}
    assert sum(_refused(whole_files[name], path, listed) for name, listed in every.items()) >= 300


@pytest.mark.slow
def test_everything_that_cannot_be_is_refused(whole_files, tmp_path):
    """With an InputError in one printable line that has the name of the file, which stays as it is.

    All but every fourth, which the test above has.
    """
    path = tmp_path / "file.h5"
    every = {name: _listed(whole_files[name], path, name) for name in REFUSED}
    for listed in every.values():
        del listed[::4]
    assert sum(_refused(whole_files[name], path, listed) for name, listed in every.items()) >= 900


@pytest.mark.slow
def test_whatever_is_damaged_commands_work_or_refuse(whole_files, tmp_path, monkeypatch):
    """Every variable and attribute in 500 ways, of 9000 there are: no traceback, and nothing is run."""
    monkeypatch.chdir(tmp_path)
    evil(tmp_path / "evil.py")
    path = tmp_path / "file.h5"
    every = [(name, *case) for name in whole_files for case in cases(whole_files[name], path)]
    for name, what, how in random.Random(1).sample(every, 500):
        path.write_bytes(whole_files[name])
        if damage(path, what, how) and command("info", path) is None:
            command("plot", path)
    assert not (tmp_path / "ran").exists()


def read_further(path):
    """What the reader of a scan reads only when asked."""
    if kind(path) != "scan":
        return None
    found = stdyn.open_scan(path)
    try:
        found.to_xarray()
        for point in range(len(found)):
            found.trajectory(point)
    except InputError as error:
        return error
    return None


# ---------------------------------------------------------------------------------------------------------------------
# Descriptions


def _edited(path, name, edit):
    """Change the JSON of a variable, or of an attribute."""
    with h5py.File(path, "r+") as file:
        there = json.loads(file[name][()])
        there = edit(there) or there
        del file[name]
        file[name] = json.dumps(there)


def _set(*keys, to):
    def edit(there):
        for key in keys[:-1]:
            there = there[key]
        there[keys[-1]] = to

    return edit


EXPERIMENT = ("problems", "experiment")
SCANS = {
    "alphas that go down": (_set("alphas", to=[2.0, 1.0, 0.0]), "alphas must increase"),
    "alphas of texts": (_set("alphas", to=["a"] * 6), "alphas must be a list of numbers"),
    "NaN among alphas": (_set("alphas", to=[0.0, float("nan")]), "alphas[1] must be a finite number"),
    "no alphas": (_set("alphas", to=[]), "alphas must increase, but is []"),
    "kept what is not": (_set("keep", to="everything"), "keep must be one of all, curves, summary"),
    "kept no more than a summary": (_set("keep", to="summary"), "keep says 0 alphas"),
    "no solver": (_set("solve", to={}), "solve.function must be a text"),
    "a negative seed": (_set("seed", to=-1), "seed must not be negative"),
    "no problems": (_set("problems", to=None), "problems must be an object"),
    "other problems": (_set("problems", to={"points": 10**9}), "needs"),
    "a key of nobody": (_set(*EXPERIMENT, "__class__", to="x"), "has '__class__'"),
    "huge layers": (_set(*EXPERIMENT, "K", to=10**5), "K is 100000, but the file holds 2"),
    "many outputs": (_set(*EXPERIMENT, "outputs", to=10**9), "outputs is 1000000000, but the file holds 1"),
    "many alphas": (_set(*EXPERIMENT, "points", to=10**12), "points must be at most 1000000"),
    "a text for a rate": (_set(*EXPERIMENT, "eta", to="fast"), "eta must be a number"),
    "an unknown rule": (_set(*EXPERIMENT, "rule", to="../bp"), "problems are 2, but the file holds 4"),
    "no number": (_set("problems", "vary", "eta", to={"from": 0, "to": 1, "number": 10**9}), "hold"),
    "many samples": (_set("problems", "number", to=10**9), "problems are 4000000000"),
    "no values": (_set("problems", "vary", "eta", to=5), "must be a list or an object or a text, but is 5"),
    "another quantity": (_set("problems", "vary", to={"sigma": [0.1, 0.2]}), "coordinates must be what varies"),
    "other values": (_set("problems", "vary", "eta", to=[0.2, 0.5]), "must be 0.5, as in description, but is 0.4"),
    "values of no activation": (_set("activations", to={"f": [[1], [2]]}), "shape (2, 23)"),
    "activations of texts": (_set("activations", to={"f": "g"}), "activations.'f' must be a list"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), SCANS.values(), ids=SCANS)
def test_a_description_that_is_none_of_a_scan_is_refused(whole_files, tmp_path, edit, message):
    """Before room is made for what it says, and by whoever goes on with the scan, who changes nothing."""
    path = tmp_path / "scan.h5"
    path.write_bytes(whole_files["scan"])
    _edited(path, "description", edit)
    content = path.read_bytes()
    refused = read(path)
    assert message in str(refused)
    assert str(path) in str(refused)
    experiment = Experiment(K=2, M=2, N=20, alpha_max=5, points=6)
    if "as in description" not in message:
        with pytest.raises(InputError, match=re.escape(message) + "|holds another scan"):
            stdyn.scan(Variations(experiment, {"eta": [0.2, 0.4]}), experiment.alphas(), path)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["scan.h5"]


TRAININGS = {
    "other widths": (_set("widths", to=[5, 5]), "widths are (5, 5), but those of W are (36, 5, 4, 4)"),
    "a text for a rate": (_set("lr", to="fast"), "lr must be a number, but is 'fast'"),
    "a key of nobody": (_set("speed", to=1), "unexpected keyword argument 'speed'"),
    "rules twice": (_set("rule", to=["bp"]), "description must not hold rule"),
    "no images": (_set("images", to=None), "images must be a text"),
    "no batch": (_set("batch", to=0), "batch must be at least 1, but is 0"),
    "no widths": (lambda there: {**there, "widths": None}, "widths must be an integer, but is None"),
}


@pytest.mark.parametrize(("edit", "message"), TRAININGS.values(), ids=TRAININGS)
def test_a_description_that_is_none_of_a_training_is_refused(whole_files, tmp_path, image_folder, edit, message):
    """And not gone on with."""
    path = tmp_path / "training.h5"
    path.write_bytes(whole_files["training"])
    _edited(path, "description", edit)
    content = path.read_bytes()
    refused = read(path)
    assert message in str(refused)
    assert str(path) in str(refused)
    more = Training(rule=("bp", "fa"), widths=(5, 4), epochs=3, seeds=1, batch=30, measured=2)
    with pytest.raises(InputError, match=re.escape(str(path))):
        stdyn.train(more, path, image_folder)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["training.h5"]


@pytest.mark.parametrize(("what", "how"), [("epochs_done", "one huge"), ("W1", "NaN"), ("test_error", "one NaN")])
def test_a_damaged_training_is_not_gone_on_with(whole_files, tmp_path, image_folder, what, how):
    """Nothing is written; what is there may be mended."""
    path = tmp_path / "training.h5"
    path.write_bytes(whole_files["training"])
    assert damage(path, what, how)
    content = path.read_bytes()
    more = Training(rule=("bp", "fa"), widths=(5, 4), epochs=2, seeds=1, batch=30, measured=2)
    with pytest.raises(InputError, match=what):
        stdyn.train(more, path, image_folder)
    assert path.read_bytes() == content
