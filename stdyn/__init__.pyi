from . import averages, initial, layered, layerplot, mnist, outputplot, plot, scanplot, summary, theoryplot
from .activations import Activation, activation
from .cluster import ClusterExecutor
from .comparison import Comparison, compare, match_teachers, z_scores
from .errors import (
    DivergenceWarning,
    InputError,
    Interrupted,
    ScanInterrupted,
    ScanStopped,
    SymmetryWarning,
    TrainingInterrupted,
    TrainingStopped,
)
from .escape import EscapeTimes, Plateau, escape_times, plateaus
from .experiment import Experiment
from .fixedpoints import FixedPoint, critical_eta, fixed_points
from .histories import Histories, open_training
from .history import History
from .initial import weights
from .linearnoise import Fluctuations, fluctuations, load_fluctuations
from .ode import integrate
from .problem import OrderParameters, Problem
from .scanfile import Scan, open_scan
from .scanning import processes, scan
from .simulate import simulate_network, simulate_reduced
from .studies import Study, study
from .training import Training
from .trainings import train
from .trajectory import Trajectory, load
from .variations import Variations

__version__: str

__all__ = [
    "OrderParameters",
    "Problem",
    "activation",
    "integrate",
    "simulate_network",
    "simulate_reduced",
    "compare",
    "match_teachers",
    "fluctuations",
    "load_fluctuations",
    "z_scores",
    "fixed_points",
    "critical_eta",
    "plateaus",
    "escape_times",
    "study",
    "scan",
    "open_scan",
    "processes",
    "train",
    "open_training",
    "ClusterExecutor",
    "load",
    "weights",
    "Activation",
    "Trajectory",
    "Comparison",
    "Fluctuations",
    "FixedPoint",
    "Plateau",
    "EscapeTimes",
    "Study",
    "Scan",
    "Variations",
    "Experiment",
    "Training",
    "Histories",
    "History",
    "averages",
    "initial",
    "summary",
    "layered",
    "mnist",
    "plot",
    "scanplot",
    "layerplot",
    "outputplot",
    "theoryplot",
    "InputError",
    "Interrupted",
    "ScanInterrupted",
    "ScanStopped",
    "TrainingInterrupted",
    "TrainingStopped",
    "DivergenceWarning",
    "SymmetryWarning",
]
