"""`bench score`: two folders of images, no dataset, no training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from harness.commands.options import Protocol, WeightsDir
from harness.errors import check_output

if TYPE_CHECKING:
    from harness.records import FolderRecord


def score(
    generated: Annotated[Path, typer.Option(metavar="DIR", help="Folder of images to score.")],
    target: Annotated[Path, typer.Option(metavar="DIR", help="Folder of their targets, under the same names.")],
    mask: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Folder of the targets' person masks: not black = person."),
    ] = None,
    protocol: Protocol = "offline-v1",
    json: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write the record here.")] = None,  # noqa: UP045
    csv: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write a row a pair here.")] = None,  # noqa: UP045
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave targets without a usable image out; they are counted.")
    ] = False,
    weights_dir: WeightsDir = None,
) -> None:
    """Score a folder of images against a folder of targets, matched by file name.

    Images of any method, made anywhere, are scored by the same protocol as those of `bench run`. Names must be equal
    but for the ending; subfolders count as groups. Masks give M-SSIM, and their boxes box-SSIM and box-LPIPS.
    What is missing, extra, of another size, unreadable or lossy is listed; nothing is left out in silence.

    Examples:

      bench score --generated out/patn --target out/targets --mask out/masks --json patn.json

      bench score --generated a --target b --protocol std-v1 --csv pairs.csv
    """
    from harness.folder_score import remarks, score_folders
    from harness.metrics.protocol import load_protocol
    from harness.weights import WeightStore
    from mrnet import files

    check_output(json, "--json")
    check_output(csv, "--csv")
    record, pairs = score_folders(
        generated, target, mask, load_protocol(protocol), WeightStore(extra_dir=weights_dir), allow_missing
    )
    for remark in remarks(record):
        typer.echo(f"note: {remark}", err=True)
    typer.echo(_table(record))
    if json is not None:
        record.write(json)
        typer.echo(json)
    if csv is not None:
        files.write_text(csv, pairs.to_csv(index=False))
        typer.echo(csv)


def _table(record: FolderRecord) -> str:
    """Metric, value, interval or spread, n; then what was not computed and why."""
    from tabulate import tabulate

    from harness.metrics.base import METRICS
    from harness.stats import MIN_GROUPS

    rows, small = [], False
    for key, value in record.metrics.items():
        info = METRICS[key]
        spread = ""
        if value.low is not None:
            spread = f"[{value.low:.{info.decimals}f}, {value.high:.{info.decimals}f}]"
        elif value.std is not None:
            spread = f"± {value.std:.{info.decimals}f}"
        small |= value.small
        mean = round(value.mean, info.decimals) + 0.0  # no -0.00
        shown = f"{mean:.{info.decimals}f}{'†' if value.small else ''}"
        rows.append((f"{info.label_with_unit} {info.arrow}", shown, spread, value.n))
    height, width = record.size_px
    lines = [
        f"protocol {record.protocol}, {height}×{width} px, {record.n} pairs"
        + (f", {record.missing} missing" if record.missing else ""),
        tabulate(rows, headers=("", "value", "95 % interval or spread", "n"), disable_numparse=True,
                 colalign=("left", "right", "left", "right")),
        *(
            f"{', '.join(METRICS[key].label for key, why in record.skipped.items() if why == reason)}: {reason}"
            for reason in dict.fromkeys(record.skipped.values())
        ),
    ]  # fmt: skip
    groups = {value.groups for value in record.metrics.values() if value.groups is not None and value.low is None}
    if groups:
        lines.append(f"no interval: groups of pairs (subfolders): {min(groups)}; {MIN_GROUPS} are needed")
    if small:
        lines.append("† a distance between sets of fewer than 2,048 images: not to be compared across set sizes")
    return "\n".join(lines)
