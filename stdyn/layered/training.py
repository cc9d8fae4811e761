"""The parameters of a training of layered networks, several rules and seeds, from options or a TOML file.

Nothing heavy is imported until a network is made, so that `stdyn --help` answers at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from stdyn.errors import InputError
from stdyn.settings import documented, not_usual, parameter
from stdyn.text import shown

if TYPE_CHECKING:
    import numpy as np

    from stdyn.layered.blas import Array
    from stdyn.layered.mnist import Images
    from stdyn.layered.network import Network

_PURPOSES = ("weights", "feedback", "order")  # of random numbers, each a stream of its own
GROWS = ("rule", "seeds", "epochs")  # what may be added to a training that is in a file


@documented
@dataclass(frozen=True, repr=False)
class Training:
    """One training for every rule and every seed; a field is an option of the command line and a key of the TOML file.

    Networks of the same seed start from the same weights and see the images in the same order, whatever their rule.
    `rule`, `widths` and `seeds` are one or several values, and then tuples.

    Parameters
    ----------
    {parameters}

    Raises
    ------
    InputError
        Naming the field, its value and what was expected.

    See Also
    --------
    train, Histories, Experiment

    Examples
    --------
    >>> training = stdyn.Training(rule=["fa", "bp"], widths=20, seeds=1, epochs=2)
    >>> training.runs
    [('fa', 1), ('bp', 1)]
    >>> layers = training.layers(images)
    >>> layers
    (36, 20, 4)
    >>> network = training.network(seed=1, layers=layers)
    >>> (B,) = training.feedback("fa", seed=1, layers=layers)
    >>> B.shape, network.W[1].shape
    ((20, 4), (4, 20))
    >>> training.without_use()
    {}
    >>> sorted(training.fixed())
    ['batch', 'feedback_scale', 'lr', 'measured', 'train_size', 'weight_scale', 'widths']
    >>> order = training.rng(seed=1, purpose="order", epoch=1).permutation(len(images.train_images))
    """

    rule: Any = parameter(
        ("fa", "bp"),
        "Learning rules: bp, fa (feedback alignment), dfa (direct).",
        many=str,
        choices=("bp", "fa", "dfa"),
    )
    widths: Any = parameter((200, 80), "Number of units of each hidden layer.", many=int)
    epochs: int = parameter(50, "Number of passes over the images.")
    lr: float = parameter(0.01, "Learning rate; a step is lr times the mean of a batch.")
    batch: int = parameter(10, "Number of images in a batch; 1 is example by example.")
    seeds: Any = parameter((1, 2, 3), "A network of each rule for every one of these seeds.", many=int)
    feedback_scale: float = parameter(1.0, "Standard deviation of the feedback weights.")
    weight_scale: float = parameter(1.0, "Standard deviation of the weights at the start, over 1 / sqrt(units below).")
    train_size: int | None = parameter(None, "Train with the first so many images only.  [all]", kind=int)
    measured: int = parameter(200, "Batches of an epoch whose updates are compared with those of backpropagation.")

    __repr__ = not_usual

    def __post_init__(self) -> None:
        from stdyn.checks import integer, number
        from stdyn.layered.network import check_rule

        checked: dict[str, Any] = {
            "rule": tuple(check_rule(rule) for rule in _several("rule", self.rule)),
            "widths": tuple(integer("widths", width, 1) for width in _several("widths", self.widths, fewest=0)),
            "seeds": tuple(integer("seeds", seed, 0) for seed in _several("seeds", self.seeds)),
            "train_size": None if self.train_size is None else integer("train_size", self.train_size, 1),
        }
        checked |= {name: integer(name, getattr(self, name), 1) for name in ("epochs", "batch", "measured")}
        checked |= {name: number(name, getattr(self, name)) for name in ("lr", "feedback_scale", "weight_scale")}
        for name in ("rule", "seeds"):
            repeated = [each for each in checked[name] if checked[name].count(each) > 1]
            if repeated:
                raise InputError(f"{name} must not repeat {shown(repeated[0])}")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def runs(self) -> list[tuple[str, int]]:
        """Rule and seed of every network."""
        return [(rule, seed) for rule in self.rule for seed in self.seeds]

    def without_use(self) -> dict[str, tuple[str, ...]]:
        """The parameters that change nothing, each with those that make it so.

        Returns
        -------
        dict of str to tuple of str
            Empty if all are of use.
        """
        return dict.fromkeys(("feedback_scale", "measured"), ("rule",)) if self.rule == ("bp",) else {}

    def fixed(self) -> dict[str, Any]:
        """What is the same for all networks, and does not change when some are added.

        Returns
        -------
        dict of str to object
            All fields but the rules, seeds and epochs.
        """
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in GROWS}

    def layers(self, images: "Images") -> tuple[int, ...]:
        """The widths of all layers: inputs and outputs are those of the images.

        Parameters
        ----------
        images : Images
            To train with.

        Returns
        -------
        tuple of int
            (n_0, …, n_L).
        """
        return (images.inputs, *self.widths, images.classes)

    def network(self, seed: int, layers: Sequence[int]) -> "Network":
        """The network at the start.

        Parameters
        ----------
        seed : int
            One of `seeds`.
        layers : sequence of int
            (n_0, …, n_L), of `layers`.

        Returns
        -------
        Network
            The same for every rule.
        """
        from stdyn.layered.network import random_network

        return random_network(layers, self.rng(seed, "weights"), self.weight_scale)

    def feedback(self, rule: str, seed: int, layers: Sequence[int]) -> "tuple[Array, ...] | None":
        """The feedback matrices of a rule.

        Parameters
        ----------
        rule : {"bp", "fa", "dfa"}
            One of `rule`.
        seed : int
            One of `seeds`.
        layers : sequence of int
            (n_0, …, n_L), of `layers`.

        Returns
        -------
        tuple of ndarray, or None
            One for each hidden layer; None for backpropagation.
        """
        from stdyn.layered.network import random_feedback

        return random_feedback(layers, rule, self.rng(seed, "feedback"), self.feedback_scale)

    def rng(self, seed: int, purpose: str, epoch: int | None = None) -> "np.random.Generator":
        """The generator of weights, feedback, or the order of the images; of one epoch, the one that it spawns.

        Parameters
        ----------
        seed : int
            One of `seeds`.
        purpose : {"weights", "feedback", "order"}
            Each has a stream of its own.
        epoch : int, optional
            From 1.

        Returns
        -------
        numpy.random.Generator
            A new one.
        """
        import numpy as np

        key = (_PURPOSES.index(purpose), *(() if epoch is None else (epoch - 1,)))
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _several(name: str, values: Any, fewest: int = 1) -> Any:
    """One or several values, as a sequence."""
    import numpy as np

    several = values if isinstance(values, list | tuple | np.ndarray) else [values]
    if len(several) < fewest:
        raise InputError(f"{name} must be at least one, but is {shown(values)}")
    return several
