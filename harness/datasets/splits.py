"""How frames are divided and paired: seeded draws by name, the same every time."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Part:
    """A partition of a split: the ids of its frames, and its pairs, (reference, target), in the order of the list."""

    frames: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = field(repr=False)

    @classmethod
    def of_pairs(cls, pairs: Iterable[tuple[str, str]]) -> Part:
        """The partition that holds just the frames its pairs use."""
        pairs = tuple(pairs)
        return cls(tuple(dict.fromkeys(frame for pair in pairs for frame in pair)), pairs)


def seeded(seed: int, *names: str) -> np.random.Generator:
    """Random numbers of something by its name, the same whatever else there is."""
    return np.random.Generator(np.random.PCG64([seed, *(zlib.crc32(name.encode()) for name in names)]))


def held_out(groups: Iterable[str], share: float, seed: int) -> frozenset[str]:
    """A seeded share of the groups, at least one where there are two: the first in an order that names alone decide.

    Other groups move the border, not the order.
    """
    ordered = sorted(groups, key=lambda group: (zlib.crc32(f"{seed}:{group}".encode()), group))
    count = max(1, round(share * len(ordered))) if len(ordered) > 1 else 0
    return frozenset(ordered[:count])


def evenly(count: int, most: int) -> list[int]:
    """At most `most` places out of `count`, spread evenly, first and last among them."""
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist())) if count else []


def drawn_pairs(numbers: Sequence[int], count: int, apart: int, random: np.random.Generator) -> list[tuple[int, int]]:
    """`count` ordered pairs of different frames by place, drawn without repeats, in order; all if there are fewer.

    numbers: frame numbers of a video. apart: least difference of a pair's numbers.
    """
    time = np.asarray(numbers)
    far = np.abs(time[:, None] - time[None])
    pairs = np.argwhere((far >= apart) & ~np.eye(len(time), dtype=bool))
    if len(pairs) > count:
        pairs = pairs[np.sort(random.choice(len(pairs), size=count, replace=False))]
    return [(int(reference), int(target)) for reference, target in pairs]


def each_once(frames: Sequence[str], random: np.random.Generator) -> list[tuple[str, str]]:
    """Every frame once as the target, with another frame of the same list as reference; none for a single frame."""
    count = len(frames)
    if count < 2:
        return []
    # an offset of 1 … count - 1 never leads back to the target itself
    references = (np.arange(count) + random.integers(1, count, size=count)) % count
    return [(frames[reference], target) for reference, target in zip(references.tolist(), frames, strict=True)]
