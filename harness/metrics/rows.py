"""Features as rows of float32: appended to a file while images are seen, and read back in blocks.

Set metrics take "rows": anything with a `shape` (N, D) whose slices are (n, D) arrays, a numpy array or `StoredRows`.
Files are read, never mapped: mapped pages would count as memory, and memory must not grow with the number of images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from harness.errors import UserError

BLOCK_ROWS = 1024
_TYPE = np.dtype("<f4")


class Rows(Protocol):
    """(N, D) numbers, a slice at a time."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def __getitem__(self, rows: slice) -> np.ndarray: ...


class RowFile:
    """Rows of `width` float32 numbers in a file, from its start: row r at byte 4 · width · r."""

    def __init__(self, path: Path, width: int, count: int = 0):
        self.path, self.width, self.count = path, width, count

    def append(self, row: np.ndarray) -> int:
        """Add a (width,) row; its place."""
        if row.shape != (self.width,):
            raise ValueError(f"expected ({self.width},), got {row.shape}")
        with self.path.open("ab") as file:
            file.write(row.astype(_TYPE).tobytes())
        self.count += 1
        return self.count - 1

    def read(self, places: Sequence[int]) -> np.ndarray:
        """(len(places), width) float32. Any thread may read."""
        found = np.empty((len(places), self.width), dtype=_TYPE)
        row_bytes = self.width * _TYPE.itemsize
        with self.path.open("rb", buffering=0) as file:
            for row, place in zip(found, places, strict=True):
                file.seek(place * row_bytes)
                if file.readinto(memoryview(row).cast("B")) != row_bytes:
                    raise UserError(f"{self.path} was cut off while it was read. Run again")
        return found


@dataclass(frozen=True)
class StoredRows:
    """Rows by (file, place), in any order and from several files; `start` to `stop` of each row are read."""

    places: tuple[tuple[RowFile, int], ...]
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.places), self.stop - self.start

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """(n, D) float32 of consecutive rows."""
        wanted = self.places[rows]
        found = np.empty((len(wanted), self.shape[1]), dtype=_TYPE)
        for file in dict.fromkeys(file for file, _ in wanted):
            mine = [index for index, (other, _) in enumerate(wanted) if other is file]
            found[mine] = file.read([wanted[index][1] for index in mine])[:, self.start : self.stop]
        return found

    def first(self, count: int) -> StoredRows:
        """The first `count` rows, not read yet."""
        return StoredRows(self.places[:count], self.start, self.stop)


def block(rows: Rows, start: int, size: int) -> np.ndarray:
    """Rows `start` to `start + size`, at most the last one, as (n, D) float64.

    Raises UserError for a number that is not finite: it would make every value of the set NaN, or hide in one.
    """
    found = np.array(rows[start : start + size], dtype=np.float64)  # a copy, for the caller to work in
    bad = ~np.isfinite(found).all(axis=1)
    if bad.any():
        raise UserError(f"the features of image {start + int(bad.argmax())} (from 0) hold NaN or infinity")
    return found


def blocks(rows: Rows, size: int) -> Iterator[np.ndarray]:
    """All rows in order, `size` at a time; UserError as `block`."""
    for start in range(0, rows.shape[0], size):
        yield block(rows, start, size)


def check_counts(name: str, least: int, *sets: Rows) -> None:
    """Raises UserError where a set has fewer than `least` rows, or the sets have rows of different lengths."""
    if any(rows.shape[0] < least for rows in sets):
        counts = " and ".join(str(rows.shape[0]) for rows in sets)
        raise UserError(f"{name} needs at least {least} images a set, it was given {counts}")
    if len({rows.shape[1] for rows in sets}) > 1:
        raise UserError(f"{name} compares features of one extractor; given {[rows.shape[1] for rows in sets]} numbers")
