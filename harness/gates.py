"""The three gates of `bench regress`: when a number still counts as the baseline's. Plain arithmetic.

rescore   the baseline's images, scored anew: nothing but arithmetic may differ, so nothing may
rerun     its checkpoint's images, made anew, and their metrics: within a grey level, and what that moves
train     a new training: not worse than a prediction interval from the baseline's seeds and pairs
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from harness.baselines import Spread, Tolerances
from harness.metrics.base import METRICS, MetricInfo
from harness.records import MetricValue


class Gate(str, Enum):
    """A gate, in the order in which they are passed: the sharpest first."""

    RESCORE = "rescore"
    RERUN = "rerun"
    TRAIN = "train"


class Verdict(str, Enum):
    """What a gate says of a metric."""

    HOLDS = "holds"
    BETTER = "better"
    REGRESSION = "regression"


@dataclass(frozen=True)
class Row:
    """A metric at a gate. baseline, now: None where a value lacks. allowed: how far `now` may lie from `baseline`.

    note: why a value lacks.
    """

    label: str
    baseline: float
    now: float | None
    allowed: float
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True)
class Passage:
    """What a gate found. failure: why nothing could be measured, which is a regression too."""

    gate: Gate
    rows: tuple[Row, ...] = ()
    failure: str = ""

    def having(self, verdict: Verdict) -> tuple[Row, ...]:
        """The metrics of that verdict."""
        return tuple(row for row in self.rows if row.verdict is verdict)

    @property
    def held(self) -> bool:
        return not self.failure and not self.having(Verdict.REGRESSION)


def rescored(
    baseline: Mapping[str, float], now: Mapping[str, MetricValue], through_network: Iterable[str], allowed: Tolerances
) -> tuple[Row, ...]:
    """Metrics of the stored images. through_network: keys of those that are not plain arithmetic on pixels."""
    network = set(through_network)
    return tuple(
        _unchanged(key, was, now.get(key), _scaled(allowed.network, was) if key in network else allowed.arithmetic)
        for key, was in baseline.items()
    )


def remade(baseline: Mapping[str, float], now: Mapping[str, MetricValue], allowed: Tolerances) -> tuple[Row, ...]:
    """Metrics of images that were made anew.

    A share (of joints, of pairs) moves by steps where one crosses a threshold: it may by as much as one pair is worth.
    """
    rows = []
    for key, was in baseline.items():
        value, reach = now.get(key), _scaled(allowed.remade, was)
        if value is not None and METRICS[key].range == (0.0, 1.0):
            reach = max(reach, 1 / value.n)
        rows.append(_unchanged(key, was, value, reach))
    return tuple(rows)


def images_row(difference: int, allowed: Tolerances) -> Row:
    """The greatest difference of a pixel of images made anew, in grey levels."""
    verdict = Verdict.HOLDS if difference <= allowed.grey_levels else Verdict.REGRESSION
    return Row("images, grey levels", 0.0, float(difference), float(allowed.grey_levels), verdict)


def trained(
    baseline: Mapping[str, Spread], now: Mapping[str, MetricValue], confidence: float, allowed: Tolerances
) -> tuple[Row, ...]:
    """Metrics of a new training. Those that are only reported, and have no better or worse, are left out."""
    return tuple(
        _not_worse(METRICS[key], spread, now.get(key), confidence, allowed)
        for key, spread in baseline.items()
        if METRICS[key].ranked
    )


def half_width(spread: Spread, confidence: float) -> float:
    """Half of the two-sided prediction interval of a new training's mean, around the mean of the k baseline seeds.

    What seeds do, t(k-1) · s · √(1 + 1/k) with s the seeds' standard deviation, and what the choice of pairs does,
    z · pair_error, in quadrature.
    """
    from scipy.stats import norm, t

    count, tail = len(spread.values), 1 - (1 - confidence) / 2
    seeds = float(t.ppf(tail, count - 1)) * float(np.std(spread.values, ddof=1)) * math.sqrt(1 + 1 / count)
    return math.hypot(seeds, float(norm.ppf(tail)) * spread.pair_error)


def pair_error(values: np.ndarray, groups: Sequence[str]) -> float:
    """Standard error of the difference of one training from the mean of the others, over groups of pairs.

    values: (K, n), a metric of K trainings on n pairs; groups: (n,). Pairs of a group resemble each other, so that
    whole groups count (a cluster-robust error); of a single group none is told, 0. The root mean square over trainings.
    """
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    count, (trainings, pairs) = codes.max() + 1, values.shape
    if count < 2:
        return 0.0
    others = (values.sum(axis=0) - values) / (trainings - 1)
    apart = values - others
    apart -= apart.mean(axis=1, keepdims=True)
    sums = np.stack([np.bincount(codes, weights=row) for row in apart])
    variance = (sums**2).sum(axis=1) / pairs**2 * count / (count - 1)
    return float(np.sqrt(variance.mean()))


def _scaled(share: float, value: float) -> float:
    return share * max(1.0, abs(value))


def _unchanged(key: str, was: float, value: MetricValue | None, reach: float) -> Row:
    if value is None:
        return _gone(key, was, reach)
    verdict = Verdict.HOLDS if abs(value.mean - was) <= reach else Verdict.REGRESSION
    return Row(METRICS[key].label, was, value.mean, reach, verdict)


def _not_worse(
    info: MetricInfo, spread: Spread, value: MetricValue | None, confidence: float, allowed: Tolerances
) -> Row:
    was = float(np.mean(spread.values))
    # where every seed gives the same value, as far as that is told
    reach = max(half_width(spread, confidence), _scaled(allowed.remade, was))
    if value is None:
        return _gone(info.key, was, reach)
    gain = (value.mean - was) * (1 if info.higher_is_better else -1)
    inside = Verdict.BETTER if gain > reach else Verdict.HOLDS
    return Row(info.label, was, value.mean, reach, Verdict.REGRESSION if not gain >= -reach else inside)


def _gone(key: str, was: float, reach: float) -> Row:
    return Row(METRICS[key].label, was, None, reach, Verdict.REGRESSION, "is no longer computed")
