"""Improved precision and recall (Kynkäänniemi et al. 2019), as torch-fidelity defines them.

The manifold of a set is the union of balls around its features, each as large as the distance to its k-th nearest
neighbour in the set. Precision: share of generated images inside the targets' manifold. Recall: share of targets inside
the generated images' manifold. Both depend on n: compare at equal n only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.arithmetic import one_blas_thread
from harness.metrics.rows import BLOCK_ROWS, Rows, block, blocks, check_counts

NEIGHBOURHOOD = 3
_ROUNDING = 1e-12  # of a squared distance taken as a difference of products in float64


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]."""

    precision: float
    recall: float


def precision_recall(generated: Rows, target: Rows, neighbourhood: int = NEIGHBOURHOOD) -> PrecisionRecall:
    """Precision and recall of features (N, D) and (M, D), N, M > `neighbourhood`. Raises UserError as `rows.block`.

    Distances are float64, a block at a time: torch-fidelity's are float32, so that an image on the very rim of a ball
    may fall to the other side.
    """
    check_counts("precision and recall", neighbourhood + 1, generated, target)
    with one_blas_thread():
        precision = _share_inside(generated, target, _radii_squared(target, neighbourhood))
        recall = _share_inside(target, generated, _radii_squared(generated, neighbourhood))
    return PrecisionRecall(precision, recall)


def _radii_squared(rows: Rows, neighbourhood: int) -> np.ndarray:
    """(N,) squared distance of each row to its k-th nearest neighbour; itself, at distance 0, does not count."""
    radii = []
    for start in range(0, rows.shape[0], BLOCK_ROWS):
        ones = block(rows, start, BLOCK_ROWS)
        nearest = np.full((len(ones), 0), np.inf)
        for second, others in zip(range(0, rows.shape[0], BLOCK_ROWS), blocks(rows, BLOCK_ROWS), strict=True):
            found = _squared(ones, others)
            if second == start:
                np.fill_diagonal(found, 0)  # rounding would leave a trace
            nearest = np.sort(np.hstack([nearest, found]), axis=1)[:, : neighbourhood + 1]
        radii.append(nearest[:, neighbourhood])
    return np.concatenate(radii)


def _share_inside(rows: Rows, centres: Rows, radii_squared: np.ndarray) -> float:
    """Share of `rows` that at least one centre's ball holds, its rim included."""
    inside = 0
    for ones in blocks(rows, BLOCK_ROWS):
        found = np.zeros(len(ones), bool)
        for start in range(0, centres.shape[0], BLOCK_ROWS):
            distances = _squared(ones, block(centres, start, BLOCK_ROWS))
            found |= (distances <= radii_squared[start : start + BLOCK_ROWS]).any(axis=1)
        inside += int(found.sum())
    return inside / rows.shape[0]


def _squared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, M) squared Euclidean distances of rows; 0 where they differ by no more than rounding."""
    norms = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1)[None]
    found = norms - 2 * (first @ second.T)
    found[found < _ROUNDING * norms] = 0
    return found
