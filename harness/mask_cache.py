"""Masks that a network found, kept on disk by what they were made of, so that no picture is looked at twice.

Each mask is a file of its own, written whole or not at all: work that was stopped goes on where it stopped, and two
processes that happen to make the same mask write the same bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness import paths
from harness.keys import digest
from harness.segmenter import Segmenter, Subject
from mrnet import files
from mrnet.skeletons import Skeleton

_PROVENANCE_DIGITS, _FAN_OUT_DIGITS = 8, 2  # of SHA-256, in names of folders


class MaskCache:
    """The masks of one segmenter, under `<segmenter>-<provenance>/<2 hex digits>/<SHA-256>.png`, 1 bit a pixel.

    folder: the place of all segmenters' masks, by default `cache/masks` under the home folder.
    """

    def __init__(self, segmenter: Segmenter, folder: Path | None = None):
        self._segmenter = segmenter
        made_of = digest(segmenter.provenance)[:_PROVENANCE_DIGITS]
        self.folder = (folder or paths.home() / "cache" / "masks") / f"{segmenter.card.name}-{made_of}"

    def path(self, image_bytes: bytes, joints: np.ndarray, box: np.ndarray, skeleton: Skeleton) -> Path:
        """Where the mask of these inputs is kept, whether it is there or not.

        image_bytes: the image file's. joints: (J, 2) and box: (4,) xyxy, in pixels of the image, NaN = missing.
        """
        key = digest(
            {
                **self._segmenter.provenance,
                "image": hashlib.sha256(image_bytes).hexdigest(),
                "joints": _plain(joints),
                "box": _plain(box),
                "skeleton": skeleton.name,
            }
        )
        return self.folder / key[:_FAN_OUT_DIGITS] / f"{key}.png"

    def mask(
        self,
        image_bytes: bytes,
        decode: Callable[[], np.ndarray],
        joints: np.ndarray,
        box: np.ndarray,
        skeleton: Skeleton,
    ) -> np.ndarray:
        """(H, W) uint8 in {0, 1}, of the image's size: from the cache, or made and kept; a damaged file is made anew.

        decode: gives the image in `image_bytes`, (H, W, 3) uint8; called only where the mask has to be made. Others as
        for `path`. OSError where the mask cannot be written.
        """
        path = self.path(image_bytes, joints, box, skeleton)
        kept = _read(path)
        if kept is not None:
            return kept
        image = decode()
        found = self._segmenter.mask(Subject(image, joints, box, skeleton, image.shape[:2]))
        files.write_bytes(path, _encoded(found))
        return found


def _plain(values: np.ndarray) -> list:
    """Numbers as they enter a key: floats by row, null for a missing one."""
    return np.where(np.isnan(values), None, np.asarray(values, dtype=np.float64).astype(object)).tolist()


def _encoded(mask: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(mask.astype(bool)).save(buffer, format="PNG")
    return buffer.getvalue()


def _read(path: Path) -> np.ndarray | None:
    """A kept mask; None where there is none, or a damaged one."""
    from PIL import Image

    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            image.verify()  # the checksums of all chunks, which reading the pixels does not look at
        with Image.open(io.BytesIO(content)) as image:
            return np.array(image).astype(np.uint8) if image.mode == "1" else None
    except (OSError, SyntaxError, ValueError):
        return None
