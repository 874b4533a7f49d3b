"""What every method has in common that is one trained network from a condition to an image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from methods import released, training
from methods.base import MODEL, Condition, FitContext, Method, Synthesis, TrainingData, TrainingSchedule, WeightSource
from methods.training import Program
from mrnet import checkpoint


class NetworkMethod(Method):
    """Training, synthesis and files of a network; a subclass says which network, how it learns and what it is fed."""

    _network: nn.Module | None = None

    @abstractmethod
    def _build(self) -> nn.Module:
        """The network that synthesizes, with the method's own random start. ValueError for parameters that misfit."""

    @abstractmethod
    def _program(
        self, network: nn.Module, schedule: TrainingSchedule, weights: WeightSource, device: torch.device
    ) -> Program:
        """How `network` learns. What the program keeps is moved to the device; frozen networks are moved here."""

    @abstractmethod
    def _answer(self, network: nn.Module, condition: Condition) -> Synthesis:
        """The network's answer to a condition, both on its device and the network in evaluation mode."""

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A released checkpoint's entries under this network's names; ValueError for foreign ones, or where no release
        is known."""
        raise ValueError(f"no released weights of {self.card.name} are known")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        fabric = training.make_fabric(context.device, context.precision)
        torch.manual_seed(context.seed)
        network = self._build()
        program = self._program(network, context.schedule, context.weights, fabric.device)
        training.train(program, data, context, fabric)
        self._network = network

    def synthesize(self, condition: Condition) -> Synthesis:
        network = self._trained()
        device = next(network.parameters()).device
        with torch.inference_mode():
            answer = self._answer(network, training.condition_to(condition, device))
        passes = tuple(_on_cpu(image) for image in answer.passes)
        masks = None if answer.masks is None else _on_cpu(answer.masks)
        return Synthesis(image=passes[-1] if passes else _on_cpu(answer.image), passes=passes, masks=masks)

    def networks(self) -> tuple[nn.Module, ...]:
        return (self._trained(),)

    def save(self, folder: Path) -> None:
        facts = {"method": self.card.name, "parameters": repr(sorted(self.parameters.items()))}
        checkpoint.save(folder / MODEL, self._trained(), facts)

    def load(self, folder: Path) -> None:
        network = self._build()
        checkpoint.load(folder / MODEL, network)
        self._take(network)

    def load_released(self, path: Path) -> None:
        network = self._build()
        state = released.modernised(self._renamed(released.read(path)), network)
        checkpoint.load_state(network, state, str(path))
        self._take(network)

    def _take(self, network: nn.Module) -> None:
        self._network = network.to(training.default_device(), memory_format=torch.channels_last).eval()

    def _trained(self) -> nn.Module:
        if self._network is None:
            raise RuntimeError(f"{self.card.title} has no weights yet: call fit or load first")
        return self._network


def _on_cpu(image: Tensor) -> Tensor:
    return image.float().cpu().contiguous()
