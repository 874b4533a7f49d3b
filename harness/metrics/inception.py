"""The two Inception-v3 networks of MR-Net's released script, as extractors of torch-fidelity's kind (metrics.md §1, a).

For its FID the script runs the TensorFlow-ported network on images that OpenCV read, so in the order BGR, resized with
plain bilinear interpolation; for its score torchvision's network on RGB, resized with aligned corners. torch-fidelity's
own extractor of the same ported weights resizes as TensorFlow 1 did, and reads RGB.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchvision.models import inception_v3

_SIDE_PX = 299
_UINT8_RANGE = 255.0


def _resized(images: Tensor, align_corners: bool) -> Tensor:
    """(B, 3, H, W) uint8 as (B, 3, 299, 299) float32 in [-1, 1]."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"expected (B, 3, H, W) uint8, got {tuple(images.shape)} {images.dtype}")
    scaled = images.float() / _UINT8_RANGE * 2 - 1
    return functional.interpolate(scaled, (_SIDE_PX, _SIDE_PX), mode="bilinear", align_corners=align_corners)


class InceptionBgr(FeatureExtractorInceptionV3):
    """The TensorFlow-ported Inception-v3 on images whose channels are turned to BGR."""

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) uint8 RGB to the requested features: '2048' (B, 2048), 'logits_unbiased' (B, 1008)."""
        values = _resized(input.flip(1), align_corners=False)
        *layers, classifier = self.children()
        for layer in layers:
            values = layer(values)
        pooled = values.flatten(1)
        found = {"2048": pooled, "logits_unbiased": pooled @ classifier.weight.T}
        return tuple(found[name] for name in self.features_list)


class InceptionTorchvision(FeatureExtractorBase):
    """torchvision's Inception-v3, trained on ImageNet: '2048', the pooled features, and 'logits' of 1000 classes."""

    # torch-fidelity hands every extractor all keyword arguments of its call, so that `unused` cannot be left out
    def __init__(
        self, name: str, features_list: list[str], feature_extractor_weights_path: str | None = None, **unused: object
    ):
        super().__init__(name, features_list)
        self.network = inception_v3(weights=None, transform_input=False, init_weights=False)
        tensors = torch.load(feature_extractor_weights_path, map_location="cpu", weights_only=True)
        self.network.load_state_dict(tensors, strict=True)
        self.classifier, self.network.fc = self.network.fc, nn.Identity()
        self.requires_grad_(False).eval()

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return "2048", "logits"

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return {"isc": "logits", "fid": "2048", "kid": "2048", "prc": "2048"}[metric]

    @staticmethod
    def can_be_compiled() -> bool:
        return True

    @staticmethod
    def get_dummy_input_for_compile() -> Tensor:
        return torch.zeros(1, 3, _SIDE_PX, _SIDE_PX, dtype=torch.uint8)

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) uint8 RGB to the requested features, in the order requested."""
        pooled = self.network(_resized(input, align_corners=True))
        found = {"2048": pooled, "logits": self.classifier(pooled)}
        return tuple(found[name] for name in self.features_list)
