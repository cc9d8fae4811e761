"""The recipe for conda and the workflow of public CI say what pyproject.toml and the Makefile say."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import jinja2
import pytest
import yaml

import stdyn

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OTHER_NAMES = {"matplotlib": "matplotlib-base"}  # of conda's packages


def in_conda(requirements):
    """{name of conda: least version} of requirements such as "numpy>=2.0"."""
    pairs = (re.fullmatch(r"([\w-]+)(?:>=([\w.]+))?", each).groups() for each in requirements)
    return {OTHER_NAMES.get(name, name): least for name, least in pairs}


def of_recipe(requirements):
    """The same of a list of the recipe, such as "numpy >=2.0"."""
    return in_conda(each.replace(" ", "") for each in requirements)


@pytest.fixture(scope="module")
def recipe():
    """recipe/meta.yaml as conda reads it: a template, then YAML."""
    text = (ROOT / "recipe/meta.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(
        jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text).render(PYTHON="python")
    )


@pytest.fixture(scope="module")
def workflow():
    return yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))


# ---------------------------------------------------------------------------------------------------------------------
# The recipe


def test_the_recipe_is_of_this_version(recipe):
    """Name, version, summary, license and the command."""
    project = PROJECT["project"]
    assert recipe["package"] == {"name": project["name"], "version": stdyn.__version__}
    assert recipe["about"]["summary"] == project["description"]
    assert recipe["about"]["license"] == project["license"]
    assert recipe["about"]["license_file"] == project["license-files"]
    commands = [f"{name} = {where}" for name, where in project["scripts"].items()]
    assert recipe["build"]["entry_points"] == commands
    assert (ROOT / "recipe" / recipe["source"]["path"] / "pyproject.toml").exists()


def test_the_recipe_asks_for_the_same_versions(recipe):
    """To run, to build, and of what is optional."""
    project, requirements = PROJECT["project"], recipe["requirements"]
    python = {"python": project["requires-python"].removeprefix(">=")}
    assert of_recipe(requirements["run"]) == in_conda(project["dependencies"]) | python
    assert of_recipe(requirements["host"]) == in_conda(PROJECT["build-system"]["requires"]) | python | {"pip": None}
    extras = project["optional-dependencies"]
    optional = [each for name in ("cluster", "mnist", "explore") for each in extras[name]]
    assert of_recipe(requirements["run_constrained"]) == in_conda(optional)


def test_commands_of_the_recipe_run(recipe, run):
    """Those of its test, but for pip's."""
    commands = [each.split() for each in recipe["test"]["commands"]]
    ours = [words[1:] for words in commands if words[0] == "stdyn"]
    assert len(ours) == len(commands) - 1
    assert [run(*words)[0] for words in ours] == [0] * len(ours)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("conda-render"), reason="conda-build is not here to render the recipe")
def test_conda_renders_the_recipe():
    """Without looking for packages."""
    found = subprocess.run(
        ["conda-render", ROOT / "recipe", "--no-source", "--offline"], capture_output=True, text=True, check=True
    )
    assert "stdyn" in found.stdout


# ---------------------------------------------------------------------------------------------------------------------
# The workflow


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_workflow_runs_on_changes(workflow):
    """On push and on pull requests, with no right to write."""
    on = workflow[True]  # which YAML 1.1 takes `on` for
    assert set(on) == {"push", "pull_request"}
    assert workflow["permissions"] == {"contents": "read"}


def test_the_workflow_calls_targets_that_are_there(workflow):
    """All its commands are make's; tests, oldest versions, the site, lint and distributions are among them."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"\.PHONY: ((?:.*\\\n)*.*)", makefile).group(1).replace("\\\n", " ").split()
    commands = [step["run"].split() for step in steps(workflow) if "run" in step]
    assert all(words[:2] == ["make", "PYTHON=python"] and len(words) == 3 for words in commands)
    called = {words[2] for words in commands}
    assert called == {"lint", "test", "test-all", "test-oldest", "test-site", "explorer-same", "dist"}
    for target in called:
        assert target in phony
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_the_workflow_has_every_python_that_is_named(workflow):
    """The fast tests on those of the classifiers, the oldest versions on the oldest, and none elsewhere that is not."""
    classifiers = PROJECT["project"]["classifiers"]
    named = [each.rpartition(" ")[2] for each in classifiers if re.search(r"Python :: 3\.\d+$", each)]
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python-version"] == named
    assert f">={named[0]}" == PROJECT["project"]["requires-python"]
    set_up = {
        job: step["with"]["python-version"]
        for job, content in workflow["jobs"].items()
        for step in content["steps"]
        if step.get("uses", "").startswith("actions/setup-python@")
    }
    assert set_up.keys() == workflow["jobs"].keys()
    assert set_up.pop("test") == "${{ matrix.python-version }}"
    assert set_up.pop("test-oldest") == named[0]
    assert set(set_up.values()) <= set(named)


def test_actions_are_pinned_to_a_major_version(workflow):
    """And each to one."""
    used = {step["uses"] for step in steps(workflow) if "uses" in step}
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", each) for each in used)
    assert len({each.partition("@")[0] for each in used}) == len(used)


# ---------------------------------------------------------------------------------------------------------------------
# Addresses


def test_addresses_agree_where_there_are_any(recipe):
    """Those of pyproject.toml, CITATION.cff and the recipe: none as long as there is none, then all."""
    urls = PROJECT["project"].get("urls", {})
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    about = recipe["about"]
    assert set(urls) in (set(), {"Documentation", "Source", "Changelog", "Issues"})
    assert all(each.startswith("https://") for each in urls.values())
    assert citation.get("repository-code") == about.get("dev_url") == urls.get("Source")
    assert citation.get("url") == about.get("home") == about.get("doc_url") == urls.get("Documentation")
    assert all(urls[name].startswith(urls["Source"]) for name in urls if name in ("Changelog", "Issues"))


def test_the_checklist_names_every_file_that_a_release_changes():
    """RELEASING.md: the files that hold the version, and the addresses."""
    text = (ROOT / "RELEASING.md").read_text(encoding="utf-8")
    holds = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "stdyn/__init__.py", ROOT / "CITATION.cff", ROOT / "recipe/meta.yaml")
        if stdyn.__version__ in path.read_text(encoding="utf-8")
    ]
    assert len(holds) == 3
    assert [name for name in [*holds, "CHANGELOG.md", "[project.urls]", "pyproject.toml"] if name not in text] == []
