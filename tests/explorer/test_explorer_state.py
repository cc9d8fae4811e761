"""The state of a page: what it says, what it is of, and which parameter is refused."""

from dataclasses import replace

import numpy as np
import pytest

import stdyn
from stdyn.errors import InputError
from stdyn.explorer.controls import BY_NAME
from stdyn.explorer.source import Source
from stdyn.explorer.state import BEGINNING, blamed, state_of, state_of_problem, wanted
from stdyn.model.experiment import Experiment

EXPERIMENTS = {
    "usual": Experiment(),
    "one rule": Experiment(K=2, M=3, rule="kp", eta=0.3, sigma=0.1, decay=0.01, seed=7),
    "mixed": Experiment(rule="mixed", mixture=0.25),
    "schedule": Experiment(eta={"kind": "power", "value": 1, "scale": 20, "exponent": 0.5}, eta_v=0),
    "given": Experiment(K=2, M=2, R=[[0.1, 0], [0, 0.1]], Q=[[0.5, 0], [0, 0.5]], v=[0.1, 0.2], b=[1, -1], v_teacher=2),
    "prepared": Experiment(K=2, M=2, start="prepared", r=0.1, teacher="graded", outputs=2),
    "tasks": Experiment(M=4, tasks={"similarity": 0.5, "at": [0, 50]}),
    "inputs": Experiment(teacher="random", inputs={"kind": "spiked", "spikes": [20, 5]}),
    "flow": Experiment(flow=True, activation="relu", activation_teacher="erf", spacing="linear", points=11),
    "batch": Experiment(batch=4, sphere=True, method="network", runs=3, rtol=1e-6, ode_method="LSODA"),
}


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_an_experiment_is_that_of_its_state(experiment):
    """Its problems and alphas come back, whatever it says."""
    found = wanted(state_of(experiment))
    assert found.rules == experiment.rules
    assert found.problems == {rule: experiment.problem(rule) for rule in experiment.rules}
    np.testing.assert_array_equal(found.experiment.alphas(), experiment.alphas())


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_a_problem_is_that_of_its_state(experiment):
    """One whose start differs by group is refused instead."""
    problem = experiment.problem(experiment.rules[0])
    if experiment.inputs is not None:
        with pytest.raises(InputError, match="problem must have a start that is the same in every group"):
            state_of_problem(problem)
        return
    state = state_of_problem(problem)
    assert wanted(state).problems == {problem.rule: problem}
    assert ("activation_teacher" in state) == (experiment.activation_teacher is not None)


def test_what_the_page_shows_is_what_is_solved():
    """With gradient flow an experiment has other usual rates: the page's are taken, which stand there."""
    flow, b_angle = wanted({"flow": True}), wanted({"b_angle": 60})
    assert flow.experiment.eta == flow.experiment.eta_v == BY_NAME["eta"].usual
    assert wanted({"flow": True, "eta": 2}).experiment.eta == 2
    assert wanted({"runs": 3}).experiment.methods == (BY_NAME["method"].usual,)  # one of them, as is shown
    problem = b_angle.problem("fa")
    assert problem.start.v @ problem.b == pytest.approx(
        0.5 * np.linalg.norm(problem.start.v) * np.linalg.norm(problem.b), rel=1e-12
    )
    assert b_angle.problem("bp") == wanted({}).problem("bp")


def test_what_is_of_another_rule_or_start_is_kept_aside():
    """It is of no use, and not refused: it comes back with the rule or the start."""
    aside = wanted({"mixture": 0.2, "r": 0.1})
    assert aside.problems == wanted({}).problems
    assert {"mixture", "r"} <= set(aside.without_use())
    back = wanted({"mixture": 0.2, "r": 0.1, "rules": ["fa", "mixed"], "start": "prepared"})
    assert not {"mixture", "r"} & set(back.without_use())
    assert back.problem("mixed").mixture == 0.2
    np.testing.assert_array_equal(back.problem("mixed").start.R, 0.1 * np.eye(5))
    assert wanted({"rules": ["mixed"]}).problem("mixed").mixture == BY_NAME["mixture"].usual


def test_the_alphas_have_the_jumps_of_whatever_is_seen():
    """Those of the mixture where one of the rules is mixed, whichever others there are."""
    jumps = {"K": 2, "M": 2, "N": 60, "mixture": {"kind": "steps", "at": [0, 2.51], "value": [0.1, 1]}}
    at = np.array([150, 151]) / 60  # the multiples of 1/N on both sides
    for rules in (["mixed"], ["fa", "mixed"], ["fa", "bp", "kp", "mixed"]):
        assert np.isin(at, wanted({**jumps, "rules": rules}).experiment.alphas()).all()
    assert not np.isin(at, wanted({**jumps, "rules": ["fa", "bp"]}).experiment.alphas()).any()


def test_rules_are_in_the_order_of_the_table():
    """So that a link means the same, in whichever order they were ticked."""
    assert wanted({"rules": ["bp", "kp", "fa"]}).rules == ("fa", "bp", "kp")


def errors(state):
    """The alphas and the generalization errors of all rules, a few."""
    found = wanted({**state, "alpha_max": 5, "points": 6})
    alphas = found.experiment.alphas()
    errors = {rule: stdyn.integrate(problem, alphas).eps_g.tolist() for rule, problem in found.problems.items()}
    return alphas.tolist(), errors


def test_of_no_use_is_what_changes_nothing():
    """A parameter of no use, set to another value, leaves the solutions as they are, but for rounding."""
    others = {"b": 2, "b_scale": 3, "b_angle": 50, "quadrature": 2**12, "mixture": 0.1, "r": 0.2, "sigma": 0.3}
    others |= {"decay": 0.05, "v_scale": 2, "q": 1, "teacher": "graded", "alpha_min": 0.5}
    R, Q = [[0.1] * 3] * 3, np.eye(3).tolist()
    states = (
        {"rules": ["bp"]}, {"flow": True}, {"sphere": True}, {"v": 0.5, "b": 1}, {"R": R, "Q": Q}, {"T": Q},
        {"spacing": "linear"}, {"activation": "gelu", "K": 1, "M": 1},
    )  # fmt: skip
    seen = set()
    for more in states:
        state = {"K": 3, "M": 3, **more}
        for name, why in wanted(state).without_use().items():
            if name not in others:
                continue
            seen.add(name)
            assert why.startswith("of no use")
            (alphas, found), (as_before, before) = errors({**state, name: others[name]}), errors(state)
            assert alphas == as_before
            for rule, of in before.items():
                np.testing.assert_allclose(found[rule], of, rtol=1e-9, err_msg=f"{more}, {name}")
        assert ("quadrature" in wanted(state).without_use()) == ("activation" not in more)
    assert seen == set(others)


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ({"eta": -1}, "eta"),
        ({"eta": {"kind": "foo"}}, "eta"),
        ({"K": 21}, "K"),
        ({"R": [[0.0]]}, "R"),
        ({"start": "prepared", "r": 2}, "r"),
        ({"inputs": {"kind": "spiked", "spikes": [20, 5]}}, "inputs"),
        ({"tasks": {"similarity": 0.5, "at": [0, 100]}}, "tasks"),
        ({"alpha_max": 0.001}, "alpha_max"),
        ({"alpha_min": 2000}, "alpha_min"),
        ({"b_angle": 60, "v": 0}, "b_angle"),
        ({"rules": ["fb"]}, "rules"),
        ({"sphere": True, "q": 0}, "sphere"),
        ({"flow": True, "batch": 3}, "batch"),
        ({"foo": 1}, "foo"),
    ],
)  # fmt: skip
def test_a_refusal_is_of_a_parameter(state, name):
    """Which the page marks; without it the state is taken."""
    state = {**BEGINNING, **state}
    with pytest.raises(InputError) as refused:
        wanted(state)
    assert blamed(str(refused.value), state) == name
    wanted({each: value for each, value in state.items() if each != name})


def test_junk_is_no_state():
    """Of nothing in it any parameter is blamed."""
    for junk in (None, [], 1, "a"):
        with pytest.raises(InputError, match=r"^state must be an object"):
            wanted(junk)
        assert blamed("state must be an object", junk) is None


def test_what_a_page_cannot_show_is_refused_before_it_begins():
    """An experiment beyond the bounds of the page."""
    with pytest.raises(InputError, match=r"^K must be from 1 to 20 here, but is 21"):
        Source.of(Experiment(K=21))
    for name in ("K", "M", "outputs"):  # of which a start would not even have room
        with pytest.raises(InputError, match=f"^{name} must be from 1 to .* here, but is 100000000"):
            Source.of(Experiment(**{name: 10**8}))
    assert Source.of(None).state == BEGINNING


def test_own_activations_are_words_of_the_page(tmp_path):
    """Those of a problem, and those that an experiment has of a file; what is built in is not said twice."""
    code = "import stdyn\n\ncubic = stdyn.activation(lambda x: x**3, lambda x: 3 * x**2, 'cubic')\n"
    (tmp_path / "mine.py").write_text(code)
    name = f"{tmp_path / 'mine.py'}:cubic"
    experiment = Experiment(K=2, M=2, activation=name, activation_teacher="erf")
    source = Source.of(experiment)
    assert list(source.activations) == [name]
    assert source.state["activation"] == name
    problem = source.wanted(source.state).problem("fa")
    assert problem == experiment.problem("fa")
    assert Source.of(problem).activations == {name: problem.activation}
    assert Source.of(Experiment()).activations == Source.of(replace(problem, activation="erf")).activations == {}
    with pytest.raises(InputError, match=r"^activation must be one of"):
        wanted(source.state)
