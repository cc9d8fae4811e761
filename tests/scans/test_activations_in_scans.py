"""Scans over activations: in other processes, resumed, and read back."""

import subprocess
import sys

import numpy as np
import pytest
from own_activations import SOFTPLUS

import stdyn
from stdyn import InputError, integrate


def test_a_scan_over_activations_in_processes(tmp_path):
    """A session's function, a built-in one and one of a file; resumed, and read back, by recipe and by problems."""
    (tmp_path / "own.py").write_text(
        "import stdyn\nown = stdyn.activation(lambda x: 0.5 * x, lambda x: 0.5, name='own')\n"
    )
    names = [SOFTPLUS.name, "tanh", "relu", f"{tmp_path / 'own.py'}:own"]
    experiment = stdyn.Experiment(K=2, M=2, rule="bp", eta=0.1, eta_v=0.1, quadrature=2**11)
    variations = stdyn.Variations(experiment, {"activation": names})
    with stdyn.processes(2) as executor:
        scan = stdyn.scan(variations, [0.5, 1.0], tmp_path / "scan.h5", executor=executor)
        listed = stdyn.scan(list(variations), [0.5, 1.0], tmp_path / "listed.h5", executor=executor)
    assert (scan.state == 1).all(), scan.message
    for n, name in enumerate(names):
        expected = integrate(variations[n], [0.5, 1.0])
        for each in (scan, listed):
            np.testing.assert_allclose(each.trajectory(n).eps_g, expected.eps_g, rtol=1e-12)
            assert str(each.problem(n).activation) == name
    assert list(listed.coordinates) == ["activation"]


def test_a_scan_goes_on_with_the_same_function_only(tmp_path):
    """Its values are in the file: another function of the name is refused; another process can look at the points."""
    made = stdyn.activation(lambda x: 0.5 * x * x, lambda x: x, name="scanned")
    variations = stdyn.Variations(stdyn.Experiment(K=2, M=2, rule="bp", activation="scanned"), {"eta": [0.05, 0.1]})
    stdyn.scan(variations, [0.1], tmp_path / "scan.h5")
    code = "import stdyn; s = stdyn.open_scan('scan.h5'); print(s.problem(1).activation, s.trajectory(1).alphas)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout == "scanned [0.1]\n", run.stderr
    stdyn.activation(lambda x: 0.7 * x * x, lambda x: 1.4 * x, name="scanned")
    with pytest.raises(InputError, match=r"holds another scan .*activations\.scanned"):
        stdyn.scan(variations, [0.1], tmp_path / "scan.h5")
    assert made.degree == 2
