"""Layered networks that learn images by BP, FA and DFA: one network (epochs.py), or many into one file (runs.py).

May import: files and the modules below the wings.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    ["mnist"],
    {"epochs": ["train"], "history": ["History"], "network": ["Network", "random_feedback", "random_network"]},
)
