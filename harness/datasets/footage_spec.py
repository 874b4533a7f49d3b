"""The footage dataset's description (`benchmarks/datasets/footage.yaml`), its annotations, and its splits by rule.

Everything here is plain data: no video is read.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache

import numpy as np
from pydantic import Field

from benchmarks import ROOT
from harness import config
from harness.config import Strict
from harness.datasets.frames import Partitions
from harness.errors import UserError, unknown
from harness.fetch import sha256_of
from harness.pairs import Pair
from mrnet.skeletons import FOOTAGE18, PENN13

ANNOTATED_SIZE_PX = 128
_FORMAT = "pose-footage-annotations-1"
_TENTHS_PER_PX = 10.0


class Track(Strict):
    """One clip: where it comes from, the fixed square window (x0, y0, size; source pixels), and who is in it."""

    package: str
    version: str
    member: str
    sha256: str
    window_px: tuple[int, int, int]
    person: str


class Split(Strict):
    """Tracks and frame ranges (first, last; both included) of training and test."""

    train_tracks: tuple[str, ...]
    train_frames: tuple[int, int]
    test_tracks: tuple[str, ...]
    test_frames: tuple[int, int]


class PairRules(Strict):
    """How pairs are made; explained in the YAML file."""

    version: int
    val_frames: int = Field(gt=0)
    val_gap_frames: int = Field(ge=0)
    train_apart_frames: int = Field(gt=0)
    test_apart_frames: int = Field(gt=0)
    test_moved_px: float
    test_drawn: int = Field(gt=0)
    test_seed: int


class FootageSpec(Strict):
    """The whole description."""

    annotations: str
    annotations_sha256: str
    tracks: dict[str, Track]
    splits: dict[str, Split]
    pairs: PairRules


@dataclass(frozen=True)
class Annotation:
    """One frame: joints (18, 2) float64, pixels of the 128 px crop, NaN = missing; mask as COCO compressed RLE."""

    joints: np.ndarray
    mask_rle: str


@cache
def spec() -> FootageSpec:
    """The shipped description."""
    return config.load("datasets", "footage", FootageSpec)


@cache
def annotations() -> dict[str, dict[int, Annotation]]:
    """The shipped annotations by track and source frame number, in order. Raises UserError if the file is damaged."""
    path = ROOT / "datasets" / spec().annotations
    if not path.is_file() or sha256_of(path) != spec().annotations_sha256:
        raise UserError(f"{path} is missing or damaged; install the package again")
    content = json.loads(gzip.decompress(path.read_bytes()))
    if content["format"] != _FORMAT or tuple(content["joints"]) != FOOTAGE18.joints:
        raise UserError(f"{path} has the format {content['format']}; {_FORMAT} with 18 joints is needed")
    return {
        name: {int(number): _annotation(*entry) for number, entry in sorted(track["frames"].items(), key=_by_number)}
        for name, track in content["tracks"].items()
    }


def _by_number(item: tuple[str, object]) -> int:
    return int(item[0])


def _annotation(values: list[int], mask_rle: str) -> Annotation:
    joints = np.array(values, dtype=np.float64).reshape(len(FOOTAGE18), 2)
    missing = (joints < 0).any(axis=1)
    joints /= _TENTHS_PER_PX
    joints[missing] = np.nan
    joints.setflags(write=False)
    return Annotation(joints, mask_rle)


def frame_id(track: str, number: int) -> str:
    """`lab-cam01/0042`."""
    return f"{track}/{number:04d}"


def frame_ids() -> tuple[str, ...]:
    """Every annotated frame, by track and number."""
    return tuple(frame_id(track, number) for track, frames in annotations().items() for number in frames)


def split_rules(name: str) -> Split:
    """The split called `name`; UserError with did-you-mean otherwise."""
    splits = spec().splits
    if name not in splits:
        raise unknown("split of footage", name, splits)
    return splits[name]


def partition_numbers(split: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """Source frame numbers by partition and track: {partition: {track: numbers}}."""
    rules, pairs = split_rules(split), spec().pairs
    first, last = rules.train_frames
    val_end = first + pairs.val_frames
    ranges = {
        "train": (rules.train_tracks, range(val_end + pairs.val_gap_frames, last + 1)),
        "val": (rules.train_tracks, range(first, val_end)),
        "test": (rules.test_tracks, range(rules.test_frames[0], rules.test_frames[1] + 1)),
    }
    return {
        partition: {track: tuple(number for number in annotations()[track] if number in wanted) for track in tracks}
        for partition, (tracks, wanted) in ranges.items()
    }


def partitions(split: str) -> Partitions:
    """Frame ids of each partition of a split."""
    ids = {
        partition: tuple(frame_id(track, number) for track, numbers in tracks.items() for number in numbers)
        for partition, tracks in partition_numbers(split).items()
    }
    return Partitions(**ids)


def ordered_pairs(
    track: str, numbers: tuple[int, ...], apart_frames: int, moved_px: float = 0.0
) -> list[tuple[int, int]]:
    """All (reference, target) of a track at least so far apart in time and in mean movement of the 13 Penn joints.

    moved_px: pixels of the 128 px crop; joints missing in either frame do not count.
    """
    joints = np.stack([annotations()[track][number].joints[: len(PENN13)] for number in numbers])
    moved = np.nanmean(np.linalg.norm(joints[:, None] - joints[None], axis=-1), axis=-1)
    time = np.array(numbers)
    apart = np.abs(time[:, None] - time[None])
    return [(numbers[i], numbers[j]) for i, j in np.argwhere((apart >= apart_frames) & (moved >= moved_px))]


def all_pairs(split: str, partition: str) -> dict[str, list[tuple[int, int]]]:
    """Every pair of a partition by track, before any draw. Raises UserError for an unknown split or partition."""
    numbers, rules = partition_numbers(split), spec().pairs
    if partition not in numbers:
        raise unknown("partition", partition, numbers)
    apart, moved = (
        (rules.test_apart_frames, rules.test_moved_px) if partition == "test" else (rules.train_apart_frames, 0.0)
    )
    return {track: ordered_pairs(track, values, apart, moved) for track, values in numbers[partition].items()}


def chosen_pairs(split: str, partition: str) -> tuple[Pair, ...]:
    """The pairs of a partition; of the test pairs, those drawn with the fixed seed, as many from each track."""
    by_track, rules = all_pairs(split, partition), spec().pairs
    if partition == "test":
        generator = np.random.Generator(np.random.PCG64(rules.test_seed))
        each = rules.test_drawn // len(by_track)
        by_track = {
            track: [pairs[i] for i in sorted(generator.choice(len(pairs), size=each, replace=False))]
            for track, pairs in by_track.items()
        }
    return tuple(
        Pair.of(frame_id(track, reference), frame_id(track, target))
        for track, pairs in by_track.items()
        for reference, target in pairs
    )
