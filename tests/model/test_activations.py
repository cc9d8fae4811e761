"""Activations: functions and derivatives, names, files and processes."""

import json
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from math import pi, sqrt

import h5py
import numpy as np
import pytest
from conftest import NUMPY_FUNCTIONS
from numba import njit
from own_activations import ERF, LEAKY, SHIFTED, SOFTPLUS, specialising
from scipy.special import erf

import stdyn
from stdyn import InputError, Problem, Tasks, initial, integrate, simulate_reduced
from stdyn.model.activations import BUILT_IN, find, known

# ---------------------------------------------------------------------------------------------------------------------
# The functions


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_functions_are_what_their_names_say(name):
    """g and g' against NumPy and SciPy, to 1e-14, from -30 to 30 and on arrays of any shape."""
    x = np.random.default_rng(1).uniform(-30, 30, (20, 500)) * np.geomspace(1e-6, 1, 20)[:, None]
    g, g_prime = find(name)(x)
    for ours, expected in zip((g, g_prime), NUMPY_FUNCTIONS[name], strict=True):
        np.testing.assert_allclose(ours, expected(x), rtol=1e-14, atol=2e-15)


@pytest.mark.parametrize("name", [*BUILT_IN, LEAKY, SOFTPLUS, SHIFTED])
def test_derivatives_are_those_of_the_functions(name):
    """By differences of fourth order, at 1000 points away from a kink at 0, to 1e-9; another one's are not."""
    x = np.random.default_rng(2).uniform(0.01, 5, 1000) * np.tile([1, -1], 500)
    h, activation = 1e-3, find(name)
    (more, _), (less, _), (most, _), (least, _) = (activation(x + n * h) for n in (1, -1, 2, -2))
    slopes = (8 * (more - less) - (most - least)) / (12 * h)
    np.testing.assert_allclose(activation(x)[1], slopes, rtol=1e-9, atol=1e-9)
    other = find("gelu" if activation.name != "gelu" else "erf")
    assert np.abs(other(x)[1] - slopes).max() > 0.1


def test_tanh_is_a_sum_of_erfs_to_the_stated_error():
    """|tanh - sum| <= 1.1e-6 and |tanh' - sum'| <= 9.5e-6 at all x: the values are those of the docstring."""
    x = np.linspace(0, 15, 150_001)
    c, s = find("tanh").terms.T[:, :, None]
    value, slope = np.sum(c * erf(s * x / sqrt(2)), axis=0), np.sum(c * s * np.exp(-((s * x) ** 2) / 2), axis=0)
    assert 1e-6 < np.abs(value - np.tanh(x)).max() < 1.1e-6
    assert 9e-6 < np.abs(sqrt(2 / pi) * slope - 1 / np.cosh(x) ** 2).max() < 9.5e-6


def test_parity_degree_and_smoothness_are_recognised():
    """From values at 23 points; a function that is linear to |x| = 5 only is no polynomial."""
    parity = {name: find(name).parity for name in BUILT_IN}
    assert parity == {
        "erf": -1, "linear": -1, "relu": 0, "tanh": -1, "gelu": 0, "sigmoid": 0, "square": 1, "hermite2": 1,
        "hermite3": -1,
    }  # fmt: skip
    assert {n: find(n).degree for n in BUILT_IN if find(n).degree} == {
        "linear": 1, "square": 2, "hermite2": 2, "hermite3": 3,
    }  # fmt: skip
    assert [n for n in BUILT_IN if not find(n).smooth] == ["relu"]
    assert [each.smooth for each in (LEAKY, SOFTPLUS, SHIFTED, ERF)] == [False, True, True, True]
    clipped = stdyn.activation(lambda x: min(max(x, -5.0), 5.0), lambda x: 1.0 if abs(x) < 5 else 0.0, "clipped")
    assert (clipped.degree, clipped.smooth, clipped.parity) == (None, False, -1)
    assert (LEAKY.parity, LEAKY.degree, ERF.parity) == (0, None, -1)


# ---------------------------------------------------------------------------------------------------------------------
# Names, files, processes


def raises(x):
    """Where no check of the package comes."""
    if x > 1e6:
        raise ValueError("too large")
    return x


def asserts(x):
    """The same."""
    assert x < 1e6
    return 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, lambda x: 1.0), "g must be a function of a number, but is 1"),
        ((lambda x: x, None), "g_prime must be a function of a number, but is None"),
        ((lambda x: x.upper(), lambda x: 1.0), "functions of a float that numba can compile, but: "),
        ((lambda x: 1 / x, lambda x: -1 / x**2), "g and g_prime must be finite, but at 0 they are"),
        ((raises, lambda x: 1.0), "g must not raise exceptions, of which kernels cannot hear, but has a raise"),
        ((lambda x: x, asserts), "g_prime must not raise exceptions"),
        ((lambda x: x * x, lambda x: x), "g_prime must be the derivative of g, but g_prime(-30) = -30 and the slope"),
        ((lambda x: x, lambda x: 1.0, "relu"), "name must be a text other than the names of built-in activations"),
        ((lambda x: x, lambda x: 1.0, 3), "name must be a text"),
    ],
)
def test_functions_that_cannot_be_used_are_named(arguments, message):
    """The argument, its value and what was expected, before any work starts."""
    with pytest.raises(InputError) as caught:
        stdyn.activation(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_compiled_functions_and_kinks_are_taken():
    """numba's own functions; a function with two kinks; the name is that of the function."""

    @njit
    def hard_tanh(x):
        return min(max(x, -1.0), 1.0)

    made = stdyn.activation(hard_tanh, lambda x: 1.0 if abs(x) < 1 else 0.0)
    assert made.name == "hard_tanh"
    assert find("hard_tanh") is made
    np.testing.assert_array_equal(made(np.array([-2, 0.5, 3]))[0], [-1, 0.5, 1])


def test_names_tell_functions_apart(tmp_path):
    """Without a name a lambda is called by a digest of its values; two functions of one name are refused."""
    one, other = (stdyn.activation(lambda x, k=k: k * x, lambda x, k=k: k) for k in (1.5, 2.5))
    assert one.name != other.name
    assert find(one.name) is one
    start = initial.prepared(2, 2)
    theory = integrate(Problem(start, activation=one, activation_teacher=other, eta=0.1, eta_v=0.1), [1.0])
    assert stdyn.load(theory.save(tmp_path / "two.h5")).problem.activation_teacher is other
    again = stdyn.activation(lambda x: 3 * x, lambda x: 3.0, name=one.name)
    with pytest.raises(InputError, match="activation_teacher must have a name of its own, but both are called 'g_"):
        Problem(start, activation=one, activation_teacher=again, eta=1, eta_v=1)


@pytest.mark.parametrize("failure", ["RuntimeError('no')", "SystemExit(3)"])
def test_a_file_of_functions_that_fails_is_named(tmp_path, monkeypatch, failure):
    """With the reason, in one line; a script that ends the process is one that fails."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text(f"import stdyn\nraise {failure}\n")
    said = re.escape(f"activation is to come from broken.py, but running it fails: {failure}")
    with pytest.raises(InputError, match=said):
        Problem(initial.prepared(2, 2), activation="broken.py:g", eta=1, eta_v=1)


def test_quadrature_that_cannot_be_used_is_refused():
    """A power of 2, at least 2048."""
    start = initial.prepared(2, 2)
    for points in (1000, 3000):
        with pytest.raises(InputError, match=f"quadrature must be .*, but is {points}"):
            Problem(start, eta=1, eta_v=1, quadrature=points)
    with pytest.raises(InputError, match="activation_teacher must be one of erf, "):
        Problem(start, eta=1, eta_v=1, activation_teacher="cosine")


def test_a_file_holds_the_activations(tmp_path):
    """Both names, the values of functions that are not built in, the points and the error; nothing of it for erf."""
    problem = specialising(2, 2, activation=SHIFTED, activation_teacher="relu", quadrature=2**12)
    theory = integrate(problem, [1.0, 2.0])
    again = stdyn.load(theory.save(tmp_path / "theory.h5"))
    assert again.problem.difference(problem) is None
    assert again.problem.activation is SHIFTED
    for name, values in theory.error.items():
        np.testing.assert_array_equal(again.error[name], values)
    np.testing.assert_array_equal(again.eps_g, theory.eps_g)
    assert list(again.to_xarray()["error_R"].dims) == ["alpha", "student", "teacher"]
    plain = integrate(specialising(2, 2), [1.0]).save(tmp_path / "erf.h5")
    with h5py.File(plain) as file:
        assert file.attrs["activation"] == "erf"
        assert not {"activation_teacher", "quadrature"} & set(file.attrs)
        assert not [name for name in file if name.startswith(("error", "activation"))]


def test_a_file_can_be_read_where_its_function_is_not_known(tmp_path):
    """Another process has its numbers; it can compute nothing new, and says how it could."""
    theory = integrate(specialising(2, 2, activation=SOFTPLUS), [1.0, 2.0])
    theory.save(tmp_path / "theory.h5")
    code = (
        "import stdyn, numpy as np; t = stdyn.load('theory.h5'); print(t.problem.activation, t.eps_g[1])\n"
        "t.save('copy.h5')\n"
        "try:\n    stdyn.integrate(t.problem, [1.0])\nexcept stdyn.InputError as error:\n    print(error)\n"
        "stdyn.activation(lambda x: 2 * x, lambda x: 2.0, name='softplus')\n"
        "try:\n    stdyn.load('theory.h5')\nexcept stdyn.InputError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    first, second, third = run.stdout.splitlines()
    assert first == f"softplus {theory.eps_g[1]}"
    assert "make it with stdyn.activation(g, g_prime, name='softplus'), and load the file then" in second
    assert third == "theory.h5: activation 'softplus' is another one here than in the file: g or g' have other values"
    copy = stdyn.load(tmp_path / "copy.h5")
    assert copy.problem.activation is SOFTPLUS


@pytest.mark.parametrize("solve", [integrate, partial(simulate_reduced, runs=3, rng=1)])
def test_what_was_learned_before_a_turn_is_read_where_the_function_is_not_known(tmp_path, solve):
    """The errors at alpha = 0 are in the file: with them transfer, and eps_g_start of summaries."""
    tasks = Tasks([[1.0, 0.5], [-1.0, 0.5]], at=[0, 1.0])
    whole = solve(replace(specialising(2, 2, activation=SOFTPLUS, N=50), tasks=tasks), np.array([0, 0.5, 1.0, 1.5]))
    whole.save(tmp_path / "runs.h5")
    code = (
        "import stdyn, json; t = stdyn.load('runs.h5'); late = t.isel(alpha=[2, 3])\n"
        "start = [stdyn.summary.summarise(each, [1.5])['eps_g_start'].tolist() for each in (t, late)]\n"
        "print(json.dumps([t.transfer.tolist(), late.transfer.tolist(), *start]))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    transfer, late, start, unknown = map(np.array, json.loads(run.stdout))
    np.testing.assert_allclose(transfer, whole.transfer, rtol=1e-12)
    assert np.isfinite(transfer).all()
    np.testing.assert_array_equal(late[..., 1], np.full(late.shape[:-1], np.nan))  # alpha = 0 was cut off
    np.testing.assert_allclose(start, whole.eps_g[..., 0], rtol=1e-12)
    assert np.isnan(unknown).all()


def test_activations_can_be_sent_to_other_processes():
    """Functions of a session go along by value, built-in ones by name; equal is what has one name and equal values."""
    again = pickle.loads(pickle.dumps(LEAKY))
    assert again == LEAKY
    assert again is not LEAKY
    np.testing.assert_array_equal(again(np.array([-1.0, 2.0])), LEAKY(np.array([-1.0, 2.0])))
    assert pickle.loads(pickle.dumps(find("gelu"))) is find("gelu")
    assert str(find("gelu")) == "gelu"
    assert find("gelu") != "gelu"
    assert find("gelu") != find("relu")
    assert known("gelu", None) is find("gelu")


def test_a_function_that_is_called_like_a_built_in_activation_gets_another_name():
    """np.tanh is as good a g as any: nobody has given a name that could be wrong."""
    made = stdyn.activation(np.tanh, lambda x: 1 / np.cosh(x) ** 2)
    assert made.name.startswith("g_")
    np.testing.assert_allclose(made([0.3, -2.0])[0], np.tanh([0.3, -2.0]), rtol=1e-15)
    with pytest.raises(InputError, match="name must be a text other than the names of built-in"):
        stdyn.activation(np.tanh, lambda x: 1 / np.cosh(x) ** 2, name="tanh")
