"""Pose encodings that two or more methods share: other joint sets, and maps, pictures, masks and boxes of a pose.

Everywhere: joints are (B, J, 2) float32, (x, y) in pixels, 0-based pixel centres, NaN = missing, and may lie outside
the image; sizes are (height, width) in pixels; radii are pixels of that size and are never scaled here. Poses are data,
so no gradient flows back to the joints. Every sample is encoded by itself: a batch equals its samples one by one.

| encoding | who feeds it |
|---|---|
| binary discs: `mrnet.poses.disc_maps` | MR-Net |
| `solid_maps` | PG2 (Ma et al., NIPS 2017), BodyROI7 (Ma et al., CVPR 2018) |
| `gaussian_maps` | PATN (Zhu et al., CVPR 2019), DeformGAN (Siarohin et al., CVPR 2018), PoseWarp (CVPR 2018) |
| `skeleton_picture` | PN-GAN (Qian et al., ECCV 2018) |
| `limb_mask` | PG2's pose mask loss, BodyROI7's foreground |
| `keypoint_mask` | the masked metrics of DeformGAN and PATN |
| `part_boxes` | BodyROI7 |
"""

from __future__ import annotations

import colorsys
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mrnet.poses import disc_maps
from mrnet.skeletons import DERIVED, OPENPOSE18, Skeleton

PG2_RADIUS_PX = 4
"""PG2's discs and mask, at 128×64 and at 256×256 alike; also the keypoint mask of pose-gan and PATN."""

BODYROI7_MASK_RADIUS_PX = 7

PATN_SIGMA_PX = 6.0

_CLOSING_PX = 5

# The mask limbs of the field: the drawn ones, but the neck where the drawing joins ears to shoulders, and a torso box.
_OPENPOSE18_MASK_LIMBS = (*OPENPOSE18.edges[:-2], (1, 16), (1, 17), (8, 11), (11, 5), (8, 2), (16, 17))


# Joints -------------------------------------------------------------------------------------------------------------


def convert(joints: Tensor, source: Skeleton, target: Skeleton) -> Tensor:
    """(B, K, 2): the joints of `source` as the K joints of `target`, by name.

    A joint that `source` has not is derived, in each sample by the first of its alternatives (`DERIVED`) whose joints
    are all there; one that cannot be derived is NaN. A joint that `source` has but the sample lacks stays missing.
    joints: (B, J, 2). Raises ValueError where J is not the number of joints of `source`.
    """
    joints = _checked(joints, source)
    missing = torch.full_like(joints[:, 0], math.nan)

    def joint(name: str) -> Tensor:  # (B, 2)
        if name in source.joints:
            return joints[:, source.joints.index(name)]
        found = missing
        for names in DERIVED.get(name, ()):
            if set(names) <= set(source.joints):
                mean = joints[:, [source.joints.index(each) for each in names]].mean(dim=1)
                found = torch.where(found.isnan(), mean, found)
        return found

    return torch.stack([joint(name) for name in target.joints], dim=1)


def flip(joints: Tensor, skeleton: Skeleton, width_px: int) -> Tensor:
    """(B, J, 2): the joints of the mirrored image, x' = width − 1 − x, the left ones now right and the other way round.

    Raises ValueError where J is not the number of joints of `skeleton`.
    """
    order = list(range(len(skeleton)))
    for left, right in skeleton.flip_pairs:
        order[left], order[right] = right, left
    x, y = _checked(joints, skeleton)[:, order].unbind(dim=-1)
    return torch.stack([width_px - 1 - x, y], dim=-1)


# Maps: one channel a joint ------------------------------------------------------------------------------------------


def solid_maps(joints: Tensor, size_px: tuple[int, int], radius_px: float = PG2_RADIUS_PX) -> Tensor:
    """(B, J, H, W) float32 in {−1, 1}: PG2's discs, 1 up to and with `radius_px` from the joint truncated to integers.

    A missing joint leaves its channel at −1.
    """
    return disc_maps(_clean(joints).trunc(), size_px, radius_px) * 2 - 1


def gaussian_maps(joints: Tensor, size_px: tuple[int, int], sigma_px: float) -> Tensor:
    """(B, J, H, W) float32 in [0, 1]: exp(−d² / 2σ²), d the distance to the joint; all 0 for a missing joint.

    It is made as the product of its factors along x and along y.
    """
    joints = _clean(joints)

    def factor(coordinate: Tensor, length: int) -> Tensor:  # (B, J) -> (B, J, length)
        offsets = _pixels(length, joints) - coordinate[..., None]
        return (offsets.square() / (-2 * sigma_px**2)).exp().masked_fill(offsets.isnan(), 0)

    height, width = size_px
    x, y = joints.unbind(dim=-1)
    return factor(y, height)[..., :, None] * factor(x, width)[..., None, :]


# Pictures -----------------------------------------------------------------------------------------------------------


def skeleton_picture(
    joints: Tensor, skeleton: Skeleton, size_px: tuple[int, int], limb_radius_px: float, joint_radius_px: float
) -> Tensor:
    """(B, 3, H, W) RGB float32 in [−1, 1]: the stick figure on black that PN-GAN takes for a pose.

    Limbs are capsules, all pixels within `limb_radius_px` of the line between two joints, later edges over earlier;
    joints are discs over the limbs. Limbs, and joints, have fully saturated colours of evenly spread hues. What a
    missing joint belongs to is not drawn. Raises ValueError where J is not the number of joints of `skeleton`.
    """
    joints = _checked(joints, skeleton)
    picture = joints.new_full((len(joints), 3, *size_px), -1)

    def paint(where: Tensor, colour: tuple[float, float, float]) -> None:
        nonlocal picture
        picture = torch.where(where[:, None], picture.new_tensor(colour)[:, None, None], picture)

    for (a, b), colour in zip(skeleton.edges, _colours(len(skeleton.edges)), strict=True):
        paint(_in_capsule(joints[:, a], joints[:, b], size_px, limb_radius_px), colour)
    for joint, colour in zip(joints.unbind(dim=1), _colours(len(skeleton)), strict=True):
        paint(_squared_distance(joint, size_px) <= joint_radius_px**2, colour)
    return picture


def _colours(count: int) -> list[tuple[float, float, float]]:
    """RGB in {−1 … 1}, from red once round the circle of hues."""
    bright = [colorsys.hsv_to_rgb(index / count, 1, 1) for index in range(count)]
    return [(2 * red - 1, 2 * green - 1, 2 * blue - 1) for red, green, blue in bright]


# Masks: the whole body in one channel -------------------------------------------------------------------------------


def limb_mask(joints: Tensor, skeleton: Skeleton, size_px: tuple[int, int], radius_px: int = PG2_RADIUS_PX) -> Tensor:
    """(B, 1, H, W) float32 in {0, 1}: PG2's pose mask (radius 4), with radius 7 BodyROI7's person mask.

    Discs of `radius_px` are stamped on both ends of every limb, n − 1 more between them where the limb is n radii long,
    rounded down; then the mask is closed with a 5×5 square. Joints and centres are truncated to integers. A limb needs
    both its joints, and a joint without one draws nothing. The limbs are the field's 23 for `OPENPOSE18`, the edges of
    any other skeleton. Raises ValueError where J is not the number of joints of `skeleton`.
    """
    height, width = size_px
    limbs = torch.tensor(_mask_limbs(skeleton), device=joints.device)
    start, end = _checked(joints, skeleton)[:, limbs].unbind(dim=2)  # (B, L, 2) each
    drawn = ~(start + end).isnan().any(dim=-1)  # (B, L)
    start, end = (points.masked_fill(~drawn[..., None], 0).long() for points in (start, end))

    # all in integers: the same centres on every device
    span = end - start
    parts = (span.square().sum(dim=-1).float().sqrt() / radius_px).long().clamp(min=1)[..., None]  # (B, L, 1)
    step = torch.arange(int(parts.max()) + 1, device=joints.device)  # (S,)
    weighted = (start * parts)[..., None, :] + span[..., None, :] * step[:, None]  # (B, L, S, 2)
    x, y = torch.div(weighted, parts[..., None], rounding_mode="trunc").unbind(dim=-1)  # (B, L, S) each

    # a disc centred outside may reach in, so the canvas of the centres is wider by the radius
    x, y = x + radius_px, y + radius_px
    wide = (height + 2 * radius_px, width + 2 * radius_px)
    stamps = drawn[..., None] & (step <= parts) & (x >= 0) & (x < wide[1]) & (y >= 0) & (y < wide[0])
    centres = torch.zeros(len(joints), *wide, device=joints.device)
    centres[stamps.nonzero()[:, 0], y[stamps], x[stamps]] = 1

    offsets = torch.arange(-radius_px, radius_px + 1, device=joints.device)
    disc = (offsets.square() + offsets[:, None].square() <= radius_px**2).float()
    touching = F.conv2d(centres[:, None], disc[None, None])  # how many discs lie on a pixel
    return _closed(touching > 0.5)  # a half, since a convolution by FFT leaves noise where the count is 0


def keypoint_mask(
    joints: Tensor, skeleton: Skeleton, size_px: tuple[int, int], radius_px: float = PG2_RADIUS_PX
) -> Tensor:
    """(B, 1, H, W) float32 in {0, 1}: the person mask of pose-gan's and PATN's masked metrics.

    A rectangle reaches `radius_px` to both sides of every limb, its edge included, from joint to joint; on every joint
    lies a disc of the pixels nearer than `radius_px` (45 pixels for 4, as `skimage.draw.disk`; one of `limb_mask` has
    49); then the mask is closed with a 5×5 square. Limbs as in `limb_mask`; one of length 0 has no rectangle. Joints
    are not rounded. Raises ValueError where J is not the number of joints of `skeleton`.
    """
    joints = _checked(joints, skeleton)
    mask = torch.zeros(len(joints), *size_px, dtype=torch.bool, device=joints.device)
    for a, b in _mask_limbs(skeleton):
        mask |= _in_rectangle(joints[:, a], joints[:, b], size_px, radius_px)
    for joint in joints.unbind(dim=1):
        mask |= _squared_distance(joint, size_px) < radius_px**2
    return _closed(mask[:, None])


def _mask_limbs(skeleton: Skeleton) -> tuple[tuple[int, int], ...]:
    return _OPENPOSE18_MASK_LIMBS if skeleton == OPENPOSE18 else skeleton.edges


def _closed(mask: Tensor) -> Tensor:
    """Dilated, then eroded, by a square; what lies outside the image takes part in neither (skimage's rule)."""

    def dilated(values: Tensor) -> Tensor:
        return F.max_pool2d(values, _CLOSING_PX, stride=1, padding=_CLOSING_PX // 2)

    return 1 - dilated(1 - dilated(mask.float()))


# Boxes --------------------------------------------------------------------------------------------------------------

_PARTS = (
    (0, 1, 2, 5, 14, 15, 16, 17),  # head and shoulders
    (2, 3, 4, 5, 6, 7, 8, 11),  # upper body
    (8, 9, 10, 11, 12, 13),  # lower body
    (5, 6, 7),  # left arm
    (2, 3, 4),  # right arm
    (11, 12, 13),  # left leg
    (8, 9, 10),  # right leg
)
_NOSE, _RIGHT_SHANK, _LEFT_SHANK = 0, (9, 10), (12, 13)

_MARKET_MARGIN_PX, _MARKET_LONE_MARGIN_PX = 6, 10
# whole bodies, cut ones
_FASHION_MARGIN_PX, _FASHION_LONE_MARGIN_PX, _FASHION_FOREHEAD_PX = (10, 20), (20, 40), (10, 25)


def part_boxes(joints: Tensor, size_px: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """BodyROI7's seven body regions by its Market rule: boxes (B, 7, 4) and visibility (B, 7) float32 in {0, 1}.

    Regions: head and shoulders, upper body, lower body, left arm, right arm, left leg, right leg. A box is
    (x1, y1, x2, y2), whole pixels, the extent of the region's present joints grown by 6 px on each side (10 px round a
    single joint) and clamped to [0, W − 1] × [0, H − 1]; [0, 0, 1, 1] with visibility 0 where no joint is present.
    joints: (B, 18, 2) of `OPENPOSE18`, else ValueError.
    """
    joints = _checked(joints, OPENPOSE18)
    margins_px = (joints.new_tensor(pixels) for pixels in (_MARKET_MARGIN_PX, _MARKET_LONE_MARGIN_PX))
    return _part_boxes(joints, size_px, *margins_px)


def part_boxes_fashion(joints: Tensor, size_px: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """`part_boxes` by BodyROI7's DeepFashion rule: whole bodies, with a knee or ankle on both sides, and cut ones.

    The nose first moves up, for a forehead: 10 px in whole bodies, 25 px in cut ones, at most to the border. Margins
    are 10 px in whole bodies, 20 px in cut ones, twice that round a single joint.
    """
    joints = _checked(joints, OPENPOSE18)
    present = ~joints.isnan().any(dim=-1)  # (B, 18)
    whole = present[:, _RIGHT_SHANK].any(dim=1) & present[:, _LEFT_SHANK].any(dim=1)  # (B,)

    def by_framing(choice_px: tuple[int, int]) -> Tensor:  # (B,)
        return torch.where(whole, *joints.new_tensor(choice_px))

    raised = joints.clone()
    raised[:, _NOSE, 1] = (joints[:, _NOSE, 1] - by_framing(_FASHION_FOREHEAD_PX)).clamp(min=0)
    return _part_boxes(raised, size_px, by_framing(_FASHION_MARGIN_PX), by_framing(_FASHION_LONE_MARGIN_PX))


def _part_boxes(
    joints: Tensor, size_px: tuple[int, int], margin_px: Tensor, lone_margin_px: Tensor
) -> tuple[Tensor, Tensor]:
    """margin_px, lone_margin_px: (B,) or ()."""
    height, width = size_px
    last = joints.new_tensor([width - 1, height - 1])

    def box(part: tuple[int, ...]) -> tuple[Tensor, Tensor]:  # (B, 4), (B,)
        points = joints[:, part]
        missing = points.isnan()
        count = (~missing[..., 0]).sum(dim=1)
        margin = torch.where(count == 1, lone_margin_px, margin_px)[:, None]
        low = points.masked_fill(missing, math.inf).amin(dim=1) - margin
        high = points.masked_fill(missing, -math.inf).amax(dim=1) + margin
        corners = [torch.minimum(corner.clamp(min=0), last).trunc() for corner in (low, high)]
        none = joints.new_tensor([0, 0, 1, 1])
        return torch.where((count > 0)[:, None], torch.cat(corners, dim=1), none), (count > 0).float()

    boxes, visible = zip(*map(box, _PARTS), strict=True)
    return torch.stack(boxes, dim=1), torch.stack(visible, dim=1)


# Geometry of one point or limb a sample; a comparison with NaN is false, so missing joints need no case of their own --


def _in_rectangle(start: Tensor, end: Tensor, size_px: tuple[int, int], radius_px: float) -> Tensor:
    """(B, H, W) bool; start, end: (B, 2). Multiplied through by the length, so exact for whole-numbered joints."""
    dx, dy = _offsets(start, size_px)
    x, y = (end - start)[..., None, None].unbind(dim=1)  # (B, 1, 1) each
    squared_length = x**2 + y**2
    along, across = dx * x + dy * y, dx * y - dy * x
    beside = across**2 <= radius_px**2 * squared_length
    return beside & (along >= 0) & (along <= squared_length) & (squared_length > 0)


def _in_capsule(start: Tensor, end: Tensor, size_px: tuple[int, int], radius_px: float) -> Tensor:
    """(B, H, W) bool; start, end: (B, 2). Within the radius of the segment."""
    dx, dy = _offsets(start, size_px)
    x, y = (end - start)[..., None, None].unbind(dim=1)
    squared_length = (x**2 + y**2).clamp(min=torch.finfo(x.dtype).tiny)  # coincident ends: a disc
    nearest = ((dx * x + dy * y) / squared_length).clamp(0, 1)  # as a share of the limb
    return (dx - nearest * x) ** 2 + (dy - nearest * y) ** 2 <= radius_px**2


def _squared_distance(points: Tensor, size_px: tuple[int, int]) -> Tensor:
    dx, dy = _offsets(points, size_px)
    return dx**2 + dy**2


def _offsets(points: Tensor, size_px: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """dx (B, 1, W) and dy (B, H, 1): from points (B, 2) to the pixel centres."""
    height, width = size_px
    x, y = points[..., None, None].unbind(dim=1)  # (B, 1, 1) each
    return _pixels(width, points) - x, _pixels(height, points)[:, None] - y


def _pixels(length: int, like: Tensor) -> Tensor:
    return torch.arange(length, device=like.device, dtype=like.dtype)


def _checked(joints: Tensor, skeleton: Skeleton) -> Tensor:
    if joints.shape[1:] != (len(skeleton), 2):
        raise ValueError(f"joints of {skeleton.name} are (B, {len(skeleton)}, 2), not {tuple(joints.shape)}")
    return _clean(joints)


def _clean(joints: Tensor) -> Tensor:
    """float32, off the graph, both coordinates NaN where one is."""
    joints = joints.detach().float()
    return joints.masked_fill(joints.isnan().any(dim=-1, keepdim=True), math.nan)
