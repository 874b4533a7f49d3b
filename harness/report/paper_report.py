"""Writing a paper's tables, filled with our numbers, in every format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.errors import UserError
from harness.published import load_paper
from harness.report import Layout, Report, csv_file, html, latex, markdown, out_folder, stored, write_documents
from harness.report.contents import Contents
from harness.report.footer import brief
from harness.report.pair_scores import ScoreFrames
from harness.report.paper_table import PaperTable, asked, lay_out
from harness.report.select import Selection

PAPER = "mrnet-2020"
"""Whose tables are filled."""


def write_tables(
    store_root: Path, tables: Sequence[str], out: Path | None, selection: Selection, layout: Layout
) -> list[Report]:
    """Write the paper's tables that were asked for. Formats, claimed and intervals are the layout's.

    A table that cannot be filled is skipped, with the reason, where another one can be.
    UserError as `harness.report.stored`, `paper_table.asked`, and as `paper_table.lay_out` where none can be filled.
    """
    paper = load_paper(PAPER)
    wanted = asked(paper, tables)
    store, entries = stored(store_root)
    frames = ScoreFrames(store)
    reports: list[Report] = []
    skipped: dict[str, UserError] = {}
    for name in wanted:
        try:
            filled = lay_out(frames, entries, paper, name, selection, layout.claimed, layout.intervals)
        except UserError as error:
            skipped[f"table {name}"] = error
        else:
            reports.append(_write(out_folder(store, out, selection), name, filled, layout))
    if not reports:
        raise UserError("\n".join(map(str, skipped.values())))
    return [replace(reports[0], skipped={name: str(error) for name, error in skipped.items()}), *reports[1:]]


def _write(out: Path, name: str, filled: PaperTable, layout: Layout) -> Report:
    ground = filled.blocks[0].comparison.name
    datasets = "-".join(block.comparison.name.dataset for block in filled.blocks)
    stem = f"table-{name}-{datasets}-{ground.preset}-{ground.protocol}"
    table = filled.table
    documents = {
        "markdown": lambda: markdown.document([table]),
        "csv": lambda: csv_file.joined([csv_file.render(contents) for contents in _contents(filled)]),
        "html": lambda: html.page([table]),
        "latex": lambda: latex.document([table], stem, [brief(it.comparison) for it in filled.blocks]),
    }
    return Report(table, write_documents(out, stem, layout.formats, documents))


def _contents(filled: PaperTable) -> list[Contents]:
    return [Contents(block.comparison, block.table, (), None, ()) for block in filled.blocks]
