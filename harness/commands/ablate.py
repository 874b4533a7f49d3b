"""`bench ablate`: plan, run and report a grid."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from harness.commands.ending import end, show
from harness.commands.options import (
    RESULTS,
    DataRoot,
    Overrides,
    Plugins,
    Protocol,
    Results,
    WeightsDir,
    seeds_of,
)
from harness.engine import ENGINES
from harness.errors import unknown
from harness.pairs import SCORED, TEST


def ablate(
    grid: Annotated[str, typer.Option(metavar="NAME", help="A grid (`bench list grids`), or a YAML file.")],
    dataset: Annotated[str, typer.Option(help="Dataset; `bench list datasets` names them.")] = "footage",
    split: Annotated[Optional[str], typer.Option(help="Split.", show_default="the dataset's own")] = None,  # noqa: UP045
    preset: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Training preset: a name, or a YAML file.", show_default="the grid's"),
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="0,1", help="Training seeds: a training a row and seed.")] = "0",
    protocol: Protocol = "offline-v1",
    on: Annotated[
        str, typer.Option(metavar="PAIRS", help="`test` for results; `val` to choose a parameter by.")
    ] = TEST,
    limit: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, metavar="N", help="Only N pairs, drawn with a fixed seed, as many from each clip."),
    ] = None,
    overrides: Overrides = None,
    plugin: Plugins = None,
    engine: Annotated[str, typer.Option(help=f"Where cells run: {', '.join(ENGINES)}.")] = ENGINES[0],
    workers: Annotated[int, typer.Option(min=1, help="Cells at once, each in a process of its own.")] = 1,
    data_root: DataRoot = None,
    weights_dir: WeightsDir = None,
    results: Results = RESULTS,
    plan: Annotated[bool, typer.Option("--plan", help="Show what is cached and what is to do, and stop.")] = False,
) -> None:
    """Train one method in every setting of a grid, on identical pairs; print the table in the grid's order.

    Each row is trained on its own. What the results folder already has is used again, whoever trained it; the same
    command again goes on where it stopped. Choose parameters with --on val, and read results with --on test.

    Examples:

      bench ablate --grid components

      bench ablate --grid lambda --dataset penn --data-root ~/data --preset paper --seeds 0,1,2

      bench ablate --grid iterations --on val --plan

      bench ablate --grid mine.yaml --dataset footage --set methods.mrnet.schedule.steps=3000
    """
    from harness.ablation import plan_grid
    from harness.estimate import lines
    from harness.grids import load_grid
    from harness.plan import RunRequest
    from harness.report import REPORT_FOLDER

    if on not in SCORED:
        raise unknown("partition", on, SCORED)
    found = load_grid(grid)
    request = RunRequest(
        methods=(found.method,),
        dataset=dataset,
        split=split,
        preset=preset or found.preset,
        seeds=seeds_of(seeds),
        protocol=protocol,
        partition=on,
        limit=limit,
        overrides=tuple(overrides or ()),
        plugins=tuple(plugin or ()),
        data_root=data_root,
        weights_dir=weights_dir,
        results=results,
    )
    ablation = plan_grid(found, request)
    for part in ablation.plans:
        for line in lines(part):
            typer.echo(line, err=not plan)
    for cell in ablation.refused:
        typer.echo(f"  refused {cell.label}: {cell.reason}", err=not plan)
    if plan:
        return
    from harness.report.ablation import write
    from harness.runner import End, Outcome
    from harness.runner import run as run_plan

    outcomes = [outcome for part in ablation.plans for outcome in run_plan(part, engine, workers)]
    outcomes += [Outcome(cell.label, End.REFUSED, reason=cell.reason) for cell in ablation.refused]
    report = write(ablation, results / REPORT_FOLDER)
    show([report] if report else [])
    end(outcomes)
