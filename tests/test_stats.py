"""Group bootstrap, paired test, Holm and ranks against scipy, theory and hand-computed values; degenerate input."""

import numpy as np
import pytest
from scipy.stats import bootstrap, kendalltau, permutation_test

from harness.stats import (
    MIN_GROUPS,
    group_interval,
    holm,
    kendall_tau,
    paired_difference,
    rank_stability,
    ranks,
    sign_flip_p,
)

GROUPS, PAIRS = 40, 25
NAMES = np.repeat([f"clip{number:02d}" for number in range(GROUPS)], PAIRS)


def rng(seed=1):
    return np.random.Generator(np.random.PCG64(seed))


def correlated(generator, groups=GROUPS, pairs=PAIRS):
    """Values of mean 3 whose groups differ (sd 1) as much as the pairs of a group do."""
    return 3 + np.repeat(generator.normal(size=groups), pairs) + generator.normal(size=groups * pairs)


def test_with_groups_of_one_size_it_is_scipys_bootstrap_of_the_groups_means():
    values = np.exp(correlated(rng()) / 2)
    means = values.reshape(GROUPS, PAIRS).mean(axis=1)
    theirs = bootstrap((means,), np.mean, method="percentile", random_state=rng(2)).confidence_interval
    ours = group_interval(values, NAMES, resamples=10_000)
    assert ours.mean == values.mean() and ours.groups == GROUPS
    assert ours.low == pytest.approx(theirs.low, rel=0.02) and ours.high == pytest.approx(theirs.high, rel=0.02)


def test_whole_groups_are_drawn_and_weigh_by_their_pairs():
    # nine groups of one pair with value 0 and one of 991 pairs with value 1: the mean of a draw is either exactly 0 or,
    # with the large group in it k times, 991 k / (991 k + 10 - k); 0.9^10 = 35 % of the draws miss it
    values, groups = np.repeat([0.0, 1.0], [9, 991]), ["a", "b", "c", "d", "e", "f", "g", "h", "i"] + ["j"] * 991
    found = group_interval(values, groups)
    possible = {0.0} | {991 * times / (991 * times + 10 - times) for times in range(1, 11)}
    assert found.mean == 0.991 and found.low == 0.0
    assert any(found.high == pytest.approx(value, abs=1e-12) for value in possible - {0.0})


def test_the_group_bootstrap_covers_the_truth_about_as_often_as_it_says_and_drawing_pairs_does_not():
    generator, runs = rng(3), 200
    over_groups = over_pairs = 0
    for _ in range(runs):
        values = correlated(generator)
        whole = group_interval(values, NAMES, resamples=300)
        single = group_interval(values, np.arange(len(values)), resamples=300)
        over_groups += whole.low <= 3 <= whole.high
        over_pairs += single.low <= 3 <= single.high
    assert over_groups / runs > 0.89
    assert over_pairs / runs < 0.6


def test_fewer_than_ten_groups_give_the_mean_and_nothing_inferred():
    values, groups = correlated(rng(), MIN_GROUPS - 1), NAMES[: (MIN_GROUPS - 1) * PAIRS]
    assert group_interval(values, groups) == (values.mean(), None, None, 9)
    found = paired_difference(values + 1, values, groups)
    assert found.mean == pytest.approx(1) and found[1:] == (None, None, 9, None)
    values, groups = correlated(rng(), MIN_GROUPS), NAMES[: MIN_GROUPS * PAIRS]
    assert group_interval(values, groups).low < values.mean() < group_interval(values, groups).high


def test_the_same_seed_gives_the_same_interval_and_another_another():
    values = correlated(rng())
    assert group_interval(values, NAMES) == group_interval(values, NAMES)
    assert group_interval(values, NAMES) != group_interval(values, NAMES, seed=1)


def test_the_order_of_the_pairs_changes_nothing_but_the_last_bits():
    values, order = correlated(rng()), rng(4).permutation(GROUPS * PAIRS)
    assert group_interval(values[order], NAMES[order]) == pytest.approx(group_interval(values, NAMES), rel=1e-12)


def test_infinite_values_are_kept():
    singles = np.arange(40)
    assert group_interval(np.full(40, np.inf), singles) == (np.inf, np.inf, np.inf, 40)
    found = group_interval(np.array([np.inf] + [1.0] * 39), singles)
    assert found.mean == found.high == np.inf and found.low == 1.0
    same = paired_difference(np.full(40, np.inf), np.full(40, np.inf), singles)
    assert same == (0.0, 0.0, 0.0, 40, 1.0)
    assert paired_difference(np.full(40, np.inf), np.ones(40), singles).p is None


@pytest.mark.parametrize(
    ("values", "groups", "words"),
    [
        ([1.0, np.nan], ["a", "b"], "1 of 2 values are NaN"),
        ([], [], "n > 0"),
        ([np.inf, -np.inf], ["a", "b"], "both infinities"),
        ([1.0, 2.0], ["a"], "2 values, but 1 groups"),
    ],
)
def test_values_without_a_mean_or_a_group_are_refused(values, groups, words):
    with pytest.raises(ValueError, match=words):
        group_interval(np.array(values), groups)


def test_the_sign_flip_test_is_exact_on_few_groups():
    # of the 8 flips of (1, 2, 4), 7 and -7 alone are as far from 0 as 7; of (1, 1, -1) none is nearer than 1
    assert sign_flip_p(np.array([1.0, 2.0, 4.0])) == 2 / 8
    assert sign_flip_p(np.array([1.0, 1.0, -1.0])) == 1.0
    assert sign_flip_p(np.zeros(5)) == 1.0
    # 0.1 + 0.2 - 0.3 is not 0 in floating point, and its flips are equally far from it
    assert sign_flip_p(np.array([0.1, 0.2, -0.3])) == 1.0


@pytest.mark.parametrize(("groups", "tolerance"), [(12, 1e-12), (60, 0.015)])
def test_the_sign_flip_test_agrees_with_scipy(groups, tolerance):
    sums = rng(5).normal(0.2, 1, groups)
    theirs = permutation_test(
        (sums, np.zeros(groups)), lambda x, y, axis: (x - y).sum(axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=9_999, random_state=rng(6),
    ).pvalue  # fmt: skip
    assert sign_flip_p(sums) == pytest.approx(theirs, abs=tolerance)


def test_a_drawn_p_value_is_never_zero():
    assert sign_flip_p(np.ones(100)) == 1 / 10_001


def test_large_groups_weigh_more_in_the_paired_test():
    # one group of 400 pairs speaks against ten of one pair
    groups = ["large"] * 400 + [f"small{number}" for number in range(10)]
    difference = np.array([1.0] * 400 + [-1.0] * 10)
    found = paired_difference(difference, np.zeros(410), groups)
    # exact, 2^11 flips: whatever the small ones say, the total is 400 ± 10 or its negative; as far as 390 are all
    assert found.mean == pytest.approx(390 / 410) and found.p == 1.0


def test_pairing_shows_a_difference_that_the_methods_own_intervals_hide():
    first = correlated(rng(7))
    second = first - 0.1 + rng(8).normal(0, 0.05, len(first))
    ours, theirs = group_interval(first, NAMES), group_interval(second, NAMES)
    assert ours.low < theirs.high
    found = paired_difference(first, second, NAMES)
    assert 0 < found.low < 0.1 < found.high and found.p < 0.001
    assert paired_difference(second, first, NAMES).p == found.p
    with pytest.raises(ValueError, match="pairs must be the same"):
        paired_difference(first, second[1:], NAMES)


def test_holms_correction_by_hand():
    # sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, and never below the one before
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([None, 0.01]) == [None, 0.02]
    assert holm([]) == []


def test_equal_means_share_the_better_rank():
    assert ranks(np.array([0.5, 0.7, 0.5, 0.1]), higher_is_better=True).tolist() == [2, 1, 2, 4]
    assert ranks(np.array([0.5, 0.7, 0.5, 0.1]), higher_is_better=False).tolist() == [2, 4, 2, 1]
    assert ranks(np.array([np.inf, 1.0, np.inf]), higher_is_better=True).tolist() == [1, 3, 1]


def test_kendalls_tau_is_scipys():
    first, second = np.array([1, 2, 3, 3, 5]), rng(9).integers(1, 4, (20, 5))
    theirs = [kendalltau(first, row).statistic for row in second]
    assert kendall_tau(first, second) == pytest.approx(theirs, nan_ok=True)
    assert np.isnan(kendall_tau(np.array([1, 1]), np.array([1, 2])))


def test_clear_ranks_are_kept_in_every_draw_and_those_of_equals_change():
    base = correlated(rng(10))
    noise = rng(11).normal(0, 1, len(base))
    found = rank_stability(
        np.stack([base, base + 1, base - noise + noise.mean() - 0.001]), NAMES, higher_is_better=True
    )
    assert found.ranks[1] == 1 and found.shares[1].tolist() == [1, 0, 0]
    assert 0.3 < found.shares[0, 1] < 0.7
    assert found.shares.sum(axis=1) == pytest.approx([1, 1, 1])
    assert 0.3 < found.tau_mean < 1 and found.tau_low == pytest.approx(1 / 3)
    assert found.groups == GROUPS and not found.descriptive


def test_fewer_than_ten_groups_draw_pairs_and_say_so():
    values = correlated(rng(), 2)
    found = rank_stability(np.stack([values, values + 0.1]), NAMES[: 2 * PAIRS], higher_is_better=False)
    assert found.descriptive and found.groups == 2
    assert found.ranks.tolist() == [1, 2] and found.shares.tolist() == [[1, 0], [0, 1]] and found.tau_mean == 1
    with pytest.raises(ValueError, match="two are needed"):
        rank_stability(values[None], NAMES[: 2 * PAIRS], higher_is_better=True)
