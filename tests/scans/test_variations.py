"""The points of a scan: what each quantity changes, grids and samples, and what is refused."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

import stdyn
from stdyn import Experiment, InputError, Variations
from stdyn.scans.names import NUMBERS
from stdyn.scans.variations import turned

BASE = Experiment(rule="fa", K=3, M=2, N=50)


def only(vary, **changes):
    """The one problem of the one point."""
    variations = Variations(replace(BASE, **changes), vary)
    assert len(variations) == 1
    return variations[0]


def test_a_grid_is_the_product_of_its_axes():
    """The last axis runs fastest; both rules make one more, with the same start."""
    variations = Variations(replace(BASE, rule="both"), {"eta": [0.1, 0.2], "sigma": {"from": 0, "to": 1, "number": 3}})
    assert len(variations) == 12
    coordinates = variations.coordinates
    np.testing.assert_array_equal(coordinates["eta"], np.repeat([0.1, 0.2], 6))
    np.testing.assert_array_equal(coordinates["sigma"], np.tile(np.repeat([0, 0.5, 1], 2), 2))
    assert coordinates["rule"].tolist() == ["fa", "bp"] * 6
    for index, problem in enumerate(variations):
        assert (problem.eta, problem.sigma) == (coordinates["eta"][index], coordinates["sigma"][index])
        assert problem.rule == coordinates["rule"][index]
    assert replace(variations[7], rule="fa", b=variations[6].b).difference(variations[6]) is None
    assert variations[-1].difference(variations[11]) is None
    assert [problem.sigma for problem in variations[1:8:3]] == [0, 1, 0]
    with pytest.raises(IndexError):
        variations[12]


def test_an_unvaried_point_is_the_experiment():
    """A draw, or nothing else than what the experiment has, changes nothing else."""
    for vary in ({"eta": [BASE.eta]}, {"draw": [BASE.seed]}, {"R_scale": [1.0], "Q_scale": [1]}):
        assert only(vary).difference(BASE.problem("fa")) is None
    assert only({"draw": [7]}).difference(replace(BASE, seed=7).problem("fa")) is None


@pytest.mark.parametrize("name", ["eta", "eta_v", "sigma", "decay", "decay_v"])
def test_rates_vary(name):
    """And nothing else with them."""
    problem = only({name: [0.25]})
    assert problem.difference(replace(BASE.problem("fa"), **{name: 0.25})) is None


def test_scales_and_entries_change_what_they_name():
    """R_scale, Q_scale, v_scale, b_scale are factors or standard deviations; an entry of Q is set on both sides."""
    base = BASE.problem("fa")
    np.testing.assert_array_equal(only({"R_scale": [-2.0]}).start.R, -2 * base.start.R)
    np.testing.assert_array_equal(only({"Q_scale": [1.5]}).start.Q, 1.5 * base.start.Q)
    np.testing.assert_allclose(only({"v_scale": [0.3]}).start.v, 3 * base.start.v, rtol=1e-15)
    np.testing.assert_allclose(only({"b_scale": [2]}).b, 2 * base.b, rtol=1e-15)
    np.testing.assert_array_equal(only({"v_scale": [0.5]}, v=[1, 2, 4]).start.v, [0.5, 1, 2])
    start = only({"R[2,1]": [-0.1], "Q[0,1]": [0.01], "v[1]": [7], "b[0]": [-3], "v_teacher[1]": [2]})
    assert start.start.R[2, 1] == -0.1
    assert start.start.Q[0, 1] == start.start.Q[1, 0] == 0.01
    assert (start.start.v[1], start.b[0], start.start.v_teacher[1]) == (7, -3, 2)
    assert (start.start.R[0] == base.start.R[0]).all()
    assert only({"v[0,1]": [5]}, outputs=2).start.v[0, 1] == 5
    np.testing.assert_allclose(only({"q": [0.8]}).start.Q, 4 * base.start.Q, rtol=1e-12)
    assert only({"r": [0.3]}, start="prepared", q=0.5).start.R[1, 1] == 0.3
    assert only({"N": [70]}).N == 70


def test_quantities_put_equal_share_their_values():
    """eta=eta_v is one coordinate."""
    variations = Variations(BASE, {"eta=eta_v": {"from": 0.1, "to": 10, "number": 3, "spacing": "log"}})
    assert list(variations.coordinates) == ["eta=eta_v"]
    assert [(p.eta, p.eta_v) for p in variations] == [(pytest.approx(x), pytest.approx(x)) for x in (0.1, 1, 10)]


@pytest.mark.parametrize("outputs", [1, 2])
def test_feedback_is_turned_to_the_angle(outputs):
    """The angle to v(0) is the one asked for, the length is kept, and the plane too; BP has the same start."""
    angles = [0, 30, 90, 179.0, 180]
    variations = Variations(replace(BASE, rule="both", outputs=outputs), {"b_angle": angles})
    b = BASE.problem("fa").b if outputs == 1 else replace(BASE, outputs=2).problem("fa").b
    for angle, fa, bp in zip(angles, variations[::2], variations[1::2], strict=True):
        cosine = np.sum(fa.b * fa.start.v) / np.linalg.norm(fa.b) / np.linalg.norm(fa.start.v)
        assert cosine == pytest.approx(np.cos(np.deg2rad(angle)), abs=1e-14)
        assert np.linalg.norm(fa.b) == pytest.approx(np.linalg.norm(b), rel=1e-14)
        plane = np.stack([fa.b.ravel(), b.ravel(), fa.start.v.ravel()])
        assert np.linalg.matrix_rank(plane, tol=1e-10) == 2
        assert bp.b is None
        np.testing.assert_array_equal(bp.start.v, fa.start.v)


def test_an_angle_to_nothing_is_refused():
    """v = 0, and b along v, say no direction."""
    with pytest.raises(InputError, match="v is zero"):
        turned(np.ones(2), np.zeros(2), 30.0)
    with pytest.raises(InputError, match="b is parallel to v"):
        turned(np.ones(2), np.ones(2), 30.0)
    np.testing.assert_allclose(turned(np.ones(2), np.ones(2), 180.0), [-1, -1])


@pytest.mark.parametrize("sample", ["random", "sobol"])
def test_samples_fill_their_ranges(sample):
    """Uniform, or uniform in the logarithm; reproducible from the seed; crossed with the axes; each with its draw."""
    vary = {
        "eta": {"from": 0.01, "to": 1, "spacing": "log"},
        "sigma": {"from": 1, "to": 3},
        "draw": "each",
        "q": [1, 2],
    }
    variations = Variations(BASE, vary, sample, 1000)
    assert variations.shape == (1000, 2)
    coordinates = variations.coordinates
    unit = np.stack([np.log10(coordinates["eta"]) / 2 + 1, (coordinates["sigma"] - 1) / 2])[:, ::2]
    assert ((unit >= 0) & (unit <= 1)).all()
    assert np.abs(np.histogram(unit[0], 10, (0, 1))[0] - 100).max() < (3 if sample == "sobol" else 45)  # 4.7 s.d.
    assert abs(np.corrcoef(unit)[0, 1]) < 0.15
    assert (coordinates["draw"] == np.repeat(np.arange(1, 1001), 2)).all()
    again = Variations(BASE, vary, sample, 1000.0).coordinates
    assert all(np.array_equal(again[name], coordinates[name]) for name in coordinates)
    other = Variations(replace(BASE, seed=2), vary, sample, 1000).coordinates
    assert not np.array_equal(other["eta"], coordinates["eta"])
    assert variations[5].difference(variations[5]) is None
    assert variations[4].difference(variations[6]) is not None


def test_the_first_samples_are_the_same_however_many_there_are():
    """Both kinds: a scan of 100 is the beginning of a scan of 1000 (Sobol: of as many as are drawn together)."""
    vary = {"eta": {"from": 0, "to": 1}, "sigma": {"from": 0, "to": 1}}
    few, many = (Variations(BASE, vary, "random", count).coordinates for count in (100, 1000))
    np.testing.assert_array_equal(few["eta"], many["eta"][:100])


def test_a_description_makes_the_same_points():
    """Through JSON; also with arrays and ranges; a recipe, pickled, makes one of them and is small."""
    vary = {"eta": np.linspace(0.1, 1, 4), "draw": range(3), "b_angle": {"from": 0, "to": 180}, "R[0,1]": (0, 0.01)}
    variations = Variations(BASE, vary, "sobol", 8)
    again = Variations.from_description(json.loads(json.dumps(variations.description)))
    assert len(again) == len(variations) == 8 * 4 * 3 * 2
    for index in range(0, len(variations), 17):
        assert again[index].difference(variations[index]) is None
        recipe = pickle.dumps(variations.recipe(index))
        assert len(recipe) < 3000
        assert pickle.loads(recipe)().difference(variations[index]) is None


def test_every_quantity_that_is_named_can_vary():
    """None of the names is refused, and each changes its problem."""
    experiment = replace(BASE, start="prepared", r=0.05, rule="mixed", mixture=0.2)
    for name in NUMBERS:
        value = {"N": 77, "draw": 9, "b_angle": 50, "r": 0.1, "batch": 3, "mixture": 0.7}.get(name, 1.2)
        changed = Variations(experiment, {name: [value]})[0]
        assert changed.difference(experiment.problem("mixed")) is not None, name


@pytest.mark.parametrize(
    ("vary", "options", "words"),
    [
        ({"etta": [1]}, {}, "there is no quantity 'etta'; the nearest one is 'eta'"),
        ({"K": [2, 3]}, {}, "K cannot vary: all points of a scan have the same shapes"),
        ({"eta": 0.5}, {}, "eta must vary over a list of values or a table with from, to and number, but is 0.5"),
        ({"eta": []}, {}, "eta must vary over a list"),
        ({"eta": [0.1, -1]}, {}, "eta must be finite and at least 0, but is -1"),
        ({"eta": [float("nan")]}, {}, "eta must be finite and at least 0, but is nan"),
        ({"eta": ["big"]}, {}, "eta must be a number, but is 'big'"),
        ({"eta": [0.1, 0.1]}, {}, "eta must not take a value twice"),
        ({"eta": {"from": 1, "number": 3}}, {}, "eta needs from and to"),
        ({"eta": {"from": 0, "to": 1, "number": 3, "spacing": "log"}}, {}, "must have from and to above 0"),
        ({"eta": {"from": 0, "to": 1, "number": 3, "spacing": "cubic"}}, {}, 'spacing must be "linear" or "log"'),
        ({"eta": {"from": 0, "to": 1, "numbr": 3}}, {}, "eta must be a table with from, to, number, spacing, but has"),
        ({"eta": {"from": 0, "to": 1, "number": 0}}, {}, "eta: number must be at least 1, but is 0"),
        ({"eta": {"from": 0, "to": 1}}, {}, "number, how often eta are sampled, is needed"),
        ({"eta": [1]}, {"number": 5}, "number = 5 is the number of samples, but nothing is sampled"),
        (
            {"eta": {"from": 0, "to": 1}},
            {"number": 5, "sample": "grid"},
            "sample must be one of random, sobol, but is 'grid'",
        ),
        ({"eta": {"from": 0, "to": 1}}, {"number": -5}, "number must be at least 1, but is -5"),
        ({"rule": ["fa", "gd"]}, {}, "rule must be one of fa, bp, kp, mixed, but is 'gd'"),
        ({"rule": {"from": "fa", "to": "bp", "number": 2}}, {}, "rule varies over texts"),
        ({"R[3,0]": [0.1]}, {}, r"R[3,0] is no entry of R, which has shape (3, 2) and is counted from 0"),
        ({"v[0,0]": [0.1]}, {}, "v[0,0] is no entry of v, which has shape (3,)"),
        ({"r": [0.1]}, {}, 'r is the overlap of start = "prepared"'),
        ({"b_angle": [181]}, {}, "b_angle must be at most 180, but is 181"),
        ({"draw": {"from": 1, "to": 9}}, {}, 'draw must be a list, a table with from and number, or "each"'),
        ({"eta": "each"}, {}, "eta must vary over a list of values"),
        ({"eta": [1], "eta=eta_v": [1, 2]}, {}, "eta must vary once, but is named twice: eta, eta=eta_v"),
        ({"draw": [1.5]}, {}, "draw must be an integer, but is 1.5"),
        ({"draw": {"from": 1, "number": 2, "spacing": "log"}}, {}, "draw must be a table with from, number, but has"),
    ],
)
def test_bad_variations_are_refused(vary, options, words):
    """With the quantity, its value and what was expected."""
    with pytest.raises(InputError) as refusal:
        Variations(BASE, vary, **options)
    assert words in str(refusal.value)


def test_what_would_change_nothing_is_refused():
    """q where R and Q are given, b where only BP is run."""
    given = replace(BASE, R=[[0.0, 0], [0, 0], [0, 0]], Q=np.eye(3).tolist())
    with pytest.raises(InputError, match="q would change nothing, because R and Q are given"):
        Variations(given, {"q": [1, 2]})
    with pytest.raises(InputError, match="b_angle would change nothing: backpropagation has no feedback"):
        Variations(replace(BASE, rule="bp"), {"b_angle": [1, 2]})


def test_activations_are_described_by_their_names():
    """Given as they are, they were no JSON, and a scan over them ended in a TypeError."""
    softsign = stdyn.activation(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2, name="softsign")
    points = Variations(
        Experiment(K=1, M=1, rule="bp", activation=softsign), {"activation_teacher": [softsign, "tanh"]}
    )
    there = json.loads(json.dumps(points.description))
    assert there["experiment"]["activation"] == "softsign"
    assert there["vary"] == {"activation_teacher": ["softsign", "tanh"]}
    assert points.coordinates["activation_teacher"].tolist() == ["softsign", "tanh"]
    assert Variations.from_description(there)[0].activation == softsign
