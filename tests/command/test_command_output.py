"""What a command writes to: nothing that it reads, nothing that is there, nothing before all is known to be good."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from command_helpers import RUNS, SMALL, assert_refused, contents

import stdyn
from stdyn.command.group import cli
from stdyn.command.output import Figures
from stdyn.command.solving import Job
from stdyn.command.streams import Tolerant
from stdyn.files import paths
from stdyn.files.provenance import _version

QUICK = ("compare", *SMALL, *RUNS, "--name", "r", "--rule", "bp", "--method", "reduced", "--no-fluctuations")


@pytest.mark.parametrize(
    ("command", "option"),
    [("integrate", "-o"), ("simulate", "--output"), ("compare", "--write-config"), ("mnist", "--write-config")],
)
def test_what_is_read_is_not_written(run, tmp_path, command, option):
    """Also by a link, and with --force."""
    (tmp_path / "my.toml").write_text("seed = 3\n" if command != "mnist" else "lr = 0.1\n")
    (tmp_path / "link.toml").symlink_to("my.toml")
    before = contents(tmp_path)
    for name in ("my.toml", "link.toml"):
        assert_refused(run(command, "--config", "my.toml", option, name, "--force"), name, "is read by this command")
    assert contents(tmp_path) == before


def test_figures_are_replaced_only_when_asked(run, tmp_path):
    """By compare, theory and plot: refused before any work, and byte by byte the same; with --force they are new."""
    (tmp_path / "figures").mkdir()
    for name in ("r_generalization.png", "theory_plateaus.png", "p_generalization.png"):
        (tmp_path / "figures" / name).write_text("precious")
    before = contents(tmp_path)
    for command in (QUICK, ("theory", *SMALL, "--starts", "1")):
        assert_refused(run(*command), "figures/", "exists and is not overwritten", "--force")
        assert contents(tmp_path) == before
    assert run("integrate", *SMALL)[0] == 0
    before = contents(tmp_path)
    assert_refused(run("plot", "data/ode.h5", "--name", "p"), "figures/p_generalization.png", "exists", "--force")
    assert contents(tmp_path) == before
    assert run("plot", "data/ode.h5", "--name", "p", "--force")[0] == 0
    assert run(*QUICK, "--force")[0] == 0
    for name in ("r_generalization.png", "p_generalization.png"):
        assert (tmp_path / "figures" / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("where", ["--name=../../x", "--figures=file/deep", "--name="])
def test_no_folder_is_made_before_all_is_known_to_be_good(run, tmp_path, where):
    """Neither for figures nor for data."""
    assert run("integrate", *SMALL, "-o", "a.h5")[0] == 0
    (tmp_path / "file").write_text("")
    for command in (("plot", "a.h5"), QUICK, ("theory", *SMALL)):
        code, out, _ = run(*command, where)
        assert (code, out) == (2, "")
        assert sorted(os.listdir(tmp_path)) == ["a.h5", "file"]


def test_a_second_writer_is_refused_at_the_start(run, tmp_path):
    """While the first one works; nothing is computed."""
    with paths.reserved(tmp_path / "t.h5"):
        assert_refused(run("simulate", *SMALL, *RUNS, "-o", "t.h5"), "t.h5 is being written by another process")
    assert contents(tmp_path) == {}
    assert run("simulate", *SMALL, *RUNS, "-o", "t.h5")[0] == 0
    assert list(contents(tmp_path)) == ["t.h5"]


def _full(path, monkeypatch):
    write = paths._write_new

    def full(where, image):
        if where.parent == path.parent:
            raise OSError(28, "No space left on device")
        write(where, image)

    monkeypatch.setattr(paths, "_write_new", full)


@pytest.mark.parametrize("why", ["full", "taken"])
def test_a_result_that_cannot_be_written_is_kept_elsewhere(run, tmp_path, monkeypatch, why):
    """The disk is full, or somebody has put a folder at its name meanwhile: exit 1, and one line says where it is."""
    from stdyn.theory import ode

    other, integrate = tmp_path / "other", ode.integrate
    other.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(other))

    def solve(*arguments, **more):
        if why == "full":
            _full(tmp_path / "t.h5", monkeypatch)
        else:
            (tmp_path / "t.h5").mkdir()
        return integrate(*arguments, **more)

    monkeypatch.setattr(ode, "integrate", solve)
    code, out, err = run("integrate", *SMALL, "-o", tmp_path / "t.h5")
    (kept,) = other.iterdir()
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert str(tmp_path / "t.h5") in err
    assert str(kept) in err
    assert stdyn.load(kept).method == "ode"


def test_a_figure_that_cannot_be_drawn_costs_no_result(run, tmp_path, monkeypatch):
    """Exit 1, one line that says what is where."""
    from stdyn.figures import plot

    def broken(_):
        raise ZeroDivisionError("of a figure")

    monkeypatch.setattr(plot, "figures", broken)
    code, _, err = run(*QUICK)
    assert code == 1
    assert err == (
        "stdyn: not all figures could be drawn (ZeroDivisionError: of a figure); what was computed is in"
        " data/r_bp_ode.h5, data/r_bp_reduced.h5\n"
    )
    assert stdyn.load(tmp_path / "data/r_bp_ode.h5").method == "ode"


@pytest.mark.parametrize("fails", [1, 3])
def test_one_figure_that_cannot_be_written_does_not_end_the_others(run, tmp_path, monkeypatch, fails):
    """All are tried; then one line says which could not be written, why, and where they are. Exit 1."""
    assert run("integrate", *SMALL, "-o", "a.h5")[0] == 0
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "other"))
    write, tried = paths._write_new, []

    def full(where, image):
        tried.append(where)
        if where.parent.name == "figures" and sum(path.parent.name == "figures" for path in tried) <= fails:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(where, image)

    monkeypatch.setattr(paths, "_write_new", full)
    code, out, err = run("plot", "a.h5")
    kept = sorted(os.listdir(tmp_path / "other"))
    written = sorted(path.name for path in (tmp_path / "figures").iterdir())
    names = ["stdyn_alignment", "stdyn_fa_order_parameters", "stdyn_generalization"]
    assert (code, err.count("\n"), len(kept), len(written)) == (1, 1, fails, 3 - fails)
    assert sorted([each.rpartition("_")[0] for each in kept] + [each[:-4] for each in written]) == names
    assert out.count("wrote") == 3 - fails
    assert "cannot be written: No space left on device; " in err
    for name in names:
        assert (f"figures/{name}.png" in err) == (f"{name}.png" not in written)
    assert all(name in err for name in kept)
    assert str(tmp_path / "other") in err
    if fails > 1:
        assert err.startswith(f"stdyn: {fails} of 3 figures, figures/stdyn_")
        assert f"; {fails} of them are in " in err


def test_figures_are_kept_from_other_processes(run, tmp_path, monkeypatch):
    """A second plot of the same name while the first one writes is refused; the first one is not disturbed."""
    assert run("integrate", *SMALL, "-o", "a.h5")[0] == 0
    save, refused = Figures._save, []

    def together(self, *arguments):
        with pytest.raises(
            stdyn.InputError, match=r"^figures/stdyn_\*\.png is being written by another process$"
        ) as error:
            cli.main(args=["plot", "a.h5"], standalone_mode=False, obj=[])
        refused.append(error)
        return save(self, *arguments)

    monkeypatch.setattr(Figures, "_save", together)
    assert run("plot", "a.h5")[0] == 0
    assert len(refused) == 3
    assert len(contents(tmp_path / "figures")) == 3


# ---------------------------------------------------------------------------------------------------------------------
# A disk that is full


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("simulate", *SMALL, *RUNS, "-o", "q/t.h5"), "t.h5"),
        (("integrate", *SMALL, "-o", "q/t.h5"), "t.h5"),
        (QUICK, "r_bp_ode.h5"),
        ((*QUICK, "--write-config", "c.toml"), "c.toml"),
        (("sizes", *SMALL[2:], "--runs", "8", "--sizes", "[30, 40, 50]"), ".h5"),
        (("theory", *SMALL, "--starts", "1"), "theory_fa_ode.h5"),
        (("theory", *SMALL, "--vary", "eta=[0.1, 0.2]"), "theory_against_eta.csv"),
        (("scan", *SMALL, "--vary", "eta=[0.1, 0.2]", "--workers", "2", "-o", "s.h5"), "s.h5"),
        (("mnist", "--widths", "3", "--epochs", "1", "-o", "m.h5"), "m.h5"),
        (("plot", "a.h5"), "its files"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_full_disk_is_found_before_work_starts(run, tmp_path, image_folder, monkeypatch, command, name):
    """Though empty files can still be made there: bad input, nothing is computed, nothing is left."""
    monkeypatch.setenv("STDYN_MNIST", str(image_folder))
    assert run("integrate", *SMALL, "-o", "a.h5")[0] == 0
    before = contents(tmp_path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert_refused(run(*command), "cannot be written to: No space left on device", name)
    assert contents(tmp_path) == before
    assert os.listdir(tmp_path) == ["a.h5"]


def test_a_result_that_is_larger_than_what_is_free_is_refused(run, tmp_path, monkeypatch):
    """Before it is computed; what is taken to be needed is no more than what the file has."""
    experiment = stdyn.Experiment(K=2, M=2, N=30, alpha_max=5, points=201, runs=40, rule="bp")
    problem, alphas = experiment.problem("bp"), experiment.alphas()
    files = {
        "ode": stdyn.integrate(problem, alphas).save(tmp_path / "ode.h5"),
        "reduced": stdyn.simulate_reduced(problem, alphas, runs=40, rng=np.random.default_rng(1)).save(
            tmp_path / "reduced.h5"
        ),
        "fluctuations": stdyn.fluctuations(problem, alphas).save(tmp_path / "fluctuations.h5"),
    }
    for kind, path in files.items():
        assert 0 < Job.of(kind, experiment, "bp").size <= path.stat().st_size
    wanted = Job.of("reduced", experiment, "bp").size
    assert wanted > paths.ROOM
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=wanted - 1))
    options = ("--K", "2", "--M", "2", "--alpha-max", "5", "--points", "201", "--runs", "40", "--rule", "bp")
    refused = run("simulate", "--N", "30", *options, "--method", "reduced", "-o", "t.h5")
    assert_refused(refused, f"no room for t.h5: {wanted} bytes are needed, but {wanted - 1} are free")
    both = Job.of("ode", experiment, "bp").size + wanted
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=both - 1))
    compare = ("compare", "--N", "30", *options, "--method", "reduced", "--no-fluctuations", "--name", "c")
    assert_refused(run(*compare), f"no room for its files: {both} bytes are needed, but {both - 1} are free")
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".h5" or path.name == "t.h5"]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=both))
    assert run(*compare)[0] == 0
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=paths.ROOM))
    assert run(*compare)[0] == 0  # files that are complete need none


def test_an_interrupted_file_is_gone_on_with(run, tmp_path, monkeypatch):
    """simulate: replaced by the whole one without --force; not by one that came less far. A whole one is refused."""
    from stdyn.simulation import runs

    def stops_after(rows):
        record = runs.record

        def stopped(*arguments):
            records, _, _ = record(*arguments)
            return records, rows, True

        return stopped

    command = ("simulate", *SMALL, *RUNS, "-o", "t.h5")
    for rows, there in ((4, 4), (2, 4), (6, 6)):
        with monkeypatch.context() as patch:
            patch.setattr(runs, "record", stops_after(rows))
            code, _, err = run(*command)
        assert (code, err.count("\n")) == (1, 1)
        assert "t.h5" in err
        found = stdyn.load(tmp_path / "t.h5")
        assert len(found.alphas) == there
        assert found.attributes["interrupted"] == "before alpha = 5"
    assert_refused(run(*command, "--seed", "9"), "exists and is not overwritten", "seed is")
    assert run(*command)[0] == 0
    whole = stdyn.load(tmp_path / "t.h5")
    assert (len(whole.alphas), whole.attributes.get("interrupted")) == (11, None)
    assert (whole.R[:, :6] == found.R).all()
    assert_refused(run(*command), "t.h5 exists, is complete and is not overwritten", "--force")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("simulate", "--runs", "1000000000"), "runs = 1000000000 of"),
        (("sizes", "--runs", "1000000000"), "runs = 1000000000 of"),
        (("compare", "--reduced-runs", "1000000000"), "runs = 1000000000 of"),
        (("simulate", "--N", "1000000000000"), "N = 1000000000000, K = 5"),
        (("theory", "--starts", "100000000000000"), "starts = 100000000000000 must fit into memory"),
        (("mnist", "--widths", "1000000000"), "widths = (1000000000,), in 6 networks, must fit into memory"),
        (("mnist", "--epochs", "1000000000000"), "epochs = 1000000000000, of 6 networks, must fit into memory"),
    ],
)
def test_what_can_have_no_room_is_refused(run, tmp_path, image_folder, monkeypatch, arguments, words):
    """Before any work, naming what is too large."""
    monkeypatch.setenv("STDYN_MNIST", str(image_folder))
    assert_refused(run(*arguments), words, "bytes are needed")
    assert contents(tmp_path) == {}


def test_a_closed_terminal_does_not_stop_the_work(tmp_path):
    """Nobody reads what is printed, on either stream: the file is there, and nothing is said at the end. Exit 1."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "stdyn", "integrate", *SMALL, "-o", "a.h5"]
    process = subprocess.run(command, cwd=tmp_path, stdout=write, stderr=write)
    os.close(write)
    assert process.returncode == 1
    assert stdyn.load(tmp_path / "a.h5").method == "ode"


def test_what_cannot_be_printed_is_dropped():
    """A full device: the error is kept, and what comes after goes nowhere."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with open("/dev/full", "w") as full:
        stream = Tolerant(full)
        with contextlib.redirect_stdout(stream):
            print("lost", flush=True)
            print("too", flush=True)
        assert stream.failed is not None
        assert not stream.closed_by_reader


def test_a_source_tree_knows_its_version(monkeypatch):
    """Where nothing is installed there is no metadata: each package says itself."""
    from importlib import metadata

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("stdyn.files.provenance.version", absent)
    assert _version("stdyn") == stdyn.__version__
    assert _version("numpy").count(".") >= 2
