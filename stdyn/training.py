"""The parameters of a training of layered networks, several rules and seeds, from options or a TOML file.

Nothing heavy is imported until a network is made, so that `stdyn --help` answers at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from stdyn.errors import InputError
from stdyn.experiment import parameter

if TYPE_CHECKING:
    import numpy as np

    from stdyn.layers import Network
    from stdyn.mnist import Images

_PURPOSES = ("weights", "feedback", "order")  # of random numbers, each a stream of its own
GROWS = ("rule", "seeds", "epochs")  # what may be added to a training that is in a file


@dataclass(frozen=True)
class Training:
    """One training for every rule and every seed; a field is an option of the command line and a key of the TOML file.

    Networks of the same seed start from the same weights and see the images in the same order, whatever their rule.
    """

    rule: Any = parameter(("fa", "bp"), "Learning rules: bp, fa (feedback alignment), dfa (direct).", many=str)
    widths: Any = parameter((200, 80), "Number of units of each hidden layer.", many=int)
    epochs: int = parameter(50, "Number of passes over the images.")
    lr: float = parameter(0.01, "Learning rate; a step is lr times the mean of a batch.")
    batch: int = parameter(10, "Number of images in a batch; 1 is example by example.")
    seeds: Any = parameter((1, 2, 3), "A network of each rule for every one of these seeds.", many=int)
    feedback_scale: float = parameter(1.0, "Standard deviation of the feedback weights.")
    weight_scale: float = parameter(1.0, "Standard deviation of the weights at the start, over 1 / sqrt(units below).")
    train_size: Any = parameter(None, "Train with the first so many images only.  [all]", kind=int)
    measured: int = parameter(200, "Batches of an epoch whose updates are compared with those of backpropagation.")

    def check(self) -> None:
        """Refuse whatever cannot be used, before any work starts."""
        from stdyn.layers import check_rule
        from stdyn.problem import integer, number

        for rule in self.rules:
            check_rule(rule)
        for width in _several("widths", self.widths, fewest=0):
            integer("widths", width, 1)
        for seed in _several("seeds", self.seeds):
            integer("seeds", seed, 0, 2**63 - 1)
        for name, least in (("epochs", 1), ("batch", 1), ("measured", 1)):
            integer(name, getattr(self, name), least)
        for name in ("lr", "feedback_scale", "weight_scale"):
            number(name, getattr(self, name))
        if self.train_size is not None:
            integer("train_size", self.train_size, 1)
        for name in ("rules", "numbers"):
            repeated = [each for each in getattr(self, name) if getattr(self, name).count(each) > 1]
            if repeated:
                raise InputError(f"{'rule' if name == 'rules' else 'seeds'} must not repeat {repeated[0]!r}")

    @property
    def rules(self) -> tuple[str, ...]:
        """The learning rules."""
        return tuple(_several("rule", self.rule))

    @property
    def numbers(self) -> tuple[int, ...]:
        """The seeds."""
        return tuple(int(seed) for seed in _several("seeds", self.seeds))

    @property
    def runs(self) -> list[tuple[str, int]]:
        """Rule and seed of every network."""
        return [(rule, seed) for rule in self.rules for seed in self.numbers]

    def fixed(self) -> dict[str, Any]:
        """What is the same for all networks, and does not change when some are added."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in GROWS}
        return values | {"widths": [int(width) for width in _several("widths", self.widths, fewest=0)]}

    def layers(self, images: "Images") -> tuple[int, ...]:
        """(n_0, …, n_L): inputs and outputs are those of the images."""
        return (images.inputs, *self.fixed()["widths"], images.classes)

    def network(self, seed: int, layers: Sequence[int]) -> "Network":
        """The network at the start."""
        from stdyn.layers import random_network

        return random_network(layers, self.rng(seed, "weights"), self.weight_scale)

    def feedback(self, rule: str, seed: int, layers: Sequence[int]) -> Any:
        """The feedback matrices of a rule; None for backpropagation."""
        from stdyn.layers import random_feedback

        return random_feedback(layers, rule, self.rng(seed, "feedback"), self.feedback_scale)

    def rng(self, seed: int, purpose: str, epoch: int | None = None) -> "np.random.Generator":
        """The generator of weights, feedback, or the order of the images; of one epoch, the one that it spawns."""
        import numpy as np

        key = (_PURPOSES.index(purpose), *(() if epoch is None else (epoch - 1,)))
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _several(name: str, values: Any, fewest: int = 1) -> Sequence[Any]:
    """One or several values, as a sequence."""
    several = values if isinstance(values, list | tuple) else [values]
    if len(several) < fewest:
        raise InputError(f"{name} must be at least one, but is {values!r}")
    return several
