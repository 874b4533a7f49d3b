"""`bench synthesize`: one's own picture in a pose of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness.commands.options import RESULTS, Overrides, Plugins, Results
from harness.errors import CellFailed, check_output


def synthesize(
    method: Annotated[str, typer.Option(help="The method; `bench list methods` names them.")],
    image: Annotated[Path, typer.Option(metavar="IMG", help="The reference picture: any size, PNG or JPEG.")],
    pose: Annotated[Path, typer.Option(metavar="FILE", help="JSON with the joints of reference and target.")],
    out: Annotated[Path, typer.Option(metavar="PNG", help="The picture to write.")],
    weights: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="RUN|FILE", help="A training's folder or its name in the results, or a file of weights."),
    ] = None,
    mask: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="The person's mask, not black = person.", show_default="drawn by the joints"),
    ] = None,
    dataset: Annotated[Optional[str], typer.Option(help="For a bare file: whose joints.")] = None,  # noqa: UP045
    preset: Annotated[Optional[str], typer.Option(help="For a bare file: size and parameters.")] = None,  # noqa: UP045
    overrides: Overrides = None,
    plugin: Plugins = None,
    results: Results = RESULTS,
) -> None:
    """Synthesize the person of a picture in another pose, with a trained method.

    The pose file has two joint sets in pixels of the picture, missing joints null or left out:
    {"reference": {"head": [212, 80], "left_wrist": null}, "target": {"head": [230, 84]}}

    Examples:

      bench synthesize --method mrnet --weights mrnet-0123456789ab --image me.jpg --pose pose.json --out out.png

      bench synthesize --method mrnet --weights model.safetensors --dataset footage --preset quick --image me.jpg
      --mask me-mask.png --pose pose.json --out out.png
    """
    from harness.arithmetic import exact_float32
    from harness.images import write_png
    from harness.models import Setting, load_method
    from harness.own_picture import condition_of
    from harness.store import Store
    from harness.synthesis import ContractBroken, image_of

    check_output(out, "--out", ".png")
    setting = Setting(dataset, preset, tuple(overrides or ()))
    loaded = load_method(method, weights, Store(results), setting, tuple(plugin or ()))
    condition, window, source = condition_of(image, pose, mask, loaded.info)
    try:
        with exact_float32():
            picture = image_of(loaded, condition)
    except ContractBroken as error:
        raise CellFailed(str(error)) from error
    write_png(out, picture)
    height, width = loaded.info.size_px
    typer.echo(f"shows {window} of {image} at {height}×{width} px; mask: {source}", err=True)
    typer.echo(out)
