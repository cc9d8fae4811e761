"""A run of online SGD in the network itself (theory.md, section 1)."""

import threading

import numpy as np

from stdyn.checks import Array
from stdyn.kernels.algebra import overlaps
from stdyn.kernels.network import network_run, network_steps
from stdyn.model.initial import weights
from stdyn.model.problem import Problem
from stdyn.simulation import streams
from stdyn.simulation.streams import AT_ONCE, BLOCK

_LANES = 32  # generators side by side that draw one example
_FEWEST = 4  # examples a block: the change of a step is made in the next one of its block


class Network:
    """One run of a network: its weights and its streams of random numbers."""

    runs = 1

    def __init__(self, problem: Problem, rng: np.random.Generator, fast: bool) -> None:
        frame, self.inputs, self.noise = rng.spawn(3)
        self.W, self.W_teacher = weights(problem, problem.N, frame)
        self.v = np.array(problem.start.v.reshape(problem.start.K, -1))
        self.parameters = problem.parameters
        self.noisy = problem.sigma > 0
        self.streams = (streams.stream(self.inputs, _LANES), streams.stream(self.noise)) if fast else None
        self.steps = 0
        self.diverged_at = np.full(1, np.inf)

    def advance(self, steps: int, stop: threading.Event) -> None:
        N = self.W.shape[1]
        size = AT_ONCE // N if self.streams else BLOCK // N
        while self.steps < steps and np.isinf(self.diverged_at[0]) and not stop.is_set():
            size = min(max(size, _FEWEST), steps - self.steps)
            taken = self._take(size)
            self.steps += taken
            if taken < size:
                self.diverged_at[0] = self.steps

    def _take(self, steps: int) -> int:
        """The number of steps taken, which is less than `steps` if the run has diverged."""
        if self.streams:
            return network_run(self.W, self.v, self.W_teacher, self.streams, steps, self.parameters)
        xi = self.inputs.standard_normal((steps, self.W.shape[1]))
        shape = (steps, self.v.shape[1])
        zeta = self.noise.standard_normal(shape) if self.noisy else np.zeros(shape)
        return network_steps(self.W, self.v, self.W_teacher, xi, zeta, self.parameters)

    def order_parameters(self) -> dict[str, Array]:
        return {"R": overlaps(self.W, self.W_teacher)[None], "Q": overlaps(self.W, self.W)[None], "v": self.v[None]}
