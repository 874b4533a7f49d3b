"""Set metrics: as many generated images as there are different targets, one for each, against those targets.

Of the pairs that share a target the one with the lowest index stands (metrics.md §3.2, FID A), so that no target counts
twice and both sides have the same n. Two targets are the same when their pixels are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.arithmetic import one_blas_thread
from harness.metrics import fid, kid
from harness.metrics.base import SetValue
from harness.metrics.feature_cache import cache_key, cached, image_hash
from harness.metrics.features import Features, build_extractor, extract
from harness.metrics.inception_score import inception_score
from harness.metrics.protocol import SetConstants
from harness.progress import track
from harness.weights import WeightStore


class UniqueTargets:
    """The lowest index of each different target, in order, and the hashes of their images."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}

    def add(self, index: int, target: np.ndarray) -> None:
        """Take note of pair `index`; indices must rise."""
        self._first.setdefault(image_hash(target), index)

    def __len__(self) -> int:
        return len(self._first)

    @property
    def indices(self) -> list[int]:
        return list(self._first.values())

    @property
    def hashes(self) -> list[str]:
        return list(self._first)


@dataclass(frozen=True)
class SetScorer:
    """Computes the set metrics of `constants` with its extractor, and with no other.

    batch_size: images held and moved to the device together; changes no number.
    feature_cache: folder in which the targets' features are kept, or None.
    """

    constants: SetConstants
    weights: WeightStore
    device: str
    batch_size: int
    progress: bool
    feature_cache: Path | None

    def __call__(
        self, targets: UniqueTargets, generated: Callable[[int], np.ndarray], target: Callable[[int], np.ndarray]
    ) -> tuple[dict[str, SetValue], dict[str, str]]:
        """Values by key; and the metrics that are not defined for so few images, with the reason.

        generated, target: the image of a pair by its index, (H, W, 3) uint8.
        """
        skipped = too_few(self.constants, len(targets))
        info = self.constants.extractor_info
        if {info.kernel_key, info.frechet_key, info.score_key} <= set(skipped):
            return {}, skipped
        network = build_extractor(info.name, self.weights.path(info.asset), self.device)

        def features(read: Callable[[int], np.ndarray], side: str) -> Features:
            indices = targets.indices
            steps = track(indices, f"{info.title}, {side}") if self.progress else indices
            return extract((read(index) for index in steps), network, self.batch_size, self.device)

        key = cache_key(targets.hashes, info.name, self.weights.sha256(info.asset), self.device)
        reference = cached(self.feature_cache, key, lambda: features(target, "targets"))
        return set_values(features(generated, "generated"), reference, self.constants), skipped


def set_values(generated: Features, target: Features, constants: SetConstants) -> dict[str, SetValue]:
    """The set metrics of two feature sets of one size, those that are defined for it."""
    info, n = constants.extractor_info, len(generated)
    small, skipped = n < constants.small_below, too_few(constants, n)
    values: dict[str, SetValue] = {}
    with one_blas_thread():
        if info.kernel_key not in skipped:
            kernel = kid.kernel_distance(generated.features, target.features, constants.kernel)
            values[info.kernel_key] = SetValue(*kernel, n, small)
        if info.frechet_key not in skipped:
            frechet = fid.frechet_distance(generated.features, target.features)
            values[info.frechet_key] = SetValue(frechet, None, n, small)
        if info.score_key not in skipped:
            values[info.score_key] = SetValue(*inception_score(generated.logits, constants.score), n, small)
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
