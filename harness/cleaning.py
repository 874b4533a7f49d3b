"""What nothing refers to any more, in a results folder and in the home folder; finding is apart from removing.

In the store: what killed processes left, checkpoints of finished trainings, models that no cell uses, test pairs that
no cell has. At home: leftovers, and decoded frames of a dataset version that is not today's. Whatever a run is working
on is left alone, and so is all that a cell refers to, failed and unfinished ones included.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import cache as frame_cache
from harness import datasets, status
from harness.errors import UserError
from harness.locks import is_held
from harness.specs import CellSpec, TrainingSpec
from harness.store import Store, read_json
from methods.base import CHECKPOINT
from mrnet import files

_CACHED_FRAMES = re.compile(r"(?P<fingerprint>[0-9a-f]{16})-(?P<height>\d+)x(?P<width>\d+)")


@dataclass(frozen=True)
class Removable:
    """A file or folder nothing refers to, why, and its size."""

    path: Path
    reason: str
    bytes: int


def find(results: Store, home: Path) -> list[Removable]:
    """Everything that may go, in path order, nothing twice."""
    found: dict[Path, str] = {}
    for path, reason in (*_in_store(results), *_at_home(home)):
        inside = any(parent in found for parent in path.parents)
        if not inside:
            found.setdefault(path, reason)
    return [Removable(path, reason, _size(path)) for path, reason in sorted(found.items())]


def remove(items: list[Removable], results: Store, home: Path) -> list[Removable]:
    """Remove those of `items` that still may go: a run may have taken one up since they were found. Which went."""
    still = {item.path for item in find(results, home)}
    gone = [item for item in items if item.path in still]
    for item in gone:
        if item.path.is_dir():
            shutil.rmtree(item.path, ignore_errors=True)
        else:
            item.path.unlink(missing_ok=True)
    return gone


def _in_store(results: Store) -> Iterator[tuple[Path, str]]:
    trainings, cells = status.trainings(results), status.cells(results)
    running = {item.folder for item in (*trainings, *cells) if item.state is status.State.RUNNING}
    specs = [item.spec for item in cells if isinstance(item.spec, CellSpec)]
    used_models = {trained.key for spec in specs for trained in spec.trained}
    used_pairs = {spec.pairs for spec in specs}
    unreadable = any(item.spec is None for item in cells)
    for item in trainings:
        if item.folder in running or not isinstance(item.spec, TrainingSpec):
            continue
        if item.spec.key not in used_models and not unreadable:
            yield item.folder, f"no cell uses this model ({item.label}, {item.detail})"
        elif item.state is status.State.DONE and (item.folder / CHECKPOINT).is_dir():
            yield item.folder / CHECKPOINT, "checkpoint of a finished training"
    for folder in sorted(results.root.glob("pairs/[!.]*")):
        if folder.name not in used_pairs and not unreadable:
            yield folder, "no cell has these test pairs"
    for item in (*trainings, *cells):
        if item.folder not in running:
            for place in (item.folder, *(path for path in item.folder.iterdir() if path.is_dir())):
                yield from ((path, "left by a killed process") for path in files.leftovers(place))
    if not running:
        for place in (results.root / "pairs", results.root / "report"):
            yield from ((path, "left by a killed process") for path in files.leftovers(place))


def _at_home(home: Path) -> Iterator[tuple[Path, str]]:
    for name in datasets.recorded_names():
        for folder in sorted((home / "cache" / name).glob("[!.]*")):
            if not _is_current(name, folder):
                yield folder, f"decoded frames of another version of {name}"
    places = [home / "weights", *home.glob("data/*"), *home.glob("cache/*")]
    for place in places:
        # a download or a decoding under way holds its lock there
        if not any(is_held(lock) for lock in place.glob(".*.lock")):
            yield from ((path, "left by a killed process") for path in files.leftovers(place))


def _is_current(dataset: str, folder: Path) -> bool:
    """Whether a cache folder is one that the dataset, as it is read today, would open.

    Frames of the user's own files are kept where these cannot be read: a disk may be away.
    """
    match = _CACHED_FRAMES.fullmatch(folder.name)
    if match is None:
        return False
    source = read_json(folder / frame_cache.SOURCE)
    root = Path(source["data_root"]) if source.get("data_root") else None
    try:
        reader = datasets.get(dataset, root, source.get("masks"))
        today = reader.fingerprint((int(match["height"]), int(match["width"])))
    except UserError:
        return bool(source)
    return today.startswith(match["fingerprint"])


def _size(path: Path) -> int:
    return status.disk_bytes(path) if path.is_dir() else path.stat().st_size
