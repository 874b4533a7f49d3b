"""How `bench run`, `bench import` and `bench rescore` end: reports of what was recorded, and how each cell ended."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.errors import CellFailed, UserError

if TYPE_CHECKING:
    from harness.report import Report
    from harness.runner import Outcome
    from harness.specs import CellSpec


def show_reports(root: Path, recorded: Iterable[CellSpec]) -> None:
    """Write the reports of the comparisons that recorded cells are in, and print tables and paths.

    A comparison that cannot be reported, as when records of two versions of the protocol meet in it, is a note.
    """
    from harness.report import write_all
    from harness.report.select import Selection

    grounds = {
        (spec.dataset, spec.protocol_name, spec.split, spec.test_pair_list_hash, spec.dataset_fingerprint)
        for spec in recorded
    }
    for dataset, protocol, split, pairs, fingerprint in sorted(grounds):
        try:
            chosen = Selection(dataset, protocol, split, pairs=pairs, fingerprint=fingerprint)
            show(write_all(root, selection=chosen))
        except UserError as error:
            typer.echo(f"note: no report of {dataset} under {protocol}: {error}", err=True)


def show(reports: Iterable[Report]) -> None:
    """Print each report's main table, the files it is in, and which figures were skipped."""
    from harness.report.console import print_table

    for report in reports:
        print_table(report.table)
        for path in report.files.values():
            typer.echo(path)
        for name, reason in report.skipped.items():
            typer.echo(f"note: no {name}: {reason}", err=True)


def end(outcomes: list[Outcome]) -> None:
    """Say how each ended, with the reason; CellFailed for failures, UserError where nothing at all could run."""
    from tabulate import tabulate

    from harness.runner import End

    ends = {end: [outcome for outcome in outcomes if outcome.end is end] for end in End}
    refused, failed = ends[End.REFUSED], ends[End.FAILED]
    rows = []
    for end, found in ends.items():
        told = [(outcome.label, outcome.reason) for outcome in found if outcome.reason] or [("", "")]
        rows += [(f"{len(found)} {end.value}", *told[0]), *(("", *row) for row in told[1:])] if found else []
    typer.echo(tabulate(rows, tablefmt="plain"), err=True)
    if failed:
        raise CellFailed(f"{len(failed)} of {len(outcomes)} failed; the same command tries them again")
    if len(refused) == len(outcomes):
        raise UserError("nothing could run: every cell is refused")
