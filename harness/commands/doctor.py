"""`bench doctor`: what is here, and what each missing piece would enable."""

from __future__ import annotations

import typer

from harness.commands.options import RESULTS, DataRoot, Results, WeightsDir

_SIGNS = {True: "ok  ", False: "lack", None: "    "}


def doctor(
    results: Results = RESULTS,
    data_root: DataRoot = None,
    weights_dir: WeightsDir = None,
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
