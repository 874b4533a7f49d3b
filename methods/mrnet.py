"""MR-Net as a method: conditions to network inputs, the paper's losses, training and files (paper §III)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from methods import cards
from methods.base import Batch, Condition, Synthesis, TrainingSchedule, WeightSource
from methods.network_method import NetworkMethod
from methods.training import Program, adam
from mrnet import checkpoint
from mrnet.losses import MRNetLoss
from mrnet.network import MRNet
from mrnet.perceptual import PerceptualNetwork
from mrnet.poses import disc_maps, radius_px


class MRNetMethod(NetworkMethod):
    """The paper's model; see `cards.MRNET` for its parameters."""

    card = cards.MRNET

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

    def _program(
        self, network: MRNet, schedule: TrainingSchedule, weights: WeightSource, device: torch.device
    ) -> Program:
        objective = self._objective(weights).to(device, memory_format=torch.channels_last)

        def loss(batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
            passes = network(*self._inputs(batch.condition))
            return objective(passes, batch.target, batch.condition.box, batch.condition.target_box)

        return Program.single(network, adam(network, schedule), loss)

    def _answer(self, network: MRNet, condition: Condition) -> Synthesis:
        passes = network(*self._inputs(condition))
        layers = torch.cat([1 - condition.mask, condition.mask], dim=1)
        return Synthesis(image=passes[-1], passes=tuple(passes), masks=layers)

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return checkpoint.convert_released(state)
