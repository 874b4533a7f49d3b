"""Penn Action's layout: `Penn_Action/frames/0001/000001.jpg`, `labels/0001.mat`, with the traps users report.

Labels are 1-based MATLAB pixels. Whatever can go wrong in the real labels goes wrong in one of the first videos:
filler coordinates, an inverted box, fewer boxes than frames, joints outside the picture, fewer pictures than `nframes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.progress import track
from harness.rendered.clips import Clip, draw_clip, render_clip
from harness.rendered.draw import Rendering
from harness.rendered.writing import Counts, stream, write_jpeg, write_mat
from mrnet.skeletons import PENN13

TOP = "Penn_Action"


@dataclass(frozen=True)
class PennSize:
    """Videos of the official train and test part, and how long they are."""

    train_videos: int = field(default=8, metadata={"least": 4})
    test_videos: int = field(default=4, metadata={"least": 2})
    least_frames: int = field(default=26, metadata={"least": 16})
    most_frames: int = field(default=40, metadata={"least": 20})


SIZE = PennSize()

# number of the video (from 1) that shows each trap
FILLER_VIDEO, INVERTED_VIDEO, SHORT_BOXES_VIDEO, OUTSIDE_VIDEO, LOST_FRAME_VIDEO = 2, 3, 4, 5, 6
FILLER = 0.75
_INVERTED_ROW = 5
_MISSING_BOXES = 3
_TRAIN, _TEST = 1.0, -1.0
_BOX_MARGIN_PX = 3
_LABEL_NOISE_PX, _GUESS_NOISE_PX = 0.5, 3.0  # of annotators, at seen and at hidden joints

_README = """\
Rendered videos in the layout of Penn Action (drawn figures, no person was filmed).

frames/NNNN/FFFFFF.jpg   frames of a video
labels/NNNN.mat          action, pose, x, y, visibility, train, bbox, dimensions, nframes
"""


def write(top: Path, seed: int, size: PennSize = SIZE) -> Counts:
    """Fill the folder `top`."""
    counts = Counts()
    (top / "README").write_text(_README, encoding="utf-8")
    videos = range(1, size.train_videos + size.test_videos + 1)
    for number in track(videos, f"rendering {TOP}"):
        clip = draw_clip(seed, number - 1, (size.least_frames, size.most_frames), zoomed=number == OUTSIDE_VIDEO)
        renderings = list(render_clip(clip, seed, number - 1))
        kept = renderings[:-1] if number == LOST_FRAME_VIDEO else renderings
        for frame, rendering in enumerate(kept, start=1):
            write_jpeg(top / "frames" / f"{number:04d}" / f"{frame:06d}.jpg", rendering.image)
        train = number <= size.train_videos
        write_mat(top / "labels" / f"{number:04d}.mat", _labels(clip, renderings, number, train, seed))
        counts.update(frames=len(kept), labels=1)
    return counts


def _labels(clip: Clip, renderings: list[Rendering], number: int, train: bool, seed: int) -> dict[str, object]:
    """The variables of a .mat file."""
    random = stream(seed, "labels", number)
    joints = [[rendering.joints[name] for name in PENN13.joints] for rendering in renderings]
    hidden = np.array([[joint.hidden for joint in frame] for frame in joints])
    places = np.array([[(joint.x + 1, joint.y + 1) for joint in frame] for frame in joints])
    places += random.normal(0, 1, places.shape) * np.where(hidden, _GUESS_NOISE_PX, _LABEL_NOISE_PX)[..., None]
    if number == FILLER_VIDEO:
        places[hidden] = FILLER
    frames = float(len(renderings))
    return {
        "action": clip.action_name,
        "pose": clip.viewpoint,
        "x": places[..., 0],
        "y": places[..., 1],
        "visibility": ~hidden,  # joints just outside the picture count as visible
        "train": _TRAIN if train else _TEST,
        "bbox": _boxes(renderings, number),
        "dimensions": np.array([[*clip.size_px, frames]], dtype=np.float64),
        "nframes": frames,
    }


def _boxes(renderings: list[Rendering], number: int) -> np.ndarray:
    """(frames, 4) x1 y1 x2 y2, 1-based; a margin may pass the picture's edge."""
    boxes = []
    for rendering in renderings:
        x0, y0, x1, y1 = rendering.box() or (0, 0, 0, 0)
        boxes.append((x0 + 1 - _BOX_MARGIN_PX, y0 + 1 - _BOX_MARGIN_PX, x1 + _BOX_MARGIN_PX, y1 + _BOX_MARGIN_PX))
    array = np.array(boxes, dtype=np.float64)
    if number == INVERTED_VIDEO:
        array[_INVERTED_ROW] = array[_INVERTED_ROW, [2, 3, 0, 1]]
    return array[:-_MISSING_BOXES] if number == SHORT_BOXES_VIDEO else array
