"""Pretrained networks' shapes without their weights, for checks of how a method behaves and not of what it learns."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from harness.errors import unknown

_ARCHITECTURES = {
    "alexnet": "alexnet",
    "alexnet_torchvision": "alexnet",
    "vgg16": "vgg16",
    "vgg16_torchvision": "vgg16",
    "vgg19": "vgg19",
}


class StandInWeights:
    """A `WeightSource` of seeded random features: the convolutions of AlexNet and VGG under torchvision's names."""

    def state_dict(self, asset: str) -> dict[str, Tensor]:
        """`features.N.weight`, `features.N.bias`, float32. UserError for a network that has no stand-in."""
        if asset not in _ARCHITECTURES:
            raise unknown("stand-in network", asset, _ARCHITECTURES)
        return dict(_random_features(_ARCHITECTURES[asset]))


@cache
def _random_features(architecture: str) -> dict[str, Tensor]:
    """He-initialised convolutions; built without memory first, since most of a VGG is the classifier nobody needs."""
    from torchvision import models

    with torch.device("meta"):
        features = getattr(models, architecture)(weights=None).features
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, layer in features.named_children():
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.weight[0].numel()
            weight = torch.randn(layer.weight.shape, generator=generator) * (2 / fan_in) ** 0.5
            state[f"features.{name}.weight"], state[f"features.{name}.bias"] = weight, torch.zeros(layer.bias.shape)
    return state
