"""`bench cell` (hidden): the child process of a training or a cell. `bench run` starts it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def cell(
    spec: Annotated[Path, typer.Argument(help="The spec.yaml in the training's or cell's folder.")],
    results: Annotated[Path, typer.Option(help="The results folder.")],
    parent: Annotated[Optional[int], typer.Option(help="Stop when this process has ended.")] = None,  # noqa: UP045
) -> None:
    """Do the work of one spec in this process; its log goes to standard output."""
    from harness.child import serve
    from harness.store import Store

    serve(spec.absolute(), Store(results), parent)
