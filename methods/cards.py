"""The cards of the built-in methods, apart from their networks so that `bench list` and `--plan` need no torch."""

from __future__ import annotations

from types import MappingProxyType

from methods.card import MethodCard

MRNET = MethodCard(
    name="mrnet",
    title="MR-Net",
    summary="Pose, foreground and background encoders, one decoder, iterative refinement, RoI perceptual loss.",
    paper="Xu et al., Pose-Guided Person Image Synthesis in the Non-Iconic Views, IEEE TIP 2020",
    year=2020,
    licence="MIT (this re-implementation)",
    version=1,
    parameters=MappingProxyType(
        {
            "composition": "paper",  # `paper` or `released`: docs/decisions.md
            "width": 32,  # channels of the first layers; the paper's 32
            "passes": 3,  # refinement passes
            "non_local": True,
            "two_path": True,  # pose-guided two-pathway encoder; false: one encoder over pose and person
            "lambda1": 0.5,  # weight of the perceptual loss, eq. 1
            "lambda2": 0.05,  # weight of the RoI perceptual loss, eq. 1
            "perceptual_network": "vgg19",
        }
    ),
    reduced=MappingProxyType({"width": 2, "passes": 2, "perceptual_network": "vgg16"}),
    weight_parameters=("perceptual_network",),
    needs_masks=True,
    size_multiple=16,
    min_size_px=32,
)
