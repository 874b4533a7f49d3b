"""`bench regress`: the code of today against a baseline, through the same plan, runner and scoring as every run.

Results of other code must not be taken for today's: work lies in a folder named by a digest of all that may change a
number. It is kept only as long as something is left to do, so that an interrupted check goes on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness import baselines, gates, images, paths, provenance, recording, resolve, runner, store
from harness.baselines import BaselineFile, Ground, Measured, Spread
from harness.errors import CellFailed, UserError
from harness.gates import Gate, Passage
from harness.locks import is_held, locked
from harness.plan import Cell, Plan, RunRequest
from harness.records import MetricValue, read_record
from harness.weights import WeightStore
from methods.base import MODEL

_THREADS = "OMP_NUM_THREADS"
_DIGEST_LENGTH = 12


@dataclass(frozen=True)
class RegressRequest:
    """What the user asked for. baseline: a shipped one's name, or a file.

    results: where to keep the work; None: nowhere, once it is done.
    """

    baseline: str
    gates: tuple[Gate, ...] = tuple(Gate)
    plugins: tuple[Path, ...] = ()
    data_root: Path | None = None
    weights_dir: Path | None = None
    results: Path | None = None


@dataclass(frozen=True)
class Regression:
    """What the gates found. versions: packages that the baseline was measured with in other versions, both named."""

    file: BaselineFile
    passages: tuple[Passage, ...]
    pairs: int
    device: str
    versions: Mapping[str, tuple[str, str]]

    @property
    def held(self) -> bool:
        return all(passage.held for passage in self.passages)


def check(request: RegressRequest) -> Regression:
    """Hold today's code against the baseline, gate by gate; a gate that fails does not stop the next.

    UserError before any work for a baseline that is not whole or stands on other ground (protocol, pairs, dataset), and
    for data or weights that are missing.
    """
    file = baselines.load(request.baseline)
    with _working(request, file) as root:
        asked = _run_request(request, file, root)
        plan = resolve.ground(asked)
        measured = baselines.require_measured(file, (pair.id for pair in plan.test.pairs))
        baselines.refuse_clash(file, measured, _ground(plan))
        work = _Gates(file, measured, asked, plan)
        passages = tuple(work.passed(gate) for gate in Gate if gate in request.gates)
        if request.results is None and not any(passage.failure for passage in passages):
            shutil.rmtree(root, ignore_errors=True)
    here = provenance.versions()
    changed = {
        name: (was, here.get(name, "none")) for name, was in measured.versions.items() if here.get(name, "none") != was
    }
    return Regression(file, passages, len(plan.test), provenance.device(), changed)


def update(request: RegressRequest) -> BaselineFile:
    """Measure what the baseline asks for, and write it into its file, images and checkpoint beside it.

    UserError as `check`, and for a method that does not learn from seeds, or keeps no file of weights; CellFailed where
    a training or its scoring fails.
    """
    file = baselines.load(request.baseline)
    asked = file.content.asked
    with _working(request, file) as root:
        run = replace(_run_request(request, file, root), seeds=asked.seeds)
        plan = resolve.resolve(run)
        cells = [cell for cell in plan.cells if cell.spec is not None and len(cell.spec.trained) == 1]
        if len(cells) < len(asked.seeds):
            reason = next((f": {cell.reason}" for cell in plan.cells if cell.reason), "")
            raise UserError(
                f"{file.path}: {asked.method} is not one method that learns from a seed on this dataset{reason}. "
                "A baseline is of one that does: bench list methods"
            )
        _run(plan)
        (trained,) = cells[0].spec.trained
        model = plan.results.model_folder(trained.method, trained.key) / MODEL
        if not model.is_file():
            raise UserError(f"{asked.method} keeps no {MODEL}, so that no checkpoint of it can be frozen")
        frozen = _given(run, asked.method, model)
        _run(frozen)
        record = read_record(store.record_path(frozen.cells[0].folder, plan.protocol.name))
        measured = Measured(
            ground=_ground(plan),
            device=record.device,
            versions=record.versions,
            images={key: value.mean for key, value in record.metrics.items()},
            training=_spreads(plan, cells),
        )
        written = baselines.save(file, measured, frozen.cells[0].folder, model)
        if request.results is None:
            shutil.rmtree(root, ignore_errors=True)
        return written


class _Gates:
    """The gates of one baseline. plan: the ground they stand on, without a cell."""

    def __init__(self, file: BaselineFile, measured: Measured, asked: RunRequest, plan: Plan):
        self._file, self._measured, self._asked, self._plan = file, measured, asked, plan
        self._tolerances = file.content.asked.tolerances

    def passed(self, gate: Gate) -> Passage:
        """What the gate finds; its failure where the code cannot do what it is asked to."""
        runner.say(f"gate {gate.value}")
        rows = {Gate.RESCORE: self._rescored, Gate.RERUN: self._rerun, Gate.TRAIN: self._trained}[gate]
        try:
            return Passage(gate, rows())
        except CellFailed as error:
            return Passage(gate, failure=str(error))

    def _rescored(self) -> tuple[gates.Row, ...]:
        from harness.cell import CellImages
        from harness.metrics.scoring import score
        from harness.pairs import PairData

        plan = self._plan
        available, reason = plan.dataset.available()
        if not (available or plan.dataset.decoded(plan.preset.size_px)):
            raise UserError(reason)
        data = PairData(plan.dataset.frames(plan.preset.size_px), plan.test)
        for pair in plan.test.pairs:
            # a damaged one is told before scoring, which would tell how a run's is mended
            images.read_image(store.image_path(self._file.folder, pair.id), data.info.size_px)
        # the cache of features is left out: those of earlier code must not hide what today's does
        found = score(
            CellImages(self._file.folder, data), plan.protocol, WeightStore(extra_dir=self._asked.weights_dir)
        )
        values = recording.metric_values(found.pairs, found.sets)
        network = [key for key in values if key not in plan.protocol.pair_keys or plan.protocol.assets_of(key)]
        return gates.rescored(self._measured.images, values, network, self._tolerances)

    def _rerun(self) -> tuple[gates.Row, ...]:
        plan = _given(self._asked, self._file.content.asked.method, self._file.model)
        _run(plan)
        (cell,) = plan.cells
        apart = max(self._apart(cell.folder, pair.id) for pair in plan.test.pairs)
        values = _values(cell, plan)
        rows = gates.remade(self._measured.images, values, self._tolerances)
        return gates.images_row(apart, self._tolerances), *rows

    def _apart(self, folder: Path, pair_id: str) -> int:
        """The greatest difference of a pixel of the pair's image from the baseline's, in grey levels."""
        now, was = (
            images.read_image(store.image_path(place, pair_id), self._plan.preset.size_px).astype(np.int16)
            for place in (folder, self._file.folder)
        )
        return int(np.abs(now - was).max())

    def _trained(self) -> tuple[gates.Row, ...]:
        asked = self._file.content.asked
        plan = resolve.resolve(self._asked)
        _run(plan)
        values = _values(plan.cells[0], plan)
        return gates.trained(self._measured.training, values, asked.confidence, self._tolerances)


@contextmanager
def _working(request: RegressRequest, file: BaselineFile) -> Iterator[Path]:
    """The folder of the work, held, and the number of threads that the baseline asks for.

    At home, what interrupted checks of other code left goes.
    """
    home = request.results or paths.home() / "cache" / "regress"
    root = home / f"{file.name}-{provenance.code_digest(request.plugins)[:_DIGEST_LENGTH]}"
    before = os.environ.get(_THREADS)
    with locked(_lock(root), lambda: runner.say(f"waiting for another check in {root}")):
        if request.results is None:
            for stale in home.glob(f"{file.name}-*"):
                if stale != root and not is_held(_lock(stale)):
                    shutil.rmtree(stale, ignore_errors=True)
        os.environ[_THREADS] = str(file.content.asked.threads)
        try:
            yield root
        finally:
            os.environ.pop(_THREADS)
            if before is not None:
                os.environ[_THREADS] = before


def _lock(root: Path) -> Path:
    return root.with_name(f".{root.name}.lock")


def _run_request(request: RegressRequest, file: BaselineFile, root: Path) -> RunRequest:
    """The run that a baseline asks for, of its first seed. Files it names lie where it does."""
    asked, beside = file.content.asked, file.path.parent
    preset, protocol = (
        str(beside / name) if name.endswith((".yaml", ".yml")) else name for name in (asked.preset, asked.protocol)
    )
    return RunRequest(
        methods=(asked.method,),
        dataset=asked.dataset,
        split=asked.split,
        preset=preset,
        seeds=asked.seeds[:1],
        protocol=protocol,
        limit=asked.limit,
        overrides=asked.overrides,
        plugins=request.plugins,
        data_root=request.data_root,
        masks=asked.masks,
        weights_dir=request.weights_dir,
        results=root,
    )


def _ground(plan: Plan) -> Ground:
    return Ground(
        protocol_hash=plan.protocol.hash,
        pair_list_hash=plan.test.hash,
        train_pair_list_hash=plan.train.hash,
        dataset_fingerprint=plan.dataset.fingerprint(plan.preset.size_px),
    )


def _given(asked: RunRequest, method: str, model: Path) -> Plan:
    """The plan in which the frozen checkpoint takes the place of a training."""
    return resolve.resolve(replace(asked, weights=(f"{method}={model}",)))


def _run(plan: Plan) -> None:
    """Do the plan. CellFailed where a part of it could not be done."""
    ends = (runner.End.FAILED, runner.End.REFUSED)
    lacking = [outcome for outcome in runner.run(plan) if outcome.end in ends]
    if lacking:
        raise CellFailed(f"{lacking[0].label}: {lacking[0].reason}")


def _values(cell: Cell, plan: Plan) -> Mapping[str, MetricValue]:
    return read_record(store.record_path(cell.folder, plan.protocol.name)).metrics


def _spreads(plan: Plan, cells: Sequence[Cell]) -> dict[str, Spread]:
    """Every metric that all trainings have, over them."""
    places = [store.record_path(cell.folder, plan.protocol.name) for cell in cells]
    values = [read_record(place).metrics for place in places]
    pairs = [plan.results.scores(place) for place in places]
    groups = pairs[0]["group"].to_numpy(dtype=str)
    spreads = {}
    for key in values[0]:
        if all(key in found for found in values):
            error = 0.0
            if key in pairs[0]:
                a_pair = np.stack([table[key].to_numpy(dtype=np.float64) for table in pairs])
                there = ~np.isnan(a_pair).any(axis=0)
                error = gates.pair_error(a_pair[:, there], groups[there])
            spreads[key] = Spread(values=tuple(found[key].mean for found in values), pair_error=error)
    return spreads
