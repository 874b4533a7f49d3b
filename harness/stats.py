"""Bootstrap intervals: the percentile method over pairs, seeded. Descriptive: pairs of one clip are not independent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 0
_CHUNK_CELLS = 4_000_000  # resampled values held at once, to bound memory


class Interval(NamedTuple):
    """A mean and the ends of its interval."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: np.ndarray, *, seed: int = SEED, resamples: int = RESAMPLES) -> Interval:
    """Mean of `values` (n,) and its 95 % bootstrap interval; the same values and seed give the same interval.

    Infinite values are kept (equal images have infinite PSNR). Raises ValueError for no values or NaN among them.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"expected (n,) values with n > 0, got shape {values.shape}")
    if np.isnan(values).any():
        raise ValueError(f"{int(np.isnan(values).sum())} of {len(values)} values are NaN")
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, _CHUNK_CELLS // len(values))
    means = np.concatenate(
        [
            values[rng.integers(0, len(values), (min(rows, resamples - start), len(values)))].mean(axis=1)
            for start in range(0, resamples, rows)
        ]
    )
    tail = (1 - CONFIDENCE) / 2
    # an order statistic and not an interpolation: infinity minus infinity would be NaN
    low, high = np.quantile(means, [tail, 1 - tail], method="inverted_cdf")
    return Interval(float(values.mean()), float(low), float(high))
