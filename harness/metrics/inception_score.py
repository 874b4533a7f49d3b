"""Inception score: exp E KL(p(y|x) ‖ p(y)) of an extractor's class probabilities, mean and spread over parts, by
torch-fidelity. Images are shuffled by a seed first: in order, a part would hold one video or person alone.

ImageNet classes say little about pictures of persons: reported, never ranked.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

from harness.metrics.protocol import ScoreConstants


class Score(NamedTuple):
    """value: mean over parts. std: spread over parts."""

    value: float
    std: float


def inception_score(logits: Tensor, constants: ScoreConstants) -> Score:
    """Score of logits (N, classes) float32, N ≥ `splits`."""
    found = isc_features_to_metric(logits, splits=constants.splits, shuffle=True, rng_seed=constants.seed)
    return Score(found[KEY_METRIC_ISC_MEAN], found[KEY_METRIC_ISC_STD])
