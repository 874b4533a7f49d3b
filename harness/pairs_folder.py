"""`results/pairs/<dataset>-…/`: test pairs with their frames and poses: a report needs the store alone."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from harness import challenge_file, locks
from harness.challenge_file import POSES, frame_path
from harness.images import write_png
from harness.pairs import PairList
from harness.progress import track
from harness.store import read_json
from mrnet import files

if TYPE_CHECKING:
    import numpy as np

    from harness.datasets.base import Dataset, FrameStore

PAIRS = "pairs.csv"


def write_pairs_folder(folder: Path, frames: FrameStore, pairs: PairList, dataset: Dataset | None = None) -> None:
    """Write pairs.csv, poses.json, frames/*.png and challenges.csv unless they are there; the folder appears whole.

    poses.json: size (height, width), the dataset's fingerprint, the skeleton, and of every frame joints ([null, null] =
    missing) and box in pixels. dataset: tells a frame's category and person, for challenges.csv; None: nothing does.
    """
    if not _is_of(folder, frames):
        with locks.building(folder):
            if not _is_of(folder, frames):
                if folder.exists():
                    shutil.rmtree(folder)
                with files.new_folder(folder) as temporary:
                    _fill(temporary, frames, pairs)
                    challenge_file.write(temporary, pairs, dataset)
    complete(folder, dataset)


def complete(folder: Path, dataset: Dataset | None) -> None:
    """Give a pairs folder that an older version wrote its challenges.csv; nothing where no folder is."""
    if not (folder / PAIRS).is_file():
        return
    pairs = PairList.read(folder / PAIRS)
    if not challenge_file.is_current(folder, pairs.hash):
        challenge_file.write(folder, pairs, dataset)


def _is_of(folder: Path, frames: FrameStore) -> bool:
    return read_json(folder / POSES).get("fingerprint") == frames.fingerprint


def _fill(folder: Path, frames: FrameStore, pairs: PairList) -> None:
    poses = {}
    for frame_id in track(pairs.frame_ids, "keeping the test frames"):
        index = frames.index(frame_id)
        write_png(frame_path(folder, frame_id), frames.images[index])
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
