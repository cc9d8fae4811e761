from . import averages, initial, plot, scanplot, summary
from .cluster import ClusterExecutor
from .comparison import Comparison, compare, match_teachers
from .errors import (
    DivergenceWarning,
    InputError,
    Interrupted,
    ScanInterrupted,
    ScanStopped,
    SymmetryWarning,
)
from .experiment import Experiment
from .initial import weights
from .ode import integrate
from .problem import OrderParameters, Problem
from .scanfile import Scan, open_scan
from .scanning import processes, scan
from .simulate import simulate_network, simulate_reduced
from .trajectory import Trajectory, load
from .variations import Variations

__version__: str

__all__ = [
    "OrderParameters",
    "Problem",
    "integrate",
    "simulate_network",
    "simulate_reduced",
    "compare",
    "match_teachers",
    "scan",
    "open_scan",
    "processes",
    "ClusterExecutor",
    "load",
    "weights",
    "Trajectory",
    "Comparison",
    "Scan",
    "Variations",
    "Experiment",
    "averages",
    "initial",
    "summary",
    "plot",
    "scanplot",
    "InputError",
    "Interrupted",
    "ScanInterrupted",
    "ScanStopped",
    "DivergenceWarning",
    "SymmetryWarning",
]
