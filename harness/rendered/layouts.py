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

LIKE: tuple[str, ...] = ("penn", "bbc", "market", "prepared", "deepfashion")
"""Names of the layouts."""


def write(like: str, out: Path, *, seed: int = 0, scale: float = 1.0, size: Size | None = None) -> dict[str, int]:
    """Render a small set in the layout `like` below `out`, whole or not at all; how many of each kind of file.

    seed: other people, places and movements. scale: factor on the numbers of people, videos and frames. size: these
    numbers themselves (`SIZE` of the layout's module is the default). The same arguments give the same bytes on one
    machine. UserError for an unknown layout, a seed below 0, a scale that is not positive, an `out` with content.
    """
    if like not in LIKE:
        raise unknown("layout", like, LIKE)
    if seed < 0:
        raise UserError(f"the seed is 0 or more; {seed} was given")
    if not scale > 0:
        raise UserError(f"the scale is a positive number; {scale} was given")
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        what = "is not empty" if out.is_dir() else "is a file"
        raise UserError(f"{out} {what}; name a new or empty folder")

    from harness.rendered import bbc, deepfashion, market, penn, prepared  # scipy and PIL, which `--help` need not load
    from harness.rendered.writing import scaled

    layout = {"penn": penn, "bbc": bbc, "market": market, "prepared": prepared, "deepfashion": deepfashion}[like]
    chosen = layout.SIZE if size is None else size
    with files.new_folder(out / layout.TOP) as folder:
        counts = layout.write(folder, seed, chosen if scale == 1 else scaled(chosen, scale))
    return dict(counts)
