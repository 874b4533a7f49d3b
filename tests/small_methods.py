"""A plugin for tests: small methods that learn, fail or hang.

Loaded by `--plugin`, in the test's process and in the child processes alike.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from methods import training
from methods.base import Batch, Condition, FitContext, Method, Synthesis, TrainingData
from methods.card import MethodCard
from mrnet import checkpoint, files


def _card(name: str, **options) -> MethodCard:
    return MethodCard(
        name=name, title=name.title(), summary="for tests", paper="", year=2020, licence="MIT", version=1, **options
    )


class Tiny(Method):
    """Learns the mean training target times `gain`; its images also depend on the reference, so that order shows."""

    card = _card("tiny", parameters={"gain": 1.0}, seeded=False)

    def fit(self, data: TrainingData, context: FitContext) -> None:
        steps = context.schedule.steps
        self._mean = data.batch(range(len(data))).target.mean(dim=0) * self.parameters["gain"]
        for step in range(steps):
            context.on_step(step + 1, steps, {"total": 1.0 / (step + 1)})

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=(0.5 * self._mean + 0.5 * condition.image).clamp(-1, 1))

    def save(self, folder: Path) -> None:
        files.write_text(folder / "mean.json", json.dumps(self._mean.tolist()))

    def load(self, folder: Path) -> None:
        self._mean = torch.tensor(json.loads((folder / "mean.json").read_text()))


class Scene(Tiny):
    """An inpainter, by its card."""

    card = _card("scene", parameters={"gain": 1.0}, seeded=False, scene_only=True)


class Looped(Method):
    """One convolution, trained by the shared loop. pause_s: a nap in every step, so that a test can interrupt it."""

    card = _card("looped", parameters={"pause_s": 0.0})

    def _build(self) -> None:
        self._network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Dropout(0.1), nn.Tanh())

    def fit(self, data: TrainingData, context: FitContext) -> None:
        torch.manual_seed(context.seed)
        self._build()

        def loss(batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
            time.sleep(self.parameters["pause_s"])
            error = (self._network(batch.condition.image) - batch.target).square().mean()
            return error, {"error": error}

        optimizer = torch.optim.Adam(self._network.parameters())
        fabric = training.make_fabric("cpu", "fp32")
        training.train(training.Program.single(self._network, optimizer, loss), data, context, fabric)

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=self._network.eval()(condition.image))

    def save(self, folder: Path) -> None:
        checkpoint.save(folder / "model.safetensors", self._network, {})

    def load(self, folder: Path) -> None:
        self._build()
        checkpoint.load(folder / "model.safetensors", self._network)


class Broken(Tiny):
    """Its training raises."""

    card = _card("broken")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        raise RuntimeError("the wheels came off")


class Killed(Tiny):
    """Its training is killed, as by the system when memory runs out."""

    card = _card("killed")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Hangs(Tiny):
    """Its training lasts until interrupted."""

    card = _card("hangs")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        (context.folder / "started").write_text(str(os.getpid()))
        time.sleep(600)


class NotFinite(Tiny):
    """Trains, then makes images that are not finite."""

    card = _card("notfinite", learns=False)

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=torch.full_like(condition.image, float("nan")))


class Picky(Tiny):
    """Refuses small images."""

    card = _card("picky", min_size_px=4096)
