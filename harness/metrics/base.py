"""The registry of metrics: key, label, direction, unit, range, and in a sentence what each measures. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricInfo:
    """What a table needs to know of a metric.

    key: the name in scores and records; label: the column's head.
    kind: `pair`, a value a pair, averaged; or `set`, a value a set of images.
    range: the least and greatest value possible, None = unbounded.
    decimals: digits shown behind the point.
    ranked: whether the best value may be marked; a metric that is only reported is not.
    """

    key: str
    label: str
    higher_is_better: bool
    unit: str
    range: tuple[float | None, float | None]
    kind: Literal["pair", "set"]
    decimals: int
    definition: str
    ranked: bool = True

    @property
    def label_with_unit(self) -> str:
        """The label, and the unit where the label (such as "KD ×1000") does not say it."""
        return f"{self.label} ({self.unit})" if self.unit and "×" not in self.label else self.label

    @property
    def arrow(self) -> str:
        """↑ where higher is better, ↓ where lower is."""
        return "↑" if self.higher_is_better else "↓"


@dataclass(frozen=True)
class SetValue:
    """A set metric's value.

    std: spread over subsets (kernel distance) or parts (score), in the unit of `value`; None where there is none.
    n: images on each side. marked_small: n is too small for an absolute reading (metrics.md §2, 8).
    """

    value: float
    std: float | None
    n: int
    marked_small: bool


@dataclass(frozen=True)
class ExtractorInfo:
    """A network whose features set metrics compare.

    name: in torch-fidelity's registry. asset: in the weight store.
    feature_layer, score_layer: torch-fidelity's names of the layers for the distances and for the score.
    frechet_key, kernel_key, score_key: the metrics' keys; Inception alone has the customary names.
    """

    name: str
    title: str
    asset: str
    feature_layer: str
    score_layer: str
    frechet_key: str
    kernel_key: str
    score_key: str


EXTRACTORS = {
    info.name: info
    for info in (
        ExtractorInfo(
            name="efficientnet-lite0",
            title="EfficientNet-Lite0",
            asset="efficientnet_lite0",
            feature_layer="1280",
            score_layer="logits",
            frechet_key="fd_efficientnet_lite0",
            kernel_key="kd_efficientnet_lite0",
            score_key="is_efficientnet_lite0",
        ),
        ExtractorInfo(
            name="inception-v3-compat",
            title="Inception-v3",
            asset="inception_v3_fid",
            feature_layer="2048",
            score_layer="logits_unbiased",
            frechet_key="fid",
            kernel_key="kid",
            score_key="inception_score",
        ),
    )
}


def _pair_metrics() -> tuple[MetricInfo, ...]:
    ssim_range, lpips_range = (-1.0, 1.0), (0.0, None)
    return (
        MetricInfo("psnr", "PSNR", True, "dB", (0.0, 100.0), "pair", 2, "peak signal-to-noise ratio, capped"),
        MetricInfo("ssim", "SSIM", True, "", ssim_range, "pair", 3, "structural similarity, whole image"),
        MetricInfo("m_ssim", "M-SSIM", True, "", ssim_range, "pair", 3, "mean of the SSIM map over the target's mask"),
        MetricInfo(
            "box_ssim", "box-SSIM", True, "", ssim_range, "pair", 3, "mean of the SSIM map over the target's box"
        ),
        MetricInfo("lpips", "LPIPS", False, "", lpips_range, "pair", 3, "LPIPS 0.1 (AlexNet), whole image"),
        MetricInfo("box_lpips", "box-LPIPS", False, "", lpips_range, "pair", 3, "LPIPS map over the target's box"),
    )


def _set_metrics(extractor: ExtractorInfo) -> tuple[MetricInfo, ...]:
    features = f"{extractor.title} features"
    if extractor.frechet_key == "fid":
        frechet, kernel, score = "FID", "KID ×1000", "IS"
    else:
        frechet, kernel, score = (f"{short} ({extractor.title})" for short in ("FD", "KD ×1000", "IS"))
    return (
        MetricInfo(extractor.frechet_key, frechet, False, "", (0.0, None), "set", 2, f"Fréchet distance of {features}"),
        MetricInfo(
            extractor.kernel_key, kernel, False, "10⁻³", (None, None), "set", 2, f"cubic kernel distance of {features}"
        ),
        MetricInfo(
            extractor.score_key,
            score,
            True,
            "",
            (1.0, None),
            "set",
            2,
            f"inception score by {extractor.title}'s classes; reported, not ranked",
            ranked=False,
        ),
    )


METRICS = {
    info.key: info
    for info in (*_pair_metrics(), *(info for extractor in EXTRACTORS.values() for info in _set_metrics(extractor)))
}
