"""The types that users' own checks see: mypy --strict over the examples of the docs and a usual script."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_readme import PAGES, blocks, text_of

pytest.importorskip("mypy")

USUAL = """
import dataclasses
from pathlib import Path

import numpy as np

import stdyn


def problem_of(rule: str, b: list[float] | None) -> stdyn.Problem:
    start = stdyn.OrderParameters([[0.1, 0], [0, 0.1]], [[0.2, 0], [0, 0.2]], [[1, 0], [0, 1]], [0.5, 0.5], [1, 1])
    return stdyn.Problem(start, rule=rule, b=b, eta=0.5, eta_v=0.5, activation="relu", N=100)


problem = problem_of("fa", [1.0, 2.0])
problem = dataclasses.replace(problem, eta=0.3)
alphas = [0, 1, 2.5]
theory = stdyn.integrate(problem, alphas)
runs = stdyn.simulate_network(problem, np.linspace(0, 2, 3), runs=4, rng=np.random.default_rng(1))
last: float = theory.F[-1] / theory.alignment[-1]
of_outputs = theory.F_per_output.mean(axis=0), theory.alignment_per_output[0]
verdict = stdyn.compare(runs, theory)
agrees: bool = verdict.agrees
if verdict and theory == runs:
    print(problem.start.R.shape, problem.b, problem == problem_of("bp", None), theory.eps_g[-1])
for name, figure in stdyn.plot.figures([theory, runs]).items():
    figure.savefig(f"{name}.png")
path: Path = theory.save("t.h5")
back: stdyn.Trajectory = stdyn.load(path)
W, W_teacher = stdyn.weights(back.at(-1), 100, np.random.default_rng(2))
print(W.shape, W_teacher @ W.T)
error: float = float(stdyn.averages.eps_g([[0.1]], [[0.2]], [[1]], [[1]], [[1]]))
start = stdyn.initial.prepared(2, 2, v=[1, 2], teacher=[[1, 0], [0, 1]])
softplus = stdyn.activation(lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + np.exp(-x)), name="softplus")
other = stdyn.Problem(start, activation=softplus, eta=0.1, eta_v=0)
points = stdyn.Variations(stdyn.Experiment(rule="bp", v=[1, 2, 3, 4, 5]), {"eta": [0.1, 0.2]})
scan = stdyn.scan(points, alphas, "scan.h5")
print(scan["eps_g_final"] if False else len(points))
stdyn.layered.random_network([4, 3, 2], np.random.default_rng(1))
"""

SETTINGS = """
[mypy]
strict = True
[mypy-stdyn.*]
follow_imports = silent
[mypy-h5py,distributed,dask_jobqueue]
follow_imports = skip
ignore_missing_imports = True
"""  # what is said of stdyn itself is not said to users, who have it installed


@pytest.mark.slow
def test_mypy_strict_passes_over_what_the_docs_allow(tmp_path):
    """Lists for arrays, a text for a rule, F of a trajectory; a wrong argument is still found."""
    scripts = {"usual": USUAL, "wrong": "import stdyn\nstdyn.OrderParameters(1, 2, 3, 4)\nstdyn.integrate('a', 1)\n"}
    scripts |= {
        page.replace("/", "_").removesuffix(".md"): "\n".join(blocks(text_of(page), "python")) for page in PAGES
    }
    for name, text in scripts.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "."],
        cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"MYPYPATH": str(Path(__file__).parent.parent)},
    )  # fmt: skip
    said = found.stdout.splitlines()
    errors = [line for line in said if "error:" in line and not line.startswith("wrong.py")]
    assert not errors, found.stdout
    assert any(line.startswith("wrong.py:2") for line in said)
    assert any(line.startswith("wrong.py:3") for line in said)
