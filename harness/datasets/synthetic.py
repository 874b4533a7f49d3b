"""`synthetic`: jointed figures that walk through drawn rooms, rendered in a second. To try things out, and for tests.

Nothing is fetched. Two people in two places give four clips of ten frames. Figures face the camera, so that the left of
the person is on the picture's right. Numbers on it say that software works, nothing about people or methods.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from harness import boxes
from harness import cache as frame_cache
from harness.datasets.base import Dataset, Findings
from harness.datasets.frames import FrameStore, Partitions
from harness.errors import UserError, unknown
from harness.keys import digest
from harness.pairs import Pair, PairList, group_of
from methods.card import DatasetInfo
from mrnet.skeletons import PENN13, Skeleton

READER_VERSION = 1
PAIRS_VERSION = 1
PEOPLE = ("ada", "ben")
PLACES = ("hall", "yard")
CLIPS = tuple(f"{person}-{place}" for person in PEOPLE for place in PLACES)
FRAMES = 10

# frame numbers by clip and partition: `time` tests on later frames of the same clips, `person` on another person
_TIME = {"train": range(0, 4), "val": range(4, 6), "test": range(6, FRAMES)}
_PERSON = {"train": range(0, 8), "val": range(8, FRAMES), "test": range(FRAMES)}
_SPLITS = {
    "time": {partition: {clip: numbers for clip in CLIPS} for partition, numbers in _TIME.items()},
    "person": {
        partition: {clip: numbers for clip in CLIPS if clip.startswith(PEOPLE[partition == "test"])}
        for partition, numbers in _PERSON.items()
    },
}

_MIN_SIZE_PX = 16
_SUPERSAMPLING = 4
_BODY_SHARE = 0.78  # of the frame's height
_STRIDE = 0.045  # body heights a frame
_PHASE_PER_FRAME = 2 * math.pi / 7
_HIDDEN_EVERY = 4  # frames between two in which the right wrist is not annotated
_FURNITURE = 7


class Synthetic(Dataset):
    """The synthetic dataset. variant: other people, places and gaits; 0 is the one `bench` calls `synthetic`."""

    name = "synthetic"
    title = "40 frames of drawn figures, for trying things out; nothing to fetch"
    licence = "MIT"
    citation = "drawn by mrnet-bench"
    splits = tuple(_SPLITS)
    default_split = "time"
    own_masks = "drawn"

    def __init__(
        self,
        data_root: Path | None = None,
        masks: str | None = None,
        weights_dir: Path | None = None,
        *,
        variant: int = 0,
        skeleton: Skeleton = PENN13,
    ):
        super().__init__(data_root, masks, weights_dir)
        self._variant, self._skeleton = variant, skeleton

    def info(self, size_px: tuple[int, int]) -> DatasetInfo:
        """Any size from 16 px a side."""
        height, width = size_px
        if min(size_px) < _MIN_SIZE_PX:
            raise UserError(f"synthetic is drawn from {_MIN_SIZE_PX} px a side on; {height}×{width} was asked for")
        return DatasetInfo(
            self.name, (height, width), self._skeleton, has_masks=True, box_source="joints", mask_source=self.masks
        )

    def available(self) -> tuple[bool, str]:
        return True, ""

    @property
    def place(self) -> str:
        return "drawn when asked for"

    def fetch(self) -> list[Path]:
        return []

    def check(self) -> Findings:
        return Findings(facts=(f"{len(self.frame_ids())} frames, drawn when they are asked for",))

    def fingerprint(self, size_px: tuple[int, int]) -> str:
        content = {"reader": READER_VERSION, "variant": self._variant, "skeleton": self._skeleton.name}
        return digest({**content, "size_px": list(self.info(size_px).size_px)})

    def frame_ids(self) -> tuple[str, ...]:
        return tuple(_frame_id(clip, number) for clip in CLIPS for number in range(FRAMES))

    def partitions(self, split: str) -> Partitions:
        rules = _rules(split)
        return Partitions(
            **{
                partition: tuple(_frame_id(clip, number) for clip, numbers in clips.items() for number in numbers)
                for partition, clips in rules.items()
            }
        )

    def person(self, frame_id: str) -> str:
        return group_of(frame_id).partition("-")[0]

    def pair_list(self, split: str, partition: str, size_px: tuple[int, int]) -> PairList:
        """All ordered pairs of two frames of a clip."""
        rules = _rules(split)
        if partition not in rules:
            raise unknown("partition", partition, rules)
        pairs = tuple(
            Pair.of(_frame_id(clip, reference), _frame_id(clip, target))
            for clip, numbers in rules[partition].items()
            for reference in numbers
            for target in numbers
            if reference != target
        )
        return PairList(self.name, split, partition, PAIRS_VERSION, pairs)

    def frames(self, size_px: tuple[int, int]) -> FrameStore:
        info, fingerprint = self.info(size_px), self.fingerprint(size_px)
        folder = frame_cache.folder(self.name, fingerprint, info.size_px)
        frame_cache.open_or_build(folder, lambda temporary: self._build(temporary, info.size_px))
        places = [(clip, number) for clip in CLIPS for number in range(FRAMES)]
        joints = np.stack([self._joints(clip, number, info.size_px) for clip, number in places])
        joints.setflags(write=False)
        return FrameStore(
            info=info,
            fingerprint=fingerprint,
            ids=self.frame_ids(),
            groups=tuple(clip for clip, _ in places),
            images=frame_cache.open_array(folder / "images.npy", (len(places), *info.size_px, 3)),
            masks=frame_cache.open_array(folder / "masks.npy", (len(places), *info.size_px)),
            joints=joints,
            boxes=np.stack([boxes.box_of_joints(frame, info.size_px) for frame in joints]),
        )

    def _build(self, folder: Path, size_px: tuple[int, int]) -> None:
        count = len(CLIPS) * FRAMES
        images = frame_cache.create_array(folder / "images.npy", (count, *size_px, 3))
        masks = frame_cache.create_array(folder / "masks.npy", (count, *size_px))
        for index in range(count):
            clip, number = CLIPS[index // FRAMES], index % FRAMES
            images[index], masks[index] = self._draw(clip, number, size_px)
        images.flush()
        masks.flush()

    def _random(self, *names: str) -> np.random.Generator:
        """Random numbers of a person or a place, the same every time."""
        letters = [ord(letter) for name in names for letter in name]
        return np.random.Generator(np.random.PCG64([self._variant, *letters]))

    def _body(self, clip: str, number: int, size_px: tuple[int, int]) -> dict[str, tuple[float, float]]:
        """Every joint by name, (x, y) in pixels, pixel edges at whole numbers."""
        height, width = size_px
        gait = self._random(clip, "gait")
        phase = gait.uniform(0, 2 * math.pi) + number * _PHASE_PER_FRAME
        start, lift = gait.uniform(-0.25, -0.15), gait.uniform(0.3, 2.4)
        body_px = min(_BODY_SHARE * height, 1.5 * width)
        centre = width / 2 + body_px * (start + number * _STRIDE)
        top = (height - body_px) / 2
        return {name: (centre + x * body_px, top + y * body_px) for name, (x, y) in _figure(phase, lift).items()}

    def _joints(self, clip: str, number: int, size_px: tuple[int, int]) -> np.ndarray:
        """(J, 2) float32, pixel centres at whole numbers; NaN = missing."""
        body = self._body(clip, number, size_px)
        joints = np.array([body[name] for name in self._skeleton.joints], dtype=np.float32) - 0.5
        if (number + CLIPS.index(clip)) % _HIDDEN_EVERY == 0:
            joints[self._skeleton.joints.index("right_wrist")] = np.nan
        return joints

    def _draw(self, clip: str, number: int, size_px: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Image (H, W, 3) and mask (H, W) in {0, 1}, uint8."""
        from PIL import Image, ImageDraw

        person, _, place = clip.partition("-")
        large = tuple(side * _SUPERSAMPLING for side in size_px)
        body = self._body(clip, number, large)
        image = _room(self._random(place), large)
        mask = Image.new("L", image.size, 0)
        skin, shirt, trousers = (tuple(colour) for colour in self._random(person).integers(20, 236, (3, 3)).tolist())
        for canvas, colours in ((ImageDraw.Draw(image), (skin, shirt, trousers)), (ImageDraw.Draw(mask), (255,) * 3)):
            _draw_body(canvas, body, *colours)
        small = image.reduce(_SUPERSAMPLING), mask.reduce(_SUPERSAMPLING)
        return np.asarray(small[0]), (np.asarray(small[1]) >= 128).astype(np.uint8)


def _rules(split: str) -> dict[str, dict[str, range]]:
    if split not in _SPLITS:
        raise unknown("split of synthetic", split, _SPLITS)
    return _SPLITS[split]


def _frame_id(clip: str, number: int) -> str:
    return f"{clip}/{number:02d}"


def _figure(phase: float, lift: float) -> dict[str, tuple[float, float]]:
    """A walking figure one unit tall: joints by name, (x, y), y down from the crown. lift: of the arms, radians."""
    figure = {
        "head": (0.0, 0.02), "nose": (0.0, 0.08),
        "left_eye": (0.018, 0.065), "right_eye": (-0.018, 0.065),
        "left_ear": (0.04, 0.075), "right_ear": (-0.04, 0.075),
    }  # fmt: skip
    for side, sign in (("left", 1), ("right", -1)):
        swing = 0.5 * math.sin(phase) * sign
        bend = 0.5 * max(0.0, math.cos(phase) * sign)
        shoulder, hip = (0.095 * sign, 0.19), (0.055 * sign, 0.52)
        arm = sign * (0.25 + lift * (0.5 - 0.5 * math.cos(phase + sign)))
        elbow = _step(shoulder, 0.16, arm)
        knee = _step(hip, 0.24, swing)
        figure |= {
            f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": _step(elbow, 0.15, arm + 0.4 * sign),
            f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": _step(knee, 0.23, swing - bend),
        }  # fmt: skip
    return figure


def _step(start: tuple[float, float], length: float, angle: float) -> tuple[float, float]:
    """The end of a limb that leaves `start` at an angle from straight down, radians."""
    return start[0] + length * math.sin(angle), start[1] + length * math.cos(angle)


def _draw_body(canvas, body: dict[str, tuple[float, float]], skin, shirt, trousers) -> None:
    unit = body["left_ankle"][1] - body["head"][1]

    def limb(names: tuple[str, ...], colour, width: float) -> None:
        points, radius = [body[name] for name in names], width * unit / 2
        canvas.line([value for point in points for value in point], fill=colour, width=round(2 * radius))
        for x, y in points:
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    for side in ("right", "left"):
        limb((f"{side}_hip", f"{side}_knee", f"{side}_ankle"), trousers, 0.085)
    torso = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
    canvas.polygon([body[name] for name in torso], fill=shirt)
    limb((*torso, "left_shoulder"), shirt, 0.05)
    for side in ("right", "left"):
        limb((f"{side}_shoulder", f"{side}_elbow"), shirt, 0.06)
        limb((f"{side}_elbow", f"{side}_wrist"), skin, 0.05)
    x, y, radius = *body["nose"], 0.075 * unit
    canvas.ellipse((x - 0.8 * radius, y - radius, x + 0.8 * radius, y + radius), fill=skin)


def _room(random: np.random.Generator, size_px: tuple[int, int]):
    """A place: a gradient with furniture, as a PIL image."""
    from PIL import Image, ImageDraw

    height, width = size_px
    ends = random.integers(30, 226, (2, 3))
    share = np.linspace(0, 1, height)[:, None, None]
    rows = ends[0] * (1 - share) + ends[1] * share
    image = Image.fromarray(np.broadcast_to(rows, (height, width, 3)).round().astype(np.uint8))
    canvas = ImageDraw.Draw(image)
    for _ in range(_FURNITURE):
        x, y = random.uniform(0, 0.9, 2) * (width, height)
        w, h = random.uniform(0.05, 0.35, 2) * (width, height)
        canvas.rectangle((x, y, x + w, y + h), fill=tuple(random.integers(10, 246, 3).tolist()))
    return image
