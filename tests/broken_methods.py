"""A plugin for tests: an honest method, and for each clause of the contract one that breaks it and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from harness import paths
from methods import training
from methods.base import Batch, Condition, FitContext, Method, Synthesis, TrainingData
from methods.card import MethodCard
from mrnet import checkpoint


def card(name: str) -> MethodCard:
    return MethodCard(name=name, title=name, summary="for tests", paper="", year=2026, licence="MIT", version=1)


class Honest(Method):
    """One convolution over the reference, with dropout in training."""

    card = card("honest")

    def _build(self) -> None:
        self.network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Dropout(0.1), nn.Tanh())

    def fit(self, data: TrainingData, context: FitContext) -> None:
        torch.manual_seed(context.seed)
        self._build()

        def loss(batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
            error = (self.network(batch.condition.image) - batch.target).square().mean()
            return error, {"error": error}

        optimizer = torch.optim.Adam(self.network.parameters())
        program = training.Program.single(self.network, optimizer, loss)
        training.train(program, data, context, training.make_fabric("cpu", context.precision))

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=self.network.eval()(condition.image))

    def save(self, folder: Path) -> None:
        checkpoint.save(folder / "model.safetensors", self.network, {})

    def load(self, folder: Path) -> None:
        self._build()
        checkpoint.load(folder / "model.safetensors", self.network)


class Peeks(Honest):
    """Looks the target up in the frame cache on disk."""

    card = card("peeks")

    def synthesize(self, condition: Condition) -> Synthesis:
        (cached,) = (paths.home() / "cache").glob("*/*/images.npy")
        frames = torch.from_numpy(np.load(cached)).permute(0, 3, 1, 2).float() / 127.5 - 1
        image = super().synthesize(condition).image
        for index, reference in enumerate(condition.image):
            place = int((frames - reference).abs().flatten(1).sum(dim=1).argmin())
            image[index] = 0.9 * image[index] + 0.1 * frames[min(place + 2, len(frames) - 1)]
        return Synthesis(image=image)


@cache
def first_seen() -> np.ndarray:
    """All frames, from the cache of whichever home folder was first."""
    (cached,) = (paths.home() / "cache").glob("*/*/images.npy")
    return np.array(np.load(cached))


class Remembers(Honest):
    """Looks once and keeps what it saw in memory, so that noise put there later comes too late."""

    card = card("remembers")

    def synthesize(self, condition: Condition) -> Synthesis:
        brightness = torch.from_numpy(first_seen().mean(axis=(1, 2, 3), dtype=np.float32)) / 127.5 - 1
        return Synthesis(image=0.9 * super().synthesize(condition).image + 0.1 * brightness[9])


class PeeksWhenTrained(Honest):
    """Keeps the brightness of every cached frame, test targets included, from its training on."""

    card = card("peeks_when_trained")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        super().fit(data, context)
        (cached,) = (paths.home() / "cache").glob("*/*/masks.npy")
        with torch.no_grad():
            self.network[0].bias += float(np.load(cached).mean())


class Reorders(Honest):
    """Gives the batch back in reverse order."""

    card = card("reorders")

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=super().synthesize(condition).image.flip(0))


class ZeroToOne(Honest):
    """Returns images in [0, 1]."""

    card = card("zero_to_one")

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=super().synthesize(condition).image * 0.5 + 0.5)


class Bytes(Honest):
    """Returns images in [0, 255]."""

    card = card("bytes")

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=(super().synthesize(condition).image + 1) * 127.5)


class DependsOnBatch(Honest):
    """Subtracts the batch's mean."""

    card = card("depends_on_batch")

    def synthesize(self, condition: Condition) -> Synthesis:
        image = super().synthesize(condition).image
        return Synthesis(image=(image - 0.1 * image.mean(dim=0)).clamp(-1, 1))


class Forgets(Honest):
    """Saves only half of its state."""

    card = card("forgets")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        super().fit(data, context)
        self.brightness = float(self.network[0].weight.detach().sum())

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=(super().synthesize(condition).image + 0.1 * self.brightness).clamp(-1, 1))

    def load(self, folder: Path) -> None:
        super().load(folder)
        self.brightness = 0.0


class IgnoresSeed(Honest):
    """Trains with a seed of its own."""

    card = card("ignores_seed")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        super().fit(data, replace(context, seed=42))


class Restless(Honest):
    """Draws from whatever state torch's generator is in."""

    card = card("restless")

    def synthesize(self, condition: Condition) -> Synthesis:
        image = super().synthesize(condition).image
        return Synthesis(image=(image + 1e-3 * torch.randn(3, 1, 1)).clamp(-1, 1))


class StartsAnywhere(Honest):
    """Builds its network before anything is seeded."""

    card = card("starts_anywhere")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        self._build()
        start = [parameter.detach().clone() for parameter in self.network.parameters()]
        super().fit(data, context)
        with torch.no_grad():
            for parameter, value in zip(self.network.parameters(), start, strict=True):
                parameter += 1e-3 * value


class LoadsAnything(Honest):
    """Starts afresh where there is nothing to load."""

    card = card("loads_anything")

    def load(self, folder: Path) -> None:
        torch.manual_seed(0)
        if (folder / "model.safetensors").exists():
            super().load(folder)
        else:
            self._build()


class StartsOver(Honest):
    """Counts its steps from the last interruption on, as one does who keeps weights and forgets the step."""

    card = card("starts_over")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        seen: list[int] = []

        def on_step(done, steps, terms):
            seen.append(done)
            context.on_step(done, steps, terms)

        super().fit(data, replace(context, on_step=on_step))
        with torch.no_grad():
            self.network[0].bias += 1e-3 * len(seen)


class NeverAsks(Honest):
    """Trains on when told to stop."""

    card = card("never_asks")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        def on_step(done, steps, terms):
            with suppress(KeyboardInterrupt):
                context.on_step(done, steps, terms)

        super().fit(data, replace(context, stop=lambda: False, on_step=on_step))


class Silent(Honest):
    """Tells nobody how far its training is."""

    card = card("silent")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        fresh = FitContext(context.folder, context.seed, context.schedule, context.weights, precision="fp32")
        super().fit(data, fresh)


class Scribbles(Honest):
    """Paints over the condition it was given."""

    card = card("scribbles")

    def synthesize(self, condition: Condition) -> Synthesis:
        answer = super().synthesize(condition)
        condition.image.mul_(0.5)
        return answer


class WrongSize(Honest):
    """Returns images of half the size."""

    card = card("wrong_size")

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=super().synthesize(condition).image[..., ::2, ::2])


class OneTooFew(Honest):
    """Drops the last image of a batch."""

    card = card("one_too_few")

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=super().synthesize(condition).image[:-1])


class NotFinite(Honest):
    """Divides by zero where a joint is missing."""

    card = card("not_finite")

    def synthesize(self, condition: Condition) -> Synthesis:
        image = super().synthesize(condition).image
        return Synthesis(image=image + 0 * condition.target_joints.sum(dim=(1, 2))[:, None, None, None])


class PassesBackwards(Honest):
    """Names its passes from the last to the first."""

    card = card("passes_backwards")

    def synthesize(self, condition: Condition) -> Synthesis:
        image = super().synthesize(condition).image
        return Synthesis(image=image, passes=(image, image * 0.5))


class Bare(Honest):
    """Returns the tensor itself."""

    card = card("bare")

    def synthesize(self, condition: Condition) -> Synthesis:
        return super().synthesize(condition).image


class Whole(Honest):
    """Returns whole numbers."""

    card = card("whole")

    def synthesize(self, condition: Condition) -> Synthesis:
        return Synthesis(image=super().synthesize(condition).image.round().long())


class Quits(Honest):
    """Ends the process instead of answering."""

    card = card("quits")

    def synthesize(self, condition: Condition) -> Synthesis:
        raise SystemExit(0)


class SaysUnseeded(Honest):
    """Its card denies that its training draws random numbers."""

    card = replace(card("says_unseeded"), seeded=False)


class Crashes(Honest):
    """Its training raises."""

    card = card("crashes")

    def fit(self, data: TrainingData, context: FitContext) -> None:
        raise RuntimeError("the wheels came off")
