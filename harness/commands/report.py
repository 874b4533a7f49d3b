"""`bench report`: tables and the qualitative grid, from the store alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.ending import show
from harness.commands.options import RESULTS, Results
from harness.errors import UserError
from harness.report import DEFAULT_ROWS, DEFAULT_SEED, FORMATS
from methods.wrapping import split_list


def report(
    table: Annotated[
        str | None,
        typer.Option(metavar="1,2,…", help="The paper's tables instead, in our numbers: 1 to 5, ablation, all."),
    ] = None,
    suite: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what this suite runs, into RESULTS/report/NAME.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Only this dataset.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Only this protocol.")] = None,
    split: Annotated[str | None, typer.Option(help="Only this split.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Only this training preset (controls, which have none, stay)."),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Only these rows and pictures, into a folder of their own (--out)."),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(metavar="HASH|all", help="Where one name covers several pair lists: which, or a report for each."),
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="Where a dataset has several versions (files, masks): which."),
    ] = None,
    results: Results = RESULTS,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write.", show_default="RESULTS/report"),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help=f"Comma-separated: {', '.join(FORMATS)}.", show_default="all")
    ] = ",".join(FORMATS),
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Every column with its interval, not the first alone.")
    ] = False,
    rows: Annotated[int, typer.Option(min=1, help="Pairs in the qualitative grid.")] = DEFAULT_ROWS,
    seed: Annotated[int, typer.Option(help="Which pairs the grid shows.")] = DEFAULT_SEED,
    claimed: Annotated[
        bool, typer.Option("--claimed", help="Published numbers beside ours: same dataset, the paper's protocol.")
    ] = False,
    figures: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Figures too, as PNG and PDF: names, FILE.yaml, paper or all."),
    ] = None,
) -> None:
    """Write tables (Markdown, CSV, an HTML page) and the picture grid of everything in the results folder.

    One report for each dataset, split, size, preset and protocol.
    Numbers of different pair lists or training budgets never meet in a table.
    Nothing is computed: the same results give the same files.

    Examples:

      bench report

      bench report --dataset footage --split video --preset quick

      bench report --methods 'mrnet,union-crop(pn_gan),union-crop(patn)' --out fig11

      bench report --dataset penn --protocol mrnet-2020 --claimed

      bench report --table 1 --format latex --claimed

      bench report --table 1,ablation --dataset footage --preset quick

      bench report --suite footage-reference --results results/footage-reference

      bench report --dataset footage --format csv --out tables --rows 12 --seed 3

      bench report --figures paper

      bench report --figures bars,cost,fig14-failures
    """
    from harness import datasets
    from harness.report import Layout, write_all
    from harness.report.select import Selection
    from harness.suites import load_suite

    wanted = split_list(formats)
    if not wanted:
        raise UserError(f"--format {formats!r} names no format. Valid: {', '.join(FORMATS)}")
    selection = Selection(
        dataset=dataset and datasets.canonical(dataset),
        protocol=protocol,
        split=split,
        preset=preset,
        methods=tuple(split_list(methods or "")),
        pairs=pairs,
        fingerprint=fingerprint,
        suite=load_suite(suite) if suite else None,
    )
    layout = Layout(tuple(wanted), rows, seed, claimed, tuple(split_list(figures or "")), intervals)
    if table is None:
        show(write_all(results, out, selection, layout))
        return
    from harness.report.paper_report import write_tables

    if figures:
        raise UserError("--figures goes with the report of a comparison, and not with --table")
    show(write_tables(results, split_list(table), out, selection, layout))
