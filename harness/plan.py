"""A plan: what was asked for, resolved to trainings and cells, each cached, to do or refused. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from harness.datasets.base import Dataset
from harness.metrics.protocol import Protocol
from harness.metrics.sample import offers_of
from harness.metrics.scoring import computable
from harness.pairs import TEST, Overlap, PairList, overlap
from harness.presets import Preset
from harness.specs import CellSpec, TrainingSpec
from harness.store import Store
from harness.weights import WeightStore
from methods.card import DatasetInfo

POLICIES = ("only-missing", "always")


class Status(str, Enum):
    """Where a training or a cell stands."""

    CACHED = "cached"
    TO_DO = "to do"
    REFUSED = "refused"


@dataclass(frozen=True)
class RunRequest:
    """What the user asked for. Paths may be relative; None takes the default. weights: `METHOD=FILE` words.

    controls: every control beside the methods. Off here, where methods are named by a program; `bench run` turns it on.
    partition: the pairs that are synthesized and scored, `test` or, to choose a parameter by, `val`.
    """

    methods: tuple[str, ...]
    dataset: str
    split: str | None = None
    preset: str = "quick"
    seeds: tuple[int, ...] = (0,)
    protocol: str = "offline-v1"
    partition: str = TEST
    pairs: Path | None = None
    limit: int | None = None
    weights: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    data_root: Path | None = None
    masks: str | None = None
    weights_dir: Path | None = None
    results: Path = Path("results")
    policy: str = "only-missing"
    controls: bool = False


def _noted(note: str) -> str:
    return f" [{note}]" if note else ""


@dataclass(frozen=True)
class Training:
    """A training that a cell asks for. note: what sets it apart from others of the method, as in an ablation."""

    spec: TrainingSpec
    folder: Path
    status: Status
    note: str = ""

    @property
    def label(self) -> str:
        view = f" on {self.spec.view} windows" if self.spec.view else ""
        return f"train {self.spec.method}{view}{_noted(self.note)} seed {self.spec.seed}"


@dataclass(frozen=True)
class Cell:
    """A cell. stages: what is left of it, of `images`, `scores`, `record`. spec, folder: None where it is refused.

    trainings: what must be done first, of a wrapper its parts; empty where nothing is trained or no image is left to
    make. note: as a training's.
    """

    method: str
    seed: int | None
    status: Status
    reason: str = ""
    stages: tuple[str, ...] = ()
    spec: CellSpec | None = None
    folder: Path | None = None
    trainings: tuple[Training, ...] = ()
    note: str = ""

    @property
    def label(self) -> str:
        name = f"{self.method}{_noted(self.note)}"
        if self.spec and self.spec.given:
            return f"{name} with {Path(self.spec.given.file).name}"
        return name if self.seed is None else f"{name} seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """A resolved request. missing: what must be fetched before anything can run, each with its command."""

    request: RunRequest
    results: Store
    dataset: Dataset
    info: DatasetInfo
    split: str
    preset: Preset
    protocol: Protocol
    train: PairList
    test: PairList
    cells: tuple[Cell, ...]
    missing: tuple[str, ...] = ()

    @property
    def trainings(self) -> tuple[Training, ...]:
        """The trainings the cells wait for, each once."""
        found = {training.spec.key: training for cell in self.cells for training in cell.trainings}
        return tuple(found.values())

    def pairs_folder(self, fingerprint: str) -> Path:
        """Where the test pairs are kept with their frames, of the dataset of that fingerprint."""
        return self.results.pairs_folder(self.dataset.name, self.test.hash, self.preset.size_px, fingerprint)

    def overlaps(self) -> tuple[Overlap, ...]:
        """What the split's partitions share; a test list of the user's takes the place of the test partition."""
        parts = self.dataset.partitions(self.split)
        tested = parts if self.request.pairs is None else replace(parts, test=self.test.frame_ids)
        return overlap(tested, self.dataset.person)

    @property
    def to_do(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.status is Status.TO_DO)


def scoring_assets(plan: Plan) -> list[str]:
    """Names of the pretrained assets that the protocol's metrics use on this dataset, as far as they are at hand where
    that is enough."""
    weights = WeightStore(extra_dir=plan.request.weights_dir)
    keys, _ = computable(plan.protocol, plan.info.name, offers_of(plan.info), weights)
    return plan.protocol.assets(keys)


def needed_assets(plan: Plan) -> list[str]:
    """Names of the pretrained assets that the work to do needs: for masks, trainings, scores."""
    masks = [] if not plan.to_do or plan.dataset.decoded(plan.preset.size_px) else plan.dataset.assets
    training = [name for item in plan.trainings if item.status is Status.TO_DO for name in item.spec.assets]
    scoring = scoring_assets(plan) if any("scores" in cell.stages for cell in plan.to_do) else []
    return list(dict.fromkeys([*masks, *training, *scoring]))
