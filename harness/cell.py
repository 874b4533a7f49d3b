"""The stages of a cell: synthesize, score, record. Each reuses what lies in the folder.

Scores are always made from the PNG files as read back from disk, so that a stored image set and its numbers agree.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from harness import controls, cost, given_weights, images, paths, recording, specs, store
from harness.arithmetic import mapped_exactly
from harness.errors import CellFailed, UserError, some
from harness.metrics.sample import Sample, offers_of
from harness.pairs import PairData, PairList
from harness.pairs_folder import PAIRS
from harness.progress import track
from harness.specs import CellSpec
from harness.stopwatch import timed
from harness.synthesis import ContractBroken, answer, person_of, pixels_of
from methods import registry
from methods.base import AllAtOnce, SynthesisFailed
from mrnet import files

if TYPE_CHECKING:
    from methods.base import Method

LOG = logging.getLogger(__name__)

_MOST_INSTANCES = 8  # each holds the model once more


def test_data(results: store.Store, spec: CellSpec) -> PairData:
    """The cell's test pairs, from the list in the store."""
    pairs = PairList.read(results.root / "pairs" / spec.pairs / PAIRS)
    return PairData(specs.dataset_of(spec).frames(spec.size_px), pairs)


def synthesize_learned(folder: Path, results: store.Store, spec: CellSpec, data: PairData) -> None:
    """A method's missing images, from its trained model where it has one.

    Pairs one by one, each on one thread: kernels, and so last bits, are chosen by batch and thread count, and an image
    must depend on neither, nor on which images an interrupted run left. On a CPU several pairs are made at once, each
    by an instance of its own, so that a method need not be safe for threads. One that is `AllAtOnce` is asked once.
    CellFailed for a wrong count, size, range, or a value that is not finite.
    """
    lacking = set(store.missing_images(folder, (pair.id for pair in data.pairs.pairs)))
    todo = [index for index in range(len(data)) if data.pair_id(index) in lacking]
    LOG.info("%s: %d of %d images to make", spec.method, len(todo), len(data))
    if not todo:
        return  # without the model, which may be gone
    methods = _OneForEachThread(lambda: _method(results, spec, data))
    recording.keep_model_facts(folder, results, spec)

    def make(index: int) -> None:
        pair = data.pair_id(index)
        try:
            found = answer(methods.method, data.conditions([index]))
            pixels = pixels_of(methods.method, found)
        except ContractBroken as error:
            raise CellFailed(f"pair {pair}: {error}") from error
        if found.masks is not None:
            images.write_png(store.mask_path(folder, pair), person_of(found.masks))
        images.write_png(store.image_path(folder, pair), pixels)  # last: what has an image is not made again

    if isinstance(methods.method, AllAtOnce):
        made = _made_at_once(folder, methods.method, data, todo)
    else:
        made = mapped_exactly(make, todo, _instances(spec.threads))
    with timed(folder, "synthesize") as watch:
        for _ in track(made, f"images {spec.method}", len(todo)):
            watch.tick()


def measure_cost(folder: Path, results: store.Store, spec: CellSpec, data: PairData) -> None:
    """Keep what the method's synthesis costs, unless it is kept or the model is gone; nothing of foreign programs."""
    models = [results.model_folder(trained.method, trained.key) / store.DONE for trained in spec.trained]
    if recording.has_cost(folder) or not all(path.is_file() for path in models):
        return
    method = _method(results, spec, data)
    if not isinstance(method, AllAtOnce):
        LOG.info("%s: measuring what synthesis costs", spec.method)
        single, batch = data.conditions([0]), data.conditions(cost.repeated(len(data)))
        try:
            recording.keep_cost(folder, cost.measure(method, single, batch))
        except (RuntimeError, MemoryError) as error:
            # as on a GPU too small for the larger batch: images and scores do not depend on it
            LOG.warning("%s: the cost was not measured: %s", spec.method, error)


def _made_at_once(folder: Path, method: AllAtOnce, data: PairData, todo: Sequence[int]) -> Iterator[None]:
    """Keep each image as the method gives it. CellFailed where one lacks or is not as it should be."""
    try:
        for place, found in method.synthesize_all(data.conditions([index]) for index in todo):
            images.write_png(store.image_path(folder, data.pair_id(todo[place])), pixels_of(method, found))
            yield
    except (ContractBroken, SynthesisFailed) as error:
        raise CellFailed(str(error)) from error


class _OneForEachThread(threading.local):
    """A method a thread, built when the thread first asks."""

    def __init__(self, build: Callable[[], Method]):
        self.method = build()


def _method(results: store.Store, spec: CellSpec, data: PairData) -> Method:
    method = registry.build(spec.method, data.info, spec.parameters)
    parts = method.learners()
    if spec.given is not None:
        given_weights.load(parts[spec.given_part] if spec.given_part else method, spec.given)
    for trained in spec.trained:
        parts[trained.part].load(results.model_folder(trained.method, trained.key))
    return method


def _instances(threads: int) -> int:
    """Instances of a method that work at once: one on a GPU."""
    from methods.training import default_device

    return 1 if default_device().type == "cuda" else min(threads, _MOST_INSTANCES)


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
        self.dataset, self.skeleton = data.info.name, data.info.skeleton
        self.offers = offers_of(data.info)

    def __len__(self) -> int:
        return len(self._data)

    def pair_id(self, index: int) -> str:
        return self._data.pair_id(index)

    def group(self, index: int) -> str:
        return self._data.group(index)

    def sample(self, index: int) -> Sample:
        """UserError for an image that cannot be read or has another size."""
        data = self._data
        try:
            generated = images.read_image(store.image_path(self._folder, self.pair_id(index)), data.info.size_px)
        except UserError as error:
            raise UserError(f"{error}. Remove it: the same `bench run` or `bench import` makes it again") from error
        return Sample(
            generated=generated,
            target=data.target_uint8(index),
            mask=data.target_mask(index) if data.info.has_masks else None,
            box=data.target_box(index),
            reference=data.reference_uint8(index),
            reference_box=data.reference_box(index),
            joints=data.target_joints(index),
        )


def score_and_record(folder: Path, spec: CellSpec, data: PairData) -> None:
    """Score the images, unless scores under exactly this protocol lie there, then write the record.

    CellFailed where images lack: a partial set is never averaged.
    """
    if not store.has_scores(folder, spec.protocol_name, spec.score_key):
        lacking = store.missing_images(folder, (pair.id for pair in data.pairs.pairs))
        if lacking:
            raise CellFailed(f"{len(lacking)} of {len(data)} images are missing: {some(lacking)}")
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
    side = {
        "score_key": spec.score_key,
        "seconds": seconds,
        "sets": {key: asdict(value) for key, value in scores.sets.items()},
        "skipped": scores.skipped,
        "protocol": protocol.model_dump(mode="json"),
    }
    path.with_suffix(".json").unlink(missing_ok=True)
    with files.replacing(path) as temporary:
        scores.pairs.to_parquet(temporary, index=False)
    files.write_text(path.with_suffix(".json"), json.dumps(side, indent=1))
