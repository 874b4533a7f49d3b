"""A figure's grid: which columns the comparison has for it, which pairs it shows, and its caption."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import harness.report.choose as choose
import harness.report.footer as footer
from harness.grids import load_grid
from harness.metrics.base import METRICS
from harness.report.build import is_plumbing, row_records, shown_apart
from harness.report.figures import GridColumn, choose_pairs, qualitative_grid
from harness.report.number_figures import NothingToDraw
from harness.report.table import PLUMBING
from harness.resolve import all_cards

if TYPE_CHECKING:
    from harness.pairs import PairList
    from harness.records import Record
    from harness.report.figure_spec import FigureSpec, PairChoice
    from harness.report.pair_scores import ScoreFrames
    from harness.report.select import Comparison


class FoundColumn(NamedTuple):
    """A row of the comparison that a grid shows. title: over the column."""

    title: str
    record: Record


def write(
    paths: Sequence[Path], spec: FigureSpec, frames: ScoreFrames, comparison: Comparison, pairs: PairList
) -> tuple[str, ...]:
    """Write the grid to each path, as PNG or PDF by its ending; its caption, in sentences.

    The caption stands under the PNG too; a PDF is for a document that has captions of its own.
    Raises NothingToDraw where no column or no value to choose by is there, and UserError as `choose.by_ids`.
    """
    found, lacking = _ablation_columns(spec, comparison) if spec.ablation else _method_columns(spec, comparison)
    folders = {id(entry.record): entry.folder for entry in comparison.entries}
    shown = {id(column.record): folders[id(column.record)] / spec.show for column in found}
    what = "mask" if spec.show == "masks" else "record"
    if spec.show == "masks":
        lacking += [column.title for column in found if not shown[id(column.record)].is_dir()]
        found = [column for column in found if shown[id(column.record)].is_dir()]
    if not found:
        raise NothingToDraw(f"no {what} of any of its columns ({', '.join(lacking)})")
    if len(found) == 1 and lacking:
        raise NothingToDraw(f"only {found[0].title} has a {what}, and nothing beside it ({', '.join(lacking)})")
    chosen = _chosen(spec.pairs, frames, comparison, pairs, folders)
    notes = {
        column.title: _notes(spec, frames, folders[id(column.record)], column.record, comparison) for column in found
    }
    columns = [
        GridColumn(column.title, shown_apart(column.record), shown[id(column.record)], notes[column.title])
        for column in found
    ]
    numbered = ", ".join(f"{number}\u00a0{pair.id}" for number, pair in enumerate(chosen.pairs, 1))
    plumbing = (f"{PLUMBING}.",) if is_plumbing(comparison) else ()
    source = footer.source(comparison.first.dataset)
    under = f"Under each picture: its {_label(spec.value)}." if any(notes.values()) else ""
    caption = (
        *plumbing,
        f"{chosen.words}: {numbered}.",
        *((under,) if under else ()),
        *(("White: what the method takes for the person in the reference.",) if spec.show == "masks" else ()),
        *((f"Columns without a {what} here: {', '.join(lacking)}.",) if lacking else ()),
        "Target pose: the person's left blue, right orange.",
        *((f"Pictures: {source}.",) if source else ()),
    )
    folder = frames.store.root / "pairs" / comparison.first.pairs
    for path in paths:
        below = plumbing if path.suffix == ".pdf" else (" ".join(caption),)
        qualitative_grid(path, folder, comparison.name.size_px, chosen.pairs, columns, below)
    return caption


def _method_columns(spec: FigureSpec, comparison: Comparison) -> tuple[list[FoundColumn], list[str]]:
    """A column a method that a pattern names, in the patterns' order; and the patterns that name none.

    Of a method's rows the one without `--set` changes stands for it, else the first; of seeds, the lowest.
    """
    rows: dict[str, Record] = {}
    for records in sorted(row_records(comparison), key=lambda records: bool(records[0].overrides)):
        rows.setdefault(records[0].method, records[0])
    order = [records[0].method for records in row_records(comparison)]
    found: dict[str, FoundColumn] = {}
    lacking = []
    for pattern in spec.columns:
        names = [name for name in dict.fromkeys(order) if fnmatchcase(name, pattern)]
        lacking += [] if names else [pattern]
        found |= {name: FoundColumn(rows[name].title, rows[name]) for name in names if name not in found}
    return list(found.values()), lacking


def _ablation_columns(spec: FigureSpec, comparison: Comparison) -> tuple[list[FoundColumn], list[str]]:
    """A column a row of the ablation's grid that has a record, under its label; and the labels that have none.

    A row's record has its parameters; what other rows vary and it does not name is as the method's card has it.
    """
    grid = load_grid(spec.ablation)
    usual = all_cards()[grid.method].parameters
    varied = {name: usual[name] for row in grid.all_rows for name in row.parameters}
    own = [records[0] for records in row_records(comparison) if records[0].method == grid.method]
    found, lacking = [], []
    for row in grid.all_rows:
        wanted = varied | dict(row.parameters)
        fits = [record for record in own if all(record.parameters.get(name) == wanted[name] for name in wanted)]
        if fits and row.masks is None:
            found.append(FoundColumn(row.label, fits[0]))
        else:
            lacking.append(row.label)
    return found, lacking


def _chosen(
    choice: PairChoice, frames: ScoreFrames, comparison: Comparison, pairs: PairList, folders: Mapping[int, Path]
) -> choose.Choice:
    if choice.how == "seed":
        words = f"Pairs, drawn with seed {choice.seed} from {len(pairs):,}"
        return choose.Choice(choose_pairs(pairs.pairs, choice.rows, choice.seed), words)
    if choice.how == "ids":
        return choose.by_ids(pairs.pairs, choice.ids)
    if is_plumbing(comparison):
        raise NothingToDraw("a plumbing preset has no values to choose pairs by")
    for records in row_records(comparison):
        if records[0].method == choice.method:
            values = _values(frames, folders[id(records[0])], records[0], choice.metric)
            if not values:
                break
            words = f"{_label(choice.metric)} of {records[0].title}"
            better = METRICS[choice.metric].higher_is_better if choice.metric in METRICS else True
            return choose.by_value(pairs.pairs, values, choice.how, choice.rows, bool(better), words)
    raise NothingToDraw(f"no per-pair {choice.metric} of {choice.method} to choose pairs by; `bench rescore` writes it")


def _values(frames: ScoreFrames, folder: Path, record: Record, key: str) -> dict[str, float]:
    """A metric's value by pair id; none where the record has no such values."""
    frame = frames.of(folder, record)
    if frame is None or key not in frame:
        return {}
    return {str(pair): float(value) for pair, value in frame[key].items() if math.isfinite(value)}


def _notes(
    spec: FigureSpec, frames: ScoreFrames, folder: Path, record: Record, comparison: Comparison
) -> dict[str, str]:
    if spec.value is None or is_plumbing(comparison):
        return {}
    decimals = METRICS[spec.value].decimals if spec.value in METRICS else 3
    values = _values(frames, folder, record, spec.value)
    return {pair: f"{_label(spec.value)} {value:.{decimals}f}" for pair, value in values.items()}


def _label(key: str | None) -> str:
    return METRICS[key].label if key in METRICS else str(key)
