"""Fréchet distance: |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½) of Gaussians fitted to features.

With Inception-v3 features this is the FID. It is biased upwards for few images: compare at equal n only.

tr (Σ₁ Σ₂)^½ is the sum of the singular values of L₁ᵀ L₂ for any factors Σ = L Lᵀ: exact where Σ has no full rank, and
quicker than the eigenvalues of Σ₁ Σ₂, which is not symmetric. With n < D images L is the centred data itself, D × n.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.arithmetic import one_blas_thread
from harness.metrics.rows import BLOCK_ROWS, Rows, blocks, check_counts

MIN_IMAGES = 2  # a covariance


class Gaussian(NamedTuple):
    """mean: (D,). factor: (D, r) with factor · factorᵀ the covariance, divided by n - 1. trace: of the covariance."""

    mean: np.ndarray
    factor: np.ndarray
    trace: float


def frechet_distance(generated: Rows, target: Rows) -> float:
    """Fréchet distance of features (N, D) and (M, D), N, M ≥ 2; never below 0. Raises UserError as `rows.block`."""
    check_counts("the Fréchet distance", MIN_IMAGES, generated, target)
    with one_blas_thread():
        return distance(fit(generated), fit(target))


def fit(rows: Rows) -> Gaussian:
    """Mean and covariance of (N, D) rows, in two passes of blocks: at most about 3 D² numbers are held."""
    n, width = rows.shape
    mean = sum(part.sum(axis=0) for part in blocks(rows, BLOCK_ROWS)) / n
    if n < width:
        factor = np.empty((width, n))
        filled = 0
        for part in blocks(rows, BLOCK_ROWS):
            factor[:, filled : filled + len(part)] = (part - mean).T
            filled += len(part)
        factor /= np.sqrt(n - 1)
        return Gaussian(mean, factor, float(np.square(factor).sum()))
    covariance = np.zeros((width, width))
    for part in blocks(rows, BLOCK_ROWS):
        part -= mean
        covariance += part.T @ part
    covariance /= n - 1
    values, vectors = np.linalg.eigh(covariance)
    # rounding leaves a little below 0 where a direction has no spread
    return Gaussian(mean, vectors * np.sqrt(np.maximum(values, 0)), float(covariance.trace()))


def distance(first: Gaussian, second: Gaussian) -> float:
    """Fréchet distance of two Gaussians of one D."""
    shared = np.linalg.svd(first.factor.T @ second.factor, compute_uv=False).sum()
    difference = first.mean - second.mean
    return max(0.0, float(difference @ difference + first.trace + second.trace - 2 * shared))
