"""stdyn: online learning in student-teacher networks, simulation and theory of the same network."""

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

import lazy_loader

__version__ = "0.1.0"

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
if find_spec("anywidget") is None:
    __all__.remove("Explorer")  # who asks for it is told what it needs; who takes all names has the others
    __dir__ = __all__.copy

_WINGS = {
    "averages": "model", "initial": "model", "schedule": "model", "summary": "analysis", "mnist": "layered",
    "plot": "figures", "scanplot": "figures", "layerplot": "figures", "outputplot": "figures", "theoryplot": "figures",
    "protocolplot": "figures", "inputplot": "figures", "views": "figures",
}  # fmt: skip  # the public modules that stand in a wing


def __getattr__(name):  # type: ignore[no-untyped-def]
    return _with_public_names(_load(name)) if name in _WINGS else _load(name)


def _with_public_names(module):  # type: ignore[no-untyped-def]
    """A public module whose dir(), which a tab completes names from, are what it offers: not what it imports."""
    names = vars(module)
    if "__all__" not in names:
        own = [name for name, value in names.items() if getattr(value, "__module__", None) == module.__name__]
        module.__all__ = [name for name in own if not name.startswith("_")]
    module.__dir__ = lambda: [*module.__all__, *(name for name in vars(module) if name.startswith("__"))]
    return module


class _PublicModules(MetaPathFinder, Loader):
    """`from stdyn.plot import figures` finds the module that `stdyn.plot` is, as `from stdyn import plot` does."""

    def find_spec(self, fullname, path=None, target=None):  # type: ignore[no-untyped-def]
        package, _, name = fullname.rpartition(".")
        return ModuleSpec(fullname, self) if package == __name__ and name in _WINGS else None

    def create_module(self, spec):  # type: ignore[no-untyped-def]
        name = spec.name.rpartition(".")[2]
        module = import_module(f"{__name__}.{_WINGS[name]}.{name}")
        spec.loader_state = module.__spec__
        return _with_public_names(module)

    def exec_module(self, module):  # type: ignore[no-untyped-def]
        module.__spec__ = module.__spec__.loader_state  # it was executed under its own name


sys.meta_path.append(_PublicModules())
