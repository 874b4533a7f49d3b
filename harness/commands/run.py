"""`bench run`: plan, run, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from harness.commands.ending import end, show
from harness.commands.options import RESULTS, DataRoot, Masks, Overrides, Plugins, Results, WeightsDir, seeds_of
from harness.engine import ENGINES
from harness.plan import POLICIES
from harness.suites import Suite, asked_for
from methods.wrapping import split_list

DEFAULTS = Suite()

if TYPE_CHECKING:
    from harness.plan import Plan


def run(
    methods: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="A,B", help="Methods, or controls; `bench list methods` names them."),
    ] = None,
    dataset: Annotated[Optional[str], typer.Option(help="Dataset; `bench list datasets` names them.")] = None,  # noqa: UP045
    suite: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="A named set of all these, or a YAML file; other options take its place."),
    ] = None,
    split: Annotated[Optional[str], typer.Option(help="Split.", show_default="the dataset's own")] = None,  # noqa: UP045
    preset: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Training preset: a name, or a YAML file.", show_default=DEFAULTS.preset),
    ] = None,
    seeds: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="0,1", help="Training seeds, a training each.", show_default="0"),
    ] = None,
    protocol: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Protocol: a name, or a YAML file.", show_default=DEFAULTS.protocol),
    ] = None,
    pairs: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Test on these pairs, a list as `bench data pairs` writes them."),
    ] = None,
    limit: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, metavar="N", help="Only N test pairs, drawn with a fixed seed, as many from each clip."),
    ] = None,
    weights: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="METHOD=FILE", help="Weights in place of a training; see `bench weights import`."),
    ] = None,
    overrides: Overrides = None,
    plugin: Plugins = None,
    engine: Annotated[str, typer.Option(help=f"Where cells run: {', '.join(ENGINES)}.")] = ENGINES[0],
    workers: Annotated[int, typer.Option(min=1, help="Cells at once, each learned one in a process of its own.")] = 1,
    data_root: DataRoot = None,
    masks: Masks = None,
    weights_dir: WeightsDir = None,
    results: Results = RESULTS,
    policy: Annotated[str, typer.Option(help=f"What to do with what is there: {', '.join(POLICIES)}.")] = POLICIES[0],
    no_controls: Annotated[
        bool, typer.Option("--no-controls", help="Only what --methods names, without all controls beside it.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show what is cached and what is to do, and stop.")] = False,
) -> None:
    """Train, synthesize and score methods on identical pairs; print the table and the report's paths.

    What is already in the results folder is used again: trained models, images, scores. A failed cell does not stop the
    others; the exit code is then 1.

    Every control runs beside the methods, unless --no-controls is given: copy, mean, nearest, noise, paste, and made
    from the target itself, target and blur. The table sets them apart; they are never ranked.

    Examples:

      bench run --methods mrnet --dataset footage --preset quick

      bench run --methods mrnet --dataset footage --set methods.mrnet.schedule.steps=1500 --seeds 0,1,2

      bench run --methods mrnet --dataset penn --split mrnet-like --data-root ~/data --masks blazepose

      bench run --methods patn --weights patn=patn.safetensors --dataset market --data-root ~/data --preset paper

      bench run --suite everything-smoke --dataset penn --data-root drawn

      bench run --methods 'mrnet,crop-inpaint(patn),union-crop(pn_gan)' --dataset footage

      bench run --methods mine,copy --no-controls --plugin mine.py --dataset footage --preset mine.yaml --plan
    """
    from harness.estimate import lines
    from harness.plan import RunRequest
    from harness.resolve import resolve

    given = {
        "methods": None if methods is None else tuple(split_list(methods)),
        "seeds": None if seeds is None else seeds_of(seeds),
    }
    given |= {"dataset": dataset, "split": split, "preset": preset, "protocol": protocol}
    asked = asked_for(suite, given)
    request = RunRequest(
        methods=asked.methods,
        dataset=asked.dataset,
        split=asked.split,
        preset=asked.preset,
        seeds=asked.seeds,
        protocol=asked.protocol,
        pairs=pairs,
        limit=limit,
        weights=tuple(weights or ()),
        overrides=tuple(overrides or ()),
        plugins=tuple(plugin or ()),
        data_root=data_root,
        masks=masks,
        weights_dir=weights_dir,
        results=results,
        policy=policy,
        controls=not no_controls,
    )
    resolved = resolve(request)
    for line in lines(resolved):
        typer.echo(line, err=not plan)
    if plan:
        return
    from harness.runner import run as run_plan

    outcomes = run_plan(resolved, engine, workers)
    _show_report(resolved)
    end(outcomes)


def _show_report(plan: Plan) -> None:
    """Write the report of what the run asked for, as far as it is recorded, and print table and paths."""
    from harness.report import write_all
    from harness.report.select import Selection
    from harness.store import has_record

    planned = [(cell.folder, cell.spec) for cell in plan.cells if cell.spec]
    recorded = [spec for folder, spec in planned if has_record(folder, spec.protocol_name, spec.score_key)]
    if not recorded:
        return
    trained = any(spec.trained for spec in recorded)
    selection = Selection(
        dataset=plan.dataset.name,
        protocol=plan.protocol.name,
        split=plan.split,
        preset=plan.preset.name if trained else None,
        pairs=plan.test.hash,
        fingerprint=recorded[0].dataset_fingerprint,
    )
    show(write_all(plan.results.root, selection=selection))
