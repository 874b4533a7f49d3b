"""Tables as CSV at full precision: a row a method (scope `all`) and a row a method and track, a column a number."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from harness.report.select import Comparison
from harness.report.table import PLUMBING, Row, Table, Value

ALL_PAIRS = "all"
SMALL_SET = "small_set"
TIED_WITH_BEST = "tied_with_best"
_PARTS = ("low", "high", "std", "seeds_sd", "group_low", "group_high")


def render(comparison: Comparison, main: Table, groups: Table | None, more: Sequence[Table] = ()) -> str:
    """The CSV text; `more`: tables of other columns, whose rows are rows of the main table (certainty, gains).

    A number that is not there, and every number of a plumbing check, is an empty field; a column of intervals, spreads
    or marks that no row fills is left out.
    """
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
    tables = (main, *more)
    keys = [column.key for table in tables for column in table.columns]
    rows = []
    for row in main.rows:
        values = {} if main.plumbing else _values(tables, row)
        counts = {"scope": ALL_PAIRS, "n": row.n, "missing": row.missing}
        rows.append(counts | _row(row) | _numbers(values) | fixed)
    for row in groups.rows if groups else ():
        for name in dict.fromkeys(column.group for column in groups.columns):
            pairs = zip(groups.columns, row.values, strict=True)
            values = {} if main.plumbing else {column.key: value for column, value in pairs if column.group == name}
            rows.append({"scope": name} | _row(row) | _numbers(values) | fixed)
    used = {field for row in rows for field in row}
    numbers = [
        field
        for key in keys
        for field in (key, *(f"{key}_{part}" for part in (*_PARTS, SMALL_SET, TIED_WITH_BEST)))
        if field in used or field == key
    ]
    file = io.StringIO()
    heading = ["scope", "group", "method", "title", "seeds", "n", "missing", *numbers, *fixed]
    writer = csv.DictWriter(file, heading, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _values(tables: Sequence[Table], row: Row) -> dict[str, Value | None]:
    """The values of a row in every table that has it."""
    same = [(table, other) for table in tables for other in table.rows if _row(other) == _row(row)]
    pairs = (
        (column, value) for table, other in same for column, value in zip(table.columns, other.values, strict=True)
    )
    return {column.key: value for column, value in pairs}


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
