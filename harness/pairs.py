"""Pairs of frames: the fixed, hashed pair list, what partitions share, and the tensors of a list's pairs."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import cache as frame_cache
from harness.errors import UserError
from mrnet import files

if TYPE_CHECKING:
    from harness.datasets.frames import FrameStore, Partitions
    from methods.base import Batch, Condition
    from methods.card import DatasetInfo

TEST = "test"
"""The partition that results are about."""

SCORED = (TEST, "val")
"""Partitions whose pairs may be scored: to report, and to choose a parameter by."""

_LIMIT_SEED = 0
_COLUMNS = ["id", "reference", "target"]
_HEADER = re.compile(
    r"# pairs dataset=(?P<dataset>\S+) split=(?P<split>\S+) partition=(?P<partition>\S+) "
    r"version=(?P<version>\d+) n=(?P<n>\d+) sha256=(?P<sha256>[0-9a-f]{64})"
)


def group_of(frame_id: str) -> str:
    """The group of a frame, which is its clip, video or person: `lab-cam01` of `lab-cam01/0042`."""
    return frame_id.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Pair:
    """A reference and a target frame by their ids; `id` is unique in its list and safe as a file name."""

    id: str
    reference: str
    target: str

    @classmethod
    def of(cls, reference: str, target: str) -> Pair:
        """The pair with its id: `lab-cam01_0042__0071`, or both clips' names where they differ."""
        same_clip = group_of(reference) == group_of(target)
        shown_target = target.rpartition("/")[2] if same_clip else target
        return cls(f"{reference}__{shown_target}".replace("/", "_"), reference, target)


@dataclass(frozen=True)
class PairList:
    """The fixed pairs of a partition, in order.

    version: raised whenever the rules that made the list change.
    """

    dataset: str
    split: str
    partition: str
    version: int
    pairs: tuple[Pair, ...]

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the list's names, version and pairs in order, 64 hex digits."""
        head = f"{self.dataset}\t{self.split}\t{self.partition}\t{self.version}\n"
        body = "".join(f"{pair.id}\t{pair.reference}\t{pair.target}\n" for pair in self.pairs)
        return hashlib.sha256((head + body).encode()).hexdigest()

    @property
    def targets(self) -> frozenset[str]:
        """The frames that are some pair's target."""
        return frozenset(pair.target for pair in self.pairs)

    @property
    def frame_ids(self) -> tuple[str, ...]:
        """Every frame the pairs use, once, in order of first use."""
        return tuple(dict.fromkeys(frame for pair in self.pairs for frame in (pair.reference, pair.target)))

    def limit(self, n: int) -> PairList:
        """A subset of `n` pairs, as many from each target's group as there are, in the list's order; always the same.

        A smaller subset lies within a larger one. All pairs if there are no more than `n`; UserError for n < 1.
        """
        if n < 1:
            raise UserError(f"a limit of {n} pairs leaves nothing to do; give at least 1")
        if n >= len(self.pairs):
            return self
        generator = np.random.Generator(np.random.PCG64(_LIMIT_SEED))
        queues: dict[str, list[int]] = defaultdict(list)
        for index in generator.permutation(len(self.pairs)):
            queues[group_of(self.pairs[index].target)].append(int(index))
        rank = {index: (turn, group) for group in queues for turn, index in enumerate(queues[group])}
        chosen = sorted(sorted(rank, key=rank.__getitem__)[:n])
        return replace(self, pairs=tuple(self.pairs[index] for index in chosen))

    def write(self, path: Path) -> None:
        """Write the list as CSV under a comment line with its names and hash; atomic."""
        text = io.StringIO()
        text.write(
            f"# pairs dataset={self.dataset} split={self.split} partition={self.partition} "
            f"version={self.version} n={len(self.pairs)} sha256={self.hash}\n"
        )
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows((pair.id, pair.reference, pair.target) for pair in self.pairs)
        files.write_text(path, text.getvalue())

    @classmethod
    def read(cls, path: Path) -> PairList:
        """Read what `write` wrote. Raises UserError if it is missing, malformed or does not match its hash."""
        try:
            head, _, body = path.read_text(encoding="utf-8").partition("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read the pair list {path}: {error}") from error
        match = _HEADER.fullmatch(head)
        rows = list(csv.reader(io.StringIO(body)))
        if match is None or not rows or rows[0] != _COLUMNS or any(len(row) != len(_COLUMNS) for row in rows):
            raise UserError(
                f"{path} is no pair list: a '# pairs …' line and the columns {', '.join(_COLUMNS)} are needed"
            )
        names = match.group("dataset", "split", "partition")
        result = cls(*names, int(match["version"]), tuple(Pair(*row) for row in rows[1:]))
        if result.hash != match["sha256"]:
            raise UserError(
                f"{path} does not match its hash: {result.hash} found, {match['sha256']} written. It was edited; "
                f"write it again: bench data pairs {result.dataset} --split {result.split}"
            )
        return result


@dataclass(frozen=True)
class Overlap:
    """How many frames, groups (clips, videos) and persons two partitions share; persons: None where nobody knows."""

    first: str
    second: str
    frames: int
    groups: int
    persons: int | None

    def __str__(self) -> str:
        persons = "unknown" if self.persons is None else self.persons
        return f"{self.first} and {self.second} share frames: {self.frames}, groups: {self.groups}, persons: {persons}"


def overlap(partitions: Partitions, person_of: Callable[[str], str | None]) -> tuple[Overlap, ...]:
    """What each two partitions share; `person_of` maps a frame id to its person, or None where that is unknown."""
    frames = {name: set(partitions[name]) for name in partitions.NAMES}
    groups = {name: set(map(group_of, frames[name])) for name in frames}
    persons = {name: set(map(person_of, frames[name])) for name in frames}
    known = all(None not in found for found in persons.values())
    return tuple(
        Overlap(
            a,
            b,
            len(frames[a] & frames[b]),
            len(groups[a] & groups[b]),
            len(persons[a] & persons[b]) if known else None,
        )
        for a, b in combinations(partitions.NAMES, 2)
    )


class PairData:
    """Pairs as tensors: the `TrainingData` of a training, and the conditions and targets of a test.

    Raises UserError if a pair names a frame that is not in `frames`.
    """

    def __init__(self, frames: FrameStore, pairs: PairList):
        self.frames = frames
        self.pairs = pairs
        self._references = np.array([frames.index(pair.reference) for pair in pairs.pairs], dtype=np.int64)
        self._targets = np.array([frames.index(pair.target) for pair in pairs.pairs], dtype=np.int64)

    @property
    def info(self) -> DatasetInfo:
        return self.frames.info

    def __len__(self) -> int:
        return len(self.pairs)

    def pair_id(self, index: int) -> str:
        return self.pairs.pairs[index].id

    def group(self, index: int) -> str:
        """The group of the pair's target."""
        return group_of(self.pairs.pairs[index].target)

    def conditions(self, indices: Sequence[int]) -> Condition:
        """What a method may see of the pairs at `indices`; reads neither image nor mask of a target."""
        import torch

        from harness.images import from_uint8
        from methods.base import Condition

        references, targets = self._references[list(indices)], self._targets[list(indices)]
        frames = self.frames
        return Condition(
            image=from_uint8(frames.images[references]),
            mask=_mask_tensor(frames.masks[references]),
            joints=torch.from_numpy(frames.joints[references]),
            box=torch.from_numpy(frames.boxes[references]),
            target_joints=torch.from_numpy(frames.joints[targets]),
            target_box=torch.from_numpy(frames.boxes[targets]),
            skeleton=frames.info.skeleton,
        )

    def batch(self, indices: Sequence[int]) -> Batch:
        """The pairs at `indices` with their targets, on the CPU, in that order."""
        from harness.images import from_uint8
        from methods.base import Batch

        targets = self._targets[list(indices)]
        return Batch(
            condition=self.conditions(indices),
            target=from_uint8(self.frames.images[targets]),
            target_mask=_mask_tensor(self.frames.masks[targets]),
        )

    def target_uint8(self, index: int) -> np.ndarray:
        """The target image, (H, W, 3) uint8."""
        return frame_cache.read_row(self.frames.images, self._targets[index])

    def reference_uint8(self, index: int) -> np.ndarray:
        """The reference image, (H, W, 3) uint8."""
        return np.array(self.frames.images[self._references[index]])

    def reference_box(self, index: int) -> np.ndarray:
        """The reference's person box, as `target_box`."""
        return np.array(self.frames.boxes[self._references[index]])

    def target_joints(self, index: int) -> np.ndarray:
        """The target's joints, (J, 2) float32, (x, y) in pixels, NaN = missing."""
        return np.array(self.frames.joints[self._targets[index]])

    def target_mask(self, index: int) -> np.ndarray:
        """The target's person mask, (H, W) bool."""
        return frame_cache.read_row(self.frames.masks, self._targets[index]).astype(bool)

    def target_box(self, index: int) -> np.ndarray:
        """The target's person box, (4,) float32, xyxy, end-exclusive, pixels."""
        return np.array(self.frames.boxes[self._targets[index]])


def _mask_tensor(masks: np.ndarray):
    """(B, H, W) of 0 and 1 to a (B, 1, H, W) float32 tensor."""
    import torch

    return torch.from_numpy(np.asarray(masks, dtype=np.float32)[:, None])
