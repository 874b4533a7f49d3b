"""Feature extractors of the set metrics: EfficientNet-Lite0, made one of torch-fidelity's, and its own Inception-v3.

Features are extracted once an image set and shared by all set metrics. Images enter as uint8 RGB at native size; the
extractor resizes. Both sides of a distance are treated alike: an image that is not square is squeezed into the square.
"""

from __future__ import annotations

import pickle
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor
from torch.nn import functional
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from harness.arithmetic import NETWORK_BATCH, exact_float32
from harness.errors import UserError, unknown
from harness.metrics.base import EXTRACTORS, ExtractorInfo

EFFICIENTNET_LITE0 = "efficientnet-lite0"

_INPUT_SIDE_PX = 224
_MEAN, _STD = 0.498, 0.502  # of the published classifier, for RGB in [0, 1]
_UINT8_RANGE = 255.0
_ERROR_CHARACTERS = 240


@dataclass(frozen=True)
class Features:
    """What a set of N images is to an extractor: features (N, D) for distances, logits (N, classes) for the score."""

    features: Tensor
    logits: Tensor

    def __len__(self) -> int:
        return len(self.features)


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
        return {"isc": "logits", "fid": "1280", "kid": "1280"}[metric]

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


def register_extractors() -> None:
    """Make EfficientNet-Lite0 known to torch-fidelity; a second call does nothing."""
    if EFFICIENTNET_LITE0 not in FEATURE_EXTRACTORS_REGISTRY:
        register_feature_extractor(EFFICIENTNET_LITE0, EfficientNetLite0)


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


def extract(images: Iterable[np.ndarray], extractor: FeatureExtractorBase, batch_size: int, device: str) -> Features:
    """Features of (H, W, 3) uint8 images of one size, on the CPU, in their order.

    batch_size: images read and moved to the device together; a matter of memory and speed that changes no bit, since
    the network itself always sees NETWORK_BATCH of them. Raises UserError for images of several sizes.
    """
    info: ExtractorInfo = EXTRACTORS[extractor.get_name()]
    parts: dict[str, list[Tensor]] = {info.feature_layer: [], info.score_layer: []}
    with exact_float32():
        for chunk in _chunks(images, batch_size):
            if len({image.shape for image in chunk}) > 1:
                raise UserError(f"images of several sizes in one set: {sorted({image.shape for image in chunk})}")
            pixels = torch.from_numpy(np.stack(chunk)).to(torch.device(device)).permute(0, 3, 1, 2).contiguous()
            for few in pixels.split(NETWORK_BATCH):
                found = extractor.convert_features_tuple_to_dict(extractor(few))
                for layer, values in found.items():
                    parts[layer].append(values.cpu())
    if not parts[info.feature_layer]:
        raise UserError(f"no image to extract {info.title} features from")
    # copies made outside inference mode are ordinary tensors
    return Features(*(torch.cat(parts[layer]).clone() for layer in (info.feature_layer, info.score_layer)))


def _chunks(images: Iterable[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    iterator = iter(images)
    while chunk := list(islice(iterator, size)):
        yield chunk


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
