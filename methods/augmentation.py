"""Changes to training batches that some methods were released with."""

from __future__ import annotations

import torch
from torch import Tensor

from methods import encoding
from methods.base import Batch, Condition


def randomly_flipped(batch: Batch, swap_sides: bool) -> Batch:
    """The batch with each pair mirrored left to right by the toss of a coin (torch's generator), reference and target
    together.

    swap_sides: a mirrored left hand becomes a right hand; without, every joint keeps its channel.
    """
    condition = batch.condition
    width_px = condition.image.shape[-1]
    flips = (torch.rand(len(condition)) < 0.5).to(condition.image.device)

    def image(pixels: Tensor) -> Tensor:
        return torch.where(flips[:, None, None, None], pixels.flip(-1), pixels)

    def joints(points: Tensor) -> Tensor:
        mirrored = torch.stack([width_px - 1 - points[..., 0], points[..., 1]], dim=-1)
        if swap_sides:
            mirrored = encoding.flip(points, condition.skeleton, width_px)
        return torch.where(flips[:, None, None], mirrored, points)

    def box(corners: Tensor) -> Tensor:
        x1, y1, x2, y2 = corners.unbind(dim=-1)
        return torch.where(flips[:, None], torch.stack([width_px - x2, y1, width_px - x1, y2], dim=-1), corners)

    mirrored = Condition(
        image=image(condition.image),
        mask=image(condition.mask),
        joints=joints(condition.joints),
        box=box(condition.box),
        target_joints=joints(condition.target_joints),
        target_box=box(condition.target_box),
        skeleton=condition.skeleton,
    )
    return Batch(mirrored, image(batch.target), image(batch.target_mask))
