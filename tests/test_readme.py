"""The front door: the Python of the README runs, and what it says of the package is so."""

import re
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import stdyn
from stdyn.model.activations import BUILT_IN
from stdyn.model.experiment import Experiment
from stdyn.scans.variations import Variations
from stdyn.settings import make, read_toml

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_of_the_readme_runs(tmp_path, monkeypatch):
    """All its code blocks, one after the other, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    namespace = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert (tmp_path / "fa.h5").exists()
    assert str(namespace["verdict"]).startswith("fa: 16 network runs at N = 500")


def test_examples_of_the_page_on_scans_run(tmp_path, monkeypatch):
    """Its Python, in an empty folder; its configuration describes as many points as it says."""
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "scans.md").read_text(encoding="utf-8")
    (python,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    namespace = {}
    exec(compile(python, "scans.md", "exec"), namespace)
    assert dict(namespace["table"].sizes) == {"eta": 10, "draw": 3, "rule": 2}
    (config,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "my.toml").write_text(config)
    tables = read_toml(tmp_path / "my.toml", Experiment, ("vary", "scan"))
    chosen = {key: tables["scan"][key] for key in ("sample", "number")}
    points = Variations(make(Experiment, {}, tmp_path / "my.toml", {}, ("vary", "scan")), tables["vary"], **chosen)
    assert f"= {len(points)} points" in config


def test_examples_of_the_page_on_activations_run():
    """Its Python; the comparison agrees and says what the quadrature costs."""
    page = (ROOT / "docs" / "activations.md").read_text(encoding="utf-8")
    (python,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    namespace = {}
    exec(compile(python, "activations.md", "exec"), namespace)
    theory, runs = namespace["theory"], namespace["runs"]
    assert theory.error["eps_g"].shape == (21,)
    assert stdyn.compare(runs, theory).agrees
    for name in BUILT_IN:
        assert f'`"{name}"`' in page, name


def test_examples_of_the_page_on_layered_networks_run(tmp_path, monkeypatch, image_folder):
    """Its Python, in an empty folder, on small images; and what docs/format.md says of the file that they make."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STDYN_MNIST", str(image_folder))
    page = (ROOT / "docs" / "layered.md").read_text(encoding="utf-8")
    namespace = {}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(compile(block, "layered.md", "exec"), namespace)
    assert dict(namespace["errors"].sizes) == {"epoch": 3, "rule": 2, "seed": 2}
    assert set(namespace["figures"]) == {"errors", "angles", "fa_outputs"}
    said = (ROOT / "docs" / "format.md").read_text(encoding="utf-8").partition("## Trainings")[2]
    (block,) = re.findall(r"```python\n(.*?)```", said, flags=re.DOTALL)
    exec(compile(f"import stdyn, xarray\n{block}", "format.md", "exec"), namespace)
    assert namespace["errors"].sel(rule="fa", seed=1).shape == (3,)
    named = set(re.findall(r"`(\w+)`", said))
    with namespace["xarray"].open_dataset("training.h5", engine="h5netcdf") as data:
        there = {name for name in data.variables if not re.fullmatch(r"(W|b|unit_)\d", name)}
        assert there <= named
        assert set(data.attrs) <= named


def test_examples_of_the_page_beyond_the_mean_run(tmp_path, monkeypatch):
    """Its Python, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "beyond.md").read_text(encoding="utf-8")
    namespace = {}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(compile(block, "beyond.md", "exec"), namespace)
    assert namespace["verdict"].agrees
    assert namespace["same"].valid.any()
    assert namespace["saddle"].kind == "saddle"


NUMBERS_SAID = [
    "0.24 at alpha = 3, 0.07 at alpha = 10, 0.06 at alpha = 100",
    "0.64 at alpha = 3, 0.07 at alpha = 10, 0.05 at alpha = 100",
    "0.98 at alpha = 10, 0.97 at the end",
    "left at 265,",
    "left at 446,",
    "eps_g = 1e-08 at alpha = 3000",
    "eps_g = 3e-08 at alpha = 3000",
]
NUMBERS_WRITTEN = [
    "eps_g = 0.07 there",
    "0.06 under FA and 0.05 under BP",
    "eps_g = 0.24 at alpha = 3, backpropagation 0.64",
    "cosine 0.98",
    "0.97 at the end",
    "alpha = 265 under FA and 446",
    "1e-08 and 3e-08",
]


def test_numbers_of_the_readme_are_those_of_the_theory(tmp_path, capsys):
    """The ODEs of the reference experiment, and what examples/escape.py says of them, as the text has it."""
    reference = Experiment()
    for rule in reference.rules:
        theory = stdyn.integrate(reference.problem(rule), reference.alphas())
        theory.save(tmp_path / f"reference_{rule}_ode.h5")
        theory.save(tmp_path / f"reference_{rule}_network.h5")  # its part of the numbers is from 8 runs of minutes
    runpy.run_path(str(ROOT / "examples" / "escape.py"))["main"](tmp_path)
    said = capsys.readouterr().out
    for number in NUMBERS_SAID:
        assert number in said
    for number in NUMBERS_WRITTEN:
        assert number in README


def test_experiments_of_the_examples_can_be_run():
    """Every TOML file there is a valid experiment."""
    files = list((ROOT / "examples").glob("*.toml"))
    assert files
    for file in files:
        tables = ("vary", "scan")
        make(Experiment, {}, file, {}, tables).check(fewest_runs=2)
        values = read_toml(file, Experiment, tables)
        if "vary" in values:
            Variations(make(Experiment, {}, file, {}, tables), values["vary"], number=values["scan"].get("number"))


def test_the_experiment_with_three_outputs_is_the_reference_with_other_second_layers():
    """Unit vectors of the teacher units, orthogonal columns of equal length; lengths of v and b as at one output."""
    three, one = make(Experiment, {}, ROOT / "examples" / "outputs_3.toml", {}), Experiment()
    v_teacher = three.problem("bp").start.v_teacher
    np.testing.assert_allclose(np.sum(v_teacher**2, axis=1), 1, atol=1e-15)
    np.testing.assert_allclose(v_teacher.T @ v_teacher, 5 / 3 * np.eye(3), atol=1e-15)
    assert np.sqrt(3) * three.v_scale == pytest.approx(one.v_scale, rel=1e-15)
    assert np.sqrt(3) * three.b_scale == pytest.approx(one.b_scale, rel=1e-15)
    changed = {"outputs": 1, "v_teacher": 1.0, "v_scale": one.v_scale, "b_scale": one.b_scale}
    assert replace(three, **changed) == one
    for rule in one.rules:
        assert np.array_equal(three.problem(rule).start.R, one.problem(rule).start.R)


def test_map_of_the_modules_is_complete():
    """Every module is on it, and nothing else."""
    listed = set(re.findall(r"^\| `(\w+\.py)` \|", README, flags=re.MULTILINE))
    assert listed == {path.name for path in (ROOT / "stdyn").glob("*.py")} - {"__main__.py"}


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "figures/README.md",
        "docs/format.md",
        "docs/theory.md",
        "docs/scans.md",
        "docs/cluster.md",
        "docs/layered.md",
        "docs/beyond.md",
        "docs/activations.md",
        "benchmarks/README.md",
    ],
)
def test_links_and_pictures_are_there(page):
    """Every relative link of the page leads to a file."""
    path = ROOT / page
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not missing


def test_public_names_are_those_promised():
    """The names that scripts elsewhere import."""
    promised = [
        "OrderParameters",
        "Problem",
        "integrate",
        "simulate_network",
        "simulate_reduced",
        "weights",
        "Trajectory",
        "load",
        "compare",
        "initial",
    ]
    for name in promised:
        assert name in stdyn.__all__
        assert getattr(stdyn, name)
