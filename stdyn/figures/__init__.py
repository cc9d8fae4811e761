"""Every picture; the only importers of matplotlib.

May import: all wings but command.
"""

import lazy_loader

from stdyn.figures.backend import load_matplotlib

load_matplotlib()

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, ["inputplot", "layerplot", "outputplot", "plot", "protocolplot", "scanplot", "theoryplot", "views"]
)
