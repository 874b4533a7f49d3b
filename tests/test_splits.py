"""Seeded draws: the same every time, and of each thing by its name alone."""

import numpy as np
import pytest

from harness.datasets.splits import Part, drawn_pairs, each_once, evenly, held_out, seeded


def test_random_numbers_follow_seed_and_names():
    def first(*arguments):
        return seeded(*arguments).integers(1 << 40)

    assert first(1, "a", "b") == first(1, "a", "b")
    assert len({first(1, "a", "b"), first(2, "a", "b"), first(1, "b", "a"), first(1, "ab")}) == 4


@pytest.mark.parametrize("count", [0, 1, 2, 5, 24, 25, 663])
def test_evenly_spread_places_are_distinct_and_reach_both_ends(count):
    places = evenly(count, 24)
    assert len(places) == len(set(places)) == min(count, 24)
    if count:
        assert places[0] == 0 and places[-1] == count - 1
    if count > 24:
        gaps = np.diff(places)
        assert gaps.max() - gaps.min() <= 1


def test_drawn_pairs_are_ordered_distinct_and_far_enough_apart():
    numbers = [0, 3, 6, 9, 12, 40]
    pairs = drawn_pairs(numbers, 7, 5, seeded(0, "x"))
    assert len(set(pairs)) == 7 and pairs == sorted(pairs)
    assert all(abs(numbers[a] - numbers[b]) >= 5 for a, b in pairs)
    everything = drawn_pairs(numbers, 1000, 5, seeded(0, "x"))
    assert set(everything) == {(a, b) for a in range(6) for b in range(6) if abs(numbers[a] - numbers[b]) >= 5}
    assert drawn_pairs(numbers, 1000, 1, seeded(0, "x")) == [(a, b) for a in range(6) for b in range(6) if a != b]
    assert drawn_pairs([], 3, 1, seeded(0, "x")) == [] == drawn_pairs([4], 3, 1, seeded(0, "x"))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_each_frame_is_once_a_target_and_never_its_own_reference(count):
    frames = [f"v/{number}" for number in range(count)]
    pairs = each_once(frames, seeded(0, "v"))
    assert [target for _, target in pairs] == (frames if count > 1 else [])
    assert all(reference != target and reference in frames for reference, target in pairs)
    if count == 50:
        assert len({reference for reference, _ in pairs}) > 20, "references are drawn from all frames"


def test_a_share_of_groups_is_held_out_in_an_order_by_name():
    groups = [f"{number:04d}" for number in range(200)]
    held = held_out(groups, 0.1, seed=3)
    assert len(held) == 20 and held == held_out(reversed(groups), 0.1, seed=3) != held_out(groups, 0.1, seed=4)
    # without one that was not held, the same are the first; a larger share holds those of a smaller
    rest = [group for group in groups if group != min(set(groups) - held)]
    assert held_out(rest, 0.1, seed=3) == held < held_out(groups, 0.2, seed=3)
    assert len(held_out(["a", "b"], 0.01, 0)) == 1 and not held_out(["a"], 0.5, 0)


def test_a_part_of_pairs_holds_their_frames_once_in_order():
    assert Part.of_pairs([("a/1", "a/2"), ("a/2", "a/3"), ("a/1", "a/3")]).frames == ("a/1", "a/2", "a/3")
