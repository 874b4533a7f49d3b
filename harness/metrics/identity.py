"""Identity: how alike two person crops look to a network, as the cosine of their features.

Offline the network is EfficientNet-Lite0, which was trained to tell objects apart and not persons: it sees clothes,
colours and the pose. DINOv2 (Oquab et al., arXiv:2304.07193), where its weights are at hand, is the better judge. The
value of the control `target` is 1; those of `copy` and `mean` say what likeness is worth nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from harness.arithmetic import exact_float32
from harness.errors import UserError
from harness.metrics.base import EXTRACTORS, IdentityInfo
from harness.metrics.features import build_extractor
from harness.metrics.regions import box_slices
from harness.weights import WeightStore

_DINOV2_SIDE_PX = 224
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_UINT8_RANGE = 255.0


class Identity:
    """Unit-length features of person crops by one of `base.IDENTITIES`; may be called from several threads.

    UserError where the weights are missing or damaged, or the library that runs the network is not installed.
    """

    def __init__(self, info: IdentityInfo, weights: WeightStore, device: str = "cpu"):
        self._device = torch.device(device)
        self._network = _dinov2(weights, info) if info.name not in EXTRACTORS else _extractor(weights, info, device)

    def __call__(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        """(D,) float32 of length 1: features of the pixels of an (H, W, 3) uint8 image that a box touches."""
        rows, columns = box_slices(box, image.shape[:2])
        crop = torch.from_numpy(np.ascontiguousarray(image[rows, columns])).permute(2, 0, 1)[None].to(self._device)
        with exact_float32():
            features = self._network(crop)[0]
            return (features / features.norm()).cpu().numpy()


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine of two features of length 1, in [-1, 1]."""
    return float(np.clip(first.astype(np.float64) @ second.astype(np.float64), -1, 1))


def _extractor(weights: WeightStore, info: IdentityInfo, device: str) -> Callable[[Tensor], Tensor]:
    network = build_extractor(info.name, weights.path(info.asset), device)
    layer = EXTRACTORS[info.name].feature_layer
    return lambda crop: network.convert_features_tuple_to_dict(network(crop))[layer]


def _dinov2(weights: WeightStore, info: IdentityInfo) -> Callable[[Tensor], Tensor]:
    """DINOv2's class token of a crop resized to 224×224, bilinear with antialias."""
    try:
        from timm.models import create_model
        from timm.models.vision_transformer import checkpoint_filter_fn
    except ImportError as error:
        raise UserError(f"{info.title} needs the package timm. Run: pip install 'mrnet-bench[dinov2]'") from error
    with torch.random.fork_rng(devices=[]):
        network = create_model("vit_small_patch14_dinov2", pretrained=False, img_size=_DINOV2_SIDE_PX, num_classes=0)
    try:
        network.load_state_dict(checkpoint_filter_fn(weights.state_dict(info.asset), network), strict=True)
    except RuntimeError as error:
        raise UserError(
            f"{weights.path(info.asset)} does not hold the weights of {info.title}. "
            f"Run: bench weights fetch {info.asset}"
        ) from error
    network.requires_grad_(False).eval()
    mean, std = (torch.tensor(values)[:, None, None] for values in (_IMAGENET_MEAN, _IMAGENET_STD))

    def features(crop: Tensor) -> Tensor:
        side = (_DINOV2_SIDE_PX, _DINOV2_SIDE_PX)
        image = torch.nn.functional.interpolate(
            crop.cpu().float() / _UINT8_RANGE, size=side, mode="bilinear", align_corners=False, antialias=True
        )
        return network((image - mean) / std)

    return features
