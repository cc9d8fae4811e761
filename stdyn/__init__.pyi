from . import layered
from .analysis import summary
from .analysis.comparison import compare, z_scores
from .analysis.escape import escape_times, plateaus
from .analysis.leaving import EscapeTimes, Plateau
from .analysis.matching import match_teachers
from .analysis.verdict import Comparison
from .errors import (
    DivergenceWarning,
    InputError,
    Interrupted,
    NoAverageWarning,
    NoGradientWarning,
    NothingFoundWarning,
    NotWritten,
    SameRuleWarning,
    ScanInterrupted,
    ScanStopped,
    SolverWarning,
    SymmetryWarning,
    TrainingInterrupted,
    TrainingStopped,
)
from .executors import ClusterExecutor, processes
from .explorer.widget import Explorer
from .figures import inputplot, layerplot, outputplot, plot, protocolplot, scanplot, theoryplot, views
from .layered import mnist
from .layered.history import History
from .layered.runs import train
from .layered.training import Training
from .layered.trainingfile import Histories, open_training
from .model import averages, initial, schedule
from .model.activations import Activation, activation
from .model.concatenating import concat
from .model.experiment import Experiment
from .model.initial import weights
from .model.inputs import Inputs
from .model.problem import Problem
from .model.schedule import Schedule
from .model.state import OrderParameters
from .model.tasks import Tasks, similar
from .model.trajectory import Trajectory, load
from .scans.scanfile import Scan, open_scan
from .scans.scanning import scan
from .scans.studies import Study, study
from .scans.variations import Variations
from .simulation.runs import simulate_network, simulate_reduced
from .theory.binning import binning_error
from .theory.critical import critical_eta
from .theory.fixedpoint import FixedPoint
from .theory.fixedpoints import fixed_points
from .theory.flow import Flow, flow
from .theory.fluctuations import fluctuations, load_fluctuations
from .theory.ode import integrate
from .theory.scatter import Fluctuations

__version__: str

__all__ = [
    "OrderParameters",
    "Problem",
    "Inputs",
    "Tasks",
    "similar",
    "schedule",
    "Schedule",
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
    "flow",
    "critical_eta",
    "binning_error",
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
    "concat",
    "weights",
    "Activation",
    "Trajectory",
    "Comparison",
    "Fluctuations",
    "FixedPoint",
    "Flow",
    "Plateau",
    "EscapeTimes",
    "Study",
    "Scan",
    "Variations",
    "Experiment",
    "Explorer",
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
    "protocolplot",
    "inputplot",
    "views",
    "InputError",
    "Interrupted",
    "NotWritten",
    "ScanInterrupted",
    "ScanStopped",
    "TrainingInterrupted",
    "TrainingStopped",
    "DivergenceWarning",
    "NoAverageWarning",
    "NoGradientWarning",
    "NothingFoundWarning",
    "SameRuleWarning",
    "SolverWarning",
    "SymmetryWarning",
]
