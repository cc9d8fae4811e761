"""How kernels are kept on the disk: an edit in any file is seen; what is loaded gives the bits of what was compiled."""

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from numba.core import itanium_mangler

import stdyn
from stdyn import Problem, initial, kernels
from stdyn.kernels import averages, compile

PACKAGE = Path(stdyn.__file__).parent

SOLVE = """
import hashlib, warnings
import numpy as np
import stdyn
warnings.simplefilter("ignore")
WITH_NOISE = ("erf", "bp"), ("relu", "bp")
rng = np.random.default_rng(3)
for activation in ("erf", "linear", "relu", "tanh", "gelu"):
    for rule in ("bp", "fa"):
        start = stdyn.initial.random_weights(2, 3, 200, 0.3, rng, v=0.3 * rng.standard_normal(2))
        b = rng.standard_normal(2) if rule == "fa" else None
        problem = stdyn.Problem(start, activation=activation, rule=rule, b=b, eta=0.1, eta_v=0.3, sigma=0.1,
                                decay=0.01, decay_v=0.02, N=200, quadrature=2048)
        theory = stdyn.integrate(problem, np.linspace(0, 30, 16))
        noise = stdyn.fluctuations(problem, [1.0, 2.0], points=2**9) if (activation, rule) in WITH_NOISE else None
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in (
            theory.R, theory.Q, theory.v, theory.eps_g,
            *(() if noise is None else (noise.covariance, noise.bias.R, noise.nonlinearity)))))
        print(activation, rule, digest.hexdigest())
"""

RIGHT_HAND_SIDE = """
import numpy as np
import stdyn
from stdyn.kernels import equations
from stdyn.theory import quadrature
start = stdyn.initial.prepared(1, 1, r=0.25)
problem = stdyn.Problem(start, activation="linear", eta=1, eta_v=1)
y = start.layout.pack(start.order_parameters)
print(*equations.right_hand_side(y, quadrature.parameters(problem)))
"""

EXPAND = """
import warnings
import stdyn
warnings.simplefilter("ignore")
start = stdyn.initial.prepared(2, 2, r=0.25)
problems = {{name: stdyn.Problem(start, activation=name, eta=0.1, eta_v=0.1, sigma=0.1, N=100) for name in {}}}
for problem in problems.values():
    stdyn.integrate(problem, [0, 1])
for name, problem in problems.items():
    noise = stdyn.fluctuations(problem, [0, 1], points=2**9)
    print(name, *noise.covariance[-1].ravel(), *noise.bias.R[-1].ravel())
"""


def in_a_new_process(code, cache, package=PACKAGE):
    """What the code prints, with its own folder of compiled functions."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(package.parent)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, cwd=cache, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def dispatchers():
    """Every compiled function of the folder by name."""
    found = {}
    for module in (m.name for package in (kernels, averages) for m in pkgutil.iter_modules(package.__path__)):
        for package in (kernels, averages):
            if (Path(package.__path__[0]) / f"{module}.py").is_file():
                names = vars(importlib.import_module(f"{package.__name__}.{module}"))
                found |= {f"{module}.{name}": each for name, each in names.items() if hasattr(each, "py_func")}
    return found


def test_every_kernel_carries_the_stamp_of_the_folder():
    """Not the date of its own file, by which numba would miss an edit in the file of a callee."""
    found = dispatchers()
    assert {"equations.right_hand_side", "network.network_run", "relu.averages"} <= found.keys()
    for name, dispatcher in found.items():
        assert dispatcher._cache._cache_file._source_stamp == compile._STAMP, name


def test_the_cache_is_used_by_one_process_at_a_time(tmp_path):
    """Loading and saving wait for the lock of the folder; numba alone may load the machine code of other types."""
    for name, dispatcher in dispatchers().items():
        assert hasattr(dispatcher._cache.save_overload, "__wrapped__"), name
        assert hasattr(dispatcher._cache.load_overload, "__wrapped__"), name
    code = "import fcntl, time\nwith open('.lock', 'w') as f:\n    fcntl.flock(f, fcntl.LOCK_EX)\n"
    code += "    print('locked', flush=True)\n    time.sleep(1)\n    open('done', 'w')"
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        assert compile._alone((tmp_path / "done").exists, str(tmp_path))()  # not before the other has let go


def test_every_kernel_says_how_sums_are_rounded():
    """A function that says nothing of fastmath inherits it from the function for which it is compiled."""
    for name, dispatcher in dispatchers().items():
        assert "fastmath" in dispatcher.targetoptions, name


@pytest.mark.slow
def test_an_edit_in_the_file_of_a_callee_is_seen(tmp_path):
    """overlaps (algebra.py) doubled doubles terms of the right-hand side (equations.py), without clearing a cache."""
    copy = shutil.copytree(PACKAGE, tmp_path / "copy" / "stdyn", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "cache").mkdir()
    before = in_a_new_process(RIGHT_HAND_SIDE, tmp_path / "cache", copy)
    assert in_a_new_process(RIGHT_HAND_SIDE, tmp_path / "cache", copy) == before
    algebra = copy / "kernels" / "algebra.py"
    text, stamp = algebra.read_text(), algebra.stat()
    assert "product[i, a] += A[i, o] * B[a, o]" in text
    algebra.write_text(text.replace("product[i, a] += A[i, o] * B[a, o]", "product[i, a] += 2 * A[i, o] * B[a, o]"))
    os.utime(algebra, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # not even its date says so
    assert in_a_new_process(RIGHT_HAND_SIDE, tmp_path / "cache", copy) != before


def test_what_is_used_is_compiled_and_said_once(tmp_path):
    """The first solution with linear units says that it compiles, and compiles nothing of other laws; then silence."""
    code = "from stdyn import kernels\nlistening = kernels.on_compile(print)\nlistening.__enter__()\n" + RIGHT_HAND_SIDE
    code += "from stdyn.kernels.averages import erf, points, relu\n"
    code += "print(*(len(f.overloads) for f in (equations.overlaps, erf.H_erf, relu._H_relu, points.fill)))"
    said, numbers, compiled = in_a_new_process(code, tmp_path)
    assert said.startswith("compiling what is needed")
    assert compiled.split()[0] != "0"
    assert compiled.split()[1:] == ["0", "0", "0"]
    assert in_a_new_process(code, tmp_path)[:-1] == [numbers]


def test_what_is_compiled_outside_the_package_or_later_is_not_said():
    """A function of a text that was run may have no module; after the context nobody listens."""
    said, names = [], {"__name__": None}
    exec("def double(x):\n    return 2 * x", names)
    assert names["double"].__module__ is None
    with compile.on_compile(said.append):
        assert numba.njit(names["double"])(2) == 4
    assert said == []
    names["double"].__module__ = "stdyn.kernels.tests"
    assert numba.njit(names["double"])(2) == 4
    assert said == []
    with compile.on_compile(said.append):
        assert numba.njit(names["double"])(2) == 4
    assert len(said) == 1


def test_without_numbas_private_attribute_it_is_said(monkeypatch):
    """Kernels are kept all the same, by the date of their own file."""
    other = SimpleNamespace(_cache=SimpleNamespace(_cache_file=SimpleNamespace()))
    monkeypatch.setattr(compile, "njit", lambda **_: lambda function: other)
    with pytest.warns(RuntimeWarning, match="keeps its cache in another way"):
        assert compile._kernel(fastmath=False)(np.sin) is other


def test_the_types_of_kernels_arguments_have_one_name_in_every_process():
    """numba names machine code by them; a structured array's name has a number that is another one in each process."""
    names = {}
    for law in (averages.NONE, *averages.LAWS):
        problem = Problem(initial.prepared(1, 1, r=0.25), eta=1, eta_v=1)
        arguments = numba.typeof(problem.parameters_with(averages.table(law)))
        names[law] = itanium_mangler.mangle_type(arguments)
        assert "Record" not in names[law]
        assert all(
            getattr(each, "dtype", each) in (numba.float64, numba.int64, numba.boolean) for each in arguments.types
        )
    assert len(set(names.values())) == len(averages.LAWS) + 1


@pytest.mark.slow
def test_what_two_processes_compiled_for_two_laws_is_kept_apart(tmp_path):
    """The third, which loads it all, gives what they gave: of two functions with one name it would run either."""
    cold = [line for law in ("relu", "tanh") for line in in_a_new_process(EXPAND.format((law,)), tmp_path)]
    assert cold[0].split()[1:] != cold[1].split()[1:]
    assert in_a_new_process(EXPAND.format(("relu", "tanh")), tmp_path) == cold


@pytest.mark.slow
def test_a_cold_and_a_warm_cache_give_the_same_bits(tmp_path):
    """Of every law of the averages: one process compiles, the next loads. A resumed scan promises it."""
    cold = in_a_new_process(SOLVE, tmp_path)
    assert len(cold) == 10
    assert in_a_new_process(SOLVE, tmp_path) == cold
