"""Protocols: `benchmarks/protocols/*.yaml`, the named, versioned definition of every metric with all its constants.

A protocol is never changed silently: a constant that changes takes a new version, and the hash is in every score's key.
What has no constant here is fixed by the library that computes it: scikit-image's Gaussian SSIM filter is truncated at
3.5 sigma (11×11), torch-fidelity resizes for Inception as TensorFlow 1 did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, field_validator

from harness import config
from harness.config import Strict
from harness.keys import digest
from harness.metrics.base import EXTRACTORS, ExtractorInfo

PairMetric = Literal["psnr", "ssim", "m_ssim", "box_ssim", "lpips", "box_lpips"]
_LPIPS_KEYS = {"lpips", "box_lpips"}
LPIPS_ASSET = "alexnet"


class PsnrConstants(Strict):
    """10 · log10(data_range² / MSE), at most `cap_db`."""

    data_range: float = Field(gt=0, description="span of the pixel values, never taken from the image")
    cap_db: float = Field(gt=0, description="value of two equal images")


class SsimConstants(Strict):
    """Gaussian window, population covariance, mean over RGB."""

    data_range: float = Field(gt=0, description="span of the pixel values, never taken from the image")
    sigma: float = Field(gt=0, description="of the Gaussian window, pixels")
    k1: float = Field(gt=0)
    k2: float = Field(gt=0)


class LpipsConstants(Strict):
    """LPIPS as the lpips package computes it, on RGB in [-1, 1] at native size."""

    net: Literal["alex"]
    version: Literal["0.1"]
    min_side_px: int = Field(ge=32, description="smaller images are refused, never enlarged")


class KernelConstants(Strict):
    """Unbiased MMD² with k(x, y) = (x·y / d + coef0)^degree, mean over random subsets, times `scale`."""

    degree: int = Field(ge=1)
    coef0: float
    subsets: int = Field(ge=1)
    max_subset_size: int = Field(ge=2, description="a subset is this, or half the set where that is smaller")
    seed: int
    scale: float = Field(gt=0, description="factor of the value and its spread")


class ScoreConstants(Strict):
    """exp of the mean KL divergence of class probabilities from their mean, over `splits` parts of a seeded shuffle."""

    splits: int = Field(ge=1)
    seed: int


class SetConstants(Strict):
    """Distances between the generated images and the targets, one image per unique target on both sides."""

    extractor: str = Field(description="network whose features are compared; never replaced by another")
    kernel: KernelConstants
    score: ScoreConstants
    small_below: int = Field(ge=2, description="values of sets with fewer images are marked")

    @field_validator("extractor")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in EXTRACTORS:
            raise ValueError(f"unknown extractor; valid: {', '.join(EXTRACTORS)}")
        return name

    @property
    def extractor_info(self) -> ExtractorInfo:
        """The extractor's layers, asset and metric keys."""
        return EXTRACTORS[self.extractor]


class Protocol(Strict):
    """A named set of metrics and all their constants."""

    name: str = Field(pattern=config.NAME_PATTERN)
    version: int = Field(ge=1)
    title: str
    pairs: tuple[PairMetric, ...] = Field(min_length=1, description="pair metrics, in the order of columns")
    psnr: PsnrConstants
    ssim: SsimConstants
    lpips: LpipsConstants
    sets: SetConstants | None = Field(None, description="null: no set metrics")

    @property
    def metric_keys(self) -> tuple[str, ...]:
        """Keys of all metrics: pair metrics, then kernel distance, Fréchet distance and score."""
        if self.sets is None:
            return self.pairs
        info = self.sets.extractor_info
        return (*self.pairs, info.kernel_key, info.frechet_key, info.score_key)

    def assets(self) -> list[str]:
        """Names of the pretrained weights the metrics need."""
        lpips = [LPIPS_ASSET] if _LPIPS_KEYS & set(self.pairs) else []
        return lpips + ([self.sets.extractor_info.asset] if self.sets else [])

    @property
    def hash(self) -> str:
        """SHA-256 of name, version and every constant; the title is prose and left out."""
        return digest(self.model_dump(mode="json", exclude={"title"}))


def load_protocol(name: str, overrides: Iterable[str] = ()) -> Protocol:
    """The protocol called `name` (or a path that ends in .yaml) with `a.b=c` overrides. UserError as `config.load`."""
    return config.load("protocols", name, Protocol, overrides)
