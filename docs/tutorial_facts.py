"""What the tutorials claim: the words, what of a notebook's variables it is, and between which numbers it is true.

`EXERCISES` has Python of its own for each notebook, run after its cells, and what is said of it.
"""

from math import inf
from typing import NamedTuple


class Fact(NamedTuple):
    """A claim: words of the text, an expression, the least and the largest value of it."""

    said: str
    value: str
    low: float = 1.0  # a truth value
    high: float = 1.0


FACTS = {
    "first_steps": (
        Fact("It begins at 0.50, falls to about 0.03", "theory.eps_g[0]", 0.495, 0.505),
        Fact("falls to about 0.03, and stays there for a long time", "near(theory, 30).eps_g[0]", 0.025, 0.035),
        Fact("stays there for a long time", "theory.alpha_below(0.01) / theory.alpha_below(0.1)", 30, 40),
        Fact("not zero but of order $\\sqrt{0.2/N} = 0.02$", "np.sqrt(np.mean(start.R**2))", 0.015, 0.025),
        Fact("Until $\\alpha \\approx 50$ the three overlaps of a student with the teacher's units are nearly alike",
             "np.ptp(near(theory, 50).R[0], axis=1).max()", 0, 0.1),
        Fact("Each student takes one unit of the teacher", "len(set(np.abs(last.cosines).argmax(axis=1)))", 3, 3),
        Fact("Each row has one cosine of $\\pm 1$", "np.abs(np.abs(last.cosines).max(axis=1) - 1).max()", 0, 0.005),
        Fact("its second layer $v_i \\approx -1$ makes up for it",
             "(np.sign(last.v) == np.sign(last.cosines[np.arange(3), np.abs(last.cosines).argmax(axis=1)])).all()"),
        Fact("30000 examples for each network", "times[-1] * problem.N", 30000, 30000),
        Fact("A comparison can be used as a truth value", "bool(verdict)"),
        Fact("It is caught where the networks come down, at $\\alpha = 10$, by the second layer",
             "'not from alpha = 10' in str(stdyn.compare(runs, replace(wrong, problem=problem))).splitlines()[4]"),
        Fact("rises at first, by a factor of four", "second.eps_g.max() / second.eps_g[0]", 3.5, 4.5),
        Fact("as many times faster as the rates are larger", "whole.decay_rate() / theory.decay_rate()", 2.7, 3.3),
    ),
    "fa_and_bp": (
        Fact("This draw was chosen because it begins like that", "theory['fa'].alignment[0]", -0.6, -0.5),
        Fact("FA comes down first", "theory['bp'].alpha_below(0.1) / theory['fa'].alpha_below(0.1)", 2, 4),
        Fact("FA here a little longer", "theory['fa'].alpha_below(0.01) / theory['bp'].alpha_below(0.01)", 1.02, 1.2),
        Fact("and BP ends lower", "theory['fa'].eps_g[-1] / theory['bp'].eps_g[-1]", 3, 6),
        Fact("Four networks of 500 inputs under each rule do the same", "bool(verdict)"),
        Fact("lies along $b$ by $\\alpha = 10$", "near(theory['fa'], 10).alignment[0]", 0.98, 1),
        Fact("The three numbers of $R$ are nearly equal",
             "np.ptp(near(found, 1).R[0].mean(axis=1) / b)", 0, 0.015),
        Fact("the ratios $v_i / b_i$ begin with either sign, and end positive",
             "(found.v[0] / b).min() < 0 < (found.v[0] / b).max() and (near(found, 10).v / b).min() > 0"),
        Fact("FA ends with the signs of $b$ each time, and learns everything",
             "all((np.sign(stdyn.integrate(replace(fa, b=signs), [0, 1000], method='LSODA').v[-1]) == signs).all() "
             "for signs in product([1.0, -1.0], repeat=3))"),
        Fact("BP keeps the signs that this start happens to have",
             "(np.sign(theory['bp'].v[-1]) == np.sign(start.v)).all()"),
        Fact("every student has one teacher unit of its own",
             "all(len(set(np.abs(each.at(-1).cosines).argmax(axis=1))) == 3 for each in theory.values())"),
        Fact("the two rules share out the teacher's units differently",
             "(np.abs(theory['fa'].R[-1]) - np.abs(theory['bp'].R[-1])).max()", 0.9, 1.1),
        Fact("The smallest feedback weight all but decides", "spearmanr(smallest, eps_g).statistic", -1, -0.9),
        Fact("With all of $b$ large enough FA ends below BP", "(eps_g[smallest > 0.6] < theory['bp'].eps_g[-1]).all()"),
        Fact("KP is as quick as FA at first",
             "near(rules['KP'], 3).eps_g[0] / near(rules['FA'], 3).eps_g[0]", 0.9, 1),
        Fact("here it is the first to leave the plateau",
             "all(rules['KP'].alpha_below(0.02) < rules[other].alpha_below(0.02) for other in ('FA', 'mixed', 'BP'))"),
        Fact("$|b - v|$ decays as it should, to all digits", "np.ptp(kept)", 0, 1e-9),
        Fact("`mixed` lies between FA and BP at the start",
             "near(rules['FA'], 7).eps_g[0] < near(rules['mixed'], 7).eps_g[0] < near(rules['BP'], 7).eps_g[0]"),
        Fact("All four end at the same floor",
             "np.ptp([each.eps_g[-1] for each in rules.values()]) / rules['BP'].eps_g[-1]", 0, 0.15),
        Fact("to 0.9 and more at $\\alpha = 10$, from cosines of either sign",
             "near(found3, 10).alignment_per_output.min()", 0.9, 1),
        Fact("from cosines of either sign",
             "found3.alignment_per_output[0].min() < 0 < found3.alignment_per_output[0].max()"),
        Fact("All together align less", "found3.alignment.max()", 0.5, 0.75),
    ),
    "finite_n": (
        Fact("It keeps within a few widths of a band of the theory",
             "np.abs((runs[100].R[0] - predicted[100].theory.R)[1:] / predicted[100].std.R[1:]).max()", 0, 4),
        Fact("The two sizes fall on one line",
             "np.abs(2 * predicted[400].std.v[1:, 0] / predicted[100].std.v[1:, 0] - 1).max()", 0, 1e-6),
        Fact("Four times as many inputs, half the scatter",
             "runs[100].v[:, 20, 0].std() / runs[400].v[:, 20, 0].std()", 1.8, 2.2),
        Fact("within about twice that the prediction is met",
             "max(abs(runs[N].v[:, 20, 0].std() / predicted[N].std.v[20, 0] - 1) for N in runs)", 0, 0.08),
        Fact("Finite networks are a little worse than the theory here", "off.mean() / error", 5, inf),
        Fact("Finite networks are a little worse than the theory here",
             "abs(off.mean() - predicted[100].bias.eps_g[20]) / error", 0, 3),
        Fact("a single network can be held to the theory", "bool(stdyn.compare(network, said))"),
        Fact("The last line says that some $\\alpha$ were left out", "'left out' in str(stdyn.compare(network, said))"),
        Fact("run onto the plateau and stay there for ever", "forever.eps_g[200] / forever.eps_g[50]", 0.999, 1.0001),
        Fact("The first is perfect learning. It is stable", "points[0].eps_g < 1e-9 and points[0].unstable == 0"),
        Fact("with the $\\varepsilon_g$ of above", "points[1].eps_g / forever.eps_g[-1]", 0.9999, 1.0001),
        Fact("A single direction leads away from it", "points[1].unstable", 1, 1),
        Fact("While the trajectory is on the plateau one eigenvalue is positive, that of the saddle",
             "spectrum[40].real.max() / saddle.escape_rate", 0.9, 1.05),
        Fact("one eigenvalue is positive", "(spectrum[20:60].real > 1e-6).sum(axis=1).max()", 1, 1),
        Fact("Two are zero at all $\\alpha$", "(np.abs(spectrum) < 1e-12).sum(axis=1).min()", 2, 2),
        Fact("In the end all others are negative", "(spectrum[-1].real < -0.01).sum()", 7, 7),
        Fact("the saddle that it hangs on", "plateau.predicted_end / plateau.end", 0.98, 1.02),
        Fact("stay on the plateau longer by $\\ln 10 / 2\\lambda$ = 15",
             "np.log(10) / (2 * times_out.rate)", 14.5, 15.5),
        Fact("the offset has a law that does not depend on $N$",
             "max(abs(np.median(some.alpha_below(times_out.level)) / np.median(times_out.at(N)) - 1)"
             " for N, some in networks.items())", 0, 0.1),
        Fact("a million inputs still leave it", "np.median(times_out.at(10**6))", 100, 120),
    ),
    "scans": (
        Fact("eight learning rates (of both layers), eight draws of start and feedback weights, and both rules",
             "len(points)", 128, 128),
        Fact("at the 41st point it sends the signal", "(half.state == 1).sum()", 40, 40),
        Fact("Called again, with the same arguments, it goes on", "(scan.state == 1).all()"),
        Fact("a row with `inf` has a median draw that is still on the plateau", "np.isinf(ends.loc[0.1]).all()"),
        Fact("twice the rate means half the time", "ends.bp[0.518] / ends.bp[1.0]", 1.8, 2.3),
        Fact("The two rules are alike in the median", "np.abs(ends.bp / ends.fa - 1)[rates > 0.2].max()", 0, 0.12),
        Fact("FA is sooner at five draws of eight",
             "counts['FA leaves the plateau sooner'].values[-5:].tolist() == [5] * 5"),
        Fact("at six draws of eight for the largest rate", "counts['FA ends with the larger error'].values[-1]", 6, 6),
        Fact("the more often FA is the one that ends with the larger error",
             "(np.diff(counts['FA ends with the larger error'].values) >= 0).all()"),
        Fact("says little about where FA ends", "abs(frame.corr('spearman').loc['b_angle', 'eps_g_final'])", 0, 0.35),
        Fact("The smallest of the feedback weights says nearly all",
             "frame.corr('spearman').loc['b_smallest', 'eps_g_final']", -1, -0.9),
        Fact("The same bits as in the scan that was interrupted",
             "np.array_equal(far.summary['eps_g_final'], scan.summary['eps_g_final'][-16:])"),
    ),
    "protocols_and_inputs": (
        Fact("The rate that falls slowly ends lowest", "min(annealing, key=annealing.get) == '0.5 / (1 + alpha/100)'"),
        Fact("The one that falls fast is still on the plateau", "annealing['0.5 / (1 + alpha/5)']", 0.011, 0.014),
        Fact("A jump to a tenth of the rate takes the floor to about a tenth",
             "annealing['0.05 from alpha = 400 on'] / annealing['constant']", 0.07, 0.12),
        Fact("Networks follow their schedule, too",
             "bool(stdyn.compare(runs, stdyn.integrate(annealed, np.linspace(0, 100, 51))))"),
        Fact("Backpropagation forgets most if the tasks are half alike",
             "tasks[0.0].forgetting[0] < tasks[0.5].forgetting[0] > tasks[1.0].forgetting[0]"),
        Fact("nothing to speak of if they have the same first layer", "tasks[1.0].forgetting[0]", 0, 0.005),
        Fact("It only takes away the noise of the steps, and is all but gradient flow",
             "reached['BP, batches of 10'] / reached['BP, gradient flow']", 0.99, 1.03),
        Fact("and the error has a floor", "reached['BP, on the sphere']", inf, inf),
        Fact("The rules with feedback come down first",
             "max(down[n] for n in kinds if 'BP,' not in n) / min(down[n] for n in kinds if 'BP,' in n)",
             0, 0.6),
        Fact("The steeper the spectrum, the shorter the plateau", "(np.diff(list(plateau_ends.values())) < -50).all()"),
        Fact("and the slower the end", "(np.diff(np.log10(last_errors)) > 2).all()"),
        Fact("Directions of large variance are learned first", "(np.diff(by_group) < 0).all()"),
        Fact("eight networks on the true inputs are within a few per cent of it", "np.abs(off).max()", 0, 0.05),
        Fact("here it is small", "T_hidden[0, 0] / hidden.start.T[0, 0]", 0, 0.02),
    ),
}  # fmt: skip

EXERCISES = {
    "first_steps": (
        """
rated = {eta: replace(problem, eta=eta, eta_v=eta) for eta in (0.25, 0.5, 1.0)}
left = {eta: stdyn.integrate(each, alphas).alpha_below(0.01) for eta, each in rated.items()}
late = np.concatenate([[0], np.geomspace(0.1, 3000, 121)])
def other(K, M):
    rng = np.random.default_rng(9)
    start = stdyn.initial.random_weights(K=K, M=M, N=500, q=0.2, rng=rng, v=0.1 * rng.standard_normal(K))
    return stdyn.integrate(stdyn.Problem(start, N=500, rule="bp", eta=0.5, eta_v=0.5), late)
few, many = other(2, 3), other(4, 3)
noisy, slow = (stdyn.integrate(replace(problem, sigma=0.3, eta=eta, eta_v=eta), late) for eta in (0.5, 0.25))
slow_flow = stdyn.integrate(replace(theory.problem_at(-1), eta=1.5, eta_v=1.5, flow=True), [0, 2, 10])
""",
        (
            Fact("about 730, 350 and 170 for 0.25, 0.5 and 1", "left[0.25]", 725, 735),
            Fact("about 730, 350 and 170 for 0.25, 0.5 and 1", "left[0.5]", 345, 355),
            Fact("about 730, 350 and 170 for 0.25, 0.5 and 1", "left[1.0]", 165, 175),
            Fact("Expect a floor at $\\varepsilon_g = 0.017$", "few.eps_g[-1]", 0.0165, 0.0175),
            Fact("one student takes a unit of its own, the other shares two",
                 "(np.abs(few.at(-1).cosines) > 0.3).sum()", 3, 3),
            Fact("its $v_i$ ends near 0.01", "np.abs(many.v[-1]).min()", 0.005, 0.015),
            Fact("expect the student to learn everything", "many.eps_g[-1]", 0, 1e-6),
            Fact("end at a floor of 0.009", "noisy.eps_g[-1]", 0.0085, 0.0095),
            Fact("It goes down to 0.005", "slow.eps_g[-1]", 0.0045, 0.0055),
            Fact("Gradient flow, which lacks it, shows no such rise", "(np.diff(slow_flow.eps_g) < 0).all()"),
        ),
    ),
    "fa_and_bp": (
        """
of = {}
for v in (start.v, 0.1 * b):
    again = stdyn.OrderParameters(start.R, start.Q, start.T, v, start.v_teacher)
    of[len(of)] = stdyn.integrate(replace(fa, start=again), alphas)
ones = stdyn.OrderParameters(start.R, start.Q, start.T, np.ones(3), start.v_teacher)
stuck, free = (stdyn.integrate(replace(fa, start=ones, eta_v=0.0, b=b), alphas) for b in ([1.0, 1, -1], [1.0, 1, 1]))
same = stdyn.integrate(replace(bp, start=ones, eta_v=0.0), alphas)
""",
        (
            Fact("is below 0.1 from the same $\\alpha \\approx 5$", "of[1].alpha_below(0.1)", 4.5, 5.6),
            Fact("Expect hardly any difference", "of[0].alpha_below(0.1) / of[1].alpha_below(0.1)", 0.95, 1.2),
            Fact("the plateau does not get shorter", "of[1].alpha_below(0.01) / of[0].alpha_below(0.01)", 1, 1.15),
            Fact("$\\varepsilon_g$ stays at 0.08", "stuck.eps_g[-40:].min()", 0.075, 0.09),
            Fact("$Q_{33} = 22$ at $\\alpha = 1000$", "stuck.Q[-1, 2, 2]", 21.5, 22.5),
            Fact("With $b = (1, 1, 1)$ FA is BP, exactly", "np.abs(free.R - same.R).max()", 0, 1e-9),
        ),
    ),
    "finite_n": (
        """
labels = (replace(problem, sigma=sigma) for sigma in (0.0, 0.3))
quiet, loud = (stdyn.fluctuations(each, np.linspace(0, 20, 21)).std.v[-1, 0] for each in labels)
slower = stdyn.escape_times(replace(symmetric, eta=0.5), draws=60, rng=1)
alike = [point.state.Q[0, 1] / point.state.Q[0, 0] for point in points]
""",
        (
            Fact("to grow from 0.0042 to 0.0069", "quiet", 0.0041, 0.0043),
            Fact("to grow from 0.0042 to 0.0069", "loud", 0.0068, 0.0070),
            Fact("Expect $\\lambda = 0.032$ instead of 0.076", "slower.rate", 0.0315, 0.0325),
            Fact("instead of 0.076", "times_out.rate", 0.0755, 0.0765),
            Fact("a median of about 215 at $N = 1000$ instead of 64", "np.median(slower.at(1000))", 205, 225),
            Fact("instead of 64", "np.median(times_out.at(1000))", 61, 67),
            Fact("`points[2]` has three unstable directions", "points[2].unstable", 3, 3),
            Fact("one and the same vector ($Q_{12} = Q_{11}$)", "alike[2]", 0.9999, 1.0001),
            Fact("those of `points[1]` to have a part of their own", "alike[1]", 0, 0.6),
        ),
    ),
    "scans": (
        """
with tempfile.TemporaryDirectory() as folder:
    solver = partial(stdyn.integrate, method="LSODA")
    def scanned(name, experiment, vary, **more):
        points = stdyn.Variations(experiment, vary | {"draw": range(1, 9)})
        return stdyn.scan(points, experiment.alphas(), Path(folder) / name, **({"solve": solver} | more)).summary
    long = scanned("long.h5", replace(experiment, alpha_max=10000, points=121), {"eta=eta_v": [0.1]})
    long = long["plateau_end"].reshape(8, 2)
    noisy = scanned("noisy.h5", experiment, {"sigma": [0.1, 0.2, 0.4]})["eps_g_final"].reshape(3, 8, 2)
    reduced = partial(stdyn.simulate_reduced, runs=4)
    some = scanned("runs.h5", replace(experiment, alpha_max=10, N=50), {"eta=eta_v": [1.0]}, solve=reduced, seed=1)
middle = np.median(noisy, axis=1)[:, 1]
""",
        (
            Fact("Expect 14; under FA draws 7 and 8 do not", "np.isfinite(long).sum()", 14, 14),
            Fact("under FA draws 7 and 8 do not", "np.isinf(long[6:, 0]).all()"),
            Fact("0.0010, 0.0035 and 0.010 in the median", "middle[0]", 0.00095, 0.0011),
            Fact("0.0010, 0.0035 and 0.010 in the median", "middle[1]", 0.0034, 0.0036),
            Fact("0.0010, 0.0035 and 0.010 in the median", "middle[2]", 0.0095, 0.0105),
            Fact("Each number of the summary now has an axis of runs", "some['plateau_end'].shape == (16, 4)"),
        ),
    ),
    "protocols_and_inputs": (
        """
def ending(eta):
    return stdyn.integrate(stdyn.Problem(start, N=500, eta=eta, eta_v=0.0, sigma=0.3), alphas).eps_g[-1]
annealing = {name: ending(eta) for name, eta in rates.items()}
early, late_jump = (ending(stdyn.schedule.steps(at=[0, at], value=[0.5, 0.01])) for at in (100, 400))
of_kinds = {name: stdyn.integrate(problem, alphas) for name, problem in kinds.items()}
reached = {name: each.alpha_below(0.005) for name, each in of_kinds.items()}
down = {name: each.alpha_below(0.1) for name, each in of_kinds.items()}
plateau_ends, last_errors = {}, []
for exponent in (0, 0.5, 1):
    groups = stdyn.Inputs.power_law(exponent=exponent, N=500, groups=16)
    steep = stdyn.Problem(stdyn.initial.prepared(2, 2, q=0.2, r=0.001, v=1.0, inputs=groups), eta=0.2, eta_v=0.0)
    steep = stdyn.integrate(steep, late, method="LSODA")
    last_errors.append(steep.eps_g[-1])
    plateau_ends[exponent] = stdyn.summary.flat_stretches(steep.alphas, steep.eps_g)[0].end
by_group = steep.R_group[np.abs(late - 10).argmin(), :, 0, 0] / steep.problem.start.T_group[:, 0, 0]
there = replace(two_tasks(0.5).tasks, at=[0, 300, 600], order=[0, 1, 0])
back = stdyn.integrate(replace(two_tasks(0.5), tasks=there), np.arange(901.0)).eps_g_per_task[:, 0]
spiked = stdyn.Inputs.spiked(spikes=[20], N=500)
one = stdyn.initial.random_weights(K=2, M=2, N=500, q=0.2, rng=1, teacher="random", inputs=spiked)
one = stdyn.integrate(stdyn.Problem(one, eta=0.2, eta_v=0.0), [0, 1])
share = (one.R_group[-1].sum(axis=-2) / one.problem.start.T_group.sum(axis=-2)).mean(axis=1)
""",
        (
            Fact("its error at $\\alpha = 2000$ is 0.0055", "early", 0.0054, 0.0056),
            Fact("the same jump takes it to 0.0004", "late_jump", 0.00035, 0.00045),
            Fact("below 0.01 after 20 $\\alpha$ of its second turn", "np.argmax(back[600:] < 0.01)", 19, 21),
            Fact("not before $\\alpha = 137$ in its first", "np.argmax(back < 0.01)", 136, 138),
            Fact("learned to 78 % at $\\alpha = 1$, and the others to 14 %", "share[0]", 0.775, 0.785),
            Fact("and the others to 14 %", "share[1]", 0.135, 0.145),
        ),
    ),
}  # fmt: skip
