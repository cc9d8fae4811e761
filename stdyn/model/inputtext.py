"""Inputs in words, and as tables of TOML files."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stdyn.errors import InputError
from stdyn.html import card, table
from stdyn.text import shown

_SHOWN = 4  # groups that are listed
_ROWS = 16  # and in a notebook
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # of tables: those needed, and further ones
    "isotropic": ((), ()),
    "spectrum": (("variances", "fractions"), ()),
    "power_law": (("exponent", "N"), ("groups", "bins")),
    "spiked": (("spikes", "N"), ("variance",)),
    "hidden_manifold": (("f", "latent", "N"), ("groups", "bins")),
}


def arguments(table: Mapping[str, Any], N: int | None) -> tuple[str, dict[str, Any]]:
    """The kind of inputs that a table means, and the arguments of the constructor of that name."""
    if not isinstance(table, Mapping):
        raise InputError(f"table must be a table such as {{kind, …}}, but is {shown(table)}")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise InputError(f"kind must be one of {', '.join(_KEYS)}, but is {shown(kind)}")
    needed, further = _KEYS[kind]
    given = {name: value for name, value in table.items() if name != "kind"}
    if "N" in needed and "N" not in given and N is not None:
        given["N"] = N
    keys = f"the keys {', '.join(needed)}" if needed else "no other key"
    keys += f" and may have {', '.join(further)}" if further else ""
    for name in given:
        if name not in (*needed, *further):
            raise InputError(f"kind = {kind!r} must have {keys}, but has {shown(name)}")
    for name in needed:
        if name not in given:
            raise InputError(f"kind = {kind!r} must have {keys}, but has no {name!r}")
    return kind, given


def line(inputs: Any) -> str:
    """Inputs in one line."""
    if inputs.is_isotropic:
        return "Inputs, isotropic"
    count = "1 group" if inputs.groups == 1 else f"{inputs.groups} groups"
    if inputs.groups <= _SHOWN:
        lists = (", ".join(f"{x:.3g}" for x in each.tolist()) for each in (inputs.variances, inputs.fractions))
        text = "Inputs of {}: variances {} of fractions {}".format(count, *lists)
    else:
        low, high = inputs.variances.min(), inputs.variances.max()
        text = f"Inputs of {count}: variances {low:.3g} to {high:.3g} (mean {inputs.mean_variance:.3g})"
    if inputs.eigenvalues is not None and len(inputs.eigenvalues) != inputs.groups:
        text += f", of {len(inputs.eigenvalues)} eigenvalues"
    return text + ", along axes of their own" * (inputs.axes is not None)


def summary(inputs: Any) -> str:
    """Inputs in a few lines."""
    lines = [line(inputs)]
    if inputs.eigenvalues is not None:
        own = np.repeat(inputs.variances, inputs.directions(len(inputs.eigenvalues)))
        most = float(np.abs(inputs.eigenvalues / own - 1).max())
        lines.append(
            f"{len(inputs.eigenvalues)} eigenvalues from {inputs.eigenvalues.min():.3g} to"
            f" {inputs.eigenvalues.max():.3g} in {inputs.groups} groups; within a group they differ from its variance"
            f" by up to {100 * most:.2g} %"
        )
    if inputs.manifold is not None:
        m = inputs.manifold
        lines.append(f"{m!r}: <z f> = {m.b:.4g}, <f^2> - <f>^2 = {m.c2:.4g}")
    return "\n".join(lines)


def html(inputs: Any) -> str:
    """Inputs in a notebook: the first groups in a table."""
    if inputs.is_isotropic:
        return card(line(inputs))
    rows = [("variance", "fraction")]
    pairs = list(zip(inputs.variances.tolist(), inputs.fractions.tolist(), strict=True))
    rows += [(f"{variance:.3g}", f"{fraction:.3g}") for variance, fraction in pairs[:_ROWS]]
    rows += [("…", "…")] * (len(pairs) > _ROWS)
    return card(line(inputs), table(rows))
