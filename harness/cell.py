"""The stages of a cell: synthesize, score, record. Each reuses what lies in the folder.

Scores are always made from the PNG files as read back from disk, so that a stored image set and its numbers agree.
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import controls, images, paths, recording, specs, store
from harness.errors import CellFailed
from harness.pairs import PairData, PairList
from harness.pairs_folder import PAIRS
from harness.progress import track
from harness.records import write_atomic
from harness.specs import CellSpec
from harness.stopwatch import timed
from methods import registry

if TYPE_CHECKING:
    from methods.base import Method

LOG = logging.getLogger(__name__)

SYNTHESIS_BATCH = 16
_RANGE_TOLERANCE = 1e-2  # how far past [-1, 1] rounding may carry a method's output
_LISTED = 5  # names shown of a longer list


def test_data(results: store.Store, spec: CellSpec) -> PairData:
    """The cell's test pairs, from the list in the store."""
    pairs = PairList.read(results.root / "pairs" / spec.pairs / PAIRS)
    return PairData(specs.dataset_of(spec).frames(spec.size_px), pairs)


def synthesize_learned(folder: Path, results: store.Store, spec: CellSpec, data: PairData) -> None:
    """A method's missing images, from its trained model where it has one.

    Batches are cut at fixed places, whole ones made again where one image lacks: a resumed set equals an uninterrupted.
    CellFailed for a wrong count, size, range, or a value that is not finite.
    """
    method = registry.build(spec.method, data.info, spec.parameters)
    if spec.training_key is not None:
        model = results.model_folder(spec.method, spec.training_key)
        method.load(model)
        recording.keep_model_facts(folder, results, model)
    lacking = set(store.missing_images(folder, (pair.id for pair in data.pairs.pairs)))
    blocks = [range(start, min(start + SYNTHESIS_BATCH, len(data))) for start in range(0, len(data), SYNTHESIS_BATCH)]
    todo = [block for block in blocks if any(data.pair_id(index) in lacking for index in block)]
    LOG.info("%s: %d of %d images to make", spec.method, len(lacking), len(data))
    with timed(folder, "synthesize") as watch:
        for block in track(todo, f"images {spec.method}"):
            for index, image in zip(block, _checked_batch(method, data, block), strict=True):
                if data.pair_id(index) in lacking:
                    images.write_png(store.image_path(folder, data.pair_id(index)), image)
            watch.tick()


def _checked_batch(method: Method, data: PairData, block: range) -> np.ndarray:
    """(B, H, W, 3) uint8 of the pairs in `block`."""
    batch = method.synthesize(data.conditions(list(block))).image
    wanted = (len(block), 3, *data.info.size_px)
    if tuple(batch.shape) != wanted:
        raise CellFailed(f"{method.card.name}.synthesize gave shape {tuple(batch.shape)}, expected {wanted}")
    finite = batch.isfinite().flatten(1).all(dim=1)
    if not bool(finite.all()):
        bad = [data.pair_id(index) for index, good in zip(block, finite.tolist(), strict=True) if not good]
        raise CellFailed(f"{method.card.name}: values that are not finite in {len(bad)} images: {_some(bad)}")
    peak = float(batch.abs().max())
    if peak > 1 + _RANGE_TOLERANCE:
        raise CellFailed(f"{method.card.name}: images are expected in [-1, 1], found a value of magnitude {peak:.4g}")
    return images.to_uint8(batch)


def synthesize_control(folder: Path, spec: CellSpec, test: PairData, training: PairData) -> None:
    """A control's missing images."""
    lacking = set(store.missing_images(folder, (pair.id for pair in test.pairs.pairs)))
    with timed(folder, "synthesize"):
        control = controls.build(spec.method, test, training)
        for index in track(range(len(test)), f"images {spec.method}"):
            if test.pair_id(index) in lacking:
                images.write_png(store.image_path(folder, test.pair_id(index)), control.image(index))


class CellImages:
    """A cell's stored images beside their targets: the metrics' `ScoringSet`."""

    def __init__(self, folder: Path, data: PairData):
        self._folder = folder
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def pair_id(self, index: int) -> str:
        return self._data.pair_id(index)

    def group(self, index: int) -> str:
        return self._data.group(index)

    def generated(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8. UserError for an image that cannot be read or has another size."""
        return images.read_png(store.image_path(self._folder, self.pair_id(index)), self._data.info.size_px)

    def target(self, index: int) -> np.ndarray:
        return self._data.target_uint8(index)

    def mask(self, index: int) -> np.ndarray | None:
        return self._data.target_mask(index) if self._data.info.has_masks else None

    def box(self, index: int) -> np.ndarray:
        return self._data.target_box(index)


def score_and_record(folder: Path, spec: CellSpec, data: PairData) -> None:
    """Score the images, unless scores under exactly this protocol lie there, then write the record.

    CellFailed where images lack: a partial set is never averaged.
    """
    if not store.has_scores(folder, spec.protocol_name, spec.score_key):
        lacking = store.missing_images(folder, (pair.id for pair in data.pairs.pairs))
        if lacking:
            raise CellFailed(f"{len(lacking)} of {len(data)} images are missing: {_some(lacking)}")
        _score(folder, spec, data)
    recording.record(folder, spec).write(store.record_path(folder, spec.protocol_name))


def _score(folder: Path, spec: CellSpec, data: PairData) -> None:
    import torch

    from harness.metrics.protocol import load_protocol
    from harness.metrics.scoring import score

    protocol = load_protocol(spec.protocol)
    if protocol.hash != spec.protocol_hash:
        raise CellFailed(f"protocol {spec.protocol_name} has hash {protocol.hash}, planned was {spec.protocol_hash}")
    torch.set_num_threads(spec.threads)
    start_s = time.monotonic()
    scores = score(
        CellImages(folder, data),
        protocol,
        specs.weight_store(spec),
        feature_cache=paths.home() / "cache" / "features",
    )
    if len(scores.pairs) != len(data):
        raise CellFailed(f"{len(scores.pairs)} of {len(data)} pairs were scored")
    seconds = time.monotonic() - start_s
    path = store.scores_path(folder, spec.protocol_name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    scores.pairs.to_parquet(temporary, index=False)
    side = {
        "score_key": spec.score_key,
        "seconds": seconds,
        "sets": {key: asdict(value) for key, value in scores.sets.items()},
        "skipped": scores.skipped,
    }
    path.with_suffix(".json").unlink(missing_ok=True)
    os.replace(temporary, path)
    write_atomic(path.with_suffix(".json"), json.dumps(side, indent=1))


def _some(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
