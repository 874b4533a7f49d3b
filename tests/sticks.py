"""A plugin for tests: `sticks`, coloured stick figures rendered on the fly, and small methods that learn, fail or hang.

Loaded by `--plugin`, in the test's process and in the child processes alike.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch

from harness import datasets
from harness.datasets.base import Dataset, FrameStore, Partitions
from harness.pairs import Pair, PairList
from methods.base import Condition, FitContext, Method, Synthesis, TrainingData
from methods.card import DatasetInfo, MethodCard
from mrnet.skeletons import PENN13

FRAMES = 8
CLIPS = ("left", "right")
TRAIN = range(0, 5)
TEST = range(5, FRAMES)


class Sticks(Dataset):
    """Two clips of eight frames: a figure that walks over a gradient, in the clip's colour."""

    name = "sticks"
    title = "Stick figures"
    licence = "MIT"
    citation = "none"
    splits = ("time",)
    default_split = "time"

    def info(self, size_px):
        return DatasetInfo(self.name, tuple(size_px), PENN13, has_masks=True, box_source="joints")

    def available(self):
        return True, ""

    def fetch(self):
        return []

    def check(self):
        return []

    def fingerprint(self, size_px):
        return f"sticks-1-{size_px[0]}x{size_px[1]}"

    def partitions(self, split):
        ids = {name: tuple(f"{clip}/{n}" for clip in CLIPS for n in numbers) for name, numbers in _RANGES.items()}
        return Partitions(**ids)

    def person(self, frame_id):
        return frame_id.split("/")[0]

    def pair_list(self, split, partition, size_px):
        pairs = tuple(
            Pair.of(f"{clip}/{a}", f"{clip}/{b}")
            for clip in CLIPS
            for a in _RANGES[partition]
            for b in _RANGES[partition]
            if a != b
        )
        return PairList(self.name, split, partition, 1, pairs)

    def frames(self, size_px):
        drawn = [_draw(clip, number, size_px) for clip in CLIPS for number in range(FRAMES)]
        images, masks, joints, boxes = (np.stack(column) for column in zip(*drawn, strict=True))
        ids = tuple(f"{clip}/{number}" for clip in CLIPS for number in range(FRAMES))
        groups = tuple(frame_id.split("/")[0] for frame_id in ids)
        return FrameStore(self.info(size_px), self.fingerprint(size_px), ids, groups, images, masks, joints, boxes)


_RANGES = {"train": TRAIN, "val": range(0), "test": TEST}


def _draw(clip: str, number: int, size_px):
    """Image, mask, joints and box of one frame."""
    height, width = size_px
    rows = np.linspace(40, 200, height)[:, None, None]
    image = np.broadcast_to(rows, (height, width, 3)).astype(np.uint8).copy()
    centre = 8 + 2 * number
    mask = np.zeros((height, width), np.uint8)
    mask[6:-4, centre - 3 : centre + 3] = 1
    image[mask == 1] = (230, 40, 40) if clip == "left" else (40, 40, 230)
    joints = np.stack([np.full(len(PENN13), centre), np.linspace(6, height - 5, len(PENN13))], axis=1)
    joints = joints.astype(np.float32)
    joints[3] = np.nan
    return image, mask, joints, np.array([centre - 3, 6, centre + 3, height - 4], np.float32)


def _card(name: str, **options) -> MethodCard:
    return MethodCard(
        name=name, title=name.title(), summary="for tests", paper="", year=2020, licence="MIT", version=1, **options
    )


class Tiny(Method):
    """Learns the mean training target times `gain`; its images also depend on the reference, so that order shows."""

    card = _card("tiny", parameters={"gain": 1.0})

    def fit(self, data: TrainingData, context: FitContext) -> None:
        steps = context.schedule.steps
        self._mean = data.batch(range(len(data))).target.mean(dim=0) * self.parameters["gain"]
        for step in range(steps):
            context.on_step(step + 1, steps, {"total": 1.0 / (step + 1)})

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=(0.5 * self._mean + 0.5 * condition.image).clamp(-1, 1))

    def save(self, folder: Path) -> None:
        (folder / "mean.json").write_text(json.dumps(self._mean.tolist()))

    def load(self, folder: Path) -> None:
        self._mean = torch.tensor(json.loads((folder / "mean.json").read_text()))


class Broken(Tiny):
    """Its training raises."""

    card = _card("broken")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        raise RuntimeError("the wheels came off")


class Killed(Tiny):
    """Its training is killed, as by the system when memory runs out."""

    card = _card("killed")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Hangs(Tiny):
    """Its training lasts until interrupted."""

    card = _card("hangs")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        (context.folder / "started").write_text(str(os.getpid()))
        time.sleep(600)


class NotFinite(Tiny):
    """Trains, then makes images that are not finite."""

    card = _card("notfinite", learns=False)

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=torch.full_like(condition.image, float("nan")))


class Picky(Tiny):
    """Refuses small images."""

    card = _card("picky", min_size_px=4096)


datasets._READERS["sticks"] = f"{__name__}:Sticks"
