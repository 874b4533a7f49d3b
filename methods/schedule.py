"""Which pairs and which learning rate a step has: functions of the step alone, so that a training can be resumed."""

from __future__ import annotations

import math

import numpy as np

from methods.base import TrainingSchedule


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
    """Linear warm-up, then the schedule's decay.

    Raises ValueError for an unknown decay.
    """
    if step < schedule.warmup_steps:
        return schedule.learning_rate * (step + 1) / schedule.warmup_steps
    return schedule.learning_rate * _DECAYS[_known(schedule.decay)](step, schedule)


def _constant(step: int, schedule: TrainingSchedule) -> float:
    return 1.0


def _cosine(step: int, schedule: TrainingSchedule) -> float:
    progress = (step - schedule.warmup_steps) / max(1, schedule.steps - schedule.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * progress))


def _linear(step: int, schedule: TrainingSchedule) -> float:
    stair = step - step % schedule.stair_steps
    falling = schedule.steps - schedule.stair_steps - schedule.hold_steps
    return 1 - max(0, stair - schedule.hold_steps) / max(1, falling)


def _halving(step: int, schedule: TrainingSchedule) -> float:
    return 0.5 ** (step // schedule.stair_steps)


_DECAYS = {"constant": _constant, "cosine": _cosine, "linear": _linear, "halving": _halving}


def _known(decay: str) -> str:
    if decay not in _DECAYS:
        raise ValueError(f"decay is {', '.join(map(repr, _DECAYS))}, got {decay!r}")
    return decay
