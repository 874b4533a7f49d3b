"""The one record type of all readers of files: what a dataset's annotations say of its frames, before any decoding."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Count:
    """So many of something were found; so many are published, or None where nobody says."""

    what: str
    found: int
    published: int | None = None


@dataclass(frozen=True)
class FrameIndex:
    """N annotated frames in columns; J joints.

    ids: frame ids, `<group>/<frame>`. images: each one's file, below the dataset's folder.
    joints: (N, J, 2) float32, (x, y) in pixels of the stored image, 0-based pixel centres, NaN = missing.
    boxes: (N, 4) float32 xyxy in the same pixels, 0-based, end-exclusive, NaN where none is annotated; None where the
    dataset annotates no boxes.
    masks: each one's mask file, below the dataset's folder; None where the dataset has none.
    annotated_px: (height, width) of the picture that joints, boxes and masks refer to; None for the stored image's own.
    stretched: whether a stored image may have another shape than that.
    digest: hash of the annotations that were read.
    notes: what was odd in them, one sentence each.
    """

    ids: tuple[str, ...]
    images: tuple[str, ...]
    joints: np.ndarray
    digest: str
    boxes: np.ndarray | None = None
    masks: tuple[str, ...] | None = None
    annotated_px: tuple[int, int] | None = None
    stretched: bool = False
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.ids)
