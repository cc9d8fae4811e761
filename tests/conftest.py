"""Shared by the tests: random order parameters, and the reference trajectories of data/reference."""

import json
from pathlib import Path

import numpy as np
import pytest

from stdyn import OrderParameters, Problem

REFERENCE = Path(__file__).parent.parent / "data" / "reference"


def random_overlaps(K, M, O=None, seed=0):
    """Order parameters of random weights of norm O(1), all overlaps different from zero; O=None: one output, 1-D v."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(K + M, 3 * (K + M))) / np.sqrt(3 * (K + M))
    C = W @ W.T
    shape = () if O is None else (O,)
    return OrderParameters(C[:K, K:], C[:K, :K], C[K:, K:], rng.normal(size=(K, *shape)), rng.normal(size=(M, *shape)))


def random_problem(K, M, O=None, seed=0, rule="fa", **changes):
    """A problem with nothing zero: noise, decay and both layers trained."""
    start = random_overlaps(K, M, O, seed)
    b = np.random.default_rng(seed + 1000).normal(size=start.v.shape) if rule == "fa" else None
    rates = {"eta": 0.7, "eta_v": 0.3, "sigma": 0.2, "decay": 0.05, "decay_v": 0.02, "N": 50} | changes
    return Problem(start, rule=rule, b=b, **rates)


def reference(name):
    """The problem, the alphas and the columns (eps_g, R_i_n, Q_i_k, v_i) of a reference trajectory."""
    d = json.loads((REFERENCE / f"{name}.json").read_text())
    start = OrderParameters(d["R0"], d["Q0"], d["T"], d["v0"], d["vt"])
    b = d.get("fa")
    problem = Problem(start, rule="fa" if b else "bp", b=b, eta=d["eta"], eta_v=d["eta_v"], sigma=d["sigma"])
    table = np.genfromtxt(REFERENCE / f"{name}.csv", delimiter=",", names=True)
    return problem, table["t"], {column: table[column] for column in table.dtype.names if column != "t"}


REFERENCES = sorted(path.stem for path in REFERENCE.glob("*.csv"))


@pytest.fixture(scope="session")
def gaussian_averages():
    """Averages over four fields computed by quadrature, without any closed form."""
    return json.loads((REFERENCE / "gaussian_averages.json").read_text())["cases"]
