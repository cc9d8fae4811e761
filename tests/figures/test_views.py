"""Views: what is drawn has the lengths, angles and numbers of what it shows."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import random_overlaps, random_problem
from drawn import made
from matplotlib.figure import Figure

import stdyn
from stdyn import InputError, OrderParameters, views
from stdyn.figures import style


@pytest.fixture
def ax():
    return Figure().add_subplot()


def lines(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def ends(ax, gid):
    """The second point of every line from the origin."""
    found = [line.get_xydata() for line in lines(ax, gid)]
    assert all((points[0] == 0).all() and len(points) == 2 for points in found)
    return np.array([points[1] for points in found])


def of_vectors(K=3, seed=0, teachers=((1.0, 0.0), (0.9, 1.2))):
    """Student vectors in six dimensions, teachers in the first two of them, and the state that they have."""
    rng = np.random.default_rng(seed)
    W, B = rng.normal(size=(K, 6)), np.zeros((2, 6))
    B[:, :2] = teachers
    return W, B, OrderParameters(W @ B.T, W @ W.T, B @ B.T, np.ones(K), np.ones(2))


# ---------------------------------------------------------------------------------------------------------------------
# The plane of two teachers


@pytest.mark.parametrize("teachers", [((1, 0), (0, 1)), ((1.0, 0.0), (0.9, 1.2)), ((0.5, 2.0), (-1.0, 0.3))])
def test_lengths_and_angles_in_the_plane_are_those_of_the_vectors(ax, teachers):
    """Of students and teachers, against vectors that are known; and the disc is what a student has outside."""
    W, B, state = of_vectors(teachers=teachers)
    views.teachers_plane(ax, state)
    seen, shown = ends(ax, "teacher"), ends(ax, "student")
    np.testing.assert_allclose(seen @ seen.T, B @ B.T, atol=1e-12)
    plane = W[:, :2]  # which the teachers span
    np.testing.assert_allclose(shown @ shown.T, plane @ plane.T, atol=1e-12)
    np.testing.assert_allclose(shown @ seen.T, plane @ B[:, :2].T, atol=1e-12)
    discs = [patch for patch in ax.patches if patch.get_gid() == "outside"]
    np.testing.assert_allclose([disc.radius for disc in discs], np.linalg.norm(W[:, 2:], axis=1))
    np.testing.assert_allclose([disc.center for disc in discs], shown)
    assert ax.get_aspect() == 1.0


@pytest.mark.parametrize("teachers", [((1, 0), (-2, 0)), ((0, 0), (0, 1)), ((1, 0), (0, 0))])
def test_teachers_that_span_a_line_are_drawn_on_it(ax, teachers):
    """Students have what is along it; all else is outside."""
    W, B, state = of_vectors(teachers=teachers)
    views.teachers_plane(ax, state)
    direction = B[np.abs(B).sum(axis=1).argmax()]
    along = W @ direction / np.linalg.norm(direction)
    np.testing.assert_allclose(np.linalg.norm(ends(ax, "student"), axis=1), np.abs(along))
    radii = [patch.radius for patch in ax.patches]
    np.testing.assert_allclose(np.square(radii), np.sum(W**2, axis=1) - along**2)


def test_one_call_is_one_frame(ax):
    """Paths end at alpha, tips are there, and limits hold all that is to come."""
    theory = stdyn.integrate(random_problem(3, 2), np.linspace(0, 20, 41))
    views.teachers_plane(ax, theory, alpha=5.1)
    at = Figure().add_subplot()
    views.teachers_plane(at, theory.at(10))
    np.testing.assert_allclose(ends(ax, "student"), ends(at, "student"))
    for path, tip in zip(lines(ax, "path"), ends(ax, "student"), strict=True):
        assert len(path.get_xydata()) == 11
        np.testing.assert_array_equal(path.get_xydata()[-1], tip)
    last = views.teachers_plane(Figure().add_subplot(), theory)
    assert (ax.get_xlim(), ax.get_ylim()) == (last.get_xlim(), last.get_ylim())
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for disc in (*ax.patches, *last.patches):
        (x, y), r = disc.center, disc.radius
        assert low < x - r < x + r < high
        assert bottom < y - r < y + r < top


def test_a_run_of_an_ensemble_is_drawn(ax):
    runs = made(random_problem(2, 2), 3, "network")
    views.teachers_plane(ax, runs, alpha=0.1, run=2)
    root = np.linalg.cholesky(runs.T)
    np.testing.assert_allclose(ends(ax, "student") @ root.T, runs.R[2, 1])


def test_students_are_told_apart_in_grey(ax):
    views.teachers_plane(ax, made(random_problem(5, 2)))
    assert len({line.get_marker() for line in lines(ax, "student")}) == 5
    assert len({str(line._unscaled_dash_pattern) for line in lines(ax, "path")}) == 5


# ---------------------------------------------------------------------------------------------------------------------
# Who has learned whom


def test_a_map_has_the_cosines_in_it(ax):
    state = random_overlaps(3, 4)
    views.specialisation(ax, state)
    expected = state.R / np.sqrt(np.outer(np.diag(state.Q), np.diag(state.T)))
    np.testing.assert_allclose(ax.images[-1].get_array(), expected)
    assert ax.images[-1].get_clim() == (-1, 1)
    written = np.array([float(text.get_text().replace("−", "-")) for text in ax.texts]).reshape(3, 4)
    np.testing.assert_allclose(written, expected, atol=0.005001)
    assert [text.get_position() for text in ax.texts][:2] == [(1, 1), (2, 1)]
    again = views.specialisation(Figure().add_subplot(), expected)
    np.testing.assert_allclose(again.images[-1].get_array(), expected)


def test_a_large_map_has_a_minus_where_it_is_negative(ax):
    """Both ends of its colours are as dark."""
    cosines = np.linspace(-1, 1, 120).reshape(12, 10)
    views.specialisation(ax, cosines)
    assert {text.get_text() for text in ax.texts} == {"−"}
    assert len(ax.texts) == (cosines < -0.25).sum()


def test_lines_of_the_graph_are_as_wide_as_cosines(ax):
    """And dashed where these are negative."""
    state = random_overlaps(3, 2)
    views.specialisation_graph(ax, state)
    expected = state.R / np.sqrt(np.outer(np.diag(state.Q), np.diag(state.T)))
    heights = [{y: n for n, y in enumerate(lines(ax, name)[0].get_ydata())} for name in ("students", "teachers")]
    found = np.full((3, 2), np.nan)
    for line in lines(ax, "cosine"):
        i, n = (at[y] for at, y in zip(heights, line.get_ydata(), strict=True))
        negative = line.get_linestyle() == "--"
        assert negative == (line.get_color() == style.COLOURS[0])
        found[i, n] = line.get_linewidth() * (-1 if negative else 1)
    np.testing.assert_allclose(found / np.abs(found).max(), expected / np.abs(expected).max())


def test_a_student_of_no_length_has_no_cosine(ax):
    state = OrderParameters([[0.0, 0.0]], [[0.0]], np.eye(2), [1.0], [1.0, 1.0])
    assert (views.specialisation(ax, state).images[-1].get_array() == 0).all()


# ---------------------------------------------------------------------------------------------------------------------
# Spectrum, ellipses


def test_the_spectrum_has_every_eigenvalue_once(ax):
    """Those that grow apart; rounding of zero does not grow."""
    theory = made(random_problem(2, 2))
    found = np.random.default_rng(1).normal(size=(len(theory.alphas), 7)) * (1 + 1j)
    found[:, 0] = 1e-12
    views.spectrum(ax, theory, found)
    grows, others = (lines(ax, gid)[0].get_xydata() for gid in ("grows", "others"))
    expected = {(alpha, value) for alpha, row in zip(theory.alphas, found.real, strict=True) for value in row}
    assert {tuple(point) for point in np.concatenate([grows, others])} == expected
    assert len(grows) == (found.real > 1e-10).sum()
    assert (grows[:, 1] > 1e-10).all()
    assert ax.get_yscale() == "symlog"
    assert lines(ax, "grows")[0].get_marker() != lines(ax, "others")[0].get_marker()


@pytest.mark.parametrize(("x", "y", "places"), [("R[0,0]", "R[1, 0]", (0, 2)), ("Q[1,0]", "v[1]", (5, 8))])
def test_ellipses_are_of_one_and_two_standard_deviations(ax, x, y, places):
    """Every point of them has that distance from the mean, in the metric of the predicted covariance."""
    problem = random_problem(2, 2, N=500)
    found = stdyn.fluctuations(problem, [0.0, 1.0, 2.0], points=2**8)
    runs = made(problem, 4, "reduced", alphas=[0.0, 1.0, 2.0])
    views.ellipses(ax, found, x, y, alphas=np.array([2.0]), runs=[runs])
    C = found.covariance[2][np.ix_(places, places)]
    at = {"R[0,0]": ("R", 0, 0), "R[1, 0]": ("R", 1, 0), "Q[1,0]": ("Q", 0, 1), "v[1]": ("v", 1)}
    entries = [at[each] for each in (x, y)]
    mean = np.array([(getattr(found.theory, n) + getattr(found.bias, n))[(2, *entry)] for n, *entry in entries])
    np.testing.assert_allclose(lines(ax, "centre")[0].get_xydata()[0], mean)
    for width in (1, 2):
        apart = lines(ax, f"{width} sigma")[0].get_xydata() - mean
        np.testing.assert_allclose(np.sum(apart @ np.linalg.inv(C) * apart, axis=1), width**2, rtol=1e-6)
    dots = np.column_stack([getattr(runs, n)[(slice(None), 2, *entry)] for n, *entry in entries])
    np.testing.assert_allclose(lines(ax, "runs")[0].get_xydata(), dots)
    line = np.column_stack([getattr(found.theory, n)[(slice(None), *entry)] for n, *entry in entries])
    np.testing.assert_allclose(lines(ax, "theory")[0].get_xydata(), line)


# ---------------------------------------------------------------------------------------------------------------------
# What cannot be drawn


def refused(call, text):
    with pytest.raises(InputError, match=text) as caught:
        call()
    assert len(str(caught.value)) < 500


def test_what_a_view_cannot_show_is_refused_by_name(ax):
    theory, runs = made(random_problem(2, 2)), made(random_problem(2, 2), 3, "network")
    state = random_overlaps(2, 2)
    plane, spectrum, ellipses = views.teachers_plane, views.spectrum, views.ellipses
    refused(lambda: plane(ax, random_overlaps(2, 3)), "of must have M = 2 .* but M = 3")
    refused(lambda: plane(ax, state, alpha=1.0), "alpha must be None .* but is 1")
    refused(lambda: plane(ax, state, run=1), "run must be None .* but is 1")
    refused(lambda: plane(ax, theory, alpha=-1.0), "alpha must be from 0 to 300, but is -1")
    refused(lambda: plane(ax, theory, alpha=np.nan), "alpha must be from 0 to 300, but is nan")
    refused(lambda: plane(ax, theory, run=0), "run must be None.* but is 0")
    refused(lambda: plane(ax, runs), "run must be a number from 0 to 2, but is None")
    refused(lambda: plane(ax, runs, run=3), "run must be a number from 0 to 2, but is 3")
    refused(lambda: plane(ax, theory, colours=["red"]), "colours must be 2, .* but are 1")
    refused(lambda: plane(ax, made(random_problem(2, 2), alphas=np.array([]))), "of must have an alpha")
    refused(lambda: views.specialisation(ax, np.ones(3)), r"cosines must have shape \(K, M\), .* \(3,\)")
    refused(lambda: views.specialisation_graph(ax, state, colours=["red"]), "colours must be 2, .* but are 1")
    A = len(theory.alphas)
    refused(lambda: spectrum(ax, theory, np.ones(A)), rf"eigenvalues must have shape \({A}, L\)")
    refused(lambda: spectrum(ax, theory, np.ones((A - 1, 2))), rf"eigenvalues must have shape \({A}, L\)")
    refused(lambda: spectrum(ax, theory, np.ones((A, 2)), linear=0.0), "linear must be positive .* is 0")
    found = stdyn.fluctuations(random_problem(2, 2, N=500), [0.0, 1.0], points=2**8)
    for name in ("S[0,0]", "R[0,2]", "R[0]", "v[0,0]", "R_11", ""):
        refused(lambda name=name: ellipses(ax, found, name), "x must be an order parameter of K = 2, M = 2")
        refused(lambda name=name: ellipses(ax, found, y=name), "y must be an order parameter of K = 2, M = 2")
    refused(lambda: ellipses(ax, found, alphas=[2.0]), "alphas must be from 0 to 1, but one of them is 2")
    refused(lambda: ellipses(ax, found, runs=[theory]), "runs must be ensembles")
    assert not ax.lines
    assert not plt.get_fignums()
