"""Set metrics: as many generated images as there are different targets, one for each, against those targets.

Of the pairs that share a target the one with the lowest index stands (metrics.md §3.2, FID A), so that no target counts
twice and both sides have the same n. Two targets are the same when their pixels are.

`SetPass` gathers features while the pairs are scored, so that an image is read once for all metrics; they go to disk,
so that memory does not grow with the number of pairs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from harness.arithmetic import mapped_exactly, one_blas_thread
from harness.errors import UserError
from harness.metrics import fid, kid
from harness.metrics.base import SetValue
from harness.metrics.feature_cache import FeatureCache, cache_key, image_hash
from harness.metrics.features import Features, build_extractor, describe
from harness.metrics.inception_score import inception_score
from harness.metrics.protocol import SetConstants
from harness.metrics.rows import RowFile, Rows, StoredRows
from harness.weights import WeightStore

_PROBE_SIDE_PX = 32


@dataclass(frozen=True)
class Seen:
    """What is kept of a pair's images; the features are None where another pair's count, or where they are known."""

    target_hash: bytes
    shape: tuple[int, ...]
    generated: Features | None
    target: Features | None


class SetPass:
    """The set metrics of `constants`, with its extractor and with no other, from one pass over the pairs.

    feature_cache: folder in which the targets' features are kept, or None. Leave the `with` block to remove files.
    """

    def __init__(self, constants: SetConstants, weights: WeightStore, device: str, feature_cache: Path | None):
        self.constants, self.device = constants, device
        info = constants.extractor_info
        self._network = build_extractor(info.name, weights.path(info.asset), device)
        probe = describe(np.zeros((_PROBE_SIDE_PX, _PROBE_SIDE_PX, 3), np.uint8), self._network, device)
        self._width, classes = len(probe.features), len(probe.logits)
        self._folder = TemporaryDirectory(prefix="mrnet-bench-")
        work = Path(self._folder.name)
        self._generated = RowFile(work / "generated", self._width + classes)
        key = cache_key(info.name, weights.sha256(info.asset), device)
        self._cache = FeatureCache((feature_cache or work) / key, self._width, work / "targets")
        self._lowest: dict[bytes, int] = {}
        self._lock = threading.Lock()
        self._targets: dict[bytes, None] = {}
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
        if not stands:
            return Seen(key, target.shape, None, None)
        known = key in self._cache
        found = describe(generated, self._network, self.device)
        return Seen(key, target.shape, found, None if known else describe(target, self._network, self.device))

    def add(self, seen: Seen) -> None:
        """Take what a pair gave; pairs come in order of their indices. UserError for images of several sizes."""
        self._size = self._size or seen.shape
        if seen.shape != self._size:
            raise UserError(f"images of several sizes in one set: {sorted([self._size, seen.shape])}")
        if seen.target_hash in self._targets:
            return
        self._targets[seen.target_hash] = None
        self._generated.append(np.concatenate(seen.generated))
        if seen.target_hash not in self._cache:
            self._cache.add(seen.target_hash, seen.target.features)

    def values(self, workers: int) -> tuple[dict[str, SetValue], dict[str, str]]:
        """Values by key; and the metrics that are not defined for so few images, with the reason."""
        self._cache.keep()
        made = StoredRows(tuple((self._generated, place) for place in range(self._generated.count)), 0, self._width)
        logits = replace(made, start=self._width, stop=self._generated.width)
        targets = StoredRows(tuple(self._cache.place(key) for key in self._targets), 0, self._width)
        return set_values(made, logits, targets, self.constants, workers), too_few(self.constants, len(targets))


def set_values(
    generated: Rows, logits: Rows, target: Rows, constants: SetConstants, workers: int = 1
) -> dict[str, SetValue]:
    """The set metrics of n images a side, those that are defined for n.

    generated, target: features (n, D). logits: (n, classes) of the generated images. workers: parts of the work done at
    once; changes no bit. Raises UserError as `rows.block`.
    """
    info, n = constants.extractor_info, generated.shape[0]
    small, skipped = n < constants.small_below, too_few(constants, n)
    work: dict[str, list[Callable[[], object]]] = {}
    if info.kernel_key not in skipped:
        work[info.kernel_key] = kid.parts(generated, target, constants.kernel)
    if info.frechet_key not in skipped:
        work[info.frechet_key] = [partial(fid.frechet_distance, generated, target)]
    if info.score_key not in skipped:
        work[info.score_key] = [partial(inception_score, logits, constants.score)]
    # the Fréchet distance is the longest that cannot be cut up: it begins first
    order = sorted(work, key=lambda key: len(work[key]))
    with one_blas_thread():
        found = mapped_exactly(lambda part: part(), [part for key in order for part in work[key]], workers)
        results = {key: [next(found) for _ in work[key]] for key in order}
        found.close()
    values: dict[str, SetValue] = {}
    if info.kernel_key in work:
        values[info.kernel_key] = SetValue(*kid.from_sums(results[info.kernel_key], constants.kernel), n, small)
    if info.frechet_key in work:
        values[info.frechet_key] = SetValue(results[info.frechet_key][0], None, n, small)
    if info.score_key in work:
        values[info.score_key] = SetValue(*results[info.score_key][0], n, small)
    return values


def too_few(constants: SetConstants, n: int) -> dict[str, str]:
    """Set metrics that are not defined for n images, with the reason."""
    info = constants.extractor_info
    least = {
        info.kernel_key: kid.MIN_IMAGES,
        info.frechet_key: fid.MIN_IMAGES,
        info.score_key: constants.score.splits,
    }
    return {key: f"needs {wanted} different targets, has {n}" for key, wanted in least.items() if n < wanted}
