"""The ODEs of a problem as a flow: where any state goes, how neighbours of it part, and that along a trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from stdyn import html, showing
from stdyn.checks import Array, check_type, floats, number
from stdyn.errors import InputError
from stdyn.kernels import equations
from stdyn.kernels import expansion as kernels
from stdyn.kernels.parameters import Plain
from stdyn.kernels.state import DIVERGED
from stdyn.model import cards, problemtext
from stdyn.model.layout import Block, Layout
from stdyn.model.problem import Problem
from stdyn.model.state import OrderParameters
from stdyn.model.trajectory import Trajectory
from stdyn.stopping import stoppable
from stdyn.text import shown
from stdyn.theory import quadrature
from stdyn.theory.coordinates import across, across_change, whole_change
from stdyn.theory.expansion import check_size, check_smooth
from stdyn.theory.fixedpoints import MOST_OVERLAPS, check_state
from stdyn.values import Frozen

_IMPOSSIBLE = 1e-6  # an eigenvalue of C below minus this, in units of the largest overlap: more than a solver's error
_ROUNDING = 1e-10  # by which Q may differ from its transpose, in the same units

State = OrderParameters | Mapping[str, ArrayLike] | ArrayLike


def check_derivatives(problem: Problem) -> None:
    """Refuse a problem of which there is no Jacobian."""
    check_smooth(problem)
    check_size(problem, "a Jacobian", MOST_OVERLAPS)


def flow(problem: Problem, alpha: float = 0.0) -> Flow:
    """The right-hand side of the ODEs of a problem, and its Jacobian, as functions of the state.

    Parameters
    ----------
    problem : Problem
        Its rule, rates, teacher, inputs and feedback weights; N is of no account, and of its start the teacher alone
        (with rule "kp" b - v, too).
    alpha : float, default 0
        Where rates, rule or task are taken from, if they change with alpha. At a jump they are those from there on.

    Returns
    -------
    Flow
        With methods `rhs`, `jacobian` and `spectrum`.

    Raises
    ------
    InputError
        If the problem is none, or alpha is negative, or a rate is no number there.

    See Also
    --------
    integrate : Solves the ODEs.
    fixed_points : Where the flow rests, and its spectrum there.

    Examples
    --------
    >>> start = stdyn.initial.prepared(2, 2, r=0.1, q=0.5)
    >>> flow = stdyn.flow(stdyn.Problem(start, eta=0.5, eta_v=0.5))
    >>> flow.rhs(start)["R"].round(4)
    array([[0.1679, 0.1626],
           [0.1626, 0.1679]])
    >>> flow.jacobian(start).shape
    (9, 9)
    """
    return Flow(problem, alpha)


@dataclass(frozen=True, eq=False, repr=False)
class Flow(Frozen):
    """dy/dalpha of the order parameters y = (R, upper triangle of Q, v) of a problem; `flow` makes it.

    A state is `OrderParameters`, or a dict of arrays by name, or a vector y (L,) as `pack` gives it. Dicts and vectors
    may have further axes in front, for many states at once. The names are R, Q and v; of inputs that are not isotropic
    the ODEs are those of R_group, Q_group and v.

    Attributes
    ----------
    problem : Problem
        Whose ODEs they are.
    alpha : float
        Where rates, rule and task are taken from, if they change.

    See Also
    --------
    flow : Makes it.
    FixedPoint : A state that does not move, with the linear dynamics around it.

    Notes
    -----
    States in which [[Q, R], [R.T, T]] has a negative eigenvalue, beyond the error of a solver, are of no weights: what
    is said of them is NaN. So regions in planes of order parameters can be drawn without asking where they end.

    Examples
    --------
    >>> flow = stdyn.flow(problem)
    >>> flow
    <Flow FA, K = M = 2, erf, 9 order parameters>
    >>> flow.names[:2], flow.names[-1]
    (('R[0,0]', 'R[0,1]'), 'v[1]')
    >>> y = flow.pack(start)  # R, upper triangle of Q, v
    >>> further = y + 0.1 * flow.pack(flow.rhs(y))  # a step of Euler's
    >>> float(flow.unpack(further)["v"][0].round(3))
    0.598
    """

    problem: Problem
    alpha: float = 0.0

    def __post_init__(self) -> None:
        check_type("problem", self.problem, Problem)
        object.__setattr__(self, "alpha", number("alpha", self.alpha))
        self.problem.protocol.check(np.array([self.alpha]))

    def __repr__(self) -> str:
        return showing.line(self, _line)

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, _card)

    @property
    def _layout(self) -> Layout:
        return self.problem.state_layout

    @cached_property
    def _parameters(self) -> Plain:
        return self._at(self.alpha)

    @cached_property
    def _constant(self) -> Plain:
        """The parameters of kernels, whose rates are those of alpha = 0."""
        return quadrature.parameters(self.problem)

    def _at(self, alpha: float) -> Plain:
        """The parameters of kernels at an alpha."""
        return self.problem.protocol.at(alpha, self._constant)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the L coordinates, with the indices in the arrays: "R[0,0]", …, "Q[0,0]", …, "v[0]"."""
        return tuple(name for block in self._layout.blocks for name in _names(block))

    def pack(self, state: State) -> Array:
        """The vector y (…, L) of a state: R row by row, the upper triangle of Q row by row, v row by row.

        Parameters
        ----------
        state : OrderParameters, dict of arrays by name, or array_like of shape (…, L)
            The state, or many of them.

        Returns
        -------
        ndarray, shape (…, L)
            The vector of each.

        Raises
        ------
        InputError
            If it is none, has other shapes or another teacher than the problem, or an entry is not finite or above 1e8.

        See Also
        --------
        unpack : The arrays of a vector.

        Examples
        --------
        >>> start = stdyn.initial.prepared(1, 1, r=0.1, q=0.5, v=[0.2])
        >>> stdyn.flow(stdyn.Problem(start, eta=0.5, eta_v=0.5)).pack(start)
        array([0.1, 0.5, 0.2])
        """
        if isinstance(state, OrderParameters):
            y = self._layout.pack(self._with_my_task(state).state)
        elif isinstance(state, Mapping):
            y = self._packed(state)
        else:
            y = floats("state", state)
            if y.ndim == 0 or y.shape[-1] != self._layout.size:
                raise InputError(
                    f"state must be OrderParameters, a dict of arrays or vectors of {self._layout.size} entries, but is"
                    f" {shown(state)}"
                )
        wrong = np.argwhere(~(np.abs(y) < DIVERGED))
        if wrong.size:
            where = tuple(wrong[0])
            raise InputError(
                f"state must be finite and below {DIVERGED:g}, but {self.names[where[-1]]} is {y[where]:g} in it"
            )
        return y

    def unpack(self, y: ArrayLike) -> dict[str, Array]:
        """The arrays by name of vectors y: what `pack` makes a vector of.

        Parameters
        ----------
        y : array_like, shape (…, L)
            Such as `pack` gives.

        Returns
        -------
        dict of ndarray
            R, Q and v (R_group, Q_group and v), with the further axes in front.

        Raises
        ------
        InputError
            If the last axis is not that of L numbers.

        Examples
        --------
        >>> problem = stdyn.Problem(stdyn.initial.prepared(1, 1, r=0.1, q=0.5), eta=0.5, eta_v=0.5)
        >>> stdyn.flow(problem).unpack([0.1, 0.5, 0.2])["Q"]
        array([[0.5]])
        """
        y = floats("y", y)
        if y.ndim == 0 or y.shape[-1] != self._layout.size:
            raise InputError(f"y must have {self._layout.size} entries along its last axis, but has shape {y.shape}")
        return self._layout.unpack(y)

    def rhs(self, state: State) -> dict[str, Array]:
        """The right-hand side of the ODEs, dR/dalpha, dQ/dalpha and dv/dalpha, by name.

        Parameters
        ----------
        state : OrderParameters, dict of arrays by name, or array_like of shape (…, L)
            The state, or many of them.

        Returns
        -------
        dict of ndarray
            Of the shapes of R, Q and v (R_group, Q_group and v, where inputs are not isotropic), after the further axes
            that the state has. `flow.pack(flow.rhs(y))` is the vector. NaN for states of no weights.

        Raises
        ------
        InputError
            As `pack`.

        Notes
        -----
        For every activation. Averages without a closed form are taken with the problem's points, those of `integrate`.

        Examples
        --------
        >>> flow = stdyn.flow(stdyn.Problem(stdyn.initial.prepared(1, 1), eta=0.5, eta_v=0.5))
        >>> moved = flow.rhs({"R": [[0.5]], "Q": [[1]], "v": [1]})
        >>> moved["R"].round(4), moved["v"].round(4)
        (array([[0.0979]]), array([-0.0862]))
        """
        y = self.pack(state)
        rows = [self._moved(each) for each in y.reshape(-1, y.shape[-1])]
        return self._layout.unpack(np.reshape(rows, y.shape))

    def jacobian(self, state: State) -> Array:
        """The derivatives of the right-hand side, J_ab = d(dy_a/dalpha)/dy_b, in the coordinates `names`.

        Parameters
        ----------
        state : OrderParameters, dict of arrays by name, or array_like of shape (…, L)
            The state, or many of them.

        Returns
        -------
        ndarray, shape (…, L, L)
            NaN for states of no weights.

        Raises
        ------
        InputError
            As `pack`; or if the averages, as they are computed, have no derivatives (a g with kinks, by quadrature).

        Notes
        -----
        By differences of fourth order in coordinates in which nothing cancels (theory.md, section 5): errors are about
        1e-10. Off a fixed point its eigenvalues depend on the coordinates; they are rates of nothing but small
        displacements of these order parameters for a short while. At a fixed point they are those of
        `FixedPoint.eigenvalues`, and a zero for each order parameter that does not move by itself: v where it is
        frozen, Q_ii on the sphere.

        Examples
        --------
        >>> start = stdyn.initial.prepared(1, 1, r=1.0, q=1.0)  # perfect learning: R = Q = T
        >>> flow = stdyn.flow(stdyn.Problem(start, activation="linear", eta=0.5, eta_v=0.0))
        >>> flow.jacobian(start)[:2, :2].round(6)
        array([[-0.5 ,  0.  ],
               [ 0.5 , -0.75]])
        """
        check_derivatives(self.problem)
        y = self.pack(state)
        L = y.shape[-1]
        matrices = [self._derivatives(each, self._parameters) for each in y.reshape(-1, L)]
        return np.reshape(matrices, (*y.shape, L))

    @stoppable()
    def spectrum(self, trajectory: Trajectory) -> Array:
        """The eigenvalues of the Jacobian along a solution of the ODEs, with the rates of every alpha.

        Parameters
        ----------
        trajectory : Trajectory
            Of `integrate`, for the problem of this flow.

        Returns
        -------
        ndarray of complex, shape (A, L)
            Per unit of alpha, largest real part first; the flow's own alpha is of no account. NaN where it diverged.

        Raises
        ------
        InputError
            If the trajectory is no solution of the problem's ODEs, or as `jacobian`.
        KeyboardInterrupt
            On Ctrl-C, SIGTERM or SIGHUP.

        See Also
        --------
        FixedPoint : Whose eigenvalues do not depend on the coordinates.

        Examples
        --------
        >>> problem = stdyn.Problem(stdyn.initial.prepared(2, 2, r=0.01, q=0.1), eta=0.5, eta_v=0.0)
        >>> spectrum = stdyn.flow(problem).spectrum(stdyn.integrate(problem, [0, 20, 40]))
        >>> spectrum.shape
        (3, 9)
        """
        check_type("trajectory", trajectory, Trajectory)
        check_derivatives(self.problem)
        if trajectory.method != "ode":
            raise InputError(f"trajectory must be of the ODEs, but its method is {trajectory.method!r}")
        difference = replace(trajectory.problem, N=self.problem.N).difference(self.problem)
        if difference is not None:
            raise InputError(f"trajectory must be of the flow's problem, but they differ in {difference}")
        states = self._layout.pack({name: getattr(trajectory, name) for name in self._layout.places})
        found = np.full(states.shape, np.nan, dtype=complex)
        for position, alpha in enumerate(trajectory.alphas.tolist()):
            J = self._derivatives(states[position], self._at(alpha))
            if np.isfinite(J).all():
                values = np.linalg.eigvals(J)
                found[position] = values[np.lexsort((-values.imag, -values.real))]
        return found

    def _with_my_task(self, state: OrderParameters) -> OrderParameters:
        """The state, refused if it is of another teacher; v_teacher may be that of the task at alpha."""
        start = self.problem.start
        of_task = self.problem.protocol.task(self.alpha)[0].reshape(start.v_teacher.shape)
        if np.array_equal(state.v_teacher, of_task):
            state = replace(state, v_teacher=start.v_teacher)
        check_state("state", self.problem, state)
        return state

    def _packed(self, values: Mapping[str, ArrayLike]) -> Array:
        """The vectors of arrays by name."""
        blocks = self._layout.blocks
        names = [block.name for block in blocks]
        if set(values) != set(names):
            raise InputError(f"state must have {', '.join(names)} and nothing else, but has {shown(list(values))}")
        arrays = {name: floats(f"state[{name!r}]", values[name]) for name in names}
        leading = arrays[names[0]].shape[: max(arrays[names[0]].ndim - len(blocks[0].shape), 0)]
        for block in blocks:
            array = arrays[block.name]
            if array.shape not in ((*leading, *block.shape), (*leading, *block.sizes)):
                raise InputError(
                    f"state[{block.name!r}] must have shape {(*leading, *block.shape)}, but has shape {array.shape}"
                )
            if block.symmetric and not _symmetric(array):  # nor with NaN
                raise InputError(f"state[{block.name!r}] must be symmetric, but is not")
        return self._layout.pack(arrays)

    def _possible(self, y: Array) -> bool:
        """Whether weights can have these overlaps (L,), within what a solver may be wrong by."""
        named, start = self._layout.unpack(y), self.problem.start
        R, Q = (named[block.name] for block in self._layout.blocks[:2])
        T = start.T if start.inputs is None else start.T_group
        C = np.concatenate(
            [np.concatenate([Q, R], axis=-1), np.concatenate([np.swapaxes(R, -1, -2), T], axis=-1)], axis=-2
        )
        if not np.isfinite(C).all():
            return False
        return bool(np.linalg.eigvalsh(C).min() >= -_IMPOSSIBLE * max(np.abs(C).max(), 1e-300))

    def _moved(self, y: Array) -> Array:
        """dy/dalpha at a state y (L,)."""
        if not self._possible(y):
            return np.full_like(y, np.nan)
        layout, T_inverse = self._layout, self.problem.start.T_inverse
        with np.errstate(all="ignore"):
            w = across(y, layout, T_inverse)
            return whole_change(w, equations.drift(w, self._parameters), layout, T_inverse)

    def _derivatives(self, y: Array, parameters: Plain) -> Array:
        """J at a state y (L,): of y = y(w) with slopes S and dw/dalpha = f, J = (dS/dalpha + S df/dw) S^-1."""
        if not self._possible(y):
            return np.full((len(y), len(y)), np.nan)
        layout, T_inverse, unit = self._layout, self.problem.start.T_inverse, np.eye(len(y))
        with np.errstate(all="ignore"):
            w = across(y, layout, T_inverse)
            f = equations.drift(w, parameters)
            of_w = whole_change(w, kernels.jacobian(w, parameters).T, layout, T_inverse)
            bent = whole_change(f, unit, layout, T_inverse) - unit  # the slopes are linear in R
            return (of_w + bent).T @ across_change(w, unit, layout, T_inverse).T


def _line(flow: Flow) -> str:
    """In one line: of what, and at which alpha if that matters."""
    problem = flow.problem
    at = "" if problem.protocol.constant else f", at alpha = {flow.alpha:g}"
    L = problem.state_layout.size
    return f"{problem.rule.upper()}, {problemtext.units(problem)}, {problem.activations_text}, {L} order parameters{at}"


def _card(flow: Flow) -> str:
    """For a notebook: the problem, and the coordinates."""
    names = flow.names
    lines = problemtext.parameters(flow.problem) | {
        "alpha": "of no account" if flow.problem.protocol.constant else f"{flow.alpha:g}",
        "coordinates": f"{len(names)}: {names[0]}, {names[1]}, …, {names[-1]}",
    }
    return html.card(f"Flow, {flow.problem.rule.upper()}", cards.table_of(lines))


def _names(block: Block) -> list[str]:
    """The names of the entries of a block that are in the state vector, with the indices of its array."""
    shown = block.entries[: len(block.shape)]
    return [f"{block.name}[{','.join(map(str, entry))}]" for entry in zip(*shown, strict=True)]


def _symmetric(Q: Array) -> bool:
    """Whether the last two axes can be exchanged, but for rounding."""
    return bool((np.abs(Q - np.swapaxes(Q, -1, -2)) <= _ROUNDING * np.abs(Q).max(initial=0.0)).all())
