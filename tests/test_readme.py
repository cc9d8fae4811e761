"""The front door: the Python of README and docs runs and prints what they say, and what they name is there."""

import re
import runpy
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import stdyn
from stdyn.command.main import cli
from stdyn.model.activations import BUILT_IN
from stdyn.model.experiment import Experiment
from stdyn.scans.variations import Variations
from stdyn.settings import from_values, read_toml

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "RELEASING.md",
    "figures/README.md",
    "benchmarks/README.md",
    "data/reference/README.md",
]
PAGES += sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))


def text_of(page):
    """What it says."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text, language):
    """Its blocks of code in that language."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def experiment_in(file):
    """That of a TOML file, without its tables."""
    tables = ("vary", "scan")
    keys = {key: value for key, value in read_toml(file, Experiment, tables).items() if key not in tables}
    return from_values(keys, Experiment)


def run(text, name, **namespace):
    """All its Python, one block after the other; the variables that it leaves."""
    python = blocks(text, "python")
    assert python
    for block in python:
        exec(compile(block, name, "exec"), namespace)
    return namespace


# ---------------------------------------------------------------------------------------------------------------------
# Examples


def same_but_for_the_last_digit(said, found):
    """Whether two words are equal, or numbers with as many digits that differ by one in the last of them."""
    if said == found:
        return True
    a, b = (word.rstrip(";,.") for word in (said, found))
    if not (re.fullmatch(r"\d+(\.\d+)?", a) and re.fullmatch(r"\d+(\.\d+)?", b)):
        return False
    return abs(float(a) - float(b)) < 1.5 * 10.0 ** -len(a.partition(".")[2])


def test_python_of_the_readme_prints_what_it_says(capsys):
    """Word by word; the last digit of a number may differ between builds."""
    readme = text_of("README.md")
    run(readme, "README.md")
    (said,) = blocks(readme, "text")
    found = capsys.readouterr().out
    assert [len(line.split()) for line in said.splitlines()] == [len(line.split()) for line in found.splitlines()]
    differ = [
        words for words in zip(said.split(), found.split(), strict=True) if not same_but_for_the_last_digit(*words)
    ]
    assert not differ


def test_the_readme_is_read_in_three_minutes():
    """550 to 700 words, code included."""
    assert 550 <= len(text_of("README.md").split()) <= 700


@pytest.mark.slow
def test_examples_of_the_page_on_usage_run(tmp_path, monkeypatch):
    """Its Python, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    namespace = run(text_of("docs/usage.md"), "usage.md")
    assert (tmp_path / "fa.h5").exists()
    assert str(namespace["verdict"]).startswith("fa: 16 network runs at N = 500")


def test_examples_of_the_page_on_protocols_run(capsys):
    """Its Python; what it prints is what it says of the numbers."""
    namespace = run(text_of("docs/protocols.md"), "protocols.md")
    theory, kp = namespace["theory"], namespace["kp"]
    np.testing.assert_array_equal(theory.eps_g_per_task.shape, (121, 2))
    assert theory.eps_g_per_task[60, 0] < 0.1 < theory.eps_g_per_task[60, 1]  # each after its turn
    assert theory.eps_g_per_task[-1, 1] < 0.1 < theory.eps_g_per_task[-1, 0]
    apart = np.abs(kp.b - kp.v).max(axis=1)
    np.testing.assert_allclose(apart, apart[0] * np.exp(-0.05 * kp.alphas), rtol=1e-12)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_examples_of_the_page_on_inputs_run(image_folder, capsys):
    """Its Python: theory and networks are near each other; its function gives the spectrum of images."""
    namespace = run(text_of("docs/inputs.md"), "inputs.md")
    assert len(capsys.readouterr().out.splitlines()) > 8
    theory, networks = namespace["theory"], namespace["networks"]
    np.testing.assert_allclose(networks.eps_g.mean(axis=0)[-1], theory.eps_g[-1], rtol=0.2)
    assert networks.attributes["examples"].startswith("2400 that were given")
    assert namespace["spectrum_of_images"](image_folder).mean_variance == pytest.approx(1, rel=1e-12)


def test_configurations_of_the_page_on_protocols_are_those_of_experiments(tmp_path):
    """As it says, the first task, numbered 0, comes back at 120."""
    (config,) = blocks(text_of("docs/protocols.md"), "toml")
    (tmp_path / "my.toml").write_text(config)
    tasks = experiment_in(tmp_path / "my.toml").problem("bp").tasks
    assert [tasks.task_at(alpha) for alpha in (0.0, 60.0, 120.0)] == [0, 1, 0]
    np.testing.assert_array_equal(tasks.weights, [[1, 0], [0, 2]])


def test_examples_of_the_page_on_scans_run(tmp_path, monkeypatch):
    """Its Python, in an empty folder; its configuration describes as many points as it says."""
    monkeypatch.chdir(tmp_path)
    page = text_of("docs/scans.md")
    namespace = run(page, "scans.md")
    assert dict(namespace["table"].sizes) == {"eta": 10, "draw": 3, "rule": 2}
    (config,) = blocks(page, "toml")
    (tmp_path / "my.toml").write_text(config)
    tables = read_toml(tmp_path / "my.toml", Experiment, ("vary", "scan"))
    chosen = {key: tables["scan"][key] for key in ("sample", "number")}
    points = Variations(experiment_in(tmp_path / "my.toml"), tables["vary"], **chosen)
    assert f"= {len(points)} points" in config


def test_examples_of_the_page_on_clusters_run(tmp_path, monkeypatch):
    """Its Python, with threads for the cluster (tests/scans/test_cluster.py has a real one) and eight of the draws."""
    monkeypatch.chdir(tmp_path)
    opened = []
    distributed, jobqueue = ModuleType("distributed"), ModuleType("dask_jobqueue")
    distributed.Client = lambda address: opened.append(address) or nullcontext("client")
    jobqueue.SLURMCluster = lambda **_: SimpleNamespace(scale=lambda jobs: None)
    monkeypatch.setitem(sys.modules, "distributed", distributed)
    monkeypatch.setitem(sys.modules, "dask_jobqueue", jobqueue)
    with ThreadPoolExecutor(2) as threads:
        monkeypatch.setattr(stdyn, "ClusterExecutor", {"client": threads}.get)
        for number, block in enumerate(blocks(text_of("docs/cluster.md"), "python")):
            small = re.sub(r"range\(1, [\d_]+\)", "range(1, 9)", block).replace("alpha_max=3000", "alpha_max=3")
            exec(compile(small, "cluster.md", "exec"), {"__name__": "__main__"})
            assert (stdyn.open_scan("scan.h5").state == 1).sum() == 16
            Path("scan.h5").unlink()
            assert len(opened) == number + 1
    assert len(opened) == 2


def test_examples_of_the_page_on_files_run(tmp_path, monkeypatch):
    """Its Python on a run and on a scan; that on trainings runs with the page on layered networks."""
    monkeypatch.chdir(tmp_path)
    experiment = stdyn.Experiment(K=2, M=2, N=20, alpha_max=2)
    alphas = np.linspace(0, 2, 5)
    stdyn.simulate_network(experiment.problem("fa"), alphas, runs=3, rng=np.random.default_rng(1)).save("runs.h5")
    stdyn.scan(stdyn.Variations(experiment, {"eta": [0.1, 0.2]}), alphas, "scan.h5")
    structured = stdyn.Experiment(K=2, M=2, N=20, inputs={"kind": "power_law", "exponent": 1, "groups": 3})
    stdyn.integrate(structured.problem("fa"), alphas).save("power_law.h5")
    namespace = run(text_of("docs/format.md").partition("## Trainings")[0], "format.md")
    assert namespace["axes"] == ["/run", "/alpha", "/student", "/teacher"]
    assert namespace["mean"].shape == (5,)
    assert dict(namespace["grid"].sizes) == {"eta": 2, "rule": 2}
    assert dict(namespace["fa"].sizes)["point"] == 2
    np.testing.assert_allclose(namespace["shares"].sum("group"), 1, rtol=1e-12)


def test_examples_of_the_page_on_activations_run():
    """Its Python; the comparison agrees and says what the quadrature costs."""
    page = text_of("docs/activations.md")
    namespace = run(page, "activations.md")
    theory, runs = namespace["theory"], namespace["runs"]
    assert theory.error["eps_g"].shape == (21,)
    assert stdyn.compare(runs, theory).agrees
    for name in BUILT_IN:
        assert f'`"{name}"`' in page, name


def test_examples_of_the_page_on_layered_networks_run(tmp_path, monkeypatch, image_folder):
    """Its Python, in an empty folder, on small images; and what docs/format.md says of the file that they make."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STDYN_MNIST", str(image_folder))
    namespace = run(text_of("docs/layered.md"), "layered.md")
    assert dict(namespace["errors"].sizes) == {"epoch": 3, "rule": 2, "seed": 2}
    assert set(namespace["figures"]) == {"errors", "angles", "fa_outputs"}
    said = text_of("docs/format.md").partition("## Trainings")[2]
    (block,) = blocks(said, "python")
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
    namespace = run(text_of("docs/beyond.md"), "beyond.md")
    assert namespace["verdict"].agrees
    assert namespace["same"].valid.any()
    assert namespace["saddle"].kind == "saddle"


def test_examples_of_the_page_on_the_explorer_run():
    """Its Python: what is set moves the page, and what the page draws is the solution of that."""
    namespace = run(text_of("docs/explorer.md"), "explorer.md")
    explorer, problem = namespace["explorer"], namespace["problem"]
    assert explorer.state["eta"] == 0.7
    drawn = explorer.theory["fa"]
    solved = stdyn.integrate(replace(problem, eta=0.7), drawn.alphas, error=False)
    np.testing.assert_array_equal(drawn.eps_g, solved.eps_g)


def test_every_page_with_python_is_run_here():
    """A test of this file names each."""
    here = Path(__file__).read_text(encoding="utf-8")
    for page in PAGES:
        if blocks(text_of(page), "python"):
            assert f'run(text_of("{page}")' in here or f'text_of("{page}")' in here, page


# ---------------------------------------------------------------------------------------------------------------------
# Numbers

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


def test_numbers_of_the_page_on_results_are_those_of_the_theory(tmp_path, capsys):
    """The ODEs of the reference experiment, and what examples/escape.py says of them, as the text has it."""
    reference = Experiment()
    for rule in reference.rules:
        theory = stdyn.integrate(reference.problem(rule), reference.alphas())
        theory.save(tmp_path / f"fluctuations_{rule}_ode.h5")
        theory.save(tmp_path / f"fluctuations_{rule}_network.h5")  # its part of the numbers is from runs of minutes
    runpy.run_path(str(ROOT / "examples" / "escape.py"))["main"](tmp_path)
    said = capsys.readouterr().out
    for number in NUMBERS_SAID:
        assert number in said
    written = " ".join(text_of("docs/results.md").split())
    for number in NUMBERS_WRITTEN:
        assert number in written


def test_experiments_of_the_examples_can_be_run():
    """Every TOML file there is a valid experiment."""
    files = list((ROOT / "examples").glob("*.toml"))
    assert files
    for file in files:
        tables = ("vary", "scan")
        experiment_in(file).check(fewest_runs=2)
        values = read_toml(file, Experiment, tables)
        if "vary" in values:
            Variations(experiment_in(file), values["vary"], number=values["scan"].get("number"))


def test_the_experiment_with_three_outputs_is_the_reference_with_other_second_layers():
    """Unit vectors of the teacher units, orthogonal columns of equal length; lengths of v and b as at one output."""
    three, one = experiment_in(ROOT / "examples" / "outputs_3.toml"), Experiment()
    v_teacher = three.problem("bp").start.v_teacher
    np.testing.assert_allclose(np.sum(v_teacher**2, axis=1), 1, atol=1e-15)
    np.testing.assert_allclose(v_teacher.T @ v_teacher, 5 / 3 * np.eye(3), atol=1e-15)
    assert np.sqrt(3) * three.v_scale == pytest.approx(one.v_scale, rel=1e-15)
    assert np.sqrt(3) * three.b_scale == pytest.approx(one.b_scale, rel=1e-15)
    changed = {"outputs": 1, "v_teacher": 1.0, "v_scale": one.v_scale, "b_scale": one.b_scale}
    assert replace(three, **changed) == one
    for rule in one.rules:
        assert np.array_equal(three.problem(rule).start.R, one.problem(rule).start.R)


# ---------------------------------------------------------------------------------------------------------------------
# What is named is there


def commands(page):
    """Every command line of the page, in blocks and in the text, as words."""
    text = text_of(page)
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines += re.findall(r"(?<!`)`((?:stdyn|make|python) [^`]+)`", outside)
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_there(page):
    """`stdyn` takes each with these options, `make` has each target, and each script exists."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for program, *words in commands(page):
        if program == "stdyn" and not words[0].startswith("-"):
            command = cli.get_command(cli.make_context("stdyn", [words[0]]), words[0])
            assert command is not None, words
            if len(words) > 1 and "--help" not in words:
                command.make_context(words[0], words[1:])
        if program == "make":
            assert re.search(rf"^([\w\- ]* )?{words[0]}( [\w\- ]*)?:", makefile, flags=re.MULTILINE), words
        if program == "python" and words[0].endswith(".py"):
            assert (ROOT / words[0]).exists(), words


def test_tests_that_are_named_exist():
    """Every tests/file.py, and every tests/file.py::test_name, of the pages."""
    for page in PAGES:
        for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text_of(page)):
            path = ROOT / file
            assert path.exists(), f"{page}: {file}::{name}"
            assert f"def {name}" in path.read_text(encoding="utf-8"), f"{page}: {file} has no {name}"


def test_map_of_the_wings_is_complete():
    """Every wing and every module beside them is on it, and nothing else."""
    text = text_of("CONTRIBUTING.md")
    wings = set(re.findall(r"^\| `(\w+)/` \|", text, flags=re.MULTILINE))
    assert wings == {path.parent.name for path in (ROOT / "stdyn").glob("*/__init__.py")}
    modules = set(re.findall(r"^- `(\w+\.py)`:", text, flags=re.MULTILINE))
    assert modules == {path.name for path in (ROOT / "stdyn").glob("*.py")} - {"__init__.py", "__main__.py"}


def test_functions_that_the_equations_name_exist():
    """module.function of docs/theory.md: the function, or the constant, is in that module or folder of the package."""
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "stdyn").rglob("*.py")}
    text = text_of("docs/theory.md")
    modules = "kernels|averages|initial|symmetry|propagation|network|angles"
    named = re.findall(rf"`({modules})(?:\.\w+)*\.(\w\w+)`((?:, `\w+`)*)", text)
    assert {module for module, *_ in named} == set(modules.split("|"))
    for module, first, more in named:
        there = [source for path, source in sources.items() if module in (path.stem, *path.parts)]
        for name in (first, *re.findall(r"\w+", more)):
            is_a_file = any(path.stem == name for path in sources)
            assert is_a_file or any(re.search(rf"^(def {name}\b|{name}\b.* = )", s, re.MULTILINE) for s in there), name


def anchors(path):
    """The anchors that GitHub gives the headings of a page."""
    outside = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", outside, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_are_there(page):
    """Every relative link of the page leads to a file, and to a heading of it."""
    path = ROOT / page
    missing = []
    for link, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", text_of(page)):
        target = path.parent / link if link else path
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            missing.append(f"{link}#{anchor}")
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
