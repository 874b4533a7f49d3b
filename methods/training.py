"""The one training loop (Lightning Fabric): device, precision, channels-last, log, checkpoint and resume.

A training is a `Program`: networks, and phases in which one optimiser or several take turns in every step. The sampler
is indexed by step and every step seeds torch from (seed, step), so an interrupted and resumed training equals an
uninterrupted one bit for bit on the same machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from methods.base import CHECKPOINT, TRAIN_LOG, Batch, Condition, FitContext, TrainingData, TrainingSchedule
from methods.schedule import indices_of_step, learning_rate_at
from methods.train_log import TrainingLog
from mrnet import files

if TYPE_CHECKING:
    from lightning_fabric import Fabric

CHECKPOINT_NAME = "training.pt"

Loss = Callable[[Any], tuple[Tensor, Mapping[str, Tensor]]]
"""What a phase's `make` gave to the loss and the terms to log with it."""


class TrainingDiverged(RuntimeError):
    """A loss that is not finite; the text names the step and every term."""


@dataclass(frozen=True)
class Turn:
    """One optimiser's turn in a step: it alone follows the loss, and no other parameter gets a gradient.

    name: the loss's column in the log.
    """

    name: str
    optimizer: torch.optim.Optimizer
    loss: Loss


@dataclass(frozen=True)
class Phase:
    """Steps of one kind: what is made of a batch once, and the turns that learn from it, in their order.

    make: from a batch on the device to what the turns' losses take, with the gradients that they need. A later turn
    sees what the earlier ones made of the networks, but not of what was made. One optimiser may take several turns.
    until: the step before which the phase ends; None for the last.
    """

    turns: tuple[Turn, ...]
    make: Callable[[Batch], Any]
    until: int | None = None


@dataclass(frozen=True)
class Program:
    """What is trained. networks: all that has a state to keep, by name."""

    networks: Mapping[str, nn.Module]
    phases: tuple[Phase, ...]

    @classmethod
    def single(cls, network: nn.Module, optimizer: torch.optim.Optimizer, loss: Loss) -> Program:
        """One network, one optimiser, one loss of the batch itself."""
        return cls({"network": network}, (Phase((Turn("total", optimizer, loss),), make=lambda batch: batch),))

    @property
    def optimizers(self) -> Iterator[torch.optim.Optimizer]:
        """Every turn's, phase by phase, each once."""
        return iter(dict.fromkeys(turn.optimizer for phase in self.phases for turn in phase.turns))

    def phase_at(self, step: int) -> Phase:
        """The phase the step belongs to."""
        return next(phase for phase in self.phases if phase.until is None or step < phase.until)


def adam(network: nn.Module, schedule: TrainingSchedule, betas: tuple[float, float] = (0.9, 0.999)) -> torch.optim.Adam:
    """Adam over all of the network's parameters, at the schedule's rate and weight decay."""
    return torch.optim.Adam(
        network.parameters(),
        lr=schedule.learning_rate,
        betas=betas,
        weight_decay=schedule.weight_decay,
        fused=True,  # one sweep over all parameters instead of eight
    )


def has_native_bf16(device: torch.device) -> bool:
    """Whether the chip multiplies bfloat16 natively, so that bf16 is faster than fp32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return any(
        getattr(torch.cpu, probe, lambda: False)() for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )


def default_device() -> torch.device:
    """The first CUDA device where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def make_fabric(device: str, precision: str) -> Fabric:
    """A Fabric for one device. device: `auto`, `cpu` or `cuda`; precision: `auto`, `bf16` or `fp32`."""
    from lightning_fabric import Fabric  # a second of imports that synthesis does without

    if device == "auto":
        device = default_device().type
    if precision == "auto":
        precision = "bf16" if has_native_bf16(torch.device(device)) else "fp32"
    return Fabric(accelerator=device, devices=1, precision="bf16-mixed" if precision == "bf16" else "32-true")


def condition_to(condition: Condition, device: torch.device) -> Condition:
    """The condition on `device`, images in channels-last layout."""

    def image(tensor: Tensor) -> Tensor:
        return tensor.to(device, memory_format=torch.channels_last, non_blocking=True)

    return replace(
        condition,
        image=image(condition.image),
        mask=image(condition.mask),
        joints=condition.joints.to(device),
        box=condition.box.to(device),
        target_joints=condition.target_joints.to(device),
        target_box=condition.target_box.to(device),
    )


def batch_to(batch: Batch, device: torch.device) -> Batch:
    """The batch on `device`, images in channels-last layout."""
    return Batch(
        condition=condition_to(batch.condition, device),
        target=batch.target.to(device, memory_format=torch.channels_last, non_blocking=True),
        target_mask=batch.target_mask.to(device, non_blocking=True),
    )


def train(program: Program, data: TrainingData, context: FitContext, fabric: Fabric) -> None:
    """Train the program's networks in place for the schedule's steps, resuming from a checkpoint in `context.folder`.

    Every optimiser has the schedule's learning rate. Writes `train.csv` (a row a step). Raises TrainingDiverged on a
    loss that is not finite, and KeyboardInterrupt where `context.stop` asks for it, once the step is done and kept.
    """
    schedule = context.schedule
    for network in program.networks.values():
        network.to(fabric.device, memory_format=torch.channels_last)
        network.train()
    checkpoint = context.folder / CHECKPOINT / CHECKPOINT_NAME
    first_step = _resume(checkpoint, program, fabric)
    with TrainingLog(context.folder / TRAIN_LOG, first_step) as log:
        for step in range(first_step, schedule.steps):
            torch.manual_seed(_step_seed(context.seed, step))
            rate = learning_rate_at(step, schedule)
            for optimizer in program.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate
            indices = indices_of_step(step, schedule.batch_size, len(data), context.seed)
            batch = batch_to(data.batch(indices), fabric.device)
            values = _one_step(program.phase_at(step), batch, fabric, step)
            log.write(step, rate, values)
            context.on_step(step + 1, schedule.steps, values)
            done, stopping = step + 1, context.stop()
            if done < schedule.steps and (stopping or done % schedule.checkpoint_every == 0):
                _save_checkpoint(checkpoint, program, done)
                if stopping:
                    raise KeyboardInterrupt
    for network in program.networks.values():
        network.eval()


def _one_step(phase: Phase, batch: Batch, fabric: Fabric, step: int) -> dict[str, float]:
    """The loss terms by name, detached."""
    values: dict[str, float] = {}
    with fabric.autocast():
        made = phase.make(batch)
    for turn in phase.turns:
        with fabric.autocast():
            total, terms = turn.loss(made)
        values |= {name: float(term.detach()) for name, term in {turn.name: total, **terms}.items()}
        if not all(math.isfinite(value) for value in values.values()):
            listing = ", ".join(f"{name} = {value:g}" for name, value in values.items())
            raise TrainingDiverged(f"the loss is not finite at step {step}: {listing}")
        turn.optimizer.zero_grad(set_to_none=True)
        own = [parameter for group in turn.optimizer.param_groups for parameter in group["params"]]
        fabric.backward(total, inputs=own)
        turn.optimizer.step()
    return values


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


def _save_checkpoint(path: Path, program: Program, done: int) -> None:
    state = {
        "networks": {name: network.state_dict() for name, network in program.networks.items()},
        "optimizers": [optimizer.state_dict() for optimizer in program.optimizers],
        "steps": done,
    }
    # through a Python file, so that a full disk is an OSError among the causes of torch's own error
    with files.replacing(path) as temporary, temporary.open("wb") as stream:
        torch.save(state, stream)


def _resume(path: Path, program: Program, fabric: Fabric) -> int:
    if not path.is_file():
        return 0
    state = torch.load(path, map_location=fabric.device, weights_only=True)
    for name, network in program.networks.items():
        network.load_state_dict(state["networks"][name])
    for optimizer, kept in zip(program.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    return state["steps"]
