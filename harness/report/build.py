"""The tables of a comparison, built from its records.

In-mask and in-box numbers come first: most of a picture is static background, which copying the reference already gets
right. Only rows that competed are ranked; controls are floors, privileged rows (made from the target) are ceilings.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.controls import CONTROL_CARDS
from harness.metrics.base import METRICS
from harness.metrics.judges import JUDGES
from harness.records import MetricValue, Record
from harness.report.select import Comparison, identity
from harness.report.table import PLUMBING, Column, Row, RowGroup, Table, Value

LEADING = (
    "m_ssim", "m_ssim_script", "m_ssim_text", "box_ssim", "box_lpips", "lpips", "ssim", "psnr",
    "kd", "kid", "fd", "fid", "is", "inception_score",
    "pck_01", "pck_02", "pckh", "oks", "pose_score", "pose_joints",
    "id_target", "id_reference", "copy_rate", "bg_ssim", "bg_lpips",
)  # fmt: skip
"""Order of the columns; a set metric of other features (`kd_efficientnet_lite0`) stands where its stem stands."""

TOPICS = {
    "pose": "Pose",
    "identity": "Identity, copying and background",
    "further": "Further metrics",
}
"""Titles of the tables of metrics that are not in the main one."""

GROUP_METRICS = ("m_ssim", "box_lpips")
PICTURED_CONTROLS = ("copy", "nearest", "mean")
"""Controls with a column in the picture grid beside methods; without methods, every control that is not privileged."""

MAX_GROUPS = 12
"""A dataset with more tracks than this (thousands of videos) gets no table by track: nobody could read it."""

_SHOWN_APART = {
    RowGroup.GIVEN: "trained elsewhere",
    RowGroup.IMPORTED: "unverified",
    RowGroup.NOT_SETTLED: "not settled",
    RowGroup.SCENE: "scene only",
    RowGroup.CONTROL: "control",
}
"""What stands under a title in the picture grid."""

MIN_RANKED = 2
"""With a single competitor there is nothing to rank."""

MIN_RANGED = 2
"""A single group has no range."""

_UNKNOWN_DECIMALS = 3


def main_table(comparison: Comparison, footer: Iterable[str] = ()) -> Table:
    """The metrics of the topic `main`, and those that this version does not know, over all pairs."""
    return _metrics_table(comparison, str(comparison.name), "main", tuple(footer))


def topic_tables(comparison: Comparison) -> tuple[Table, ...]:
    """The metrics of the other topics over all pairs, a table a topic that has any."""
    found = (_metrics_table(comparison, title, topic) for topic, title in TOPICS.items())
    return tuple(
        replace(table, legend=(*table.legend, *_judges_in_their_own_cause(comparison, table)))
        for table in found
        if table.columns
    )


def _metrics_table(comparison: Comparison, title: str, topic: str, footer: tuple[str, ...] = ()) -> Table:
    rows = row_records(comparison)
    columns = _columns([record for records in rows for record in records], topic)
    body = tuple(
        table_row(comparison, records, tuple(_metric(records, column) for column in columns)) for records in rows
    )
    return finished(Table(title, columns, body, (), footer, is_plumbing(comparison)))


def _judges_in_their_own_cause(comparison: Comparison, table: Table) -> tuple[str, ...]:
    """Says which judges of the table's metrics had a hand in the annotation of the dataset."""
    dataset, keys = comparison.first.dataset, {column.key for column in table.columns}
    return tuple(
        f"The joints of {dataset} were annotated with the help of {card.name}, which judges here: what it finds on the "
        "target is its ceiling, and not how well it knows poses."
        for card in JUDGES.values()
        if dataset in card.annotated and any(METRICS[key].assets == card.assets for key in keys if key in METRICS)
    )


def group_table(comparison: Comparison) -> Table | None:
    """M-SSIM and box-LPIPS by track; None where there are no tracks, or too many to read."""
    rows = row_records(comparison)
    groups = sorted({group for records in rows for record in records for group in record.by_group})
    if not groups or len(groups) > MAX_GROUPS:
        return None
    present = {key for records in rows for record in records for means in record.by_group.values() for key in means}
    columns = tuple(_column(key, group) for group in groups for key in GROUP_METRICS if key in present)
    if not columns:
        return None
    body = tuple(
        table_row(comparison, records, tuple(_group_mean(records, column) for column in columns)) for records in rows
    )
    return finished(Table("By track", columns, body, plumbing=is_plumbing(comparison)))


def is_plumbing(comparison: Comparison) -> bool:
    """Whether methods were trained, and by a preset that ranks none of them (smoke)."""
    trained = [entry.record for entry in comparison.entries if entry.record.preset is not None]
    return bool(trained) and not any(record.ranked for record in trained if not record.privileged)


def row_group(record: Record) -> RowGroup:
    """The part of the table a record stands in."""
    if record.privileged:
        return RowGroup.PRIVILEGED
    if record.method in CONTROL_CARDS:
        return RowGroup.CONTROL
    if record.given_weights is not None:
        return RowGroup.GIVEN
    if record.imported is not None:
        return RowGroup.IMPORTED
    if record.scene_only:
        return RowGroup.SCENE
    return RowGroup.RANKED if record.ranked and record.settled else RowGroup.NOT_SETTLED


def columns_of_pictures(comparison: Comparison) -> list[tuple[str, str, Path]]:
    """(title, part of the table or seed, image folder) of each row that has a column in the grid, in table order.

    Privileged rows have none (the target itself is shown), nor have controls that are `not_pictured`; of several seeds,
    the lowest stands for the row.
    """
    left_out = {id(record) for record in not_pictured(comparison)}
    folders = {id(entry.record): entry.folder / "images" for entry in comparison.entries}
    columns = []
    for records in row_records(comparison):
        first, group = records[0], row_group(records[0])
        if group is RowGroup.PRIVILEGED or id(first) in left_out:
            continue
        words = shown_apart(first)
        if len(records) > 1:
            words = f"seed {first.seed}"
        note = _note(comparison, first)
        columns.append((first.title, ", ".join(part for part in (words, note) if part), folders[id(first)]))
    return columns


def shown_apart(record: Record) -> str:
    """What stands under a record's title in a picture grid, so that nobody takes it for a ranked one; often empty."""
    return _SHOWN_APART.get(row_group(record), "")


def not_pictured(comparison: Comparison) -> tuple[Record, ...]:
    """The controls that the grid leaves out, so that methods' pictures stay large enough to be read."""
    records = [entry.record for entry in comparison.entries]
    if all(record.method in CONTROL_CARDS for record in records):
        return ()
    return tuple(
        record for record in records if row_group(record) is RowGroup.CONTROL and record.method not in PICTURED_CONTROLS
    )


def row_records(comparison: Comparison) -> list[list[Record]]:
    """Records of each row (its seeds), rows in table order."""
    rows: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for entry in comparison.entries:
        rows[identity(entry.record)].append(entry.record)
    order = list(RowGroup)
    return sorted(rows.values(), key=lambda records: (order.index(row_group(records[0])), repr(identity(records[0]))))


def _columns(records: Sequence[Record], topic: str) -> tuple[Column, ...]:
    present = {key for record in records for key in record.metrics}
    keys = sorted((key for key in present if _topic(key) == topic), key=_position)
    columns = [_column(key) for key in keys]
    if columns:
        columns[0] = replace(columns[0], headline=True)
    return tuple(columns)


def _topic(key: str) -> str:
    return METRICS[key].topic if key in METRICS else "main"


def _position(key: str) -> tuple[int, str]:
    for place, leading in enumerate(LEADING):
        if key == leading or (METRICS.get(key) and METRICS[key].kind == "set" and key.startswith(f"{leading}_")):
            return place, key
    return len(LEADING), key


def _column(key: str, group: str = "") -> Column:
    info = METRICS.get(key)
    if info is None:
        return Column(key, key, None, _UNKNOWN_DECIMALS, group, ranked=False)
    return Column(key, info.label_with_unit, info.higher_is_better, info.decimals, group, ranked=info.ranked)


def _metric(records: Sequence[Record], column: Column) -> Value | None:
    found = [record.metrics[column.key] for record in records if column.key in record.metrics]
    if not found:
        return None
    if len(found) > 1:
        return Value(
            statistics.fmean(value.mean for value in found),
            seeds_sd=_spread([value.mean for value in found]),
            n=min(value.n for value in found),
            small=any(value.small for value in found),
        )
    (record,) = (record for record in records if column.key in record.metrics)
    return _single(found[0], [means[column.key] for means in record.by_group.values() if column.key in means])


def _single(value: MetricValue, group_means: Sequence[float]) -> Value:
    """A record's value; the range of its groups' means stands in for an interval that they are too few for."""
    whole = Value(value.mean, value.low, value.high, value.std, n=value.n, small=value.small, groups=value.groups)
    if value.groups is None or value.low is not None or len(group_means) < MIN_RANGED:
        return whole
    return replace(whole, group_low=min(group_means), group_high=max(group_means))


def _group_mean(records: Sequence[Record], column: Column) -> Value | None:
    means = [record.by_group[column.group].get(column.key) for record in records if column.group in record.by_group]
    found = [mean for mean in means if mean is not None]
    if not found:
        return None
    return Value(statistics.fmean(found), seeds_sd=_spread(found) if len(found) > 1 else None)


def _spread(values: Sequence[float]) -> float | None:
    """Sample standard deviation; None where a value is infinite (two equal images have an infinite PSNR)."""
    return statistics.stdev(values) if all(math.isfinite(value) for value in values) else None


def table_row(comparison: Comparison, records: Sequence[Record], values: tuple[Value | None, ...]) -> Row:
    """A row of these values, named after its records."""
    first = records[0]
    return Row(
        group=row_group(first),
        method=first.method,
        title=first.title,
        note=_note(comparison, first),
        seeds=tuple(record.seed for record in records if record.seed is not None),
        n=min(record.n for record in records),
        missing=max(record.missing for record in records),
        values=values,
    )


def _note(comparison: Comparison, record: Record) -> str:
    """The parameters in which the rows of one method differ, an origin that is not ours, and how many pairs lack."""
    same = [entry.record for entry in comparison.entries if entry.record.method == record.method]
    mine, others = _plain_parameters(record), [_plain_parameters(other) for other in same]
    names = sorted({name for other in others for name in other})
    parts = [f"{name}={mine.get(name)}" for name in names if len({repr(other.get(name)) for other in others}) > 1]
    if not parts and len({other.overrides for other in same}) > 1:
        parts = list(record.overrides) or ["preset unchanged"]
    if record.origin != "ours":
        parts.append(record.origin)
    if record.missing:
        parts.append(f"{record.missing:,} of {record.n + record.missing:,} pairs missing")
    return ", ".join(parts)


def _plain_parameters(record: Record) -> dict[str, object]:
    """The record's parameters; those of a wrapper's part as `part.name`."""
    plain: dict[str, object] = {}
    for name, value in record.parameters.items():
        plain |= {f"{name}.{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {name: value}
    return plain


def finished(table: Table) -> Table:
    """The table with its best values marked and the lines that say how to read it."""
    ranked = table if table.plumbing else replace(table, rows=_ranked(table))
    return replace(ranked, legend=_legend(ranked))


def _ranked(table: Table) -> tuple[Row, ...]:
    """Rows with the best and second of each column marked, as printed: equal digits share a rank."""
    ranks: dict[tuple[int, int], int] = {}
    competing = [index for index, row in enumerate(table.rows) if row.group is RowGroup.RANKED and row.missing == 0]
    for place, column in enumerate(table.columns):
        shown = {
            index: round(value.mean, column.decimals)
            for index in competing
            if (value := table.rows[index].values[place]) and not value.small and not math.isnan(value.mean)
        }
        if not column.ranked or len(shown) < MIN_RANKED or len(shown) < len(competing):
            continue
        for index, number in shown.items():
            better = sum(other > number if column.higher_is_better else other < number for other in shown.values())
            if better < MIN_RANKED:
                ranks[index, place] = better + 1
    return tuple(
        replace(row, values=tuple(
            replace(value, rank=ranks.get((index, place))) if value else None for place, value in enumerate(row.values)
        ))
        for index, row in enumerate(table.rows)
    )  # fmt: skip


def _legend(table: Table) -> tuple[str, ...]:
    if table.plumbing:
        return (f"{PLUMBING}. ✓: the metric was computed.",)
    values = [value for row in table.rows for value in row.values if value]
    ranged = [
        value
        for row in table.rows
        for value, column in zip(row.values, table.columns, strict=True)
        if value and column.headline
    ]
    groups = {row.group for row in table.rows}
    lines = []
    if any(value.rank for value in values):
        lines.append("Bold: best, underlined: second, among the ranked methods only.")
    if groups & {RowGroup.CONTROL, RowGroup.PRIVILEGED}:
        lines.append(
            "Controls are floors and privileged rows, made from the target, are the ceiling: neither is ranked. "
            "`bench list methods` says what each is made of."
        )
    if any(value.low is not None for value in ranged):
        lines.append("[low, high]: 95 % bootstrap interval over groups of pairs (videos or persons), drawn whole.")
    few = sorted({value.groups for value in ranged if value.groups is not None and value.low is None})
    if few:
        lines.append(
            f"(least…greatest): means of the groups of pairs (videos or persons); descriptive: {few[-1]} groups, "
            "too few for an interval."
            if few[-1] > 1
            else "No interval; descriptive: 1 group of pairs (video or person)."
        )
    if any(value.seeds_sd is not None for value in values):
        lines.append("±: standard deviation over the seeds.")
    if any(value.small for value in values):
        lines.append(
            "†: a distance between sets of fewer than 2,048 images, never ranked; the kernel distance leads there."
        )
    return tuple(lines)


FLOORS = ("copy", "mean")
"""The controls that stand beside methods in a breakdown."""


def leading_keys(comparison: Comparison) -> tuple[str, ...]:
    """Keys of the metrics of the main table, in the order of its columns."""
    return tuple(column.key for column in _columns([entry.record for entry in comparison.entries], "main"))


def breakdown_table(
    comparison: Comparison,
    title: str,
    columns: Sequence[tuple[str, str]],
    value_of: Callable[[Record, str, str], Value | None],
    legend: Sequence[str],
) -> Table:
    """A table of the methods and their floors by parts of the pairs.

    columns: (metric key, name of the part). value_of: a record's value under both; seeds are averaged. legend: lines to
    stand before those that say what marks mean.
    """
    rows = [records for records in row_records(comparison) if _in_breakdown(records[0])]
    heads = tuple(_column(key, part) for key, part in columns)
    body = tuple(
        table_row(comparison, records, tuple(_over_seeds(records, column, value_of) for column in heads))
        for records in rows
    )
    table = finished(Table(title, heads, body, plumbing=is_plumbing(comparison)))
    return replace(table, legend=(*legend, *table.legend))


def _in_breakdown(record: Record) -> bool:
    group = row_group(record)
    if group is RowGroup.CONTROL:
        return record.method in FLOORS
    return group not in (RowGroup.PRIVILEGED, RowGroup.SCENE)


def _over_seeds(
    records: Sequence[Record], column: Column, value_of: Callable[[Record, str, str], Value | None]
) -> Value | None:
    found = [value for record in records if (value := value_of(record, column.key, column.group)) is not None]
    if len(found) < 2:
        return found[0] if found else None
    means = [value.mean for value in found]
    return Value(statistics.fmean(means), seeds_sd=_spread(means), n=min(value.n for value in found))
