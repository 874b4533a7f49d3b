"""The report of an ablation: tables, CSV and figure of a grid's rows, in the grid's order, under their labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.metrics.base import METRICS
from harness.pairs import TEST, PairList
from harness.pairs_folder import PAIRS
from harness.records import read_record
from harness.report import Report, csv_file, figures, markdown
from harness.report.ablation_figure import draw
from harness.report.build import columns_of_pictures, finished, main_table, topic_tables
from harness.report.certainty import contests, marked
from harness.report.contents import Contents
from harness.report.cost import cost_table
from harness.report.footer import lines as footer_lines
from harness.report.pair_scores import ScoreFrames
from harness.report.pair_scores import read as read_scores
from harness.report.select import Entry, comparisons
from harness.report.table import PLUMBING, Row, Table
from harness.store import has_record, record_path
from mrnet import files

if TYPE_CHECKING:
    from harness.ablation import Ablation, AblationRow
    from harness.plan import Plan

GRID_ROWS, GRID_SEED = 4, 0
"""Pairs in the grid of an ablation's rows, and the seed they are drawn by."""


def write(ablation: Ablation, out: Path) -> Report | None:
    """Write the report of the rows that have a record; None where none has. UserError as `comparisons`."""
    found = [contents for plan in ablation.plans if (contents := _of_plan(ablation, plan)) is not None]
    if not found:
        return None
    tables = found[0].tables if len(found) == 1 else (_across_masks(found),)
    main = replace(
        tables[0], title=f"Ablation: {ablation.grid.title} · {_name(found)}", footer=_footer(ablation, found, tables[0])
    )
    stem = f"ablation-{ablation.grid.name}-{found[0].comparison.stem}"
    paths = {"markdown": out / f"{stem}.md", "csv": out / f"{stem}.csv"}
    pictures = []
    if not main.plumbing:
        paths["figure"] = out / f"{stem}.png"
        caption = draw(paths["figure"], ablation.grid, main)
        pictures.append(markdown.Picture(ablation.grid.title, paths["figure"].name, caption))
    grid = _grid(ablation, found, out / f"{stem}-grid.png")
    if grid:
        paths["grid"] = out / grid.path
        pictures.append(grid)
    files.write_text(paths["markdown"], markdown.document((main, *tables[1:]), pictures))
    files.write_text(paths["csv"], _csv(found))
    return Report(main, paths)


def _of_plan(ablation: Ablation, plan: Plan) -> Contents | None:
    """The tables of the rows that a plan ran; None where it has no record."""
    labels = _labels(ablation)
    entries = tuple(_entries(plan, labels))
    if not entries:
        return None
    (comparison,) = comparisons(entries)
    found = contests(read_scores(ScoreFrames(plan.results), comparison))
    main = marked(main_table(comparison, footer_lines(comparison)), found)
    more = (*(marked(table, found) for table in topic_tables(comparison)), cost_table(comparison))
    order = list(labels.values())
    tables = [_in_order(table, order) for table in (main, *more) if table is not None]
    return Contents(comparison, tables[0], tuple(tables[1:]), None, ())


def _grid(ablation: Ablation, found: Sequence[Contents], path: Path) -> markdown.Picture | None:
    """Draw the rows' images of the same pairs, the labels as heads; None where their pair lists differ."""
    first, plan = found[0].comparison, ablation.plans[0]
    if len({contents.comparison.first.pair_list_hash for contents in found}) > 1:
        return None
    made = {
        title: figures.GridColumn(title, subtitle if subtitle.startswith("seed") else "", images)
        for contents in found
        for title, subtitle, images in columns_of_pictures(contents.comparison)
    }
    columns = [made[label] for label in dict.fromkeys(_labels(ablation).values()) if label in made]
    folder = plan.results.root / "pairs" / first.first.pairs
    pairs = PairList.read(folder / PAIRS)
    chosen = figures.choose_pairs(pairs.pairs, GRID_ROWS, GRID_SEED)
    numbered = ", ".join(f"{number}\u00a0{pair.id}" for number, pair in enumerate(chosen, 1))
    plumbing = f"{PLUMBING}. " if found[0].main.plumbing else ""
    caption = f"{plumbing}Pairs, drawn with seed {GRID_SEED} from {len(pairs):,}: {numbered}."
    figures.qualitative_grid(path, folder, first.name.size_px, chosen, columns, (caption,))
    return markdown.Picture("the rows on the same pairs", path.name, caption)


def _labels(ablation: Ablation) -> dict[str, str]:
    """The label of each cell by its key, in the grid's order; of two rows that are one cell, the first's."""
    labels: dict[str, str] = {}
    for row in ablation.rows:
        for cell in row.cells:
            if cell.spec:
                labels.setdefault(cell.spec.key, row.grid_row.label)
    return labels


def _entries(plan: Plan, labels: Mapping[str, str]) -> Iterator[Entry]:
    """The records of the plan's cells, titled by their rows.

    What was set is told by the parameters: two seeds are one row, however each was asked for.
    """
    for cell in plan.cells:
        if cell.spec and has_record(cell.folder, cell.spec.protocol_name, cell.spec.score_key):
            record = read_record(record_path(cell.folder, cell.spec.protocol_name))
            named = {"overrides": (), "title": labels[cell.spec.key]}
            yield Entry(record.model_copy(update=named), cell.folder)


def _in_order(table: Table, labels: Sequence[str]) -> Table:
    rows = sorted(table.rows, key=lambda row: labels.index(row.title))
    return replace(table, rows=tuple(replace(row, note="") for row in rows))


def _across_masks(found: Sequence[Contents]) -> Table:
    """One table of rows whose masks differ, without the metrics that look at a mask: each row has another."""
    keys = [
        column.key
        for column in found[0].main.columns
        if column.key in METRICS and "mask" not in METRICS[column.key].needs
    ]
    rows = tuple(
        replace(row, values=tuple(_values(contents.main, row).get(key) for key in keys))
        for contents in found
        for row in contents.main.rows
    )
    columns = tuple(replace(column, headline=False) for column in found[0].main.columns if column.key in keys)
    return finished(Table("", columns, rows, plumbing=found[0].main.plumbing))


def _values(table: Table, row: Row) -> dict[str, object]:
    return {
        column.key: value and replace(value, rank=None, tied=False)
        for column, value in zip(table.columns, row.values, strict=True)
    }


def _name(found: Sequence[Contents]) -> str:
    name = found[0].comparison.name
    return str(name if len(found) == 1 else name._replace(masks=""))


def _footer(ablation: Ablation, found: Sequence[Contents], table: Table) -> tuple[str, ...]:
    shown = {row.title for row in table.rows}
    lacking = [row for row in ablation.rows if row.grid_row.label not in shown]
    labels = _labels(ablation)
    told = (f"{row.grid_row.label} ({_why(row, labels)})" for row in lacking)
    partition = ablation.plans[0].request.partition
    chosen_by = f"Pairs of {partition}: to choose a parameter by; results are those of {TEST}"
    return (
        *((f"Repeats {ablation.grid.source}",) if ablation.grid.source else ()),
        *((f"Rows without a result: {'; '.join(told)}",) if lacking else ()),
        *((chosen_by,) if partition != TEST else ()),
        *(("Metrics over masks are left out: each row has masks of its own",) if len(found) > 1 else ()),
        *found[0].main.footer,
    )


def _why(row: AblationRow, labels: Mapping[str, str]) -> str:
    """Why a row is not in the table."""
    cell = row.cells[0]
    if cell.spec and labels[cell.spec.key] != row.grid_row.label:
        return f"the same as {labels[cell.spec.key]}"
    return cell.reason or "not done yet"


def _csv(found: Sequence[Contents]) -> str:
    """The rows of all tables, one heading."""
    return csv_file.joined([csv_file.render(contents) for contents in found])
