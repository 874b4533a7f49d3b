"""MR-Net as a method: conditions to network inputs, the paper's losses, training and files (paper §III)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from methods import cards, training
from methods.base import MODEL, Batch, Condition, FitContext, Method, Synthesis, TrainingData, WeightSource
from methods.card import DatasetInfo
from mrnet import checkpoint
from mrnet.losses import MRNetLoss
from mrnet.network import MRNet
from mrnet.perceptual import PerceptualNetwork
from mrnet.poses import disc_maps, radius_px


class MRNetMethod(Method):
    """The paper's model; see `cards.MRNET` for its parameters."""

    card = cards.MRNET

    def __init__(self, info: DatasetInfo, parameters: Mapping[str, object]):
        super().__init__(info, parameters)
        self._network: MRNet | None = None

    def _build(self) -> MRNet:
        options = self.parameters
        common = {
            "pose_channels": len(self.info.skeleton),
            "passes": options["passes"],
            "non_local": options["non_local"],
            "two_path": options["two_path"],
        }
        if options["composition"] == "paper":
            return MRNet.paper(width=options["width"], **common)
        if options["composition"] == "released":
            return MRNet.released(**common)
        raise ValueError(f"mrnet.composition is 'paper' or 'released', got {options['composition']!r}")

    def _objective(self, weights: WeightSource) -> MRNetLoss:
        asset = str(self.parameters["perceptual_network"])
        lambdas = {"lambda1": self.parameters["lambda1"], "lambda2": self.parameters["lambda2"]}
        if self.parameters["composition"] == "released":
            if asset != "vgg19":
                raise ValueError(f"mrnet.composition=released was trained with vgg19, got perceptual_network={asset}")
            return MRNetLoss.released(weights.state_dict(asset), **lambdas)
        return MRNetLoss(PerceptualNetwork(asset, weights.state_dict(asset)), **lambdas)

    def _inputs(self, condition: Condition) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pose maps (B, J, H, W), person I_h, background I_bkg (B, 3, H, W), mask M (B, 1, H, W); removed areas: 0."""
        size_px = self.info.size_px
        pose = disc_maps(condition.target_joints, size_px, radius_px(size_px))
        pose = pose.to(memory_format=torch.channels_last)
        return pose, condition.image * condition.mask, condition.image * (1 - condition.mask), condition.mask

    def fit(self, data: TrainingData, context: FitContext) -> None:
        fabric = training.make_fabric(context.device, context.precision)
        torch.manual_seed(context.seed)
        network = self._build()
        objective = self._objective(context.weights).to(fabric.device, memory_format=torch.channels_last)

        def loss(batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
            passes = network(*self._inputs(batch.condition))
            return objective(passes, batch.target, batch.condition.box, batch.condition.target_box)

        optimizer = torch.optim.Adam(
            network.parameters(),
            lr=context.schedule.learning_rate,
            weight_decay=context.schedule.weight_decay,
            fused=True,  # one sweep over 12.8 million parameters instead of eight
        )
        training.train(network, loss, optimizer, data, context, fabric)
        self._network = network

    def synthesize(self, condition: Condition) -> Synthesis:
        network = self._trained()
        device = next(network.parameters()).device
        with torch.inference_mode():
            passes = network(*self._inputs(training.condition_to(condition, device)))
        images = tuple(image.float().cpu().contiguous() for image in passes)
        return Synthesis(image=images[-1], passes=images)

    def save(self, folder: Path) -> None:
        checkpoint.save(folder / MODEL, self._trained(), {"parameters": repr(sorted(self.parameters.items()))})

    def load(self, folder: Path) -> None:
        network = self._build()
        checkpoint.load(folder / MODEL, network)
        self._network = network.to(training.default_device(), memory_format=torch.channels_last).eval()

    def _trained(self) -> MRNet:
        if self._network is None:
            raise RuntimeError("MR-Net has no weights yet: call fit or load first")
        return self._network
