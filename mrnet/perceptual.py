"""The perceptual network Φ of eqs. (3) and (4): a frozen VGG feature stack with named taps (Simonyan, 2015).

Weights are injected; nothing here downloads. VGG-19 is the paper's network, VGG-16 has the same tap names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

PAPER_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
RELEASED_PERCEPTUAL_TAPS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")
RELEASED_ROI_TAPS = ("conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2")

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # a block
_CHANNELS = (64, 128, 256, 512, 512)


class PerceptualNetwork(nn.Module):
    """VGG features at named taps; frozen, so that only the image gets a gradient.

    arch: `vgg16` or `vgg19`. state_dict: torchvision's names (`features.0.weight`, …), strictly; classifier entries are
    passed over. taps: `convB_N` (before the ReLU) or `reluB_N` (after it), any number.
    normalise: map the input from [-1, 1] to ImageNet statistics; the release feeds [-1, 1] as it is.
    Raises ValueError for an unknown architecture or tap and for missing, foreign or misshapen weights.
    """

    def __init__(
        self,
        arch: str,
        state_dict: Mapping[str, Tensor],
        taps: Sequence[str] = PAPER_TAPS,
        normalise: bool = True,
    ):
        super().__init__()
        if arch not in _CONVOLUTIONS:
            raise ValueError(f"unknown perceptual network {arch!r}; valid: {', '.join(_CONVOLUTIONS)}")
        names, layers = _vgg(arch)
        unknown = sorted(set(taps) - set(names))
        if unknown or not taps:
            raise ValueError(f"{arch} has no taps {unknown}; valid: {', '.join(n for n in names if n[:4] != 'pool')}")
        _load(layers, arch, state_dict)
        last = max(names.index(tap) for tap in taps)
        self.taps = tuple(taps)
        self.names = names[: last + 1]
        self.features = nn.Sequential(*layers[: last + 1])
        for name, layer in zip(self.names, self.features, strict=True):
            if isinstance(layer, nn.ReLU):  # in place unless the value before it is a tap
                layer.inplace = name.replace("relu", "conv") not in taps
        self.normalise = normalise
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> PerceptualNetwork:
        """Stays in evaluation mode whatever the module around it does."""
        return super().train(False)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """image: (B, 3, H, W) in [-1, 1], sides of at least 16 px. The taps' features, (B, C, h, w), by name."""
        x = ((image + 1) / 2 - self.mean) / self.std if self.normalise else image
        found: dict[str, Tensor] = {}
        for name, layer in zip(self.names, self.features, strict=True):
            x = layer(x)
            if name in self.taps:  # at least float32: squared differences and RoI bins need more than bfloat16's 8 bits
                found[name] = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        return found


def _vgg(arch: str) -> tuple[list[str], nn.Sequential]:
    """Names and layers of the feature stack, at torchvision's indices."""
    names: list[str] = []
    layers: list[nn.Module] = []
    channels = 3
    for block, (count, out) in enumerate(zip(_CONVOLUTIONS[arch], _CHANNELS, strict=True), start=1):
        for number in range(1, count + 1):
            names += [f"conv{block}_{number}", f"relu{block}_{number}"]
            layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU(inplace=True)]
            channels = out
        names.append(f"pool{block}")
        layers.append(nn.MaxPool2d(2))
    return names, nn.Sequential(*layers)


def _load(layers: nn.Sequential, arch: str, state_dict: Mapping[str, Tensor]) -> None:
    prefix = "features."
    given = {k.removeprefix(prefix): v for k, v in state_dict.items() if k.startswith(prefix)}
    foreign = [k for k in state_dict if not k.startswith((prefix, "classifier."))]
    try:
        layers.load_state_dict(given, strict=True)
    except RuntimeError as error:
        raise ValueError(f"the weights given are not those of {arch}'s features: {error}") from error
    if foreign:
        raise ValueError(f"the weights given for {arch} hold foreign entries: {', '.join(sorted(foreign)[:5])}")
