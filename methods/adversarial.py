"""Adversarial losses: how far a discriminator's judgement is from `real` or `generated`, a mean over all it gives."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def least_squares(judged: Tensor, real: bool) -> Tensor:
    """Mean of (D − 1)² or D² (Mao et al., ICCV 2017). judged: unbounded, of any shape."""
    return (judged.float() - float(real)).square().mean()


def cross_entropy(logits: Tensor, real: bool) -> Tensor:
    """Mean binary cross-entropy of sigmoid(logits), computed from the logits. Any shape."""
    return F.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, float(real), dtype=torch.float32))
