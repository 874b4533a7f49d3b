"""Kernel distance: unbiased MMD² with a polynomial kernel, mean and spread over random subsets.

With Inception-v3 features this is the KID. Its mean does not depend on the number of images, so it leads for small
sets; being unbiased, it can fall below 0.

The subsets are those that torch-fidelity draws for the same seed. They overlap, so the kernel of two images is computed
once and not once a subset: for a block K of the kernel matrix and the 0/1 membership S (images × subsets), the sums of
all subsets are the column sums of S₁ ∘ (K S₂). The work grows with n²: from about 12,000 images a side on, subset by
subset would be less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np

from harness.arithmetic import one_blas_thread
from harness.metrics.protocol import KernelConstants
from harness.metrics.rows import BLOCK_ROWS, Rows, block, check_counts

MIN_IMAGES = 4  # two images a subset, half the set each


class KernelDistance(NamedTuple):
    """value: mean over subsets. std: spread over subsets. Both times the protocol's `scale`."""

    value: float
    std: float


def subset_size(n: int, constants: KernelConstants) -> int:
    """Images in a subset of sets of n: max_subset_size, or half the set where that is smaller."""
    return min(constants.max_subset_size, n // 2)


def kernel_distance(generated: Rows, target: Rows, constants: KernelConstants) -> KernelDistance:
    """Kernel distance of features (N, D) and (M, D), N, M ≥ 4. Raises UserError as `rows.block`."""
    with one_blas_thread():
        return from_sums((part() for part in parts(generated, target, constants)), constants)


def parts(generated: Rows, target: Rows, constants: KernelConstants) -> list[Callable[[], np.ndarray]]:
    """The work, to be done in any order and on any threads: each part gives (subsets,) shares of the distances.

    Their sum is the MMD² of each subset; `from_sums` takes them in the order of this list. A part holds some blocks of
    BLOCK_ROWS images.
    """
    check_counts("the kernel distance", MIN_IMAGES, generated, target)
    size = subset_size(min(generated.shape[0], target.shape[0]), constants)
    ours, theirs = _memberships(generated.shape[0], target.shape[0], size, constants)
    within, between = 1 / (size * (size - 1)), -2 / size**2
    work = []
    for rows, members in ((generated, ours), (target, theirs)):
        for first in range(0, rows.shape[0], BLOCK_ROWS):
            for second in range(first, rows.shape[0], BLOCK_ROWS):
                weight = within if first == second else 2 * within  # the block below the diagonal is its mirror image
                one, other = (rows, members, first), (rows, members, second)
                work.append(partial(_share, one, other, weight, first == second, constants))
    for first in range(0, generated.shape[0], BLOCK_ROWS):
        for second in range(0, target.shape[0], BLOCK_ROWS):
            one, other = (generated, ours, first), (target, theirs, second)
            work.append(partial(_share, one, other, between, False, constants))
    return work


def from_sums(shares: Iterable[np.ndarray], constants: KernelConstants) -> KernelDistance:
    """The distance from what `parts` gave, in their order."""
    distances = sum(shares)
    return KernelDistance(constants.scale * float(distances.mean()), constants.scale * float(distances.std()))


def _memberships(n: int, m: int, size: int, constants: KernelConstants) -> tuple[np.ndarray, np.ndarray]:
    """(N, subsets) and (M, subsets) bool: which images each subset has, drawn as torch-fidelity draws."""
    rng = np.random.RandomState(constants.seed)
    found = np.zeros((n, constants.subsets), bool), np.zeros((m, constants.subsets), bool)
    for subset in range(constants.subsets):
        for members, count in zip(found, (n, m), strict=True):
            members[rng.choice(count, size, replace=False), subset] = True
    return found


Place = tuple[Rows, np.ndarray, int]


def _share(one: Place, other: Place, weight: float, diagonal: bool, constants: KernelConstants) -> np.ndarray:
    """`weight` times the kernel's sums over the pairs of each subset in one block, without pairs of an image itself."""
    x, y = block(one[0], one[2], BLOCK_ROWS), block(other[0], other[2], BLOCK_ROWS)
    kernel = x @ y.T
    kernel /= x.shape[1]
    kernel += constants.coef0
    power = kernel.copy()
    for _ in range(constants.degree - 1):
        power *= kernel
    if diagonal:
        np.fill_diagonal(power, 0)
    ours = one[1][one[2] : one[2] + len(x)]
    theirs = other[1][other[2] : other[2] + len(y)].astype(np.float64)
    return weight * ((power @ theirs) * ours).sum(axis=0)
