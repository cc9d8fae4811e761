"""The ODEs of inputs with a spectrum: overlaps in every group of directions of one variance (theory.md, section 11).

Held to right-hand sides by the textbook averages over more fields, to what splitting groups and turning the inputs must
not change, and to exact results. Converged trajectories: test_protocols.py.
"""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from own_activations import ERF, TANH

import stdyn
from stdyn import InputError, Inputs, OrderParameters, Problem, averages, fixed_points, integrate, schedule
from stdyn.kernels import equations
from stdyn.theory import quadrature
from stdyn.theory.expansion import Expansion
from stdyn.theory.symmetry import find_orbits

VARIANCES, FRACTIONS = [0.3, 1.0, 2.5], [0.5, 0.3, 0.2]
ALPHAS = np.linspace(0, 8, 9)


def overlaps_by_group(K, M, L, seed=0):
    """R_group, Q_group, T_group of random vectors, none of them alike in two groups."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(L, K + M, 2 * (K + M))) / np.sqrt(2 * L * (K + M))
    C = W @ np.swapaxes(W, 1, 2)
    return C[:, :K, K:], C[:, :K, :K], C[:, K:, K:]


def structured(K, M, O=None, rule="fa", hidden=True, seed=0, **changes):
    """A problem of three groups with nothing zero."""
    rng = np.random.default_rng(seed + 100)
    part = rng.normal(size=(M, 2)) / 3
    shape = () if O is None else (O,)
    start = OrderParameters.by_group(
        Inputs.spectrum(VARIANCES, FRACTIONS), *overlaps_by_group(K, M, 3, seed), rng.normal(size=(K, *shape)),
        rng.normal(size=(M, *shape)), part @ part.T if hidden else None,
    )  # fmt: skip
    b = rng.normal(size=start.v.shape) if rule in ("fa", "mixed") else None
    rates = {"eta": 0.7, "eta_v": 0.3, "sigma": 0.2, "decay": 0.05, "decay_v": 0.02} | changes
    return Problem(start, rule=rule, b=b, mixture=0.3 if rule == "mixed" else None, **rates)


def plain_derivatives(problem):
    """d(r, q, v)/dalpha by the textbook averages, over the fields and what each vector has in every group."""
    s, eta = problem.start, problem.eta
    (r, q, _), omega, p = s.groups, problem.inputs.variances, problem.inputs.fractions
    K, P, L = s.K, s.K + s.M, len(omega)
    v, v_teacher = s.v.reshape(K, -1), s.v_teacher.reshape(s.M, -1)
    b = v if problem.b is None else problem.b.reshape(K, -1)
    back = {"bp": v, "fa": b, "mixed": 0.3 * v + 0.7 * b}[problem.rule]
    u, parts = np.vstack([v, -v_teacher]), omega[:, None, None] * s.C_group
    whole = np.zeros((P + L * P, P + L * P))  # the covariance of the fields z, then of their parts in each group
    whole[:P, :P] = s.C
    for group in range(L):
        here = slice(P + group * P, P + (group + 1) * P)
        whole[:P, here] = whole[here, :P] = whole[here, here] = parts[group]
    beta = back @ u.T
    I3 = averages.I3(whole, problem.activation)[:K, P:, :P]  # <g'(x_i) y g(z_a)>
    G = np.einsum("ia,iya->iy", beta, I3).reshape(K, L, P).swapaxes(0, 1)
    H = np.einsum("ia,kc,ikac->ik", beta, beta, averages.I4(s.C, problem.activation)[:K, :K])
    H += problem.sigma**2 * back @ back.T * averages.J2(s.C, problem.activation)[:K, :K]
    h = averages.I2(s.C, problem.activation)[:K] @ u
    square = 0.0 if problem.flow else 1 / problem.batch
    dr = -eta * G[:, :, K:] - problem.decay * r
    dq = -eta * (G[:, :, :K] + np.swapaxes(G[:, :, :K], 1, 2)) - 2 * problem.decay * q
    dq = dq + eta**2 * square * (p * omega)[:, None, None] * H
    if problem.sphere:
        along = np.einsum("tii->i", dq) / np.einsum("tii->i", q) / 2
        dr, dq = dr - along[:, None] * r, dq - (along[:, None] + along) * q
    return dr, dq, -problem.eta_v * h - problem.decay_v * v


def kernel_derivatives(problem):
    """The same by the kernels: q = q_across + r t^+ r^T."""
    expansion = Expansion(problem)
    dr, dq, dv = expansion.parts(expansion.drift(expansion.coordinates(problem.start)))
    mixed = dr @ problem.start.T_inverse @ np.swapaxes(problem.start.R_group, 1, 2)
    return dr, dq + mixed + np.swapaxes(mixed, 1, 2), dv


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"rule": "bp"}, {"rule": "mixed"}, {"batch": 3}, {"flow": True}, {"sphere": True}, {"hidden": False},
        {"activation": "relu"}, {"activation": "linear", "rule": "bp"}, {"activation": "tanh"}, {"O": 2},
    ],
    ids=str,
)  # fmt: skip
def test_right_hand_side(changes):
    """That of the kernels is that of the textbook averages, with all rules, regimes and closed forms; to 1e-13."""
    problem = structured(2, 3, **changes)
    for found, expected in zip(kernel_derivatives(problem), plain_derivatives(problem), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_a_wrong_variance_is_seen():
    """Negative control: a variance, a fraction or a hidden part that is wrong by 1 % changes the right-hand side."""
    problem, expected = structured(2, 3), plain_derivatives(structured(2, 3))
    start = problem.start
    for inputs, more in (
        (Inputs.spectrum([0.3, 1.0, 2.525], FRACTIONS), 1.0), (Inputs.spectrum(VARIANCES, [0.505, 0.3, 0.195]), 1.0),
        (problem.inputs, 1.01),
    ):  # fmt: skip
        other = OrderParameters.by_group(inputs, *start.groups, start.v, start.v_teacher, more * start.T_hidden)
        found = kernel_derivatives(replace(problem, start=other, inputs=None))
        assert max(np.abs(a - b).max() for a, b in zip(found, expected, strict=True)) > 1e-4


@pytest.mark.parametrize(("own", "known"), [(ERF, "erf"), (TANH, "tanh")], ids=str)
def test_averages_by_points(own, known):
    """By quadrature, the right-hand side is that of the closed forms within the error of the points."""
    exact = kernel_derivatives(structured(2, 2, activation=known))
    found = kernel_derivatives(structured(2, 2, activation=own, quadrature=2**16))
    for mine, expected in zip(found, exact, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-3)


def test_averages_of_polynomials_are_exact():
    """By Gauss and Hermite's points; <delta y> of a part y of a field is that of a teacher unit without weight, y."""
    problem = structured(1, 1, hidden=False, activation="hermite2", eta=0.3)
    s, omega = problem.start, problem.inputs.variances
    parts = omega[:, None, None] * s.C_group
    found = kernel_derivatives(problem)
    for group, part in enumerate(parts):
        for a, side in ((0, "q"), (1, "r")):
            T = np.array([[s.T[0, 0], part[1, a]], [part[1, a], part[a, a]]])
            wider = OrderParameters([[s.R[0, 0], part[0, a]]], s.Q, T, s.v, [s.v_teacher[0], 0.0])
            bigger = replace(problem, start=wider, inputs=None)
            moved = bigger.layout.unpack(
                equations.right_hand_side(bigger.layout.pack(wider.order_parameters), quadrature.parameters(bigger))
            )
            to_y = moved["R"][0, 1] + problem.decay * part[0, a]  # -eta <delta y>
            if side == "r":
                assert found[0][group, 0, 0] == pytest.approx(to_y - problem.decay * s.R_group[group, 0, 0], abs=1e-12)
            else:
                own = moved["Q"][0, 0] + 2 * problem.decay * s.Q[0, 0]
                field = np.sum(parts[:, 0, 0])  # Q: eta^2 H = own - 2 (-eta <delta x>)
                assert field == pytest.approx(s.Q[0, 0])
                squares = own - 2 * _of_field(problem)
                change = 2 * to_y - 2 * problem.decay * s.Q_group[group, 0, 0]
                share = problem.inputs.fractions[group] * omega[group]
                assert found[1][group, 0, 0] == pytest.approx(change + share * squares, abs=1e-12)


def _of_field(problem):
    """-eta <delta x> of one student, by the isotropic equations with a gradient flow: dQ = 2 of it."""
    s = problem.start
    flow = replace(problem, start=OrderParameters(s.R, s.Q, s.T, s.v, s.v_teacher), inputs=None, flow=True)
    y = flow.layout.pack(flow.start.order_parameters)
    moved = flow.layout.unpack(equations.right_hand_side(y, quadrature.parameters(flow)))
    return (moved["Q"][0, 0] + 2 * flow.decay * s.Q[0, 0]) / 2


# ---------------------------------------------------------------------------------------------------------------------
# What changes nothing


def split(start, group, parts):
    """The state with a group divided in equal parts."""
    inputs = start.inputs
    where = np.repeat(np.arange(inputs.groups), np.where(np.arange(inputs.groups) == group, parts, 1))
    share = np.where(where == group, 1 / parts, 1.0)
    divided = Inputs.spectrum(inputs.variances[where], inputs.fractions[where] * share)
    overlaps = (each[where] * share[:, None, None] for each in start.groups)
    return OrderParameters.by_group(divided, *overlaps, start.v, start.v_teacher, start.T_hidden), where


@pytest.mark.parametrize(
    "changes",
    [{}, {"rule": "bp", "O": 2}, {"activation": "relu", "eta": 0.2}, {"sphere": True}, {"activation": "tanh"}],
    ids=str,
)
def test_splitting_a_group_changes_nothing(changes):
    """To 1e-12, at tight tolerances: R, Q, v, the overlaps of the other groups, and the sums of those of the parts."""
    problem = structured(2, 2, **changes)
    start, where = split(problem.start, 1, 3)
    tight = {"rtol": 1e-13, "atol": 1e-15}
    one, other = (integrate(each, ALPHAS, **tight) for each in (problem, replace(problem, start=start, inputs=None)))
    for name, values in one.order_parameters.items():
        np.testing.assert_allclose(getattr(other, name), values, rtol=0, atol=1e-12)
    for name in ("R_group", "Q_group"):
        sums = np.stack([getattr(other, name)[:, where == group].sum(axis=1) for group in range(3)], axis=1)
        np.testing.assert_allclose(sums, getattr(one, name), rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", ["erf", "relu", "tanh", "gelu", "linear"])
def test_equal_groups_of_variance_one_are_isotropic_inputs(activation):
    """To 1e-12, though the equations are others: averages over the fields, and over their parts."""
    problem = random_problem(2, 2, activation=activation, eta=0.2, eta_v=0.2, quadrature=2**11)
    inputs = Inputs.spectrum([1.0, 1.0], [0.3, 0.7])
    tight = {"rtol": 1e-13, "atol": 1e-15, "error": False}
    one, other = (integrate(each, ALPHAS, **tight) for each in (problem, replace(problem, inputs=inputs)))
    for name, values in one.order_parameters.items():
        np.testing.assert_allclose(getattr(other, name), values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(other.R_group[:, 0] / 0.3, other.R_group[:, 1] / 0.7, rtol=0, atol=1e-12)


def test_isotropic_inputs_are_those_of_before():
    """One group of variance 1 is no group at all: bit by bit."""
    problem = random_problem(3, 2)
    same = replace(problem, inputs=Inputs.isotropic())
    assert same == problem
    assert same.state_layout is same.layout
    assert integrate(same, ALPHAS) == integrate(problem, ALPHAS)
    one = OrderParameters.by_group(Inputs.isotropic(), *problem.start.groups, problem.start.v, problem.start.v_teacher)
    assert one == problem.start
    assert problem.inputs == Inputs.isotropic()
    assert integrate(problem, ALPHAS).R_group is None


def test_turning_the_inputs_changes_nothing():
    """A covariance and weights in turned coordinates are the same problem; to 1e-12."""
    rng = np.random.default_rng(3)
    N, K, M = 40, 2, 2
    W, W_teacher = rng.normal(size=(K, N)) / np.sqrt(N), rng.normal(size=(M, N)) / np.sqrt(N)
    frame = np.linalg.qr(rng.normal(size=(N, N)))[0]
    Omega = np.diag(np.linspace(0.2, 3, N))
    solved = []
    for turn in (np.eye(N), frame):
        inputs = Inputs.from_covariance(turn @ Omega @ turn.T)
        V, V_teacher = W @ turn.T, W_teacher @ turn.T
        overlaps = inputs.overlaps(V, V_teacher), inputs.overlaps(V, V), inputs.overlaps(V_teacher, V_teacher)
        start = OrderParameters.by_group(inputs, *overlaps, [0.3, -0.2], [1.0, 1.0])
        np.testing.assert_allclose(start.R, V @ turn @ Omega @ turn.T @ V_teacher.T, atol=1e-12)
        solved.append(integrate(Problem(start, eta=0.4, eta_v=0.4), ALPHAS, rtol=1e-13, atol=1e-15))
    for name, values in solved[0].arrays.items():
        np.testing.assert_allclose(getattr(solved[1], name), values, rtol=0, atol=1e-12)


def test_a_variance_is_a_scale():
    """One group of variance s^2 is isotropic inputs with weights s times as long and a rate s^2 times as large."""
    problem, s = random_problem(2, 2, decay=0.0), 1.7
    start = problem.start
    longer = OrderParameters(s**2 * start.R, s**2 * start.Q, s**2 * start.T, start.v, start.v_teacher)
    scaled = OrderParameters.by_group(Inputs.spectrum([s**2], [1.0]), *start.groups, start.v, start.v_teacher)
    one = integrate(replace(problem, start=longer, eta=s**2 * problem.eta), ALPHAS, rtol=1e-12)
    other = integrate(replace(problem, start=scaled, inputs=None), ALPHAS, rtol=1e-12)
    np.testing.assert_allclose(other.R, one.R, atol=1e-10)
    np.testing.assert_allclose(other.Q, one.Q, atol=1e-10)
    np.testing.assert_allclose(s**2 * other.R_group[:, 0], one.R, atol=1e-10)


# ---------------------------------------------------------------------------------------------------------------------
# Exact results


def test_linear_regression_in_every_direction():
    """One linear student without noise in gradient flow: r^t - t^t falls as e^(-eta omega alpha) in every group."""
    inputs = Inputs.power_law(1.0, N=64, groups=64)
    t = np.full((64, 1, 1), 1 / 64)
    start = OrderParameters.by_group(inputs, 0 * t, 0.3 * t, t, [1.0], [1.0])
    problem = Problem(start, activation="linear", flow=True, eta=0.5, eta_v=0.0)
    found = integrate(problem, ALPHAS, rtol=1e-12, atol=1e-16)
    left = np.exp(-0.5 * inputs.variances * ALPHAS[:, None])
    np.testing.assert_allclose(found.R_group[:, :, 0, 0], (1 - left) / 64, rtol=0, atol=1e-13)
    np.testing.assert_allclose(found.eps_g, (1.3 / 128) * (inputs.variances * left**2).sum(axis=1), rtol=1e-9)


def test_linear_regression_by_sgd():
    """One linear student: e = |w^t - w~^t|^2 obeys de/dalpha = -2 eta omega e + eta^2 p omega (sum omega e + sigma^2).

    A linear system of as many equations as groups, solved by its matrix exponential.
    """
    from scipy.linalg import expm

    eta, sigma, omega, p = 0.4, 0.3, np.array(VARIANCES), np.array(FRACTIONS)
    e = np.array([0.2, 0.5, 0.1])
    t = np.array([0.3, 0.4, 0.2])
    by_group = (np.zeros(3), e - t.clip(max=e), t.clip(max=e))  # r = 0, so that e = q + t
    start = OrderParameters.by_group(
        Inputs.spectrum(omega, p), *(each[:, None, None] for each in by_group), [1.0], [1.0]
    )  # fmt: skip
    problem = Problem(start, activation="linear", eta=eta, eta_v=0.0, sigma=sigma)
    found = integrate(problem, ALPHAS, rtol=1e-12)
    A = np.zeros((4, 4))
    A[:3, :3] = np.diag(-2 * eta * omega) + eta**2 * np.outer(p * omega, omega)
    A[:3, 3] = eta**2 * p * omega * sigma**2
    expected = [(expm(alpha * A) @ np.append(e, 1.0))[:3] @ omega / 2 for alpha in ALPHAS]
    np.testing.assert_allclose(found.eps_g, expected, rtol=1e-10)


def test_late_learning_has_no_floor():
    """A student that can learn perfectly comes nearer by its rate down to rounding, and eps_g falls as its square."""
    t = np.array(FRACTIONS)[:, None, None] * np.eye(2)
    inputs = Inputs.spectrum([2.0, 2.5, 3.0], FRACTIONS)
    start = OrderParameters.by_group(inputs, 0.8 * t, 0.7 * t, t, [1.0, 1.0], [1.0, 1.0])
    alphas = np.linspace(0, 600, 13)
    found, finer = (integrate(Problem(start, eta=0.6, eta_v=0.0), alphas, rtol=rtol) for rtol in (1e-9, 1e-12))
    apart, expected = (np.abs(each.R_group - t).max(axis=(1, 2, 3)) for each in (found, finer))
    assert expected[-1] < 1e-12
    np.testing.assert_allclose(apart[:-1], expected[:-1], rtol=0.02)
    np.testing.assert_allclose(apart[2:-1] / apart[1:-2], 0.1, rtol=0.02)
    large = finer.eps_g > 1e-9  # of which rounding of R and Q is no part
    assert large.sum() == 4
    np.testing.assert_allclose(found.eps_g[large], finer.eps_g[large], rtol=1e-3)
    assert found.eps_g[~large].max() < 1e-10


def test_a_hidden_part_of_the_teacher_is_noise():
    """A linear teacher's hidden field of variance s^2 acts as label noise of s, and eps_g has s^2/2 more."""
    overlaps, s = overlaps_by_group(2, 1, 3), 0.4
    inputs, more = Inputs.spectrum(VARIANCES, FRACTIONS), {"activation": "linear", "eta": 0.2, "eta_v": 0.1}
    hidden = OrderParameters.by_group(inputs, *overlaps, [0.5, 0.2], [1.0], [[s**2]])
    plain = OrderParameters.by_group(inputs, *overlaps, [0.5, 0.2], [1.0])
    one = integrate(Problem(hidden, **more), ALPHAS, rtol=1e-12)
    other = integrate(Problem(plain, sigma=s, **more), ALPHAS, rtol=1e-12)
    np.testing.assert_allclose(one.R_group, other.R_group, atol=1e-10)
    np.testing.assert_allclose(one.Q_group, other.Q_group, atol=1e-10)
    np.testing.assert_allclose(one.eps_g, other.eps_g + s**2 / 2, atol=1e-10)


def test_schedules_and_tasks():
    """Rates that change with alpha do so for inputs with a spectrum: restarted where they jump, it is the same."""
    problem = structured(2, 2, eta=schedule.steps([0, 4], [0.7, 0.2]), sigma=schedule.hyperbolic(0.5, 3.0))
    whole = integrate(problem, ALPHAS, rtol=1e-11)
    first = integrate(problem, ALPHAS[:5], rtol=1e-11)
    rest = integrate(first.problem_at(-1), ALPHAS[:5], rtol=1e-11)
    joined = first.join(rest)
    assert joined.problem.inputs == problem.inputs
    for name, values in whole.arrays.items():
        np.testing.assert_allclose(getattr(joined, name), values, rtol=0, atol=1e-9, err_msg=name)


# ---------------------------------------------------------------------------------------------------------------------
# Symmetry, binning, fixed points


def test_symmetric_starts_stay_symmetric():
    """Students that are alike in every group stay so, exactly; alike in the fields only, they are not taken for it."""
    inputs = Inputs.spectrum(VARIANCES, FRACTIONS)
    start = stdyn.initial.prepared(2, 2, q=0.3, r=0.0).spread(inputs)
    problem = Problem(start, eta=0.5, eta_v=0.5)
    assert find_orbits(problem).free < problem.state_layout.size / 2
    found = integrate(problem, np.linspace(0, 300, 7))
    assert np.array_equal(found.R_group[..., 0, 0], found.R_group[..., 1, 1])
    r, q, t = (np.array(each) for each in start.groups)
    r[0, 0, 0], r[1, 0, 0] = 0.03, -0.03 * VARIANCES[0] / VARIANCES[1]  # R stays zero
    broken = OrderParameters.by_group(inputs, r, q, t, start.v, start.v_teacher)
    np.testing.assert_allclose(broken.R, start.R, atol=1e-15)
    found = integrate(replace(problem, start=broken), np.linspace(0, 30, 3))
    assert np.abs(found.R_group[1, :, 0, 0] - found.R_group[1, :, 1, 1]).max() > 1e-4


def test_merged_groups():
    """Neighbours add up; the fractions and the mean variance stay. The error of bins falls as their width squared."""
    problem = structured(2, 2)
    merged = problem.start.merged()
    assert merged.inputs.groups == 2
    np.testing.assert_allclose(merged.R_group[0], problem.start.R_group[:2].sum(axis=0))
    np.testing.assert_array_equal(merged.T_hidden, problem.start.T_hidden)
    errors = []
    for groups in (8, 16, 32):
        inputs = Inputs.power_law(0.7, N=512, groups=groups)
        start = stdyn.initial.prepared(2, 2, q=0.3, r=0.1).spread(inputs)
        errors.append(stdyn.binning_error(Problem(start, eta=0.3, eta_v=0.3), [5.0, 20.0])["eps_g"].max())
    assert errors[0] > 2.5 * errors[1] > 6 * errors[2] > 0
    with pytest.raises(InputError, match="at least two groups"):
        stdyn.binning_error(random_problem(2, 2), [0, 1])


def test_fixed_points_of_split_groups_are_the_same():
    """Those of two equal groups are those of isotropic inputs, whose rates of growth are among theirs."""
    start = stdyn.initial.prepared(2, 2, q=0.2, r=0.0)
    problem = Problem(start, eta=0.3, eta_v=0.0)
    one = fixed_points(problem, number_of_starts=4, rng=np.random.default_rng(0))
    halves = replace(problem, inputs=Inputs.spectrum([1.0, 1.0], [0.5, 0.5]))
    other = fixed_points(halves, number_of_starts=4, rng=np.random.default_rng(0))
    for point in one[:2]:
        same = min(other, key=lambda each: abs(each.eps_g - point.eps_g))
        assert same.eps_g == pytest.approx(point.eps_g, abs=1e-9)
        for rate in point.eigenvalues:
            assert np.abs(same.eigenvalues - rate).min() < 1e-6


def test_fixed_points_of_a_spectrum():
    """Perfect learning rests, and its rates are those of the dynamics near it; the symmetric saddle is found, too."""
    start = stdyn.initial.prepared(2, 2, q=0.2, r=0.0).spread(Inputs.spectrum(VARIANCES, FRACTIONS))
    problem = Problem(start, eta=0.2, eta_v=0.0)
    points = fixed_points(problem, number_of_starts=10, rng=np.random.default_rng(1))
    assert points[0].eps_g < 1e-14
    assert points[0].kind == "stable"
    assert any(point.kind == "saddle" for point in points)
    for point in points:
        for moved in kernel_derivatives(problem.started(point.state))[:2]:
            np.testing.assert_allclose(moved, 0, atol=1e-9)


@pytest.mark.parametrize("changes", [{}, {"batch": 3, "rule": "bp"}], ids=str)
def test_fluctuations_of_equal_groups_are_those_of_isotropic_inputs(changes):
    """Standard deviations and biases of R, Q, v and eps_g, of runs whose parts are followed; within the quadrature."""
    problem = random_problem(2, 2, N=500, **changes)
    halves = replace(problem, inputs=Inputs.spectrum([1.0, 1.0], [0.3, 0.7]))
    one, other = (stdyn.fluctuations(each, [0.0, 1.0, 3.0], points=2**16) for each in (problem, halves))
    assert other.covariance.shape == one.covariance.shape
    for name in ("R", "Q", "v", "eps_g"):
        for kind, tolerance in (("std", 0.003), ("bias", 0.02)):
            mine, expected = (getattr(getattr(each, kind), name) for each in (other, one))
            np.testing.assert_allclose(mine, expected, rtol=0, atol=tolerance * np.abs(expected).max(), err_msg=name)
