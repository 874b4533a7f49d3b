"""What is scored: a pair's generated image, its target and what is known of both, and sets of such pairs."""

from __future__ import annotations

import typing
from dataclasses import dataclass, fields, replace

import numpy as np

from harness.errors import UserError
from harness.metrics.protocol import ImageConstants

if typing.TYPE_CHECKING:
    from harness.metrics.base import Need
    from methods.card import DatasetInfo
    from mrnet.skeletons import Skeleton

_WHITE = 255
_GREATEST = 255


@dataclass(frozen=True)
class Sample:
    """A pair to score. Images are (H, W, 3) uint8 RGB of one size; None: the set's pairs do not have it.

    mask: (H, W), not 0 = person, of the target. joints: (J, 2) of the target, (x, y) in pixels, NaN = missing.
    box, reference_box: (4,) xyxy in pixels, 0-based, end-exclusive, of the person in target and reference.
    """

    generated: np.ndarray
    target: np.ndarray
    mask: np.ndarray | None = None
    box: np.ndarray | None = None
    reference: np.ndarray | None = None
    reference_box: np.ndarray | None = None
    joints: np.ndarray | None = None

    def needed(self, part: Need) -> np.ndarray:
        """The part called so. UserError where it is None."""
        value = getattr(self, part)
        if value is None:
            raise UserError(f"has no {part}, which other pairs have: a mean over a part of the pairs is never taken")
        return value


class ScoringSet(typing.Protocol):
    """Pairs to score, by index.

    dataset: its name; empty where there is none. skeleton: of the joints; None where there are none.
    offers: what the pairs bring beside generated image and target.
    """

    dataset: str
    skeleton: Skeleton | None
    offers: frozenset[Need]

    def __len__(self) -> int: ...

    def pair_id(self, index: int) -> str:
        """The pair's id, unique in the set."""
        ...

    def group(self, index: int) -> str:
        """The clip or person the pair belongs to."""
        ...

    def sample(self, index: int) -> Sample:
        """The pair, read from disk. May be called from several threads."""
        ...


def offers_of(info: DatasetInfo) -> frozenset[Need]:
    """What the pairs of a dataset bring."""
    return frozenset({"box", "reference", "joints"} | ({"mask"} if info.has_masks else set()))


def prepared(sample: Sample, constants: ImageConstants, dataset: str) -> Sample:
    """The sample as a protocol's metrics see it: stretched, then made square; the same object where nothing changes."""
    if constants.stretch == "minmax":
        sample = replace(sample, **{name: stretched(getattr(sample, name)) for name in _images(sample)})
    if dataset in constants.white_square:
        sample = _squared(sample)
    return sample


def stretched(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 with its least value moved to 0 and its greatest to 255, truncated; a flat image becomes 0.

    As MR-Net's released inference saves its images (metrics.md §1, a).
    """
    low, high = int(image.min()), int(image.max())
    if low == high:
        return np.zeros_like(image)
    return ((image.astype(np.float64) - low) / (high - low) * _GREATEST).astype(np.uint8)


def _images(sample: Sample) -> list[str]:
    names = ("generated", "target", "reference")
    return [name for name in names if getattr(sample, name) is not None]


def _squared(sample: Sample) -> Sample:
    """White columns on both sides until the width is the height; masks get none of the person, positions move along."""
    height, width = sample.target.shape[:2]
    left = (height - width) // 2
    if left <= 0:
        return sample
    columns = (left, height - width - left)
    changes = {name: np.pad(getattr(sample, name), ((0, 0), columns, (0, 0)), constant_values=_WHITE)
               for name in _images(sample)}  # fmt: skip
    for field in fields(Sample):
        value = getattr(sample, field.name)
        if value is None or field.name in changes:
            continue
        if field.name == "mask":
            changes["mask"] = np.pad(value, ((0, 0), columns))
        else:
            # x of a joint, or both x of a box
            moved = value.copy()
            moved[..., ::2] += left
            changes[field.name] = moved
    return replace(sample, **changes)
