"""`results/pairs/<dataset>-…/`: test pairs with their frames and poses: a report needs the store alone."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from harness import locks
from harness.images import write_png
from harness.progress import track
from harness.store import read_json
from mrnet import files

if TYPE_CHECKING:
    import numpy as np

    from harness.datasets.base import FrameStore
    from harness.pairs import PairList

PAIRS = "pairs.csv"
POSES = "poses.json"


def write_pairs_folder(folder: Path, frames: FrameStore, pairs: PairList) -> None:
    """Write pairs.csv, poses.json and frames/*.png unless they are there; the folder appears whole or not at all.

    poses.json: size (height, width), the dataset's fingerprint, the skeleton, and of every frame joints ([null, null] =
    missing) and box in pixels.
    """
    if _is_of(folder, frames):
        return
    with locks.building(folder):
        if _is_of(folder, frames):
            return
        if folder.exists():
            shutil.rmtree(folder)
        with files.new_folder(folder) as temporary:
            _fill(temporary, frames, pairs)


def _is_of(folder: Path, frames: FrameStore) -> bool:
    return read_json(folder / POSES).get("fingerprint") == frames.fingerprint


def _fill(folder: Path, frames: FrameStore, pairs: PairList) -> None:
    poses = {}
    for frame_id in track(pairs.frame_ids, "keeping the test frames"):
        index = frames.index(frame_id)
        write_png(folder / "frames" / f"{frame_id.replace('/', '_')}.png", frames.images[index])
        poses[frame_id] = {"joints": plain_joints(frames.joints[index]), "box": frames.boxes[index].tolist()}
    skeleton = frames.info.skeleton
    content = {
        "size": list(frames.info.size_px),
        "fingerprint": frames.fingerprint,
        "skeleton": {"joints": list(skeleton.joints), "edges": [list(edge) for edge in skeleton.edges]},
        "frames": poses,
    }
    pairs.write(folder / PAIRS)
    (folder / POSES).write_text(json.dumps(content), encoding="utf-8")


def plain_joints(joints: np.ndarray) -> list[list[float | None]]:
    """(x, y) a joint, (null, null) where it is missing."""
    return [[None, None] if math.isnan(x) or math.isnan(y) else [x, y] for x, y in joints.tolist()]
