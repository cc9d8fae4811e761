"""The order parameters: those of a starting point, and the layout of the state vector of the ODEs."""

from dataclasses import dataclass

import numpy as np

from stdyn.checks import Array, frozen_array
from stdyn.errors import InputError

ROUNDING = 1e-10  # relative to the largest eigenvalue: what counts as rounding in a symmetry or a negative eigenvalue


def _symmetric(name: str, A: Array) -> Array:
    if A.shape[0] != A.shape[1]:
        raise InputError(f"{name} must be square, but has shape {A.shape}")
    gap = np.abs(A - A.T)
    if gap.max() > ROUNDING * np.abs(A).max():
        i, k = np.unravel_index(np.argmax(gap), gap.shape)
        raise InputError(
            f"{name} must be symmetric, but {name}[{i},{k}] = {A[i, k]:.6g} and {name}[{k},{i}] = {A[k, i]:.6g}"
        )
    A = (A + A.T) / 2
    A.flags.writeable = False
    return A


@dataclass(frozen=True, eq=False)
class OrderParameters:
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

    All overlaps are plain dot products of vectors of norm O(1) (theory.md, section 2). The arrays are copied and
    cannot be written to.

    Raises
    ------
    InputError
        If shapes disagree, a value is not finite, Q or T is not symmetric, or no weights have these overlaps:
        C = [[Q, R], [R.T, T]] must have no eigenvalue below -1e-10 times the largest one.
    """

    R: Array
    Q: Array
    T: Array
    v: Array
    v_teacher: Array

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
        for name, value in zip(
            ("R", "Q", "T", "v", "v_teacher"), (R, _symmetric("Q", Q), _symmetric("T", T), v, v_teacher), strict=True
        ):
            object.__setattr__(self, name, value)
        eigenvalues = np.linalg.eigvalsh(self.C)
        if eigenvalues[0] < -ROUNDING * max(eigenvalues[-1], 1e-300):
            raise InputError(
                "no weights have these overlaps: [[Q, R], [R.T, T]] must have no negative eigenvalue, "
                f"but the smallest is {eigenvalues[0]:.2g} (is some |R_in| above sqrt(Q_ii T_nn)?)"
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
        return np.block([[self.Q, self.R], [self.R.T, self.T]])
