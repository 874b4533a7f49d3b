"""Where results lie, and what of them is already there. Plain files; the folder is the truth (DESIGN §4).

models/<method>-<key>/           spec.yaml train.csv log.txt checkpoint/ done.json (written last)
cells/<dataset>/<method>-<key>/  spec.yaml log.txt failure.json? images/<pair id>.png scores/<protocol>.{parquet,json}
                                 record-<protocol>.json (written last: its presence means done)
pairs/<dataset>-<pair list's hash>-<HxW>-<fingerprint>/    pairs.csv frames/*.png poses.json challenges.csv
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.locks import is_held, locked
from harness.records import Record, read_record
from mrnet import files

if TYPE_CHECKING:
    import pandas

PARTS = ("models", "cells", "pairs")
"""The folders by which a results folder is known."""

KEY_LENGTH = 12
"""Characters of a key that name a folder; the whole key is in the folder's spec."""

LOG_TAIL_LINES = 40

DONE = "done.json"
FAILURE = "failure.json"
LOG = "log.txt"
SPEC = "spec.yaml"
LOCK = ".lock"
"""Held by the run that works on a folder."""

CHILD_LOCK = ".child.lock"
"""Held by the child process that works in a folder: it may outlive its run by a moment."""


class Store:
    """A results folder."""

    def __init__(self, root: Path):
        self.root = Path(root).absolute()

    def model_folder(self, method: str, training_key: str) -> Path:
        """Folder of a trained model."""
        return self.root / "models" / f"{method}-{training_key[:KEY_LENGTH]}"

    def cell_folder(self, dataset: str, method: str, cell_key: str) -> Path:
        """Folder of a cell: its images, scores and records. A wrapper's parentheses and commas become dots."""
        name = re.sub(r"[(),]+", ".", method).strip(".")
        return self.root / "cells" / dataset / f"{name}-{cell_key[:KEY_LENGTH]}"

    def pairs_folder(self, dataset: str, pair_list_hash: str, size_px: tuple[int, int], fingerprint: str) -> Path:
        """Folder of a test pair list with the frames and poses it uses, of the dataset of that fingerprint."""
        height, width = size_px
        name = f"{dataset}-{pair_list_hash[:KEY_LENGTH]}-{height}x{width}-{fingerprint[:KEY_LENGTH]}"
        return self.root / "pairs" / name

    def records(self, dataset: str | None = None, protocol: str | None = None) -> list[tuple[Path, Record]]:
        """Every record (of a dataset, of a protocol), in path order. UserError for an unreadable one."""
        pattern = f"cells/{dataset or '*'}/*/record-{protocol or '*'}.json"
        return [(path, read_record(path)) for path in sorted(self.root.glob(pattern))]

    def scores(self, record_path: Path) -> pandas.DataFrame:
        """Per-pair values behind a record: columns `pair`, `group`, then metric keys."""
        import pandas

        protocol = record_path.stem.removeprefix("record-")
        return pandas.read_parquet(scores_path(record_path.parent, protocol))


def opened(root: Path) -> Store:
    """The store at `root`. UserError where that is no results folder: nothing there, a file, or a folder of others."""
    store = Store(root)
    if store.root.is_dir() and any((store.root / part).is_dir() for part in PARTS):
        return store
    what = "does not exist" if not store.root.exists() else "is a file"
    if store.root.is_dir():
        what = f"holds none of {', '.join(f'{part}/' for part in PARTS)}"
    raise UserError(
        f"{store.root} {what}: it is no results folder. `bench run` makes one; name yours with --results DIR"
    )


def record_path(cell: Path, protocol: str) -> Path:
    """Where a cell's record under a protocol lies."""
    return cell / f"record-{protocol}.json"


def scores_path(cell: Path, protocol: str) -> Path:
    """Where a cell's per-pair values under a protocol lie; set values, score key, constants lie beside it, as .json."""
    return cell / "scores" / f"{protocol}.parquet"


def image_path(cell: Path, pair_id: str) -> Path:
    """Where the image of a pair lies."""
    return cell / "images" / f"{pair_id}.png"


def mask_path(cell: Path, pair_id: str) -> Path:
    """Where the picture lies of what the method took for the person in a pair's reference, if it cut it out: white."""
    return cell / "masks" / f"{pair_id}.png"


def missing_images(cell: Path, pair_ids: Iterable[str]) -> list[str]:
    """Ids of the pairs without an image. Images are renamed into place, so one that is there is whole."""
    present = images_of(cell)
    return [pair_id for pair_id in pair_ids if pair_id not in present]


def images_of(cell: Path) -> frozenset[str]:
    """Ids of the pairs with an image."""
    folder = cell / "images"
    names = os.listdir(folder) if folder.is_dir() else []  # much faster than glob, and there may be a million
    return frozenset(name.removesuffix(".png") for name in names if name.endswith(".png"))


def has_record(cell: Path, protocol: str, score_key: str) -> bool:
    """Whether the cell is done under exactly this protocol (a changed protocol of the same name is not)."""
    path = record_path(cell, protocol)
    return path.is_file() and read_record(path).score_key == score_key


def has_scores(cell: Path, protocol: str, score_key: str) -> bool:
    """Whether the cell's scores are there under exactly this protocol; damaged ones are not."""
    path = scores_path(cell, protocol)
    try:
        return path.is_file() and read_json(path.with_suffix(".json")).get("score_key") == score_key
    except UserError:
        return False


def log_tail(folder: Path, lines: int = LOG_TAIL_LINES) -> list[str]:
    """The last lines of a training's or cell's log."""
    path = folder / LOG
    return path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:] if path.is_file() else []


def read_json(path: Path) -> dict:
    """A JSON file's object, or {} where the file is absent. UserError for a damaged one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}. Remove it and run the same command again") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged: it holds no object. Remove it and run the same command again")
    return content


@contextmanager
def held(folder: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold a training's or cell's folder: against another run, and against a child that outlived an earlier run.

    on_wait: called with the reason where there is somebody to wait for. What killed processes left behind is removed.
    """
    with locked(folder / LOCK, lambda: on_wait(f"waiting for another run on {folder}")):
        with locked(folder / CHILD_LOCK, lambda: on_wait(f"waiting for an earlier run's process to end in {folder}")):
            for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
                files.sweep(place)
        yield


def is_running(folder: Path) -> bool:
    """Whether a run or its child works in a training's or cell's folder now."""
    return any(is_held(folder / lock) for lock in (LOCK, CHILD_LOCK))


def empty(folder: Path) -> None:
    """Remove what a held folder contains, but for its locks; first of all what says that the rest is whole."""
    for marker in (folder / DONE, *folder.glob("record-*.json"), *folder.glob("scores/*.json")):
        marker.unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in (LOCK, CHILD_LOCK):
            path.unlink()
