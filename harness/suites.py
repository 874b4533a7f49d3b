"""Suites: `benchmarks/suites/*.yaml`, named sets of cells that one command runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from harness import config
from harness.config import Strict
from harness.errors import UserError


class Suite(Strict):
    """What a run is made of. The defaults are those of a run without a suite."""

    name: str = Field("", pattern=r"^[\w.-]*$")
    description: str = ""
    methods: tuple[str, ...] = ()
    dataset: str = Field("", description="empty: the user says it")
    split: str | None = Field(None, description="null: the dataset's own")
    preset: str = "quick"
    protocol: str = "offline-v1"
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((0,), min_length=1)


def load_suite(name: str) -> Suite:
    """The suite called `name` (or a path that ends in .yaml). UserError as `config.load`."""
    return config.load("suites", name, Suite)


def asked_for(name: str | None, given: Mapping[str, object]) -> Suite:
    """The suite called `name`, or an empty one, with what was given on the command line in its place (None: was not).

    UserError where methods or dataset are then still unknown.
    """
    changes = {key: value for key, value in given.items() if value is not None}
    suite = (load_suite(name) if name else Suite()).model_copy(update=changes)
    if not suite.methods:
        raise UserError("say what to run: --methods A,B, or --suite NAME (`bench list suites` names them)")
    if not suite.dataset:
        of = f"suite {suite.name} runs on any dataset" if name else "no dataset is named"
        raise UserError(f"{of}: say --dataset NAME (`bench list datasets` names them)")
    return suite
