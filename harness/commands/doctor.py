"""`bench doctor`: what is here, and what each missing piece would enable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

_SIGNS = {True: "ok  ", False: "lack", None: "    "}


def doctor(
    results: Annotated[Path, typer.Option(metavar="DIR", help="The results folder.")] = Path("results"),
    data_root: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Folder of the datasets' sources.", show_default="data under BENCH_HOME"),
    ] = None,
    weights_dir: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Folder of weights, looked at first.", show_default="BENCH_WEIGHTS"),
    ] = None,
) -> None:
    """Versions, devices, bf16, disk, datasets and weights: what is here, and the command that brings what is not.

    Exit code 1 where something is missing without which nothing runs: a package, or a folder to write to.

    Example: bench doctor
    """
    from harness.doctor import examine
    from harness.weights import WeightStore

    topic, fatal = "", False
    for line in examine(results, WeightStore(extra_dir=weights_dir), data_root):
        if line.topic != topic:
            topic = line.topic
            typer.echo(topic)
        typer.echo(f"  {_SIGNS[line.good]}  {line.text}")
        fatal |= line.essential and line.good is False
    if fatal:
        raise typer.Exit(1)
