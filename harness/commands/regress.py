"""`bench regress`: whether the code still gives the numbers of a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness.commands.options import DataRoot, Plugins, WeightsDir
from harness.errors import UserError, check_output, unknown
from methods.wrapping import split_list

SHIPPED = "synthetic"
GATES = ("rescore", "rerun", "train")


def regress(
    baseline: Annotated[
        str, typer.Option(metavar="FILE", help="The baseline: a YAML file, or the name of a shipped one.")
    ] = SHIPPED,
    update: Annotated[
        bool, typer.Option("--update", help="Measure the baseline instead, and write it into its file.")
    ] = False,
    gates: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="A,B", help=f"Only these gates, of {', '.join(GATES)}.", show_default="all"),
    ] = None,
    markdown: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Write the report here, for a pull request."),
    ] = None,
    plugin: Plugins = None,
    data_root: DataRoot = None,
    weights_dir: WeightsDir = None,
    results: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--results", metavar="DIR", help="Keep models, images and records here.", show_default="nowhere"),
    ] = None,
) -> None:
    """Hold today's code against a baseline, and say of every metric whether it still gives that number.

    Three gates: rescore scores the baseline's stored images, rerun makes and scores the images of its frozen
    checkpoint, train trains anew and allows for what seeds and pairs do. Exit code 1 on a regression. A baseline of
    another protocol, pair list or dataset version is refused.

    A baseline of your own starts as a file with the part `asked` alone (docs/regression.md); --update measures it.

    Examples:

      bench regress

      bench regress --gates rescore,rerun --markdown regression.md

      bench regress --baseline mine.yaml --update

      bench regress --baseline mine.yaml --plugin mine.py --results regress-results
    """
    wanted = tuple(split_list(gates)) if gates is not None else GATES
    for name in wanted:
        if name not in GATES:
            raise unknown("gate", name, GATES)
    if not wanted:
        raise UserError(f"--gates names no gate. Valid: {', '.join(GATES)}")
    if update and (gates is not None or markdown is not None):
        raise UserError("--update measures every gate and checks none: leave --gates and --markdown out")
    check_output(markdown, "--markdown")

    from harness import regress as checks
    from harness.gates import Gate
    from harness.report import regression
    from mrnet import files

    request = checks.RegressRequest(
        baseline=baseline,
        gates=tuple(map(Gate, wanted)),
        plugins=tuple(plugin or ()),
        data_root=data_root,
        weights_dir=weights_dir,
        results=results,
    )
    if update:
        written = checks.update(request)
        typer.echo(f"{written.path}\n{written.folder}")
        return
    found = checks.check(request)
    typer.echo(regression.text(found))
    if markdown is not None:
        files.write_text(markdown, regression.markdown(found))
        typer.echo(markdown)
    if not found.held:
        raise typer.Exit(1)
