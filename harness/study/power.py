"""How likely a study of a given size tells a method from another, by simulating it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.progress import track
from harness.stats import ALPHA
from harness.study.design import Task
from harness.study.score import gaps
from harness.study.simulate import World, answers, names

STUDIES = 200


class Power(NamedTuple):
    """power: share of simulated studies that tell the better method from another; over: the studies simulated."""

    participants: int
    images: int
    power: float
    over: int


def power(
    effect: float, rate: float, methods: int, sizes: Sequence[tuple[int, int]], studies: int = STUDIES, seed: int = 0
) -> list[Power]:
    """For each (participants, images): one method at `rate` + `effect`, the others at `rate`, tests as in scoring.

    ValueError where a rate is not within (0, 1), or there are fewer than two methods.
    """
    if not 0 < rate < rate + effect < 1:
        raise ValueError(f"rates lie between 0 and 1, the better one above; {rate:g} and {rate + effect:g} do not")
    if methods < 2:
        raise ValueError("a difference needs two methods")
    shown = names(methods)
    world = World({name: rate + effect * (name == shown[0]) for name in shown})
    found = []
    for size in track(sizes, "Studies", len(sizes)):
        rng = np.random.Generator(np.random.PCG64((seed, *size)))
        told = [_told_apart(world, shown, size, rng) for _ in range(studies)]
        found.append(Power(*size, float(np.mean(told)), studies))
    return found


def _told_apart(world: World, shown: Sequence[str], size: tuple[int, int], rng: np.random.Generator) -> float:
    """Share of the other methods that one simulated study tells from the one that differs."""
    items = answers(world, Task.SHARPNESS, *size, rng)
    best, others = gaps(shown, items, Task.SHARPNESS) or ("", {})
    if best != shown[0]:
        return 0.0
    return float(np.mean([p is not None and p < ALPHA for _, p in others.values()]))
