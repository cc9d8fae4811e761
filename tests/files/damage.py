"""Files of every kind, and all the ways in which the tests of damaged files damage them."""

import warnings
from functools import partial

import click
import h5py
import numpy as np
from conftest import random_problem
from own_activations import SHIFTED, specialising
from protocols import PROBLEMS
from structured_problems import PROBLEMS as STRUCTURED

import stdyn
from stdyn import Experiment, InputError, Problem, Training, Variations
from stdyn.command.group import cli
from stdyn.files.store import kind
from stdyn.model.trajectory import load

ALPHAS = [0.0, 0.5, 1.0, 2.0]
READERS = {"trajectory": load, "scan": stdyn.open_scan, "training": stdyn.open_training,
           "fluctuations": stdyn.load_fluctuations}  # fmt: skip


def specimens(folder, image_folder):
    """A file of every kind and of every variant, small; {name: bytes}."""
    rng = np.random.default_rng(1)
    theory = stdyn.integrate(random_problem(2, 3), ALPHAS)
    several = random_problem(2, 2, 2)
    own = specialising(2, 2, activation=SHIFTED, activation_teacher="relu", quadrature=2**11)
    theory.save(folder / "theory.h5")
    stdyn.integrate(random_problem(2, 2, rule="bp"), ALPHAS).save(folder / "bp.h5")
    stdyn.integrate(own, ALPHAS).save(folder / "own.h5")
    stdyn.simulate_network(several, ALPHAS, 2, rng=rng).save(folder / "runs.h5")
    diverging = Problem(random_problem(2, 2).start, N=20, activation="linear", eta=20.0, eta_v=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stdyn.simulate_reduced(diverging, [0.0, 1.0, 3.0, 6.0, 20.0], 4, rng=rng).save(folder / "diverged.h5")
    stdyn.fluctuations(random_problem(1, 1), ALPHAS, points=2**8).save(folder / "fluctuations.h5")
    stdyn.integrate(PROBLEMS["a task that comes back"], ALPHAS).save(folder / "tasks.h5")
    stdyn.simulate_reduced(PROBLEMS["kp with a schedule"], ALPHAS, 2, rng=rng).save(folder / "feedback.h5")
    stdyn.integrate(PROBLEMS["mixed with a schedule"], ALPHAS).save(folder / "mixed.h5")
    stdyn.integrate(STRUCTURED["hidden"], ALPHAS).save(folder / "groups.h5")
    X = rng.normal(size=(150, 60))
    tested = stdyn.simulate_network(STRUCTURED["three groups"], ALPHAS, 2, rng=rng, examples=X, test=X[:9])
    tested.save(folder / "tested.h5")
    listed = [STRUCTURED["hidden"], STRUCTURED["spread"], random_problem(2, 2)]
    stdyn.scan(listed, ALPHAS, folder / "spectra.h5")
    experiment = Experiment(K=2, M=2, N=20, alpha_max=5, points=6)
    tables = [{"kind": "power_law", "exponent": 1, "groups": 3}, {"kind": "isotropic"}]
    stdyn.scan(Variations(experiment, {"inputs": tables}), ALPHAS, folder / "varied.h5")
    vary = Variations(experiment, {"eta": [0.2, 0.4]})
    stdyn.scan(vary, experiment.alphas(), folder / "scan.h5")
    reduced = partial(stdyn.simulate_reduced, runs=2)
    sampled = Variations(experiment, {"eta": {"from": 0.1, "to": 0.5}, "activation": ["erf", "tanh"]}, number=2)
    stdyn.scan(sampled, experiment.alphas(), folder / "sampled.h5", reduced, seed=1, keep=[0.0, 5.0])
    stdyn.scan([random_problem(2, 2, seed=seed) for seed in (1, 2)], ALPHAS, folder / "listed.h5")
    stdyn.scan(list(vary), ALPHAS, folder / "summary.h5", keep="summary")
    training = Training(rule=("bp", "fa"), widths=(5, 4), epochs=2, seeds=1, batch=30, measured=2)
    stdyn.train(training, folder / "training.h5", image_folder)
    stdyn.train(Training(rule="fa", widths=(), epochs=1, seeds=1), folder / "flat.h5", image_folder)
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.h5"))}


# ---------------------------------------------------------------------------------------------------------------------
# Damage: functions of the values, or None for what is not damaged in this way


def _replaced(make):
    """Put make(values) in the place of a variable."""

    def damage(file, name):
        values = make(np.asarray(file[name][()]))
        if values is None:
            return False
        values = np.asarray(values)
        del file[name]
        file.create_dataset(name, data=values, dtype=h5py.string_dtype() if values.dtype.kind in "OU" else None)
        return True

    return damage


def _of_numbers(make):
    return _replaced(lambda values: make(values.astype(float)) if values.dtype.kind in "iuf" and values.size else None)


def _one(value):
    """One entry in the middle is another one."""

    def make(values):
        values.flat[values.size // 2] = value
        return values

    return make


def _deleted(file, name):
    del file[name]
    return True


def _of_texts(text):
    return _replaced(lambda values: np.full(values.shape, text, dtype=object) if values.dtype.kind == "O" else None)


VARIABLES = {
    "deleted": _deleted,
    "text": _replaced(lambda values: np.full(values.shape, "one", dtype=object) if values.dtype.kind != "O" else None),
    "complex": _of_numbers(lambda values: values + 1j),
    "truth": _of_numbers(lambda values: values > 0),
    "one more axis": _replaced(lambda values: values[None]),
    "one longer": _replaced(lambda values: np.concatenate([values, values[-1:]]) if values.ndim else None),
    "one shorter": _replaced(lambda values: values[:-1] if values.ndim else None),
    "last axis longer": _of_numbers(lambda values: np.repeat(values, 2, axis=-1) if values.ndim else None),
    "empty": _replaced(lambda values: values[:0] if values.ndim else np.zeros(0)),
    "scalar": _replaced(lambda values: values.ravel()[0] if values.ndim and values.size else None),
    "NaN": _of_numbers(lambda values: np.full_like(values, np.nan)),
    "one NaN": _of_numbers(_one(np.nan)),
    "infinite": _of_numbers(lambda values: np.full_like(values, np.inf)),
    "one -infinite": _of_numbers(_one(-np.inf)),
    "negative": _of_numbers(lambda values: -np.abs(values) - 1),
    "huge": _of_numbers(lambda values: np.full_like(values, 1e300)),
    "one huge": _of_numbers(_one(1e300)),
    "fractions": _of_numbers(lambda values: values + 0.5),
    "reversed": _of_numbers(lambda values: values[::-1] if values.ndim else None),
    "numbers": _replaced(lambda values: np.zeros(values.shape) if values.dtype.kind == "O" else None),
    "nothing": _of_texts(""),
    "a path": _of_texts("../../etc/passwd"),
    "code": _of_texts("evil.py:f"),
    "control": _of_texts("\x1b]0;owned\x07\x1b[2J\u202e\n$x_{$"),
    "a list": _of_texts("[]"),
    "an object": _of_texts("{}"),
    "nested": _of_texts("[" * 100_000),
}  # fmt: skip

ATTRIBUTES = {
    "a text": "one", "a number": 3.5, "-1": -1, "0": 0, "NaN": np.nan, "infinite": np.inf, "huge": 1e300,
    "nothing": "", "many": np.array([1.0, 2.0, 3.0]), "a path": "../../etc/passwd", "code": "evil.py:f",
    "control": "\x1b]0;owned\x07\x1b[2J\u202e\n$x_{$", "a list": "[]", "nested": "[" * 30_000, "complex": 1j,
    "truth": True, "an integer": 2**62,
}  # fmt: skip


def cases(content, path):
    """(what is damaged, how) of all that a file holds."""
    path.write_bytes(content)
    with h5py.File(path) as file:
        variables, attributes = list(file), list(file.attrs)
    return [(name, how) for name in variables for how in VARIABLES] + [
        (f"@{name}", how) for name in attributes for how in ("deleted", *ATTRIBUTES)
    ]


def damage(path, what, how):
    """Damage a file; False if this cannot be."""
    with h5py.File(path, "r+") as file:
        if what[0] != "@":
            return VARIABLES[how](file, what)
        if how == "deleted":
            del file.attrs[what[1:]]
            return True
        value = ATTRIBUTES[how]
        if type(value) is type(file.attrs[what[1:]]) and value == file.attrs[what[1:]]:
            return False
        file.attrs[what[1:]] = value
    return True


# ---------------------------------------------------------------------------------------------------------------------
# What becomes of it


def command(*arguments):
    """Run a command in this process; None, or the InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cli.main([*map(str, arguments)], standalone_mode=False)
    except (InputError, click.ClickException) as error:
        return error
    return None


def read(path):
    """Everything that the reader of a file's kind gives; None, or the InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = READERS[kind(path)](path)
            str(found)
            if isinstance(found, stdyn.Scan):
                _read_scan(found)
            elif isinstance(found, stdyn.Histories):
                _ = found.histories, found.feedback(0)
            else:
                _ = found.to_xarray()
    except InputError as error:
        return error
    return None


def _read_scan(found):
    for point in np.flatnonzero(found.state == 1)[:2]:
        found.problem(point)
        if "R" in found.names and "R" not in found.coordinates:
            found.trajectory(point)


def evil(path):
    """A file of Python that leaves a trace where it is run."""
    path.write_text(
        f"open({str(path.parent / 'ran')!r}, 'w').close()\nimport stdyn\n"
        "f = stdyn.activation(lambda x: 3 * x, lambda x: 3.0, name='evil')\n"
    )
