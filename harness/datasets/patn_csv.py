"""The csv files of the pose-gan / PATN protocol, which Market-1501 and DeepFashion share.

Annotations: a line `name:keypoints_y:keypoints_x` an image, the lists as JSON, rows before columns, -1 = missing.
Pairs: `from,to`, file names.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import UserError
from mrnet.skeletons import OPENPOSE18

_HEADER = "name:keypoints_y:keypoints_x"
_PAIR_COLUMNS = ("from", "to")
_MISSING = -1


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
    lines = text.splitlines()
    if not lines or lines[0].strip().replace(" ", "") != _HEADER:
        raise UserError(f"{path}, line 1: the columns are {lines[0][:80] if lines else ''!r}; {_HEADER} are needed")
    names, values = [], []
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            name, joints = _annotation(path, number, line)
            names.append(name)
            values.append(joints)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path} annotates {twice} twice")
    table = np.array(values, dtype=np.float32).reshape(len(names), 2, len(OPENPOSE18))
    joints = table[:, ::-1].transpose(0, 2, 1).copy()  # the file has rows first: (y, x) becomes (x, y)
    joints[(joints < 0).any(axis=2)] = np.nan
    return Annotations(tuple(names), joints, hashlib.sha256(text.encode()).hexdigest())


def _annotation(path: Path, number: int, line: str) -> tuple[str, tuple[list[float], list[float]]]:
    fields = line.split(":")
    if len(fields) != len(_HEADER.split(":")):
        raise UserError(f"{path}, line {number}: {len(fields)} columns; {_HEADER} are needed")
    lists = []
    for column, field in zip(_HEADER.split(":")[1:], fields[1:], strict=True):
        try:
            values = json.loads(field)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: {column} is no JSON list: {error}") from error
        if not isinstance(values, list) or len(values) != len(OPENPOSE18) or not all(map(_is_number, values)):
            raise UserError(
                f"{path}, line {number}: {column} is {field.strip()[:60]}; {len(OPENPOSE18)} numbers are needed"
            )
        lists.append(values)
    return fields[0].strip(), (lists[0], lists[1])


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def read_pairs(path: Path) -> tuple[tuple[str, str], ...]:
    """(from, to) file names, in order. UserError that names file and line."""
    rows = list(csv.reader(_text(path).splitlines()))
    if not rows or tuple(column.strip() for column in rows[0]) != _PAIR_COLUMNS:
        raise UserError(
            f"{path}, line 1: the columns are {rows[0] if rows else []}; {','.join(_PAIR_COLUMNS)} are needed"
        )
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(_PAIR_COLUMNS):
            raise UserError(f"{path}, line {number}: {len(row)} columns; {','.join(_PAIR_COLUMNS)} are needed")
    return tuple((row[0].strip(), row[1].strip()) for row in rows[1:])


def unannotated(path: Path, pairs: tuple[tuple[str, str], ...], annotations: Annotations, source: Path) -> None:
    """Raise UserError where a pair names an image without annotation."""
    known = set(annotations.names)
    for number, pair in enumerate(pairs, start=2):
        for name in pair:
            if name not in known:
                raise UserError(f"{path}, line {number}: {name} is not annotated in {source}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
