"""Feature extractors of the set metrics: EfficientNet-Lite0, made one of torch-fidelity's, its own Inception-v3, and
the two of `harness.metrics.inception`.

Features are extracted once an image and shared by all set metrics. Images enter as uint8 RGB at native size; the
extractor resizes. Both sides of a distance are treated alike: an image that is not square is squeezed into the square.
"""

from __future__ import annotations

import pickle
import textwrap
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor
from torch.nn import functional
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from harness.arithmetic import exact_float32
from harness.errors import UserError, unknown
from harness.metrics.base import EXTRACTORS, ExtractorInfo
from harness.metrics.inception import InceptionBgr, InceptionTorchvision

EFFICIENTNET_LITE0 = "efficientnet-lite0"

_INPUT_SIDE_PX = 224
_MEAN, _STD = 0.498, 0.502  # of the published classifier, for RGB in [0, 1]
_UINT8_RANGE = 255.0
_ERROR_CHARACTERS = 240


class Features(NamedTuple):
    """What an image is to an extractor: features (D,) for distances, logits (classes,) for the score, float32."""

    features: np.ndarray
    logits: np.ndarray


class EfficientNetLite0(FeatureExtractorBase):
    """EfficientNet-Lite0 trained on ImageNet: '1280', the pooled features, and 'logits' of 1000 classes.

    name, features_list: as torch-fidelity gives them. feature_extractor_weights_path: the state dict's file.
    """

    # torch-fidelity hands every extractor all keyword arguments of its call, so that `unused` cannot be left out
    def __init__(
        self, name: str, features_list: list[str], feature_extractor_weights_path: str | None = None, **unused: object
    ):
        super().__init__(name, features_list)
        if feature_extractor_weights_path is None:
            raise UserError(f"{name} needs feature_extractor_weights_path. Run: bench weights fetch efficientnet_lite0")
        # initial weights are replaced at once; drawing them must not move the caller's random numbers
        with torch.random.fork_rng(devices=[]):
            self.network = EfficientNet.from_name(EFFICIENTNET_LITE0)
        self.network.load_state_dict(_read_state_dict(Path(feature_extractor_weights_path)), strict=True)
        self.requires_grad_(False).eval()

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return "1280", "logits"

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return {"isc": "logits", "fid": "1280", "kid": "1280", "prc": "1280"}[metric]

    @staticmethod
    def can_be_compiled() -> bool:
        return True

    @staticmethod
    def get_dummy_input_for_compile() -> Tensor:
        return torch.zeros(1, 3, _INPUT_SIDE_PX, _INPUT_SIDE_PX, dtype=torch.uint8)

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) uint8 RGB to the requested features, (B, 1280) and (B, 1000) float32, in the order requested."""
        if input.dtype != torch.uint8 or input.ndim != 4 or input.shape[1] != 3:
            raise ValueError(f"expected (B, 3, H, W) uint8, got {tuple(input.shape)} {input.dtype}")
        side = (_INPUT_SIDE_PX, _INPUT_SIDE_PX)
        images = functional.interpolate(
            input.float() / _UINT8_RANGE, size=side, mode="bilinear", align_corners=False, antialias=True
        )
        pooled = self.network.extract_features((images - _MEAN) / _STD).mean(dim=(2, 3))
        found = {"1280": pooled, "logits": self.network._fc(pooled)}
        return tuple(found[name] for name in self.features_list)


_OURS = {
    EFFICIENTNET_LITE0: EfficientNetLite0,
    "inception-v3-bgr": InceptionBgr,
    "inception-v3-torchvision": InceptionTorchvision,
}


def register_extractors() -> None:
    """Make our extractors known to torch-fidelity; a second call does nothing."""
    for name, extractor in _OURS.items():
        if name not in FEATURE_EXTRACTORS_REGISTRY:
            register_feature_extractor(name, extractor)


def build_extractor(name: str, weights_path: Path, device: str = "cpu") -> FeatureExtractorBase:
    """The extractor called `name` (a key of EXTRACTORS) with its weights, giving both layers the metrics use.

    Raises UserError for an unknown name, or a file that is not the network's state dict.
    """
    if name not in EXTRACTORS:
        raise unknown("feature extractor", name, EXTRACTORS)
    info = EXTRACTORS[name]
    register_extractors()
    # torch-fidelity itself would unpickle anything; a file that holds more than tensors ends here
    _read_state_dict(weights_path)
    try:
        with torch.random.fork_rng(devices=[]):
            network = FEATURE_EXTRACTORS_REGISTRY[name](
                name, [info.feature_layer, info.score_layer], feature_extractor_weights_path=str(weights_path)
            )
    except RuntimeError as error:
        raise UserError(
            f"{weights_path} does not hold the weights of {info.title}: {_short(error)}. "
            f"Run: bench weights fetch {info.asset}"
        ) from error
    return network.requires_grad_(False).eval().to(torch.device(device))


def describe(image: np.ndarray, extractor: FeatureExtractorBase, device: str) -> Features:
    """What one (H, W, 3) uint8 image of any size is to an extractor, on the CPU.

    The network sees the image alone, in full float32 on one thread, so that no bit depends on other images. Several
    threads may ask one extractor at once. Raises UserError for numbers that are not finite.
    """
    info: ExtractorInfo = EXTRACTORS[extractor.get_name()]
    with exact_float32():
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(torch.device(device)).permute(2, 0, 1)[None]
        found = extractor.convert_features_tuple_to_dict(extractor(pixels.contiguous()))
        features, logits = (found[layer][0].cpu().numpy() for layer in (info.feature_layer, info.score_layer))
    if not (np.isfinite(features).all() and np.isfinite(logits).all()):
        raise UserError(f"{info.title} gives NaN or infinity for the image. Its weights may be damaged: {info.asset}")
    return Features(features, logits)


def _short(error: Exception) -> str:
    """torch names every tensor that lacks; the first few tell enough."""
    return textwrap.shorten(str(error), _ERROR_CHARACTERS, placeholder=" …")


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    """Named tensors from a .pth file, by the loader that admits nothing else."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"no weights at {path}. List what is there: bench weights list") from error
    except (pickle.UnpicklingError, EOFError, RuntimeError, ValueError) as error:
        raise UserError(f"{path} was not opened: {_short(error)}. Only files of tensors are read") from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path} holds no state dict; named tensors are needed")
    return content
