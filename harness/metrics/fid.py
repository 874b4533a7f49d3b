"""Fréchet distance: |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½) of Gaussians fitted to features, by torch-fidelity.

With Inception-v3 features this is the FID. It is biased upwards for few images: compare at equal n only.
"""

from __future__ import annotations

from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

MIN_IMAGES = 2  # a covariance


def frechet_distance(generated: Tensor, target: Tensor) -> float:
    """Fréchet distance of features (N, D) and (M, D) float32, N, M ≥ 2."""
    first, second = (fid_features_to_statistics(features) for features in (generated, target))
    return fid_statistics_to_metric(first, second, verbose=False)[KEY_METRIC_FID]
