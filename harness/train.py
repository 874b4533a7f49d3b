"""A training: build the method, fit it, save it into its folder."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from harness import provenance, specs, stopwatch, store
from harness.errors import CellFailed
from harness.pairs import PairData
from harness.progress import track
from harness.specs import TrainingSpec
from harness.stopwatch import Stopwatch
from methods import registry
from methods.base import CHECKPOINT, FitContext, TrainingData, TrainingSchedule, never
from methods.views import cut_data
from mrnet import files

LOG = logging.getLogger(__name__)

_LOG_EVERY_STEPS = 50


class _StepProgress:
    """A progress bar driven by `FitContext.on_step`, with a line in the log now and then.

    A resumed training's first step is not step 1: the bar starts there.
    """

    def __init__(self, description: str, watch: Stopwatch):
        self._description = description
        self._watch = watch
        self._bar: Iterator[int] | None = None

    def __call__(self, done: int, steps: int, terms: Mapping[str, float]) -> None:
        if self._bar is None:
            self._bar = track(range(done - 1, steps), self._description, before=done - 1)
            next(self._bar)
        next(self._bar, None)
        if done % _LOG_EVERY_STEPS == 0 or done == steps:
            LOG.info("step %d/%d %s", done, steps, " ".join(f"{name}={value:.4g}" for name, value in terms.items()))
        self._watch.tick()


def training_data(spec: TrainingSpec) -> TrainingData:
    """The training pairs, through the spec's view. CellFailed if they are not those the training was planned with."""
    dataset = specs.dataset_of(spec)
    pairs = dataset.pair_list(spec.split, "train", spec.size_px)
    if pairs.hash != spec.train_pair_list_hash:
        raise CellFailed(f"the training pairs have hash {pairs.hash}, planned was {spec.train_pair_list_hash}")
    return cut_data(PairData(dataset.frames(spec.size_px), pairs), spec.view)


def train(folder: Path, spec: TrainingSpec, stop: Callable[[], bool] = never) -> None:
    """Train into `folder`, resuming what lies there; `done.json` is written last, and the checkpoint then removed.

    stop: asked after each step whether the user wants to stop; then KeyboardInterrupt is raised.
    """
    data = training_data(spec)
    method = registry.build(spec.method, data.info, spec.parameters)
    LOG.info("training %s on %d pairs, %d steps, seed %d", spec.method, len(data), spec.schedule.steps, spec.seed)
    precision = _precision_here(spec.precision)
    with stopwatch.timed(folder, "train") as watch:
        context = FitContext(
            folder=folder,
            seed=spec.seed,
            schedule=TrainingSchedule(**spec.schedule.model_dump()),
            weights=specs.weight_store(spec),
            precision=precision,
            on_step=_StepProgress(f"training {spec.method}", watch),
            stop=stop,
        )
        method.fit(data, context)
        method.save(folder)
    done = {
        "key": spec.key,
        "seconds": stopwatch.seconds(folder)["train"],
        "steps": spec.schedule.steps,
        "batch_size": spec.schedule.batch_size,
        "samples": spec.schedule.steps * spec.schedule.batch_size,
        "device": provenance.device(),
        "dtype": precision,
        "threads": spec.threads,
        "bytes": sum(path.stat().st_size for path in folder.iterdir() if path.is_file()),
        "created": provenance.now(),
    }
    files.write_text(folder / store.DONE, json.dumps(done, indent=1))
    # a finished training never resumes, and optimizer states are several times the model
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)


def _precision_here(asked: str) -> str:
    """`bf16` or `fp32`: what `auto` means on this machine, so that the record can say it."""
    if asked != "auto":
        return asked
    from methods.training import default_device, has_native_bf16

    return "bf16" if has_native_bf16(default_device()) else "fp32"
