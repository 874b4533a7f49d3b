"""Baselines: `benchmarks/baselines/*.yaml`, what `bench regress` holds the code against.

The part `asked` is written by hand; `measured` by `bench regress --update`, and beside NAME.yaml the folder NAME/:

    NAME.yaml                    asked, measured
    NAME/images/<pair id>.png    images of the frozen checkpoint
    NAME/model.safetensors       the frozen checkpoint: the first seed's
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, field_validator

from harness import config, store
from harness.config import Strict
from harness.errors import UserError, some
from methods.base import MODEL
from mrnet import files

KIND = "baselines"
LEAST_SEEDS = 3
"""Trainings from which a spread is told: of two, a prediction interval is too wide to catch anything."""

_MEASURED = "measured:"
_WRITTEN = "# below: written by `bench regress --update`"


class Tolerances(Strict):
    """How far a number may move without being called changed.

    Above a magnitude of 1, those of metrics through a network and of re-made images are shares of the value.
    """

    arithmetic: float = Field(1e-6, ge=0, description="stored images rescored: metrics of plain arithmetic")
    network: float = Field(1e-4, ge=0, description="stored images rescored: metrics through a network's float32")
    remade: float = Field(2e-3, ge=0, description="images made anew by the frozen checkpoint: every metric")
    grey_levels: int = Field(1, ge=0, description="images made anew: the most that a pixel may differ, of 255")


class Asked(Strict):
    """What is run: one method that learns, on one dataset, under one protocol."""

    method: str
    dataset: str
    split: str | None = Field(None, description="null: the dataset's own")
    masks: str | None = Field(None, description="where person masks come from; null: the dataset's own")
    preset: str
    overrides: tuple[str, ...] = Field((), description="changes to the preset, as `--set`")
    protocol: str = "offline-v1"
    limit: int | None = Field(None, ge=1, description="test pairs; null: all")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        description="of the baseline's trainings; the gate trains with the first"
    )
    threads: int = Field(1, ge=1, description="CPU threads of a training; another number gives other last bits")
    confidence: float = Field(0.99, gt=0.5, lt=1, description="of the interval within which a training is as before")
    tolerances: Tolerances = Tolerances()

    @field_validator("seeds")
    @classmethod
    def _enough(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < max(LEAST_SEEDS, len(seeds)):
            raise ValueError(f"at least {LEAST_SEEDS} seeds are needed, each once")
        return seeds


class Ground(Strict):
    """What numbers stand on: with another of these they are no longer the same measurement."""

    protocol_hash: str
    pair_list_hash: str
    train_pair_list_hash: str
    dataset_fingerprint: str


class Spread(Strict):
    """A metric of the baseline's trainings. values: its mean over pairs, in the order of the seeds.

    pair_error: standard error, over groups of pairs, of the difference of one training from the mean of the others;
    0 for metrics of sets.
    """

    values: tuple[float, ...]
    pair_error: float


class Measured(Strict):
    """What `--update` found. images: metrics of the stored images. training: metrics of the trainings."""

    ground: Ground
    device: str
    versions: dict[str, str]
    images: dict[str, float]
    training: dict[str, Spread]


class Baseline(Strict):
    """A baseline file's content. measured: null before the first `--update`."""

    description: str = ""
    asked: Asked
    measured: Measured | None = None


@dataclass(frozen=True)
class BaselineFile:
    """A baseline, and where it lies."""

    path: Path
    content: Baseline

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def folder(self) -> Path:
        """What lies beside the file; laid out as a cell's folder, as far as images go."""
        return self.path.with_suffix("")

    @property
    def model(self) -> Path:
        """The frozen checkpoint."""
        return self.folder / MODEL

    @property
    def update_command(self) -> str:
        shipped = self.path.parent == config.ROOT / KIND
        return f"bench regress --baseline {self.name if shipped else self.path} --update"


def load(name: str) -> BaselineFile:
    """The shipped baseline called `name`, or the file of that path. UserError as `config.load`."""
    return BaselineFile(config.path_of(KIND, name).absolute(), config.load(KIND, name, Baseline))


def require_measured(file: BaselineFile, pair_ids: Iterable[str]) -> Measured:
    """What was measured. UserError where that, the checkpoint, or the image of one of the pairs is not there."""
    measured = file.content.measured
    if measured is None:
        raise UserError(f"{file.path} says what to measure, and nothing was measured yet. Run: {file.update_command}")
    if not file.model.is_file():
        raise UserError(
            f"the frozen checkpoint {file.model} is not there. Bring it back from where the baseline came, or measure "
            f"anew: {file.update_command}"
        )
    lacking = store.missing_images(file.folder, pair_ids)
    if lacking:
        raise UserError(
            f"{file.folder / 'images'} lacks {len(lacking)} of the baseline's images: {some(lacking)}. Bring them back "
            f"from where the baseline came, or measure anew: {file.update_command}"
        )
    return measured


def refuse_clash(file: BaselineFile, measured: Measured, here: Ground) -> None:
    """UserError where numbers would stand on other ground than the baseline's."""
    told = {
        "protocol_hash": f"another protocol ({file.content.asked.protocol})",
        "pair_list_hash": "another list of test pairs",
        "train_pair_list_hash": "another list of training pairs",
        "dataset_fingerprint": f"another version of the dataset ({file.content.asked.dataset})",
    }
    clashes = [
        f"{words}: {getattr(here, name)[: store.KEY_LENGTH]} here, "
        f"{getattr(measured.ground, name)[: store.KEY_LENGTH]} in the baseline"
        for name, words in told.items()
        if getattr(here, name) != getattr(measured.ground, name)
    ]
    if clashes:
        raise UserError(
            f"{file.path} stands on {'; and on '.join(clashes)}. A difference between the two would say nothing of the "
            f"code. If the change is meant, measure anew: {file.update_command}"
        )


def save(file: BaselineFile, measured: Measured, cell: Path, model: Path) -> BaselineFile:
    """Write the measured part, the images of a cell's folder and the checkpoint `model` in place of what is there.

    The text of the asked part, comments included, stays as it is. UserError where it stands behind `measured`.
    """
    head = file.path.read_text(encoding="utf-8").partition(f"\n{_MEASURED}")[0]
    head = head.removesuffix(f"\n{_WRITTEN}").rstrip("\n")
    dumped = yaml.safe_dump({"measured": measured.model_dump(mode="json")}, sort_keys=False, allow_unicode=True)
    content = Baseline(**{**file.content.model_dump(), "measured": measured.model_dump()})
    text = f"{head}\n\n{_WRITTEN}\n{dumped}"
    if config.validate(yaml.safe_load(text), Baseline, str(file.path)) != content:
        raise UserError(f"{file.path}: `measured` must be the last key; move what is asked before it")
    shutil.rmtree(file.folder, ignore_errors=True)
    with files.new_folder(file.folder) as folder:
        shutil.copyfile(model, folder / MODEL)
        (folder / "images").mkdir()
        for image in sorted((cell / "images").glob("*.png")):
            shutil.copyfile(image, folder / "images" / image.name)
    files.write_text(file.path, text)
    return BaselineFile(file.path, content)
