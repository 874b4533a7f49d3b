"""M-SSIM as the field's scripts and as MR-Net's text have it: SSIM of both images times the target's person mask.

The scripts (pose-gan, PATN, MR-Net) average over the whole frame, where most pixels are black on both sides and equal:
for a small person the value is near 1 whatever the person looks like. The text of MR-Net's paper speaks of the box.
The two can never be compared (metrics.md §0, 1); `std-v1` uses the mean of the unmasked map over the mask.
"""

from __future__ import annotations

import numpy as np

from harness.errors import UserError
from harness.metrics.protocol import MaskedSsimConstants, SsimConstants
from harness.metrics.regions import box_slices
from harness.metrics.ssim import ssim


def masked_ssim(generated: np.ndarray, target: np.ndarray, mask: np.ndarray, constants: SsimConstants) -> float:
    """SSIM of two (H, W, 3) uint8 images times an (H, W) mask (not 0 = person), over the whole frame.

    UserError for a mask of another size or without a pixel, and where the masked generated image is black all over and
    the constants take the range from it: the scripts give NaN there.
    """
    return ssim(_masked(generated, mask), _masked(target, mask), constants).value


def boxed_masked_ssim(
    generated: np.ndarray,
    target: np.ndarray,
    mask: np.ndarray,
    box: np.ndarray,
    constants: SsimConstants,
    masked: MaskedSsimConstants,
) -> float:
    """The same inside the target's box, (4,) xyxy, grown to `min_box_px` a side. UserError as above."""
    rows, columns = grown(box_slices(box, target.shape[:2]), masked.min_box_px, target.shape[:2])
    sides = (_masked(image, mask)[rows, columns] for image in (generated, target))
    return ssim(*sides, constants).value


def grown(box: tuple[slice, slice], least_px: int, size_px: tuple[int, int]) -> tuple[slice, slice]:
    """A box of rows and columns with each side at least `least_px`, about its middle, inside (height, width) pixels."""
    return tuple(_grown(side, least_px, length) for side, length in zip(box, size_px, strict=True))


def _grown(side: slice, least_px: int, length: int) -> slice:
    lacking = max(0, min(least_px, length) - (side.stop - side.start))
    start = min(max(side.start - lacking // 2, 0), length - (side.stop - side.start) - lacking)
    return slice(start, start + (side.stop - side.start) + lacking)


def _masked(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    if mask.shape != image.shape[:2]:
        raise UserError(f"the mask is {mask.shape}, the image {image.shape[:2]}; they must be equal")
    person = mask.astype(bool)
    if not person.any():
        raise UserError("the mask is empty: no pixel belongs to the person")
    return image * person[..., None]
