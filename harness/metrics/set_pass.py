"""Features for the set metrics, gathered while the pairs are scored, so that an image is read once for all metrics.

By `unique_targets` a set is as many generated images as there are different targets, one for each, against those
targets: of the pairs that share a target the one with the lowest index stands (metrics.md §3.2, FID A), so that no
target counts twice and both sides have the same n. Two targets are the same when their pixels are. By `pairs` every
pair stands, in the order of the pair ids, and targets repeat.

Features go to disk, so that memory does not grow with the number of pairs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from harness.errors import UserError
from harness.metrics.base import ExtractorInfo, SetValue
from harness.metrics.feature_cache import FeatureCache, cache_key, image_hash
from harness.metrics.features import Features, build_extractor, describe
from harness.metrics.protocol import SetConstants
from harness.metrics.rows import RowFile, StoredRows
from harness.metrics.sets import SetRows, set_values, too_few
from harness.weights import WeightStore

_PROBE_SIDE_PX = 32


@dataclass(frozen=True)
class Seen:
    """What is kept of a pair's images. features: of generated image and target, an extractor each; None for the target
    where it is known or not asked for, and None in all where another pair's image counts."""

    target_hash: bytes
    shape: tuple[int, ...]
    features: tuple[tuple[Features, Features | None], ...] | None


class SetPass:
    """The set metrics of `constants` from one pass over the pairs, with its extractors and with no others.

    feature_cache: folder in which the targets' features are kept, or None. Leave the `with` block to remove files.
    """

    def __init__(self, constants: SetConstants, weights: WeightStore, device: str, feature_cache: Path | None):
        self.constants = constants
        self._folder = TemporaryDirectory(prefix="mrnet-bench-")
        work = Path(self._folder.name)
        compared = {part.info for part in constants.compared}
        self._streams = [
            _Stream(info, info in compared, weights, device, work, feature_cache or work)
            for info in constants.extractors
        ]
        self._every = constants.population == "pairs"
        self._lowest: dict[bytes, int] = {}
        self._lock = threading.Lock()
        self._standing: list[tuple[int, bytes]] = []
        self._targets: set[bytes] = set()
        self._size: tuple[int, ...] | None = None

    def __enter__(self) -> SetPass:
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def look(self, index: int, generated: np.ndarray, target: np.ndarray) -> Seen:
        """What pair `index` gives to the sets, on any thread and in any order; (H, W, 3) uint8 images.

        Features are computed where no lower index has shown the same target so far; which pair stands is decided by
        `add`, in order, so that a pair that was merely quicker does not count.
        """
        key = image_hash(target)
        with self._lock:
            stands = index <= self._lowest.setdefault(key, index)
            if stands:
                self._lowest[key] = index
        if not (stands or self._every):
            return Seen(key, target.shape, None)
        return Seen(key, target.shape, tuple(stream.look(key, generated, target) for stream in self._streams))

    def add(self, index: int, seen: Seen) -> None:
        """Take what pair `index` gave; pairs come in order. UserError for images of several sizes."""
        self._size = self._size or seen.shape
        if seen.shape != self._size:
            raise UserError(f"images of several sizes in one set: {sorted([self._size, seen.shape])}")
        if seen.target_hash in self._targets and not self._every:
            return
        self._targets.add(seen.target_hash)
        self._standing.append((index, seen.target_hash))
        for stream, features in zip(self._streams, seen.features, strict=True):
            stream.add(seen.target_hash, *features)

    def values(self, ids: Sequence[str], workers: int) -> tuple[dict[str, SetValue], dict[str, str]]:
        """Values by key; and the metrics that are not defined for so few images, with the reason. ids: of the pairs."""
        places = list(range(len(self._standing)))
        if self._every:
            places.sort(key=lambda place: ids[self._standing[place][0]])
        targets = [self._standing[place][1] for place in places]
        rows = {stream.info.name: stream.rows(places, targets) for stream in self._streams}
        return set_values(rows, self.constants, workers), too_few(self.constants, len(places))


class _Stream:
    """An extractor and what it found. compared: whether targets are asked for."""

    def __init__(self, info: ExtractorInfo, compared: bool, weights: WeightStore, device: str, work: Path, cache: Path):
        self.info, self._device = info, device
        self._network = build_extractor(info.name, weights.path(info.asset), device)
        probe = describe(np.zeros((_PROBE_SIDE_PX, _PROBE_SIDE_PX, 3), np.uint8), self._network, device)
        self._width, classes = len(probe.features), len(probe.logits)
        self._generated = RowFile(work / f"generated-{info.name}", self._width + classes)
        key = cache_key(info.name, weights.sha256(info.asset), device)
        self._cache = FeatureCache(cache / key, self._width, work / f"targets-{info.name}") if compared else None

    def look(self, key: bytes, generated: np.ndarray, target: np.ndarray) -> tuple[Features, Features | None]:
        """Features of the images; of the target only where they are asked for and not known. key: the target's hash."""
        found = describe(generated, self._network, self._device)
        if self._cache is None or key in self._cache:
            return found, None
        return found, describe(target, self._network, self._device)

    def add(self, key: bytes, generated: Features, target: Features | None) -> None:
        """Append the features of an image that stands, and the target's where they are new."""
        self._generated.append(np.concatenate(generated))
        if self._cache is not None and key not in self._cache:
            self._cache.add(key, target.features)

    def rows(self, places: Sequence[int], targets: Sequence[bytes]) -> SetRows:
        """The rows of generated images at `places`, in that order, and of the targets with these hashes."""
        found = tuple((self._generated, place) for place in places)
        real = None
        if self._cache is not None:
            self._cache.keep()
            real = StoredRows(tuple(self._cache.place(key) for key in targets), 0, self._width)
        made = StoredRows(found, 0, self._width)
        return SetRows(made, StoredRows(found, self._width, self._generated.width), real)
