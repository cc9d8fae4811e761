"""The docstrings of the public names: complete by numpydoc's rules, and their examples print what they say.

A public name is in `stdyn.__all__`, in the `__all__` of a public module, or a public method or property of a public
class, defined in stdyn and no field of a dataclass. So are those of a class that only a field of another holds.
"""

import doctest
import inspect
import re
import shutil
import warnings
from dataclasses import fields, is_dataclass
from functools import cached_property
from types import ModuleType

import pytest
from conftest import write_images
from matplotlib import pyplot
from numpydoc.docscrape import ClassDoc, FunctionDoc, NumpyDocString
from numpydoc.validate import Validator, validate

import stdyn
from stdyn.model.manifold import HiddenManifold

# The rules, as numpydoc numbers them. Not held to, and why:
# GL01, GL02  the summary stands on the first line, as in the whole package;
# ES01        what one sentence says needs no second paragraph;
# SS02, PR08, RT04, SA03  text may begin with a symbol, alpha or eps_g, which has no capital;
# SS05        a summary names what comes back, and nouns end in s;
# SS06        a sentence that needs two lines has them;
# SA04        what a name does stands in its own summary.
SUMMARY = {"GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10", "SS01", "SS03", "SS04"}
ARGUMENTS = {"PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07", "PR09", "PR10"}
RESULTS = {"RT01", "RT02", "RT03", "RT05", "YD01"}
LINKS = {"SA01", "SA02"}
EXAMPLES = {"EX01"}
RULES = {  # of a method: it is called in an example of its own or of its class, which also links to its like
    "module": SUMMARY,
    "property": SUMMARY,
    "method": SUMMARY | ARGUMENTS | RESULTS,
    "class": SUMMARY | ARGUMENTS | LINKS | EXAMPLES,
    "exception": SUMMARY | ARGUMENTS | LINKS | EXAMPLES,
    "function": SUMMARY | ARGUMENTS | RESULTS | LINKS | EXAMPLES,
}
ELSEWHERE = {"stdyn.mnist.fetch", "stdyn.ClusterExecutor"}  # an example of them needs the network, a cluster


# ---------------------------------------------------------------------------------------------------------------------
# What is public


class Public:
    """A public name, what it is, and where it is defined."""

    def __init__(self, name, value, owner=None):
        self.name, self.owner = name, owner
        function = getattr(value, "__func__", value)
        if isinstance(value, ModuleType):
            self.kind = "module"
        elif isinstance(value, property | cached_property):
            self.kind, function = "property", getattr(value, "fget", None) or value.func
        elif inspect.isclass(value):
            self.kind = "exception" if issubclass(value, BaseException) else "class"
        else:
            self.kind = "function" if owner is None else "method"
        self.value = function
        home = value.__name__ if self.kind == "module" else function.__module__
        self.module = home.removeprefix("stdyn.")

    @property
    def doc(self):
        return inspect.cleandoc(self.value.__doc__ or "")

    @property
    def examples(self):
        return doctest.DocTestParser().get_examples(self.doc)


def members(cls):
    """The public methods and properties that a class has from stdyn, which are no fields (nor traits), by name."""
    own = {field.name for field in fields(cls)} if is_dataclass(cls) else {*getattr(cls, "class_trait_names", list)()}
    for name in dict.fromkeys(
        name for base in cls.__mro__ if base.__module__.startswith("stdyn") for name in vars(base)
    ):
        value = inspect.getattr_static(cls, name)
        if not name.startswith("_") and name not in own and (callable(value) or hasattr(value, "__get__")):
            yield name, value


def public():
    """Every public name, once."""
    found = [Public("HiddenManifold", HiddenManifold)]  # Inputs.manifold
    found += [Public(f"HiddenManifold.{name}", value, HiddenManifold) for name, value in members(HiddenManifold)]
    seen = {HiddenManifold}
    modules = {name for name in stdyn.__all__ if isinstance(getattr(stdyn, name), ModuleType)}
    for place in ("stdyn", *(f"stdyn.{name}" for name in sorted(modules))):
        module = stdyn if place == "stdyn" else getattr(stdyn, place.partition(".")[2])
        found.append(Public(place, module))
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, ModuleType) or not callable(value) or value in seen:
                continue
            seen.add(value)
            found.append(Public(f"{place}.{name}", value))
            if inspect.isclass(value):
                found += [Public(f"{place}.{name}.{each}", what, value) for each, what in members(value)]
    return found


NAMES = {each.name: each for each in public()}


def names(wanted):
    """Parameters of a test: the public names that are wanted."""
    return [name for name, each in NAMES.items() if wanted(each)]


def test_signatures_can_be_read():
    """What help and `?` show of arguments are the names of types, no unions of numpy's own."""
    called = {name: each.value for name, each in NAMES.items() if each.kind in ("function", "method", "class")}
    assert "ArrayLike" in str(inspect.signature(called["stdyn.integrate"]))
    long = [name for name, value in called.items() if "_typing" in str(inspect.signature(value))]
    assert long == []


def test_public_names_are_found():
    """Some of every kind, each by the shortest of its names; all of a module that is public under two names once."""
    kinds = {each.kind for each in NAMES.values()}
    assert kinds == set(RULES)
    for name in ("stdyn.integrate", "stdyn.Trajectory.join", "stdyn.averages.I2", "stdyn.Inputs.power_law"):
        assert name in NAMES
    assert "stdyn.Problem.start" not in NAMES  # a field
    assert "stdyn.schedule.Schedule" not in NAMES  # stdyn.Schedule
    assert NAMES["stdyn.Trajectory.eps_g"].kind == "property"
    assert {each.module.partition(".")[0] for each in NAMES.values()} > {"model", "theory", "figures", "layered"}


# ---------------------------------------------------------------------------------------------------------------------
# numpydoc's rules


class OfClass(Validator):
    """Arguments and fields of a class stand in Parameters, or as Attributes where stdyn makes its objects."""

    @property
    def doc_all_parameters(self):
        return self._doc_parameters(["Parameters", "Other Parameters", "Attributes"])

    @property
    def parameter_mismatches(self):
        cls, given = self.obj, list(self.doc_parameters)
        try:
            signature = [name for name in self.signature_parameters if not name.startswith("*")]
        except ValueError:
            signature = []
        held = [field.name for field in fields(cls) if field.name[0] != "_"] if is_dataclass(cls) else []
        code = getattr(cls.__init__, "__code__", None)
        said = (name for base in cls.__mro__ for name in vars(base).get("__annotations__", {}))
        there = {*held, *said, *(() if code is None else code.co_names)}
        missing = {*signature, *held} - set(self.doc_all_parameters)
        extra = set(given) - set(signature)
        extra |= {name for name in self._doc_parameters(["Attributes"]) if not hasattr(cls, name) and name not in there}
        found = [("PR01", f"Parameters {missing} not documented")] * bool(missing)
        found += [("PR02", f"Unknown parameters {extra}")] * bool(extra)
        ordered = [name for name in signature if name in given]
        return found + [("PR03", f"Wrong order {given}, not {ordered}")] * (not extra and ordered != given)


def faults(each):
    """What is wrong with the docstring of a public name, [(rule, words), …]."""
    of_class = each.kind in ("class", "exception")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unknown section")  # which GL06 is
        doc = (
            ClassDoc(each.value, config={"show_class_members": False})
            if of_class
            else FunctionDoc(each.value, each.doc)
        )
    kind = OfClass if of_class else Validator
    found = validate(None, lambda obj_name: kind(doc))["errors"]
    return [(rule, words) for rule, words in found if rule in RULES[each.kind]]


@pytest.mark.parametrize("name", names(lambda each: each.kind != "module"))
def test_docstrings_are_complete(name):
    """By RULES."""
    assert faults(NAMES[name]) == []


@pytest.mark.parametrize("name", names(lambda each: each.kind == "module"))
def test_modules_say_what_they_are_for(name):
    """In one sentence."""
    assert re.match(r"\S.*[.:)]$", NAMES[name].doc.partition("\n\n")[0], re.DOTALL)


@pytest.mark.parametrize("name", names(lambda each: each.kind == "method"))
def test_methods_are_called_in_an_example(name):
    """Of their own, or of their class."""
    each = NAMES[name]
    own = doctest.DocTestParser().get_examples(inspect.cleandoc(each.owner.__doc__ or ""))
    source = "".join(example.source for example in each.examples + own)
    assert f".{name.rpartition('.')[2]}(" in source


@pytest.mark.parametrize("name", names(lambda each: "\nSee Also\n" in each.doc))
def test_see_also_names_what_is_public(name):
    """In full, or as Sphinx finds it from there: in the same class, or the same module."""
    linked = [each for entry in NumpyDocString(NAMES[name].doc)["See Also"] for each, _ in entry[0]]
    depths = (1,) if NAMES[name].owner is None else (1, 2)
    places = ["", *(name.rsplit(".", depth)[0] + "." for depth in depths)]
    owners = {f"{each.rpartition('.')[0]}" for each in NAMES}
    for each in linked:
        assert any(place + each in NAMES or place + each in owners for place in places), each
        assert name not in [place + each for place in places], "links to itself"


MARKUP = (
    r"\|\S[^|\n]*\|",
    r"\w_(?=[\s.,;:!?)/-]|$)",
    r"(?<![\w*])\*{1,2}\w[^*\n]*\w\*",
)  # a substitution, a link, emphasis


def markup(text):
    """What in a docstring reStructuredText would read as markup: not in literals, types of arguments, examples."""
    prose = re.sub(
        r"``.*?``|`.*?`|^ *(>>>|\.\.\.) .*$|^\S.* : .*$", "", text.partition("\nExamples\n---")[0], flags=re.MULTILINE
    )
    return [found[0] for pattern in MARKUP for found in re.finditer(pattern, prose)]


@pytest.mark.parametrize("name", names(lambda each: each.kind != "module"))
def test_no_symbol_is_read_as_markup(name):
    """Such as |v|, which Sphinx would look up."""
    assert markup(NAMES[name].doc) == []


def test_markup_is_seen():
    """And what is literal is left alone."""
    assert markup("The length |v| of g_ is *not* x*y.") == ["|v|", "g_", "*not*"]
    assert markup("The length ``|v|`` of ``g_``, v_teacher, a * b and F^T.") == []


# ---------------------------------------------------------------------------------------------------------------------
# Examples

# What every example finds. Names that it sets itself are its own.
NAMESPACE = """\
import dataclasses
import numpy as np
import stdyn

start = stdyn.initial.prepared(2, 2, q=0.2, r=0.05, v=[0.6, 0.4])  # K = M = 2
problem = stdyn.Problem(start, N=200, rule="fa", b=[1.0, 0.8], eta=0.5, eta_v=0.5)
alphas = np.linspace(0, 40, 81)
theory = stdyn.integrate(problem, alphas)
runs = stdyn.simulate_network(problem, alphas, runs=8, rng=np.random.default_rng(1))
verdict = stdyn.compare(runs, theory)
experiment = stdyn.Experiment(K=2, M=2, rule="bp", start="prepared", r=0.05, N=200)
points = stdyn.Variations(experiment, {"eta": [0.2, 0.4]})
table = stdyn.scan(points, alphas, "eta.h5")
noise = stdyn.fluctuations(problem, alphas, points=256)
symmetric = stdyn.Problem(stdyn.initial.prepared(2, 2, q=0.2, r=0.0), eta=1.5, eta_v=0.0)
times = stdyn.escape_times(symmetric, draws=20, rng=1)
images = stdyn.mnist.load("images")  # a folder of 300 images of 6 x 6 pixels, and 100 to test with
"""


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """The folder with files, and the names that examples find."""
    folder, found = tmp_path_factory.mktemp("examples"), {}
    write_images(folder / "images", noise=150)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(NAMESPACE, found)
    return folder, found


@pytest.fixture
def namespace(ready, tmp_path, monkeypatch):
    """The names, in a folder with a copy of the files; no figure is left."""
    folder, found = ready
    shutil.copytree(folder, tmp_path / "examples")
    monkeypatch.chdir(tmp_path / "examples")
    monkeypatch.delenv("STDYN_MNIST", raising=False)
    yield dict(found)
    pyplot.close("all")


FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", names(lambda each: ">>>" in (each.value.__doc__ or "")))
def test_examples_print_what_they_say(name, namespace):
    """With NORMALIZE_WHITESPACE and ELLIPSIS; a rule has few digits."""
    said, each = [], NAMES[name]
    test = doctest.DocTestParser().get_doctest(each.doc, namespace, name, None, 0)
    skipped = [example for example in test.examples if example.options.get(doctest.SKIP)]
    assert test.examples
    assert not skipped or name in ELSEWHERE
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


@pytest.mark.parametrize("name", names(lambda each: "EX01" in RULES[each.kind]))
def test_classes_and_functions_have_an_example_with_code(name):
    """Not a section of words."""
    assert NAMES[name].examples


# ---------------------------------------------------------------------------------------------------------------------
# The rules see what is wrong


def whole(alpha, level=1.0):
    """A number at alpha.

    Parameters
    ----------
    alpha : float
        Where.
    level : float, default 1
        What it is multiplied with.

    Returns
    -------
    float
        The number.

    See Also
    --------
    stdyn.integrate

    Examples
    --------
    >>> 1 + 1
    2
    """
    return alpha * level


def changed(old, new):
    """The faults of `whole` with a docstring in which one passage is another."""

    def other(alpha, level=1.0):
        return alpha * level

    assert old in whole.__doc__
    other.__doc__ = whole.__doc__.replace(old, new)
    return {rule for rule, _ in faults(Public("stdyn.other", other))}


RETURNS = "    Returns\n    -------\n    float\n        The number.\n\n"
RAISES = "    Raises\n    ------\n    ValueError\n        Never.\n\n"
WRONG = {
    "a parameter of another name": ("level :", "height :", {"PR01", "PR02"}),
    "a parameter too few": ("    level : float, default 1\n        What it is multiplied with.\n", "", {"PR01"}),
    "no type": ("alpha : float", "alpha", {"PR04"}),
    "no description": ("        Where.\n", "", {"PR07"}),
    "a description that does not end": ("Where.", "Where", {"PR09"}),
    "no Returns": (RETURNS, "", {"RT01"}),
    "nothing said of the result": ("        The number.\n", "", {"RT03"}),
    "no See Also": ("    See Also\n    --------\n    stdyn.integrate\n\n", "", {"SA01"}),
    "no example": ("\n    Examples\n    --------\n    >>> 1 + 1\n    2\n", "", {"EX01"}),
    "sections in another order": (
        RETURNS,
        "    Raises\n    ------\n    ValueError\n        Never.\n\n" + RETURNS,
        {"GL07"},
    ),
    "a summary that does not end": ("A number at alpha.", "A number at alpha", {"SS03"}),
    "a section that nobody knows": ("See Also\n    --------", "Links\n    -----", {"GL06", "GL07", "SA01"}),
}


def test_a_whole_docstring_has_no_fault():
    """And each of the next tests changes one thing in it."""
    assert changed("Where.", "Where.") == set()


@pytest.mark.parametrize("fault", WRONG)
def test_rules_see_what_is_wrong(fault):
    """By the rule that it is against."""
    old, new, rules = WRONG[fault]
    assert changed(old, new) == rules


def test_rules_see_fields_that_are_not_documented():
    """Of a class, in Parameters or Attributes, neither too few nor others."""

    class Other(stdyn.Plateau):
        __doc__ = "A plateau.\n\nAttributes\n----------\nbegin : float\n    Where.\n"

    (missing,) = [words for rule, words in faults(Public("stdyn.Other", Other)) if rule == "PR01"]
    (unknown,) = [words for rule, words in faults(Public("stdyn.Other", Other)) if rule == "PR02"]
    assert all(field.name in missing for field in fields(stdyn.Plateau))
    assert "begin" in unknown


def test_examples_that_print_something_else_are_seen(ready):
    """By the checker that runs them all."""
    for text, failed in ((">>> 1 + 1\n2\n", 0), (">>> 1 + 1\n3\n", 1), (">>> f'{np.pi:.2f}'\n'3.14'\n", 0)):
        test = doctest.DocTestParser().get_doctest(text, dict(ready[1]), "", None, 0)
        assert doctest.DocTestRunner(optionflags=FLAGS).run(test, out=lambda _: None).failed == failed
