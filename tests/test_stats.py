"""Bootstrap intervals against theory and against scipy; seeded; infinite values kept, NaN refused."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from harness.stats import bootstrap_mean

VALUES = np.random.Generator(np.random.PCG64(1)).normal(3.0, 2.0, 400)


def test_the_interval_is_that_of_theory():
    interval = bootstrap_mean(VALUES)
    half = 1.96 * VALUES.std() / np.sqrt(len(VALUES))
    assert interval.mean == VALUES.mean()
    assert interval.low == pytest.approx(VALUES.mean() - half, abs=0.03)
    assert interval.high == pytest.approx(VALUES.mean() + half, abs=0.03)


def test_it_agrees_with_scipy_on_skewed_values():
    skewed = np.exp(VALUES / 2)
    theirs = bootstrap((skewed,), np.mean, method="percentile", random_state=0).confidence_interval
    ours = bootstrap_mean(skewed)
    assert ours.low == pytest.approx(theirs.low, rel=0.02) and ours.high == pytest.approx(theirs.high, rel=0.02)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    assert bootstrap_mean(VALUES) == bootstrap_mean(VALUES)
    assert bootstrap_mean(VALUES) != bootstrap_mean(VALUES, seed=1)


def test_infinite_values_are_kept_and_nan_refused():
    assert bootstrap_mean(np.array([np.inf, np.inf])) == (np.inf, np.inf, np.inf)
    assert bootstrap_mean(np.array([1.0, np.inf] * 20)).high == np.inf
    with pytest.raises(ValueError, match="1 of 2 values are NaN"):
        bootstrap_mean(np.array([1.0, np.nan]))
    with pytest.raises(ValueError):
        bootstrap_mean(np.array([]))
