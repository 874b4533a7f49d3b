"""Structural similarity (Wang et al. 2004) as a value and as a map: scikit-image's numbers in a fraction of its time.

Gaussian window of `sigma` px truncated at 3.5 sigma (11×11 for 1.5), population covariance, mean over RGB. The value
leaves out a border of half a window, as scikit-image does; the map has the image's full size, its border filled by
reflection about the edge (d c b a | a b c d | d c b a). M-SSIM and box-SSIM are means of that map over the target's
mask and box: the images themselves are never masked or cropped, so neither black corners nor a small window enters
(metrics.md §2, 2 and 18).

With s = x + y and d = x - y and means under the window ⟨·⟩, four filters a channel suffice where the formula has five:
4⟨x⟩⟨y⟩ = ⟨s⟩² - ⟨d⟩², 2(⟨x⟩² + ⟨y⟩²) = ⟨s⟩² + ⟨d⟩², and likewise for the variances and the covariance.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import cv2
import numpy as np

from harness.errors import UserError
from harness.metrics.protocol import SsimConstants

# scikit-image's own truncation of the Gaussian
_TRUNCATE_SIGMAS = 3.5
_PLANES = 6


class Ssim(NamedTuple):
    """value: SSIM of the whole image. map: (H, W) float64 SSIM around each pixel, mean over RGB."""

    value: float
    map: np.ndarray


def ssim(generated: np.ndarray, target: np.ndarray, constants: SsimConstants) -> Ssim:
    """SSIM of two (H, W, 3) uint8 images of one size. UserError for a side shorter than the window."""
    span = constants.data_range
    if span == "generated":
        span = float(generated.max()) - float(generated.min())
    return ssim_in_range(generated, target, constants, span)


def ssim_in_range(generated: np.ndarray, target: np.ndarray, constants: SsimConstants, data_range: float) -> Ssim:
    """`ssim` with the span of the pixel values given as a number, in place of the constant.

    Raises UserError for a side shorter than the window, and for a range that is not above 0: one taken from an image
    of a single value would make both constants 0 and the quotient undefined.
    """
    radius_px = int(_TRUNCATE_SIGMAS * constants.sigma + 0.5)
    height, width = target.shape[:2]
    if min(height, width) < 2 * radius_px + 1:
        raise UserError(f"the image is {height}×{width}; SSIM needs {2 * radius_px + 1} px a side")
    if not data_range > 0:
        raise UserError(f"SSIM needs a data range above 0, it is {data_range:g}: an image of one value has no range")
    window = _gaussian(constants.sigma, radius_px)
    c1, c2 = (constants.k1 * data_range) ** 2, (constants.k2 * data_range) ** 2
    total = np.zeros((height, width))
    for channel in range(target.shape[2]):
        total += _channel_map(generated[..., channel], target[..., channel], window, c1, c2)
    total /= target.shape[2]
    inner = total[radius_px : height - radius_px, radius_px : width - radius_px]
    return Ssim(float(inner.mean()), total)


def _gaussian(sigma: float, radius_px: int) -> np.ndarray:
    offsets = np.arange(-radius_px, radius_px + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    return weights / weights.sum()


def _channel_map(x: np.ndarray, y: np.ndarray, window: np.ndarray, c1: float, c2: float) -> np.ndarray:
    """SSIM map of two (H, W) planes, in a working plane of this thread: use it before the next call.

    Float64 throughout: differences of squares leave too few digits of float32.
    """
    s, d, mean_s, mean_d, square_s, square_d = _WORK.planes(x.shape)
    np.add(x, y, out=s, dtype=np.float64)
    np.subtract(x, y, out=d, dtype=np.float64)
    _blur(s, window, mean_s)
    _blur(d, window, mean_d)
    _blur(np.square(s, out=s), window, square_s)
    _blur(np.square(d, out=d), window, square_d)
    np.square(mean_s, out=mean_s)
    np.square(mean_d, out=mean_d)
    square_s -= mean_s  # the variances of s and d
    square_d -= mean_d
    numerator = np.subtract(mean_s, mean_d, out=s)
    numerator += 2 * c1
    contrast = np.subtract(square_s, square_d, out=d)
    contrast += 2 * c2
    numerator *= contrast
    mean_s += mean_d
    mean_s += 2 * c1
    square_s += square_d
    square_s += 2 * c2
    numerator /= np.multiply(mean_s, square_s, out=mean_s)
    return numerator


def _blur(plane: np.ndarray, window: np.ndarray, out: np.ndarray) -> None:
    cv2.sepFilter2D(plane, cv2.CV_64F, window, window, dst=out, borderType=cv2.BORDER_REFLECT)


class _Work(threading.local):
    """Working planes of a thread: fresh ones for every image would cost more than the arithmetic."""

    def __init__(self) -> None:
        self._planes = np.empty((_PLANES, 0, 0))

    def planes(self, size_px: tuple[int, int]) -> np.ndarray:
        """(6, H, W) float64 of any content."""
        if self._planes.shape[1:] != size_px:
            self._planes = np.empty((_PLANES, *size_px))
        return self._planes


_WORK = _Work()
