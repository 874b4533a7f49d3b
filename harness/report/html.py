"""A report as one HTML file: sortable tables, and a viewer that lays the methods' images of a pair side by side.

The file needs no other and no network: data and pictures are inside. All text is escaped by the template, and a content
security policy keeps out every script but the page's own.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import page_file
from harness.challenge_file import frame_path
from harness.images import read_image
from harness.metrics.base import METRICS
from harness.pairs import Pair, group_of
from harness.report.build import is_plumbing, leading_keys, not_pictured, row_group, row_records
from harness.report.figures import choose_pairs, pose_image, read_poses
from harness.report.pair_scores import ScoreFrames
from harness.report.table import PLUMBING, Column, Row, RowGroup, Table, Value, text
from harness.store import image_path, images_of

if TYPE_CHECKING:
    from markupsafe import Markup

    from harness.pairs import PairList
    from harness.records import Record
    from harness.report.contents import Contents
    from harness.report.markdown import Picture
    from harness.report.select import Entry

MOST_PIXELS = 2000 * 64 * 64
"""Pixels of all pictures in a page; with more pairs than that leaves room for, a draw of them is shown."""

LEAST_PAIRS = 8
"""Pairs shown however many methods there are."""

_PAGE = Path(__file__).parent / "page"
_ACROSS = 16  # tiles in a row of an atlas
_POSE_SCALE = 2
_EXTRA_DECIMALS = 1  # a pair's value is told a digit closer than a mean


@dataclass(frozen=True)
class _Shown:
    """A row of the table with pictures: its record (of the lowest seed), the cell it is of, pairs with an image."""

    record: Record
    entry: Entry
    label: str
    drawn: frozenset[str]


@dataclass(frozen=True)
class Viewer:
    """What a page has beside tables. caption: which pairs; data: JSON; figures: with URIs; provenance: by row."""

    caption: str
    data: Markup
    figures: Sequence[tuple[Picture, str]]
    provenance: Sequence[tuple[str, Sequence[tuple[str, str]]]]


def render(
    frames: ScoreFrames,
    contents: Contents,
    pairs: PairList,
    charts: Sequence[tuple[Picture, Path]],
    seed: int,
) -> str:
    """The page.

    charts: figures to put in, with the files they are in. seed: which pairs are shown, where not all are.
    The same records give the same bytes under the same Pillow. UserError as `figures.read_poses`.
    """
    comparison = contents.comparison
    shown = _shown(contents)
    drawn = frozenset().union(*(it.drawn for it in shown))
    pictured = [pair for pair in pairs.pairs if pair.id in drawn]
    chosen = _chosen_pairs(pictured, shown, comparison.name.size_px, seed)
    data = _data(frames, contents, chosen, shown)
    viewer = Viewer(
        caption=_pairs_shown(len(pairs), len(pictured), len(chosen)),
        data=page_file.as_json(data),
        figures=[(it, _uri(path.read_bytes(), "png")) for it, path in charts],
        provenance=[(it.label, _provenance(it.record)) for it in shown],
    )
    return page(contents.tables, viewer)


def page(tables: Sequence[Table], viewer: Viewer | None = None) -> str:
    """A page of the tables, the first one's footer, and the viewer if there is one."""
    main = tables[0]
    return page_file.rendered(
        _PAGE,
        title=main.title,
        plumbing=PLUMBING if main.plumbing else "",
        tables=[_table(table, main) for table in tables],
        viewer=viewer,
        footer=main.footer,
    )


def _pairs_shown(there: int, pictured: int, shown: int) -> str:
    kept = "" if pictured == there else f" Images of the other {there - pictured:,} are not in the results folder."
    if shown == pictured:
        return (f"All {there:,} pairs." if not kept else f"{shown:,} of {there:,} pairs.") + kept
    return f"{shown:,} of {there:,} pairs, drawn with the seed of the grid; the tables are over all.{kept}"


def _table(table: Table, main: Table) -> dict[str, object]:
    legend = [line for line in table.legend if table is main or line not in main.legend]
    parts = [(group.value, [_row(row, table) for row in table.rows if row.group is group]) for group in RowGroup]
    return {
        "title": table.title,
        "stub": table.stub,
        "heads": [(column.heading, _direction(column)) for column in table.columns],
        "parts": [(name if name != RowGroup.RANKED.value else "", rows) for name, rows in parts if rows],
        "legend": legend,
    }


def _direction(column: Column) -> str:
    """How the first click sorts: best first, or up where no value is better."""
    return "descending" if column.higher_is_better else "ascending"


def _row(row: Row, table: Table) -> dict[str, object]:
    cells = zip(row.values, table.columns, strict=True)
    return {"stub": row.stub, "cells": [_cell(value, column, table.plumbing) for value, column in cells]}


def _cell(value: Value | None, column: Column, plumbing: bool) -> tuple[str, str, str]:
    """(text, number to sort by, class) of a cell; a plumbing check has no number."""
    number = "" if plumbing or value is None or np.isnan(value.mean) else repr(float(value.mean))
    rank = None if plumbing or value is None else value.rank
    return text(value, column, plumbing), number, {1: "best", 2: "second"}.get(rank, "")


def _shown(contents: Contents) -> list[_Shown]:
    """The rows that have pictures, as in the grid: no privileged ones, and few controls."""
    comparison = contents.comparison
    left_out = {id(record) for record in not_pictured(comparison)}
    entries = {id(entry.record): entry for entry in comparison.entries}
    rows = zip(row_records(comparison), contents.main.rows, strict=True)
    return [
        _Shown(records[0], entries[id(records[0])], row.label, images_of(entries[id(records[0])].folder))
        for records, row in rows
        if row_group(records[0]) is not RowGroup.PRIVILEGED and id(records[0]) not in left_out
    ]


def _chosen_pairs(
    pairs: Sequence[Pair], shown: Sequence[_Shown], size_px: tuple[int, int], seed: int
) -> Sequence[Pair]:
    """As many of the pairs as there is room for; none where no row has an image."""
    height, width = size_px
    room = MOST_PIXELS // (height * width * (len(shown) + 2))
    return choose_pairs(pairs, min(len(pairs), max(LEAST_PAIRS, room)), seed) if pairs else ()


def _data(scores: ScoreFrames, contents: Contents, pairs: Sequence[Pair], shown: Sequence[_Shown]) -> dict[str, object]:
    """What the viewer shows: pairs, rows with their values by pair, metrics, and an atlas of tiles a column."""
    comparison = contents.comparison
    size_px = comparison.name.size_px
    folder = scores.store.root / "pairs" / comparison.first.pairs
    poses = read_poses(folder)
    names = {frame for pair in pairs for frame in (pair.reference, pair.target)}
    frames = {name: read_image(frame_path(folder, name), size_px) for name in names}
    drawn = [np.asarray(pose_image(poses.joints[pair.target], poses, _POSE_SCALE)) for pair in pairs]
    values = [None if is_plumbing(comparison) else scores.of(it.entry.folder, it.record) for it in shown]
    known = {key for frame in values if frame is not None for key in frame}
    keys = [key for key in dict.fromkeys((*leading_keys(comparison), *METRICS)) if key in METRICS and key in known]
    height, width = size_px
    return {
        "size": [width, height],
        "across": _ACROSS,
        "pairs": [[pair.id, group_of(pair.target)] for pair in pairs],
        "metrics": [[METRICS[key].label, METRICS[key].higher_is_better, METRICS[key].decimals] for key in keys],
        "given": [
            ["reference", _atlas([frames[pair.reference] for pair in pairs])],
            ["target pose", _atlas(drawn)],
            ["target", _atlas([frames[pair.target] for pair in pairs])],
        ],
        "rows": [
            {
                "label": it.label,
                "seed": it.record.seed,
                "images": _atlas([_image(image_path(it.entry.folder, pair.id), size_px) for pair in pairs]),
                "missing": [place for place, pair in enumerate(pairs) if pair.id not in it.drawn],
                "values": [_values(frame, key, pairs) for key in keys],
            }
            for it, frame in zip(shown, values, strict=True)
        ],
    }


def _image(path: Path, size_px: tuple[int, int]) -> np.ndarray:
    """A method's image; a missing one is grey."""
    return read_image(path, size_px) if path.is_file() else np.full((*size_px, 3), 127, dtype=np.uint8)


def _values(frame, key: str, pairs: Sequence[Pair]) -> list[float | None]:
    if frame is None or key not in frame:
        return [None] * len(pairs)
    found = frame[key].reindex([pair.id for pair in pairs]).to_numpy(dtype=float)
    digits = METRICS[key].decimals + _EXTRA_DECIMALS
    return [round(float(value), digits) if np.isfinite(value) else None for value in found]


def _atlas(tiles: Sequence[np.ndarray]) -> str:
    """Tiles of one size, `_ACROSS` in a row, as one lossless picture in a data URI."""
    from PIL import Image

    if not tiles:
        return _uri(b"", "webp")
    height, width, _ = tiles[0].shape
    sheet = np.zeros((-(-len(tiles) // _ACROSS) * height, min(_ACROSS, len(tiles)) * width, 3), dtype=np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // _ACROSS * height, place % _ACROSS * width
        sheet[top : top + height, left : left + width] = tile
    stream = io.BytesIO()
    Image.fromarray(sheet).save(stream, "WEBP", lossless=True, method=4)
    return _uri(stream.getvalue(), "webp")


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _provenance(record: Record) -> list[tuple[str, str]]:
    """Where a row's images and numbers come from, in names and words."""
    budget, git = record.budget, record.git
    versions = ", ".join(f"{name} {version}" for name, version in sorted(record.versions.items()))
    lines = [
        ("command", record.command),
        ("parameters", ", ".join(f"{name}={value}" for name, value in sorted(record.parameters.items()))),
        ("overrides", ", ".join(record.overrides)),
        ("budget", f"{budget.samples:,} samples, {budget.steps:,} steps, {budget.seconds:.0f} s" if budget else ""),
        ("origin", record.origin),
        ("cell key", record.cell_key),
        ("training key", record.training_key or ""),
        ("score key", record.score_key),
        ("code", (git.commit + (", with uncommitted changes" if git.dirty_hash else "")) if git else ""),
        ("versions", versions),
        ("device", f"{record.device}, {record.dtype}, {record.threads} threads"),
        ("weights", ", ".join(f"{name} {sha256}" for name, sha256 in sorted(record.weights.items()))),
        ("created", record.created),
    ]
    return [(name, words) for name, words in lines if words]
