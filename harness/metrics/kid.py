"""Kernel distance: unbiased MMD² with a polynomial kernel, mean and spread over random subsets, by torch-fidelity.

With Inception-v3 features this is the KID. Its mean does not depend on the number of images, so it leads for small
sets; being unbiased, it can fall below 0.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

from harness.metrics.protocol import KernelConstants

MIN_IMAGES = 4  # two images a subset, half the set each


class KernelDistance(NamedTuple):
    """value: mean over subsets. std: spread over subsets. Both times the protocol's `scale`."""

    value: float
    std: float


def subset_size(n: int, constants: KernelConstants) -> int:
    """Images in a subset of sets of n: max_subset_size, or half the set where that is smaller."""
    return min(constants.max_subset_size, n // 2)


def kernel_distance(generated: Tensor, target: Tensor, constants: KernelConstants) -> KernelDistance:
    """Kernel distance of features (N, D) and (M, D) float32, N, M ≥ 4."""
    found = kid_features_to_metric(
        generated,
        target,
        kid_subsets=constants.subsets,
        kid_subset_size=subset_size(min(len(generated), len(target)), constants),
        kid_kernel="poly",
        kid_kernel_poly_degree=constants.degree,
        kid_kernel_poly_coef0=constants.coef0,
        rng_seed=constants.seed,
        verbose=False,
    )
    return KernelDistance(constants.scale * found[KEY_METRIC_KID_MEAN], constants.scale * found[KEY_METRIC_KID_STD])
