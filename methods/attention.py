"""Contextual attention (Yu et al., CVPR 2018): features of a hole put together from patches of what is known.

As the release computes it: keys and queries are 3×3 patches of the features at half size, values 4×4 patches at full
size; scores of neighbouring pairs support each other; every position, known or not, is put together anew.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_KEY = 3
_VALUE = 4
_STRIDE = 2
_LEAST_NORM = 1e-4
_SHARPNESS = 10.0  # scale of the softmax
_OVERLAPS = 4  # patches that each pasted pixel lies in


def nearest_indices(side: int, wanted: int) -> Tensor:
    """(wanted,) int64: the pixel of `side` that each of `wanted` takes, first on first and last on last.

    TensorFlow's nearest resizing with align_corners.
    """
    scale = (side - 1) / (wanted - 1) if wanted > 1 else 0.0
    return (torch.arange(wanted, dtype=torch.float64) * scale + 0.5).floor().long()


def resized_nearest(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, H, W) → (B, C, *size), by `nearest_indices`."""
    rows, columns = (nearest_indices(side, wanted) for side, wanted in zip(maps.shape[-2:], size, strict=True))
    return maps[:, :, rows.to(maps.device)][..., columns.to(maps.device)]


def contextual_attention(features: Tensor, hole: Tensor, fuse: bool = True) -> Tensor:
    """Features put together from their own patches, of the same shape.

    features: (B, C, h, w), even sides. hole: (B, 1, H, W) in {0, 1}; patches that touch it are not taken.
    fuse: whether scores of diagonal neighbours are added up.
    """
    size = features.shape[-2:]
    half = (size[0] // _STRIDE, size[1] // _STRIDE)
    small = resized_nearest(features, half)
    hole = resized_nearest(resized_nearest(hole, tuple(size)), half)
    queries = F.unfold(small, _KEY, padding=_KEY // 2)  # (B, 9C, L)
    keys = queries / queries.norm(dim=1, keepdim=True).clamp(min=_LEAST_NORM)
    scores = torch.einsum("bcq,bck->bqk", queries, keys)  # (B, L, L)
    if fuse:
        scores = _transposed(_fused(_transposed(_fused(scores), half)), half[::-1])
    known = F.max_pool2d(hole, _KEY, stride=1, padding=_KEY // 2).flatten(2) == 0  # (B, 1, L)
    weights = (scores * known * _SHARPNESS).softmax(dim=2) * known
    values = F.unfold(features, _VALUE, stride=_STRIDE, padding=1)  # (B, 16C, L)
    pasted = torch.einsum("bvk,bqk->bvq", values, weights)
    return F.fold(pasted, tuple(size), _VALUE, stride=_STRIDE, padding=1) / _OVERLAPS


def _fused(scores: Tensor) -> Tensor:
    """Each score with those one before and one behind in both positions, 0 beyond the ends: (B, L, L)."""
    fused = scores.clone()
    fused[:, 1:, 1:] += scores[:, :-1, :-1]
    fused[:, :-1, :-1] += scores[:, 1:, 1:]
    return fused


def _transposed(scores: Tensor, size: tuple[int, int]) -> Tensor:
    """Scores (B, h·w, h·w) with both positions counted along columns in place of rows."""
    height, width = size
    grid = scores.unflatten(2, (height, width)).unflatten(1, (height, width))  # (B, h, w, h, w)
    return grid.permute(0, 2, 1, 4, 3).flatten(3, 4).flatten(1, 2)
