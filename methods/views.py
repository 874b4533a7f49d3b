"""Cut views of a pair, which wrappers train their inner method on (paper IV.D.1): `crop` and `union`.

A view cuts a window from the reference and one from the target, and scales both to the task size H×W, stretching where
the shapes differ; masks, joints and boxes follow. The inner method sees an ordinary condition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from methods.base import Batch, Condition, TrainingData
from methods.card import DatasetInfo

_HALF = 0.5  # a mask's pixel is the person's where half of what it shows is


def crop_windows(condition: Condition) -> tuple[Tensor, Tensor]:
    """Each person's own box: (B, 4) int64 windows of the reference and of the target, xyxy, end-exclusive, pixels."""
    return _pixels(condition.box, condition), _pixels(condition.target_box, condition)


def union_windows(condition: Condition) -> tuple[Tensor, Tensor]:
    """One window for both images: the least that holds both boxes. Shapes as `crop_windows`."""
    corners = torch.minimum(condition.box, condition.target_box)[:, :2]
    ends = torch.maximum(condition.box, condition.target_box)[:, 2:]
    window = _pixels(torch.cat([corners, ends], dim=1), condition)
    return window, window


VIEWS: dict[str, Callable[[Condition], tuple[Tensor, Tensor]]] = {"crop": crop_windows, "union": union_windows}
"""Windows of a condition, by the view's name."""


def cut_condition(condition: Condition, view: str) -> Condition:
    """The condition as the inner method sees it, at the same size."""
    reference, target = VIEWS[view](condition)
    size_px = condition.image.shape[-2:]
    return replace(
        condition,
        image=_cut(condition.image, reference),
        mask=_cut_mask(condition.mask, reference),
        joints=_moved(condition.joints, reference, size_px),
        box=_moved_box(condition.box, reference, size_px),
        target_joints=_moved(condition.target_joints, target, size_px),
        target_box=_moved_box(condition.target_box, target, size_px),
    )


def cut_batch(batch: Batch, view: str) -> Batch:
    """The training batch as the inner method sees it."""
    _, target = VIEWS[view](batch.condition)
    return Batch(
        condition=cut_condition(batch.condition, view),
        target=_cut(batch.target, target),
        target_mask=_cut_mask(batch.target_mask, target),
    )


@dataclass(frozen=True)
class CutData:
    """Training pairs seen through a view: a `TrainingData`."""

    whole: TrainingData
    view: str

    @property
    def info(self) -> DatasetInfo:
        return self.whole.info

    def __len__(self) -> int:
        return len(self.whole)

    def batch(self, indices: Sequence[int]) -> Batch:
        return cut_batch(self.whole.batch(indices), self.view)


def cut_data(data: TrainingData, view: str | None) -> TrainingData:
    """The training pairs through a view; as they are for none."""
    return data if view is None else CutData(data, view)


def paste(images: Tensor, patches: Tensor, windows: Tensor) -> Tensor:
    """A copy of `images` (B, 3, H, W) with `patches` (B, 3, H, W) scaled to `windows` (B, 4) and put there; [-1, 1]."""
    result = images.clone()
    for image, patch, (left, top, right, bottom) in zip(result, patches, windows.tolist(), strict=True):
        scaled = _scaled(patch, (bottom - top, right - left))
        image[:, top:bottom, left:right] = scaled.clamp(-1, 1)  # weights of a sum need not add up to 1 in the last bit
    return result


def _pixels(boxes: Tensor, condition: Condition) -> Tensor:
    """Whole pixels that hold the boxes, inside the image and at least one a side."""
    height, width = condition.image.shape[-2:]
    left, top, right, bottom = boxes.unbind(dim=1)
    left, top = left.floor().clamp(0, width - 1), top.floor().clamp(0, height - 1)
    right, bottom = torch.maximum(right.ceil().clamp(max=width), left + 1), bottom.ceil().clamp(max=height)
    return torch.stack([left, top, right, torch.maximum(bottom, top + 1)], dim=1).long()


def _scaled(image: Tensor, size_px: tuple[int, int]) -> Tensor:
    """(C, h, w) to (C, *size_px): bilinear, over all pixels that a smaller one covers."""
    if tuple(image.shape[-2:]) == tuple(size_px):
        return image
    return F.interpolate(image[None], size_px, mode="bilinear", antialias=True)[0]


def _cut(images: Tensor, windows: Tensor) -> Tensor:
    size_px = images.shape[-2:]
    parts = [
        _scaled(image[:, top:bottom, left:right], size_px)
        for image, (left, top, right, bottom) in zip(images, windows.tolist(), strict=True)
    ]
    return torch.stack(parts)


def _cut_mask(masks: Tensor, windows: Tensor) -> Tensor:
    return (_cut(masks, windows) >= _HALF).to(masks.dtype)


def _factors(windows: Tensor, size_px: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Corner and scale of each window, (B, 1, 2) each, (x, y)."""
    corner, extent = windows[:, None, :2].float(), (windows[:, None, 2:] - windows[:, None, :2]).float()
    return corner, torch.tensor([size_px[1], size_px[0]], dtype=torch.float32, device=windows.device) / extent


def _moved(joints: Tensor, windows: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Joints (B, J, 2) in the pixels of the cut image; a pixel's centre is its coordinate, so edges lie half away."""
    corner, scale = _factors(windows, size_px)
    return (joints - corner + 0.5) * scale - 0.5


def _moved_box(boxes: Tensor, windows: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Boxes (B, 4), whose numbers are edges, in the pixels of the cut image."""
    corner, scale = _factors(windows, size_px)
    return ((boxes.view(-1, 2, 2) - corner) * scale).view(-1, 4)
