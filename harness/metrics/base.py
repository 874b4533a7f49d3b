"""The registry of metrics: key, label, direction, unit, range, and in a sentence what each measures. Plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from harness.metrics.judges import JUDGES, JudgeCard

Topic = Literal["main", "pose", "identity", "further"]
Need = Literal["mask", "box", "reference", "joints"]


@dataclass(frozen=True)
class MetricInfo:
    """What a table needs to know of a metric.

    key: the name in scores and records; label: the column's head.
    kind: `pair`, a value a pair, averaged; or `set`, a value a set of images.
    range: the least and greatest value possible, None = unbounded.
    decimals: digits shown behind the point.
    topic: the table it stands in.
    sections: of a protocol, that hold its constants. needs: what a pair must bring for it, beside the two images.
    assets: pretrained weights it needs, beside those that a section names.
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
    topic: Topic
    sections: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    assets: tuple[str, ...] = ()
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

    name: in the registry of extractors. asset: in the weight store.
    feature_layer, score_layer: names of the layers for the distances and for the score.
    suffix: of the metrics' keys; the Inception networks alone have the customary names.
    """

    name: str
    title: str
    asset: str
    feature_layer: str
    score_layer: str
    suffix: str = ""

    def keys(self, section: str) -> tuple[str, ...]:
        """Keys of the metrics that a section of a protocol's set metrics gives (`kernel`, `frechet`, …)."""
        stems = _STEMS_OF_FEATURES if self.suffix else _STEMS_OF_INCEPTION
        return tuple(stem + self.suffix for stem in stems[section])


_STEMS_OF_INCEPTION = {
    "kernel": ("kid",),
    "frechet": ("fid",),
    "score": ("inception_score",),
    "precision_recall": ("precision", "recall"),
}
_STEMS_OF_FEATURES = {**_STEMS_OF_INCEPTION, "kernel": ("kd",), "frechet": ("fd",), "score": ("is",)}

EXTRACTORS = {
    info.name: info
    for info in (
        ExtractorInfo(
            name="efficientnet-lite0",
            title="EfficientNet-Lite0",
            asset="efficientnet_lite0",
            feature_layer="1280",
            score_layer="logits",
            suffix="_efficientnet_lite0",
        ),
        ExtractorInfo(
            name="inception-v3-compat",
            title="Inception-v3",
            asset="inception_v3_fid",
            feature_layer="2048",
            score_layer="logits_unbiased",
        ),
        ExtractorInfo(
            name="inception-v3-bgr",
            title="Inception-v3, given BGR",
            asset="inception_v3_fid",
            feature_layer="2048",
            score_layer="logits_unbiased",
        ),
        ExtractorInfo(
            name="inception-v3-torchvision",
            title="torchvision's Inception-v3",
            asset="inception_v3",
            feature_layer="2048",
            score_layer="logits",
        ),
    )
}


@dataclass(frozen=True)
class IdentityInfo:
    """A network whose features tell how alike two person crops look. asset: in the weight store. suffix: of the
    metrics' keys, empty for the one of every protocol."""

    name: str
    title: str
    asset: str
    suffix: str = ""


IDENTITIES = {
    info.name: info
    for info in (
        IdentityInfo("efficientnet-lite0", "EfficientNet-Lite0", "efficientnet_lite0"),
        IdentityInfo("dinov2-vits14", "DINOv2 ViT-S/14", "dinov2_vits14", "_dinov2"),
    )
}

MAIN_JUDGE = "blazepose"
"""The judge whose metrics have the plain keys; its weights come from PyPI."""


def judge_suffix(name: str) -> str:
    """What the keys of a judge's metrics end in."""
    return "" if name == MAIN_JUDGE else f"_{name}"


_SHARE, _COSINE = (0.0, 1.0), (-1.0, 1.0)


def _of_maps() -> Iterator[MetricInfo]:
    """Metrics of one SSIM map, of SSIM of masked images, and of one LPIPS pass."""

    def ssim(key: str, label: str, definition: str, topic: Topic = "main", *needs: Need) -> MetricInfo:
        return MetricInfo(key, label, True, "", _COSINE, "pair", 3, definition, topic, ("ssim",), needs)

    def lpips(key: str, label: str, definition: str, topic: Topic = "main", *needs: Need) -> MetricInfo:
        return MetricInfo(key, label, False, "", (0.0, None), "pair", 3, definition, topic, ("lpips",), needs)

    masked = ("ssim", "masked_ssim")
    yield ssim("ssim", "SSIM", "structural similarity, whole image")
    yield ssim("m_ssim", "M-SSIM", "mean of the SSIM map over the target's mask", "main", "mask")
    yield ssim("box_ssim", "box-SSIM", "mean of the SSIM map over the target's box", "main", "box")
    yield ssim("bg_ssim", "bg-SSIM", "mean of the SSIM map outside both persons' boxes", "identity", "box", "reference")
    yield replace(
        ssim("m_ssim_script", "M-SSIM (script)", "SSIM of both images times the mask, whole frame", "main", "mask"),
        sections=masked,
    )
    yield replace(
        ssim("m_ssim_text", "M-SSIM (text)", "the same inside the target's box", "main", "mask", "box"),
        sections=masked,
    )
    yield lpips("lpips", "LPIPS", "LPIPS 0.1 (AlexNet), whole image")
    yield lpips("m_lpips", "M-LPIPS", "mean of the LPIPS map over the target's mask", "further", "mask")
    yield lpips("box_lpips", "box-LPIPS", "mean of the LPIPS map over the target's box", "main", "box")
    yield lpips(
        "bg_lpips", "bg-LPIPS", "mean of the LPIPS map outside both persons' boxes", "identity", "box", "reference"
    )
    yield replace(
        lpips("lpips_vgg", "LPIPS-VGG", "LPIPS 0.1 (VGG-16), whole image", "further"), sections=("lpips_vgg",)
    )
    yield MetricInfo(
        "copy_rate", "copy rate", False, "", _SHARE, "pair", 3,
        "share of pairs closer in LPIPS to the reference than to the target", "identity", ("lpips",), ("reference",),
        ranked=False,
    )  # fmt: skip


def _of_identity(identity: IdentityInfo) -> Iterator[MetricInfo]:
    for side, words, ranked in (("target", "to target", True), ("reference", "to reference", False)):
        label = f"identity {words}" + (f" ({identity.title})" if identity.suffix else "")
        yield MetricInfo(
            f"id_{side}{identity.suffix}", label, True, "", _COSINE, "pair", 3,
            f"cosine of {identity.title} features of the person's crop and the {side}'s", "identity", (),
            ("box", "reference"), (identity.asset,), ranked,
        )  # fmt: skip


def _of_pose(judge: JudgeCard) -> Iterator[MetricInfo]:
    suffix, named = judge_suffix(judge.name), "" if judge.name == MAIN_JUDGE else f" ({judge.name})"

    def metric(stem: str, label: str, decimals: int, most: float | None, definition: str, ranked: bool) -> MetricInfo:
        return MetricInfo(
            stem + suffix, label + named, True, "", (0.0, most), "pair", decimals,
            f"{definition}; judge: {judge.title}", "pose", (), ("box", "joints"), judge.assets, ranked,
        )  # fmt: skip

    yield metric("pck_01", "PCK@0.1", 3, 1.0, "share of joints within 0.1 of the box's longer side", True)
    yield metric("pck_02", "PCK@0.2", 3, 1.0, "share of joints within 0.2 of the box's longer side", True)
    yield metric("pckh", "PCKh@0.5", 3, 1.0, "share of joints within half the way from head to neck", True)
    yield metric("oks", "OKS", 3, 1.0, "mean object keypoint similarity, COCO's sigmas", True)
    yield metric("pose_score", "person score", 3, 1.0, "how sure the judge is of a person", True)
    yield metric("pose_joints", "joints judged", 1, None, "joints that count, a pair; the others are excluded", False)


def _set_metrics(extractor: ExtractorInfo) -> Iterator[MetricInfo]:
    features = f"{extractor.title} features"
    names = {"kernel": "KID ×1000", "frechet": "FID", "score": "IS"}
    if extractor.suffix:
        names = {
            section: f"{short} ({extractor.title})"
            for section, short in (("kernel", "KD ×1000"), ("frechet", "FD"), ("score", "IS"))
        }
    (kernel,), (frechet,), (score,) = (extractor.keys(section) for section in names)
    precision, recall = extractor.keys("precision_recall")

    def metric(
        key: str, label: str, higher: bool, unit: str, span: tuple[float | None, float | None], decimals: int,
        definition: str, ranked: bool = True, topic: Topic = "main",
    ) -> MetricInfo:  # fmt: skip
        return MetricInfo(key, label, higher, unit, span, "set", decimals, definition, topic, ranked=ranked)

    yield metric(kernel, names["kernel"], False, "10⁻³", (None, None), 2, f"cubic kernel distance of {features}")
    yield metric(frechet, names["frechet"], False, "", (0.0, None), 2, f"Fréchet distance of {features}")
    words = f"inception score by {extractor.title}'s classes; reported, not ranked"
    yield metric(score, names["score"], True, "", (1.0, None), 2, words, False)
    for key, label, words in (
        (precision, "precision", "share of generated images within reach of a target"),
        (recall, "recall", "share of targets within reach of a generated image"),
    ):
        yield metric(key, label, True, "", _SHARE, 3, f"{words}; {features}", True, "further")


METRICS = {
    info.key: info
    for info in (
        MetricInfo(
            "psnr", "PSNR", True, "dB", (0.0, 100.0), "pair", 2, "peak signal-to-noise ratio, capped", "main",
            ("psnr",),
        ),
        *_of_maps(),
        *(info for identity in IDENTITIES.values() for info in _of_identity(identity)),
        *(info for judge in JUDGES.values() for info in _of_pose(judge)),
        # of the networks whose keys are the same, the first is described
        *(info for extractor in reversed(EXTRACTORS.values()) for info in _set_metrics(extractor)),
    )
}  # fmt: skip
