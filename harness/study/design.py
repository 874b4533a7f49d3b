"""Who sees what: pairs, methods, sides and order of every participant's questions, balanced and seeded.

In a task each participant sees each pair once, by one method. Methods go round over participants and pairs, so that for
any participant, and for any pair, no two methods are seen more than one time apart; which participant begins where, and
which pair follows which, is drawn anew for every round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np


class Task(Enum):
    """The paper's questions (Section IV.D.6). The value is the column's head in Table V."""

    SHARPNESS = "S"
    AUTHENTICITY = "Au"
    ACCURACY = "Ac"


class Kind(Enum):
    """What a question is for: an answer about a method, a check of attention, or how far answers repeat."""

    ITEM = "item"
    CHECK = "check"
    REPEAT = "repeat"


REAL = "real"
"""In place of a method: the target itself, in the tasks that the paper's row of real data has numbers for."""

WITH_REAL = (Task.SHARPNESS, Task.AUTHENTICITY)
CHECKS = 2
"""Checks of attention in a task; what they show is told in `harness.study.packet`."""

REPEATS = 3
"""Questions of a task that are asked again at its end."""

_CHECK_PLACES = (0.3, 0.8)  # where in a task its checks stand


@dataclass(frozen=True)
class Question:
    """One question. pair: place among the packet's pairs; method: its name, or `REAL`.

    left: in authenticity, whether the generated image stands on the left.
    """

    task: Task
    kind: Kind
    pair: int
    method: str
    left: bool = False


def assign(participants: int, pairs: int, methods: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """(participants, pairs) int: which method of a task each participant sees of each pair.

    In every row and in every column the numbers of any two methods differ by at most one.
    """
    count = len(methods)
    labels = rng.permutation(count)
    rounds = []
    for _ in range(-(-participants // count)):
        starts, places = rng.permutation(count), rng.permutation(pairs)
        rounds.append(labels[(starts[:, None] + places[None]) % count])
    return np.concatenate(rounds)[:participants]


def sides(shown: Sequence[str], rng: np.random.Generator) -> list[bool]:
    """For each image of a participant whether it stands on the left: half of all and half of each method's, give or
    take one.
    """
    by_method: dict[str, list[int]] = defaultdict(list)
    for place, method in enumerate(shown):
        by_method[method].append(place)
    left = [False] * len(shown)
    begin = bool(rng.integers(2))
    for method in rng.permutation(sorted(by_method)):
        for turn, place in enumerate(rng.permutation(by_method[method])):
            left[place] = begin == (turn % 2 == 0)
        if len(by_method[method]) % 2:
            begin = not begin  # the odd ones of the methods stand on alternate sides
    return left


def questions(participants: int, pairs: int, methods: Sequence[str], seed: int) -> list[list[Question]]:
    """Every participant's questions, in the order they are asked: the paper's tasks one after another."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found: list[list[Question]] = [[] for _ in range(participants)]
    for task in Task:
        names = [*methods, *([REAL] if task in WITH_REAL else [])]
        table = assign(participants, pairs, names, rng)
        for own, row in zip(found, table, strict=True):
            shown = [names[method] for method in row]
            left = sides(shown, rng) if task is Task.AUTHENTICITY else [False] * pairs
            order = rng.permutation(pairs)
            asked = [Question(task, Kind.ITEM, int(pair), shown[pair], left[pair]) for pair in order]
            own += _with_controls(asked, rng)
    return found


def _with_controls(asked: Sequence[Question], rng: np.random.Generator) -> list[Question]:
    """A task's questions with its checks among them and its repeats at the end, of questions of its first half."""
    task, pairs = asked[0].task, len(asked)
    found = list(asked)
    for share in sorted(_CHECK_PLACES[:CHECKS], reverse=True):
        check = Question(task, Kind.CHECK, int(rng.integers(pairs)), REAL, bool(rng.integers(2)))
        found.insert(round(share * pairs), check)
    first_half = asked[: max(1, pairs // 2)]
    for place in rng.permutation(len(first_half))[:REPEATS]:
        again = first_half[place]
        found.append(Question(task, Kind.REPEAT, again.pair, again.method, not again.left))
    return found


def stratified(groups: Mapping[str, Sequence[str]], count: int, seed: int) -> list[str]:
    """`count` pair ids, as many of each group as there are, drawn by seed. ValueError for more than there are."""
    rng = np.random.Generator(np.random.PCG64(seed))
    turns = [
        (turn, float(rng.random()), pair)
        for group in sorted(groups)
        for turn, pair in enumerate(rng.permutation(sorted(groups[group])).tolist())
    ]
    if count > len(turns):
        raise ValueError(f"{count} of {len(turns)} pairs")
    return [pair for _, _, pair in sorted(turns)[:count]]
