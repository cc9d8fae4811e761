"""The order parameters of a starting point."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn import showing
from stdyn.checks import Array, check_type, frozen_array, precision
from stdyn.drawing import Axes, draw
from stdyn.errors import InputError
from stdyn.model import averages, cards
from stdyn.model.activations import Activation, find
from stdyn.model.inputs import Inputs
from stdyn.model.layout import Layout
from stdyn.model.overlaps import ROUNDING, blocks, cosines, possible, symmetric
from stdyn.model.problemtext import arrays, of_state
from stdyn.values import Frozen, frozen

_SUM = 1e-9  # relative to the largest: by what R, Q, T may differ from the sums over the groups


@dataclass(frozen=True, eq=False)
class OrderParameters(Frozen):
    """The overlaps of a student and its teacher, and their second layers.

    Parameters
    ----------
    R : array_like, shape (K, M)
        Student-teacher overlaps w_i . w~_n.
    Q : array_like, shape (K, K)
        Student-student overlaps w_i . w_k.
    T : array_like, shape (M, M)
        Teacher-teacher overlaps w~_n . w~_m.
    v : array_like, shape (K,) or (K, O)
        Second layer of the student; one axis for a single output.
    v_teacher : array_like, shape (M,) or (M, O)
        Second layer of the teacher, with as many axes as `v`.
    inputs : Inputs, optional
        The groups of directions of inputs that are not isotropic; None of isotropic ones, and so are the next four. See
        `by_group`, which makes such a state; R, Q and T are the covariances of the fields in it.
    R_group, Q_group, T_group : array_like, shapes (L, K, M), (L, K, K), (L, M, M), optional
        Plain overlaps of what the vectors have in each group.
    T_hidden : array_like, shape (M, M), optional
        The covariance of what of the teacher's fields no direction of the inputs explains.

    Raises
    ------
    InputError
        If shapes disagree, a value is not finite, Q or T is not symmetric, or no weights have these overlaps:
        C = [[Q, R], [R.T, T]] must have no eigenvalue below -1e-10 times the largest one.

    See Also
    --------
    stdyn.initial.prepared, stdyn.initial.random_weights : States to start from.
    stdyn.weights : Weights that have these overlaps.
    Trajectory.at : The state at some alpha.

    Notes
    -----
    All overlaps are plain dot products of vectors of norm O(1) (theory.md, section 2). The arrays are read-only copies.

    Overlaps in float32 or float16 are taken as what they are rounded from: instead of 1e-10 it is 8 (K + M) units in
    their last place. Then the mean of Q and its transpose is taken, and what the smallest eigenvalue lacks to be zero
    is added to the diagonals of Q and T.

    Examples
    --------
    >>> state = stdyn.OrderParameters(R=[[0.3, 0.1]], Q=[[0.5]], T=np.eye(2), v=[1], v_teacher=[1, 1])
    >>> state
    <OrderParameters K = 1, M = 2, |w| = 0.707, cosines up to 0.424>
    >>> state.C.round(1)
    array([[0.5, 0.3, 0.1],
           [0.3, 1. , 0. ],
           [0.1, 0. , 1. ]])
    """

    R: Array
    Q: Array
    T: Array
    v: Array
    v_teacher: Array
    inputs: Inputs | Any = field(default=None, kw_only=True)
    R_group: Array | Any = field(default=None, kw_only=True)
    Q_group: Array | Any = field(default=None, kw_only=True)
    T_group: Array | Any = field(default=None, kw_only=True)
    T_hidden: Array | Any = field(default=None, kw_only=True)

    if TYPE_CHECKING:  # what is taken; what it becomes is above

        def __init__(
            self, R: ArrayLike, Q: ArrayLike, T: ArrayLike, v: ArrayLike, v_teacher: ArrayLike, *,
            inputs: Inputs | None = None, R_group: ArrayLike | None = None, Q_group: ArrayLike | None = None,
            T_group: ArrayLike | None = None, T_hidden: ArrayLike | None = None,
        ) -> None: ...  # fmt: skip

    @classmethod
    def by_group(
        cls, inputs: Inputs, R_group: ArrayLike, Q_group: ArrayLike, T_group: ArrayLike, v: ArrayLike,
        v_teacher: ArrayLike, T_hidden: ArrayLike | None = None,
    ) -> OrderParameters:  # fmt: skip
        """The state of given overlaps in every group of the inputs' directions.

        Parameters
        ----------
        inputs : Inputs
            The L groups, of variances omega.
        R_group, Q_group, T_group : array_like, shapes (L, K, M), (L, K, K), (L, M, M)
            Plain overlaps of what the vectors have in each group: r^t_in = w_i^t . w~_n^t, and so on. The covariances
            of the fields are R = sum_t omega_t r^t, Q = sum_t omega_t q^t, T = sum_t omega_t t^t + T_hidden.
        v, v_teacher : array_like
            Second layers, as ever.
        T_hidden : array_like, shape (M, M), default 0
            The covariance of what of the teacher's fields no direction of the inputs explains.

        Returns
        -------
        OrderParameters
            Of isotropic inputs without T_hidden it has no groups.

        Raises
        ------
        InputError
            If shapes disagree, or no weights have these overlaps.

        See Also
        --------
        spread : The state of given R, Q, T whose vectors have random directions.

        Examples
        --------
        >>> inputs = stdyn.Inputs.spectrum([0.5, 2.0], [2 / 3, 1 / 3])
        >>> r, q, t = [[[0.1]], [[0.0]]], [[[0.2]], [[0.1]]], [[[0.7]], [[0.3]]]
        >>> stdyn.OrderParameters.by_group(inputs, r, q, t, v=[1], v_teacher=[1]).Q
        array([[0.3]])
        """
        check_type("inputs", inputs, Inputs)
        r, q, t = (
            frozen_array(name, values, (3,))
            for name, values in (("R_group", R_group), ("Q_group", Q_group), ("T_group", T_group))
        )
        for name, each in (("R_group", r), ("Q_group", q), ("T_group", t)):
            if len(each) != inputs.groups:
                raise InputError(f"{name} must have {inputs.groups} groups, as inputs have, but has shape {each.shape}")
        coarse = 8 * (r.shape[1] + r.shape[2]) * precision(R_group, Q_group, T_group)
        if coarse > ROUNDING and q.shape[1:] == r.shape[1:2] * 2 and t.shape[1:] == r.shape[2:] * 2:
            q, t = possible(r, q, t, coarse)
        R, Q, T = (inputs.summed(each) for each in (r, q, t))
        if T_hidden is not None:
            hidden = frozen_array("T_hidden", T_hidden, (2,))
            if hidden.shape != T.shape:
                raise InputError(f"T_hidden must have shape {T.shape}, as T has, but has shape {hidden.shape}")
            symmetric("T_hidden", hidden, max(ROUNDING, 8 * precision(T_hidden)))
            T = T + hidden
        if inputs.is_isotropic and T_hidden is None:
            return cls(r[0], q[0], t[0], v, v_teacher)
        return cls(R, Q, T, v, v_teacher, inputs=inputs, R_group=r, Q_group=q, T_group=t, T_hidden=T_hidden)

    def spread(self, inputs: Inputs) -> OrderParameters:
        """The state of the same R, Q and T whose vectors have their share p of every group of directions of `inputs`.

        It is that of vectors with random directions. The overlaps in a group are p_t/(sum_s p_s omega_s) times R, Q, T.

        Parameters
        ----------
        inputs : Inputs
            The L groups.

        Returns
        -------
        OrderParameters
            Itself, if they are isotropic.

        Raises
        ------
        InputError
            If the state has overlaps by group already.

        See Also
        --------
        by_group : The state of given overlaps in every group.

        Examples
        --------
        >>> start.spread(stdyn.Inputs.spectrum([3, 1], [0.5, 0.5])).R_group.shape
        (2, 2, 2)
        """
        check_type("inputs", inputs, Inputs)
        if self.inputs is not None:
            raise InputError("inputs are given, but the state has overlaps by group of its own")
        if inputs.is_isotropic:
            return self
        parts = inputs.shares[:, None, None]
        return type(self).by_group(
            inputs, parts * self.R, parts * self.Q, parts * self.T, self.v, self.v_teacher
        )  # fmt: skip

    def merged(self) -> OrderParameters:
        """The state for `inputs.merged()`: neighbouring groups are one, whose overlaps are their sums.

        Returns
        -------
        OrderParameters
            Itself, if its inputs are isotropic.

        See Also
        --------
        stdyn.binning_error : What half as many groups change.

        Examples
        --------
        >>> start.spread(stdyn.Inputs.power_law(1, N=100, groups=8)).merged().inputs.groups
        4
        """
        if self.inputs is None:
            return self
        merged, firsts = self.inputs.merged(), np.arange(0, self.inputs.groups, 2)
        r, q, t = (np.add.reduceat(each, firsts) for each in (self.R_group, self.Q_group, self.T_group))
        return type(self).by_group(merged, r, q, t, self.v, self.v_teacher, self.T_hidden)

    def __post_init__(self) -> None:
        R, Q, T = (frozen_array(name, getattr(self, name), (2,)) for name in "RQT")
        v = frozen_array("v", self.v, (1, 2))
        v_teacher = frozen_array("v_teacher", self.v_teacher, (1, 2))
        K, M = R.shape
        for name, array, leading, rule in (
            ("Q", Q, (K, K), "(K, K)"),
            ("T", T, (M, M), "(M, M)"),
            ("v", v, (K,), "(K,) or (K, O)"),
            ("v_teacher", v_teacher, (M,), "(M,) or (M, O)"),
        ):
            if array.shape[: len(leading)] != leading:
                raise InputError(
                    f"{name} must have shape {rule} with K, M = {K}, {M} from R, but has shape {array.shape}"
                )
        if v.shape[1:] != v_teacher.shape[1:]:
            raise InputError(
                f"v and v_teacher must have the same number of outputs, but have shapes {v.shape} and {v_teacher.shape}"
            )
        rounding = max(ROUNDING, 8 * (K + M) * precision(self.R, self.Q, self.T))
        self._hold(R, symmetric("Q", Q, rounding), symmetric("T", T, rounding), v, v_teacher)
        self._hold_groups()
        lowest, *_, highest = np.linalg.eigvalsh(self.C)
        if not lowest >= -rounding * max(highest, 1e-300):
            raise InputError(
                "no weights have these overlaps: [[Q, R], [R.T, T]] must have no negative eigenvalue, "
                f"but the smallest is {lowest:.2g} (is some |R_in| above sqrt(Q_ii T_nn)?)"
            )
        if lowest < -ROUNDING * highest and self.inputs is None:
            self._hold(R, *(A - lowest * np.eye(len(A)) for A in (self.Q, self.T)), v, v_teacher)

    def _hold(self, *arrays: Array) -> None:
        """Set R, Q, T, v and v_teacher."""
        self._set(**dict(zip(("R", "Q", "T", "v", "v_teacher"), arrays, strict=True)))

    def _hold_groups(self) -> None:
        """Check and set what is by group; the sums R, Q, T are given, too, and must be right."""
        parts = {name: getattr(self, name) for name in ("R_group", "Q_group", "T_group")}
        if self.inputs is None:
            given = [name for name, values in (parts | {"T_hidden": self.T_hidden}).items() if values is not None]
            if given:
                raise InputError(f"{given[0]} needs inputs, of whose groups it is")
            return
        check_type("inputs", self.inputs, Inputs)
        L, K, M = self.inputs.groups, self.K, self.M
        arrays = {}
        for (name, values), shape in zip(parts.items(), ((L, K, M), (L, K, K), (L, M, M)), strict=True):
            if values is None:
                raise InputError(f"{name} is needed with inputs; OrderParameters.by_group takes it")
            arrays[name] = array = frozen_array(name, values, (3,))
            if array.shape != shape:
                raise InputError(f"{name} must have shape {shape}, but has shape {array.shape}")
        hidden = np.zeros((M, M)) if self.T_hidden is None else frozen_array("T_hidden", self.T_hidden, (2,))
        if hidden.shape != (M, M):
            raise InputError(f"T_hidden must have shape ({M}, {M}), but has shape {hidden.shape}")
        arrays["T_hidden"] = hidden = symmetric("T_hidden", hidden, ROUNDING)
        for name in ("Q_group", "T_group"):
            for group, each in enumerate(arrays[name]):
                symmetric(f"{name}[{group}]", each, ROUNDING)
            arrays[name] = (arrays[name] + np.swapaxes(arrays[name], 1, 2)) / 2
        self._set(**arrays)
        largest = max(1e-300, float(np.abs(self.C_group).max()), float(np.abs(hidden).max()))
        lowest = np.linalg.eigvalsh(self.C_group)[:, 0]
        if lowest.min() < -ROUNDING * largest:
            raise InputError(
                f"no weights have these overlaps: those of group {lowest.argmin()} must have no negative eigenvalue,"
                f" but the smallest is {lowest.min():.2g}"
            )
        if np.linalg.eigvalsh(hidden)[0] < -ROUNDING * largest:
            raise InputError("T_hidden must have no negative eigenvalue, as a covariance, but has one")
        for name, more in (("R", 0.0), ("Q", 0.0), ("T", hidden)):
            sums = self.inputs.summed(arrays[f"{name}_group"]) + more
            apart = np.abs(sums - getattr(self, name)).max()
            if not apart <= _SUM * max(1e-300, np.abs(self.C).max()):
                raise InputError(
                    f"{name} must be the sum of inputs.variances times {name}_group, but is up to {apart:.2g} from it"
                    " (OrderParameters.by_group makes it)"
                )

    @property
    def K(self) -> int:
        """Number of student units."""
        return self.R.shape[0]

    @property
    def M(self) -> int:
        """Number of teacher units."""
        return self.R.shape[1]

    @property
    def C(self) -> Array:
        """The covariance [[Q, R], [R.T, T]] of the fields, shape (K+M, K+M)."""
        return frozen(np.block([[self.Q, self.R], [self.R.T, self.T]]))

    @property
    def cosines(self) -> Array:
        """Cosines R_in / sqrt(Q_ii T_nn) of student and teacher vectors, shape (K, M); 0 where one has no length.

        Where inputs are not isotropic they are the correlations of the fields.
        """
        return frozen(cosines(self.R, self.Q, self.T))

    def eps_g(
        self, activation: str | Activation = "erf", activation_teacher: str | Activation | None = None
    ) -> float:  # fmt: skip
        """The generalization error ``1/2 <|Delta|^2>``, without label noise.

        Parameters
        ----------
        activation : str or Activation, default "erf"
            That of the student, and of the teacher unless it has another one.
        activation_teacher : str or Activation, optional
            That of the teacher.

        Returns
        -------
        float
            It is not negative.

        Raises
        ------
        InputError
            If an activation is not known.

        See Also
        --------
        Trajectory.eps_g : That against alpha.
        stdyn.averages.eps_g : That of arrays of overlaps.

        Examples
        --------
        >>> round(start.eps_g(), 3)
        0.34
        >>> round(theory.at(-1).eps_g(), 4), round(float(theory.eps_g[-1]), 4)
        (0.0139, 0.0139)
        """
        teacher = activation if activation_teacher is None else activation_teacher
        pair = find(activation), find(teacher, "activation_teacher")
        v, v_teacher = (each.reshape(len(each), -1) for each in (self.v, self.v_teacher))
        return float(averages.eps_g(self.R, self.Q, self.T, v, v_teacher, pair))

    def __repr__(self) -> str:
        return showing.line(self, of_state)

    def __str__(self) -> str:
        return arrays(self)

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, cards.of_state)

    @property
    def groups(self) -> tuple[Array, Array, Array]:
        """R_group, Q_group and T_group; of isotropic inputs R, Q and T, which are those of one group."""
        if self.inputs is None:
            return self.R[None], self.Q[None], self.T[None]
        return self.R_group, self.Q_group, self.T_group

    @property
    def C_group(self) -> Array:
        """The overlaps [[q, r], [r.T, t]] of every group, shape (L, K+M, K+M)."""
        return frozen(blocks(*self.groups))

    @cached_property
    def T_inverse(self) -> Array:
        """The pseudo-inverse T^+; of inputs that are not isotropic t^+ of every group, (L, M, M)."""
        return frozen(np.linalg.pinv(self.T if self.inputs is None else self.T_group, hermitian=True))

    @property
    def lengths(self) -> Array:
        """The lengths ``|w_i|`` of the student's vectors, shape (K,)."""
        return frozen(np.sqrt(np.diag(self.Q if self.inputs is None else self.Q_group.sum(axis=0))))

    @cached_property
    def layout(self) -> Layout:
        """How the order parameters R, Q and v stand in a vector."""
        return Layout.of(self.K, self.M, self.v.shape[1:])

    @cached_property
    def state_layout(self) -> Layout:
        """How what the ODEs solve stands in their state vector: by group, where inputs are not isotropic."""
        if self.inputs is None:
            return self.layout
        return Layout.of(self.K, self.M, self.v.shape[1:], self.inputs.groups)

    @property
    def order_parameters(self) -> dict[str, Array]:
        """Those that change with alpha, by name, in the order of the layout."""
        return frozen({block.name: getattr(self, block.name) for block in self.layout.blocks})

    @property
    def state(self) -> dict[str, Array]:
        """What the ODEs solve, by name, in the order of `state_layout`."""
        return frozen({block.name: getattr(self, block.name) for block in self.state_layout.blocks})

    def plot(self, what: str = "cosines", ax: Axes | None = None, **kwargs: Any) -> Axes:
        """Draw the overlaps as a heat map, or as a graph of units.

        Parameters
        ----------
        what : {"cosines", "R", "Q", "C", "graph"}
            The cosines of student and teacher vectors, the overlaps themselves, or students and teachers as a graph
            whose edges are as strong as their cosines.
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot unless given.
        **kwargs
            What matplotlib's `Axes.imshow` takes for the heat map, or `Axes.plot` for the edges.

        Returns
        -------
        matplotlib.axes.Axes
            Those that were drawn in.

        Raises
        ------
        InputError
            If `what` is none of these.

        See Also
        --------
        Trajectory.plot : Overlaps against alpha.

        Examples
        --------
        >>> ax = theory.at(-1).plot("cosines")
        """
        return draw("order_parameters", self, what, ax, **kwargs)
