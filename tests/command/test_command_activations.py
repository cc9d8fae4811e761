"""The command and activations: of a file, of the teacher, and those without derivatives."""

import subprocess
import sys

import pytest
from own_activations import specialising

from stdyn import InputError, fluctuations


def stdyn_command(folder, *arguments):
    """The stdyn command in a folder; a warning fails."""
    command = [sys.executable, "-W", "error", "-m", "stdyn", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_what_needs_derivatives_refuses_jumps(tmp_path):
    """A ReLU student of an erf teacher: compare leaves fluctuations out, and theory refuses before any work."""
    problem = specialising(2, 2, activation="relu", activation_teacher="erf")
    with pytest.raises(InputError, match="activation must be smooth for derivatives of the ODEs, but g' of relu jumps"):
        fluctuations(problem, [1.0])
    options = ["--K", "2", "--M", "2", "--activation", "relu", "--activation-teacher", "erf", "--alpha-max", "2"]
    options += ["--points", "4", "--rule", "bp", "--eta", "0.1", "--quadrature", "2048"]
    run = stdyn_command(tmp_path, "compare", "--runs", "4", *options)
    assert run.returncode == 0, run.stderr
    assert "no fluctuations are predicted: g' of the students jumps" in run.stdout
    run = stdyn_command(tmp_path, "theory", *options, "--name", "t")
    assert run.returncode == 2
    assert not (tmp_path / "data" / "t_bp_ode.h5").exists()


@pytest.mark.slow
def test_the_command_line_takes_any_activation(tmp_path):
    """One of a file, for the student, and a built-in one for the teacher; wrong ones are named in one line."""
    (tmp_path / "own.py").write_text(
        "from math import sin, cos\nimport stdyn\nsine = stdyn.activation(lambda x: sin(x), lambda x: cos(x))\nx = 1\n"
    )
    run = stdyn_command(
        tmp_path, "compare", "--K", "2", "--M", "2", "--activation", "own.py:sine", "--activation-teacher", "relu",
        "--alpha-max", "2", "--method", "reduced", "--runs", "64", "--eta", "0.1", "--quadrature", "2048",
        "--no-fluctuations",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "disagrees" not in run.stdout
    assert "quadrature" in run.stdout
    drawn = stdyn_command(
        tmp_path, "plot", "data/reference_fa_ode.h5", "data/reference_fa_reduced.h5", "--name", "again"
    )
    assert drawn.returncode == 0, drawn.stderr  # which needs no functions
    info = stdyn_command(tmp_path, "info", "data/reference_fa_ode.h5")
    assert "own.py:sine of relu" in info.stdout
    for name, message in (("own.py:x", "has no such 'x'"), ("no.py:x", "there is no file no.py"), ("cos", "'cos'")):
        refused = stdyn_command(tmp_path, "integrate", "--activation", name)
        assert refused.returncode == 2
        assert message in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
