"""BBC-Pose's layout: `bbcpose/<video>/<frame>.jpg`, `bbcpose/code/bbcpose.mat`; signers beside a television programme.

The .mat holds 92 videos, the first 20 with frames on disk: 10 to train, 5 to validate, 5 to test. Tracked joints are a
little wrong, as a tracker's are. Validation and test videos have manual joints too, partly for the same frames.
Coordinates are 1-based MATLAB pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.progress import track
from harness.rendered.draw import Rendering, Style, View, render
from harness.rendered.motion import signing
from harness.rendered.people import STUDIO, draw_person
from harness.rendered.places import Programme, draw_place
from harness.rendered.writing import Counts, stream, write_jpeg, write_mat
from mrnet.skeletons import BBC7

TOP = "bbcpose"


@dataclass(frozen=True)
class BbcSize:
    """Frames of each video with tracked and (validation and test) with manual joints; videos are always 20."""

    tracked_frames: int = field(default=40, metadata={"least": 8})
    manual_frames: int = field(default=12, metadata={"least": 3})


SIZE = BbcSize()

ENTRIES, VIDEOS = 92, 20
PARTS = ("train",) * 10 + ("val",) * 5 + ("test",) * 5
FIELDS = ("videoName", "type", "source", "train_frames", "train_joints", "test_frames", "test_joints")
# "face" is the middle of the head, which BBC-Pose calls head
JOINTS = tuple("face" if name == "head" else name for name in BBC7.joints)

_SIZE_PX = (202, 360)
_PROGRAMME_SHARE = 0.64  # of the width, from the left
_SIGNER_X, _SIGNER_HEIGHT_PX, _CROWN_PX = (0.74, 0.79), (300.0, 330.0), (14.0, 24.0)
_SIGNER_YAW = -12.0  # towards the programme
_STYLE = Style(supersampling=2, noise=2.0, fingers=True, shadow=False)
_SHARED_SHARE = 0.4  # of the manual frames that are tracked too
_TRACKER_NOISE_PX, _MANUAL_NOISE_PX = 1.6, 0.4
_SLIPS, _SLIP_PX = 0.04, 14.0  # the tracker loses a wrist now and then
_MOST_FRAMES_BETWEEN = 9
_EXTENDED_FRAMES = 3


def write(top: Path, seed: int, size: BbcSize = SIZE) -> Counts:
    """Fill the folder `top`."""
    counts = Counts()
    entries = np.empty((1, ENTRIES), dtype=[(name, object) for name in FIELDS])
    for number in track(range(1, VIDEOS + 1), f"rendering {TOP}"):
        entries[0, number - 1], frames = _write_video(top, number, seed, size)
        counts.update(videos=1, frames=frames)
    for index in range(VIDEOS, ENTRIES):
        entries[0, index] = _extended_entry(index + 1, seed)
    write_mat(top / "code" / "bbcpose.mat", {"bbcpose": entries})
    counts.update({"entries of bbcpose.mat": ENTRIES})
    return counts


def _write_video(top: Path, number: int, seed: int, size: BbcSize) -> tuple[tuple, int]:
    """Write a video's frames; its entry of the .mat, and how many frames it has."""
    random = stream(seed, "signer", number)
    part = PARTS[number - 1]
    manual_count = 0 if part == "train" else size.manual_frames
    shared_count = round(_SHARED_SHARE * manual_count)
    total = size.tracked_frames + manual_count - shared_count
    numbers = random.integers(1, 40) + np.cumsum(random.integers(1, _MOST_FRAMES_BETWEEN + 1, total))

    renderings = _film(random, total)
    for frame, rendering in zip(numbers, renderings, strict=True):
        write_jpeg(top / str(number) / f"{frame}.jpg", rendering.image, quality=88)
    joints = np.stack(
        [[(r.joints[name].x + 1, r.joints[name].y + 1) for name in JOINTS] for r in renderings], axis=-1
    ).swapaxes(0, 1)  # (2, 7, frames)

    order = random.permutation(total)
    tracked = np.sort(order[: size.tracked_frames])
    manual = np.sort(order[total - manual_count :]) if manual_count else np.zeros(0, int)
    manual_joints = joints[..., manual] + random.normal(0, _MANUAL_NOISE_PX, (2, len(JOINTS), manual_count))
    nothing = np.zeros((0, 0))  # how MATLAB stores fields that were never set
    entry = (
        f"rendered_signer_{number:02d}",
        part,
        "buehler11",
        numbers[tracked][None].astype(np.float64),
        _tracked(joints[..., tracked], random),
        numbers[manual][None].astype(np.float64) if manual_count else nothing,
        manual_joints if manual_count else nothing,
    )
    return entry, total


def _film(random: np.random.Generator, frames: int) -> list[Rendering]:
    """A signer before a backdrop, with a programme that runs beside."""
    height, width = _SIZE_PX
    signer = draw_person(random, STUDIO)
    backdrop = draw_place(random, "studio", _SIZE_PX)
    programme = Programme(random, (height, round(_PROGRAMME_SHARE * width)), frames)
    body_px, crown = random.uniform(*_SIGNER_HEIGHT_PX), random.uniform(*_CROWN_PX)
    x, yaw = width * random.uniform(*_SIGNER_X), random.normal(_SIGNER_YAW, 5)
    renderings = []
    for number, pose in enumerate(signing(random, frames)):
        picture = backdrop.copy()
        shown = programme.frame(number)
        picture[:, : shown.shape[1]] = shown
        view = View(yaw, 0.0, body_px, (x, crown + body_px))
        renderings.append(render(signer, pose, view, picture, random, _STYLE))
    return renderings


def _tracked(joints: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(2, 7, N) as a tracker finds them."""
    found = joints + random.normal(0, _TRACKER_NOISE_PX, joints.shape)
    slips = random.random((2, joints.shape[-1])) < _SLIPS
    wrists = [JOINTS.index(f"{side}_wrist") for side in ("right", "left")]
    found[:, wrists] += slips * random.normal(0, _SLIP_PX, (2, 2, joints.shape[-1]))
    return found


def _extended_entry(number: int, seed: int) -> tuple:
    """A video of the extended set: joints without frames on disk."""
    random = stream(seed, "extended", number)
    joints = random.uniform((150, 20), (340, 190), (_EXTENDED_FRAMES, len(JOINTS), 2)).T
    frames = np.sort(random.choice(np.arange(1, 500), _EXTENDED_FRAMES, replace=False))[None].astype(np.float64)
    return (f"extended_{number:02d}", "train", "charles14", frames, joints, np.zeros((0, 0)), np.zeros((0, 0)))
