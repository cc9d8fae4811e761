"""The coordinates w = (R, Q_across, v) in which nothing cancels near perfect learning (theory.md, section 5).

Q_across = Q - R T^+ R^T are the overlaps of what the students have across the teacher's space. Near perfect learning
they are as small as eps_g, where Q - R T^+ R^T is the difference of numbers of order 1.
"""

import numpy as np

from stdyn.checks import Array
from stdyn.model.state import Layout


def across(y: Array, layout: Layout, T_inverse: Array) -> Array:
    """The states w (..., L) of packed order parameters y (..., L); `T_inverse` is T^+."""
    return _moved(y, layout, -T_inverse)


def whole(w: Array, layout: Layout, T_inverse: Array) -> Array:
    """The packed order parameters y (..., L) of states w (..., L)."""
    return _moved(w, layout, T_inverse)


def on_sphere(y: Array, layout: Layout, norms: Array) -> Array:
    """Packed order parameters y (..., L) with vectors brought back to the squared lengths Q_ii = norms (K,).

    The ODEs keep them but for the solver's errors.
    """
    named = layout.unpack(y)
    scale = np.sqrt(norms / np.einsum("...ii->...i", named["Q"]))[..., None]
    Q = named["Q"] * scale * np.swapaxes(scale, -1, -2)
    places = np.arange(len(norms))
    Q[..., places, places] = norms
    return layout.pack({**named, "R": named["R"] * scale, "Q": Q})


def _moved(state: Array, layout: Layout, T_inverse: Array) -> Array:
    """The state whose Q is larger by R T^+ R^T."""
    named = layout.unpack(state)
    R = named["R"]
    return layout.pack({**named, "Q": named["Q"] + R @ T_inverse @ np.swapaxes(R, -1, -2)})
