"""`bench rescore`: another protocol over the images that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness.commands.ending import end, show_reports
from harness.commands.options import RESULTS, Results
from methods.wrapping import split_list


def rescore(
    protocol: Annotated[str, typer.Option("--protocol", help="Protocol: a name, or a YAML file.")],
    dataset: Annotated[Optional[str], typer.Option(help="Only cells of this dataset.")] = None,  # noqa: UP045
    methods: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="A,B", help="Only cells of these methods, controls or imported rows."),
    ] = None,
    data_root: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="DIR",
            help="Folder of the datasets' sources, where they have moved.",
            show_default="each cell's own",
            callback=lambda path: path and path.expanduser(),
        ),
    ] = None,
    weights_dir: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Folder of weights, looked at first.", show_default="each cell's own"),
    ] = None,
    results: Results = RESULTS,
) -> None:
    """Score the stored images of every cell under a protocol; train and synthesize nothing.

    Each cell with all its images gets a record under the protocol, as if it had been run under it; records under other
    protocols stay. What has a record under exactly this protocol is left as it is, so an interrupted rescoring goes on.
    A cell without all its images is named and left out; one that fails does not stop the others, and the exit code is
    then 1. Data and weights are looked for where the cells were made, unless --data-root and --weights-dir name others.

    Examples:

      bench rescore --protocol std-v1

      bench rescore --protocol mine.yaml --dataset footage --methods mrnet,copy

      bench rescore --protocol mrnet-2020 --data-root /data --results old/results
    """
    from harness.rescore import RescoreRequest
    from harness.rescore import rescore as rescore_cells

    found = rescore_cells(
        RescoreRequest(
            protocol=protocol,
            results=results,
            dataset=dataset,
            methods=tuple(split_list(methods or "")),
            data_root=data_root,
            weights_dir=weights_dir,
        )
    )
    show_reports(results, found.recorded)
    end(list(found.outcomes))
