"""`bench import`: images made elsewhere, inside a comparison. Named by a word of Python's own, it exposes an `app`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness.commands.ending import show_reports
from harness.commands.options import RESULTS, DataRoot, Masks, Protocol, Results, WeightsDir
from harness.importing.conventions import CONVENTIONS

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_CONVENTIONS = "; ".join(f"{name} ({convention.title})" for name, convention in CONVENTIONS.items())


@app.command("import")
def import_images(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="Folder of the images, as they were written.")],
    convention: Annotated[str, typer.Option(metavar="C", help=f"How the files are named: {_CONVENTIONS}.")],
    dataset: Annotated[str, typer.Option(help="Dataset; `bench list datasets` names them.")],
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Name of the row.", show_default="convention and folder"),
    ] = None,
    split: Annotated[Optional[str], typer.Option(help="Split.", show_default="the dataset's own")] = None,  # noqa: UP045
    preset: Annotated[
        str, typer.Option(metavar="P", help="Image size: a preset's name, or height and width as 128x64.")
    ] = "paper",
    pairs: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="FILE", help="Test pairs, if not the dataset's own: a run's are in results/pairs/*/pairs.csv."
        ),
    ] = None,
    protocol: Protocol = "offline-v1",
    allow_missing: Annotated[
        bool,
        typer.Option("--allow-missing", help="Leave pairs without a usable image out; they are counted."),
    ] = False,
    data_root: DataRoot = None,
    masks: Masks = None,
    weights_dir: WeightsDir = None,
    results: Results = RESULTS,
) -> None:
    """Bring images that others made into a comparison: a row beside the trained ones, over the same pairs.

    A file's name is made from each pair's two frames and looked up. For market and deepfashion a frame is called by its
    file, 0002_c1s1_000451_03.jpg; for the other datasets by its id with / turned into _, without an ending. Other names
    are told by a pattern of {reference}, {target}, {reference_file}, {target_file}, {pair}, without the file's ending.

    Strips are cut, sizes checked, images stored as PNG. What is missing, extra, of another size, unreadable or lossy is
    listed; a set that is not whole is refused unless --allow-missing. The row's origin is "unverified images": it is
    shown apart and never ranked. The same images again are nothing to do.

    Examples:

      bench import results/market_PATN/test_latest/images --convention patn --dataset market --name patn-released

      bench import CFLD/256x176 --convention flat --dataset deepfashion --preset 256x176

      bench import made --convention '{reference}-to-{target}' --dataset market --preset quick --allow-missing
    """
    from harness.completeness import cautions
    from harness.importing.importer import import_images as bring
    from harness.importing.importer import sized
    from harness.plan import RunRequest

    chosen, overrides = sized(preset)
    request = RunRequest(
        methods=(),
        dataset=dataset,
        split=split,
        preset=chosen,
        protocol=protocol,
        pairs=pairs,
        overrides=overrides,
        data_root=data_root,
        masks=masks,
        weights_dir=weights_dir,
        results=results,
    )
    outcome = bring(images.expanduser(), convention, request, name, allow_missing)
    scored = len(outcome.plan.test) - outcome.imported.lacking
    for caution in cautions(outcome.imported, scored, "pair"):
        typer.echo(f"note: {caution}", err=True)
    done = f"{scored} images imported" if outcome.fresh else f"nothing to do, these {scored} images are there"
    typer.echo(f"{outcome.spec.method}: {done}: {outcome.folder}", err=True)
    show_reports(outcome.plan.results.root, [outcome.spec])
