"""`bench check`: does a method keep the contract?"""

from __future__ import annotations

import os
import time
from typing import Annotated, Optional

import typer

from harness.commands.options import Overrides, Plugins
from harness.errors import UserError


def check(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="A method; `bench list methods` names them.")],
    preset: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="A preset whose parameters replace the reduced ones.", show_default="the card's, reduced"),
    ] = None,
    overrides: Overrides = None,
    plugin: Plugins = None,
) -> None:
    """Hold a method to the contract of methods/base.py, in seconds, before a long run does.

    Trains it a few steps at reduced width on drawn figures, on the CPU, with stand-ins for pretrained networks, and
    tries: count, size and range of its images, the same images again, in any batch, after save and load, after an
    interruption, and with noise in place of the targets. Exit code 1 if a clause is broken.

    Examples:

      bench check mrnet

      bench check mine --plugin mine.py

      bench check command --set "methods.command.parameters.program=[python3, generate.py, '{in}', '{out}']"
    """
    from harness.controls import CONTROL_CARDS
    from harness.models import card_of
    from harness.presets import given_parameters
    from harness.resolve import load_plugins
    from methods import registry

    load_plugins(tuple(plugin or ()))
    if method in CONTROL_CARDS:
        names = ", ".join(sorted(registry.cards()))
        raise UserError(f"{method} is a control, made by the harness itself; methods are: {names}")
    card = card_of(method)
    if card.parts and (preset or overrides):
        raise UserError("a wrapper is checked with its parts' reduced parameters: leave --preset and --set out")
    # bit for bit means little where a GPU adds up in whatever order its threads end
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    from harness import check as contract

    start_s = time.monotonic()
    given = given_parameters(method, preset, tuple(overrides or ()))
    (_, (height, width)), parameters = contract.dataset_for(card), contract.reduced_parameters(card, given)
    shown = " ".join(f"{name}={value}" for name, value in parameters.items())
    typer.echo(f"{card.name} ({card.title}), {height}×{width} px" + (f", {shown}" if shown else ""))
    findings = []
    for finding in contract.check(card, tuple(plugin or ()), given):
        findings.append(finding)
        typer.echo(f"  {'holds ' if finding.problem is None else 'BROKEN'}  {finding.clause}")
        if finding.problem is not None:
            typer.echo(f"          {finding.problem}")
    broken = sum(finding.problem is not None for finding in findings)
    if broken and findings[-1].clause != contract.BLINDNESS:
        typer.echo(f"  not tried yet, for all before must hold: {contract.BLINDNESS}")
    seconds = time.monotonic() - start_s
    typer.echo(f"{len(findings) - broken} clauses hold, {broken} broken ({seconds:.0f} s)")
    if broken:
        raise typer.Exit(1)
