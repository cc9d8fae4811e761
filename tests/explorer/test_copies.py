"""What is copied makes the curves of the page again: as Python, as TOML, as commands; in this process and in others."""

import shlex
import subprocess
import sys
import threading
import tomllib

import numpy as np
import pytest
from own_activations import SOFTPLUS

import stdyn
from stdyn import InputError
from stdyn.explorer import copies, curves, state
from stdyn.explorer.source import Source
from stdyn.model.experiment import Experiment
from stdyn.values import same

SMALL = {"K": 2, "M": 2, "N": 60, "alpha_max": 6, "points": 5, "rules": ["fa"]}
STEPS = {"kind": "steps", "at": [0, 2], "value": [0.5, 0.1]}
STATES = {
    "the beginning": {**state.BEGINNING, "alpha_max": 20, "points": 9, "runs": 2},
    "no runs": {"rules": ["fa", "bp"]},
    "one run": {"rules": ["fa", "bp"], "runs": 1, "method": "network"},
    "all rules": {"rules": ["fa", "bp", "kp", "mixed"], "mixture": 0.3, "runs": 2, "method": "reduced", "b_angle": 40},
    "runs of which nothing else is said": {"runs": 3},
    "bp alone": {"rules": ["bp"], "b_scale": 2, "b_angle": 30, "mixture": 0.2, "b": [1, 2]},
    "kp and mixed": {"rules": ["kp", "mixed"], "mixture": {"kind": "cosine", "value": 0.1, "scale": 5, "end": 1}},
    "mixed that jumps": {"rules": ["mixed"], "mixture": {"kind": "steps", "at": [0, 2.5], "value": [0.1, 1]}},
    "network": {"runs": 2, "method": "network", "normals": "numpy", "seed": 2**32},
    "angle": {"b_angle": 120.5, "b_scale": 1.7, "v_scale": 0.3},
    "angle of outputs": {"outputs": 2, "b_angle": 77, "v_teacher": [[1, 0.2], [-0.3, 1]]},
    "arrays": {
        "R": [[0.1, -0.2], [1 / 3, 0]], "Q": [[0.5, 0.1], [0.1, 0.4]], "T": [[1, 0.25], [0.25, 2]], "v": [0.1, -0.2],
        "b": [1, -0.1], "v_teacher": [1, -2], "q": 3, "v_scale": 5, "runs": 2, "method": "reduced",
    },
    "prepared": {"start": "prepared", "q": 0.3, "r": -0.1, "teacher": "graded", "v": 0.2, "b": 2},
    "rates": {"eta": STEPS, "eta_v": 0, "sigma": {"kind": "power", "value": 0.5, "scale": 100, "exponent": 0.5},
              "decay": 1e-7, "decay_v": 0.1, "drift": 0.01, "runs": 2, "method": "reduced"},
    "similar tasks": {"tasks": {"similarity": 0.5, "at": [0, 3], "heads": 1}, "T": [[1, 0], [0, 1]], "v_teacher": 3},
    "tasks of heads": {
        "tasks": {"similarity": -0.5, "similarity_v": 0.1, "at": [0, 2], "heads": 2}, "outputs": 2, "M": 4,
    },
    "spikes": {"inputs": {"kind": "spiked", "spikes": [3, 2]}, "teacher": "random", "runs": 2, "method": "network"},
    "manifold": {"inputs": {"kind": "hidden_manifold", "f": "erf", "latent": 30, "groups": 3}, "q": 0.5},
    "batch": {"batch": 5, "runs": 2, "method": "network"},
    "flow": {"flow": True, "sigma": 0.3},
    "sphere": {"sphere": True, "decay": 0.2, "sigma": 0.1},
    "another teacher": {"activation": "linear", "activation_teacher": "erf", "quadrature": 2**12},
    "tanh": {"activation": "tanh", "quadrature": 2**11, "K": 1, "M": 1, "alpha_max": 2},
    "linear alphas": {"spacing": "linear", "points": 4, "alpha_min": 3, "ode_method": "LSODA", "rtol": 1e-7},
    "short": {"alpha_max": 0.09},
    "alpha_min": {"alpha_min": 0.33},
    "that diverges": {"eta": 5, "eta_v": 0, "v": 2, "activation": "linear", "alpha_max": 20},
}  # fmt: skip
ROUNDED = {"sphere": 1e-9}  # the option of what is of no use would be refused, and its rounding is the only difference
by_name = pytest.mark.parametrize("name", STATES)


def wanted_of(name):
    """A state of the table, complete."""
    return state.wanted({**SMALL, **STATES[name]})


def shown_by(wanted):
    """What the page shows, solved as it solves."""
    never = threading.Event()
    found = {f"{rule}_ode": curve.trajectory for rule, curve in curves.solutions(wanted, never).items()}
    for rule in wanted.rules if wanted.runs else ():
        found[f"{rule}_{wanted.experiment.method}"] = curves.simulated(wanted, rule, never, None)
    return found


def assert_same(made, shown, tolerance=0.0):
    """To the bit (or another tolerance), with as many runs."""
    assert made.keys() == shown.keys()
    for key, trajectory in shown.items():
        assert made[key].runs == trajectory.runs
        assert made[key].problem.rule == trajectory.problem.rule
        for name in ("alphas", "eps_g", "R", "Q", "v"):
            there, here = getattr(made[key], name), getattr(trajectory, name)
            np.testing.assert_allclose(there, here, rtol=tolerance, atol=tolerance, err_msg=f"{key}: {name}")


def made_by(program, wanted):
    """What a program in Python makes."""
    space = {}
    exec(program, space)
    made = {f"{rule}_ode": each for rule, each in space["theory"].items()}
    return made | {f"{rule}_{wanted.experiment.method}": each for rule, each in space.get("runs", {}).items()}


@by_name
@pytest.mark.filterwarnings("ignore::stdyn.DivergenceWarning", "ignore::stdyn.SolverWarning")
def test_python_makes_the_curves(name, capsys):
    """The program, run, has the curves and the runs of the page, to the bit, and says the last eps_g."""
    wanted = wanted_of(name)
    shown = shown_by(wanted)
    assert_same(made_by(copies.as_python(wanted), wanted), shown)
    lines = capsys.readouterr().out.splitlines()
    last = {rule: shown[f"{rule}_ode"].eps_g[-1] for rule in wanted.rules}
    assert [line.partition(" at ")[0] for line in lines] == [f"{rule}: eps_g = {x}" for rule, x in last.items()]


def test_python_makes_the_curves_of_a_mixture_that_jumps_beside_another_rule():
    """All rules at the alphas of the mixture's jumps, as the page has them."""
    wanted = state.wanted({**SMALL, **STATES["mixed that jumps"], "rules": ["fa", "mixed"]})
    assert_same(made_by(copies.as_python(wanted), wanted), shown_by(wanted))


def files_of(wanted, commands, run):
    """What commands write, by what it is of."""
    for line in commands:
        _, *words = shlex.split(line)
        code, _, err = run(*words)
        assert code == 0, err
    found = {}
    for key in [f"{rule}_{kind}" for rule in wanted.rules for kind in ("ode", wanted.experiment.method)]:
        for path in (run.folder / "data").glob(f"{copies.name_of(wanted)}*_{key}.h5"):
            found[key] = stdyn.load(path)
    return found


@pytest.fixture
def running(run, tmp_path, monkeypatch):
    """The command in a folder of its own; it draws nothing, which takes most of its time."""
    run.folder = tmp_path
    monkeypatch.setattr("stdyn.figures.plot.figures", lambda _: {})
    monkeypatch.setattr("stdyn.figures.theoryplot.fluctuations_figures", lambda *_: {})
    monkeypatch.setattr("stdyn.figures.pages.ready", lambda _: None)
    return run


@by_name
def test_commands_make_the_curves(name, running):
    """No option of them is refused; the files have the curves and the runs of the page, to the bit."""
    wanted = wanted_of(name)
    made = files_of(wanted, copies.as_command(wanted).splitlines(), running)
    assert_same(made, shown_by(wanted), ROUNDED.get(name, 0.0))


@by_name
def test_toml_makes_the_curves(name, running):
    """The commands that its comment says make them of the file."""
    wanted = wanted_of(name)
    text = copies.as_toml(wanted)
    (running.folder / f"{copies.name_of(wanted)}.toml").write_text(text)
    commands = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("# stdyn ")]
    assert_same(files_of(wanted, commands, running), shown_by(wanted))


@by_name
def test_toml_opens_in_the_explorer(name, tmp_path):
    """`stdyn explore FILE` begins with the curves of the file's rules: the same problems at the same alphas."""
    wanted = wanted_of(name)
    file = tmp_path / "any.toml"
    file.write_text(copies.as_toml(wanted))
    source = Source.read(file)
    again = source.wanted(source.state)
    assert set(again.rules) <= set(wanted.rules)
    assert same(again.experiment.alphas(), wanted.experiment.alphas())
    for rule, problem in again.problems.items():
        there = wanted.problem(rule)
        assert all(same(getattr(problem.start, each), getattr(there.start, each)) for each in ("R", "Q", "T", "v"))
        assert same(problem.b, there.b)
        assert (problem.eta, problem.eta_v, problem.batch) == (there.eta, there.eta_v, there.batch)


def test_another_process_makes_the_curves(tmp_path):
    """Python and commands in processes that know nothing of this one: eps_g at the end, and the file, to the bit."""
    wanted, alone = wanted_of("angle"), state.wanted({**SMALL, **STATES["arrays"], "runs": 0})
    (line,) = copies.as_command(alone).splitlines()
    started = [["-c", copies.as_python(wanted)], ["-m", *shlex.split(line)]]
    processes = [
        subprocess.Popen([sys.executable, *each], cwd=tmp_path, stdout=subprocess.PIPE, text=True) for each in started
    ]
    said = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    shown = shown_by(wanted)
    last = {rule: shown[f"{rule}_ode"].eps_g[-1] for rule in wanted.rules}
    assert [each.partition(" at ")[0] for each in said[0]] == [f"{rule}: eps_g = {x}" for rule, x in last.items()]
    made = {"fa_ode": stdyn.load(tmp_path / "data" / f"{copies.name_of(alone)}_fa_ode.h5")}
    assert_same(made, shown_by(alone))


def test_a_wrong_experiment_is_seen():
    """The comparison tells curves apart that differ in the eighth digit of a rate of 1e-7."""
    wanted = wanted_of("rates")
    program = copies.as_python(wanted)
    wrong = program.replace("decay=1e-07", "decay=1.0000001e-07")
    assert wrong != program
    with pytest.raises(AssertionError):
        assert_same(made_by(wrong, wanted), shown_by(wanted))


def test_every_parameter_is_in_the_table():
    """Each that the page has is somewhere not at its usual value, so that each is copied."""
    moved = {name for each in STATES.values() for name in each}
    assert moved | set(SMALL) >= {control.name for control in state.CONTROLS}


def test_names_tell_what_is_seen_apart():
    """Every state has a name of its own, so that files of one never stand in the way of another's."""
    names = {copies.name_of(wanted_of(name)) for name in STATES}
    assert len(names) == len(STATES)
    assert copies.name_of(wanted_of("rates")) in names


def test_an_own_activation_is_copied_where_it_is_known():
    """Python says its name, which the process that made it knows; TOML and commands, which know no other, refuse."""
    own = {str(SOFTPLUS): SOFTPLUS}
    wanted = state.wanted({**SMALL, "K": 1, "M": 1, "alpha_max": 1, "activation": str(SOFTPLUS)}, own)
    program = copies.as_python(wanted)
    assert program.startswith("# 'softplus' is an activation of your own: make it with stdyn.activation\n")
    assert_same(made_by(program, wanted), shown_by(wanted))
    for copy in (copies.as_toml, copies.as_command):
        with pytest.raises(InputError, match=r"^activation must be .* but is 'softplus'"):
            copy(wanted)


def test_an_activation_of_a_file_is_copied_by_its_place(tmp_path, monkeypatch):
    """All three say file.py:name, which commands find, too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "import stdyn\ncubic = stdyn.activation(lambda x: x**3 / 3, lambda x: x * x, name='cubic')\n"
    )
    place = "mine.py:cubic"
    own = {place: Experiment(activation=place).problem("bp").activations[0]}
    wanted = state.wanted({**SMALL, "rules": ["bp"], "activation": place}, own)
    assert tomllib.loads(copies.as_toml(wanted))["activation"] == place
    assert f"--activation {place}" in copies.as_command(wanted)
    assert f"activation='{place}'" in copies.as_python(wanted)
