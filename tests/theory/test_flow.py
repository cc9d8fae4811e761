"""The flow of a problem: right-hand side, Jacobian and spectra, held to the textbook averages in NumPy."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import textbook
from brute_force import average
from conftest import NUMPY_FUNCTIONS, random_overlaps, random_problem
from protocols import PROBLEMS as PROTOCOLS
from structured_problems import PROBLEMS as STRUCTURED

import stdyn
from stdyn import Flow, InputError, Problem, integrate, schedule
from stdyn.kernels import expansion as kernels
from stdyn.theory.coordinates import across, across_change, whole_change

CASES = {name: problem for name, problem in (PROTOCOLS | STRUCTURED).items() if not problem.by_quadrature}
CASES |= {
    "bp, three outputs": random_problem(2, 3, 3, rule="bp"),
    "one unit": random_problem(1, 1),
    "relu": random_problem(2, 2, activation="relu", eta=0.2),
    "linear": random_problem(3, 2, activation="linear", eta=0.2),
    "tanh": random_problem(2, 1, activation="tanh"),
}


def states(problem, seeds=(1, 2)):
    """Vectors y of random states of a problem's teacher, none of them near its start."""
    start, found = problem.start, []
    for seed in seeds:
        other = random_overlaps(start.K, start.M, seed=seed)
        C = np.linalg.cholesky(other.C)
        t = start.groups[2]
        roots = np.linalg.cholesky(t)
        r = C[: start.K, : start.M] @ np.swapaxes(roots, 1, 2)  # students of the same weights in every group
        along = r @ np.linalg.inv(t) @ np.swapaxes(r, 1, 2)
        q = along + other.Q / len(t)
        v = np.random.default_rng(seed).normal(size=start.v.shape)
        r, q = (r[0], q[0]) if start.inputs is None else (r, q)
        found.append(problem.state_layout.pack(dict(zip(problem.state_layout.places, (r, q, v), strict=True))))
    return np.array(found)


@pytest.mark.parametrize("alpha", [0.0, 1.7])
@pytest.mark.parametrize("name", CASES)
def test_right_hand_side_and_jacobian_are_those_of_the_textbook_averages(name, alpha):
    """At random states, with the rates of two alphas: to 1e-12, and the derivatives to 1e-7 (differences)."""
    problem = CASES[name]
    flow, there = stdyn.flow(problem, alpha), states(problem)
    expected = np.array([textbook.rhs(problem, y, alpha) for y in there])
    np.testing.assert_allclose(flow.pack(flow.rhs(there)), expected, rtol=0, atol=1e-12)
    expected = np.array([textbook.jacobian(problem, y, alpha) for y in there])
    np.testing.assert_allclose(flow.jacobian(there), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", ["one unit", "three groups", "hidden", "mixed", "sphere"])
def test_a_missing_term_is_seen(name):
    """Negative control: the term in eta^2 wrong by 1 %, another alpha, or a Jacobian that leaves out that the slopes of
    the coordinates change, fail the test above."""
    problem = CASES[name]
    flow, y = stdyn.flow(problem), states(problem)[0]
    if not problem.sphere:
        assert np.abs(flow.pack(flow.rhs(y)) - textbook.rhs(problem, y, eta_squared=1.01)).max() > 1e-5
    layout, T_inverse, unit = problem.state_layout, problem.start.T_inverse, np.eye(len(y))
    w = across(y, layout, T_inverse)
    of_w = whole_change(w, kernels.jacobian(w, flow._parameters).T, layout, T_inverse).T
    without = of_w @ across_change(w, unit, layout, T_inverse).T
    assert np.abs(without - textbook.jacobian(problem, y)).max() > 1e-3


def test_another_alpha_is_seen():
    """Negative control: rates of another alpha are not those asked for."""
    problem = CASES["steps"]
    y = states(problem)[0]
    late, early = (stdyn.flow(problem, alpha).pack(stdyn.flow(problem, alpha).rhs(y)) for alpha in (1.7, 0))
    assert np.abs(late - early).max() > 1e-2
    at_jump = stdyn.flow(problem, 1.5)  # from there on
    np.testing.assert_array_equal(at_jump.pack(at_jump.rhs(y)), late)


@pytest.mark.parametrize("activation", ["gelu", "sigmoid", "square", "hermite2", "hermite3", "tanh", "erf", "relu"])
def test_every_activation_moves_as_two_fields_say(activation):
    """K = M = 1, by nested quadrature over the two fields with NumPy's g: closed forms to 1e-10, else within 0.5 %.

    The closed forms of tanh are those of a sum of erfs that is near it: 1e-7.
    """
    problem = random_problem(1, 1, activation=activation, eta=0.3)
    g, g_prime = NUMPY_FUNCTIONS[activation]
    state = problem.start
    v, vt, b = state.v[0], state.v_teacher[0], problem.b[0]
    C = [[state.Q[0, 0], state.R[0, 0]], [state.R[0, 0], state.T[0, 0]]]

    def mean(f):
        return average(f, C, [0.0], [0.0])

    def delta(x, y):
        return g_prime(x) * b * (v * g(x) - vt * g(y))

    noise = problem.sigma**2 * b**2 * mean(lambda x, y: g_prime(x) ** 2 + 0 * y)
    expected = {
        "R": -0.3 * mean(lambda x, y: delta(x, y) * y) - problem.decay * state.R[0, 0],
        "Q": 0.09 * (mean(lambda x, y: delta(x, y) ** 2) + noise)
        - 0.6 * mean(lambda x, y: delta(x, y) * x) - 2 * problem.decay * state.Q[0, 0],
        "v": -problem.eta_v * mean(lambda x, y: g(x) * (v * g(x) - vt * g(y))) - problem.decay_v * v,
    }  # fmt: skip
    found = stdyn.flow(problem).rhs(state)
    exact = not problem.by_quadrature or problem.activation.degree is not None
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(
            value, **({"abs": 1e-7 if activation == "tanh" else 1e-10} if exact else {"rel": 5e-3})
        ), name


def test_kinks_by_quadrature_have_a_flow_but_no_jacobian():
    """ReLU that learns tanh: averages by quadrature, of a g' that jumps."""
    problem = random_problem(1, 1, activation="relu", activation_teacher="tanh", rule="bp", quadrature=2**16)
    state, flow = problem.start, stdyn.flow(problem)
    v, vt = state.v[0], state.v_teacher[0]
    C = [[state.Q[0, 0], state.R[0, 0]], [state.R[0, 0], state.T[0, 0]]]
    moved = average(lambda x, y: (x > 0) * v * (v * np.maximum(x, 0) - vt * np.tanh(y)) * y, C, [0.0], [])
    expected = -problem.eta * moved - problem.decay * state.R[0, 0]
    assert flow.rhs(state)["R"].item() == pytest.approx(expected, rel=5e-3)
    with pytest.raises(InputError, match="activation must be smooth"):
        flow.jacobian(state)
    with pytest.raises(InputError, match="activation must be smooth"):
        flow.spectrum(integrate(problem, [0.0]))


FIXED = {
    "bp": Problem(stdyn.initial.prepared(2, 2, r=0.1, q=0.3), eta=0.3, eta_v=0.2),
    "fa": Problem(stdyn.initial.prepared(2, 2, r=0.1, q=0.3), rule="fa", b=[1, 0.4], eta=0.3, eta_v=0.2),
    "frozen": Problem(stdyn.initial.prepared(2, 2, v=[1, 1]), eta=0.5, eta_v=0),
    "sphere": Problem(stdyn.initial.prepared(2, 2, q=1.0, v=[1, 1]), eta=0.2, eta_v=0.1, sphere=True),
    "groups": Problem(
        stdyn.initial.prepared(2, 2, q=0.2, r=0.0).spread(stdyn.Inputs.spectrum([2, 0.5], [1 / 3, 2 / 3])),
        eta=0.2, eta_v=0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIXED)
def test_eigenvalues_at_a_fixed_point(name):
    """Those of `FixedPoint`, and a zero for each order parameter that does not move: v that is frozen, norms on the
    sphere. To 1e-6."""
    problem = FIXED[name]
    points = stdyn.fixed_points(problem, number_of_starts=6, rng=np.random.default_rng(1))
    assert len(points) > 1
    flow = stdyn.flow(problem)
    for point in points:
        still = len(flow.names) - len(point.eigenvalues)
        assert still == {"frozen": 2, "sphere": 2, "groups": 2}.get(name, 0)
        found = np.linalg.eigvals(flow.jacobian(point.state))
        left = list(point.eigenvalues) + still * [0.0]
        for value in found[np.argsort(-np.abs(found))]:  # each has one of its own; multiple ones are less exact
            nearest = int(np.argmin(np.abs(np.array(left) - value)))
            assert abs(left.pop(nearest) - value) < 1e-6
        assert np.abs(flow.pack(flow.rhs(point.state))).max() < 1e-9


def test_spectrum_along_a_trajectory():
    """Eigenvalues of the textbook Jacobian at every alpha with its rates, largest real part first; to 1e-5."""
    for name in ("steps", "kp with a schedule", "a schedule", "one head"):
        problem = CASES[name]
        theory = integrate(problem, [0, 0.7, 2.0, 6.0])
        found = stdyn.flow(problem, alpha=3.0).spectrum(theory)
        assert found.shape == (4, problem.state_layout.size)
        assert (np.diff(found.real, axis=1) <= 0).all()
        states = problem.state_layout.pack({each: getattr(theory, each) for each in problem.state_layout.places})
        for position, alpha in enumerate(theory.alphas):
            J = textbook.jacobian(problem, states[position], alpha)
            characteristic = [np.abs(np.linalg.eigvals(J) - value).min() for value in found[position]]
            assert max(characteristic) < 1e-5
            assert found[position].sum() == pytest.approx(np.trace(J), abs=1e-6)
            assert (found[position] ** 2).sum() == pytest.approx(np.trace(J @ J), abs=1e-6)


def test_the_spectrum_is_nan_where_a_solution_diverged():
    """Where it has no order parameters; its other rows are there."""
    problem = random_problem(2, 2)
    theory = integrate(problem, [0, 1, 2])
    gone = {name: np.where((np.arange(3) == 1).reshape(3, *[1] * (values.ndim - 1)), np.nan, values)
            for name, values in theory.order_parameters.items()}  # fmt: skip
    found = stdyn.flow(problem).spectrum(replace(theory, **gone, diverged_at=np.array(1.0)))
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[[0, 2]], stdyn.flow(problem).spectrum(theory)[[0, 2]])
    assert np.isfinite(found[[0, 2]]).all()


def test_late_learning_keeps_its_digits():
    """Near perfect learning, where Q - R T^-1 R^T is 1e-12, the Jacobian is that of the fixed point; ReLU's, too."""
    for activation in ("erf", "relu"):
        problem = Problem(stdyn.initial.prepared(2, 2, r=0.3, v=[1, 1]), activation=activation, eta=0.3, eta_v=0.0)
        T = problem.start.T
        at = replace(problem.start, R=T, Q=T)
        near = replace(problem.start, R=T - 1e-6 * T, Q=T - 2e-6 * T + 2e-12 * T)
        flow = stdyn.flow(problem)
        tolerance = 1e-4 if activation == "erf" else 0.02
        np.testing.assert_allclose(flow.jacobian(near), flow.jacobian(at), rtol=0, atol=tolerance)


# ---------------------------------------------------------------------------------------------------------------------
# States


@pytest.mark.parametrize("name", ["one unit", "bp, three outputs", "three groups", "outputs"])
def test_states_in_all_forms(name):
    """OrderParameters, dicts and vectors are the same state; names say which entry a coordinate is."""
    problem = CASES[name]
    flow, start = stdyn.flow(problem), problem.start
    y = flow.pack(start)
    assert len(set(flow.names)) == len(flow.names) == len(y)
    for label, entry in zip(flow.names, y, strict=True):
        array, indices = label.removesuffix("]").split("[")
        assert start.state[array][tuple(map(int, indices.split(",")))] == entry
    np.testing.assert_array_equal(flow.pack(dict(start.state)), y)
    np.testing.assert_array_equal(flow.pack(flow.unpack(y)), y)
    many = np.stack([[y, 1.01 * y]] * 3)
    found = flow.rhs(many)
    assert found["v"].shape == (3, 2, *start.v.shape)
    np.testing.assert_array_equal(flow.pack(found)[2, 1], flow.pack(flow.rhs(1.01 * y)))
    np.testing.assert_array_equal(flow.pack(flow.rhs(flow.unpack(many))), flow.pack(found))
    assert flow.jacobian(many).shape == (3, 2, len(y), len(y))
    assert flow.rhs(many[:0])["v"].shape == (0, 2, *start.v.shape)


def test_what_no_weights_have_is_nan():
    """Beyond the error of a solver: R larger than Q and T allow."""
    flow = stdyn.flow(random_problem(1, 1))
    T = flow.problem.start.T.item()
    R = np.sqrt(0.5 * T) * np.array([0.9, 1.1])
    y = np.stack([R, [0.5, 0.5], [1, 1]], axis=1)
    assert np.isfinite(flow.rhs(y)["v"][0]).all()
    assert all(np.isnan(values[1]).all() for values in flow.rhs(y).values())
    assert np.isnan(flow.jacobian(y)).any(axis=(1, 2)).tolist() == [False, True]
    nearly = np.array([np.sqrt(0.5 * T) * (1 + 1e-9), 0.5, 1])
    assert np.isfinite(flow.pack(flow.rhs(nearly))).all()


def test_a_flow_is_a_value():
    """Equal, hashable, in one line, and the same after pickle."""
    problem = PROTOCOLS["steps"]
    flow = stdyn.flow(problem, 1.0)
    assert flow == Flow(problem, 1.0) == pickle.loads(pickle.dumps(flow)) != stdyn.flow(problem)
    assert hash(flow) == hash(Flow(problem, 1.0))
    assert repr(flow) == "<Flow FA, K = M = 2, erf, 9 order parameters, at alpha = 1>"
    y = flow.pack(problem.start)
    np.testing.assert_array_equal(flow.jacobian(y), pickle.loads(pickle.dumps(flow)).jacobian(y))


def test_another_teacher_or_problem_is_refused():
    """A state of another T; a trajectory of another rate, or of runs."""
    problem = random_problem(2, 2)
    flow = stdyn.flow(problem)
    with pytest.raises(InputError, match="state must have the problem's teacher and shapes, but T differs"):
        flow.rhs(random_overlaps(2, 2, seed=1))
    with pytest.raises(
        InputError, match=r"trajectory must be of the flow's problem, but they differ in eta: 0.6 and 0.7"
    ):
        flow.spectrum(integrate(replace(problem, eta=0.6), [0, 1]))
    runs = stdyn.simulate_reduced(problem, [0, 1], 2, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="trajectory must be of the ODEs, but its method is 'reduced'"):
        flow.spectrum(runs)
    np.testing.assert_array_equal(flow.spectrum(integrate(replace(problem, N=7), [0, 1]))[0],
                                  flow.spectrum(integrate(problem, [0]))[0])  # fmt: skip
    with pytest.raises(InputError, match="inputs must be of fewer groups for a Jacobian"):
        stdyn.flow(replace(problem, inputs=stdyn.Inputs.power_law(1, 400, groups=200))).jacobian(np.ones(1402))
    with pytest.raises(InputError, match="eta must be a number of at least 0 at every alpha, but is None at alpha = 2"):
        stdyn.flow(replace(problem, eta=schedule.function(lambda alpha: 0.1 if alpha < 2 else None)), 2.0)


def test_a_state_of_the_task_at_hand_is_taken():
    """What `Trajectory.at` gives after a task has changed."""
    problem = PROTOCOLS["one head"]
    state = integrate(problem, [0, 2.0]).at(-1)
    assert not np.array_equal(state.v_teacher, problem.start.v_teacher)
    flow = stdyn.flow(problem, 2.0)
    np.testing.assert_allclose(flow.pack(flow.rhs(state)), textbook.rhs(problem, flow.pack(state), 2.0), atol=1e-12)
    with pytest.raises(InputError, match="v_teacher differs"):
        stdyn.flow(problem).rhs(state)
