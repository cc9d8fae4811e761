"""Runs that advance together, from some records to the next, so that whatever ends them leaves a complete ensemble."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from stdyn.checks import Array
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.onlooker import Onlooker
from stdyn.progress import Bar
from stdyn.simulation.streams import Records

T = TypeVar("T")

_TOGETHER = 0.1  # seconds, about, of the records that are made before all runs wait for each other
_SOON, _LATER = 0.02, 0.5  # seconds after which it is looked whether to stop, and how far all have come


class Walker(Protocol):
    """Runs that take their steps together."""

    runs: int
    at_once: int  # steps that take some hundredths of a second
    steps: int  # steps taken, unless all have diverged
    recorded: int  # records made

    @property
    def diverged_at(self) -> np.ndarray:
        """(runs,): the steps that each run took before it diverged, or infinity."""

    def go_to(self, until: int, marks: np.ndarray, records: Records) -> None:
        """Go on towards `until` steps in all, not beyond marks[-1], or until no run is left.

        After marks[a] steps row a of the records is filled for the runs that are left.
        """


class Stopped(Exception):
    """Who looks on has had the runs stopped."""


@dataclass(frozen=True)
class Look:
    """Who looks on at runs: a progress bar, and what asks to stop and is shown `trajectory(count, records)`."""

    bar: Bar
    onlooker: Onlooker
    trajectory: Callable[[int, dict[str, Array]], Trajectory]

    @property
    def patience(self) -> float:
        """Seconds after which it looks again."""
        return _SOON if self.onlooker.may_stop else _LATER

    def move(self, steps: int) -> None:
        """So many steps of all runs are taken."""
        self.bar.update(steps - self.bar.n)

    def at(self, count: int, records: dict[str, Array]) -> None:
        """So many records of all runs are made."""
        self.onlooker.look(
            count, lambda: self.trajectory(count, {name: values[:, :count] for name, values in records.items()})
        )


def unless_stopped(each: Iterable[T], onlooker: Onlooker) -> Iterator[T]:
    """One after the other, for walkers that take long to be made; raises Stopped."""
    for one in each:
        if onlooker.stops():
            raise Stopped
        yield one


def record(
    problem: Problem,
    walkers: Sequence[Walker],
    runs: int,
    steps: np.ndarray,
    workers: int,
    look: Look,
    tested: bool = False,
) -> tuple[dict[str, Array], int, bool]:
    """The order parameters of all runs (runs, A, …) after each number of steps, how many rows are done, and whether
    this is all that there will be as a signal interrupted it.

    The runs advance together, from some records to the next, so that an interruption leaves a complete ensemble. There
    are no walkers where that was stopped before all were made.
    """
    ends = np.cumsum([walker.runs for walker in walkers])
    shape = runs, len(steps)
    blocks = problem.state_layout.blocks
    records = {block.name: np.full((*shape, *block.shape), np.nan) for block in blocks}
    filled = [records[block.name].reshape(*shape, *block.sizes) for block in blocks]
    if tested:
        records["eps_g_test"] = np.full(shape, np.nan)
        filled.append(records["eps_g_test"])
    if not walkers:
        return records, 0, False
    rows = [slice(end - walker.runs, end) for walker, end in zip(walkers, ends, strict=True)]
    stop, done, together = threading.Event(), 0, 1
    try:
        with ThreadPoolExecutor(workers) as pool:
            while done < len(steps) and any(np.isinf(walker.diverged_at).any() for walker in walkers):
                if look.onlooker.stops():
                    raise Stopped
                began, end = time.perf_counter(), min(done + together, len(steps))
                pending = {
                    pool.submit(_advance, walker, steps, end, tuple(each[own] for each in filled), stop)
                    for walker, own in zip(walkers, rows, strict=True)
                }
                try:
                    _wait(pending, walkers, look)
                except BaseException:
                    stop.set()
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise
                done, took = end, time.perf_counter() - began
                look.at(done, records)
                if took < _TOGETHER / 2:
                    together *= 2
                elif took > _TOGETHER:
                    together = max(1, together // 2)
    except (KeyboardInterrupt, Stopped) as end:
        left = [walker.recorded for walker in walkers if np.isinf(walker.diverged_at).any()]
        return records, min(left, default=len(steps)), isinstance(end, KeyboardInterrupt)
    return records, len(steps), False


def _advance(walker: Walker, marks: np.ndarray, end: int, records: Records, stop: threading.Event) -> None:
    """Let a walker go on until `end` records have been made, none of its runs is left or `stop` is set."""
    while walker.recorded < end and np.isinf(walker.diverged_at).any() and not stop.is_set():
        walker.go_to(min(walker.steps + walker.at_once, int(marks[end - 1])), marks, records)


def _wait(pending: set[Future[None]], walkers: Sequence[Walker], look: Look) -> None:
    """Wait for all walkers to advance, moving the progress bar; raises what went wrong in one of them, or Stopped."""
    while pending:
        done, pending = wait(pending, timeout=look.patience, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        look.move(sum(walker.steps * walker.runs for walker in walkers))
        if look.onlooker.stops():
            raise Stopped
