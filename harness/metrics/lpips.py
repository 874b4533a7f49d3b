"""LPIPS 0.1 (Zhang et al. 2018) with the trunk of AlexNet or VGG-16: value and map from one forward pass, by the lpips
package.

Per layer l: d_l = w_l · (x̂_l - ŷ_l)², channels normalised to unit length. The value is Σ_l mean(d_l), what
`lpips.LPIPS()` returns; the map is Σ_l d_l enlarged bilinearly to the image's size, what `lpips.LPIPS(spatial=True)`
returns. Their means differ a little, which is why the value is not taken from the map.
The linear heads w ship with the package; the trunk comes from the weight store.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import lpips
import numpy as np
import torch
from torch import Tensor, nn

from harness.arithmetic import exact_float32
from harness.errors import UserError
from harness.images import from_uint8
from harness.metrics.protocol import LpipsConstants


class LpipsResult(NamedTuple):
    """value: LPIPS of the whole image. map: (H, W) float32, LPIPS around each pixel."""

    value: float
    map: np.ndarray


class Lpips:
    """LPIPS between two images.

    trunk: the tensors of the constants' network under torchvision's names (`features.0.weight`, …).
    Raises UserError if a tensor is missing or has another shape.
    """

    def __init__(self, trunk: Mapping[str, Tensor], constants: LpipsConstants, device: str = "cpu"):
        self.constants = constants
        self.device = torch.device(device)
        self.network = _network(constants)
        _load_trunk(self.network.net, trunk, constants)
        self.network.requires_grad_(False).eval().to(self.device)

    def __call__(self, generated: np.ndarray, target: np.ndarray) -> LpipsResult:
        """LPIPS of two (H, W, 3) uint8 images of one size. UserError for a side under `min_side_px`."""
        height, width = target.shape[:2]
        if min(height, width) < self.constants.min_side_px:
            raise UserError(f"the image is {height}×{width}; LPIPS needs {self.constants.min_side_px} px a side")
        with exact_float32():
            layers = self._layer_maps(self._tensor(generated), self._tensor(target))  # (1, 1, h_l, w_l) each
            value = sum(lpips.spatial_average(layer) for layer in layers)
            spatial = sum(lpips.upsample(layer, out_HW=(height, width)) for layer in layers)
        return LpipsResult(float(value), spatial[0, 0].cpu().numpy())

    def _tensor(self, image: np.ndarray) -> Tensor:
        return from_uint8(image)[None].to(self.device)

    def _layer_maps(self, first: Tensor, second: Tensor) -> list[Tensor]:
        network = self.network
        features = zip(
            network.net(network.scaling_layer(first)), network.net(network.scaling_layer(second)), strict=True
        )
        differences = [(lpips.normalize_tensor(a) - lpips.normalize_tensor(b)) ** 2 for a, b in features]
        return [head(difference) for head, difference in zip(network.lins, differences, strict=True)]


def _network(constants: LpipsConstants) -> nn.Module:
    """The package's module, its trunk still random; the caller's random numbers are left as they were."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        # lpips still uses torchvision's old names of the `weights` argument
        warnings.filterwarnings("ignore", message="The parameter 'pretrained'")
        warnings.filterwarnings("ignore", message="Arguments other than a weight enum")
        return lpips.LPIPS(net=constants.net, version=constants.version, pnet_rand=True, verbose=False)


def _load_trunk(trunk: nn.Module, tensors: Mapping[str, Tensor], constants: LpipsConstants) -> None:
    """Load `features.N.*` into lpips' `sliceK.N.*`: both number layers as torchvision does."""
    names = {key: "features." + key.split(".", 1)[1] for key in trunk.state_dict()}
    missing = sorted(set(names.values()) - set(tensors))
    extra = sorted(key for key in set(tensors) - set(names.values()) if key.startswith("features."))
    if missing or extra:
        raise UserError(
            f"the weights {constants.asset} do not fit LPIPS: missing {missing}, unexpected {extra}. "
            f"Run: bench weights fetch {constants.asset}"
        )
    try:
        trunk.load_state_dict({key: tensors[name] for key, name in names.items()}, strict=True)
    except RuntimeError as error:
        raise UserError(f"the weights {constants.asset} do not fit LPIPS: {error}") from error
