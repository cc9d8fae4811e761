"""Measure scans and print a table: python benchmarks/scan.py [--quick]   (about 7 minutes, quick: one and a half)

ODE starts as in `stdyn scan`: random first layers, v and b, both rules, K = M = 5, LSODA, 121 alphas to 1000, all kept.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from run import ALL_CORES, heading, machine, row

import stdyn

QUICK = "--quick" in sys.argv[1:]
EXPERIMENT = stdyn.Experiment(alpha_max=1000.0)
SOLVE = partial(stdyn.integrate, method="LSODA")


def points(count):
    """As many points: half as many starts, both rules."""
    return stdyn.Variations(EXPERIMENT, {"draw": {"from": 1, "number": count // 2}})


def seconds(count, workers, folder):
    """How long a scan takes, start of the workers included; 1 worker is this process."""
    path = Path(folder) / f"{count}_{workers}.h5"
    began = perf_counter()
    if workers == 1:
        stdyn.scan(points(count), EXPERIMENT.alphas(), path, SOLVE)
    else:
        with stdyn.processes(workers) as executor:
            stdyn.scan(points(count), EXPERIMENT.alphas(), path, SOLVE, executor)
    elapsed = perf_counter() - began
    assert (stdyn.open_scan(path).state == 1).all()
    path.unlink()
    return elapsed


def whole_scan(folder):
    """10,000 starts on two cores, and two cores against one."""
    heading("ODE starts at K = M = 5 to alpha = 1000")
    count = 1000 if QUICK else 10_000
    time = seconds(count, 2, folder)
    row(f"{count} points, 2 workers", time, "s", count * 0.018, f"{time / count * 1e3:.1f} ms a point")
    few = 300 if QUICK else 2000
    turns = np.array([[seconds(few, workers, folder) for workers in (1, 2)] for _ in range(1 if QUICK else 3)])
    one = np.median(turns[:, 0]) / few
    row(f"{few} points, 1 worker (this process)", np.median(turns[:, 0]), "s", note=f"{one * 1e3:.1f} ms a point")
    row(f"{few} points, 2 workers", np.median(turns[:, 1]), "s", note="start of the workers included")
    note = f"a point of {few} against one of {count}; 2 is ideal"
    row("2 workers against 1, as many points", np.median(turns[:, 0] / turns[:, 1]), "x", note=f"{few} points")
    row("2 workers against 1", one / (time / count), "x", least=1.85, note=note)


OVERHEAD = """
import resource, sys, time, numpy as np, stdyn
experiment = stdyn.Experiment(alpha_max=1000.0)
count, keep = int(sys.argv[1]), sys.argv[2]
points = stdyn.Variations(experiment, {"draw": {"from": 1, "number": count // 2}})
solved = stdyn.integrate(points[0], experiment.alphas(), "LSODA")
def solve(problem, alphas):
    return solved
began = time.perf_counter()
stdyn.scan(points, experiment.alphas(), sys.argv[3], solve, keep=keep)
print((time.perf_counter() - began) / count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def overhead(folder):
    """What a point costs beside its solution, and the memory of the process, against the number of points."""
    heading("Beside the solutions (a solver that does nothing), in one process")
    for keep, counts in (("all", (100, 1000, 10_000)), ("summary", (100, 10_000, 100_000))):
        found = []
        for count in counts[: 2 if QUICK else 3]:
            call = [sys.executable, "-c", OVERHEAD, str(count), keep, str(Path(folder) / f"{keep}{count}.h5")]
            answer = subprocess.run(call, check=True, capture_output=True, text=True).stdout.split()
            found.append([float(each) for each in answer])
            size = (Path(folder) / f"{keep}{count}.h5").stat().st_size / count
            note = f"peak memory {found[-1][1]:.0f} MB, {size:.0f} bytes a point in the file"
            row(f'keep="{keep}", {count} points: one of them', found[-1][0], "ms", note=note)
        row("the most points against a hundred", found[-1][0] / found[0][0], "x", 1.2, "cost a point")
        row(
            "the most points over a hundred",
            found[-1][1] - found[0][1],
            "MB",
            60,
            "peak memory; 16 MB wait for a commit",
        )


def main():
    """Print the machine and the table."""
    print(f"{machine()}{', --quick' if QUICK else ''}\n\n| quantity | measured | target | notes |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        overhead(folder)
        if len(ALL_CORES) >= 2:
            whole_scan(folder)


if __name__ == "__main__":
    main()
