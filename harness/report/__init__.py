"""Reports from the store alone, one for each comparison there is; the same records, the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError, unknown

if TYPE_CHECKING:
    from harness.pairs import PairList
    from harness.report.challenges import Breakdown
    from harness.report.markdown import Picture
    from harness.report.select import Comparison, Entry
    from harness.report.table import Table
    from harness.store import Store

FORMATS = ("markdown", "csv")
DEFAULT_ROWS = 8
DEFAULT_SEED = 0
REPORT_FOLDER = "report"


@dataclass(frozen=True)
class ReportPaths:
    """A report's files (None: that format was not asked for) and its tables, for the terminal.

    challenges: the figure of the breakdown; None where there is none.
    """

    markdown: Path | None
    csv: Path | None
    grid: Path
    table: Table
    by_group: Table | None
    challenges: Path | None = None


def write_all(
    store_root: Path,
    out: Path | None = None,
    dataset: str | None = None,
    protocol: str | None = None,
    *,
    split: str | None = None,
    preset: str | None = None,
    methods: Sequence[str] = (),
    pairs: str | None = None,
    fingerprint: str | None = None,
    formats: Sequence[str] = FORMATS,
    rows: int = DEFAULT_ROWS,
    seed: int = DEFAULT_SEED,
) -> list[ReportPaths]:
    """Write a report for every comparison in the store that the names leave.

    out: folder of the reports, `<store>/report` if None. pairs: the start of a pair list's hash, or `all`.
    methods: rows to show, all where none are named; a part of a table needs an `out` of its own.
    fingerprint: only of this version of the dataset.
    formats: of `FORMATS`; the grid is always drawn. rows: pairs in the grid, chosen by `seed`.
    Raises UserError for an empty store, an unknown name or format, and where one name covers several pair lists.
    """
    from harness.report.select import Entry, comparisons, with_methods
    from harness.store import opened

    entries = [Entry(record, path.parent) for path, record in opened(store_root).records()]
    if not entries:
        raise UserError(
            f"no records under {Path(store_root) / 'cells'}: nothing was run into this folder yet. "
            "Run something (`bench run --methods copy --dataset footage`) or name another folder with --results"
        )
    if methods and out is None:
        raise UserError(
            "a report of chosen methods would take the place of the whole one: name a folder with --out DIR"
        )
    chosen = comparisons(
        with_methods(entries, methods),
        dataset=dataset,
        protocol=protocol,
        split=split,
        preset=preset,
        pairs=pairs,
        fingerprint=fingerprint,
    )
    return [_write_one(store_root, out, comparison, entries, formats, rows, seed) for comparison in chosen]


def _write_one(
    store_root: Path,
    out: Path | None,
    comparison: Comparison,
    entries: Sequence[Entry],
    formats: Sequence[str],
    rows: int,
    seed: int,
) -> ReportPaths:
    from harness.report import contents, csv_file, markdown
    from harness.store import Store
    from mrnet import files

    for name in formats:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    store = Store(store_root)
    out = store.root / REPORT_FOLDER if out is None else Path(out)
    pairs = _pair_list(store, comparison)
    found = contents.gather(store, comparison, entries, pairs)
    grid = out / f"{comparison.stem}.png"
    caption = _write_grid(store, comparison, pairs, grid, rows, seed)
    figure = _write_challenges(comparison, found.breakdowns, out / f"{comparison.stem}-challenges.png")
    paths = {name: out / f"{comparison.stem}.{ending}" for name, ending in (("markdown", "md"), ("csv", "csv"))}
    if "markdown" in formats:
        pictures = [markdown.Picture("qualitative grid", grid.name, " ".join(caption)), *([figure] if figure else [])]
        files.write_text(paths["markdown"], markdown.document(found.tables, pictures))
    if "csv" in formats:
        files.write_text(paths["csv"], csv_file.render(found))
    asked = {name: path if name in formats else None for name, path in paths.items()}
    drawn = out / figure.path if figure else None
    return ReportPaths(asked["markdown"], asked["csv"], grid, found.main, found.by_group, drawn)


def _pairs_folder(store: Store, comparison: Comparison) -> Path:
    return store.root / "pairs" / comparison.first.pairs


def _pair_list(store: Store, comparison: Comparison) -> PairList:
    """The list the records name. UserError where the pairs folder holds another."""
    from harness.pairs import PairList
    from harness.pairs_folder import PAIRS

    path = _pairs_folder(store, comparison) / PAIRS
    pair_list = PairList.read(path)
    if pair_list.hash != comparison.first.pair_list_hash:
        raise UserError(
            f"{path} has the hash {pair_list.hash}, the records name {comparison.first.pair_list_hash}. "
            "Remove the folder and run the same `bench run` again: it writes the list"
        )
    return pair_list


def _write_challenges(comparison: Comparison, parts: Sequence[Breakdown], path: Path) -> Picture | None:
    """Draw the breakdown; None where there is none, or numbers that are no results."""
    from harness.report import challenge_figure, markdown
    from harness.report.build import is_plumbing

    if is_plumbing(comparison) or not any(part.challenge for part in parts):
        return None
    caption = challenge_figure.draw(path, parts, str(comparison.name))
    return markdown.Picture("values by challenge", path.name, caption)


def _write_grid(
    store: Store, comparison: Comparison, pair_list: PairList, path: Path, rows: int, seed: int
) -> tuple[str, ...]:
    """Draw the grid; returns its caption, less the dataset's caution, which the footer of the table holds."""
    from harness.report import figures, footer
    from harness.report.build import columns_of_pictures, is_plumbing, not_pictured
    from harness.report.select import SHORT_HASH
    from harness.report.table import PLUMBING

    folder = _pairs_folder(store, comparison)
    chosen = figures.choose_pairs(pair_list.pairs, rows, seed)
    columns = [
        figures.GridColumn(title, subtitle, images) for title, subtitle, images in columns_of_pictures(comparison)
    ]
    source, caution = footer.source(comparison.first.dataset), footer.caution(comparison.first.dataset)
    left_out = ", ".join(record.title for record in not_pictured(comparison))
    # a no-break space keeps a pair's number beside its id
    numbered = ", ".join(f"{number}\u00a0{pair.id}" for number, pair in enumerate(chosen, 1))
    caption = (
        *((f"{PLUMBING}.",) if is_plumbing(comparison) else ()),
        f"{comparison.name}.",
        f"Pairs, drawn with seed {seed} from {len(pair_list):,} (list {pair_list.hash[:SHORT_HASH]}): {numbered}.",
        "Target pose: the person's left blue, right orange.",
        *((f"Controls in the table and not here: {left_out}.",) if left_out else ()),
        *((f"Pictures: {source}.",) if source else ()),
    )
    under = (*caption, caution) if caution else caption
    figures.qualitative_grid(path, folder, comparison.name.size_px, chosen, columns, under)
    return caption
