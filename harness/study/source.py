"""What a study shows: the stored images of one comparison, beside its targets and references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.challenge_file import frame_path
from harness.controls import CONTROL_CARDS
from harness.errors import UserError
from harness.images import read_image
from harness.metrics.base import METRICS
from harness.pairs import PairList, group_of
from harness.pairs_folder import PAIRS
from harness.report.build import row_records
from harness.report.pair_scores import ScoreFrames
from harness.report.select import Selection, only
from harness.store import image_path, images_of

if TYPE_CHECKING:
    from harness.records import Record
    from harness.report.select import Entry
    from harness.store import Store


class Source:
    """The methods of one comparison (of several seeds the lowest), on the pairs that all have an image of.

    titles, cells: display names and cell keys by method. groups: ids of those pairs by group.
    """

    def __init__(self, store: Store, entries: Sequence[Entry], selection: Selection):
        """UserError where the selection leaves several comparisons, no method, or no pair."""
        comparison = only(entries, selection, "a study is of")
        records = _methods(row_records(comparison), selection.methods)
        folders = {id(entry.record): entry.folder for entry in comparison.entries}
        self._folders = {record.method: folders[id(record)] for record in records}
        self._records = {record.method: record for record in records}
        self._frames = ScoreFrames(store)
        self._pairs_folder = store.root / "pairs" / comparison.first.pairs
        pairs = PairList.read(self._pairs_folder / PAIRS)
        self._by_id = {pair.id: pair for pair in pairs.pairs}
        self._size_px = comparison.name.size_px
        self.dataset = comparison.first.dataset
        self.comparison = str(comparison.name)
        self.pair_list_hash = pairs.hash
        self.titles = {record.method: record.title for record in records}
        self.cells = {record.method: record.cell_key for record in records}
        there = set(self._by_id).intersection(*(images_of(folder) for folder in self._folders.values()))
        if not there:
            raise UserError(f"no pair has an image of every method ({', '.join(self.titles.values())}) in {store.root}")
        grouped: dict[str, list[str]] = defaultdict(list)
        for pair_id in sorted(there):
            grouped[group_of(self._by_id[pair_id].target)].append(pair_id)
        self.groups: Mapping[str, Sequence[str]] = grouped

    def image(self, method: str, pair: str) -> np.ndarray:
        """(H, W, 3) uint8, what the method made."""
        return read_image(image_path(self._folders[method], pair), self._size_px)

    def target(self, pair: str) -> np.ndarray:
        """(H, W, 3) uint8, the pair's target."""
        return read_image(frame_path(self._pairs_folder, self._by_id[pair].target), self._size_px)

    def reference(self, pair: str) -> np.ndarray:
        """(H, W, 3) uint8, the pair's reference."""
        return read_image(frame_path(self._pairs_folder, self._by_id[pair].reference), self._size_px)

    def metrics(self, pairs: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
        """Stored values by metric, method and pair; of pair metrics, where they are there and finite."""
        found: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
        for method, folder in self._folders.items():
            frame = self._frames.of(folder, self._records[method])
            for key in METRICS if frame is not None else ():
                if key in frame:
                    values = frame[key].reindex(pairs)
                    found[key][method] = {pair: float(value) for pair, value in values.items() if np.isfinite(value)}
        return dict(found)


def _methods(rows: Sequence[Sequence[Record]], named: Sequence[str]) -> list[Record]:
    """The records a study is of: the methods, or what is named, each method once."""
    found: dict[str, Record] = {}
    for records in sorted(rows, key=lambda records: bool(records[0].overrides)):
        first = records[0]
        if first.privileged or (first.method in CONTROL_CARDS and first.method not in named):
            continue
        found.setdefault(first.method, first)
    if not found:
        raise UserError("no method has records here; a study needs one (`bench run --methods …`)")
    return list(found.values())
