"""What is solved, from what start, and the result: problems, order parameters, activations, trajectories.

May import: kernels, files and the modules below the wings.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["averages", "initial", "schedule"])
