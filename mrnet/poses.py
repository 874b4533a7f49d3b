"""Pose maps: joints drawn as one binary disc a channel, as the authors' release feeds E_p."""

from __future__ import annotations

import torch
from torch import Tensor

RELEASED_RADIUS_PX = 5.0
RELEASED_HEIGHT_PX = 128


def radius_px(size_px: tuple[int, int]) -> float:
    """The disc radius for a size (height, width): 5 px at a height of 128 px (128×128, 128×64), else in proportion."""
    return RELEASED_RADIUS_PX * size_px[0] / RELEASED_HEIGHT_PX


def disc_maps(joints: Tensor, size_px: tuple[int, int], radius_px: float) -> Tensor:
    """(B, J, H, W) float32 in {0, 1}: 1 where the squared distance to the joint is at most radius².

    joints: (B, J, 2), (x, y) in pixels of the H×W image, 0-based pixel centres; NaN leaves the channel empty.
    """
    height, width = size_px
    rows = torch.arange(height, device=joints.device, dtype=torch.float32)
    columns = torch.arange(width, device=joints.device, dtype=torch.float32)
    x, y = joints.float()[..., None].unbind(dim=2)  # (B, J, 1) each
    across, down = (columns - x) ** 2, (rows - y) ** 2  # (B, J, W), (B, J, H)
    # a comparison with NaN is false, so missing joints need no case of their own; in place, to spare memory
    return (across[..., None, :] + down[..., None]).le_(radius_px**2)
