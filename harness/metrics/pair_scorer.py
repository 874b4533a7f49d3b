"""The pair metrics of a protocol for one pair at a time: one SSIM map and one LPIPS pass serve every metric on them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.errors import UserError
from harness.metrics.lpips import Lpips
from harness.metrics.protocol import LPIPS_ASSET, Protocol
from harness.metrics.psnr import psnr
from harness.metrics.regions import mean_over_box, mean_over_mask
from harness.metrics.ssim import ssim
from harness.weights import WeightStore


class PairScorer:
    """Computes `keys`, pair metrics of `protocol`; the network is loaded once, and only where a key needs it."""

    def __init__(self, protocol: Protocol, keys: Sequence[str], weights: WeightStore, device: str = "cpu"):
        self.protocol, self.keys = protocol, tuple(keys)
        wants_lpips = {"lpips", "box_lpips"} & set(keys)
        self.lpips = Lpips(weights.state_dict(LPIPS_ASSET), protocol.lpips, device) if wants_lpips else None

    def __call__(
        self, generated: np.ndarray, target: np.ndarray, mask: np.ndarray | None, box: np.ndarray | None
    ) -> dict[str, float]:
        """Values by key, in the order of `keys`; NaN where a metric does not apply: M-SSIM without a mask's pixel.

        generated, target: (H, W, 3) uint8. mask: (H, W), not 0 = person. box: (4,) xyxy in pixels, end-exclusive.
        Raises UserError for images or a mask of different sizes, too small an image, an empty box, and for a mask or
        box that a key needs and that is None.
        """
        _check_images(generated, target)
        values: dict[str, float] = {}
        if "psnr" in self.keys:
            values["psnr"] = psnr(generated, target, self.protocol.psnr)
        if {"ssim", "m_ssim", "box_ssim"} & set(self.keys):
            similarity = ssim(generated, target, self.protocol.ssim)
            values["ssim"] = similarity.value
            if "m_ssim" in self.keys:
                person = _present(mask, "mask")
                # nobody was found on the target, whatever the method: the metric does not apply to the pair
                values["m_ssim"] = mean_over_mask(similarity.map, person) if person.any() else math.nan
            if "box_ssim" in self.keys:
                values["box_ssim"] = mean_over_box(similarity.map, _present(box, "box"))
        if self.lpips is not None:
            distance = self.lpips(generated, target)
            values["lpips"] = distance.value
            if "box_lpips" in self.keys:
                values["box_lpips"] = mean_over_box(distance.map, _present(box, "box"))
        return {key: values[key] for key in self.keys}


def _present(region: np.ndarray | None, kind: str) -> np.ndarray:
    if region is None:
        raise UserError(f"has no {kind}, which other pairs have: a mean over a part of the pairs is never taken")
    return region


def _check_images(generated: np.ndarray, target: np.ndarray) -> None:
    for name, image in (("generated", generated), ("target", target)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise UserError(f"the {name} image is {image.shape} {image.dtype}; (H, W, 3) uint8 is needed")
    if generated.shape != target.shape:
        found, wanted = generated.shape, target.shape
        raise UserError(
            f"the generated image is {found[0]}×{found[1]}, the target {wanted[0]}×{wanted[1]}; they must be equal"
        )
