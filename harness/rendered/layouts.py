"""The layouts rendered people are written in, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from harness.errors import UserError, unknown
from mrnet import files

if TYPE_CHECKING:
    from harness.rendered.bbc import BbcSize
    from harness.rendered.deepfashion import DeepFashionSize
    from harness.rendered.market import MarketSize
    from harness.rendered.penn import PennSize
    from harness.rendered.prepared import PreparedSize

    Size: TypeAlias = PennSize | BbcSize | MarketSize | PreparedSize | DeepFashionSize

_MOST_SCALE = 1000.0

LIKE: tuple[str, ...] = ("penn", "bbc", "market", "prepared", "deepfashion")
"""Names of the layouts."""


def write(like: str, out: Path, *, seed: int = 0, scale: float = 1.0, size: Size | None = None) -> dict[str, int]:
    """Render a small set in the layout `like` below `out`, whole or not at all; how many of each kind of file.

    seed: other people, places and movements. scale: factor on the numbers of people, videos and frames. size: these
    numbers themselves (`SIZE` of the layout's module is the default). The same arguments give the same bytes on one
    machine. UserError for an unknown layout, a seed below 0, a scale out of range, a layout that is there already.
    """
    if like not in LIKE:
        raise unknown("layout", like, LIKE)
    if seed < 0:
        raise UserError(f"the seed is 0 or more; {seed} was given")
    if not 0 < scale <= _MOST_SCALE:
        raise UserError(f"the scale is above 0 and at most {_MOST_SCALE:g}; {scale} was given")

    from harness.rendered import bbc, deepfashion, market, penn, prepared  # scipy and PIL, which `--help` need not load
    from harness.rendered.writing import scaled

    layout = {"penn": penn, "bbc": bbc, "market": market, "prepared": prepared, "deepfashion": deepfashion}[like]
    chosen = layout.SIZE if size is None else size
    top = Path(out) / layout.TOP
    if Path(out).is_file():
        raise UserError(f"{out} is a file; name a folder")
    if top.exists():
        raise UserError(f"{top} is there already; remove it, or name another folder")
    files.sweep(top.parent, top.name)
    with files.new_folder(top) as folder:
        counts = layout.write(folder, seed, chosen if scale == 1 else scaled(chosen, scale))
    return dict(counts)
