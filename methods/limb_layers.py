"""PoseWarp's geometry (Balakrishnan et al., CVPR 2018): where each limb is in the reference, and where it goes.

Joints are the 14 of `MPII14`, (B, 14, 2) in pixels, NaN = missing. The release computes masks and transforms from
whatever numbers stand for a missing joint; here a limb that lacks one in either pose has no mask and stays in place, so
its pixels are the other layers' to explain.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from methods import encoding

LIMBS = ((0, 1), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (11, 12), (12, 13), (2, 5, 8, 11))
"""Head and neck, arms, legs, and the torso: joints that a limb hangs on."""

LAYERS = len(LIMBS) + 1
"""The background, then the limbs."""

POSE_SIGMA_PX = 1.75
_ACROSS_PX = 11.0
_TORSO_ACROSS_PX = 13.0
_ALONG = 1.5
_LEAST_VARIANCE = 5.0
_NO_ZERO = 1e-6
_NO_LOG_ZERO = 1e-10


def half_size_pose(joints: Tensor, size_px: tuple[int, int]) -> Tensor:
    """(B, 14, H/2, W/2) in [0, 1]: a Gaussian of 1.75 px around each joint at half the size; a joint that does not lie
    well inside the image has an empty map."""
    height, width = size_px[0] // 2, size_px[1] // 2
    halved = joints / 2
    x, y = halved.unbind(dim=-1)
    inside = (x > 0) & (y > 0) & (x < width - 1) & (y < height - 1)
    return encoding.gaussian_maps(halved.masked_fill(~inside[..., None], torch.nan), (height, width), POSE_SIGMA_PX)


def _present(reference: Tensor, target: Tensor) -> Tensor:
    """(B, 10): whether both poses have all joints of a limb."""
    there = ~(reference.isnan() | target.isnan()).any(dim=-1)
    return torch.stack([there[:, list(limb)].all(dim=1) for limb in LIMBS], dim=1)


def limb_masks(reference: Tensor, target: Tensor, size_px: tuple[int, int]) -> Tensor:
    """(B, 10, H, W) in [0, 1]: an oblong Gaussian over each limb of the reference pose, 1 at its middle."""
    ends = [(reference[:, limb[0]], reference[:, limb[1]]) for limb in LIMBS[:-1]]
    right_shoulder, left_shoulder, right_hip, left_hip = (reference[:, joint] for joint in LIMBS[-1])
    ends.append(((right_shoulder + left_shoulder) / 2, (right_hip + left_hip) / 2))
    start, end = (torch.stack(points, dim=1) for points in zip(*ends, strict=True))  # (B, 10, 2)
    middle, span = (start + end) / 2, end - start
    along = (span.square().sum(dim=-1) / _ALONG).clamp(min=_LEAST_VARIANCE)
    across = torch.full_like(along, _ACROSS_PX**2)
    across[:, -1] = _TORSO_ACROSS_PX**2
    angle = torch.atan2(span[..., 1], span[..., 0])
    cos, sin = angle.cos()[..., None, None], angle.sin()[..., None, None]
    height, width = size_px
    dx = torch.arange(width, device=reference.device) - middle[..., 0, None, None]  # (B, 10, 1, W)
    dy = torch.arange(height, device=reference.device)[:, None] - middle[..., 1, None, None]  # (B, 10, H, 1)
    lengthwise, sideways = (dx * cos + dy * sin).square(), (dy * cos - dx * sin).square()
    masks = (-lengthwise / (2 * along[..., None, None]) - sideways / (2 * across[..., None, None])).exp()
    masks = masks / (masks.amax(dim=(2, 3), keepdim=True) + _NO_ZERO)
    return torch.where(_present(reference, target)[..., None, None], masks, 0.0)


def log_prior(masks: Tensor) -> Tensor:
    """(B, 11, H, W): log of the limb masks, before them of the background's, which is what no limb covers."""
    background = 1 - masks.amax(dim=1, keepdim=True)
    return (torch.cat([background, masks], dim=1) + _NO_LOG_ZERO).log()


def limb_transforms(reference: Tensor, target: Tensor) -> Tensor:
    """(B, 10, 2, 3): for each limb the similarity (scale, rotation, shift) that maps its target joints nearest to its
    reference joints, in pixels; the identity for one that is not there."""
    found = []
    for limb in LIMBS:
        source, wanted = reference[:, list(limb)], target[:, list(limb)]
        source_mean, wanted_mean = source.mean(dim=1), wanted.mean(dim=1)
        p, q = wanted - wanted_mean[:, None], source - source_mean[:, None]
        scale = p.square().sum(dim=(1, 2)).clamp(min=_NO_ZERO)
        a = (p * q).sum(dim=(1, 2)) / scale
        b = (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(dim=1) / scale
        turn = torch.stack([torch.stack([a, -b], dim=1), torch.stack([b, a], dim=1)], dim=1)  # (B, 2, 2)
        turned = (turn * wanted_mean[:, None]).sum(dim=2)  # no matrix product: autocast would round it to bfloat16
        shift = (source_mean - turned)[..., None]
        found.append(torch.cat([turn, shift], dim=2))
    identity = torch.eye(2, 3, device=reference.device)
    return torch.where(_present(reference, target)[..., None, None], torch.stack(found, dim=1), identity)


def warped(images: Tensor, transforms: Tensor) -> Tensor:
    """images (N, C, H, W) where each output pixel (x, y) takes what lies at transform · (x, y, 1), bilinearly.

    transforms: (N, 2, 3), pixels. Beyond the image lies, as in the release, what a reflection by one pixel puts there.
    """
    height, width = images.shape[-2:]
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect")
    x, y = torch.arange(width, device=images.device), torch.arange(height, device=images.device)[:, None]
    by_x, by_y, shift = transforms[..., None, None].unbind(dim=2)  # (N, 2, 1, 1) each
    # no matrix product: autocast would round places to bfloat16, that is to whole pixels and worse
    source = by_x * x + by_y * y + shift + 1  # (N, 2, H, W), in the padded image
    last = torch.tensor([width + 1, height + 1], device=images.device)[:, None, None]
    grid = (source / last * 2 - 1).permute(0, 2, 3, 1)
    return F.grid_sample(padded, grid, mode="bilinear", padding_mode="border", align_corners=True)


def doubled(images: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C, 2H, 2W): even pixels are copies, odd ones the mean of their neighbours; behind the last
    lies the one before it."""
    for dim in (2, 3):
        following = torch.cat([images.narrow(dim, 1, images.shape[dim] - 1), images.narrow(dim, -2, 1)], dim=dim)
        between = (images + following) / 2
        images = torch.stack([images, between], dim=dim + 1).flatten(dim, dim + 1)
    return images
