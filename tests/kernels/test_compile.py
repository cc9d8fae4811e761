"""How kernels are kept on the disk: an edit in any file is seen; what is loaded gives the bits of what was compiled."""

import errno
import importlib
import os
import pkgutil
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from numba.core import event, itanium_mangler

import stdyn
from stdyn import Problem, initial, kernels
from stdyn.kernels import averages, compile

PACKAGE = Path(stdyn.__file__).parent

SOLVE = """
import hashlib, warnings
import numpy as np
import stdyn
warnings.simplefilter("ignore")
WITH_NOISE = ("erf", "bp"), ("relu", "bp"), ("tanh", "bp")
for activation in {}:
    rng = np.random.default_rng(3)
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


RECORD = """
import numpy as np
from stdyn.kernels import network
W, v, R, Q = np.array([[3.0, 1.0]]), np.ones((1, 1)), np.empty((1, 1)), np.empty((1, 1))
network.network_record(W, v, W, R, Q, np.empty((1, 1)))
print(R[0, 0], Q[0, 0])
"""


def in_a_new_process(code, cache, package=PACKAGE, said=""):
    """What the code prints, with its own folder of compiled functions; and `said` on stderr."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(package.parent)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, cwd=cache, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert said in run.stderr
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
    """overlaps (algebra.py) doubled doubles what is recorded of networks (network.py), without clearing a cache."""
    copy = shutil.copytree(PACKAGE, tmp_path / "copy" / "stdyn", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "cache").mkdir()
    for _ in range(2):
        assert in_a_new_process(RECORD, tmp_path / "cache", copy) == ["10.0 10.0"]
    algebra = copy / "kernels" / "algebra.py"
    text, stamp = algebra.read_text(), algebra.stat()
    assert "product[i, a] += A[i, o] * B[a, o]" in text
    algebra.write_text(text.replace("product[i, a] += A[i, o] * B[a, o]", "product[i, a] += 2 * A[i, o] * B[a, o]"))
    os.utime(algebra, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # not even its date says so
    assert in_a_new_process(RECORD, tmp_path / "cache", copy) == ["20.0 20.0"]


def test_what_is_used_is_compiled_and_said_once(tmp_path):
    """The first solution with linear units says on stderr that it compiles, and compiles nothing of other laws."""
    code = RIGHT_HAND_SIDE + "from stdyn.kernels.averages import erf, points, relu\n"
    code += "print(*(len(f.overloads) for f in (equations.overlaps, erf.H_erf, relu._H_relu, points.fill)))"
    numbers, compiled = in_a_new_process(code, tmp_path, said="stdyn: compiling what is needed, once")
    assert compiled.split()[0] != "0"
    assert compiled.split()[1:] == ["0", "0", "0"]
    assert in_a_new_process(code, tmp_path)[:-1] == [numbers]


def test_what_is_compiled_outside_the_package_is_not_said(monkeypatch, capsys):
    """A function of a text that was run may have no module; where stderr is closed nothing is said."""
    listener, names = compile._Compilations(), {"__name__": None}
    monkeypatch.setattr(compile._compilations, "silent", True)
    exec("def double(x):\n    return 2 * x", names)
    assert names["double"].__module__ is None
    with event.install_listener("numba:compile", listener):
        assert numba.njit(names["double"])(2) == 4
        assert listener.seconds > 0
        names["double"].__module__ = "stdyn.kernels.tests"
        with monkeypatch.context() as context:
            context.setattr(sys, "stderr", None)
            assert numba.njit(names["double"])(2) == 4
        assert capsys.readouterr() == ("", "")
        listener.silent = False
        for _ in range(2):
            assert numba.njit(names["double"])(2) == 4
    assert capsys.readouterr().err.count("compiling what is needed") == 1


def test_a_stopwatch_leaves_compiling_out(monkeypatch):
    """Of 10 seconds 4 are spent on a kernel that needs another one; a stopwatch that was made later knows nothing."""
    now = [0.0]
    listener = compile._Compilations()
    monkeypatch.setattr(compile.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(compile, "_compilations", listener)
    listener.silent = True
    happened = SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=in_a_new_process)})
    stopwatch = compile.Stopwatch()
    for second, what in ((2, listener.on_start), (3, listener.on_start), (4, listener.on_end), (6, listener.on_end)):
        now[0] = second
        what(happened)
    now[0] = 10
    assert stopwatch.seconds == 6
    assert compile.Stopwatch().seconds == 0


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """kept() gives a kernel anew, as a new process would, whose machine code is kept in tmp_path / "__pycache__"."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    file = tmp_path / "kernel.py"
    file.write_text("from stdyn.kernels.compile import compiled\n\n@compiled\ndef f(x):\n    return x + 1\n")
    return lambda: runpy.run_path(str(file))["f"]


def hits(kernel):
    """How many variants were loaded, after one was used."""
    assert kernel(1) == 2
    return sum(kernel.stats.cache_hits.values())


@pytest.mark.parametrize("left", [0, 3, 90])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_what_is_kept_but_damaged_is_compiled_anew(kept, tmp_path, ending, left):
    """Files of the cache that were cut off, as after a crash, are written anew."""
    assert [hits(kept()), hits(kept())] == [0, 1]
    (file,) = (tmp_path / "__pycache__").glob(f"*.{ending}")
    file.write_bytes(file.read_bytes()[:left])
    assert [hits(kept()), hits(kept())] == [0, 1]


def _no_room(path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def test_a_full_disk_is_said_once(kept, monkeypatch):
    """Machine code that cannot be kept is used all the same."""
    compile._not_kept.cache_clear()
    kernels = kept(), kept()
    for kernel in kernels:
        monkeypatch.setattr(kernel._cache._cache_file, "_open_for_write", _no_room)
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR") as said:
        assert [hits(kernel) for kernel in kernels] == [0, 0]
    assert len(said) == 1


def test_without_a_folder_to_write_to_nothing_is_kept(kept, tmp_path, monkeypatch):
    """Neither beside the file nor at home, as in a container: said once, with what helps."""
    compile._not_kept.cache_clear()
    (tmp_path / "__pycache__").write_text("a file, not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "__pycache__" / "cache"))
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR") as said:
        assert [hits(kept()), hits(kept())] == [0, 0]
    assert len(said) == 1


@pytest.mark.slow
def test_a_package_that_cannot_be_written_to_works_without_a_home(tmp_path):
    """A line that names NUMBA_CACHE_DIR, no traceback; whoever runs this, root too."""
    copy = shutil.copytree(PACKAGE, tmp_path / "copy" / "stdyn", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (copy / "kernels", copy / "kernels" / "averages"):
        (folder / "__pycache__").write_text("a file, not a folder")
    there = {"PYTHONPATH": str(copy.parent), "XDG_CACHE_HOME": "/dev/null/no", "HOME": "/dev/null/no"}
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"} | there
    command = [sys.executable, "-B", "-m", "stdyn", "integrate", "--alpha-max", "1", "--K", "2", "--M", "2"]
    command += ["--activation", "linear"]  # of which the least is compiled
    found = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    warned, compiling = found.stderr.splitlines()
    assert "NUMBA_CACHE_DIR" in warned
    assert compiling.startswith("stdyn: compiling")


def test_without_a_compiler_it_is_said(tmp_path):
    """NUMBA_DISABLE_JIT, which makes half of the kernels fail: one line, from the command too."""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-m", "stdyn", "integrate", "--alpha-max", "1"]
    found = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (found.returncode, found.stderr.count("\n")) == (1, 1)
    assert "NUMBA_DISABLE_JIT is set" in found.stderr


def test_without_numbas_private_attribute_it_is_said(monkeypatch):
    """Kernels are kept all the same, by the date of their own file."""
    other = SimpleNamespace(_cache=SimpleNamespace(_cache_file=SimpleNamespace()), enable_caching=list)
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
def test_a_cold_and_a_warm_cache_give_the_same_bits(tmp_path):
    """Of every law of the averages: two processes compile some each, and a third, which loads it all, gives the same.

    A resumed scan promises it; of two functions with one name the third would run either.
    """
    some = ("erf", "linear", "relu"), ("tanh", "gelu")
    cold = [line for laws in some for line in in_a_new_process(SOLVE.format(laws), tmp_path)]
    assert len(set(cold)) == 10
    assert in_a_new_process(SOLVE.format(sum(some, ())), tmp_path) == cold
