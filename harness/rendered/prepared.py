"""MR-Net's own prepared layout of Penn Action: `Images/img`, `Images/seg`, `Label/pair_split.json`, `pose_label.pkl`.

Masks and poses are in the 128×128 frame of the network, pictures keep other sizes. Masks hold 255 in most videos, 1 in
some. The pickle holds dicts, strings, lists and floats alone, in protocol 2, as a Python of that time wrote it.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from harness.progress import track
from harness.rendered.clips import draw_clip, render_clip
from harness.rendered.draw import Rendering
from harness.rendered.writing import Counts, stream, write_jpeg
from mrnet.skeletons import PENN13

TOP = "prepared/Penn_Action"  # raw and prepared Penn Action bear one name; in one root they are kept apart


@dataclass(frozen=True)
class PreparedSize:
    """Videos, frames of each, and pairs of each in the two parts."""

    videos: int = field(default=10, metadata={"least": 2})
    frames: int = field(default=14, metadata={"least": 4})
    train_pairs: int = field(default=12, metadata={"least": 2})
    test_pairs: int = field(default=2, metadata={"least": 1})


SIZE = PreparedSize()

NETWORK_PX = 128
MISSING = -1
_SQUARE_PX = 256  # of the pictures of every second video; the others keep the video's size
_ONES_EVERY = 4  # videos between two whose masks hold 1
_PICKLE_PROTOCOL = 2
_FIRST_CLIP = 100  # other people than those of the layout `penn`


def write(top: Path, seed: int, size: PreparedSize = SIZE) -> Counts:
    """Fill the folder `top`."""
    counts, poses, split = Counts(), {}, {"train": [], "test": []}
    for video in track(range(1, size.videos + 1), f"rendering prepared {TOP}"):
        index = _FIRST_CLIP + video
        clip = draw_clip(seed, index, (size.frames, size.frames))
        names = [f"{video:04d}_{frame:06d}" for frame in range(1, size.frames + 1)]
        for name, rendering in zip(names, render_clip(clip, seed, index), strict=True):
            write_jpeg(top / "Images" / "img" / f"{name}.jpg", _picture(rendering, square=video % 2 == 0))
            _write_mask(top / "Images" / "seg" / f"{name}.bmp", rendering, 1 if video % _ONES_EVERY == 0 else 255)
            poses[name] = _pose(rendering)
        pairs = _draw_pairs(names, size.train_pairs + size.test_pairs, stream(seed, "pairs", video))
        split["train"] += pairs[: size.train_pairs]
        split["test"] += pairs[size.train_pairs :]
        counts.update(images=len(names), masks=len(names), poses=len(names))
    (top / "Label").mkdir()
    (top / "Label" / "pair_split.json").write_text(json.dumps(split), encoding="utf-8")
    (top / "Label" / "pose_label.pkl").write_bytes(pickle.dumps(poses, protocol=_PICKLE_PROTOCOL))
    counts.update({"train pairs": len(split["train"]), "test pairs": len(split["test"])})
    return counts


def _picture(rendering: Rendering, square: bool) -> np.ndarray:
    if not square:
        return rendering.image
    return np.asarray(Image.fromarray(rendering.image).resize((_SQUARE_PX, _SQUARE_PX), Image.Resampling.BICUBIC))


def _write_mask(path: Path, rendering: Rendering, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.fromarray(rendering.mask).convert("L")  # 255 inside
    small = np.asarray(mask.resize((NETWORK_PX, NETWORK_PX), Image.Resampling.BOX))
    Image.fromarray(np.where(small >= 128, np.uint8(value), np.uint8(0))).save(path, format="BMP")


def _pose(rendering: Rendering) -> list[list[float]]:
    """13 lists [x, y] in the network's frame."""
    height, width = rendering.mask.shape
    return [
        [
            round((joint.x + 0.5) * NETWORK_PX / width - 0.5, 2),
            round((joint.y + 0.5) * NETWORK_PX / height - 0.5, 2),
        ]
        if joint.seen
        else [MISSING, MISSING]
        for joint in (rendering.joints[name] for name in PENN13.joints)
    ]


def _draw_pairs(names: list[str], count: int, random: np.random.Generator) -> list[list[str]]:
    """Ordered pairs of two frames of a video, without repeats as long as there are enough."""
    pairs = [[source, target] for source in names for target in names if source != target]
    return [pairs[index] for index in random.choice(len(pairs), count, replace=count > len(pairs))]
