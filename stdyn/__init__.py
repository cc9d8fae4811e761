"""stdyn: online learning in student-teacher networks, simulation and theory of the same network."""

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

_WINGS = {
    "averages": "model", "initial": "model", "summary": "analysis", "mnist": "layered",
    "plot": "figures", "scanplot": "figures", "layerplot": "figures", "outputplot": "figures", "theoryplot": "figures",
}  # fmt: skip  # the public modules that stand in a wing


class _PublicModules(MetaPathFinder, Loader):
    """`from stdyn.plot import figures` finds the module that `stdyn.plot` is, as `from stdyn import plot` does."""

    def find_spec(self, fullname, path=None, target=None):  # type: ignore[no-untyped-def]
        package, _, name = fullname.rpartition(".")
        return ModuleSpec(fullname, self) if package == __name__ and name in _WINGS else None

    def create_module(self, spec):  # type: ignore[no-untyped-def]
        name = spec.name.rpartition(".")[2]
        module = import_module(f"{__name__}.{_WINGS[name]}.{name}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):  # type: ignore[no-untyped-def]
        module.__spec__ = module.__spec__.loader_state  # it was executed under its own name


sys.meta_path.append(_PublicModules())
