"""`bench data`: datasets, their files on disk, their pair lists, and drawn people in their layouts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from harness.commands.options import DataRoot, Masks, WeightsDir
from harness.errors import UserError, check_output, lines
from harness.rendered.layouts import LIKE

if TYPE_CHECKING:
    from harness.datasets.base import Dataset

app = typer.Typer(no_args_is_help=True, help="Datasets: where to get them, check, look at, pair lists, masks.")

# typer evaluates these on Python 3.10 too, where `X | None` inside Annotated needs its Optional form
DatasetName = Annotated[str, typer.Argument(help="The dataset's name.")]
Size = Annotated[int, typer.Option(min=16, help="Height of the frames, pixels; the dataset keeps its shape.")]
Split = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="The split.", show_default="the dataset's own"),
]


@app.command("list")
def list_datasets(data_root: DataRoot = None) -> None:
    """The datasets, their licences, splits and masks, and whether their sources are here."""
    from harness import datasets

    for name in datasets.names():
        dataset = datasets.get(name, data_root)
        available, reason = dataset.available()
        typer.echo(f"{name}  {dataset.title}")
        typer.echo(f"  licence: {dataset.licence}")
        typer.echo(f"  splits: {', '.join(dataset.splits)}; masks: {', '.join(dataset.mask_sources())}")
        typer.echo(f"  {dataset.place if available else _first_line(dataset, reason)}")


def _first_line(dataset: Dataset, reason: str) -> str:
    first, _, more = reason.partition("\n")
    return f"{first}. Where to get it: {dataset.fetch_command}" if more else first


@app.command()
def fetch(name: DatasetName, data_root: DataRoot = None) -> None:
    """Download a dataset's sources and check their SHA-256, or say where you get them and where to put them.

    Examples:

      bench data fetch footage

      bench data fetch penn --data-root ~/data
    """
    from harness import datasets

    dataset = datasets.get(name, data_root)
    written = dataset.fetch()
    typer.echo(f"{name}: {len(written)} files fetched to {dataset.folder}" if written else f"{name}: nothing to do")


@app.command()
def check(name: DatasetName, data_root: DataRoot = None, masks: Masks = None, weights_dir: WeightsDir = None) -> None:
    """Read a dataset whole: counts, missing and damaged files, joints, masks. One line a finding; 2 if it is unusable.

    Example: bench data check market --data-root ~/data
    """
    from harness import datasets

    dataset = datasets.get(name, data_root, masks, weights_dir)
    found = dataset.check()
    for fact in found.facts:
        typer.echo(f"{name}: {fact}")
    for warning in found.warnings:
        typer.echo(f"look: {warning}")
    if found.problems:
        raise UserError(f"{name} is unusable: {len(found.problems)} problems\n{lines(found.problems)}")
    typer.echo(f"{name}: usable, {len(found.warnings)} to look at; {dataset.place}")


@app.command()
def show(
    name: DatasetName,
    data_root: DataRoot = None,
    size: Size = 128,
    columns: Annotated[int, typer.Option(min=1, max=20, help="Frames of each clip, video or person.")] = 6,
    rows: Annotated[int, typer.Option(min=1, max=100, help="Clips, videos or persons at most, spread evenly.")] = 12,
    masks: Masks = None,
    weights_dir: WeightsDir = None,
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
    dataset = datasets.get(name, data_root, masks, weights_dir)
    write_png(path, contact_sheet.draw(dataset.frames(dataset.fitted((size, size))), columns, rows))
    typer.echo(f"{contact_sheet.LEGEND} ({dataset.citation}); masks: {dataset.masks}", err=True)
    typer.echo(path)


@app.command()
def pairs(
    name: DatasetName,
    split: Split = None,
    partition: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Only this partition.", show_default="train, val and test"),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the CSV files.")] = Path("results/pair-lists"),
    size: Size = 128,
    data_root: DataRoot = None,
) -> None:
    """Write a split's pair lists with their hashes, and count what its partitions share. Needs annotations, no image.

    Examples:

      bench data pairs footage --split camera

      bench data pairs market --data-root DIR --partition train
    """
    from harness import datasets
    from harness.datasets.frames import Partitions
    from harness.pairs import overlap

    dataset = datasets.get(name, data_root)
    split = split or dataset.default_split
    for wanted in Partitions.NAMES if partition is None else (partition,):
        pair_list = dataset.pair_list(split, wanted, dataset.fitted((size, size)))
        path = out / f"{dataset.name}-{split}-{wanted}.csv"
        pair_list.write(path)
        typer.echo(
            f"{wanted}: {len(pair_list)} pairs of {len(pair_list.frame_ids)} frames, {len(pair_list.targets)} distinct "
            f"targets, sha256 {pair_list.hash}  {path}"
        )
    for note in dataset.notes():
        typer.echo(f"look: {note}", err=True)
    try:
        shared = overlap(dataset.partitions(split), dataset.person)
    except UserError as error:
        # a list stands by itself; what it shares with the others needs their annotations too
        typer.echo(f"what the partitions share is not known: {str(error).partition(chr(10))[0]}", err=True)
        return
    for line in shared:
        typer.echo(line)


@app.command()
def segment(name: DatasetName, data_root: DataRoot = None, masks: Masks = None, weights_dir: WeightsDir = None) -> None:
    """Find the person masks of a dataset's frames with a network, once; stopped, it goes on where it was.

    Example: bench data segment penn --masks blazepose --data-root ~/data
    """
    from harness import datasets, segment_dataset

    dataset = datasets.get(name, data_root, masks, weights_dir)
    done = segment_dataset.segment(dataset)
    typer.echo(f"{name}: {done.made} masks made, {done.kept} were there, {done.empty} empty, in {done.folder}")


@app.command()
def synth(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write.")],
    like: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="|".join(LIKE), help="Draw people in this dataset's layout.", show_default="plain files"),
    ] = None,
    size: Annotated[int, typer.Option(min=16, help="Side of the plain files' frames, pixels.")] = 64,
    scale: Annotated[float, typer.Option(help="Factor on the numbers of videos and people of a layout.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Other people, places and movements of a layout.")] = 0,
) -> None:
    """Draw people to try things on; nothing is fetched.

    With --like, in the genuine layout of a dataset: everything that reads the real one reads it. Without, the synthetic
    set's test frames as plain files for `bench score` and `bench synthesize`: frames/, masks/, and poses/ of its pairs.

    Examples:

      bench data synth --like market --out drawn && bench data check market --data-root drawn

      bench data synth --out toy
    """
    from harness import datasets, toy
    from harness.rendered import layouts

    if like is not None:
        for kind, count in layouts.write(like, out, seed=seed, scale=scale).items():
            typer.echo(f"{out}: {count} {kind}")
        return
    dataset = datasets.get("synthetic")
    pairs = dataset.pair_list(dataset.default_split, "test", (size, size))
    for kind, count in toy.write_files(out, dataset.frames((size, size)), pairs).items():
        typer.echo(f"{out / kind}: {count} files")
