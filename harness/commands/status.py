"""`bench status`: how far a results folder is."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.commands.options import RESULTS, Results
from harness.status import LOG_LINES


def status(
    results: Results = RESULTS,
    log_lines: Annotated[int, typer.Option(min=0, help="Lines of a failure's log.")] = LOG_LINES,
) -> None:
    """Trainings and cells: done, running, failed with the end of their log, to do; and what they take on disk.

    Examples:

      bench status

      bench status --results /data/results --log-lines 40
    """
    from harness import paths
    from harness.status import lines
    from harness.store import opened

    for line in lines(opened(results), paths.home(), log_lines):
        typer.echo(line)
