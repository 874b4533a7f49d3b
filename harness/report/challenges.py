"""Where a method is good and where it fails: its values by what makes a pair hard, by category and by person.

Each challenge cuts the test pairs into thirds, at values and never between equal ones. From the store alone: the pairs
folder's challenges.csv and the per-pair values behind each record.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness import challenge_file
from harness.challenges import CHALLENGES, Challenge
from harness.metrics.base import METRICS
from harness.pairs import PairList
from harness.report.build import GROUP_METRICS, breakdown_table, leading_keys
from harness.report.pair_scores import ScoreFrames
from harness.report.table import Table, Value

if TYPE_CHECKING:
    from harness.challenge_file import PairChallenges
    from harness.records import Record
    from harness.report.select import Comparison

LEAST_PAIRS = 30
"""Fewer test pairs than this are not cut: a third of them says nothing."""

LEAST_PART = 10
"""Fewest pairs a part may hold."""

MOST_CATEGORIES = 20
"""More categories or persons than this get no table: nobody could read it."""

MOST_METRICS = 2

_NAMES = {2: ("low", "high"), 3: ("low", "middle", "high")}


@dataclass(frozen=True)
class Part:
    """Test pairs that stand in one column.

    name: `low`, or a category. pairs: their ids. low, high: least and greatest value among them; None for a category.
    """

    name: str
    pairs: tuple[str, ...]
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Breakdown:
    """One table. scope: the challenge's key, `category` or `person`; challenge: None for the latter two."""

    scope: str
    challenge: Challenge | None
    parts: tuple[Part, ...]
    table: Table


def breakdowns(
    frames: ScoreFrames, comparison: Comparison, pairs: PairList
) -> tuple[tuple[Breakdown, ...], tuple[str, ...]]:
    """The tables, and for the footer a sentence for each that there is none of.

    UserError for a damaged challenges.csv.
    """
    rows = challenge_file.read(frames.store.root / "pairs" / comparison.first.pairs, pairs)
    if rows is None:
        return (), (
            f"Breakdown by challenge: none, {challenge_file.FILE} is not in the pairs folder; "
            "the same `bench run` again writes it",
        )
    if len(rows) < LEAST_PAIRS:
        return (), (f"Breakdown by challenge: none, {len(rows)} test pairs are fewer than {LEAST_PAIRS}",)
    keys = _headline_keys(comparison)
    values, lacking = _values(frames, comparison, keys, [row.pair for row in rows])
    if not any(values.by_record.values()):
        return (), ("Breakdown by challenge: none, no record has per-pair values; `bench rescore` writes them",)
    found, remarks = [], []
    for challenge in CHALLENGES:
        parts = thirds([(row.pair, row.values[challenge.key]) for row in rows])
        if parts:
            found.append(_by_challenge(comparison, challenge, parts, keys, values, len(rows)))
        else:
            remarks.append(challenge.label)
    for scope in ("category", "person"):
        parts = _told(rows, scope)
        if len(parts) > MOST_CATEGORIES:
            remarks.append(f"{scope} ({len(parts):,} of them, more than {MOST_CATEGORIES})")
        elif len(parts) > 1:
            found.append(_by_word(comparison, scope, parts, keys, values))
    sentences = [f"No breakdown, for it does not part the pairs: {', '.join(remarks)}"] if remarks else []
    if lacking:
        sentences.append(f"No per-pair values, and so no breakdown: {', '.join(lacking)}; `bench rescore` writes them")
    return tuple(found), tuple(sentences)


def thirds(values: Sequence[tuple[str, float]]) -> tuple[Part, ...]:
    """Pairs (id, value) in three parts by value, or two where ties leave one cut; empty where they leave none.

    Pairs without a value (NaN) stand in no part. A cut that would part equal values moves to the nearest place that
    parts different ones and leaves `LEAST_PART` pairs on either side.
    """
    ordered = sorted((value, pair) for pair, value in values if not math.isnan(value))
    places = _cuts(np.array([value for value, _ in ordered])) if len(ordered) >= LEAST_PAIRS else ()
    if not places:
        return ()
    edges = [0, *places, len(ordered)]
    cut = [ordered[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    return tuple(
        Part(name, tuple(pair for _, pair in members), members[0][0], members[-1][0])
        for name, members in zip(_NAMES[len(cut)], cut, strict=True)
    )


def _cuts(ordered: np.ndarray) -> tuple[int, ...]:
    """At most two places, at least `LEAST_PART` apart and from the ends, where neighbours differ."""
    count = len(ordered)
    places = np.flatnonzero(np.diff(ordered) > 0) + 1
    places = places[(places >= LEAST_PART) & (places <= count - LEAST_PART)]
    if not len(places):
        return ()
    aims = (count / 3, 2 * count / 3)
    first, second = (int(places[np.abs(places - aim).argmin()]) for aim in aims)
    if second - first >= LEAST_PART:
        return first, second
    return (first,) if abs(first - aims[0]) <= abs(second - aims[1]) else (second,)


def _told(rows: Iterable[PairChallenges], scope: str) -> tuple[Part, ...]:
    pairs: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        word = row.category if scope == "category" else row.person
        if word is not None:
            pairs[word].append(row.pair)
    return tuple(Part(word, tuple(pairs[word])) for word in sorted(pairs))


def _headline_keys(comparison: Comparison) -> tuple[str, ...]:
    """M-SSIM and box-LPIPS, or the first pair metrics there are."""
    present = [key for key in leading_keys(comparison) if key in METRICS and METRICS[key].kind == "pair"]
    wanted = tuple(key for key in GROUP_METRICS if key in present)
    return wanted or tuple(present[:MOST_METRICS])


@dataclass(frozen=True)
class _PairValues:
    """places: of the pairs in every array. by_record: by a record's id() and metric, NaN where a pair has no value."""

    places: Mapping[str, int]
    by_record: Mapping[int, Mapping[str, np.ndarray]]


def _values(
    frames: ScoreFrames, comparison: Comparison, keys: Sequence[str], pairs: Sequence[str]
) -> tuple[_PairValues, list[str]]:
    """The per-pair values of every record, and the titles of those that have none."""
    values, lacking = {}, []
    for entry in comparison.entries:
        frame = frames.of(entry.folder, entry.record)
        if frame is None:
            lacking.append(entry.record.title)
        else:
            there = frame[[key for key in keys if key in frame]].reindex(pairs)
            values[id(entry.record)] = {key: there[key].to_numpy(dtype=np.float64) for key in there}
    places = {pair: place for place, pair in enumerate(pairs)}
    return _PairValues(places, values), list(dict.fromkeys(lacking))


def _table(
    comparison: Comparison, title: str, keys: Sequence[str], parts: Sequence[Part], values: _PairValues, legend: str
) -> Table:
    members = {part.name: np.array([values.places[pair] for pair in part.pairs]) for part in parts}

    def value_of(record: Record, key: str, part: str) -> Value | None:
        known = values.by_record.get(id(record), {}).get(key)
        if known is None:
            return None
        found = known[members[part]]
        found = found[~np.isnan(found)]
        return Value(float(found.mean()), n=len(found)) if len(found) else None

    columns = [(key, part.name) for key in keys for part in parts]
    return breakdown_table(comparison, title, columns, value_of, (legend,))


def _by_challenge(
    comparison: Comparison,
    challenge: Challenge,
    parts: tuple[Part, ...],
    keys: Sequence[str],
    values: _PairValues,
    pairs: int,
) -> Breakdown:
    unit = "" if challenge.unit.startswith("of ") else f", in {challenge.unit}"
    shown = ", ".join(f"{part.name} {bounds(part, challenge)} ({len(part.pairs):,} pairs)" for part in parts)
    without = pairs - sum(len(part.pairs) for part in parts)
    undefined = f"; not defined for {without:,} pairs" if without else ""
    legend = f"{challenge.label.capitalize()}: {challenge.definition}{unit}: {shown}{undefined}."
    table = _table(comparison, f"By {challenge.label}", keys, parts, values, legend)
    return Breakdown(challenge.key, challenge, parts, table)


def _by_word(
    comparison: Comparison, scope: str, parts: tuple[Part, ...], keys: Sequence[str], values: _PairValues
) -> Breakdown:
    legend = "Pairs: " + ", ".join(f"{part.name} {len(part.pairs):,}" for part in parts) + "."
    return Breakdown(scope, None, parts, _table(comparison, f"By {scope}", keys, parts, values, legend))


def bounds(part: Part, challenge: Challenge) -> str:
    """`0.35–0.52`: the least and the greatest value in the part, once where they are printed alike."""
    low, high = (f"{bound:.{challenge.decimals}f}" for bound in (part.low, part.high))
    return low if low == high else f"{low}–{high}"
