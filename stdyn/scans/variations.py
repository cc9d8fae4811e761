"""The points of a scan: an experiment in which some quantities vary, on a grid, by sampling, or both."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from itertools import product
from math import prod
from typing import Any, overload

import numpy as np

from stdyn.checks import Array, choice, integer
from stdyn.errors import InputError
from stdyn.files.format import FORMAT, PROTOCOLS, STRUCTURED
from stdyn.model.activations import BUILT_IN, Activation, find, known
from stdyn.model.experiment import Experiment
from stdyn.model.problem import RATES, Problem
from stdyn.model.rules import WITH_FEEDBACK
from stdyn.scans import tables
from stdyn.scans.quantities import (
    ACTIVATIONS,
    KEYS,
    MOST,
    axis_values,
    check_keys,
    check_lengths,
    check_quantity,
    entry_of,
    is_sampled,
    of_activations,
    parts,
    plain,
    refuse_tables,
    sobol,
    spread,
    turned,
)
from stdyn.scans.spectra import check_tables, most_groups, with_changes
from stdyn.settings import from_values
from stdyn.text import shown
from stdyn.values import Frozen, frozen

# Parameters that files of before do not name, nor do those of now where they are at their defaults.
_SINCE = ("drift", "batch", "flow", "sphere")
_MOST_MOVED = 10**4  # combinations of alphas at which tasks begin and rates jump


@dataclass(frozen=True, eq=False)
class Variations(Frozen, Sequence[Problem]):
    """A sequence of problems: an experiment with some of its quantities varied. A point is made when it is asked for.

    Parameters
    ----------
    experiment : Experiment
        What does not vary. Its rule "both" makes two points of each, of the same start.
    vary : mapping of str to values
        For each quantity either the values it takes (a list, or {"from", "to", "number", "spacing"}): an axis of a
        grid; or {"from", "to", "spacing"} without a number: it is sampled. Spacing is "linear" (the default) or "log".
        Quantities are the keys of `quantities.NUMBERS` and `TEXTS`, single entries such as "R[0,1]", "v[2]" or
        "b[0,1]", numbers within tables, such as "eta.scale", "eta.at[1]", "tasks.similarity" or "inputs.exponent", and
        several that take the same value, such as "eta=eta_v". "inputs" take Inputs or tables, as of `Inputs.of`: the
        start is that of these inputs. Of R, Q and T, factors act on every group, and what changes by a single entry is
        spread over the groups. {"draw": "each"} gives each sample a draw of its own,
        {"draw": {"from": 1, "number": 100}} an axis of 100 draws.
    sample : {"random", "sobol"}
        How the sampled quantities are drawn: independently, or a scrambled Sobol sequence (scipy.stats.qmc).
    number : int, optional
        The number of samples; needed if a quantity is sampled, else refused.

    Raises
    ------
    InputError
        If a quantity is unknown, a value cannot be used, or a quantity would change nothing.

    See Also
    --------
    scan, study, Experiment

    Notes
    -----
    The points are the product of the samples and of all axes, the last axis running fastest (docs/scans.md).

    Examples
    --------
    >>> points = stdyn.Variations(experiment, {"eta": [0.2, 0.4], "sigma": {"from": 0.0, "to": 0.1, "number": 3}})
    >>> len(points), points.shape
    (6, (1, 2, 3))
    >>> points.values(1)
    {'eta': np.float64(0.2), 'sigma': np.float64(0.05)}
    >>> points[1].sigma
    0.05
    >>> points.recipe(1)() == points[1]
    True
    >>> points.alphas().shape
    (121,)
    >>> stdyn.Variations.from_description(points.description) == points
    True
    """

    experiment: Experiment
    vary: Mapping[str, Any] = field(default_factory=dict)
    sample: str = "random"
    number: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.experiment, Experiment):
            raise InputError(f"experiment must be an Experiment, but is {type(self.experiment).__name__}")
        if not isinstance(self.vary, Mapping):
            raise InputError(f"vary must be a mapping of quantities to values, but is {shown(self.vary)}")
        given = {name: plain(each) if name == "inputs" else each for name, each in self.vary.items()}
        object.__setattr__(self, "vary", given)
        super().__post_init__()
        check_tables(self._tables_of_inputs)
        choice("sample", self.sample, ("random", "sobol"))
        base: dict[str, Any] = {name: find(each, name) for name, each in self._named.items()}
        if any("mixture" in parts(str(name)) for name in self.vary):  # it need not be given where it varies
            base["mixture"] = 0.5
        experiment = replace(self.experiment, **base)
        experiment.check()
        _ = self.axes, self.samples  # checks every value
        self._check_together(experiment)
        if prod(self.shape) > MOST:
            sizes = " x ".join(str(size) for size in self.shape if size > 1)
            raise InputError(f"vary must make at most {MOST} points, but makes {sizes} = {prod(self.shape)}")

    @property
    def _tables_of_inputs(self) -> list[Any]:
        """What the experiment and the values say of inputs."""
        varied = self.vary.get("inputs", ())
        return [self.experiment.inputs, *(varied if isinstance(varied, list) else ())]

    @property
    def _named(self) -> dict[str, Any]:
        """The activations that the experiment names."""
        named = {name: getattr(self.experiment, name) for name in ACTIVATIONS}
        return {name: each for name, each in named.items() if each is not None}

    @property
    def activations(self) -> dict[str, Activation]:
        """All that the problems have, by name."""
        varied = (each for quantity, values in self.axes.items() if of_activations(quantity) for each in values)
        return {str(name): find(name) for name in {*self._named.values(), *varied}}

    @cached_property
    def axes(self) -> dict[str, np.ndarray]:
        """The axes of the grid: {quantity: values}."""
        axes = {}
        named: list[str] = []
        for name, values in self.vary.items():
            self._check_name(name)
            named += parts(name)
            refuse_tables(name, values)
            if isinstance(values, Mapping):
                check_keys(name, values, KEYS)
            if not is_sampled(name, values):
                axes[name] = axis_values(name, values)
                for part in of_activations(name):
                    for each in axes[name]:
                        find(each, part)
        if len(set(named)) < len(named):
            twice = next(name for name in named if named.count(name) > 1)
            raise InputError(f"{twice} must vary once, but is named twice: {', '.join(self.vary)}")
        if len(self.experiment.rules) > 1 and "rule" not in self.vary:
            axes["rule"] = np.array(self.experiment.rules, dtype=object)
        return frozen(axes)

    @cached_property
    def samples(self) -> dict[str, np.ndarray]:
        """The sampled quantities: {quantity: (samples,) values}."""
        names = [name for name, values in self.vary.items() if is_sampled(name, values)]
        if not names:
            if self.number is not None:
                raise InputError(
                    f"number = {shown(self.number)} is the number of samples, but nothing is sampled (a quantity is if"
                    ' its table has "from" and "to" and no "number", or with draw = "each")'
                )
            return {}
        if self.number is None:
            raise InputError(f"number, how often {', '.join(names)} are sampled, is needed")
        count = integer("number", self.number, 1, MOST)
        drawn = [name for name in names if name != "draw"]
        rng = self.experiment.rng("samples")
        if self.sample == "sobol" and drawn:
            unit = sobol(len(drawn), count, rng)
        else:
            unit = rng.random((count, len(drawn)))
        samples = {name: spread(name, self.vary[name], unit[:, j]) for j, name in enumerate(drawn)}
        if "draw" in names:
            samples["draw"] = np.arange(1, count + 1)
        return frozen(samples)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of samples and the lengths of the axes."""
        return (int(self.number) if self.samples and self.number else 1, *map(len, self.axes.values()))

    def __len__(self) -> int:
        return prod(self.shape)

    def values(self, index: int | np.ndarray) -> dict[str, Any]:
        """The values of all varied quantities at a point, or at many.

        Parameters
        ----------
        index : int or ndarray of int
            Of the points, from 0.

        Returns
        -------
        dict of str to object
            The value of every quantity, or an array of them.
        """
        at = np.unravel_index(index, self.shape)
        values = {name: each[at[0]] for name, each in self.samples.items()}
        return values | {name: each[at[j]] for j, (name, each) in enumerate(self.axes.items(), 1)}

    @property
    def coordinates(self) -> dict[str, np.ndarray]:
        """The values of all varied quantities: {quantity: (points,) values}; activations and inputs by their names."""
        values = self.values(np.arange(len(self)))
        by_name = [name for name in values if name == "inputs" or of_activations(name)]
        return values | {name: np.array(plain([*values[name]]), dtype=object) for name in by_name}

    @overload
    def __getitem__(self, index: int) -> Problem: ...

    @overload
    def __getitem__(self, index: slice) -> list[Problem]: ...

    def __getitem__(self, index: int | slice) -> Problem | list[Problem]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"point {index} of {len(self)}")
        return self.recipe(index % len(self))()

    def recipe(self, index: int) -> Callable[[], Problem]:
        """A function that makes the problem of a point; it is small when pickled.

        It has activations instead of their names: another process may not know what was made in this one.

        Parameters
        ----------
        index : int
            Of the point, from 0.

        Returns
        -------
        callable
            Without arguments; it returns a Problem.
        """
        values = self._named | self.values(index)
        found = {name: find(each) for name, each in values.items() if of_activations(name)}
        return partial(problem_at, self.experiment, values | found)

    def __iter__(self) -> Iterator[Problem]:
        return (self[index] for index in range(len(self)))

    def alphas(self) -> Array:
        """The recorded alphas of the experiment, with where tasks begin and rates jump at any point of the grid.

        Where that is sampled, the samples do not add any.

        Returns
        -------
        ndarray, shape (A,)
            Strictly increasing.

        Raises
        ------
        InputError
            If the grid has too many different alphas of jumps.
        """
        named = {name: [tables.parse(part) for part in parts(name)] for name in self.axes}
        moved = [name for name, places in named.items() if any(place and "at" in place[1] for place in places)]
        if not moved:
            return self.experiment.alphas()
        if prod(len(self.axes[name]) for name in moved) > _MOST_MOVED:
            raise InputError(
                f"vary must give at most {_MOST_MOVED} different alphas of jumps, but {', '.join(moved)} make"
                f" {prod(len(self.axes[name]) for name in moved)}"
            )
        found = [self.experiment.alphas()]
        for values in product(*(self.axes[name] for name in moved)):
            of_parts = {part: plain(each) for name, each in zip(moved, values, strict=True) for part in parts(name)}
            with suppress(InputError):  # alphas that do not increase: such a point is refused by itself
                found.append(tables.with_values(self.experiment, of_parts).alphas())
        return np.unique(np.concatenate(found))

    @property
    def description(self) -> dict[str, Any]:
        """Everything that is needed to make these points again, of plain types; `from_description` does."""
        experiment = {
            each.name: getattr(self.experiment, each.name)
            for each in fields(self.experiment)
            if each.name not in _SINCE or getattr(self.experiment, each.name) != each.default
        }
        return {
            "experiment": {name: plain(value) for name, value in experiment.items() if value is not None},
            "vary": {name: plain(values) for name, values in self.vary.items()},
            "sample": self.sample,
            "number": plain(self.number),
        }

    @property
    def groups(self) -> int:
        """How many groups of directions the inputs of a point can have at most; 0 if all are isotropic."""
        N = max([self.experiment.N, *map(int, self.axes.get("N", ())), *map(int, self.samples.get("N", ()))])
        tables_of = [self.experiment.inputs, *(each.table for each in self.axes.get("inputs", ()))]
        varied = [max(each) for name, each in (self.axes | self.samples).items() if "inputs.groups" in parts(name)]
        return max([most_groups(table, N) for table in tables_of] + [int(each) for each in varied])

    @property
    def format_version(self) -> int:
        """The least version of the format that a file of these points has, so that older versions refuse it."""
        if self.groups or self.experiment.teacher == "random":
            return STRUCTURED
        return PROTOCOLS if self._needs_protocols else FORMAT

    @property
    def _needs_protocols(self) -> bool:
        """Whether versions of before schedules, tasks and further rules cannot make these points."""
        experiment = self.description["experiment"]
        varied = [part for name in self.vary for part in parts(str(name))]
        scheduled = any(isinstance(experiment[name], dict) for name in RATES if name in experiment)
        new = {*_SINCE, "mixture", "tasks"}
        further = scheduled or new & {*experiment, *varied} or any(map(tables.parse, varied))
        return bool(further) or any(rule not in ("fa", "bp") for rule in self._rules)

    @classmethod
    def from_description(
        cls, description: Mapping[str, Any], activations: Mapping[str, Any] | None = None
    ) -> "Variations":
        """The points that a description describes.

        No name is looked up in a "file.py": the description is that of a file, which may be anybody's.

        Parameters
        ----------
        description : mapping
            That of `description`.
        activations : mapping of str to array_like (2, n), optional
            The values of g and g' that a file has, by name.

        Returns
        -------
        Variations
            Equal ones.

        Raises
        ------
        InputError
            If the description is not that of points, or this process has another activation of a name.
        """
        found = {name: known(name, np.asarray(values, dtype=float)) for name, values in (activations or {}).items()}

        def known_here(name: Any) -> Any:  # not as a name: whoever takes it out of here would have it looked up
            if not isinstance(name, str) or name in BUILT_IN:
                return name
            return found[name] if name in found else known(name, None)

        rest = dict(description)
        experiment = from_values(rest.pop("experiment"), Experiment)
        named: dict[str, Any] = {name: known_here(getattr(experiment, name)) for name in ACTIVATIONS}
        vary = {
            name: [known_here(each) for each in values] if of_activations(name) and isinstance(values, list) else values
            for name, values in rest.pop("vary", {}).items()
        }
        varied = vary.get("inputs", ())
        check_tables([experiment.inputs, *(varied if isinstance(varied, list) else ())], experiment.N)
        return cls(replace(experiment, **named), vary, **rest)

    # -----------------------------------------------------------------------------------------------------------------

    def _check_together(self, experiment: Experiment) -> None:
        """Refuse rules that the experiment cannot have, and numbers that its schedules and tasks cannot."""
        for rule in self._rules:
            if rule not in experiment.rules:
                experiment.problem(rule)
        values = {part: each for name, each in (self.axes | self.samples).items() for part in parts(name)}
        places = {name: found for name in values if (found := tables.parse(name)) is not None}
        if experiment.sphere:
            check_lengths(values)
        starts = [(of, path[0]) for of, path in places.values()]
        rule = "mixed" if "mixed" in self._rules else self._rules[0]
        for n, label in enumerate(values.get("inputs", ())):
            try:
                replace(experiment, inputs=label.table).problem(rule)
            except InputError as error:
                raise InputError(f"inputs[{n}]: {str(error).removeprefix('inputs: ')}") from None
        for name, (of, path) in places.items():
            if of in values:
                raise InputError(f"{of} and {name} cannot both vary: one takes the place of the table of the other")
            if path[0] == "at" and starts.count((of, "at")) > 1:
                continue  # their order is that of the values of all of them
            tables.check_values(experiment, rule, name, [values[name].min(), values[name].max()])

    def _check_name(self, name: str) -> None:
        for part in parts(str(name)):
            check_quantity(self.experiment, part, self._rules)

    @property
    def _rules(self) -> Sequence[str]:
        return self.vary.get("rule", self.experiment.rules)


def problem_at(experiment: Experiment, values: Mapping[str, Any]) -> Problem:
    """The problem of `experiment` with these values of the varied quantities, in this order whatever theirs is:

    the draw and what else are parameters of the experiment, factors, single entries, the angle of b, the rule.
    """
    values = {part.strip(): value for name, value in values.items() for part in name.split("=")}
    rule = values.pop("rule", experiment.rule)
    inside = {name: plain(value) for name, value in values.items() if tables.parse(name)}
    experiment = tables.with_values(experiment, inside)
    names = ("N", "batch", "mixture", "q", "r", *RATES)
    changes = {name: plain(values[name]) for name in names if name in values}
    changes |= {name: values[name] for name in ACTIVATIONS if name in values}
    for name in ("v", "b"):
        if f"{name}_scale" in values and getattr(experiment, name) is None:
            changes[f"{name}_scale"] = float(values.pop(f"{name}_scale"))
    if "inputs" in values:
        changes["inputs"] = values["inputs"].table
    if "draw" in values:
        changes["seed"] = int(values["draw"])
    experiment = replace(experiment, **changes)
    problem = experiment.problem("fa")  # with b, which is dropped in the end if not wanted: all else is the same
    start, b = problem.start, problem.b
    assert b is not None
    arrays = {name: np.array(getattr(start, name)) for name in ("R", "Q", "T", "v", "v_teacher")} | {"b": np.array(b)}
    for name in ("R", "Q", "v", "b"):
        arrays[name] *= float(values.get(f"{name}_scale", 1.0))
    for name, value in values.items():
        entry = entry_of(name)
        if entry is not None:
            array, *at = entry.groups()
            place = tuple(int(i) for i in at if i is not None)
            arrays[array][place] = value
            if array in ("Q", "T"):
                arrays[array][place[::-1]] = value
    b = arrays.pop("b")
    if any(not np.array_equal(getattr(start, name), array) for name, array in arrays.items()):
        start = with_changes(start, arrays, {name: float(values.get(f"{name}_scale", 1.0)) for name in "RQ"})
    if rule not in WITH_FEEDBACK:
        return replace(problem, start=start, rule=rule, b=None)
    if "b_angle" in values:
        b = turned(b, start.v, float(values["b_angle"]))
    return replace(problem, start=start, rule=rule, b=b, mixture=experiment.mixture if rule == "mixed" else None)
