"""The types every method and the harness share. Importing this module does not import torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from methods.card import DatasetInfo, MethodCard

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mrnet.skeletons import Skeleton


TRAIN_LOG = "train.csv"
CHECKPOINT = "checkpoint"
MODEL = "model.safetensors"
"""Names in a training's folder: a row a step, the state to resume from, the weights (DESIGN §4)."""


@dataclass(frozen=True)
class Condition:
    """What a method may see of B pairs at test time: no target pixel, no path, no name.

    image: (B, 3, H, W) float32 in [-1, 1], the reference image I_r.
    mask: (B, 1, H, W) float32 in {0, 1}, 1 = person, of the reference image.
    joints: (B, J, 2) float32, (x, y) in pixels of the H×W image, 0-based pixel centres, NaN = missing; reference pose.
    box: (B, 4) float32, xyxy, 0-based, end-exclusive, pixels: the person's box in the reference.
    target_joints, target_box: the same for the target.
    """

    image: Tensor
    mask: Tensor
    joints: Tensor
    box: Tensor
    target_joints: Tensor
    target_box: Tensor
    skeleton: Skeleton

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True)
class Batch:
    """A training batch: the condition, its target (B, 3, H, W) in [-1, 1] and the target's person mask (B, 1, H, W)."""

    condition: Condition
    target: Tensor
    target_mask: Tensor


@dataclass(frozen=True)
class Synthesis:
    """A method's answer.

    image: (B, 3, H, W) float in [-1, 1], in the order of the condition.
    passes: one such image a refinement pass, the last equal to `image`; empty where the method has no passes.
    masks: (B, K, H, W) in [0, 1], adding up to 1, the layers a method cuts the reference into, learned, drawn or
    given, the background first; None where it cuts nothing.
    """

    image: Tensor
    passes: tuple[Tensor, ...] = ()
    masks: Tensor | None = None


class TrainingData(Protocol):
    """Training pairs by index; any index order gives the same pair."""

    info: DatasetInfo

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int]) -> Batch:
        """The pairs at `indices`, as one batch on the CPU."""
        ...


class WeightSource(Protocol):
    """Where pretrained networks come from; a method downloads nothing."""

    def state_dict(self, asset: str) -> dict[str, Tensor]:
        """The asset's tensors under torchvision's names (`features.0.weight`, …), float32 on the CPU."""
        ...


@dataclass(frozen=True)
class TrainingSchedule:
    """How long and how fast a method trains.

    steps: optimiser steps. batch_size: pairs a step. warmup_steps: linear warm-up of the learning rate.
    decay: `constant`, `cosine` (to zero at the last step) or `linear`: full for `hold_steps`, then down to zero in the
    last stair, in stairs of `stair_steps` (an epoch's, where a release changes its rate once an epoch); or `halving`:
    to the half after every `stair_steps`.
    weight_decay: L2 term added to the gradient. checkpoint_every: steps between checkpoints.
    """

    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int = 0
    decay: str = "constant"
    hold_steps: int = 0
    stair_steps: int = 1
    weight_decay: float = 0.0
    checkpoint_every: int = 100


def ignore_step(done: int, steps: int, terms: Mapping[str, float]) -> None:
    """The silent progress display."""


def never() -> bool:
    """Nobody asks to stop."""
    return False


@dataclass(frozen=True)
class FitContext:
    """Everything `fit` gets beside the data.

    folder: the training's own folder; TRAIN_LOG and CHECKPOINT live there, so that a second call resumes.
    precision: `auto` (bf16 where the chip has it), `bf16` or `fp32`.
    on_step: called after each step with steps done, steps in all and the loss terms; for progress display.
    stop: asked after each step; true where the user wants to stop, then `fit` keeps a checkpoint and raises
    KeyboardInterrupt. A `fit` that never asks is interrupted at once.
    """

    folder: Path
    seed: int
    schedule: TrainingSchedule
    weights: WeightSource
    device: str = "auto"
    precision: str = "auto"
    on_step: Callable[[int, int, Mapping[str, float]], None] = ignore_step
    stop: Callable[[], bool] = never


class Method(ABC):
    """Anything that turns conditions into images. The registry builds it from a dataset's info and its parameters."""

    card: ClassVar[MethodCard]

    def __init__(self, info: DatasetInfo, parameters: Mapping[str, object]):
        self.info = info
        self.parameters = dict(parameters)

    def fit(self, data: TrainingData, context: FitContext) -> None:
        """Learn from `data` within the context's budget; resumes from `context.folder`. Nothing to learn by default."""

    @abstractmethod
    def synthesize(self, condition: Condition) -> Synthesis:
        """One image a pair, (B, 3, H, W) in [-1, 1], in the condition's order, whatever else is in the batch."""

    def learners(self) -> Mapping[str, Method]:
        """What is trained by itself, by name: this method where it learns, or the parts of a wrapper."""
        return {self.card.name: self} if self.card.learns else {}

    def networks(self) -> Iterable[nn.Module]:
        """The networks that `synthesize` uses, for counting what they hold; none by default."""
        return ()

    def save(self, folder: Path) -> None:
        """Write what `load` needs into `folder`. Nothing by default."""

    def load(self, folder: Path) -> None:
        """Strictly restore what `save` wrote."""

    def load_released(self, path: Path) -> None:
        """Strictly fill the method from a checkpoint file of its authors; ValueError for one that does not fit."""
        raise ValueError(f"no released weights of {self.card.name} are known")


class SynthesisFailed(Exception):
    """A method has no image for a pair; the text tells the user why."""


class AllAtOnce(Method):
    """A method that is asked once for all pairs of a cell, since every start of it is expensive."""

    @abstractmethod
    def synthesize_all(self, conditions: Iterable[Condition]) -> Iterator[tuple[int, Synthesis]]:
        """The place of each condition (of one pair each) and its image, in any order.

        What is made is kept: images come first, then SynthesisFailed if one lacks.
        """

    def synthesize(self, condition: Condition) -> Synthesis:
        """As any method's."""
        import torch

        pairs = range(len(condition))
        found = dict(self.synthesize_all(_pair(condition, index) for index in pairs))
        return Synthesis(torch.cat([found[index].image for index in pairs]))


def _pair(condition: Condition, index: int) -> Condition:
    """One pair of a condition."""
    names = ("image", "mask", "joints", "box", "target_joints", "target_box")
    return replace(condition, **{name: getattr(condition, name)[index : index + 1] for name in names})
