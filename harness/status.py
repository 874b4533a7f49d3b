"""What a results folder holds and how far it is: trainings and cells, told from the folder alone."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from harness import store
from harness.errors import UserError
from harness.specs import CellSpec, TrainingSpec, read_spec
from harness.store import Store
from methods.base import TRAIN_LOG

LOG_LINES = 5


class State(str, Enum):
    """How far a training or a cell is."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"
    TO_DO = "to do"


@dataclass(frozen=True)
class Item:
    """A training or a cell. spec: None where it cannot be read. detail: steps, protocols, or why it failed."""

    folder: Path
    spec: TrainingSpec | CellSpec | None
    state: State
    detail: str
    bytes: int

    @property
    def label(self) -> str:
        """Method and seed."""
        if self.spec is None:
            return self.folder.name
        view = f" on {self.spec.view} windows" if isinstance(self.spec, TrainingSpec) and self.spec.view else ""
        seed = "" if self.spec.seed is None else f" seed {self.spec.seed}"
        return f"{self.spec.method}{view}{seed}"


def trainings(results: Store) -> list[Item]:
    """Every training in the store, in path order."""
    return [_training(folder) for folder in sorted(results.root.glob("models/*")) if folder.is_dir()]


def cells(results: Store) -> list[Item]:
    """Every cell in the store, in path order."""
    return [_cell(folder) for folder in sorted(results.root.glob("cells/*/*")) if folder.is_dir()]


def disk_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; 0 where there is none. Files that go meanwhile, as under a run, do not count."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            found = path.lstat()
            total += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return total


def _training(folder: Path) -> Item:
    spec, problem = _spec(folder)
    if not isinstance(spec, TrainingSpec):
        return Item(folder, None, State.FAILED, problem, disk_bytes(folder))
    finished = (folder / store.DONE).is_file()
    done = spec.schedule.steps if finished else _steps(folder)
    state, reason = _state(folder, finished)
    return Item(folder, spec, state, reason or f"{done}/{spec.schedule.steps} steps", disk_bytes(folder))


def _cell(folder: Path) -> Item:
    spec, problem = _spec(folder)
    if not isinstance(spec, CellSpec):
        return Item(folder, None, State.FAILED, problem, disk_bytes(folder))
    try:
        state, reason = _state(folder, store.has_record(folder, spec.protocol_name, spec.score_key))
    except UserError as damaged:
        state, reason = State.FAILED, str(damaged)
    protocols = [path.stem.removeprefix("record-") for path in sorted(folder.glob("record-*.json"))]
    images = len(list((folder / "images").glob("*.png")))
    detail = reason or f"{images} images" + (f", scored under {', '.join(protocols)}" if protocols else "")
    return Item(folder, spec, state, detail, disk_bytes(folder))


def _spec(folder: Path) -> tuple[TrainingSpec | CellSpec | None, str]:
    try:
        return read_spec(folder / store.SPEC), "its spec is of another kind"
    except UserError as error:
        return None, str(error)


def _state(folder: Path, finished: bool) -> tuple[State, str]:
    """The state, and for a failure why."""
    if store.is_running(folder):
        return State.RUNNING, ""
    if (folder / store.FAILURE).is_file():
        return State.FAILED, str(_failure(folder).get("reason", "no reason was kept"))
    return (State.DONE if finished else State.TO_DO), ""


def _steps(folder: Path) -> int:
    """Steps in the training's log: a header, then a row a step."""
    log = folder / TRAIN_LOG
    return max(0, len(log.read_bytes().splitlines()) - 1) if log.is_file() else 0


def lines(results: Store, home: Path, log_lines: int = LOG_LINES) -> Iterator[str]:
    """The status as text. log_lines: of a failure's log, the last ones."""
    found = {"trainings": trainings(results), "cells": cells(results)}
    yield f"results {results.root}"
    for kind, items in found.items():
        yield f"{kind}: {_counts(items)}"
        for item in items:
            yield f"  {item.state.value:8}{item.label}  {item.detail}  ({item.folder.name}, {megabytes(item.bytes)})"
            if item.state is State.FAILED:
                kept = [line for line in _failure(item.folder).get("log_tail", []) if line.strip()]
                yield from (f"            {line}" for line in kept[-log_lines:] if log_lines)
    parts = {name: disk_bytes(results.root / name) for name in ("models", "cells", "pairs", "report")}
    yield "disk: " + ", ".join(f"{name} {megabytes(size)}" for name, size in parts.items())
    parts = {name: disk_bytes(home / name) for name in ("data", "cache", "weights")}
    yield f"home {home}: " + ", ".join(f"{name} {megabytes(size)}" for name, size in parts.items())
    if any(item.state in (State.TO_DO, State.FAILED) for items in found.values() for item in items):
        yield "the same `bench run` (or `bench import`) goes on with what is to do and tries again what failed"


def _failure(folder: Path) -> dict:
    try:
        return store.read_json(folder / store.FAILURE)
    except UserError as error:
        return {"reason": str(error)}


def _counts(items: list[Item]) -> str:
    counts = {state: sum(item.state is state for item in items) for state in State}
    return ", ".join(f"{count} {state.value}" for state, count in counts.items() if count) or "none"


def megabytes(size_bytes: int) -> str:
    """`12.3 MB`."""
    return f"{size_bytes / 1e6:.1f} MB"
