"""`bench data segment`: the masks of a dataset's frames that a network finds, each kept as soon as it is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.datasets import decoding
from harness.errors import UserError
from harness.progress import track

if TYPE_CHECKING:
    from harness.datasets.base import Dataset


@dataclass(frozen=True)
class Segmented:
    """How many masks were made, were kept from before, and are empty; and where they lie."""

    made: int
    kept: int
    empty: int
    folder: Path


def segment(dataset: Dataset) -> Segmented:
    """Find every frame's mask. UserError for a dataset or masks that no network is needed for, or missing files."""
    from harness.datasets.on_disk import OnDisk

    maker = dataset.mask_maker() if isinstance(dataset, OnDisk) else None
    if not isinstance(maker, decoding.Seen):
        raise UserError(
            f"the masks '{dataset.masks}' of {dataset.name} are read or drawn when frames are decoded; those that a "
            "network finds first are: blazepose, maskrcnn (--masks)"
        )
    available, reason = dataset.available()
    if not available:
        raise UserError(reason)
    made = kept = empty = 0
    for row in track(range(len(dataset.index)), f"masks of {dataset.name}"):
        source = decoding.source_frame(dataset.folder, dataset.index, row)
        known = maker.is_known(source)
        found = maker.found(source)
        made, kept, empty = made + (not known), kept + known, empty + (not found.any())
    return Segmented(made, kept, empty, maker.folder)
