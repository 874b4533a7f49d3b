"""What a training or a cell is, as plain data: `spec.yaml` in its folder, by which a child process does the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml

from harness import config, datasets, keys
from harness.config import Strict
from harness.errors import UserError
from harness.pairs import TEST
from harness.presets import Schedule
from harness.records import Git, Leakage
from harness.store import SPEC
from harness.weights import WeightStore
from mrnet import files

if TYPE_CHECKING:
    from harness.datasets.base import Dataset
    from harness.metrics.protocol import Protocol


class _Common(Strict):
    """What a child needs to find method, data and weights. Paths are absolute."""

    key: str
    method: str
    parameters: dict[str, object]
    plugins: tuple[str, ...]
    dataset: str
    data_root: str | None
    masks: str | None = None
    weights_dir: str | None
    split: str
    size_px: tuple[int, int]
    dataset_fingerprint: str
    threads: int

    def write(self, folder: Path) -> Path:
        """Write `spec.yaml` into the folder; its path."""
        path = folder / SPEC
        files.write_text(path, yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
        return path


class Given(Strict):
    """Weights that were not trained here. origin: what the record says of them."""

    file: str
    sha256: str
    origin: str


class Trained(Strict):
    """A model that a cell uses. part: the label of a wrapper's part, else the method's name. key: of its training."""

    part: str
    method: str
    key: str


class TrainingSpec(_Common):
    """A training. assets: SHA-256 of the pretrained assets it uses, by name. view: how pairs are cut for it, if so."""

    kind: Literal["training"] = "training"
    card_version: int
    train_pair_list_hash: str
    schedule: Schedule
    precision: Literal["auto", "bf16", "fp32"]
    seed: int
    assets: dict[str, str]
    view: str | None = None


class CellSpec(_Common):
    """A cell under one protocol.

    trained: the models it uses, a wrapper's in the order of its parts; preset and seed: null where there is none.
    given: the file of weights it, or a wrapper's part `given_part`, uses in place of a training.
    imported: hash of its images where they were made elsewhere; nothing can make them again.
    settled: false where the preset says that the method does not train to a stable state at its budget.
    scene_only, remarks: what the card says of the method and of these parameters.
    pairs: folder of the test pairs under results/pairs; partition: what they are pairs of.
    protocol: name, or path of a YAML file.
    assets: SHA-256 of all pretrained assets, of masks, training and scoring.
    train_pair_list_hash: of the training pairs that the model or the control saw, if any.
    leakage: what the split's partitions share, the test list's frames in place of its test partition's.
    git: state of the code when the run began.
    """

    kind: Literal["cell"] = "cell"
    control: bool
    title: str
    privileged: bool
    trained: tuple[Trained, ...] = ()
    given: Given | None = None
    given_part: str = ""
    imported: str | None = None
    preset: str | None
    overrides: tuple[str, ...]
    ranked: bool
    settled: bool = True
    scene_only: bool = False
    remarks: tuple[str, ...] = ()
    seed: int | None
    precision: Literal["auto", "bf16", "fp32"]
    protocol: str
    protocol_name: str
    protocol_hash: str
    score_key: str
    pairs: str
    partition: str = TEST
    test_pair_list_hash: str
    train_pair_list_hash: str | None
    box_source: str
    leakage: tuple[Leakage, ...] = ()
    assets: dict[str, str]
    command: str
    git: Git | None = None


def read_spec(path: Path) -> TrainingSpec | CellSpec:
    """Read a `spec.yaml`. UserError for what is not one."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(
            f"cannot read the spec {path}: {error}. Remove {path.parent}: the same `bench run` makes it anew"
        ) from error
    kinds = {"training": TrainingSpec, "cell": CellSpec}
    if not isinstance(data, dict) or str(data.get("kind")) not in kinds:
        raise UserError(f"{path} is no spec: its `kind` is 'training' or 'cell'. Remove its folder and run again")
    return config.validate(data, kinds[data["kind"]], str(path))


def protocol_fields(given: str, protocol: Protocol, cell_key: str) -> dict[str, object]:
    """What the spec of the cell of that key says of the protocol. given: its name, or its file, as asked for."""
    return {
        "protocol": str(Path(given).absolute()) if given.endswith((".yaml", ".yml")) else given,
        "protocol_name": protocol.name,
        "protocol_hash": protocol.hash,
        "score_key": keys.score_key(cell_key, protocol.hash),
    }


def dataset_of(spec: TrainingSpec | CellSpec) -> Dataset:
    """The dataset the spec names."""
    return datasets.get(spec.dataset, _path(spec.data_root), spec.masks, _path(spec.weights_dir))


def weight_store(spec: TrainingSpec | CellSpec) -> WeightStore:
    """The weights the run was told to use."""
    return WeightStore(extra_dir=_path(spec.weights_dir))


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
