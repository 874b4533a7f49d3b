"""A paper's table filled with our numbers: its rows in its order, its columns, a block of columns for each dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.errors import UserError, unknown
from harness.pairs import TEST
from harness.published import Paper, PublishedSetting, PublishedTable
from harness.records import Record
from harness.report.build import FLOORS, finished, main_table, row_records
from harness.report.certainty import contests, marked
from harness.report.claimed import PUBLISHED, nothing_published, paper_of, with_claimed
from harness.report.footer import lines as footer_lines
from harness.report.pair_scores import ScoreFrames
from harness.report.pair_scores import read as read_scores
from harness.report.select import SHORT_HASH, Comparison, Entry, Selection, comparisons
from harness.report.table import Column, Row, RowGroup, Table, Value

ABLATION = "ablation"
"""The paper's ablation on whatever dataset it was run on."""

ALL = "all"

_ON, _OFF = "✓", "✗"


@dataclass(frozen=True)
class Block:
    """The columns of one dataset.

    comparison: its rows alone. table: a table of its own. rows: the paper's row of each row of the table, None for a
    method that the paper does not have.
    """

    label: str
    comparison: Comparison
    table: Table
    rows: tuple[str | None, ...]


@dataclass(frozen=True)
class PaperTable:
    """A filled table and the blocks it was laid out from."""

    table: Table
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class _Wish:
    """What is to be filled, and with which records."""

    paper: Paper
    name: str
    selection: Selection
    claimed: bool
    intervals: bool

    @property
    def published(self) -> PublishedTable:
        if self.name == ABLATION:
            return next(table for table in self.paper.tables if table.settings)
        return self.paper.tables[int(self.name) - 1]

    def order(self, dataset: str | None = None) -> tuple[str, ...]:
        """The paper's rows in their order, of the dataset or, where the paper has no such, of its first one."""
        values = self.published.values
        return tuple(values.get(dataset) or next(iter(values.values())))

    def row_of(self, record: Record, dataset: str) -> str | None:
        """The paper's row that a record fills: its method's, or that of its parameters in a table of settings."""
        fits = (
            row
            for row in self.order(dataset)
            if self.paper.method_of(row) == record.method
            and (not self.published.settings or self.paper.rows[row].parameters.items() <= record.parameters.items())
        )
        return next(fits, None)


def asked(paper: Paper, words: Sequence[str]) -> tuple[str, ...]:
    """The tables that were asked for: the paper's by their numbers, `ablation`, or `all`. UserError for any other."""
    known = (*(str(number) for number in range(1, len(paper.tables) + 1)), ABLATION)
    for name in words:
        if name not in (*known, ALL):
            raise unknown("table of the paper", name, (*known, ALL))
    return known if ALL in words else tuple(dict.fromkeys(words))


def lay_out(
    frames: ScoreFrames,
    entries: Sequence[Entry],
    paper: Paper,
    name: str,
    selection: Selection,
    claimed: bool = False,
    intervals: bool = False,
) -> PaperTable:
    """Fill the paper's table `name` (one that `asked` gives) from the store's records.

    selection: narrows the records; its dataset takes the place of the paper's datasets, its methods that of the paper's
    rows and of the floors under them. claimed: with the published numbers beside ours. intervals: with those of every
    column.
    Raises UserError where the store has nothing for the table, where nothing of it may stand beside published numbers,
    and where records of several protocols, pair lists, presets or budgets would meet in a column, naming them.
    """
    wish = _Wish(paper, name, selection, claimed, intervals)
    if not any(paper.metrics[metric].keys for metric in wish.published.metrics):
        raise UserError(f"table {name} is made of people's answers: `bench study score` writes it")
    there = [entry for entry in entries if entry.record.partition == TEST]
    if selection.dataset is not None:
        datasets = (selection.dataset,)
    elif name == ABLATION:
        datasets = tuple(sorted({entry.record.dataset for entry in there}))
    else:
        datasets = tuple(wish.published.values)
    blocks = tuple(block for dataset in datasets if (block := _block(frames, there, wish, dataset)))
    if not blocks:
        raise _nothing(wish, datasets, there)
    if claimed and not any(paper_of(block.comparison) == paper for block in blocks):
        raise nothing_published()
    if len({(block.comparison.name.preset, block.comparison.name.protocol) for block in blocks}) > 1:
        raise _clash(wish, [block.comparison for block in blocks])
    return PaperTable(_joined(wish, blocks), blocks)


def _block(frames: ScoreFrames, entries: Sequence[Entry], wish: _Wish, dataset: str) -> Block | None:
    """The block of a dataset; None where no row has a result on it."""
    here = [entry for entry in entries if entry.record.dataset in (dataset, f"prepared-{dataset}")]
    if wish.published.settings:
        kept = [_by_parameters(entry) for entry in here if wish.row_of(entry.record, dataset)]
    else:
        paper_methods = map(wish.paper.method_of, wish.order(dataset))
        wanted = set(wish.selection.methods or (*paper_methods, *FLOORS))
        kept = _as_the_preset_has_it([entry for entry in here if entry.record.method in wanted])
    if not any(entry.record.method not in FLOORS for entry in kept):
        return None
    found = comparisons(kept, replace(wish.selection, dataset=None, methods=()))
    if len(found) > 1:
        raise _clash(wish, found)
    (comparison,) = found
    records = [records[0] for records in row_records(comparison)]
    rows = tuple(wish.row_of(record, dataset) for record in records)
    table = finished(_in_columns(main_table(comparison), wish, dataset))
    table = marked(table, contests(read_scores(frames, comparison)))
    if wish.claimed and paper_of(comparison) == wish.paper:
        table = with_claimed(table, comparison.first.dataset, wish.paper, rows)
    table = _with_settings(table, wish.published.settings, records)
    return Block(wish.paper.labels.get(dataset, dataset), comparison, table, rows)


def _by_parameters(entry: Entry) -> Entry:
    """The entry without the changes to the preset that its parameters tell: one row however it was asked for."""
    start = f"methods.{entry.record.method}.parameters."
    others = tuple(change for change in entry.record.overrides if not change.startswith(start))
    return Entry(entry.record.model_copy(update={"overrides": others}), entry.folder)


def _as_the_preset_has_it(entries: Sequence[Entry]) -> list[Entry]:
    """Of each method the entries that change nothing in the preset, where there are such: the others are ablations."""
    plain = {entry.record.method for entry in entries if not entry.record.overrides}
    return [entry for entry in entries if not entry.record.overrides or entry.record.method not in plain]


def _in_columns(table: Table, wish: _Wish, dataset: str) -> Table:
    """The table with the paper's columns alone, in its order; without those that were not measured."""
    keys = [column.key for column in table.columns]
    places = []
    for metric in map(wish.paper.metrics.__getitem__, wish.published.metrics):
        like = [key for key in keys if metric.other_features and key.startswith(f"{metric.other_features}_")]
        key = next((key for key in (*metric.keys_on(dataset), *like) if key in keys), None)
        places += [keys.index(key)] if key else []
    columns = tuple(replace(table.columns[at], headline=wish.intervals) for at in places)
    rows = tuple(replace(row, values=tuple(row.values[at] for at in places)) for row in table.rows)
    return replace(table, columns=columns, rows=rows)


def _with_settings(table: Table, settings: Sequence[PublishedSetting], records: Sequence[Record]) -> Table:
    """The table with what was set in place of the labels, where the paper prints that."""
    if not settings:
        return table
    rows = (
        replace(row, note="", settings=tuple(_setting(it, record.parameters[it.parameter]) for it in settings))
        for row, record in zip(table.rows, records, strict=True)
    )
    return replace(table, rows=tuple(rows), stub=tuple(it.head for it in settings))


def _setting(setting: PublishedSetting, value: object) -> str:
    if setting.as_mark or isinstance(value, bool):
        return _ON if value else _OFF
    return f"{value:g}" if isinstance(value, float) else str(value)


def _joined(wish: _Wish, blocks: Sequence[Block]) -> Table:
    """The blocks side by side, a row of the paper in one line; what is said under each, once where all say it."""
    order = wish.order()
    found: dict[tuple[RowGroup, int, str], dict[int, Row]] = {}
    for place, block in enumerate(blocks):
        for row, name in zip(block.table.rows, block.rows, strict=True):
            at = order.index(name) if name in order else len(order)
            found.setdefault((row.group, at, "" if name in order else row.label), {})[place] = row
    groups = list(RowGroup)
    keys = sorted(found, key=lambda key: (groups.index(key[0]), *key[1:]))
    first = blocks[0].table
    shown = {name for block in blocks for name in block.rows}
    lacking = [wish.paper.rows[name].label for name in order if name not in shown]
    what = wish.published.caption
    return replace(
        first,
        title=f"{what[:1].upper()}{what[1:]} on {' and '.join(block.label for block in blocks)}",
        columns=tuple(column for block in blocks for column in _grouped(block, len(blocks) > 1)),
        rows=tuple(_one_line(found[key], blocks) for key in keys),
        legend=_said({block.label: block.table.legend for block in blocks}),
        footer=(
            f"Rows and columns: those of Table {wish.published.name} in {wish.paper.source}",
            *((f"Rows of it without a result here: {', '.join(lacking)}",) if lacking else ()),
            *_said({block.label: footer_lines(block.comparison) for block in blocks}),
        ),
    )


def _grouped(block: Block, several: bool) -> tuple[Column, ...]:
    """The block's columns, under its label where there are several blocks."""
    group = block.label if several else ""
    return tuple(
        replace(column, group=group, label=f"{column.label} (paper)" if column.group == PUBLISHED else column.label)
        for column in block.table.columns
    )


def _one_line(rows: Mapping[int, Row], blocks: Sequence[Block]) -> Row:
    """A row over all blocks. n: the least of any; missing: the most."""
    values: list[Value | None] = []
    for place, block in enumerate(blocks):
        values += rows[place].values if place in rows else [None] * len(block.table.columns)
    first = next(iter(rows.values()))
    return replace(
        first,
        seeds=tuple(sorted({seed for row in rows.values() for seed in row.seeds})),
        n=min(row.n for row in rows.values()),
        missing=max(row.missing for row in rows.values()),
        values=tuple(values),
    )


def _said(lines: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Every line once; one that not all say, under the names of those who do."""
    by_line: dict[str, list[str]] = {}
    for name, said in lines.items():
        for line in said:
            by_line.setdefault(line, []).append(name)
    return tuple(line if len(names) == len(lines) else f"{', '.join(names)}: {line}" for line, names in by_line.items())


def _nothing(wish: _Wish, datasets: Sequence[str], entries: Sequence[Entry]) -> UserError:
    there = sorted({entry.record.dataset for entry in entries})
    rows = "settings of its rows (`bench ablate --grid paper`)" if wish.published.settings else "methods of its rows"
    return UserError(
        f"nothing for table {wish.name}: no results of {rows} on {', '.join(datasets)}. The store has results on "
        f"{', '.join(there) or 'nothing'}; --dataset NAME lays the table out on that"
    )


def _clash(wish: _Wish, found: Sequence[Comparison]) -> UserError:
    lines = []
    for it in found:
        samples = "nothing trained" if it.samples is None else f"{it.samples:,} training samples"
        pairs = f"pair list {it.first.pair_list_hash[:SHORT_HASH]}"
        lines.append(
            f"  {it.name}; {samples}; {pairs}; {', '.join(dict.fromkeys(e.record.method for e in it.entries))}"
        )
    return UserError(
        f"table {wish.name} has room for one comparison, and {len(found)} could fill it; their numbers never meet:\n"
        + "\n".join(lines)
        + "\nChoose one with --dataset, --protocol, --split, --preset or --pairs; "
        "other budgets keep in a results folder of their own."
    )
