"""Measure stdyn on the reference experiment and print a table: python benchmarks/run.py [--quick] [--long]

Everything is measured in one run, warm and on one core unless a row says otherwise. A time is the median of several
repeats; what is divided by one another is measured in turns, and the ratio is the median of the ratios of each turn.
Targets were set on one core of a 2-core AMD EPYC machine.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import cProfile
import platform
import pstats
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy_script

import stdyn
from stdyn import averages
from stdyn.kernels import equations, state
from stdyn.kernels import network as network_kernels
from stdyn.kernels import random as random_kernels
from stdyn.simulation import streams
from stdyn.theory import quadrature

QUICK = "--quick" in sys.argv[1:]
ALL_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
BLOCK = 32  # examples drawn at a time where NumPy's normals or a kernel are timed alone: 128 kB at N = 500
UNITS = {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "x": 1, "MB": 1, "kB": 1e-3, "a second": 1}


# ---------------------------------------------------------------------------------------------------------------------
# Timing


@contextmanager
def cores(n):
    """Let this thread, and the threads it starts, use n cores only (where the system allows it)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(ALL_CORES)[:n])
    try:
        yield
    finally:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, ALL_CORES)


def seconds(function, clock=perf_counter):
    """The seconds one call takes."""
    began = clock()
    function()
    return clock() - began


def in_turns(functions, repeats, clock=perf_counter):
    """Seconds of each function, shape (repeats, functions): all are called once, then in turns."""
    for function in functions:
        function()
    return np.array([[seconds(function, clock) for function in functions] for _ in range(repeats)])


def median(function, repeats):
    """Median seconds of a call, after one call that is not counted."""
    return float(np.median(in_turns([function], repeats)))


def looped(function, *arguments, number):
    """A function that makes `number` calls."""

    def loop():
        for _ in range(number):
            function(*arguments)

    return loop


def row(quantity, value, unit, target=None, note="", least=None):
    """One line of the table: `value` in seconds (or MB, or one), at most `target` or at least `least` in `unit`."""
    value /= UNITS[unit]
    sign = "×" if unit == "x" else f" {unit.replace('us', 'µs')}"
    wanted = "–" if target is None else f"≤ {target:g}{sign}"
    wanted = wanted if least is None else f"≥ {least:g}{sign}"
    if (target is not None and value > target) or (least is not None and value < least):
        note = f"**missed** {note}".strip()
    print(f"| {quantity} | {value:.3g}{sign} | {wanted} | {note} |", flush=True)
    return value


def heading(text):
    """A row that separates the groups of the table."""
    print(f"| **{text}** | | | |")


# ---------------------------------------------------------------------------------------------------------------------
# The problems


def reference(rule="fa", K=5, M=5, N=500):
    """The reference experiment: a random start, both layers trained with rate 1/2."""
    rng = np.random.default_rng(1)
    start = stdyn.initial.random_weights(K, M, N, 0.2, rng=rng, v=0.1 * rng.standard_normal(K))
    b = rng.standard_normal(K) if rule == "fa" else None
    return stdyn.Problem(start, N=N, rule=rule, b=b, eta=0.5, eta_v=0.5)


def packed(problem):
    """The arguments of equations.right_hand_side at the start."""
    start = problem.start
    return state.pack(start.R, start.Q, start.v[:, None]), quadrature.parameters(problem)


def overlaps(problem):
    """The arguments of the NumPy script's right-hand side at the start."""
    start = problem.start
    return start.R, start.Q, start.v, start.T, start.v_teacher, problem.b


def check_numpy_script(problem):
    """Hold the script to stdyn: the same derivative and, on the same examples, the same weights."""
    dR, dQ, dv = numpy_script.right_hand_side(*overlaps(problem))
    np.testing.assert_allclose(state.pack(dR, dQ, dv[:, None]), equations.right_hand_side(*packed(problem)), atol=1e-14)
    W, W_teacher = stdyn.weights(problem, problem.N, np.random.default_rng(2))
    _, v_teacher, b, *_ = problem.parameters
    rng = np.random.default_rng(3)
    expected = numpy_script.simulate(W, problem.start.v, W_teacher, v_teacher[:, 0], b[:, 0], 2000, rng)
    v, xi = problem.start.v[:, None].copy(), np.random.default_rng(3).standard_normal((2000, problem.N))
    network_kernels.network_steps(W, v, W_teacher, xi, np.zeros((2000, 1)), problem.parameters, 0)
    np.testing.assert_allclose(W, expected[0], atol=1e-12)
    np.testing.assert_allclose(v[:, 0], expected[1], atol=1e-12)


# ---------------------------------------------------------------------------------------------------------------------
# The groups of the table


def right_hand_sides():
    """One evaluation, at several sizes."""
    heading("Right-hand side of the ODEs, FA, erf, both layers")
    for units, number, target in ((2, 2000, None), (5, 1000, 6), (20, 10, 1500)):
        arguments = packed(reference(K=units, M=units))
        time = median(looped(equations.drift, *arguments, number=number), 11) / number
        row(f"K = M = {units}", time, "us", target)
        if units == 5:
            fast = time
    time = median(looped(numpy_script.right_hand_side, *overlaps(reference()), number=100), 11) / 100
    row("plain NumPy, K = M = 5", time, "us", note=f"{time / fast:.0f} times stdyn's")


def largest_error(a, b):
    """Over R, Q, v and eps_g, at all alphas."""
    return max(np.abs(getattr(a, name) - getattr(b, name)).max() for name in ("R", "Q", "v", "eps_g"))


def odes():
    """stdyn.integrate to alpha = 1000, and the Euler steps of the script."""
    heading("ODEs to alpha = 1000, K = M = 5, both layers trained")
    alphas = np.linspace(0, 1000, 1001)
    for rule in ("fa", "bp"):
        problem = reference(rule)
        time = median(lambda p=problem: stdyn.integrate(p, alphas), 3 if QUICK else 9)
        exact = stdyn.integrate(problem, alphas, rtol=1e-12)
        error = largest_error(stdyn.integrate(problem, alphas), exact)
        row(
            f"`stdyn.integrate`, {rule.upper()}",
            time,
            "s",
            0.15,
            f"largest error {error:.1e}; {profile(problem, alphas)}",
        )
    numpy_euler(reference(), 10 if QUICK else 100)


def profile(problem, alphas):
    """How many right-hand sides one integration takes, and their share of its time."""
    profiler = cProfile.Profile()
    profiler.runcall(stdyn.integrate, problem, alphas)
    calls = next(n for (_, _, name), (_, n, *_) in pstats.Stats(profiler).stats.items() if name == "drift")
    one = looped(equations.drift, *packed(problem), number=calls)
    turns = in_turns([one, lambda: stdyn.integrate(problem, alphas)], 3 if QUICK else 9)
    return f"{calls} right-hand sides, {np.median(turns[:, 0] / turns[:, 1]):.0%} of the time"


def numpy_euler(problem, alpha):
    """The script's Euler steps to `alpha`, extrapolated to 1000."""
    began = perf_counter()
    R, Q, v = numpy_script.euler(*overlaps(problem), alpha, dt=0.01)
    time = perf_counter() - began
    exact = stdyn.integrate(problem, np.arange(alpha + 1), rtol=1e-12)
    error = max(np.abs(a[::100] - b).max() for a, b in ((R, exact.R), (Q, exact.Q), (v, exact.v)))
    note = f"extrapolated from alpha = {alpha}; largest error until there {error:.1e}"
    row("plain NumPy, Euler, dt = 0.01, FA", 1000 / alpha * time, "s", note=note)


def network():
    """A step of the network against the normals it needs, its arithmetic alone and the NumPy script."""
    heading("A step of the network, N = 500, K = M = 5, FA, one core")
    problem, alphas = reference(), np.linspace(0, 20 if QUICK else 100, 11)
    blocks = round(alphas[-1] * problem.N) // BLOCK
    steps = blocks * BLOCK
    buffer = np.empty((BLOCK, problem.N))

    def simulate(normals, bits=np.random.PCG64):
        return lambda: stdyn.simulate_network(
            problem, alphas, rng=np.random.Generator(bits(1)), workers=1, normals=normals
        )

    def numpys(bits):
        return looped(lambda rng: rng.standard_normal(out=buffer), np.random.Generator(bits(1)), number=blocks)

    ours = looped(
        random_kernels.normals, streams.stream(np.random.default_rng(1), 32), np.empty((512, 32)), number=blocks
    )
    functions = [simulate("fast"), ours, looped(arithmetic(problem), number=blocks)]
    for bits in (np.random.PCG64, np.random.SFC64):
        functions += [simulate("numpy", bits), numpys(bits)]
    turns = in_turns(functions, 3 if QUICK else 9) / steps
    fast, normals, kernel, pcg64, normals_pcg64, sfc64, normals_sfc64 = np.median(turns, axis=0)

    def ratio(first, second):
        return np.median(turns[:, first] / turns[:, second])

    row("`stdyn.simulate_network`", fast, "us", 3, f"of which {kernel * 1e6:.2g} µs are arithmetic")
    row("its normals alone, 512 of them", normals, "us", note=f"{normals / 512 * 1e9:.2g} ns each")
    row("ratio of the two", ratio(0, 1), "x")
    row('`normals="numpy"`, PCG64', pcg64, "us", note=f"{ratio(3, 0):.1f} times the fast one")
    row("NumPy's normals alone, PCG64", normals_pcg64, "us", note=f"{normals_pcg64 / 500 * 1e9:.2g} ns each")
    row("ratio of the two, PCG64", ratio(3, 4), "x", 1.4)
    row('`normals="numpy"`, SFC64', sfc64, "us", note=f"{ratio(5, 0):.1f} times the fast one")
    row("NumPy's normals alone, SFC64", normals_sfc64, "us", note=f"{normals_sfc64 / 500 * 1e9:.2g} ns each")
    row("ratio of the two, SFC64", ratio(5, 6), "x", 1.4)
    time = script_step(problem)
    row("plain NumPy script, PCG64", time, "us", note=f"{time / fast:.0f} times `simulate_network`")
    return fast, time


def reduced(network_step, script):
    """A step of a reduced run: many at once, few, at any N."""
    heading("A step of a reduced run, N = 500, K = M = 5, FA, one core")
    problem, steps = reference(), 10_000 if QUICK else 50_000
    last = {N: replace(problem, N=N) for N in (500, 10**6)}

    def simulate(runs, N=500, normals="fast", share=1):
        count = int(steps * share / runs)
        return lambda: stdyn.simulate_reduced(
            last[N], [count / N], runs, rng=np.random.default_rng(1), workers=1, normals=normals
        ), count * runs

    many = 256
    cases = [simulate(many, share=40), simulate(many, 10**6, share=40), simulate(8, share=10), simulate(1, share=2),
             simulate(64, share=10, normals="numpy")]  # fmt: skip
    turns = in_turns([function for function, _ in cases], 3 if QUICK else 9) / [count for _, count in cases]
    step, _, eight, one, numpy = np.median(turns, axis=0)
    row(f"`stdyn.simulate_reduced`, {many} runs, a step of each", step, "us", 0.4)
    row("the same at N = 1000000 over N = 500", np.median(turns[:, 1] / turns[:, 0]), "x", 1.05)
    row("8 runs, a step of each", eight, "us", note=f"{8 * eight * 1e6:.2g} µs a step of all")
    row("1 run", one, "us", note="no SIMD over runs")
    row(
        '64 runs, `normals="numpy"`', numpy, "us", note=f"{np.median(turns[:, 4] / turns[:, 0]):.1f} times the fast one"
    )
    row("a step of the network over one of a reduced run", network_step / step, "x")
    row("a step of the NumPy script over one of a reduced run", script / step, "x")


def records():
    """What it costs to record every one of 20,000 steps, against recording the last alone."""
    heading("20,000 steps of one run recorded one by one, K = M = 2, N = 1000, one core")
    problem, steps = reference(K=2, M=2, N=1000), 2_000 if QUICK else 20_000
    for simulate in (stdyn.simulate_network, stdyn.simulate_reduced):
        cases = [
            lambda simulate=simulate, alphas=alphas: simulate(problem, alphas, rng=np.random.default_rng(1), workers=1)
            for alphas in (np.arange(1, steps + 1) / 1000, [steps / 1000])
        ]
        turns = in_turns(cases, 3 if QUICK else 9)
        each, last = np.median(turns, axis=0)
        row(f"`stdyn.{simulate.__name__}`", each, "s", note=f"{last:.2g} s without")
        row("a record", np.median(turns[:, 0] - turns[:, 1]) / steps, "us", 10)


def arithmetic(problem):
    """A function that takes BLOCK steps on examples drawn beforehand."""
    W, W_teacher = stdyn.weights(problem, problem.N, np.random.default_rng(2))
    v, xi = problem.start.v[:, None].copy(), np.random.default_rng(3).standard_normal((BLOCK, problem.N))
    zeta, parameters = np.zeros((BLOCK, 1)), problem.parameters
    return lambda: network_kernels.network_steps(W, v, W_teacher, xi, zeta, parameters, 0)


def script_step(problem, steps=5000):
    """Seconds a step of the NumPy script."""
    W, W_teacher = stdyn.weights(problem, problem.N, np.random.default_rng(2))
    start, rng = problem.start, np.random.default_rng(3)
    arguments = W, start.v, W_teacher, start.v_teacher, problem.b, steps, rng
    return median(lambda: numpy_script.simulate(*arguments), 3 if QUICK else 9) / steps


def workers():
    """Two threads against one, on ensembles."""
    heading("Two cores against one")
    if len(ALL_CORES) < 2:
        print("| 2 workers against 1 | – | – | only one core |")
        return
    problem, end = reference(), 20 if QUICK else 200

    def network(n):
        return lambda: stdyn.simulate_network(problem, [end], 8, rng=np.random.default_rng(1), workers=n)

    def many(n):
        return lambda: stdyn.simulate_reduced(problem, [end / 4], 512, rng=np.random.default_rng(1), workers=n)

    functions = [function(n) for function in (network, many, normals_in_threads) for n in (1, 2)]
    with cores(2):
        turns = in_turns(functions, 3 if QUICK else 15)
    note = "speed-up; 2 is ideal"
    row("8 networks of N = 500, 2 workers", np.median(turns[:, 0] / turns[:, 1]), "x", least=1.9, note=note)
    row("512 reduced runs, 2 workers", np.median(turns[:, 2] / turns[:, 3]), "x", least=1.9, note=note)
    note = "what the machine had to give"
    row("two threads that only draw normals against one", np.median(turns[:, 4] / turns[:, 5]), "x", note=note)


def memory():
    """What ten times the steps, with as many records, add to the memory of a fresh process."""
    heading("Memory: peak of a process with 10 times the steps over that with the steps")
    program = (
        "import resource, sys, numpy as np, stdyn;"
        "rng = np.random.default_rng(1);"
        "start = stdyn.initial.random_weights(5, 5, 500, 0.2, rng=rng);"
        "problem = stdyn.Problem(start, N=500, eta=0.5, eta_v=0.5);"
        "alphas = np.linspace(0, float(sys.argv[2]), 11);"
        "getattr(stdyn, 'simulate_' + sys.argv[1])(problem, alphas, 8, rng=rng);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    for method in ("network", "reduced"):
        peaks = [
            int(subprocess.run([sys.executable, "-c", program, method, end], capture_output=True, check=True).stdout)
            for end in ("20", "20", "200")
        ]
        row(f"{method} runs", (peaks[2] - peaks[1]) / 1024, "MB", 5, f"of {peaks[1] / 1024:.0f} MB")


def long():
    """10^8 steps of a reduced run: N = 10^6 to alpha = 100."""
    heading("N = 1000000, K = M = 5, to alpha = 100: 10⁸ steps of a reduced run")
    problem, alphas = replace(reference(), N=10**6), np.geomspace(0.1, 100, 31)
    began = perf_counter()
    runs = stdyn.simulate_reduced(problem, alphas, rng=np.random.default_rng(1), progress=True)
    smallest = np.linalg.eigvalsh(averages.covariance(runs.R, runs.Q, runs.T))[..., 0].min()
    row("one run", perf_counter() - began, "s", note=f"smallest eigenvalue of C in all records {smallest:.2g}")


def normals_in_threads(n, tasks=8, draws=100 if QUICK else 500):
    """A function that fills a small buffer with normals over and over, in n threads."""

    def draw(seed):
        stream, buffer = streams.stream(np.random.default_rng(seed), 32), np.empty((4000, 32))
        for _ in range(draws):
            random_kernels.normals(stream, buffer)

    def run():
        with ThreadPoolExecutor(n) as pool:
            list(pool.map(draw, range(tasks)))

    return run


def fresh(*arguments, repeats=5, **environment):
    """Median seconds of a fresh Python process, warm disk caches."""

    def run():
        command = [sys.executable, *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | environment)

    return median(run, 2 if QUICK else repeats)


def start_up():
    """What a fresh process pays before it works."""
    heading("Start-up, a fresh process each")
    row("`python -c pass`", fresh("-c", "pass"), "s")
    row("`import numpy`", fresh("-c", "import numpy"), "s")
    row("`import stdyn`", fresh("-c", "import stdyn"), "s")
    row("`import stdyn; stdyn.integrate`", fresh("-c", "import stdyn; stdyn.integrate"), "s", note=f"loads {loaded()}")
    row("`stdyn --help`", fresh("-m", "stdyn", "--help"), "s")
    row("`stdyn compare --help`", fresh("-m", "stdyn", "compare", "--help"), "s")
    with tempfile.TemporaryDirectory() as folder:
        tiny = ("-m", "stdyn", "integrate", "--alpha-max", 10, "--force", "-o", Path(folder) / "ode.h5")
        row("`stdyn integrate --alpha-max 10`", fresh(*tiny), "s", note=f"{compiled()} kernels compiled in it")
    if not QUICK:
        row("the same, the first time ever", first_time(), "s", note="compiles the kernels it needs, once a machine")


def answer(program):
    """What a program prints in a fresh process, the second time it runs."""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def loaded():
    """Which of the heavy packages `stdyn.integrate` brings in."""
    heavy = ("numba", "scipy", "h5py", "matplotlib", "dask", "xarray", "pandas")
    modules = answer("import sys, stdyn; stdyn.integrate; print(*sys.modules)").split()
    here, absent = [m for m in heavy if m in modules], [m for m in heavy if m not in modules]
    return f"{', '.join(here)}; not {', '.join(absent)}"


def compiled():
    """How many times a warm process has to compile the right-hand side or the step loop."""
    return answer(
        "import numpy as np, stdyn; from stdyn.kernels import equations, network, random;"
        "problem = stdyn.Problem(stdyn.initial.prepared(2, 2), N=9, eta=0.5, eta_v=0.5);"
        "stdyn.integrate(problem, [1.0]); stdyn.simulate_network(problem, [1.0], rng=np.random.default_rng(1));"
        "print(sum(sum(f.stats.cache_misses.values()) for m in (equations, network, random)"
        " for f in vars(m).values() if hasattr(f, 'py_func')))"
    )


def first_time():
    """Seconds of the tiny run with an empty cache of compiled kernels."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "stdyn", "integrate", "--alpha-max", "10", "-o", str(Path(folder) / "ode.h5")]
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        return seconds(lambda: subprocess.run(command, check=True, capture_output=True, env=environment))


# ---------------------------------------------------------------------------------------------------------------------


def machine():
    """CPU, cores, versions and date in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "stdyn"))
    load = f"; load {os.getloadavg()[0]:.1f} before the run" if hasattr(os, "getloadavg") else ""
    return f"{model}, {len(ALL_CORES)} cores{load}; Python {platform.python_version()}, {packages}; {date.today()}"


def main():
    """Print the machine and the table."""
    print(f"{machine()}{', --quick' if QUICK else ''}\n\n| quantity | measured | target | notes |\n|---|---|---|---|")
    with cores(1):
        check_numpy_script(reference())
        right_hand_sides()
        odes()
        reduced(*network())
        records()
    workers()
    memory()
    with cores(1):
        start_up()
        if "--long" in sys.argv[1:]:
            long()


if __name__ == "__main__":
    main()
