from . import averages, initial, plot
from .comparison import Comparison, compare, match_teachers
from .errors import DivergenceWarning, InputError, Interrupted, SymmetryWarning
from .initial import weights
from .ode import integrate
from .problem import OrderParameters, Problem
from .simulate import simulate_network, simulate_reduced
from .trajectory import Trajectory, load

__version__: str

__all__ = [
    "OrderParameters",
    "Problem",
    "integrate",
    "simulate_network",
    "simulate_reduced",
    "compare",
    "match_teachers",
    "load",
    "weights",
    "Trajectory",
    "Comparison",
    "averages",
    "initial",
    "plot",
    "InputError",
    "Interrupted",
    "DivergenceWarning",
    "SymmetryWarning",
]
