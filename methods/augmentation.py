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


MOVED_SCALES = (0.9, 1.05)
MOVED_SHIFT_PX = 10
MOVED_DEGREES = 5.0
MOVED_INTENSITIES = (0.95, 1.05)
"""PoseWarp's ranges (Balakrishnan et al., CVPR 2018), for its 256×256 images."""


def randomly_moved(batch: Batch) -> Batch:
    """The batch with each pair scaled from its upper left corner, shifted by up to half of `MOVED_SHIFT_PX` each way,
    turned about the image's centre and dimmed, reference and target alike, by torch's generator.

    What comes in from outside is black and nobody's mask.
    """
    condition = batch.condition
    count, (height, width) = len(condition), condition.image.shape[-2:]
    device = condition.image.device

    def between(low: float, high: float) -> Tensor:
        return (low + (high - low) * torch.rand(count)).to(device)

    scale, angle = between(*MOVED_SCALES), torch.deg2rad(between(-MOVED_DEGREES, MOVED_DEGREES))
    shift = torch.stack([between(-0.5, 0.5), between(-0.5, 0.5)], dim=1).mul(MOVED_SHIFT_PX).trunc()
    intensity = between(*MOVED_INTENSITIES)[:, None, None, None]
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], dim=1), torch.stack([sin, cos], dim=1)], dim=1)  # (B, 2, 2)
    centre = torch.tensor([(width - 1) / 2, (height - 1) / 2], device=device)

    def turned(vectors: Tensor, by: Tensor) -> Tensor:  # (…, N, 2) by (B, 2, 2); autocast would round a matrix product
        return (vectors[..., None, :] * by[:, None]).sum(dim=-1)

    def points(old: Tensor) -> Tensor:  # (B, N, 2)
        return turned(old * scale[:, None, None] + shift[:, None] - centre, turn) + centre

    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([columns, rows], dim=-1).flatten(0, 1).to(device, torch.float32)
    back = turned(places - centre, turn.transpose(1, 2)) + centre
    came_from = (back - shift[:, None]) / scale[:, None, None]  # (B, H·W, 2)
    last = torch.tensor([width - 1, height - 1], device=device)
    grid = (came_from / last * 2 - 1).unflatten(1, (height, width))

    def image(old: Tensor) -> Tensor:
        moved = torch.nn.functional.grid_sample(old + 1, grid, align_corners=True) - 1
        return (moved * intensity).clamp(-1, 1)

    def mask(old: Tensor) -> Tensor:
        return torch.nn.functional.grid_sample(old, grid, mode="nearest", align_corners=True)

    def box(old: Tensor) -> Tensor:
        corners = points(old[:, [0, 1, 2, 1, 0, 3, 2, 3]].unflatten(1, (4, 2)))
        return torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)

    moved = Condition(
        image=image(condition.image),
        mask=mask(condition.mask),
        joints=points(condition.joints),
        box=box(condition.box),
        target_joints=points(condition.target_joints),
        target_box=box(condition.target_box),
        skeleton=condition.skeleton,
    )
    return Batch(moved, image(batch.target), mask(batch.target_mask))
