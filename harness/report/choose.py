"""Which pairs a figure shows: by seed, by name, or best, median and worst by a metric; and the choice in words.

The same values give the same pairs: ties go by pair id.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.errors import UserError, unknown
from harness.pairs import Pair, group_of


class Choice(NamedTuple):
    """Pairs in the order they are shown in. words: how they were chosen, to stand before their ids."""

    pairs: tuple[Pair, ...]
    words: str


def by_ids(pairs: Sequence[Pair], ids: Sequence[str]) -> Choice:
    """The named pairs, in the order they are named in. UserError for an id that is not in the list."""
    known = {pair.id: pair for pair in pairs}
    for pair_id in ids:
        if pair_id not in known:
            raise unknown("pair in the list", pair_id, known)
    return Choice(tuple(known[pair_id] for pair_id in ids), "Pairs, chosen by name")


def by_value(
    pairs: Sequence[Pair], values: Mapping[str, float], how: str, count: int, higher_is_better: bool, words: str
) -> Choice:
    """`count` pairs whose value is the best, worst or nearest to the median, from as many target clips as there are.

    values: by pair id; pairs without a finite one are passed over. how: `best`, `median`, `worst`. words: whose value
    of what it is. The first pair of every clip goes before any clip's second: neighbouring frames fail together.
    Median means the nearest rank. UserError where no pair has a value.
    """
    known = {pair.id: pair for pair in pairs if math.isfinite(values.get(pair.id, math.nan))}
    if not known:
        raise UserError(f"no pair has {words}, so none can be chosen by it; `bench rescore` writes per-pair values")
    worst_first = sorted(known, key=lambda pair: (values[pair] if higher_is_better else -values[pair], pair))
    middle = (len(worst_first) - 1) / 2
    ranks = {pair: rank for rank, pair in enumerate(worst_first)}
    distance = {
        "worst": lambda pair: ranks[pair],
        "best": lambda pair: -ranks[pair],
        "median": lambda pair: abs(ranks[pair] - middle),
    }[how]
    turns: Counter[str] = Counter()
    order = []
    for pair in sorted(known, key=lambda pair: (distance(pair), pair)):
        clip = group_of(known[pair].target)
        order.append((turns[clip], len(order), pair))
        turns[clip] += 1
    chosen = sorted(sorted(order)[:count], key=lambda entry: entry[1])
    where = {"best": "with the best", "worst": "with the worst", "median": "nearest to the median"}[how]
    spread = ", of different clips as far as there are" if len(turns) > 1 and count > 1 else ""
    return Choice(tuple(known[pair] for _, _, pair in chosen), f"Pairs {where} {words} among {len(known):,}{spread}")
