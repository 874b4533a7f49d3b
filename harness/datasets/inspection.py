"""`bench data check` of files on a user's disk: all is decoded once, and what is odd is said in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from harness.datasets import decoding
from harness.datasets.findings import Findings
from harness.datasets.frames import Partitions
from harness.datasets.index import Count, FrameIndex
from harness.errors import UserError, some
from harness.progress import track
from mrnet.skeletons import Skeleton

# more of a kind than this are worth a warning
_MOST_MISSING = 0.5
_MOST_OUTSIDE = 0.05
# swapped coordinates: many joints outside that would lie inside if x and y changed places, or bodies that lie
_SWAP_OUTSIDE, _SWAP_INSIDE = 0.05, 0.01
_LYING = 0.8
_LEAST_BODIES = 10
_TOP, _BOTTOM = ("head", "nose", "neck"), ("ankle", "knee", "hip", "shoulder")


class Inspected(Protocol):
    """What is asked of a dataset (`harness.datasets.on_disk.OnDisk`)."""

    name: str
    folder: Path
    splits: tuple[str, ...]
    masks: str
    assets: tuple[str, ...]
    skeleton: Skeleton
    index: FrameIndex

    def available(self) -> tuple[bool, str]: ...
    def counts(self) -> list[Count]: ...
    def partitions(self, split: str) -> Partitions: ...
    def mask_maker(self) -> decoding.MaskMaker: ...


@dataclass(frozen=True)
class _Look:
    """What one frame showed: its size, or what is wrong with it; whether its mask is empty."""

    size_px: tuple[int, int] | None
    problem: str = ""
    empty_mask: bool = False


def inspect(dataset: Inspected) -> Findings:
    """Read annotations, decode every frame that a split may use, and say what is there, odd, or unusable."""
    available, reason = dataset.available()
    try:
        index, counts = dataset.index, dataset.counts()
        as_published = [count for count in counts if count.published in (None, count.found)]
        facts = [
            f"{count.what}: {count.found:,}" + (" as published" if count.published else "") for count in as_published
        ]
        divided = list(_partitions(dataset))
    except UserError as error:
        return Findings(problems=(str(error),) if available else (reason,))
    facts += [sentence for sentence, whole in divided if whole]
    if not available:
        return Findings(facts=tuple(facts), problems=(reason,))
    looks = _looks(dataset)
    broken = [look.problem for look in looks if look.problem]
    sizes = np.array([look.size_px or (0, 0) for look in looks])
    empty = [name for name, look in zip(index.ids, looks, strict=True) if look.empty_mask]
    readable = sum(not look.problem for look in looks)
    facts.append(f"frames that some split uses: {len(index):,}, {readable:,} of them readable")
    annotated = np.tile(index.annotated_px, (len(index), 1)) if index.annotated_px else sizes
    warnings = [
        *(
            f"{count.what}: {count.found:,} found, {count.published:,} published; another release, or a part of it"
            for count in counts
            if count not in as_published
        ),
        *(f"{sentence}: a partition is empty" for sentence, whole in divided if not whole),
        *index.notes,
        *_of_joints(index.joints, annotated, dataset.skeleton),
        *(
            [f"{len(empty)} masks ({dataset.masks}) are empty, such as {some(empty[:3])}: M-SSIM leaves them out"]
            if empty
            else []
        ),
    ]
    facts.append(f"missing joints: {np.isnan(index.joints[..., 0]).mean():.1%}")
    return Findings(tuple(facts), tuple(warnings), tuple(broken))


def _partitions(dataset: Inspected) -> Iterator[tuple[str, bool]]:
    """A sentence a split, and whether something can be trained and tested on it."""
    for split in dataset.splits:
        try:
            frames = dataset.partitions(split)
        except UserError as error:
            yield str(error).splitlines()[0], True
            continue
        counts = ", ".join(f"{len(frames[name]):,} {name} frames" for name in frames.NAMES)
        yield f"split {split}: {counts}", all(frames[name] for name in frames.NAMES)


def _looks(dataset: Inspected) -> list[_Look]:
    """A look at every frame. Masks that a network finds are left to `bench data segment`."""
    index, root = dataset.index, dataset.folder
    masks = None if dataset.assets else dataset.mask_maker()

    def look(row: int) -> _Look:
        try:
            source = decoding.source_frame(root, index, row)
            size_px = index.annotated_px or source.image.shape[:2]
            if masks is None:
                return _Look(size_px)
            *_, mask, _, _ = decoding.decode(source, size_px, masks)
            return _Look(size_px, empty_mask=not mask.any())
        except UserError as error:
            return _Look(None, problem=str(error))

    rows = decoding.in_parallel(look, range(len(index)), decoding.workers())
    return list(track(rows, f"reading {dataset.name}", len(index)))


def _of_joints(joints: np.ndarray, sizes_px: np.ndarray, skeleton: Skeleton) -> Iterator[str]:
    """Sentences on joints (N, J, 2) of pictures of (N, 2) (height, width) pixels; (0, 0) for one not readable."""
    seen = sizes_px[:, 0] > 0
    points, sides = joints[seen], sizes_px[seen]
    there = np.isfinite(points).all(axis=2)
    if not there.any():
        yield "no frame has a joint: the annotations are of something else"
        return
    missing = float(1 - there.mean())
    if missing > _MOST_MISSING:
        yield f"{missing:.0%} of the joints are missing: did the detector find nobody?"
    outside, swapped = (float(1 - _inside(candidate, sides)[there].mean()) for candidate in (points, points[..., ::-1]))
    if outside > _SWAP_OUTSIDE and swapped < _SWAP_INSIDE:
        yield f"{outside:.0%} of the joints lie outside the picture, but inside if x and y change places: swapped?"
    elif outside > _MOST_OUTSIDE:
        yield f"{outside:.0%} of the joints lie outside the picture: are they in pixels of another size?"
    lying = _lying(points, skeleton)
    if lying > _LYING:
        yield f"{lying:.0%} of the persons lie, head beside feet: are x and y swapped?"


def _inside(points: np.ndarray, sides_px: np.ndarray) -> np.ndarray:
    """(N, J) bool, of joints (N, J, 2) in pictures of (N, 2) (height, width)."""
    edges = points + 0.5
    return ((edges >= 0) & (edges <= sides_px[:, None, ::-1])).all(axis=2)


def _lying(points: np.ndarray, skeleton: Skeleton) -> float:
    """Share of persons who are wider than tall between head and the lowest limbs; 0 for too few to tell."""
    top = next(skeleton.joints.index(name) for name in _TOP if name in skeleton.joints)
    low = next(part for part in _BOTTOM if f"left_{part}" in skeleton.joints)
    ends = [skeleton.joints.index(f"{side}_{low}") for side in ("left", "right")]
    along = points[:, ends].mean(axis=1) - points[:, top]
    along = np.abs(along[np.isfinite(along).all(axis=1)])
    return float((along[:, 0] > along[:, 1]).mean()) if len(along) >= _LEAST_BODIES else 0.0
