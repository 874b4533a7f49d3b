"""The pair metrics of a protocol for one pair at a time: one SSIM map and one LPIPS pass serve every metric on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from harness.errors import UserError
from harness.metrics import judges
from harness.metrics.base import IDENTITIES, METRICS, judge_suffix
from harness.metrics.identity import Identity, cosine
from harness.metrics.lpips import Lpips
from harness.metrics.masked_ssim import boxed_masked_ssim, masked_ssim
from harness.metrics.protocol import LpipsConstants, Protocol
from harness.metrics.psnr import psnr
from harness.metrics.regions import mean_outside, mean_over_box, mean_over_mask
from harness.metrics.sample import Sample, prepared
from harness.metrics.ssim import ssim
from harness.segmenter import Subject
from harness.weights import WeightStore
from mrnet.skeletons import Skeleton

_KEYPOINT = "keypoint"

_POSE = {
    "pck_01": "pck_01", "pck_02": "pck_02", "pckh": "pckh", "oks": "oks",
    "pose_score": "score", "pose_joints": "joints",
}  # fmt: skip
"""Fields of `PoseScores` by the stem of their keys."""

Values = dict[str, float]
"""Values by metric key; NaN where a metric does not apply to the pair."""


class PairScorer:
    """Computes `keys`, pair metrics of `protocol`, for pairs of one set; may be called from several threads.

    dataset, skeleton: the set's. Each network is loaded once, and only where a key needs it.
    """

    def __init__(
        self,
        protocol: Protocol,
        keys: Sequence[str],
        weights: WeightStore,
        dataset: str = "",
        skeleton: Skeleton | None = None,
        device: str = "cpu",
    ):
        self.protocol, self.keys, self.dataset, self.skeleton = protocol, tuple(keys), dataset, skeleton
        self._weights, self._device = weights, device
        self._lpips = self._loaded_lpips({"lpips", "m_lpips", "box_lpips", "bg_lpips", "copy_rate"}, protocol.lpips)
        self._lpips_vgg = self._loaded_lpips({"lpips_vgg"}, protocol.lpips_vgg)
        self._identities = {
            info.suffix: Identity(info, weights, device)
            for info in IDENTITIES.values()
            if self._wants({f"id_target{info.suffix}", f"id_reference{info.suffix}"})
        }
        asked = {METRICS[key].assets for key in self.keys if METRICS[key].topic == "pose"}
        self._judges = {
            judge_suffix(card.name): judges.build(card.name, weights, device)
            for card in judges.JUDGES.values()
            if card.assets in asked
        }

    def __call__(self, sample: Sample) -> Values:
        """Values by key, in the order of `keys`; NaN where a metric does not apply: M-SSIM without a mask's pixel.

        Raises UserError for images or a mask of different sizes, too small an image, an empty box, and for what a key
        needs and the sample does not have.
        """
        _check_images(sample)
        sample = prepared(sample, self.protocol.images, self.dataset)
        parts: list[Callable[[Sample], Values]] = [self._simple, self._of_ssim, self._masked, self._of_lpips]
        values: Values = {}
        for part in (*parts, self._of_identity, self._of_pose):
            values |= part(sample)
        return {key: values[key] for key in self.keys}

    def _wants(self, keys: set[str]) -> bool:
        return bool(keys & set(self.keys))

    def _loaded_lpips(self, keys: set[str], constants: LpipsConstants | None) -> Lpips | None:
        wanted = constants is not None and self._wants(keys)
        return Lpips(self._weights.state_dict(constants.asset), constants, self._device) if wanted else None

    def _simple(self, sample: Sample) -> Values:
        if "psnr" not in self.keys:
            return {}
        return {"psnr": psnr(sample.generated, sample.target, self.protocol.psnr)}

    def _of_ssim(self, sample: Sample) -> Values:
        if not self._wants({"ssim", "m_ssim", "box_ssim", "bg_ssim"}):
            return {}
        found = ssim(sample.generated, sample.target, self.protocol.ssim)
        return {"ssim": found.value} | self._means(found.map, "ssim", sample)

    def _of_lpips(self, sample: Sample) -> Values:
        values: Values = {}
        if self._lpips is not None:
            found = self._lpips(sample.generated, sample.target)
            values = {"lpips": found.value} | self._means(found.map, "lpips", sample)
            if "copy_rate" in self.keys:
                to_reference = self._lpips(sample.generated, sample.needed("reference")).value
                values["copy_rate"] = float(to_reference < found.value)
        if self._lpips_vgg is not None:
            values["lpips_vgg"] = self._lpips_vgg(sample.generated, sample.target).value
        return values

    def _means(self, values: np.ndarray, stem: str, sample: Sample) -> Values:
        """Means of a metric's map over the regions that are asked for."""
        found: Values = {}
        if f"m_{stem}" in self.keys:
            mask = sample.needed("mask")
            # nobody was found on the target, whatever the method: the metric does not apply to the pair
            found[f"m_{stem}"] = mean_over_mask(values, mask) if mask.any() else math.nan
        if f"box_{stem}" in self.keys:
            found[f"box_{stem}"] = mean_over_box(values, sample.needed("box"))
        if f"bg_{stem}" in self.keys:
            found[f"bg_{stem}"] = mean_outside(values, (sample.needed("box"), sample.needed("reference_box")))
        return found

    def _masked(self, sample: Sample) -> Values:
        if not self._wants({"m_ssim_script", "m_ssim_text"}):
            return {}
        protocol, mask = self.protocol, self._mask(sample)
        if not mask.any():
            return {"m_ssim_script": math.nan, "m_ssim_text": math.nan}
        images = sample.generated, sample.target
        values = {"m_ssim_script": masked_ssim(*images, mask, protocol.ssim)}
        if "m_ssim_text" in self.keys:
            values["m_ssim_text"] = boxed_masked_ssim(
                *images, mask, sample.needed("box"), protocol.ssim, protocol.masked_ssim
            )
        return values

    def _mask(self, sample: Sample) -> np.ndarray:
        """(H, W) bool: the target's mask as the protocol has it for the dataset."""
        if self.protocol.masked_ssim.source(self.dataset) != _KEYPOINT:
            return sample.needed("mask").astype(bool)
        import torch

        from methods.encoding import keypoint_mask

        pose = torch.from_numpy(np.asarray(sample.needed("joints"), dtype=np.float32)[None])
        return keypoint_mask(pose, self.skeleton, sample.target.shape[:2])[0, 0].numpy().astype(bool)

    def _of_identity(self, sample: Sample) -> Values:
        values: Values = {}
        for suffix, identity in self._identities.items():
            found = identity(sample.generated, sample.needed("box"))
            values[f"id_target{suffix}"] = cosine(found, identity(sample.target, sample.needed("box")))
            reference = identity(sample.needed("reference"), sample.needed("reference_box"))
            values[f"id_reference{suffix}"] = cosine(found, reference)
        return values

    def _of_pose(self, sample: Sample) -> Values:
        values: Values = {}
        for suffix, judge in self._judges.items():
            joints, box = sample.needed("joints"), sample.needed("box")
            found = judge.scores(Subject(sample.generated, joints, box, self.skeleton, sample.target.shape[:2]))
            values |= {f"{stem}{suffix}": getattr(found, name) for stem, name in _POSE.items()}
        return values


def _check_images(sample: Sample) -> None:
    for name in ("generated", "target"):
        image = getattr(sample, name)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise UserError(f"the {name} image is {image.shape} {image.dtype}; (H, W, 3) uint8 is needed")
    if sample.generated.shape != sample.target.shape:
        found, wanted = sample.generated.shape, sample.target.shape
        raise UserError(
            f"the generated image is {found[0]}×{found[1]}, the target {wanted[0]}×{wanted[1]}; they must be equal"
        )
