"""The one training loop (Lightning Fabric): device, precision, channels-last, log, checkpoint and resume.

The sampler is indexed by step and every step seeds torch from (seed, step), so an interrupted and resumed training
equals an uninterrupted one bit for bit on the same machine.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from methods.base import CHECKPOINT, TRAIN_LOG, Batch, Condition, FitContext, TrainingData, TrainingSchedule
from mrnet import files

if TYPE_CHECKING:
    from lightning_fabric import Fabric

CHECKPOINT_NAME = "training.pt"

LossFunction = Callable[[Batch], tuple[Tensor, Mapping[str, Tensor]]]


class TrainingDiverged(RuntimeError):
    """A loss that is not finite; the text names the step and every term."""


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


def indices_of_step(step: int, batch_size: int, pairs: int, seed: int) -> list[int]:
    """The pair indices of a step: each epoch is one seeded permutation, and batches run on across its end."""
    indices: list[int] = []
    position = step * batch_size
    while len(indices) < batch_size:
        epoch, offset = divmod(position + len(indices), pairs)
        order = np.random.Generator(np.random.PCG64([seed, epoch])).permutation(pairs)
        indices.extend(order[offset : offset + batch_size - len(indices)].tolist())
    return indices


def learning_rate_at(step: int, schedule: TrainingSchedule) -> float:
    """Linear warm-up, then constant or a cosine to zero at the last step."""
    if step < schedule.warmup_steps:
        return schedule.learning_rate * (step + 1) / schedule.warmup_steps
    if schedule.decay == "constant":
        return schedule.learning_rate
    if schedule.decay != "cosine":
        raise ValueError(f"decay is 'constant' or 'cosine', got {schedule.decay!r}")
    progress = (step - schedule.warmup_steps) / max(1, schedule.steps - schedule.warmup_steps)
    return schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def condition_to(condition: Condition, device: torch.device) -> Condition:
    """The condition on `device`, images in channels-last layout."""

    def image(tensor: Tensor) -> Tensor:
        return tensor.to(device, memory_format=torch.channels_last, non_blocking=True)

    return Condition(
        image=image(condition.image),
        mask=image(condition.mask),
        joints=condition.joints.to(device),
        box=condition.box.to(device),
        target_joints=condition.target_joints.to(device),
        target_box=condition.target_box.to(device),
        skeleton=condition.skeleton,
    )


def batch_to(batch: Batch, device: torch.device) -> Batch:
    """The batch on `device`, images in channels-last layout."""
    return Batch(
        condition=condition_to(batch.condition, device),
        target=batch.target.to(device, memory_format=torch.channels_last, non_blocking=True),
        target_mask=batch.target_mask.to(device, non_blocking=True),
    )


def train(
    network: nn.Module,
    loss: LossFunction,
    optimizer: torch.optim.Optimizer,
    data: TrainingData,
    context: FitContext,
    fabric: Fabric,
) -> None:
    """Train `network` in place for the schedule's steps, resuming from `context.folder` where a checkpoint lies there.

    loss: maps a batch on the device to the total and its named terms. Writes `train.csv` (a row a step).
    Raises TrainingDiverged on a loss that is not finite, and KeyboardInterrupt where `context.stop` asks for it, once
    the step is done and kept.
    """
    schedule = context.schedule
    network.to(fabric.device, memory_format=torch.channels_last)
    network.train()
    checkpoint = context.folder / CHECKPOINT / CHECKPOINT_NAME
    first_step = _resume(checkpoint, network, optimizer, fabric)
    with TrainingLog(context.folder / TRAIN_LOG, first_step) as log:
        for step in range(first_step, schedule.steps):
            torch.manual_seed(_step_seed(context.seed, step))
            rate = learning_rate_at(step, schedule)
            for group in optimizer.param_groups:
                group["lr"] = rate
            indices = indices_of_step(step, schedule.batch_size, len(data), context.seed)
            terms = _one_step(network, loss, optimizer, batch_to(data.batch(indices), fabric.device), fabric, step)
            log.write(step, rate, terms)
            context.on_step(step + 1, schedule.steps, terms)
            done, stopping = step + 1, context.stop()
            if done < schedule.steps and (stopping or done % schedule.checkpoint_every == 0):
                _save_checkpoint(checkpoint, network, optimizer, done)
                if stopping:
                    raise KeyboardInterrupt
    network.eval()


def _one_step(
    network: nn.Module,
    loss: LossFunction,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    fabric: Fabric,
    step: int,
) -> dict[str, float]:
    with fabric.autocast():
        total, terms = loss(batch)
    values = {"total": float(total.detach()), **{name: float(term.detach()) for name, term in terms.items()}}
    if not all(math.isfinite(value) for value in values.values()):
        listing = ", ".join(f"{name} = {value:g}" for name, value in values.items())
        raise TrainingDiverged(f"the loss is not finite at step {step}: {listing}")
    optimizer.zero_grad(set_to_none=True)
    fabric.backward(total)
    optimizer.step()
    return values


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


def _save_checkpoint(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, done: int) -> None:
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "steps": done}
    # through a Python file, so that a full disk is an OSError among the causes of torch's own error
    with files.replacing(path) as temporary, temporary.open("wb") as stream:
        torch.save(state, stream)


def _resume(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, fabric: Fabric) -> int:
    if not path.is_file():
        return 0
    state = torch.load(path, map_location=fabric.device, weights_only=True)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return state["steps"]


class TrainingLog:
    """`train.csv`: step, learning_rate, seconds (since this process began to train), then the loss terms.

    A row is on disk when its step is done, so that others can watch, and no checkpoint runs ahead of its log.

    On resume the first `first_step` rows stay: later ones are computed again, and a killed process may have left half
    of one.
    """

    def __init__(self, path: Path, first_step: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = []
        if first_step and path.is_file():
            with path.open(newline="") as stream:
                kept = stream.readlines()[: first_step + 1]
        with files.replacing(path) as temporary:
            temporary.write_text("".join(kept), newline="")
        self._stream = path.open("a", newline="")
        self._has_header = bool(kept)
        self._start = time.perf_counter()

    def write(self, step: int, learning_rate: float, terms: Mapping[str, float]) -> None:
        """Append one step's row."""
        seconds = f"{time.perf_counter() - self._start:.3f}"
        values = {name: f"{value:.6g}" for name, value in terms.items()}
        self._row({"step": step, "learning_rate": f"{learning_rate:.6g}", "seconds": seconds, **values})

    def _row(self, row: Mapping[str, object]) -> None:
        writer = csv.DictWriter(self._stream, fieldnames=list(row))
        if not self._has_header:
            writer.writeheader()
            self._has_header = True
        writer.writerow(row)
        self._stream.flush()

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
