"""`bench list`: what there is to run."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from harness.commands.options import Plugins

app = typer.Typer(
    help="List methods, datasets, protocols, presets, suites, grids and figures.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command()
def methods(
    dataset: Annotated[Optional[str], typer.Option(help="Say which can run on this dataset.")] = None,  # noqa: UP045
    preset: Annotated[str, typer.Option(help="The preset that sets the image size, with --dataset.")] = "quick",
    plugin: Plugins = None,
) -> None:
    """Methods, controls and wrappers, with paper, licence, needs and parameters.

    Examples:

      bench list methods

      bench list methods --dataset footage --preset smoke
    """
    from harness import datasets
    from harness.controls import CONTROL_CARDS
    from harness.presets import load_preset
    from harness.resolve import all_cards, load_plugins
    from methods.card import supports
    from methods.wrapping import WRAPPERS

    load_plugins(tuple(plugin or ()))
    info = None
    if dataset:
        reader = datasets.get(dataset)
        info = reader.info(reader.fitted(load_preset(preset).size_px))
    for name, card in all_cards().items():
        kind = " (control)" if name in CONTROL_CARDS else ""
        typer.echo(f"{name}{kind}: {card.title}. {card.summary}")
        if card.paper:
            typer.echo(f"    {card.paper}; licence {card.licence}")
        for need in _needs(card):
            typer.echo(f"    {need}")
        if card.parameters:
            typer.echo("    parameters: " + ", ".join(f"{key}={value}" for key, value in card.parameters.items()))
        if info is not None:
            fits, reason = supports(card, info)
            typer.echo(f"    {dataset} at preset {preset}: {'yes' if fits else 'no, ' + reason}")
    for wrapper in WRAPPERS.values():
        inpainter = f", or {wrapper.name}(METHOD,INPAINTER)" if wrapper.inpainter else ""
        typer.echo(f"{wrapper.name}(METHOD){inpainter}: {wrapper.summary}")


def _needs(card) -> list[str]:
    """A card's conditions on a dataset, in words."""
    needs = []
    if card.privileged:
        needs.append("privileged: made from the target, never ranked")
    if card.needs_masks:
        needs.append("needs person masks")
    if card.halves_to_px:
        least = card.halves_to_px
        needs.append(f"a height of {least} times a power of two, a width divisible by that power")
    elif card.size_multiple > 1 or card.min_size_px > 1:
        needs.append(f"sides divisible by {card.size_multiple}, at least {card.min_size_px} px")
    if card.needs_joints:
        needs.append(f"needs the joints {', '.join(card.needs_joints)}")
    return needs


@app.command()
def datasets() -> None:
    """Datasets, with splits, licence, and whether their sources are here."""
    from harness import datasets as known

    for name in known.names():
        dataset = known.get(name)
        available, reason = dataset.available()
        reason = reason.partition("\n")[0]
        splits = ", ".join(dataset.splits)
        typer.echo(f"{name}: {dataset.title}")
        typer.echo(f"    splits: {splits} (default {dataset.default_split}); licence: {dataset.licence}")
        typer.echo(f"    {'here' if available else reason}")


@app.command()
def protocols() -> None:
    """Protocols, with their metrics and the weights they need."""
    from harness import config
    from harness.metrics.protocol import load_protocol

    for name in config.names("protocols"):
        protocol = load_protocol(name)
        typer.echo(f"{name}: {protocol.title}")
        typer.echo(f"    metrics: {', '.join(protocol.metric_keys)}")
        typer.echo(f"    weights: {', '.join(protocol.assets()) or 'none'}; hash {protocol.hash[:12]}")


@app.command()
def presets() -> None:
    """Training presets, with size and each method's schedule."""
    from harness import config
    from harness.presets import load_preset

    for name in config.names("presets"):
        preset = load_preset(name)
        height, width = preset.size_px
        typer.echo(f"{name}: {preset.description} ({height}×{width}{'' if preset.ranked else ', never ranked'})")
        for method, entry in preset.methods.items():
            if entry.schedule:
                changed = entry.schedule.model_dump(exclude_defaults=True)
                typer.echo(f"    {method}: " + ", ".join(f"{key} {value}" for key, value in changed.items()))


@app.command()
def suites() -> None:
    """Suites, with dataset, preset and methods."""
    from harness import config
    from harness.suites import load_suite

    for name in config.names("suites"):
        suite = load_suite(name)
        typer.echo(f"{name}: {suite.description}")
        typer.echo(f"    dataset: {suite.dataset or 'any, named with --dataset'}; preset: {suite.preset}")
        typer.echo(f"    methods: {', '.join(suite.methods)}")


@app.command()
def grids() -> None:
    """Grids of `bench ablate`, with method and rows."""
    from harness import config
    from harness.grids import load_grid

    for name in config.names("grids"):
        grid = load_grid(name)
        typer.echo(f"{name}: {grid.title}")
        typer.echo(f"    method: {grid.method}; preset: {grid.preset}; {grid.source}")
        typer.echo(f"    rows: {'; '.join(row.label for row in grid.all_rows)}")


@app.command()
def figures() -> None:
    """Figures of `bench report --figures`, with what they repeat."""
    from harness import config
    from harness.report.figure_spec import FOLDER, load_figure

    for name in config.names(FOLDER):
        figure = load_figure(name)
        after = f" ({figure.source})" if figure.source else ""
        typer.echo(f"{name}: {figure.title}{after}")
