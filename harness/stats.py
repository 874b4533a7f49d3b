"""How sure a mean, a difference and a ranking are. Whole groups (videos or persons) are drawn, never single pairs.

Pairs of one video resemble each other, so that drawing pairs gives intervals far too narrow (metrics.md §2, 20). With
fewer than `MIN_GROUPS` groups nothing is inferred: no interval, no p-value. Everything is seeded: the same values give
the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 1000
CONFIDENCE = 0.95
SEED = 0
MIN_GROUPS = 10
"""Groups below which an interval over them says little: numbers are then descriptive."""

ALPHA = 0.05
"""Corrected p-values below this count as a difference."""

FLIPS = 10_000
"""Sign flips of the permutation test; where there are no more than these in all, each is taken once (exact)."""

_CHUNK_CELLS = 4_000_000  # drawn numbers held at once, to bound memory
_ROUNDING = 1e-9  # relative: sums that differ by less are equal, so that the order of adding changes no p-value


class Interval(NamedTuple):
    """A mean over pairs and its 95 % interval over groups; low and high are None below `MIN_GROUPS` groups."""

    mean: float
    low: float | None
    high: float | None
    groups: int


class Difference(NamedTuple):
    """Mean difference of two methods on the same pairs, its interval, and the two-sided p-value of no difference.

    low, high and p are None below `MIN_GROUPS` groups; p also where a difference is infinite.
    """

    mean: float
    low: float | None
    high: float | None
    groups: int
    p: float | None


class RankStability(NamedTuple):
    """How far a ranking of K methods depends on which groups (or pairs) happened to be there.

    ranks: (K,) from 1, best first; equal means share the better rank.
    shares: (K, K), share of draws in which method k (row) has rank r + 1 (column).
    tau_mean, tau_low: Kendall's tau-b between the ranking and the draws': mean, and the value that 2.5 % of draws do
    not exceed; in [-1, 1], NaN where all methods are equal.
    descriptive: pairs were drawn, as there are fewer than `MIN_GROUPS` groups.
    """

    ranks: np.ndarray
    shares: np.ndarray
    tau_mean: float
    tau_low: float
    groups: int
    descriptive: bool


def group_interval(
    values: np.ndarray, groups: Sequence[str] | np.ndarray, *, seed: int = SEED, resamples: int = RESAMPLES
) -> Interval:
    """Mean of `values` (n,) over pairs and its bootstrap interval over `groups` (n,), each pair's group.

    A draw takes as many groups as there are, with replacement, and is the mean over all their pairs; the interval is
    the middle 95 % of the draws (percentile method). Infinite values are kept. Raises ValueError for no values, NaN,
    values of both infinities (they have no mean), or another number of groups than of values.
    """
    values = _checked(values)
    sums, counts = _sums_by_group([values], groups)
    if len(counts) < MIN_GROUPS:
        return Interval(float(values.mean()), None, None, len(counts))
    low, high = _middle(_drawn_means(sums, counts, seed, resamples)[0])
    return Interval(float(values.mean()), low, high, len(counts))


def paired_difference(
    first: np.ndarray, second: np.ndarray, groups: Sequence[str] | np.ndarray, *, seed: int = SEED
) -> Difference:
    """Mean of `first` - `second`, both (n,) on the same pairs; equal values differ by 0, two infinities too.

    The p-value is that of a sign-flip test: were there no difference, the sum of a group's differences (so large
    groups weigh more) would be as likely to have the other sign. Raises ValueError as `group_interval` does.
    """
    return paired_differences([first], second, groups, seed=seed)[0]


def paired_differences(
    rows: Sequence[np.ndarray], second: np.ndarray, groups: Sequence[str] | np.ndarray, *, seed: int = SEED
) -> list[Difference]:
    """`paired_difference` of each of the rows to `second`; all see the same draws of groups."""
    second = _checked(second)
    differences = [_minus(_checked(row), second) for row in rows]
    sums, counts = _sums_by_group(differences, groups)
    means = [float(row.mean()) for row in differences]
    count = len(counts)
    if count < MIN_GROUPS:
        return [Difference(mean, None, None, count, None) for mean in means]
    middles = [_middle(drawn) for drawn in _drawn_means(sums, counts, seed, RESAMPLES)]
    finite = np.isfinite(sums).all(axis=1)
    p_values = iter(sign_flip_ps(sums[finite], seed=seed))
    return [
        Difference(mean, *middle, count, next(p_values) if testable else None)
        for mean, middle, testable in zip(means, middles, finite, strict=True)
    ]


def _minus(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The difference, 0 where both are equal: infinity minus infinity would be NaN."""
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} values against {len(second)}: pairs must be the same")
    difference = np.zeros_like(first)
    np.subtract(first, second, out=difference, where=first != second)
    return difference


def sign_flip_p(sums: np.ndarray, *, seed: int = SEED, flips: int = FLIPS) -> float:
    """Share of sign flips of `sums` (G,), finite, whose total is at least as far from 0 as the total itself.

    Exact where all 2^G flips are at most `flips`; else of `flips` drawn ones, to which the one seen is added, so that
    the value is never 0 (Phipson and Smyth, 2010).
    """
    return sign_flip_ps(np.asarray(sums, dtype=np.float64)[None], seed=seed, flips=flips)[0]


def sign_flip_ps(sums: np.ndarray, *, seed: int = SEED, flips: int = FLIPS) -> list[float]:
    """`sign_flip_p` of each row of `sums` (K, G), all by the same flips."""
    width = sums.shape[1]
    bounds = np.abs(sums.sum(axis=1)) - _ROUNDING * np.abs(sums).sum(axis=1)
    if 2**width <= flips:
        negative = (np.arange(2**width)[:, None] >> np.arange(width)) & 1
        return np.mean(np.abs(_totals(sums, negative)) >= bounds, axis=0).tolist()
    rng = np.random.Generator(np.random.PCG64(seed))
    as_far = np.zeros(len(sums))
    for rows in _chunks(flips, max(sums.shape)):
        negative = rng.integers(0, 2, (rows, width), dtype=np.int8)
        as_far += np.sum(np.abs(_totals(sums, negative)) >= bounds, axis=0)
    return ((as_far + 1) / (flips + 1)).tolist()


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values corrected for their number by Holm's step-down method, in the order given, at most 1.

    A comparison without a p-value keeps None and counts among the comparisons.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for step, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(p_values) - step)))
        corrected[place] = highest
    return corrected


def rank_stability(
    values: np.ndarray,
    groups: Sequence[str] | np.ndarray,
    higher_is_better: bool,
    *,
    seed: int = SEED,
    resamples: int = RESAMPLES,
) -> RankStability:
    """Ranks of K methods by their means over the same pairs, `values` (K, n), and how often draws keep them.

    Groups are drawn as in `group_interval`; single pairs, where there are fewer than `MIN_GROUPS` groups.
    Raises ValueError for fewer than two methods, and for values as `group_interval` does.
    """
    rows = [_checked(row) for row in values]
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} methods have no ranking; two are needed")
    sums, counts = _sums_by_group(rows, groups)
    count = len(counts)
    descriptive = count < MIN_GROUPS
    if descriptive:
        sums, counts = np.stack(rows), np.ones(len(rows[0]), dtype=np.int64)
    means = _drawn_means(sums, counts, seed, resamples)
    whole = ranks(np.array([row.mean() for row in rows]), higher_is_better)
    drawn = ranks(means.T, higher_is_better)
    shares = np.stack([(drawn == rank).mean(axis=0) for rank in range(1, len(rows) + 1)], axis=1)
    tau = kendall_tau(whole, drawn)
    low = np.quantile(tau, (1 - CONFIDENCE) / 2, method="inverted_cdf")
    return RankStability(whole, shares, float(tau.mean()), float(low), count, descriptive)


def ranks(means: np.ndarray, higher_is_better: bool) -> np.ndarray:
    """Ranks (..., K) from 1, best first, of `means` (..., K); equal means share the better rank."""
    from scipy.stats import rankdata

    return rankdata(-means if higher_is_better else means, method="min", axis=-1).astype(np.int64)


def kendall_tau(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Kendall's tau-b (...) between the ranking `first` (K,) and each of `second` (..., K); NaN where all are equal."""
    above, below = np.triu_indices(first.shape[-1], k=1)
    ours = np.sign(first[above] - first[below]).astype(np.int8)
    second = second.astype(np.int32)  # half the memory to go through
    theirs = np.sign(second[..., above] - second[..., below]).astype(np.int8)
    untied = np.count_nonzero(ours) * np.count_nonzero(theirs, axis=-1)
    with np.errstate(invalid="ignore"):
        return np.sum(ours * theirs, axis=-1, dtype=np.int64) / np.sqrt(untied)


def _checked(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"expected (n,) values with n > 0, got shape {values.shape}")
    if np.isnan(values).any():
        raise ValueError(f"{int(np.isnan(values).sum())} of {len(values)} values are NaN")
    if np.isposinf(values).any() and np.isneginf(values).any():
        raise ValueError("values of both infinities have no mean")
    return values


def _sums_by_group(rows: Sequence[np.ndarray], groups: Sequence[str] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums (K, G) of each row's values by group, and the groups' sizes (G,), groups in sorted order."""
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    for row in rows:
        if len(groups) != len(row):
            raise ValueError(f"{len(row)} values, but {len(groups)} groups")
    sums = np.stack([np.bincount(codes, weights=row, minlength=len(names)) for row in rows])
    return sums, np.bincount(codes, minlength=len(names))


def _chunks(total: int, width: int) -> Iterator[int]:
    """Numbers of rows that add up to `total`, each of no more than `_CHUNK_CELLS` cells."""
    rows = max(1, _CHUNK_CELLS // width)
    for start in range(0, total, rows):
        yield min(rows, total - start)


def _drawn_means(sums: np.ndarray, counts: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """Means (K, resamples) over the pairs of drawn groups, the same groups for all K rows of `sums` (K, G)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    parts = []
    for rows in _chunks(resamples, len(counts)):
        drawn = rng.integers(0, len(counts), (rows, len(counts)))
        sizes = counts[drawn].sum(axis=1)
        parts.append(np.stack([row[drawn].sum(axis=1) / sizes for row in sums]))
    return np.concatenate(parts, axis=1)


def _middle(means: np.ndarray) -> tuple[float, float]:
    """Ends of the middle 95 %: order statistics and no interpolation, as infinity minus infinity would be NaN."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail], method="inverted_cdf")
    return float(low), float(high)


def _totals(sums: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Totals (R, K) of `sums` (K, G) with the signs of each row of `negative` (R, G) turned where it is 1."""
    return sums.sum(axis=1) - 2 * (negative.astype(np.float64) @ sums.T)  # as floats the product is many times faster
