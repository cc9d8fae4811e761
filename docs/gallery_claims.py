"""What the text of a script of the gallery says of its numbers, which are its variables; the build of the site asks.

`gallery_scraper.py` holds each script to them where it has been run, so that they are run once.
"""

import numpy as np

import stdyn


def activations(found):
    """FA ends with an error, BP and FA with |b| do not; units of negative feedback learn the opposite."""
    fa, positive, bp = found["theories"].values()
    assert fa.eps_g[-1] > 0.1
    assert max(positive.eps_g[-1], bp.eps_g[-1]) < 1e-9
    largest = fa.R[-1][range(5), np.abs(fa.R[-1]).argmax(axis=1)]
    np.testing.assert_array_equal(largest < 0, fa.problem.b < 0)


def feedback_plane(found):
    """A cross where a weight is zero; elsewhere all is learned. Slow near the line at which the partner changes."""
    grid, final, learned = (found[name] for name in ("grid", "final", "learned"))
    smallest = np.minimum(*np.abs(np.meshgrid(grid, grid)))
    assert final[smallest == 0].min() > 1e-3
    assert np.isnan(learned[smallest == 0]).all()
    assert final[smallest > 1].max() < 1e-4
    partner = np.where(smallest > 0.7, np.sign(found["partner"]), np.nan)
    changes = np.argwhere(partner[:, 1:] * partner[:, :-1] < 0)
    at_line = np.array([learned[row, column : column + 2].max() for row, column in changes])
    assert len(at_line) >= 4
    assert at_line.min() > np.median(learned[smallest > 0.7])


def flow(found):
    """The saddle has students that are alike, runs pass it and end on either side; few cells are blank."""
    saddle, runs = found["saddle"], found["runs"]
    np.testing.assert_allclose(saddle.state.R, saddle.state.R[0, 0])
    apart = np.abs(runs.R - saddle.state.R).max(axis=(2, 3))
    assert (apart.min(axis=1) < 0.1).all()
    ends = runs.R[:, -1, 0].round()
    assert {tuple(end) for end in ends} == {(1, 0), (0, 1)}
    assert 0 < np.isnan(found["eps_g"]).mean() < 0.05
    np.testing.assert_array_equal(found["eps_g"], found["eps_g"].T)


def spectrum(found):
    """Under FA nothing grows from 0.1 on until the plateau is near, under BP some does always; nothing at the end."""
    grow = {rule: (values.real > 1e-6).sum(axis=1) for rule, values in found["spectra"].items()}
    alphas = found["experiment"].alphas()
    assert not grow["fa"][(alphas >= 0.1) & (alphas < 3)].any()
    assert grow["bp"][alphas < 3].all()
    for rule in ("fa", "bp"):
        assert grow[rule][(alphas > 20) & (alphas < 100)].all()
        assert not grow[rule][-1]


def ellipses(found):
    """39 % and 86 % of the runs are in them at the last alpha, within 5 standard errors of 400 runs."""
    assert abs(np.mean(found["squares"] < 1) - 0.393) < 0.12
    assert abs(np.mean(found["squares"] < 4) - 0.865) < 0.085
    correlated = [C[0, 1] / np.sqrt(C[0, 0] * C[1, 1]) for C in found["found"].covariance[[1, -1], :2, :2]]
    assert correlated[0] > 0.2
    assert correlated[1] < -0.8


def plateaus(found):
    """The ends that saddles predict are right within 10 %; that of FA comes later."""
    fa, bp = (stretches[0] for _, stretches, _ in found["results"])
    assert fa.end > bp.end
    for each in (fa, bp):
        assert abs(each.predicted_end - each.end) <= 0.1 * each.end


def tasks(found):
    """Under FA transfer is negative, and falls with similarity."""
    transfer = [theory.transfer[1] for rule, _, theory, _ in found["results"] if rule == "FA"]
    assert max(transfer) < 0
    assert (np.diff(transfer) < 0).all()


def schedules(found):
    """A constant rate ends on a floor; one that falls too early is behind the others that fall."""
    constant, early, falling, later = (theory.eps_g for theory in found["theories"])
    assert constant[-1] > 0.9 * constant[-10]
    assert max(falling[-1], later[-1]) < early[-1] / 10 < constant[-1] / 10


def plateau_lengths(found):
    """They fall with the exponent, until there is none at 1, and with the condition number."""

    def length(theory):
        stretches = stdyn.summary.flat_stretches(theory.alphas, theory.eps_g)
        return max((each.end - each.start for each in stretches if each.start > 1 and each.end < np.inf), default=0)

    for rule in ("BP", "FA"):
        for results in (found["exponents"], found["conditions"]):
            lengths = np.array([length(theory) for name, _, theory in results if name.startswith(rule)])
            assert (np.diff(lengths) < 0).all()
            assert (lengths[-1] == 0) == (results is found["exponents"])


CLAIMS = {
    "plot_3_activations": activations,
    "plot_1_feedback_plane": feedback_plane,
    "plot_2_flow": flow,
    "plot_3_spectrum": spectrum,
    "plot_6_ellipses": ellipses,
    "plot_2_fixed_points": plateaus,
    "plot_1_tasks": tasks,
    "plot_2_schedules": schedules,
    "plot_4_spectrum": plateau_lengths,
}
