"""`bench clean`: remove what nothing refers to."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.commands.options import RESULTS, Results


def clean(
    results: Results = RESULTS,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and stop.")] = False,
) -> None:
    """Remove what nothing refers to, after asking.

    That is: models no cell uses, test pairs no cell has, checkpoints of finished trainings, decoded frames of datasets
    as they were read before, and what killed processes left. Records, images and logs stay, and so does whatever a run
    is working on.

    Examples:

      bench clean --dry-run

      bench clean --results /data/results --yes
    """
    from harness import cleaning, paths
    from harness.status import megabytes
    from harness.store import opened

    store, home = opened(results), paths.home()
    found = cleaning.find(store, home)
    if not found:
        typer.echo("nothing to remove")
        return
    for item in found:
        typer.echo(f"  {megabytes(item.bytes):>10}  {item.path}: {item.reason}")
    total = f"{len(found)} of them, {megabytes(sum(item.bytes for item in found))}"
    if dry_run:
        typer.echo(f"would remove {total}")
        return
    if not (yes or typer.confirm(f"Remove {total}?", default=False)):
        typer.echo("nothing removed")
        return
    gone = cleaning.remove(found, store, home)
    kept = f"; {len(found) - len(gone)} are in use by now" if len(gone) < len(found) else ""
    typer.echo(f"removed {len(gone)} of them, {megabytes(sum(item.bytes for item in gone))}{kept}")
