"""How sure the main table is: differences to the best, ranks and how stable they are, gains over controls.

Everything is computed from stored per-pair values, seeded: the same store gives the same tables. A better value counts
positive in every difference here, whichever way the metric points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from harness.metrics.base import METRICS, MetricInfo
from harness.records import Record
from harness.report.build import GROUP_METRICS, table_row
from harness.report.pair_scores import GAIN_CONTROLS, PairScores, RowScores, aligned
from harness.report.select import Comparison, Entry
from harness.report.table import TIED, Column, Table, Value
from harness.stats import (
    ALPHA,
    MIN_GROUPS,
    RESAMPLES,
    Difference,
    RankStability,
    holm,
    kendall_tau,
    paired_difference,
    paired_differences,
    rank_stability,
    ranks,
)

GAIN_METRICS = ("lpips", "box_lpips", "m_ssim", "box_ssim")

_P_DECIMALS = 4


@dataclass(frozen=True)
class Contest:
    """The competing rows by one pair metric, on the pairs that all of them have.

    values: (K, n), a row of the table a row; pair_groups: (n,), each pair's group.
    differences: each row's to the best mean, None for the best itself.
    corrected: Holm-corrected p-values, None for the best and where there is no test.
    """

    info: MetricInfo
    rows: tuple[RowScores, ...]
    values: np.ndarray
    pair_groups: np.ndarray
    differences: tuple[Difference | None, ...]
    corrected: tuple[float | None, ...]

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(np.unique(self.pair_groups))


def contests(scores: PairScores) -> tuple[Contest, ...]:
    """One for every ranked pair metric that all competing rows have; none with fewer than two such rows."""
    competing = [row for row in scores.rows if row.competes]
    if len(competing) < 2:
        return ()
    keys = [key for key, info in METRICS.items() if info.kind == "pair" and info.ranked]
    found = ((METRICS[key], aligned(competing, key)) for key in keys)
    return tuple(_contest(info, competing, *side_by_side) for info, side_by_side in found if side_by_side)


def _contest(info: MetricInfo, rows: Sequence[RowScores], values: np.ndarray, groups: np.ndarray) -> Contest:
    better = values if info.higher_is_better else -values
    best = int(np.argmax(better.mean(axis=1)))
    against = dict(enumerate(paired_differences(better, better[best], groups)))
    others = [place for place in against if place != best]
    corrected = dict(zip(others, holm([against[place].p for place in others]), strict=True))
    return Contest(
        info,
        tuple(rows),
        values,
        groups,
        tuple(None if place == best else difference for place, difference in against.items()),
        tuple(corrected.get(place) for place in against),
    )


def marked(main: Table, found: Iterable[Contest]) -> Table:
    """The main table with the values marked that are not distinguishable from the best, and a legend that says how."""
    found = tuple(found)
    if not found:
        return main
    keys = [column.key for column in main.columns]
    tied = {
        (row.place, keys.index(contest.info.key))
        for contest in found
        for row, p in zip(contest.rows, contest.corrected, strict=True)
        if p is not None and p >= ALPHA and contest.info.key in keys
    }
    rows = tuple(
        replace(row, values=tuple(
            replace(value, tied=True) if value and (place, at) in tied else value for at, value in enumerate(row.values)
        ))
        for place, row in enumerate(main.rows)
    )  # fmt: skip
    return replace(main, rows=rows, legend=(*main.legend, *_how_tested(found)))


def certainty_table(comparison: Comparison, found: Iterable[Contest], entries: Iterable[Entry]) -> Table | None:
    """By headline metric: difference to the best, its interval and p, rank and how often draws keep it.

    entries: all of the store; those of the same images under other protocols tell how ranks depend on the protocol.
    None where fewer than two rows compete.
    """
    found = tuple(found)
    shown = [contest for contest in found if contest.info.key in GROUP_METRICS] or list(found[:1])
    if not shown:
        return None
    stable = [rank_stability(it.values, it.pair_groups, it.info.higher_is_better) for it in shown]
    rows, tested = shown[0].rows, any(contest.groups >= MIN_GROUPS for contest in shown)
    columns = tuple(column for contest in shown for column in _columns(contest.info, tested))
    body = []
    for place, row in enumerate(rows):
        cells = [_cells(contest, kept, place, tested) for contest, kept in zip(shown, stable, strict=True)]
        body.append(table_row(comparison, row.records, tuple(cell for of_metric in cells for cell in of_metric)))
    legend = (
        *_how_to_read(min(contest.groups for contest in shown), rows),
        *(_over_draws(contest.info, kept) for contest, kept in zip(shown, stable, strict=True)),
        *_over_seeds([contest.info for contest in shown], rows),
        *_over_protocols(rows, entries),
    )
    return Table("Certainty", columns, tuple(body), legend)


def gain_table(comparison: Comparison, scores: PairScores) -> Table | None:
    """Mean paired difference of each method to `GAIN_CONTROLS`; None without such a control or without a method."""
    controls = {row.records[0].method: row for row in scores.rows if row.records[0].method in GAIN_CONTROLS}
    sides = [(name, key) for name in GAIN_CONTROLS if name in controls for key in GAIN_METRICS]
    columns = [
        _column(f"gain_{name}_{key}", METRICS[key].label, METRICS[key].decimals, f"over {name}:", headline=True)
        for name, key in sides
    ]
    body = [[_gain(method, controls[name], key) for name, key in sides] for method in scores.methods]
    kept = [at for at in range(len(sides)) if any(cells[at] for cells in body)]
    if not kept:
        return None
    rows = tuple(
        table_row(comparison, method.records, tuple(cells[at] for at in kept))
        for method, cells in zip(scores.methods, body, strict=True)
    )
    few = [value.groups for cells in body for value in cells if value and value.low is None]
    legend = ["Mean difference to a control on the same pairs; positive: better than the control, whatever the metric."]
    if few:
        legend.append(f"Descriptive: {_groups(min(few))} of pairs, too few for an interval.")
    else:
        legend.append("[low, high]: 95 % bootstrap interval of the difference over groups of pairs, drawn whole.")
    return Table("Gain over controls", tuple(columns[at] for at in kept), rows, tuple(legend))


def unread_line(scores: PairScores) -> tuple[str, ...]:
    """What the footer says where per-pair scores are not there; nothing where all are."""
    if not scores.unread:
        return ()
    return (
        f"Certainty and gains: left out, as the per-pair scores of {', '.join(scores.unread)} are missing, damaged or "
        "of another version of the protocol; remove the record there and run the same `bench run` again",
    )


def _column(key: str, label: str, decimals: int, group: str, *, headline: bool = False) -> Column:
    """A column of which no value is the best."""
    return Column(key, label, None, decimals, group, ranked=False, headline=headline)


def _columns(info: MetricInfo, tested: bool) -> tuple[Column, ...]:
    difference = _column(f"{info.key}_to_best", "to the best", info.decimals, info.label, headline=True)
    p = _column(f"{info.key}_p", "p", _P_DECIMALS, info.label)
    rank = _column(f"{info.key}_rank", "rank", 0, info.label)
    kept = _column(f"{info.key}_rank_kept_percent", "rank kept (%)", 0, info.label)
    return (difference, p, rank, kept) if tested else (difference, rank, kept)


def _cells(contest: Contest, stable: RankStability, place: int, tested: bool) -> tuple[Value | None, ...]:
    difference, p, rank = contest.differences[place], contest.corrected[place], int(stable.ranks[place])
    return (
        _value(difference) if difference else None,
        *((None if p is None else Value(p),) if tested else ()),
        Value(float(rank)),
        Value(100 * float(stable.shares[place, rank - 1])),
    )


def _value(difference: Difference) -> Value:
    return Value(difference.mean, difference.low, difference.high, groups=difference.groups)


def _gain(method: RowScores, control: RowScores, key: str) -> Value | None:
    side_by_side = aligned((method, control), key)
    if side_by_side is None:
        return None
    (ours, theirs), groups = side_by_side
    first, second = (ours, theirs) if METRICS[key].higher_is_better else (theirs, ours)
    return _value(paired_difference(first, second, groups))


def _groups(count: int) -> str:
    return f"{count:,} group{'' if count == 1 else 's'}"


def _how_tested(found: Sequence[Contest]) -> tuple[str, ...]:
    """What a mark means where there was a test, and what none means where there could be none."""
    tested = [contest for contest in found if contest.groups >= MIN_GROUPS]
    untested = [contest for contest in found if contest.groups < MIN_GROUPS]
    lines = []
    if tested:
        lines.append(
            f"{TIED}: not distinguishable from the best of its column (paired sign-flip test over "
            f"{_groups(min(contest.groups for contest in tested))}, Holm-corrected p ≥ {ALPHA}); "
            "ranked methods and pair metrics only."
        )
    if untested:
        which = f" by {', '.join(contest.info.label for contest in untested)}" if tested else ""
        lines.append(
            f"No test between methods{which} is possible with {_groups(min(contest.groups for contest in untested))} "
            f"of pairs ({MIN_GROUPS} are needed), so nothing is marked as indistinguishable from the best: a best "
            "value here may be chance."
        )
    return tuple(lines)


def _how_to_read(groups: int, rows: Sequence[RowScores]) -> tuple[str, ...]:
    lines = ["To the best: mean difference to the best method on the same pairs, at most 0; —: the best itself."]
    if groups >= MIN_GROUPS:
        lines.append(
            f"[low, high]: 95 % bootstrap interval of the difference over {groups:,} groups of pairs; p: paired "
            "sign-flip test over the groups, Holm-corrected for the comparisons with the best of the metric; "
            f"rank kept: share of {RESAMPLES:,} draws of groups."
        )
    else:
        lines.append(
            f"Descriptive: {_groups(groups)} of pairs, {MIN_GROUPS} are needed: no interval and no test; "
            f"rank kept: share of {RESAMPLES:,} draws of single pairs, which are not independent."
        )
    if any(len(row.records) > 1 for row in rows):
        lines.append("Of several seeds each pair's values are averaged: the spread over seeds is not in the interval.")
    return tuple(lines)


def _over_draws(info: MetricInfo, stable: RankStability) -> str:
    over = f"single pairs (descriptive: {_groups(stable.groups)})" if stable.descriptive else _groups(stable.groups)
    return (
        f"Rank stability, {info.label}: Kendall's tau between the ranking and those of {RESAMPLES:,} draws of {over}: "
        f"mean {_tau(stable.tau_mean)}, in 97.5 % of draws at least {_tau(stable.tau_low)}."
    )


def _over_seeds(infos: Sequence[MetricInfo], rows: Sequence[RowScores]) -> tuple[str, ...]:
    """How rankings by one seed agree with those by another, for the seeds that every row has."""
    by_seed = [{record.seed: record for record in row.records if record.seed is not None} for row in rows]
    seeds = sorted(set.intersection(*(set(records) for records in by_seed)))
    if len(seeds) < 2:
        return ()
    lines = []
    for info in infos:
        rankings = [_ranking(info, [[records[seed]] for records in by_seed]) for seed in seeds]
        taus = np.array([kendall_tau(first, second) for first, second in combinations(rankings, 2)])
        lines.append(
            f"Rank stability over seeds {', '.join(map(str, seeds))}, {info.label}: Kendall's tau of their rankings, "
            f"two at a time: mean {_tau(taus.mean())}, lowest {_tau(taus.min())}."
        )
    return tuple(lines)


def _over_protocols(rows: Sequence[RowScores], entries: Iterable[Entry]) -> tuple[str, ...]:
    """How the ranking by a metric agrees with that by the same metric under another protocol, on the same images."""
    ours = [row.records for row in rows]
    elsewhere: dict[str, dict[str, Record]] = {}
    for entry in entries:
        if entry.record.protocol != ours[0][0].protocol:
            elsewhere.setdefault(entry.record.protocol, {})[entry.record.cell_key] = entry.record
    lines = []
    for protocol, known in sorted(elsewhere.items()):
        if not all(record.cell_key in known for records in ours for record in records):
            continue
        theirs = [[known[record.cell_key] for record in records] for records in ours]
        every = [record for records in (*ours, *theirs) for record in records]
        shared = [info for key, info in METRICS.items() if info.ranked and all(key in it.metrics for it in every)]
        words = [f"{info.label} {_tau(kendall_tau(_ranking(info, ours), _ranking(info, theirs)))}" for info in shared]
        if words:
            lines.append(
                f"Rank stability, the same images under protocol {protocol}: Kendall's tau of the rankings of "
                f"{len(ours)} methods: {', '.join(words)}."
            )
    return tuple(lines)


def _ranking(info: MetricInfo, rows: Sequence[Sequence[Record]]) -> np.ndarray:
    """Ranks of rows by the mean of each row's records."""
    means = [np.mean([record.metrics[info.key].mean for record in records]) for records in rows]
    return ranks(np.array(means), info.higher_is_better)


def _tau(value: float) -> str:
    return "undefined (all equal)" if math.isnan(value) else f"{value:.2f}".replace("-", "−")
