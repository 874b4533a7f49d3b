"""Tables as CSV at full precision: a row a method (scope `all`), a row a method and track, a row a method and part.

A part's scope names its challenge or what it is a kind of: `person_scale low`, `category squats`.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence

from harness.report.challenges import Breakdown
from harness.report.contents import Contents
from harness.report.table import PLUMBING, Row, RowGroup, Table, Value

ALL_PAIRS = "all"
SMALL_SET = "small_set"
TIED_WITH_BEST = "tied_with_best"
_Key = tuple[RowGroup, str, str, tuple[int, ...]]
"""What tells a row from every other, in all tables."""

_BOUNDS = ("scope_from", "scope_to")
_PARTS = ("low", "high", "std", "seeds_sd", "group_low", "group_high")


def render(contents: Contents) -> str:
    """The CSV text.

    A number that is not there, and every number of a plumbing check, is an empty field; a column of intervals, spreads
    or marks that no row fills is left out.
    """
    comparison, main, groups = contents.comparison, contents.main, contents.by_group
    record = comparison.first
    fixed = {
        "dataset": record.dataset,
        "split": record.split,
        "size_px": "x".join(str(side) for side in record.size_px),
        "preset": comparison.name.preset,
        "protocol": record.protocol,
        "protocol_hash": record.protocol_hash,
        "pair_list_hash": record.pair_list_hash,
        "dataset_fingerprint": record.dataset_fingerprint,
        "samples": "" if comparison.samples is None else comparison.samples,
        "note": PLUMBING if main.plumbing else "",
    }
    tables = (main, *contents.more)
    by_row = _by_row(tables)
    keys = [column.key for table in tables for column in table.columns]
    rows = []
    for row in main.rows:
        values = {} if main.plumbing else by_row[_key(row)]
        counts = {"scope": ALL_PAIRS, "n": row.n, "missing": row.missing}
        rows.append(counts | _row(row) | _numbers(values) | fixed)
    for row in groups.rows if groups else ():
        for name in dict.fromkeys(column.group for column in groups.columns):
            pairs = zip(groups.columns, row.values, strict=True)
            values = {} if main.plumbing else {column.key: value for column, value in pairs if column.group == name}
            rows.append({"scope": name} | _row(row) | _numbers(values) | fixed)
    rows.extend(part | fixed for breakdown in contents.breakdowns for part in _parts(breakdown, main.plumbing))
    used = {field for row in rows for field in row}
    numbers = [
        field
        for key in keys
        for field in (key, *(f"{key}_{part}" for part in (*_PARTS, SMALL_SET, TIED_WITH_BEST)))
        if field in used or field == key
    ]
    file = io.StringIO()
    bounds = [field for field in _BOUNDS if field in used]
    heading = ["scope", *bounds, "group", "method", "title", "seeds", "n", "missing", *numbers, *fixed]
    writer = csv.DictWriter(file, heading, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def joined(texts: Sequence[str]) -> str:
    """The rows of several CSV texts under one heading: every field of any, empty where one has none."""
    import pandas

    parts = [pandas.read_csv(io.StringIO(text), dtype=str) for text in texts]
    return pandas.concat(parts).to_csv(index=False, lineterminator="\n")


def _by_row(tables: Sequence[Table]) -> dict[_Key, dict[str, Value | None]]:
    """The values of each row in every table that has it, by metric key."""
    found: dict[_Key, dict[str, Value | None]] = defaultdict(dict)
    for table in tables:
        for row in table.rows:
            found[_key(row)] |= zip((column.key for column in table.columns), row.values, strict=True)
    return found


def _key(row: Row) -> _Key:
    return row.group, row.method, row.label, row.seeds


def _parts(breakdown: Breakdown, plumbing: bool) -> Iterator[dict[str, object]]:
    """A row a method and part. n: the pairs of the part; scope_from and scope_to: the bounds of a challenge's part."""
    for row in breakdown.table.rows:
        for part in breakdown.parts:
            pairs = zip(breakdown.table.columns, row.values, strict=True)
            values = {} if plumbing else {column.key: value for column, value in pairs if column.group == part.name}
            found = {"scope": f"{breakdown.scope} {part.name}", "n": len(part.pairs)} | _row(row) | _numbers(values)
            if part.low is not None and part.high is not None:
                found |= dict(zip(_BOUNDS, (repr(part.low), repr(part.high)), strict=True))
            yield found


def _row(row: Row) -> dict[str, object]:
    return {
        "group": row.group.name.lower(),
        "method": row.method,
        "title": row.label,
        "seeds": " ".join(str(seed) for seed in row.seeds),
    }


def _numbers(values: dict[str, Value | None]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for key, value in values.items():
        if value is None:
            continue
        fields[key] = repr(value.mean)
        fields |= {f"{key}_{part}": repr(number) for part in _PARTS if (number := getattr(value, part)) is not None}
        if value.small:
            fields[f"{key}_{SMALL_SET}"] = "yes"
        if value.tied:
            fields[f"{key}_{TIED_WITH_BEST}"] = "yes"
    return fields
