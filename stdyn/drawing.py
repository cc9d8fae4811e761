"""Values draw themselves by functions of the wing `figures`, which stands above them and is looked up when needed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:
    Axes = Any  # what values draw in; matplotlib itself is imported by figures only


def draw(kind: str, /, *arguments: Any, **options: Any) -> Any:
    """What the function `kind` of stdyn/figures/ofvalues.py draws, and returns."""
    return getattr(import_module("stdyn.figures.ofvalues"), kind)(*arguments, **options)
