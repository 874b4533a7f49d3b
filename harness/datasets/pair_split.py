"""MR-Net's `pair_split.json`: `{"train": [[source, target], …], "test": […]}`, names with or without `.jpg`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.datasets.splits import Part, held_out
from harness.errors import UserError

FILE = "pair_split.json"

_PARTS = ("train", "test")
_EXAMPLE = '{"train": [["0001_000001", "0001_000009"], …], "test": […]}'

# the authors have no validation pairs: those of a twentieth of the training groups are taken
_VAL_SHARE = 0.05
_VAL_SEED = 20200924


def read(path: Path) -> dict[str, list[tuple[str, str]]]:
    """The pairs of `train` and `test` by name, endings taken off. UserError that names what is wrong."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}. Expected {_EXAMPLE}") from error
    if not isinstance(content, dict) or any(not isinstance(content.get(part), list) for part in _PARTS):
        raise UserError(f"{path} has no lists 'train' and 'test'. Expected {_EXAMPLE}")
    return {part: [_pair(path, part, row, pair) for row, pair in enumerate(content[part])] for part in _PARTS}


def _pair(path: Path, part: str, row: int, pair: object) -> tuple[str, str]:
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(name, str) and name for name in pair):
        raise UserError(f"{path}: {part}[{row}] is {json.dumps(pair)[:80]}; two names are needed. Expected {_EXAMPLE}")
    return stem(pair[0]), stem(pair[1])


def stem(name: str) -> str:
    """A frame's name without the `.jpg` that some files give it."""
    return name.removesuffix(".jpg")


def with_val(
    train: Sequence[tuple[str, str]], test: Sequence[tuple[str, str]], group: Callable[[str], str]
) -> dict[str, Part]:
    """A split's partitions from given lists, with `val` taken out of `train` by group (video or person).

    A pair that a list names again is there once, since a pair's id is unique; one of a frame with itself is none.
    """
    held = held_out({group(frame) for pair in train for frame in pair}, _VAL_SHARE, _VAL_SEED)
    pairs: dict[str, list[tuple[str, str]]] = {"train": [], "val": [], "test": list(test)}
    for reference, target in train:
        inside = (group(reference) in held) + (group(target) in held)
        if inside != 1:  # a pair across the border would show validation frames to the training
            pairs["val" if inside else "train"].append((reference, target))
    return {name: Part.of_pairs(dict.fromkeys(filter(_of_two, drawn))) for name, drawn in pairs.items()}


def _of_two(pair: tuple[str, str]) -> bool:
    return pair[0] != pair[1]
