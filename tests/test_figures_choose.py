"""Choosers of pairs against values made by hand, and the words that tell the choice."""

import math

import pytest

from harness.errors import UserError
from harness.pairs import Pair
from harness.report.choose import by_ids, by_value

PAIRS = tuple(Pair.of(f"{clip}/{number}", f"{clip}/{number + 1}") for clip in "ab" for number in range(1, 4))
VALUES = dict(zip([pair.id for pair in PAIRS], (0.1, 0.2, 0.3, 0.4, 0.5, 0.9), strict=True))


def chosen(how, count, higher=True, pairs=PAIRS, values=None):
    return [pair.id for pair in by_value(pairs, values or VALUES, how, count, higher, "X of Y").pairs]


def test_best_and_worst_take_each_clips_first_and_turn_with_the_metrics_direction():
    assert chosen("best", 2) == ["b_3__4", "a_3__4"]
    assert chosen("worst", 2) == ["a_1__2", "b_1__2"]
    assert chosen("best", 2, higher=False) == ["a_1__2", "b_1__2"]
    assert chosen("best", 3) == ["b_3__4", "b_2__3", "a_3__4"], "shown best first, though a's first was taken second"


def test_the_median_is_the_nearest_rank():
    one_clip = PAIRS[:3]
    assert chosen("median", 1, pairs=one_clip) == ["a_2__3"]
    assert set(chosen("median", 2)) == {"a_3__4", "b_1__2"}


def test_ties_go_by_pair_id_whatever_the_lists_order():
    level = dict.fromkeys(VALUES, 0.5)
    assert chosen("worst", 3, values=level) == chosen("worst", 3, pairs=PAIRS[::-1], values=level)
    assert chosen("worst", 1, values=level) == ["a_1__2"]


def test_pairs_without_a_value_are_passed_over_and_none_at_all_is_an_error():
    some = VALUES | {"a_1__2": math.nan, "b_3__4": math.inf}
    assert chosen("worst", 1, values=some) == ["a_2__3"] and chosen("best", 1, values=some) == ["b_2__3"]
    with pytest.raises(UserError, match="no pair has X of Y"):
        chosen("best", 1, values={"a_1__2": math.nan})


def test_the_words_say_which_and_of_how_many():
    words = by_value(PAIRS, VALUES, "worst", 2, True, "M-SSIM of MR-Net").words
    assert words == "Pairs with the worst M-SSIM of MR-Net among 6, of different clips as far as there are"
    assert "nearest to the median" in by_value(PAIRS, VALUES, "median", 2, True, "x").words


def test_named_pairs_keep_their_order_and_an_unknown_one_is_told_with_the_nearest():
    assert [pair.id for pair in by_ids(PAIRS, ("b_1__2", "a_2__3")).pairs] == ["b_1__2", "a_2__3"]
    with pytest.raises(UserError, match="a_2__3"):
        by_ids(PAIRS, ("a_2__33",))
