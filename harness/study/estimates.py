"""Shares of answers and their differences, with the spread of participants and of images in every interval.

Answers are crossed: those of one participant resemble each other, and so do those about one image. The variance of a
mean is that over participants, plus that over images, less that within both (Cameron, Gelbach and Miller, 2011), each
with its small-sample factor; quantiles are those of Student's t with the fewer of both, less one, degrees of freedom.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
LEAST_CLUSTERS = 3
"""With fewer participants, or images, nothing is inferred."""

LEAST_SHARE = 0.75
"""A variance over few clusters may come out far too small. With this floor simulated studies of equal methods find a
difference in 4 to 5 of 100, whether or not people and images differ; with a quarter in 6 to 8, with all of it in 2."""


class Share(NamedTuple):
    """A share of answers in [0, 1] and its 95 % interval; low and high are None below `LEAST_CLUSTERS`."""

    mean: float
    low: float | None
    high: float | None
    n: int


class Gap(NamedTuple):
    """Difference of two shares, its 95 % interval, and the two-sided p-value of no difference; None as in `Share`."""

    mean: float
    low: float | None
    high: float | None
    p: float | None


def share(values: np.ndarray, participants: np.ndarray, images: np.ndarray) -> Share:
    """Mean of `values` (n,) of 0 and 1. participants, images: (n,), whose and about what each answer is.

    The interval is taken on the scale of log odds, and so stays in [0, 1]; where all answers are alike it is Clopper
    and Pearson's, as if answers were independent. ValueError for no values.
    """
    values = _checked(values)
    mean, count = float(values.mean()), len(values)
    freedom = _freedom(participants, images)
    if freedom is None:
        return Share(mean, None, None, count)
    if mean in (0.0, 1.0):
        return Share(mean, *_clopper_pearson(int(values.sum()), count), count)
    spread = math.sqrt(_variance((values - mean) / count, participants, images))
    reach = _quantile(freedom) * spread / (mean * (1 - mean))
    middle = math.log(mean / (1 - mean))
    return Share(mean, _expit(middle - reach), _expit(middle + reach), count)


def gap(values: np.ndarray, first: np.ndarray, participants: np.ndarray, images: np.ndarray) -> Gap:
    """Mean of the values where `first` (n,) is true, less the mean where it is not: two methods, the same people."""
    values, first = _checked(values), np.asarray(first, dtype=bool)
    if first.all() or not first.any():
        raise ValueError("a difference needs answers about both")
    ours, theirs = values[first], values[~first]
    mean = float(ours.mean() - theirs.mean())
    freedom = _freedom(participants, images)
    if freedom is None:
        return Gap(mean, None, None, None)
    parts = np.where(first, (values - ours.mean()) / len(ours), -(values - theirs.mean()) / len(theirs))
    spread = math.sqrt(_variance(parts, participants, images))
    if spread == 0:
        return Gap(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    from scipy.stats import t

    reach = _quantile(freedom) * spread
    return Gap(mean, mean - reach, mean + reach, float(2 * t.sf(abs(mean) / spread, freedom)))


def _checked(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        raise ValueError("no answers")
    return values


def _freedom(participants: np.ndarray, images: np.ndarray) -> int | None:
    fewest = min(len(np.unique(participants)), len(np.unique(images)))
    return fewest - 1 if fewest >= LEAST_CLUSTERS else None


def _variance(parts: np.ndarray, participants: np.ndarray, images: np.ndarray) -> float:
    """Variance of the sum of `parts` (n,), whose mean is 0; at least `LEAST_SHARE` of that of independent answers."""
    _, people = np.unique(participants, return_inverse=True)
    _, shown = np.unique(images, return_inverse=True)
    both = people * (shown.max() + 1) + shown
    within = _clustered(parts, np.unique(both, return_inverse=True)[1])
    return max(_clustered(parts, people) + _clustered(parts, shown) - within, LEAST_SHARE * within)


def _clustered(parts: np.ndarray, clusters: np.ndarray) -> float:
    sums = np.bincount(clusters, weights=parts)
    return len(sums) / (len(sums) - 1) * float(np.square(sums).sum())


def _quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, freedom))


def _clopper_pearson(successes: int, count: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    found = binomtest(successes, count).proportion_ci(CONFIDENCE, "exact")
    return float(found.low), float(found.high)


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0  # beyond, exp overflows
