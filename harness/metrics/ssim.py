"""Structural similarity (Wang et al. 2004) as a value and as a map, by scikit-image.

Gaussian window of `sigma` px truncated at 3.5 sigma (11×11 for 1.5), population covariance, data_range 255, mean over
RGB. The value leaves out a border of half a window, as scikit-image does; the map has the image's full size, its border
filled by reflection about the edge (d c b a | a b c d | d c b a). M-SSIM and box-SSIM are means of that map over the
target's mask and box: the images themselves are never masked or cropped, so neither black corners nor a small window
enters (metrics.md §2, 2 and 18).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.errors import UserError
from harness.metrics.protocol import SsimConstants

# scikit-image's own truncation of the Gaussian; needed here only to say which images are too small
_TRUNCATE_SIGMAS = 3.5


class Ssim(NamedTuple):
    """value: SSIM of the whole image. map: (H, W) float64 SSIM around each pixel, mean over RGB."""

    value: float
    map: np.ndarray


def ssim(generated: np.ndarray, target: np.ndarray, constants: SsimConstants) -> Ssim:
    """SSIM of two (H, W, 3) uint8 images of one size. UserError for a side shorter than the window."""
    from skimage.metrics import structural_similarity

    window_px = 2 * int(_TRUNCATE_SIGMAS * constants.sigma + 0.5) + 1
    if min(target.shape[:2]) < window_px:
        height, width = target.shape[:2]
        raise UserError(f"the image is {height}×{width}; SSIM needs {window_px} px a side")
    value, channel_maps = structural_similarity(
        target,
        generated,
        gaussian_weights=True,
        sigma=constants.sigma,
        use_sample_covariance=False,
        data_range=constants.data_range,
        K1=constants.k1,
        K2=constants.k2,
        channel_axis=2,
        full=True,
    )
    return Ssim(float(value), channel_maps.mean(axis=2))
