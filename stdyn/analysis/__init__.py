"""Simulation held to theory, and trajectories in numbers: verdicts, plateaus, escape times.

May import: theory, simulation and what is below them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["summary"])
