"""Layered networks that learn images by BP, FA and DFA: one network, or many into one file.

May import: files and the modules beside the wings, and figures of trajectories not at all.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    ["mnist"],
    {"epochs": ["train"], "history": ["History"], "network": ["Network", "random_feedback", "random_network"]},
)
