"""Simulated participants: answers drawn from known rates, where people and images differ. For tests and power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.study.answers import frame_of
from harness.study.design import Kind, Task, assign

if TYPE_CHECKING:
    import pandas

SPREAD_PEOPLE = 0.5
"""Standard deviation of participants' leniency, in log odds."""

SPREAD_IMAGES = 0.7
"""That of pairs: some are easy for every method."""

_MS = 2500.0  # about what an answer takes
_QUADRATURE = 41


@dataclass(frozen=True)
class World:
    """What is true: the rate of each method over all people and images, and how far both differ."""

    rates: Mapping[str, float]
    people: float = SPREAD_PEOPLE
    images: float = SPREAD_IMAGES


def answers(world: World, task: Task, participants: int, images: int, rng: np.random.Generator) -> pandas.DataFrame:
    """One task of one simulated study, as `harness.study.answers.Reading.frame`."""
    methods = list(world.rates)
    table = assign(participants, images, methods, rng)
    middles = np.array([middle(world.rates[method], np.hypot(world.people, world.images)) for method in methods])
    lenient = rng.normal(0, world.people, participants)
    easy = rng.normal(0, world.images, images)
    chance = _expit(middles[table] + lenient[:, None] + easy[None])
    yes = rng.random(table.shape) < chance
    rows = [
        (f"p{person}", task.name, Kind.ITEM.name, f"i{image}", methods[table[person, image]], yes[person, image], _MS)
        for person in range(participants)
        for image in range(images)
    ]
    return frame_of(rows)


def middle(rate: float, spread: float) -> float:
    """The log odds around which normal ones of this spread give the rate on average."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_QUADRATURE)
    low, high = -20.0, 20.0
    for _ in range(60):
        tried = (low + high) / 2
        found = float((_expit(tried + spread * nodes) * weights).sum() / weights.sum())
        low, high = (tried, high) if found < rate else (low, tried)
    return (low + high) / 2


def names(count: int) -> Sequence[str]:
    """Names of simulated methods."""
    return [f"method-{number}" for number in range(1, count + 1)]


def _expit(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-value))
