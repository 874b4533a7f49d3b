"""Protocols: `benchmarks/protocols/*.yaml`, the named, versioned definition of every metric with all its constants.

A protocol is never changed silently: a constant or a metric that changes takes a new version, and the hash is in every
score's key. What has no constant here is fixed by the library that computes it or by the metric's own module:
scikit-image's Gaussian SSIM filter is truncated at 3.5 sigma (11×11), torch-fidelity resizes for Inception as
TensorFlow 1 did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, field_validator, model_validator

from harness import config
from harness.config import Strict
from harness.keys import digest
from harness.metrics.base import EXTRACTORS, METRICS, ExtractorInfo, Need

LPIPS_ASSETS = {"alex": "alexnet", "vgg": "vgg16"}
"""Asset of each LPIPS trunk."""


class ImageConstants(Strict):
    """What is done to both images of a pair before any metric looks at them."""

    stretch: Literal["none", "minmax"] = Field(
        "none", description="minmax: each image's own least and greatest value stretched to 0 and 255, then truncated"
    )
    white_square: tuple[str, ...] = Field(
        (), description="datasets whose images are made square by white columns on both sides"
    )


class PsnrConstants(Strict):
    """10 · log10(data_range² / MSE), at most `cap_db`."""

    data_range: float = Field(gt=0, description="span of the pixel values, never taken from the image")
    cap_db: float = Field(gt=0, description="value of two equal images")


class SsimConstants(Strict):
    """Gaussian window, population covariance, mean over RGB."""

    data_range: float | Literal["generated"] = Field(
        description="span of the pixel values; `generated`: greatest minus least value of the generated image"
    )
    sigma: float = Field(gt=0, description="of the Gaussian window, pixels")
    k1: float = Field(gt=0)
    k2: float = Field(gt=0)

    @field_validator("data_range")
    @classmethod
    def _positive(cls, span: float | str) -> float | str:
        if not isinstance(span, str) and span <= 0:
            raise ValueError("a number above 0, or `generated`, is needed")
        return span


class MaskedSsimConstants(Strict):
    """SSIM of both images times the target's mask, with the constants of `ssim`."""

    masks: dict[str, Literal["stored", "keypoint"]] = Field(
        description="the mask by dataset, `default` for the others: the dataset's own, or drawn around the target pose"
    )
    min_box_px: int = Field(ge=11, description="a smaller side of the box grows to this; SSIM's window must fit")

    @field_validator("masks")
    @classmethod
    def _with_default(cls, masks: dict[str, str]) -> dict[str, str]:
        if "default" not in masks:
            raise ValueError("`default` is missing")
        return masks

    def source(self, dataset: str) -> str:
        """Where the masks of a dataset come from."""
        return self.masks.get(dataset, self.masks["default"])


class LpipsConstants(Strict):
    """LPIPS as the lpips package computes it, on RGB in [-1, 1] at native size."""

    net: Literal["alex", "vgg"] = Field(description="the trunk")
    version: Literal["0.1"]
    min_side_px: int = Field(ge=32, description="smaller images are refused, never enlarged")

    @property
    def asset(self) -> str:
        """The trunk's weights."""
        return LPIPS_ASSETS[self.net]


class _OfExtractor(Strict):
    """A metric of an extractor's features."""

    extractor: str = Field(description="network whose features are compared; never replaced by another")

    @field_validator("extractor")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in EXTRACTORS:
            raise ValueError(f"unknown extractor; valid: {', '.join(EXTRACTORS)}")
        return name

    @property
    def info(self) -> ExtractorInfo:
        """The extractor's layers, asset and metric keys."""
        return EXTRACTORS[self.extractor]


class KernelConstants(_OfExtractor):
    """Unbiased MMD² with k(x, y) = (x·y / d + coef0)^degree, mean over random subsets, times `scale`."""

    degree: int = Field(ge=1)
    coef0: float
    subsets: int = Field(ge=1)
    max_subset_size: int = Field(ge=2, description="a subset is this, or half the set where that is smaller")
    seed: int
    scale: float = Field(gt=0, description="factor of the value and its spread")


class FrechetConstants(_OfExtractor):
    """Fréchet distance of Gaussians fitted to features."""

    whole_batches_of: int = Field(
        1, ge=1, description="images behind the last whole batch of this size are left out, as some scripts do"
    )


class ScoreConstants(_OfExtractor):
    """exp of the mean KL divergence of class probabilities from their mean, over `splits` parts of a seeded shuffle."""

    splits: int = Field(ge=1)
    seed: int | None = Field(description="of the shuffle; null: the parts are cut in the order of the pair ids")


class PrecisionRecallConstants(_OfExtractor):
    """Share of images of one side within reach of the other: the distance to its own `neighbours`th neighbour."""

    neighbours: int = Field(ge=1)


class SetConstants(Strict):
    """Distances between the generated images and the targets, and scores of the generated images."""

    population: Literal["unique_targets", "pairs"] = Field(
        description="unique_targets: one image a different target on both sides; pairs: one a pair, targets repeat"
    )
    small_below: int = Field(ge=2, description="values of sets with fewer images are marked")
    kernel: KernelConstants | None = Field(None, description="null: not computed")
    frechet: FrechetConstants | None = Field(None, description="null: not computed")
    score: ScoreConstants | None = Field(None, description="null: not computed")
    precision_recall: PrecisionRecallConstants | None = Field(None, description="null: not computed")

    @property
    def metric_keys(self) -> tuple[str, ...]:
        """Keys of the set metrics, in the order of columns."""
        return tuple(
            key
            for name in ("kernel", "frechet", "score", "precision_recall")
            if (part := getattr(self, name)) is not None
            for key in part.info.keys(name)
        )

    @property
    def compared(self) -> tuple[_OfExtractor, ...]:
        """The metrics for which both sides are looked at."""
        return tuple(part for part in (self.kernel, self.frechet, self.precision_recall) if part is not None)

    @property
    def extractors(self) -> tuple[ExtractorInfo, ...]:
        """The networks that are needed, each once."""
        scored = () if self.score is None else (self.score,)
        return tuple(dict.fromkeys(part.info for part in (*self.compared, *scored)))


class Protocol(Strict):
    """A named set of metrics and all their constants. A section is needed where a pair metric is made of it."""

    name: str = Field(pattern=config.NAME_PATTERN)
    version: int = Field(ge=1)
    title: str
    pairs: tuple[str, ...] = Field(min_length=1, description="pair metrics, in the order of columns")
    where_available: tuple[str, ...] = Field(
        (), description="pair metrics that are computed where their weights are at hand, and skipped with a word else"
    )
    images: ImageConstants = Field(ImageConstants(), description="what is done to images first")
    psnr: PsnrConstants | None = None
    ssim: SsimConstants | None = None
    masked_ssim: MaskedSsimConstants | None = None
    lpips: LpipsConstants | None = None
    lpips_vgg: LpipsConstants | None = None
    sets: SetConstants | None = Field(None, description="null: no set metrics")

    @field_validator("pairs", "where_available")
    @classmethod
    def _pair_metrics(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        valid = [key for key, info in METRICS.items() if info.kind == "pair"]
        for key in keys:
            if key not in valid:
                raise ValueError(f"unknown pair metric '{key}'; valid: {', '.join(valid)}")
        return keys

    @model_validator(mode="after")
    def _whole(self) -> Protocol:
        for key in self.pair_keys:
            for section in METRICS[key].sections:
                if getattr(self, section) is None:
                    raise ValueError(f"metric '{key}' needs the section '{section}'")
        return self

    @property
    def pair_keys(self) -> tuple[str, ...]:
        """Keys of all pair metrics, those that depend on weights at hand last."""
        return self.pairs + self.where_available

    @property
    def metric_keys(self) -> tuple[str, ...]:
        """Keys of all metrics: pair metrics, then kernel distance, Fréchet distance, score, precision and recall."""
        return self.pair_keys + (self.sets.metric_keys if self.sets else ())

    def assets(self, keys: Iterable[str] | None = None) -> list[str]:
        """Names of the pretrained weights of the set metrics and of these pair metrics: by default of those that need
        not depend on what is at hand, without which nothing is scored."""
        sets = [info.asset for info in self.sets.extractors] if self.sets else []
        keys = self.pairs if keys is None else keys
        return list(dict.fromkeys([*(name for key in keys for name in self.assets_of(key)), *sets]))

    def assets_of(self, key: str) -> tuple[str, ...]:
        """Names of the pretrained weights of a pair metric."""
        info = METRICS[key]
        trunks = [getattr(self, name).asset for name in ("lpips", "lpips_vgg") if name in info.sections]
        return (*trunks, *info.assets)

    def needs_of(self, key: str, dataset: str) -> tuple[Need, ...]:
        """What a pair of a dataset must bring for a pair metric, beside its two images."""
        info = METRICS[key]
        if "masked_ssim" in info.sections and self.masked_ssim.source(dataset) == "keypoint":
            return tuple("joints" if need == "mask" else need for need in info.needs)
        return info.needs

    @property
    def hash(self) -> str:
        """SHA-256 of name, version and every constant; the title is prose and left out."""
        return digest(self.model_dump(mode="json", exclude={"title"}))


def load_protocol(name: str, overrides: Iterable[str] = ()) -> Protocol:
    """The protocol called `name` (or a path that ends in .yaml) with `a.b=c` overrides. UserError as `config.load`."""
    return config.load("protocols", name, Protocol, overrides)
