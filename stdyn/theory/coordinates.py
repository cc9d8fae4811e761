"""The coordinates w = (R, Q_across, v) in which nothing cancels near perfect learning (theory.md, section 5).

Q_across = Q - R T^+ R^T are the overlaps of what the students have across the teacher's space. Near perfect learning
they are as small as eps_g, where Q - R T^+ R^T is the difference of numbers of order 1. Of inputs with a spectrum that
is so in every group of directions: q - r t^+ r^T.
"""

import numpy as np

from stdyn.checks import Array
from stdyn.model.layout import Layout


def across(y: Array, layout: Layout, T_inverse: Array) -> Array:
    """The states w (..., S) of packed overlaps y (..., S); `T_inverse` is T^+, or t^+ of every group (L, M, M)."""
    return _moved(y, layout, -T_inverse)


def whole(w: Array, layout: Layout, T_inverse: Array) -> Array:
    """The packed overlaps y (..., S) of states w (..., S)."""
    return _moved(w, layout, T_inverse)


def whole_change(w: Array, change: Array, layout: Layout, T_inverse: Array) -> Array:
    """The change of packed overlaps y (..., S) that a small change (..., S) of states w (..., S) makes."""
    return _along(w, change, layout, T_inverse)


def across_change(w: Array, change: Array, layout: Layout, T_inverse: Array) -> Array:
    """The change of states w (..., S) that a small change (..., S) of packed overlaps makes."""
    return _along(w, change, layout, -T_inverse)


def on_sphere(y: Array, layout: Layout, norms: Array) -> Array:
    """Packed overlaps y (..., S) with vectors brought back to the squared lengths |w_i|^2 = norms (K,).

    The ODEs keep them but for the solver's errors.
    """
    R, Q, named = *_first_layer(layout), layout.unpack(y)
    r, q = named[R], named[Q]
    squares = np.einsum("...ii->...i", q)
    squares = squares if q.ndim == y.ndim + 1 else squares.sum(axis=-2)
    scale = np.sqrt(norms / squares)[..., None]
    scale = scale if q.ndim == y.ndim + 1 else scale[..., None, :, :]
    q = q * scale * np.swapaxes(scale, -1, -2)
    if q.ndim == y.ndim + 1:
        places = np.arange(len(norms))
        q[..., places, places] = norms
    return layout.pack({**named, R: r * scale, Q: q})


def _moved(state: Array, layout: Layout, T_inverse: Array) -> Array:
    """The state whose Q is larger by R T^+ R^T."""
    R, Q, named = *_first_layer(layout), layout.unpack(state)
    r = named[R]
    return layout.pack({**named, Q: named[Q] + r @ T_inverse @ np.swapaxes(r, -1, -2)})


def _along(state: Array, change: Array, layout: Layout, T_inverse: Array) -> Array:
    """A change whose Q is larger by dR T^+ R^T and its transpose."""
    R, Q, named = *_first_layer(layout), layout.unpack(change)
    r = layout.unpack(state)[R]
    mixed = named[R] @ T_inverse @ np.swapaxes(r, -1, -2)
    return layout.pack({**named, Q: named[Q] + mixed + np.swapaxes(mixed, -1, -2)})


def _first_layer(layout: Layout) -> tuple[str, str]:
    """The names of the overlaps R and Q, or of those by group."""
    R, Q, _ = (block.name for block in layout.blocks)
    return R, Q
