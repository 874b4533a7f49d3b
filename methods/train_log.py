"""`train.csv`: what a training's losses did, a row a step."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path

from mrnet import files


class TrainingLog:
    """`train.csv`: step, learning_rate, seconds (since this process began to train), then the loss terms.

    A row is on disk when its step is done, so that others can watch, and no checkpoint runs ahead of its log. Terms
    that a later phase adds become columns then, empty in the rows before.

    On resume the first `first_step` rows stay: later ones are computed again, and a killed process may have left half
    of one.
    """

    def __init__(self, path: Path, first_step: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._columns: list[str] = []
        self._open(self._kept(first_step))
        self._start = time.perf_counter()

    def write(self, step: int, learning_rate: float, terms: Mapping[str, float]) -> None:
        """Append one step's row."""
        seconds = f"{time.perf_counter() - self._start:.3f}"
        values = {name: f"{value:.6g}" for name, value in terms.items()}
        row = {"step": step, "learning_rate": f"{learning_rate:.6g}", "seconds": seconds, **values}
        added = [name for name in row if name not in self._columns]
        if added:
            self._stream.close()
            rows = self._kept(step)
            self._columns += added
            self._open(rows)
        self._writer.writerow(row)
        self._stream.flush()

    def _kept(self, steps: int) -> list[dict[str, str]]:
        """The rows of the first steps that lie there, whose columns become the log's."""
        if not steps or not self._path.is_file():
            return []
        with self._path.open(newline="") as stream:
            reader = csv.DictReader(stream)
            self._columns = list(reader.fieldnames or ())
            return [row for row, _ in zip(reader, range(steps), strict=False)]

    def _open(self, rows: list[dict[str, str]]) -> None:
        with files.replacing(self._path) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, self._columns)
            if self._columns:
                writer.writeheader()
            writer.writerows(rows)
        self._stream = self._path.open("a", newline="")
        self._writer = csv.DictWriter(self._stream, self._columns)

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
