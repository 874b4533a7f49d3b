"""What networks written for TensorFlow share: SAME padding and the start of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WEIGHTED = (nn.Conv2d, nn.Linear)


def same_padding(side: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Padded pixels before and behind `side` pixels: what fills ceil(side / stride) outputs, the odd one behind."""
    total = max((math.ceil(side / stride) - 1) * stride + (kernel - 1) * dilation + 1 - side, 0)
    return total // 2, total - total // 2


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding of zeros: (B, C, H, W) → (B, C', ⌈H/stride⌉, ⌈W/stride⌉)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1):
        super().__init__(in_channels, out_channels, kernel, stride, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (
            same_padding(side, *sizes)
            for side, *sizes in zip(x.shape[-2:], self.kernel_size, self.stride, self.dilation, strict=True)
        )
        if top == bottom and left == right:  # no copy
            return F.conv2d(x, self.weight, self.bias, self.stride, (top, left), self.dilation)
        return super().forward(F.pad(x, (left, right, top, bottom)))


def weighted(network: nn.Module) -> Iterator[nn.Conv2d | nn.Linear]:
    """The network's convolutions and dense layers."""
    return (layer for layer in network.modules() if isinstance(layer, WEIGHTED))


@torch.no_grad()
def glorot_start(network: nn.Module) -> nn.Module:
    """Start convolutions and dense layers from Glorot's uniform distribution, biases from 0; returns the network."""
    for layer in weighted(network):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return network


_SLIM_KINDS = {nn.Conv2d: "Conv", nn.Linear: "fully_connected"}
_SLIM_LEAVES = {"weights": "weight", "biases": "bias"}


def slim_names(network: nn.Module, scope: str, prefix: str) -> dict[str, str]:
    """{variable of a release written with slim: our parameter}.

    slim numbers the layers of a kind within a scope in order of creation, the first without a number; ours are
    registered in that order. prefix: of our parameters' names.
    """
    table, counts = {}, dict.fromkeys(_SLIM_KINDS.values(), 0)
    for name, layer in network.named_modules():
        kind = next((kind for layer_type, kind in _SLIM_KINDS.items() if isinstance(layer, layer_type)), None)
        if kind is not None:
            numbered = f"{kind}_{counts[kind]}" if counts[kind] else kind
            counts[kind] += 1
            for theirs, ours in _SLIM_LEAVES.items():
                table[f"{scope}/{numbered}/{theirs}"] = f"{prefix}.{name}.{ours}"
    return table
