"""The synthetic set as plain files, to try `bench score` and `bench synthesize` on: frames, masks, poses of pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from harness.datasets.frames import FrameStore
from harness.images import write_png
from harness.pairs import PairList
from harness.pairs_folder import plain_joints
from harness.progress import track
from mrnet import files


def write_files(out: Path, frames: FrameStore, pairs: PairList) -> dict[str, int]:
    """Write frames/<frame>.png, masks/<frame>.png (0 and 255) and poses/<pair>.json; how many of each.

    A pose file is what `bench synthesize --pose` reads: joints by name of reference and target, null = missing.
    """
    for frame_id in track(pairs.frame_ids, f"writing {out}"):
        index, name = frames.index(frame_id), frame_id.replace("/", "_")
        write_png(out / "frames" / f"{name}.png", frames.images[index])
        write_png(out / "masks" / f"{name}.png", np.repeat(frames.masks[index][..., None] * 255, 3, axis=2))
    for pair in pairs.pairs:
        poses = {
            end: dict(zip(frames.info.skeleton.joints, plain_joints(frames.joints[frames.index(frame)]), strict=True))
            for end, frame in (("reference", pair.reference), ("target", pair.target))
        }
        files.write_text(out / "poses" / f"{pair.id}.json", json.dumps(poses, indent=1))
    return {"frames": len(pairs.frame_ids), "masks": len(pairs.frame_ids), "poses": len(pairs)}
