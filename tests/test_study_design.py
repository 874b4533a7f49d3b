"""The block design: every participant and every pair sees all methods alike, sides are even, and a seed is a design."""

from collections import Counter

import numpy as np
import pytest

from harness.study.design import CHECKS, REAL, REPEATS, WITH_REAL, Kind, Task, assign, questions, sides, stratified

METHODS = ("mrnet", "pg2", "patn")


def rng(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def spread(counts, names):
    numbers = [counts.get(name, 0) for name in names]
    return max(numbers) - min(numbers)


@pytest.mark.parametrize(("participants", "pairs", "methods"), [(15, 50, 7), (3, 8, 4), (16, 9, 8), (1, 5, 2)])
def test_methods_go_round_over_people_and_over_pairs(participants, pairs, methods):
    table = assign(participants, pairs, [f"m{place}" for place in range(methods)], rng())
    assert table.shape == (participants, pairs)
    assert all(spread(Counter(row.tolist()), range(methods)) <= 1 for row in table)
    assert all(spread(Counter(column.tolist()), range(methods)) <= 1 for column in table.T)


def test_no_two_participants_see_the_same():
    table = assign(15, 50, ["a", "b", "c"], rng())
    assert len({tuple(row) for row in table.tolist()}) == 15


@pytest.mark.parametrize("shown", [["a"] * 9, ["a", "b", "c"] * 5, ["a"] * 3 + ["b"] * 3 + ["c"] * 3, ["a", "b"]])
def test_sides_are_even_for_every_method_and_in_all(shown):
    for seed in range(20):
        left = sides(shown, rng(seed))
        for method in set(shown):
            own = [side for side, name in zip(left, shown, strict=True) if name == method]
            assert abs(2 * sum(own) - len(own)) <= 1
        assert abs(2 * sum(left) - len(left)) <= 1


def test_every_task_asks_about_every_pair_once_and_real_pictures_are_in_two():
    for own in questions(5, 12, METHODS, seed=3):
        for task in Task:
            items = [it for it in own if it.task is task and it.kind is Kind.ITEM]
            assert sorted(it.pair for it in items) == list(range(12))
            shown = Counter(it.method for it in items)
            assert set(shown) == {*METHODS, *([REAL] if task in WITH_REAL else [])}
            assert spread(shown, shown) <= 1
        assert [it.task for it in own] == sorted((it.task for it in own), key=list(Task).index), "in turn"


def test_checks_stand_among_the_questions_and_repeats_at_the_end():
    for own in questions(4, 20, METHODS, seed=1):
        for task in Task:
            asked = [it for it in own if it.task is task]
            kinds = [it.kind for it in asked]
            assert kinds.count(Kind.CHECK) == CHECKS and kinds[-REPEATS:] == [Kind.REPEAT] * REPEATS
            assert kinds[0] is Kind.ITEM
            items = {(it.pair, it.method): it for it in asked if it.kind is Kind.ITEM}
            for again in asked[-REPEATS:]:
                first = items[again.pair, again.method]
                assert asked.index(first) <= len(asked) // 2
                assert again.left != first.left, "sides are changed, so that a side is no memory"


def test_the_same_seed_is_the_same_design_and_another_another():
    assert questions(3, 10, METHODS, seed=5) == questions(3, 10, METHODS, seed=5)
    assert questions(3, 10, METHODS, seed=5) != questions(3, 10, METHODS, seed=6)


def test_pairs_are_drawn_from_every_group_alike():
    groups = {
        "a": [f"a{number}" for number in range(40)],
        "b": ["b0", "b1"],
        "c": [f"c{number}" for number in range(9)],
    }
    drawn = stratified(groups, 12, seed=0)
    assert len(set(drawn)) == 12
    counts = Counter(pair[0] for pair in drawn)
    assert counts["b"] == 2 and abs(counts["a"] - counts["c"]) <= 1
    assert stratified(groups, 12, seed=0) == drawn != stratified(groups, 12, seed=1)
    with pytest.raises(ValueError, match="52 of 51"):
        stratified(groups, 52, seed=0)
