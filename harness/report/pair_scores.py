"""The per-pair values behind a comparison's rows, one frame a row, and how two rows' values are laid side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.controls import CONTROL_CARDS
from harness.records import Record
from harness.report.build import is_plumbing, row_group, row_records
from harness.report.select import Comparison
from harness.report.table import RowGroup
from harness.store import Store, has_scores, record_path

if TYPE_CHECKING:
    import pandas

GAIN_CONTROLS = ("copy", "nearest")
"""Controls that a method is measured against: the reference as it is, and the closest training frame as it is."""


@dataclass(frozen=True)
class RowScores:
    """A row's per-pair values: columns `group`, then metric keys; pair ids as index; several seeds averaged by pair.

    place: the row's place in the main table.
    """

    place: int
    records: tuple[Record, ...]
    frame: pandas.DataFrame

    @property
    def competes(self) -> bool:
        """Whether the row may be compared with the best: ranked, and no pair missing."""
        return row_group(self.records[0]) is RowGroup.RANKED and all(record.missing == 0 for record in self.records)


@dataclass(frozen=True)
class PairScores:
    """The rows of a comparison that certainty and gains are about, and the cells whose values could not be read."""

    rows: tuple[RowScores, ...]
    unread: tuple[str, ...]

    @property
    def methods(self) -> tuple[RowScores, ...]:
        return tuple(row for row in self.rows if row.records[0].method not in CONTROL_CARDS)


class ScoreFrames:
    """A store's per-pair values by cell: columns `group`, then metric keys; pair ids as index. Each is read once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._read: dict[Path, pandas.DataFrame | None] = {}

    def of(self, folder: Path, record: Record) -> pandas.DataFrame | None:
        """A cell's values; None where they are not there, damaged, or of another version of the protocol."""
        path = record_path(folder, record.protocol)
        if path not in self._read:
            self._read[path] = self._frame(path, record)
        return self._read[path]

    def _frame(self, path: Path, record: Record) -> pandas.DataFrame | None:
        if not has_scores(path.parent, record.protocol, record.score_key):
            return None
        try:
            return self.store.scores(path).set_index("pair")
        except (OSError, ValueError, KeyError):
            return None


def read(frames: ScoreFrames, comparison: Comparison) -> PairScores:
    """Values of methods and of `GAIN_CONTROLS`; no rows for a plumbing check, or if those of any cell are not there."""
    folders = {id(entry.record): entry.folder for entry in comparison.entries}
    rows, unread = [], []
    for place, records in enumerate(row_records(comparison)):
        if is_plumbing(comparison) or not _wanted(records[0]):
            continue
        found = {record.cell_key: frames.of(folders[id(record)], record) for record in records}
        unread += [folders[id(record)].name for record in records if found[record.cell_key] is None]
        if all(frame is not None for frame in found.values()):
            rows.append(RowScores(place, tuple(records), _mean(list(found.values()))))
    return PairScores(() if unread else tuple(rows), tuple(unread))


def aligned(rows: Iterable[RowScores], key: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Values (K, n) of K rows on the pairs all of them have, and those pairs' groups (n,), in the order of pair ids.

    None where a row lacks the metric, no pair is left, or a value is infinite: such differences have no mean.
    """
    import pandas

    frames = [row.frame for row in rows]
    if not all(key in frame for frame in frames):
        return None
    side_by_side = pandas.concat([frame[key] for frame in frames], axis=1, join="inner").dropna().sort_index()
    values = side_by_side.to_numpy(dtype=np.float64).T
    if not values.size or not np.isfinite(values).all():
        return None
    return values, frames[0].loc[side_by_side.index, "group"].to_numpy(dtype=str)


def _wanted(record: Record) -> bool:
    group = row_group(record)
    return record.method in GAIN_CONTROLS if group is RowGroup.CONTROL else group is not RowGroup.PRIVILEGED


def _mean(frames: Sequence[pandas.DataFrame]) -> pandas.DataFrame:
    """Mean over the seeds of each pair's values."""
    import pandas

    if len(frames) == 1:
        return frames[0]
    together = pandas.concat(frames)
    by_pair = together.groupby(level="pair", sort=True)
    return by_pair.mean(numeric_only=True).assign(group=by_pair["group"].first())
