"""Wall-clock seconds of the stages of a training or cell, in its folder, added up over interrupted runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.store import read_json
from mrnet import files

DURATIONS = "durations.json"
_SAVE_EVERY_S = 5.0


class Stopwatch:
    """Wall-clock seconds of a stage in a folder's `durations.json`, added up over interrupted runs."""

    def __init__(self, folder: Path, stage: str):
        self._path = folder / DURATIONS
        self._stage = stage
        self._before_s = read_json(self._path).get(stage, 0.0)
        self._start_s = self._saved_s = time.monotonic()

    def save(self) -> float:
        """Write the seconds so far; returns them."""
        self._saved_s = time.monotonic()
        total_s = self._before_s + self._saved_s - self._start_s
        durations = {**read_json(self._path), self._stage: round(total_s, 3)}
        files.write_text(self._path, json.dumps(durations, indent=1))
        return total_s

    def tick(self) -> None:
        """Save now and then, so that a killed process loses little of the count."""
        if time.monotonic() - self._saved_s > _SAVE_EVERY_S:
            self.save()


@contextmanager
def timed(folder: Path, stage: str) -> Iterator[Stopwatch]:
    """A Stopwatch that is saved at the end, whatever the end is."""
    watch = Stopwatch(folder, stage)
    try:
        yield watch
    finally:
        watch.save()


def seconds(folder: Path) -> dict[str, float]:
    """Seconds of every stage so far, by name."""
    return read_json(folder / DURATIONS)
