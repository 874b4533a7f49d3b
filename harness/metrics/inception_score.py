"""Inception score: exp E KL(p(y|x) ‖ p(y)) of an extractor's class probabilities, mean and spread over parts.

Images are shuffled by a seed first, as torch-fidelity does: in order, a part would hold one video or person alone. The
protocols that follow others' scripts have no seed and no shuffle.
ImageNet classes say little about pictures of persons: reported, never ranked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.metrics.protocol import ScoreConstants
from harness.metrics.rows import BLOCK_ROWS, Rows, blocks, check_counts


class Score(NamedTuple):
    """value: mean over parts. std: spread over parts."""

    value: float
    std: float


def inception_score(logits: Rows, constants: ScoreConstants) -> Score:
    """Score of logits (N, classes), N ≥ `splits`, read once in blocks. Raises UserError as `rows.block`.

    With a part's sums of p and of p log p, its mean KL divergence is E Σ p log p - Σ q log q for q = E p.
    """
    from scipy.special import log_softmax, xlogy

    check_counts("the inception score", constants.splits, logits)
    n, classes = logits.shape
    part_of = _parts(n, constants)
    probabilities, entropies = np.zeros((constants.splits, classes)), np.zeros(constants.splits)
    start = 0
    for some in blocks(logits, BLOCK_ROWS):
        logs = log_softmax(some, axis=1)
        p = np.exp(logs)
        # 0 · log 0 = 0, also where the logarithm is beyond floating point
        own = (p * np.where(p > 0, logs, 0)).sum(axis=1)
        parts = part_of[start : start + len(some)]
        for part in np.unique(parts):
            probabilities[part] += p[parts == part].sum(axis=0)
            entropies[part] += own[parts == part].sum()
        start += len(some)
    counts = np.bincount(part_of, minlength=constants.splits)
    mean = probabilities / counts[:, None]
    scores = np.exp(entropies / counts - xlogy(mean, mean).sum(axis=1))
    return Score(float(scores.mean()), float(scores.std()))


def _parts(n: int, constants: ScoreConstants) -> np.ndarray:
    """(N,) the part of each image: part i of P holds the shuffled images from ⌊i N / P⌋ to ⌊(i + 1) N / P⌋."""
    shuffled = np.arange(n) if constants.seed is None else np.random.RandomState(constants.seed).permutation(n)
    found = np.empty(n, dtype=np.int64)
    for part in range(constants.splits):
        found[shuffled[part * n // constants.splits : (part + 1) * n // constants.splits]] = part
    return found
