"""Training presets: `benchmarks/presets/*.yaml`. All that a training budget is made of, none of it hidden in code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from harness import config
from harness.config import Strict
from harness.errors import UserError
from methods.base import TrainingSchedule


class Schedule(Strict):
    """How long and how fast a method trains: `methods.base.TrainingSchedule`, checked."""

    steps: int = Field(ge=1, description="optimiser steps")
    batch_size: int = Field(ge=1, description="pairs a step")
    learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(0, ge=0, description="linear warm-up of the learning rate")
    decay: Literal["constant", "cosine", "linear", "halving"] = "constant"
    hold_steps: int = Field(0, ge=0, description="linear decay: steps at full rate")
    stair_steps: int = Field(1, ge=1, description="linear, halving: steps between two changes of the rate")
    weight_decay: float = Field(0.0, ge=0)
    checkpoint_every: int = Field(100, ge=1, description="steps between checkpoints")


class MethodPreset(Strict):
    """One method's part of a preset.

    The estimates are only ever shown, as the plan's guess of the time before a like run has been measured.
    """

    parameters: dict[str, object] = Field(default_factory=dict, description="overrides of the card's parameters")
    schedule: Schedule | None = Field(None, description="needed by a method that learns")
    settled: bool = Field(
        True, description="false: does not train to a stable state at this budget; its rows are set apart, not ranked"
    )
    seconds_per_step: float | None = Field(None, gt=0, description="estimate: training, two CPU cores")
    seconds_per_image: float | None = Field(None, gt=0, description="estimate: synthesis, two CPU cores")


class Preset(Strict):
    """A named training budget at one image size."""

    name: str = Field(pattern=config.NAME_PATTERN)
    description: str
    size_px: tuple[int, int] = Field(description="(height, width) of every image, pixels")
    ranked: bool = Field(True, description="false: plumbing only, its numbers are never shown as results")
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    seconds_per_score: float | None = Field(None, gt=0, description="estimate: scoring a pair, two CPU cores")
    methods: dict[str, MethodPreset] = Field(default_factory=dict)

    def for_method(self, name: str) -> tuple[Mapping[str, object], TrainingSchedule]:
        """A learning method's parameter overrides and schedule. UserError where the preset has no schedule for it."""
        entry = self.methods.get(name)
        if entry is None or entry.schedule is None:
            scheduled = sorted(key for key, value in self.methods.items() if value.schedule)
            raise UserError(
                f"preset '{self.name}' has no training schedule for {name} (it has: {', '.join(scheduled) or 'none'}). "
                f"Give one: --set methods.{name}.schedule.steps=700 --set methods.{name}.schedule.batch_size=4 "
                f"--set methods.{name}.schedule.learning_rate=0.001"
            )
        return entry.parameters, TrainingSchedule(**entry.schedule.model_dump())


def load_preset(name: str, overrides: Iterable[str] = ()) -> Preset:
    """The preset called `name` (or a path that ends in .yaml) with `a.b=c` overrides. UserError as `config.load`."""
    return config.load("presets", name, Preset, overrides)


def given_parameters(method: str, name: str | None, overrides: Iterable[str]) -> Mapping[str, object]:
    """What a preset, if one is named, and `--set` say of a method's parameters. UserError as `config.load`."""
    if name is None:
        bare = {"name": "none", "description": "", "size_px": [1, 1]}
        preset = config.validate(config.apply_overrides(bare, overrides), Preset, "--set")
    else:
        preset = load_preset(name, overrides)
    return preset.methods[method].parameters if method in preset.methods else {}
