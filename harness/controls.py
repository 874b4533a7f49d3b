"""Controls: rows made without a method, which say what a number is worth.

copy: the reference, unchanged: what a method must beat to be of use.
mean: the pixelwise mean of training targets. Of the training frames of the reference's clip where the clip has any (it
knows the place, as a method that learned it may), else of all training targets. It is the stronger floor of the two
that can be made without the test pair: a sharp background and the average pose.
nearest: the training frame of the reference's clip (of all clips where that one has none) whose pose is closest to the
target pose: what a method gets that recalls and does not synthesize.
noise: every byte drawn at random, from the pair's id alone: what a metric gives for nothing.
paste: the reference's person cut out, scaled into the target's box and pasted; where the person stood, the mean image.
The simplest cut and paste: place and size change, the pose does not, and nothing is painted in by a network.
target: the answer itself, a ceiling that shows what a metric gives at best. Privileged, so never ranked.
blur: the target through a Gaussian: a metric that rates it above sharp pictures likes blur. Privileged as well.

Controls that are not privileged see what a method sees: references, boxes and poses of the pair, and training data; no
target pixel. They work on stored uint8 frames, so what `copy`, `nearest` and `target` write is bit-equal to a frame.
Each can be made on every dataset: where one has no masks, `paste` takes the person's box for the person.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import unknown
from methods.card import MethodCard

if TYPE_CHECKING:
    from harness.datasets.frames import FrameStore
    from harness.pairs import PairData

BLUR_SHARE = 1 / 32
"""The standard deviation of `blur`, of the frame's height: 2 px at 64, 4 px at 128."""

ENOUGH_SHARE = 1 / 2
"""Least share of the target's joints that a frame must have to be compared by `nearest`."""

_BLOCK_DISTANCES = 2**17  # distances in memory at once, float32: what a processor's cache holds
_HALF_GREY = 128  # a resized mask's pixel from here on is the person's


def _card(name: str, title: str, summary: str, *, privileged: bool = False) -> MethodCard:
    return MethodCard(
        name=name,
        title=title,
        summary=summary,
        paper="",
        year=0,
        licence="MIT",
        version=1,
        learns=False,
        privileged=privileged,
    )


CONTROL_CARDS: dict[str, MethodCard] = {
    card.name: card
    for card in (
        _card("copy", "Copy of the reference", "The reference image, unchanged."),
        _card("mean", "Mean training image", "Pixelwise mean of the clip's training targets, else of all of them."),
        _card("nearest", "Nearest training pose", "The clip's training frame whose pose is closest to the target's."),
        _card("noise", "Noise", "Random bytes, drawn from the pair's id."),
        _card("paste", "Cut and paste", "The reference's person, scaled into the target's box, over the mean image."),
        _card("target", "Target", "The target itself: the best any metric can give.", privileged=True),
        _card("blur", "Blurred target", "The target through a Gaussian: does a metric like blur?", privileged=True),
    )
}

USES_TRAINING_FRAMES = frozenset({"mean", "nearest", "paste"})
"""Controls whose output depends on the training pairs, which are then part of the key."""


class Control(ABC):
    """Images of test pairs, by index."""

    @abstractmethod
    def image(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 for the test pair at `index`."""


class Copy(Control):
    """The reference."""

    def __init__(self, test: PairData):
        self._frames = test.frames
        self._references = [pair.reference for pair in test.pairs.pairs]

    def image(self, index: int) -> np.ndarray:
        return np.array(self._frames.images[self._frames.index(self._references[index])])


class Mean(Control):
    """The mean of distinct training targets, each counted once however many pairs it is in."""

    def __init__(self, test: PairData, train: PairData):
        frames = test.frames
        targets = sorted({frames.index(pair.target) for pair in train.pairs.pairs})
        self._groups = _groups_of_references(test)
        # a dataset may have thousands of clips: only those tested on get an image
        wanted = set(self._groups)
        self._of_all = _mean_image(frames.images, targets)
        self._of_group = {
            group: _mean_image(frames.images, indices)
            for group, indices in _by_group(frames, targets).items()
            if group in wanted
        }

    def image(self, index: int) -> np.ndarray:
        return self._of_group.get(self._groups[index], self._of_all)


class Nearest(Control):
    """The frame of the training pairs, reference or target of any, that `nearest_poses` chooses. Of the reference's
    clip where the pairs have frames of it, else of all. Reads no image to choose.
    """

    def __init__(self, test: PairData, train: PairData):
        frames = test.frames
        known = sorted(frames.index(frame) for frame in train.pairs.frame_ids)
        by_group = _by_group(frames, known)
        places: dict[str | None, list[int]] = defaultdict(list)
        for place, group in enumerate(_groups_of_references(test)):
            places[group if group in by_group else None].append(place)
        targets = np.array([frames.index(pair.target) for pair in test.pairs.pairs])
        self._images = frames.images
        self._chosen = np.empty(len(targets), dtype=np.int64)
        for group, here in places.items():
            candidates = np.array(known if group is None else by_group[group])
            nearest = nearest_poses(frames.joints[targets[here]], frames.joints[candidates])
            self._chosen[here] = candidates[nearest]

    def image(self, index: int) -> np.ndarray:
        return np.array(self._images[self._chosen[index]])


class Noise(Control):
    """Uniform bytes: PCG64's raw output, seeded with the SHA-256 of the pair's id, so the same on every machine."""

    def __init__(self, test: PairData):
        self._test = test

    def image(self, index: int) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(self._test.pair_id(index).encode()).digest(), "big")
        shape = (*self._test.info.size_px, 3)
        count = int(np.prod(shape))
        # the raw stream is fixed by numpy's promise, distributions made of it may change between versions
        words = np.random.PCG64(seed).random_raw(-(-count // 8)).astype("<u8")
        return words.view(np.uint8)[:count].reshape(shape)


class Paste(Control):
    """Cut and paste, in three steps.

    The person: the reference's mask, or its box where the dataset has no masks. The scene: the reference with the image
    of `Mean` where the person is. The paste: the reference's box, image and mask, resized to the target's box by
    Pillow's bilinear filter; where the resized mask is at least half, the resized image covers the scene. What of the
    person lies outside the reference's box is taken out and not pasted.
    """

    def __init__(self, test: PairData, train: PairData):
        self._test = test
        self._mean = Mean(test, train)

    def image(self, index: int) -> np.ndarray:
        frames, pair = self._test.frames, self._test.pairs.pairs[index]
        reference = frames.index(pair.reference)
        from_x0, from_y0, from_x1, from_y1 = frames.boxes[reference].astype(int)
        to_x0, to_y0, to_x1, to_y1 = self._test.target_box(index).astype(int)
        picture, person = np.array(frames.images[reference]), self._person(reference)
        scene = np.where(person[..., None], self._mean.image(index), picture)
        size = (to_x1 - to_x0, to_y1 - to_y0)
        cut = _resized(picture[from_y0:from_y1, from_x0:from_x1], size)
        covers = _resized(person[from_y0:from_y1, from_x0:from_x1] * np.uint8(255), size) >= _HALF_GREY
        scene[to_y0:to_y1, to_x0:to_x1][covers] = cut[covers]
        return scene

    def _person(self, frame: int) -> np.ndarray:
        """(H, W) bool."""
        frames = self._test.frames
        if frames.info.has_masks:
            return np.array(frames.masks[frame], dtype=bool)
        x0, y0, x1, y1 = frames.boxes[frame].astype(int)
        person = np.zeros(frames.info.size_px, dtype=bool)
        person[y0:y1, x0:x1] = True
        return person


class Target(Control):
    """The target. Privileged."""

    def __init__(self, test: PairData):
        self._test = test

    def image(self, index: int) -> np.ndarray:
        return self._test.target_uint8(index)


class Blur(Control):
    """The target through a Gaussian of `BLUR_SHARE` of the height, edges repeated outwards. Privileged."""

    def __init__(self, test: PairData):
        self._test = test

    def image(self, index: int) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        image = self._test.target_uint8(index).astype(np.float64)
        sigma_px = BLUR_SHARE * image.shape[0]
        return np.rint(gaussian_filter(image, (sigma_px, sigma_px, 0), mode="nearest")).astype(np.uint8)


def nearest_poses(targets: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """(T,) int64: for each of the poses (T, J, 2) the place of the closest of the candidates (N, J, 2); NaN = missing.

    Closest: least root mean square distance, in pixels, over the joints that both have, among the candidates that have
    at least `ENOUGH_SHARE` of the target's joints; where none has, among those that have most of them. Of equals the
    first. Distances are float32, summed in the order of the joints, so that no machine chooses otherwise.
    """
    rows = max(1, _BLOCK_DISTANCES // len(candidates))
    return np.concatenate(
        [_nearest_in_block(targets[start : start + rows], candidates) for start in range(0, len(targets), rows)]
    )


def _nearest_in_block(targets: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    shape = len(targets), len(candidates)
    squares, shared = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for joint in range(targets.shape[1]):
        square = sum((targets[:, joint, axis, None] - candidates[:, joint, axis]) ** 2 for axis in (0, 1))
        both = ~np.isnan(square)
        np.add(squares, square, out=squares, where=both)
        shared += both
    present = (~np.isnan(targets).any(axis=-1)).sum(axis=1)
    enough = np.minimum(ENOUGH_SHARE * present, shared.max(axis=1))
    distance = np.where(shared >= enough[:, None], squares / np.maximum(shared, 1), np.inf)
    return distance.argmin(axis=1)


def _by_group(frames: FrameStore, indices: list[int]) -> dict[str, list[int]]:
    """The frames at `indices` by their clip, in order."""
    found: dict[str, list[int]] = defaultdict(list)
    for index in indices:
        found[frames.groups[index]].append(index)
    return dict(found)


def _groups_of_references(test: PairData) -> list[str]:
    return [test.frames.groups[test.frames.index(pair.reference)] for pair in test.pairs.pairs]


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A uint8 picture or map at another (width, height)."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def _mean_image(images: np.ndarray, indices: list[int]) -> np.ndarray:
    """(H, W, 3) uint8 mean of the images at `indices`, one image in memory at a time."""
    total = np.zeros(images.shape[1:], dtype=np.int64)
    for index in indices:
        total += images[index]
    return np.rint(total / len(indices)).astype(np.uint8)


_OF_PAIRS: dict[str, Callable[[PairData], Control]] = {"copy": Copy, "noise": Noise, "target": Target, "blur": Blur}
_OF_TRAINING: dict[str, Callable[[PairData, PairData], Control]] = {"mean": Mean, "nearest": Nearest, "paste": Paste}


def build(name: str, test: PairData, train: PairData) -> Control:
    """The control called `name` for the test pairs. UserError with did-you-mean for an unknown name."""
    if name in _OF_PAIRS:
        return _OF_PAIRS[name](test)
    if name in _OF_TRAINING:
        return _OF_TRAINING[name](test, train)
    raise unknown("control", name, CONTROL_CARDS)
