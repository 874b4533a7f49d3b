"""Options that several subcommands share, each spelled once.

Typer evaluates these on Python 3.10 too, where `X | None` inside Annotated needs its Optional form.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness.errors import UserError
from methods.wrapping import split_list

DataRoot = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--data-root",
        metavar="DIR",
        help="Folder of the datasets' sources.",
        show_default="data under BENCH_HOME",
        callback=lambda path: path and path.expanduser(),
    ),
]
Masks = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--masks", metavar="NAME",
        help="Where person masks come from: joints, keypoint, box, blazepose, maskrcnn; prepared ones as they come.",
        show_default="the dataset's own, else joints",
    ),
]  # fmt: skip
WeightsDir = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--weights-dir", metavar="DIR", help="Folder of weights, looked at first.",
                 show_default="BENCH_WEIGHTS"),
]  # fmt: skip
Plugins = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option("--plugin", metavar="FILE", help="A Python file that defines a Method."),
]
Overrides = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--set", metavar="KEY=VALUE", help="Change the preset: methods.mrnet.schedule.steps=10"),
]
Protocol = Annotated[str, typer.Option("--protocol", help="Protocol: a name, or a YAML file.")]
Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="The results folder.")]
RESULTS = Path("results")


def seeds_of(text: str) -> tuple[int, ...]:
    """The seeds in `0,1,2`. UserError for anything else."""
    try:
        seeds = tuple(int(item) for item in split_list(text))
    except ValueError as error:
        raise UserError(f"--seeds {text!r}: expected whole numbers, for example --seeds 0,1,2") from error
    if not seeds or min(seeds) < 0:
        raise UserError(f"--seeds {text!r}: expected one or more numbers from 0 on, for example --seeds 0,1,2")
    return seeds
