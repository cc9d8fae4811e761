"""The axes of figures of layered networks: errors, losses, angles and alignment."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from stdyn.errors import InputError
from stdyn.figures import jumps, style
from stdyn.figures.arguments import checked, one_of
from stdyn.figures.layout import legend
from stdyn.figures.pairs import Pair
from stdyn.figures.panels import feedback_cosine
from stdyn.figures.scales import band, floored, integers, level, logarithmic, positive
from stdyn.layered.history import History

Array = NDArray[np.floating]
_Angle = Annotated[str, one_of(("weight_angle", "update_angle", "delta_angle"))]
_DASHES = ("-", "--", ":", "-.")
_SHOWN = 12  # markers a curve
_TICKS = 20  # outputs that are each labelled


@checked
def by_rule(histories: list[History]) -> dict[str, list[History]]:
    """The histories of each rule; those that diverged are left out, unless all of a rule did."""
    if len({each.widths for each in histories}) > 1:
        raise InputError("histories must be of networks of the same widths to be drawn together")
    every = of_each_rule(histories)
    return {rule: [each for each in some if each.diverged is None] or some for rule, some in every.items()}


def of_each_rule(histories: list[History]) -> dict[str, list[History]]:
    """All histories of each rule that has some, in the order of the rules."""
    every = {rule: [each for each in histories if each.rule == rule] for rule in style.RULES}
    return {rule: some for rule, some in every.items() if some}


@checked
def errors(ax: Axes, histories: list[History]) -> Axes:
    """Training error (dashed, open) and test error (full) in per cent against epochs.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    histories : list of History
        Of networks of the same widths.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    Raises
    ------
    InputError
        If they are of networks of other widths.

    See Also
    --------
    errors_figure : Both, and the gap between the errors.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> training = stdyn.Training(rule="fa", widths=[10], seeds=1, epochs=2)
    >>> histories = stdyn.train(training, "errors.h5", "images").histories
    >>> ax = stdyn.layerplot.errors(plt.figure().add_subplot(), histories)
    """
    return _train_and_test(ax, histories, "error", 100, "error in %")


@checked
def losses(ax: Axes, histories: list[History]) -> Axes:
    """Training loss (dashed, open) and test loss (full) against epochs.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    histories : list of History
        Of networks of the same widths.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    Raises
    ------
    InputError
        If they are of networks of other widths.

    See Also
    --------
    errors_figure : Both, and the gap between the errors.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> training = stdyn.Training(rule="fa", widths=[10], seeds=1, epochs=2)
    >>> histories = stdyn.train(training, "losses.h5", "images").histories
    >>> ax = stdyn.layerplot.losses(plt.figure().add_subplot(), histories)
    """
    return _train_and_test(ax, histories, "loss", 1, "mean cross-entropy (nats)")


@checked
def gap(ax: Axes, histories: list[History]) -> Axes:
    """Test error less training error, against epochs."""
    for rule, some in by_rule(histories).items():
        values = [100 * (each.test_error - each.train_error) for each in some]
        _curve(ax, some, values, rule, rule.upper(), "-", True)
    level(ax, 0)
    return _epochs(ax, "test error − training error in %")


@checked
def layer_angles(ax: Axes, histories: list[History], name: _Angle, title: str) -> Axes:
    """The angles of the hidden layers against epochs, one dash and marker a layer, one colour a rule (DFA: open)."""
    _layers(ax, histories, name)
    ax.set_title(title, fontsize=9)
    return _epochs(_degrees(ax), "angle in degrees")


@checked
def output_cosines(ax: Axes, histories: list[History]) -> Axes:
    """The cosine of each output's vector and its feedback vector against alpha: of every network, and their mean."""
    colour = style.RULES[histories[0].rule].colour
    for position, each in enumerate(histories):
        lines = ax.plot(each.alphas, each.output_alignment, color=colour, lw=0.5, alpha=0.4)
        if position == 0:
            lines[0].set_label("an output of a network")
    mean = _mean([each.output_alignment.mean(axis=1) for each in histories])
    longest = max((each.alphas for each in histories), key=len)
    ax.plot(longest, mean, color="black", lw=1.8, label="mean")
    legend(ax)
    level(ax, 0)
    return _alpha(ax, histories[0], "cosine of $W^L_o$ and $B_o$")


@checked
def output_angles(ax: Axes, histories: list[History]) -> Axes:
    """The angle of each output's vector and its feedback vector after the last epoch, of the networks that have it."""
    colour = style.RULES[histories[0].rule].colour
    outputs = np.arange(histories[0].widths[-1])
    most = max(len(each.epochs) for each in histories)
    last = np.array([each.output_angle[-1] for each in histories if len(each.epochs) == most])
    for position, values in enumerate(last):
        label = "networks" if position == 0 else None
        ax.plot(outputs, values, ls="none", marker="o", ms=4, mfc="white", color=colour, label=label)
    if len(last) > 1:
        ax.plot(outputs, last.mean(axis=0), ls="none", marker="_", ms=14, mew=1.6, color="black", label="their mean")
    _degrees(ax)
    integers(ax.xaxis)
    if len(outputs) <= _TICKS:
        ax.set_xticks(outputs)
    ax.set_xlabel("output (class)")
    ax.set_ylabel("angle of $W^L_o$ and $B_o$ at the end, degrees")
    legend(ax, loc="lower right")
    return ax


@checked
def student_alignment(ax: Axes, pairs: list[Pair]) -> Axes:
    """The cosine of v and b against alpha."""
    several = len({pair.problem.rule for pair in pairs}) > 1
    for pair in pairs:
        look, name = style.RULES[pair.problem.rule], style.rule(pair.problem.rule) if several else ""
        feedback_cosine(ax, pair, look.colour, look.marker, name, dash=look.dash)
    if several:
        legend(ax)
    drawn = dict.fromkeys(line for pair in pairs for line in _drawn(pair))
    ax.text(0.98, 0.35, "\n".join(drawn), transform=ax.transAxes, ha="right", fontsize=8)
    sizes = dict.fromkeys(f"K = {start.K}, M = {start.M}" for start in (pair.problem.start for pair in pairs))
    ax.set_title(f"student–teacher, {'; '.join(sizes)}\ncosine of $v$ and $b$", fontsize=9)
    ax.set_ylabel("cosine")
    level(ax, 0)
    return ax


@checked
def layer_cosines(ax: Axes, histories: list[History]) -> Axes:
    """The cosine of weights and feedback of each hidden layer against alpha."""
    _layers(ax, histories, "alignment", "alphas")
    level(ax, 0)
    legend(ax)
    most = max(len(some) for some in by_rule(histories).values())
    drawn = f", mean and range of {most}" if most > 1 else ""
    ax.set_title(f"layered network {_widths(histories[0])}{drawn}\ncosine of $W$ above and feedback $B$", fontsize=9)
    return _alpha(ax, histories[0], "")


def _curve(
    ax: Axes, histories: list[History], values: Sequence[Array], rule: str, label: str, dash: str, filled: bool,
    marker: str | None = None, against: str = "epochs", logarithmic: bool = False,
) -> None:  # fmt: skip
    """The mean over the networks with markers, and their range as a band."""
    colour, usual, _ = style.RULES[rule]
    mean = _mean(values)
    x = max((getattr(each, against) for each in histories), key=len)
    if len(values) > 1:
        low, high = (np.array([end(at) for at in _at_each(values)]) for end in (np.min, np.max))
        band(ax, x, low, high, colour)
    mean = positive(mean) if logarithmic else mean
    every = max(1, len(x) // _SHOWN)
    ax.plot(x, mean, dash, color=colour, lw=1.4, marker=marker or usual, ms=4, markevery=every,
            mfc=colour if filled else "white", label=label)  # fmt: skip


def _mean(values: Sequence[Array]) -> NDArray[np.float64]:
    """The mean over the networks, at each epoch over those that have it."""
    return np.array([np.mean(at) for at in _at_each(values)])


def _at_each(values: Sequence[Array]) -> list[list[np.floating]]:
    """At each epoch the values of the networks that have it."""
    return [[each[j] for each in values if j < len(each)] for j in range(max(map(len, values)))]


def _train_and_test(ax: Axes, histories: list[History], name: str, factor: float, label: str) -> Axes:
    for rule, some in by_rule(histories).items():
        for part, called, dash, filled in (("test", "test", "-", True), ("train", "training", "--", False)):
            values = [factor * getattr(each, f"{part}_{name}") for each in some]
            _curve(ax, some, values, rule, f"{rule.upper()}, {called}", dash, filled, logarithmic=True)
    logarithmic(ax.yaxis)
    floored([ax])
    return _epochs(ax, label)


def _layers(ax: Axes, histories: list[History], name: str, against: str = "epochs") -> None:
    """What is recorded of each hidden layer under each rule that has feedback."""
    for rule, some in by_rule(histories).items():
        for l in range(0 if rule == "bp" else len(some[0].widths) - 2):
            values = [getattr(each, name)[:, l] for each in some]
            label = f"{rule.upper()}, hidden layer {l + 1}"
            _curve(ax, some, values, rule, label, _DASHES[l % len(_DASHES)], rule != "dfa", style.marker(l), against)


def _degrees(ax: Axes) -> Axes:
    """An axis of angles, with a line at the right angle."""
    level(ax, 90)
    ax.set_ylim(0, 100)
    ax.set_yticks(range(0, 91, 15))
    return ax


def _epochs(ax: Axes, label: str) -> Axes:
    ax.set_xlabel("epochs")
    integers(ax.xaxis)
    ax.set_ylabel(label)
    return ax


def _alpha(ax: Axes, history: History, label: str) -> Axes:
    if ax.dataLim.xmax > 0:  # not only the start
        logarithmic(ax.xaxis)
    else:
        ax.set_xticks([0])
    ax.set_xlabel(rf"$\alpha$ = examples / {history.widths[0]} inputs")
    if label:
        ax.set_ylabel(label)
    return ax


def _drawn(pair: Pair) -> list[str]:
    """What is drawn of a problem, a line each."""
    drawn = [] if pair.theory is None else ["line: ODE"]
    if pair.runs is not None:
        drawn.append(f"markers: {style.counted(pair.runs.runs or 0, 'network')} of N = {pair.problem.N}")
    if pair.reduced is not None:
        look = "thin line" if pair.reduced.runs == 1 else "band"
        drawn.append(f"{look}: {style.counted(pair.reduced.runs or 0, 'reduced run')} of N = {pair.problem.N}")
    return drawn + list(filter(None, [jumps.said(pair.all)]))


def _widths(history: History) -> str:
    return "–".join(map(str, history.widths))


@checked
def caption(histories: list[History]) -> str:
    """Network, learning rate, batch, and what curves and bands are."""
    most = max(len([each for each in some if each.diverged is None]) for some in by_rule(histories).values())
    drawn = [f"mean and range of {most} networks"] if most > 1 else []
    return "; ".join([network_of(histories), *drawn, *lost(histories)])


def network_of(histories: list[History]) -> str:
    """Widths, which all have, and the learning rates and batches that there are."""
    rates = " or ".join(dict.fromkeys(f"{each.lr:g}" for each in histories))
    batches = " or ".join(dict.fromkeys(f"{each.batch}" for each in histories))
    return f"{_widths(histories[0])}, tanh, learning rate {rates}, batches of {batches}"


@checked
def lost(histories: list[History]) -> list[str]:
    """For each rule, how many networks diverged, and what is drawn of them if all did."""
    said = []
    for rule, some in of_each_rule(histories).items():
        gone = sum(each.diverged is not None for each in some)
        if gone == len(some) == 1:
            said.append(f"the network of {rule.upper()} diverged: drawn as far as it got")
        elif gone == len(some):
            said.append(f"all {gone} networks of {rule.upper()} diverged: drawn as far as they got")
        elif gone:
            said.append(f"{gone} of {len(some)} networks of {rule.upper()} diverged, left out")
    return said
