"""Published numbers beside ours: the same dataset, the paper's own protocol, and pairs nobody can verify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness import config
from harness.errors import UserError
from harness.published import Paper, PublishedCell, load_paper
from harness.records import Record
from harness.report.select import Comparison
from harness.report.table import Column, Table, Value

PUBLISHED = "paper:"
"""Group of the columns of published numbers."""


def paper_of(comparison: Comparison) -> Paper | None:
    """The paper whose numbers may stand beside a comparison's; None where there is none."""
    papers = map(load_paper, config.names("published"))
    first = comparison.first
    return next((it for it in papers if it.protocol == first.protocol and first.dataset in it.datasets), None)


def nothing_published() -> UserError:
    """That no comparison at hand may stand beside published numbers, and which may."""
    papers = map(load_paper, config.names("published"))
    which = "; ".join(f"{', '.join(paper.datasets)} under protocol {paper.protocol}" for paper in papers)
    return UserError(
        f"--claimed: published numbers may stand beside results on {which}, and no such comparison is here. "
        "Stored images get another protocol's numbers with `bench rescore --protocol NAME`"
    )


def with_claimed(table: Table, dataset: str, paper: Paper, rows: Sequence[str | None]) -> Table:
    """A table over a dataset with a column of published numbers beside each metric that the paper prints.

    rows: the paper's row of each row of the table, None where it has none.
    Published numbers are never ranked. The legend says what they are, and what is to be known of single cells.
    """
    columns: list[Column] = []
    values: list[list[Value | None]] = [[] for _ in table.rows]
    warnings: dict[str, dict[str, None]] = {}
    for place, column in enumerate(table.columns):
        columns.append(column)
        for row, kept in zip(table.rows, values, strict=True):
            kept.append(row.values[place])
        metric = paper.metric_of(dataset, column.key)
        cells = [row and metric and paper.cell(row, dataset, metric) for row in rows]
        if not any(cells):
            continue
        decimals = max(_decimals(cell) for cell in cells if cell)
        columns.append(Column(f"{column.key}_claimed", str(metric), None, decimals, PUBLISHED, ranked=False))
        for row, cell, kept in zip(rows, cells, values, strict=True):
            kept.append(Value(cell.value) if cell else None)
            for warning in cell.warnings if cell else ():
                warnings.setdefault(f"{metric}: {warning.words}", {})[paper.rows[row].label] = None
    claimed = len({row for row in rows if row})
    legend = (
        f"{PUBLISHED} as printed in {paper.source}; pairs not verifiable, never ranked.",
        *(
            f"{PUBLISHED} {words}" + (f" ({', '.join(labels)})." if len(labels) < claimed else ".")
            for words, labels in warnings.items()
        ),
    )
    filled = tuple(replace(row, values=tuple(kept)) for row, kept in zip(table.rows, values, strict=True))
    return replace(table, columns=tuple(columns), rows=filled, legend=(*table.legend, *legend))


def published_row(record: Record, paper: Paper) -> str | None:
    """The paper's row that a record's row repeats: the method as it is, or a setting of it by its parameters."""
    settings = (
        name
        for name, row in paper.rows.items()
        if row.parameters and row.method == record.method and row.parameters.items() <= record.parameters.items()
    )
    if record.overrides:
        return next(settings, None)
    return record.method if record.method in paper.rows else None


def _decimals(cell: PublishedCell) -> int:
    return len(cell.printed.partition(".")[2])
