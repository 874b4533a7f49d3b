"""`bench data`: datasets, their sources, and their pair lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness.commands.options import DataRoot
from harness.errors import UserError, check_output

app = typer.Typer(no_args_is_help=True, help="Datasets: fetch, check, look at, write pair lists.")

# typer evaluates these on Python 3.10 too, where `X | None` inside Annotated needs its Optional form
DatasetName = Annotated[str, typer.Argument(help="The dataset's name.")]


@app.command("list")
def list_datasets(data_root: DataRoot = None) -> None:
    """The datasets, their licences and splits, and whether their sources are here."""
    from harness import datasets

    for name in datasets.names():
        dataset = datasets.get(name, data_root)
        available, reason = dataset.available()
        typer.echo(f"{name}  {dataset.title}")
        typer.echo(f"  licence {dataset.licence}; splits {', '.join(dataset.splits)}")
        typer.echo(f"  {f'here: {dataset.folder}' if available else reason}")


@app.command()
def fetch(name: DatasetName, data_root: DataRoot = None) -> None:
    """Download a dataset's sources, keep what is needed of them, and check their SHA-256.

    Example: bench data fetch footage
    """
    from harness import datasets

    dataset = datasets.get(name, data_root)
    written = dataset.fetch()
    typer.echo(f"{name}: {len(written)} files fetched to {dataset.folder}" if written else f"{name}: nothing to do")


@app.command()
def check(name: DatasetName, data_root: DataRoot = None) -> None:
    """Hash a dataset's sources again."""
    from harness import datasets

    dataset = datasets.get(name, data_root)
    problems = dataset.check()
    if problems:
        raise UserError("\n".join(problems))
    typer.echo(f"{name}: all sources in {dataset.folder} have their SHA-256")


@app.command()
def show(
    name: DatasetName,
    data_root: DataRoot = None,
    size: Annotated[int, typer.Option(min=16, help="Side of the frames, pixels.")] = 128,
    columns: Annotated[int, typer.Option(min=1, max=20, help="Frames of each clip.")] = 6,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="The PNG to write.", show_default="results/NAME-sheet.png"),
    ] = None,
) -> None:
    """Draw a contact sheet with joints, boxes and mask outlines.

    Example: bench data show footage --size 64
    """
    from harness import contact_sheet, datasets
    from harness.images import write_png

    path = out or Path("results") / f"{name}-sheet.png"
    check_output(path, "--out", ".png")
    dataset = datasets.get(name, data_root)
    write_png(path, contact_sheet.draw(dataset.frames((size, size)), columns))
    typer.echo(f"{contact_sheet.LEGEND} ({dataset.citation})", err=True)
    typer.echo(path)


@app.command()
def pairs(
    name: DatasetName,
    split: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="The split.", show_default="the dataset's own"),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the CSV files.")] = Path("results/pair-lists"),
    size: Annotated[int, typer.Option(min=16, help="Side of the frames, pixels.")] = 128,
    data_root: DataRoot = None,
) -> None:
    """Write a split's pair lists with their hashes, and count what its partitions share.

    Example: bench data pairs footage --split camera
    """
    from harness import datasets
    from harness.pairs import overlap

    dataset = datasets.get(name, data_root)
    split = split or dataset.default_split
    partitions = dataset.partitions(split)
    for partition in partitions.NAMES:
        pair_list = dataset.pair_list(split, partition, (size, size))
        path = out / f"{name}-{split}-{partition}.csv"
        pair_list.write(path)
        frames = len(partitions[partition])
        typer.echo(f"{partition}: {frames} frames, {len(pair_list)} pairs, sha256 {pair_list.hash[:12]}  {path}")
    for shared in overlap(partitions, dataset.person):
        typer.echo(shared)


@app.command()
def synth(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write.")],
    size: Annotated[int, typer.Option(min=16, help="Side of the frames, pixels.")] = 64,
) -> None:
    """Write the synthetic set's test frames as plain files: frames/, masks/, and poses/ of its pairs.

    Something to try `bench score` and `bench synthesize` on; nothing is fetched.

    Example: bench data synth --out toy
    """
    from harness import datasets, toy

    dataset = datasets.get("synthetic")
    pairs = dataset.pair_list(dataset.default_split, "test", (size, size))
    for name, count in toy.write_files(out, dataset.frames((size, size)), pairs).items():
        typer.echo(f"{out / name}: {count} files")
