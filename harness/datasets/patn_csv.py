"""The csv files of the pose-gan / PATN protocol, which Market-1501 and DeepFashion share.

Annotations: a line `name:keypoints_y:keypoints_x` an image, the lists as JSON, rows before columns, -1 = missing.
Pairs: `from,to`, file names.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import UserError, some
from mrnet.skeletons import OPENPOSE18

_HEADER = "name:keypoints_y:keypoints_x"
_PAIR_HEADER = "from,to"
_MOST_PX = 1e5  # a number beyond it, or none at all (JSON readers take NaN), is no place in a picture


@dataclass(frozen=True)
class Annotations:
    """names: image files, in the file's order. joints: (N, 18, 2) float32, (x, y), 0-based, NaN = missing."""

    names: tuple[str, ...]
    joints: np.ndarray
    digest: str

    @property
    def places(self) -> dict[str, int]:
        """Each name's row."""
        return {name: row for row, name in enumerate(self.names)}


def read_annotations(path: Path) -> Annotations:
    """The joints of every image. UserError that names file and line."""
    text = _text(path)
    lines: dict[str, int] = {}
    values = []
    for number, line in enumerate(_rows(path, text, _HEADER), start=2):
        name, joints = _annotation(path, number, line)
        if name in lines:
            raise UserError(f"{path}, line {number}: {name} is annotated in line {lines[name]} already")
        lines[name] = number
        values.append(joints)
    names = tuple(lines)
    table = np.array(values, dtype=np.float32).reshape(len(names), 2, len(OPENPOSE18))
    joints = table[:, ::-1].transpose(0, 2, 1).copy()  # the file has rows first: (y, x) becomes (x, y)
    joints[(joints < 0).any(axis=2)] = np.nan
    return Annotations(names, joints, hashlib.sha256(text.encode()).hexdigest())


def _annotation(path: Path, number: int, line: str) -> tuple[str, tuple[list[float], list[float]]]:
    fields = line.split(":")
    if len(fields) != len(_HEADER.split(":")):
        raise UserError(f"{path}, line {number}: {len(fields)} columns; {_HEADER} are needed")
    if not fields[0].strip():
        raise UserError(f"{path}, line {number}: the name is empty")
    lists = []
    for column, field in zip(_HEADER.split(":")[1:], fields[1:], strict=True):
        try:
            values = json.loads(field)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number}: {column} is no JSON list: {error}") from error
        if not isinstance(values, list) or len(values) != len(OPENPOSE18) or not all(map(_is_number, values)):
            raise UserError(
                f"{path}, line {number}: {column} is {field.strip()[:60]}; {len(OPENPOSE18)} numbers are needed"
            )
        lists.append(values)
    return fields[0].strip(), (lists[0], lists[1])


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and -_MOST_PX < value < _MOST_PX


def read_pairs(path: Path) -> tuple[tuple[str, str], ...]:
    """(from, to) file names, in order. UserError that names file and line."""
    pairs = []
    for number, line in enumerate(_rows(path, _text(path), _PAIR_HEADER), start=2):
        names = tuple(field.strip() for field in line.split(","))
        if len(names) != len(_PAIR_HEADER.split(",")):
            raise UserError(f"{path}, line {number}: {len(names)} columns; {_PAIR_HEADER} are needed")
        pairs.append(names)
    return tuple(pairs)


def unannotated(path: Path, pairs: tuple[tuple[str, str], ...], annotations: Annotations, source: Path) -> None:
    """Raise UserError where a pair names an image without annotation."""
    known = set(annotations.names)
    for number, pair in enumerate(pairs, start=2):
        for name in pair:
            if name not in known:
                raise UserError(f"{path}, line {number}: {name} is not annotated in {source}")


def check_apart(ids: Sequence[str], first: Path, second: Path) -> None:
    """Raise UserError where a frame of one annotation file is also in the other."""
    twice = [frame for frame, count in Counter(ids).items() if count > 1]
    if twice:
        raise UserError(f"{first} and {second} both annotate {some(twice)}: is one a copy of the other?")


def _rows(path: Path, text: str, header: str) -> list[str]:
    """The lines below the header, which is line 1; empty ones at the end are none. UserError if there is no other."""
    lines = text.rstrip().splitlines()
    found = lines[0] if lines else ""
    if found.replace(" ", "") != header:
        raise UserError(f"{path}, line 1: the columns are {found[:80]!r}; {header} are needed")
    if len(lines) < 2:
        raise UserError(f"{path} has no row below its columns")
    return lines[1:]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
