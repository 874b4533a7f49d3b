"""Controls: rows made without a method, which say what a number is worth.

copy: the reference, unchanged: what a method must beat to be of use.
mean: the pixelwise mean of training targets. Of the training frames of the reference's clip where the clip has any (it
knows the place, as a method that learned it may), else of all training targets. It is the stronger floor of the two
that can be made without the test pair: a sharp background and the average pose.
target: the answer itself, a ceiling that shows what a metric gives at best. Privileged, so never ranked.

Controls but `target` see what a method sees: references and training data. They work on stored uint8 frames, so what
`copy` and `target` write is bit-equal to the frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import unknown
from methods.card import MethodCard

if TYPE_CHECKING:
    from harness.pairs import PairData


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
        _card("target", "Target", "The target itself: the best any metric can give.", privileged=True),
    )
}

USES_TRAINING_FRAMES = frozenset({"mean"})
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
        by_group: dict[str, list[int]] = {}
        for index in targets:
            by_group.setdefault(frames.groups[index], []).append(index)
        self._of_all = _mean_image(frames.images, targets)
        self._of_group = {group: _mean_image(frames.images, indices) for group, indices in by_group.items()}
        self._groups = [frames.groups[frames.index(pair.reference)] for pair in test.pairs.pairs]

    def image(self, index: int) -> np.ndarray:
        return self._of_group.get(self._groups[index], self._of_all)


class Target(Control):
    """The target. Privileged."""

    def __init__(self, test: PairData):
        self._test = test

    def image(self, index: int) -> np.ndarray:
        return self._test.target_uint8(index)


def _mean_image(images: np.ndarray, indices: list[int]) -> np.ndarray:
    """(H, W, 3) uint8 mean of the images at `indices`, one image in memory at a time."""
    total = np.zeros(images.shape[1:], dtype=np.int64)
    for index in indices:
        total += images[index]
    return np.rint(total / len(indices)).astype(np.uint8)


def build(name: str, test: PairData, train: PairData) -> Control:
    """The control called `name` for the test pairs. UserError with did-you-mean for an unknown name."""
    if name == "copy":
        return Copy(test)
    if name == "mean":
        return Mean(test, train)
    if name == "target":
        return Target(test)
    raise unknown("control", name, CONTROL_CARDS)
