"""A video's labels in Penn Action: `labels/0001.mat`, read as they are found, disagreements and all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.datasets import matlab
from harness.errors import UserError
from mrnet.skeletons import PENN13

_VARIABLES = ("x", "y", "visibility", "train", "bbox", "dimensions", "nframes")
_ACTION = "action"

# a video may end so many images before its annotation; where more lack, the copy is not whole, which decoding says
_MOST_LOST = 2


@dataclass(frozen=True)
class Video:
    """A video: joints (n, 13, 2) and boxes (n, 4), 0-based pixels, NaN = missing; what was odd, a sentence each.

    action: one of the dataset's 15; None where the file names none. It enters no pair and so no digest.
    """

    joints: np.ndarray
    boxes: np.ndarray
    trains: bool
    digest: str
    notes: tuple[str, ...]
    action: str | None


def read_video(path: Path, last_image: int | None) -> Video:
    """The labels of a video. last_image: the number of its last image, from 1; None where the images are not there.

    UserError that names the file and the variable.
    """
    found = matlab.load(path, _VARIABLES, optional=(_ACTION,))
    x, y, visible = (_table(path, name, found[name], len(PENN13)) for name in ("x", "y", "visibility"))
    height, width = _numbers(path, "dimensions", found["dimensions"], 3)[:2]
    annotated = int(_numbers(path, "nframes", found["nframes"], 1)[0])
    if min(height, width, annotated) < 1:
        raise UserError(
            f"{path}: dimensions {height:g}×{width:g} (rows, columns) and nframes {annotated}; each is at least 1"
        )
    count, notes = _length(path.stem, annotated, x, y, visible, last_image)
    joints = np.stack([x[:count], y[:count]], axis=-1)
    there = (visible[:count] != 0) & (joints >= 1).all(axis=-1) & (joints <= (width, height)).all(axis=-1)
    joints = np.where(there[..., None], joints - 1, np.nan)
    boxes = _boxes(path, found["bbox"], count, (height, width))
    unboxed = int(np.isnan(boxes[:, 0]).sum())
    if unboxed:
        notes.append(f"video {path.stem}: {unboxed} of {count} frames have no usable box; joints give theirs")
    trains = bool(_numbers(path, "train", found["train"], 1)[0] == 1)
    content = [joints.tobytes(), boxes.tobytes(), repr((height, width, trains)).encode()]
    digest = hashlib.sha256(b"".join(content)).hexdigest()
    return Video(joints, boxes, trains, digest, tuple(notes), _action(path, found.get(_ACTION)))


def _action(path: Path, value: np.ndarray | None) -> str | None:
    words = [] if value is None else np.ravel(value).tolist()
    if len(words) > 1 or not all(isinstance(word, str) for word in words):
        raise UserError(f"{path}: action is {words}; one name is needed")
    return words[0].strip() or None if words else None


def _length(
    video: str, annotated: int, x: np.ndarray, y: np.ndarray, visible: np.ndarray, last_image: int | None
) -> tuple[int, list[str]]:
    """How many frames of a video are used: the least of what is said and there; and a note where they disagree."""
    lengths = {"nframes": annotated, "x": len(x), "y": len(y), "visibility": len(visible)}
    if last_image is not None and min(lengths.values()) - last_image <= _MOST_LOST:
        lengths["images"] = last_image
    count = min(lengths.values())
    if len(set(lengths.values())) == 1:
        return count, []
    said = ", ".join(f"{name} {length}" for name, length in lengths.items())
    return count, [f"video {video}: lengths disagree ({said}); the first {count} frames are used"]


def _table(path: Path, name: str, values: np.ndarray, columns: int) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] != columns or values.dtype.kind not in "fiub":
        raise UserError(f"{path}: {name} is {values.dtype} {values.shape}; numbers, frames × {columns}, are needed")
    return values.astype(np.float64)


def _numbers(path: Path, name: str, values: np.ndarray, least: int) -> np.ndarray:
    numbers = np.asarray(values).ravel()
    if len(numbers) < least or numbers.dtype.kind not in "fiub" or not np.isfinite(numbers).all():
        raise UserError(f"{path}: {name} is {np.asarray(values).tolist()}; {least} number(s) are needed")
    return numbers.astype(np.float64)


def _boxes(path: Path, values: np.ndarray, count: int, size_px: tuple[float, float]) -> np.ndarray:
    """(count, 4) float64 xyxy, 0-based, end-exclusive, cut to the picture; NaN for a row that is absent or no box."""
    given = _table(path, "bbox", values, 4)[:count] if np.size(values) else np.empty((0, 4))
    boxes = np.full((count, 4), np.nan)
    # both corners are 1-based pixels inside the box: the first moves by one, the last is its own end
    boxes[: len(given)] = given - (1, 1, 0, 0)
    boxes = np.clip(boxes, 0, np.tile(size_px[::-1], 2))
    boxes[~((boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1))] = np.nan
    return boxes
