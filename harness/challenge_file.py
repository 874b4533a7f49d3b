"""`challenges.csv` in a pairs folder: a row a pair, what makes it hard, and what the dataset tells of it.

Measured from what the folder holds (frames and poses), so that an older folder is completed and not built anew. A file
of another pair list or of older definitions counts as absent.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.challenges import CHALLENGES, VERSION, View, measure
from harness.errors import UserError
from harness.images import read_image
from harness.pairs import PairList
from harness.progress import track
from mrnet import files

if TYPE_CHECKING:
    from harness.datasets.base import Dataset

FILE = "challenges.csv"
POSES = "poses.json"

_HEADER = re.compile(r"# challenges version=(?P<version>\d+) pairs=(?P<pairs>[0-9a-f]{64})")
_KEYS = tuple(challenge.key for challenge in CHALLENGES)
_COLUMNS = ("pair", "category", "person", *_KEYS)


@dataclass(frozen=True)
class PairChallenges:
    """A pair's row. category, person: None where the dataset does not tell; values: by challenge, NaN = undefined."""

    pair: str
    category: str | None
    person: str | None
    values: dict[str, float]


def is_current(folder: Path, pair_list_hash: str) -> bool:
    """Whether the folder holds the file for this pair list, by the definitions of today."""
    try:
        with (folder / FILE).open(encoding="utf-8") as file:
            match = _HEADER.fullmatch(file.readline().rstrip("\n"))
    except (OSError, UnicodeDecodeError):
        return False
    return match is not None and int(match["version"]) == VERSION and match["pairs"] == pair_list_hash


def write(folder: Path, pairs: PairList, dataset: Dataset | None) -> None:
    """Measure the pairs by the folder's frames and poses and write the file into it, whole or not at all.

    dataset: tells the category and the person of a target frame; None where nothing tells. UserError for an image or
    poses that are missing or damaged.
    """
    poses = _read_poses(folder / POSES)
    text = io.StringIO()
    text.write(f"# challenges version={VERSION} pairs={pairs.hash}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for pair in track(pairs.pairs, "measuring the test pairs"):
        measured = measure(*(_view(folder, frame, poses) for frame in (pair.reference, pair.target)))
        told = (dataset.category(pair.target), dataset.person(pair.target)) if dataset else ("", "")
        numbers = ("" if math.isnan(measured[key]) else repr(measured[key]) for key in _KEYS)
        writer.writerow([pair.id, *(word or "" for word in told), *numbers])
    files.write_text(folder / FILE, text.getvalue())


def read(folder: Path, pairs: PairList) -> tuple[PairChallenges, ...] | None:
    """The rows, in the pair list's order; None where `is_current` is not so. UserError for a damaged file."""
    if not is_current(folder, pairs.hash):
        return None
    path = folder / FILE
    try:
        _, _, body = path.read_text(encoding="utf-8").partition("\n")
        heading, *rows = csv.reader(io.StringIO(body))
        found = tuple(_row(row) for row in rows)
    except (OSError, ValueError) as error:
        raise _damaged(path, repr(error)) from error
    if tuple(heading) != _COLUMNS or [row.pair for row in found] != [pair.id for pair in pairs.pairs]:
        raise _damaged(path, "its columns or pairs are not those of the pair list")
    return found


def frame_path(folder: Path, frame_id: str) -> Path:
    """Where a pairs folder keeps the image of a frame."""
    return folder / "frames" / f"{frame_id.replace('/', '_')}.png"


def _row(fields: list[str]) -> PairChallenges:
    pair, category, person, *numbers = fields
    values = {key: float(number) if number else math.nan for key, number in zip(_KEYS, numbers, strict=True)}
    return PairChallenges(pair, category or None, person or None, values)


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path} is damaged: {what}. Remove it and run the same `bench run` again: it writes the file")


@dataclass(frozen=True)
class _Poses:
    """size_px: (height, width). frames: joints (J, 2) and box (4,) by frame id."""

    size_px: tuple[int, int]
    frames: dict[str, tuple[np.ndarray, np.ndarray]]


def _read_poses(path: Path) -> _Poses:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        height, width = content["size"]
        frames = {
            frame: (
                np.array(entry["joints"], dtype=np.float64).reshape(-1, 2),
                np.array(entry["box"], dtype=np.float64).reshape(4),
            )
            for frame, entry in content["frames"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, repr(error)) from error
    return _Poses((int(height), int(width)), frames)


def _view(folder: Path, frame: str, poses: _Poses) -> View:
    if frame not in poses.frames:
        raise _unreadable(folder / POSES, f"it has no pose of {frame}")
    return View(read_image(frame_path(folder, frame), poses.size_px), *poses.frames[frame])


def _unreadable(path: Path, what: str) -> UserError:
    return UserError(
        f"cannot read the poses {path}: {what}. Remove the folder and run the same `bench run` again: it writes them"
    )
