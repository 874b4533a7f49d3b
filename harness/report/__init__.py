"""Reports from the store alone, one for each comparison there is; the same records, the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError, unknown

if TYPE_CHECKING:
    from harness.pairs import PairList
    from harness.report.challenges import Breakdown
    from harness.report.figure_spec import FigureSpec
    from harness.report.markdown import Picture
    from harness.report.select import Comparison, Entry, Selection
    from harness.report.table import Table
    from harness.store import Store

ENDINGS = {"markdown": ".md", "csv": ".csv", "html": ".html", "latex": ".tex"}
"""Endings of a report's files by format."""

FORMATS = tuple(ENDINGS)
DEFAULT_ROWS = 8
DEFAULT_SEED = 0
REPORT_FOLDER = "report"
MOST_PICTURED = 40
"""Columns of the picture grid: more cannot be looked at."""


@dataclass(frozen=True)
class Layout:
    """How a report is laid out. formats: of `FORMATS`; pictures are always drawn. rows: pairs in the grid, by seed.

    claimed: with published numbers beside ours.
    figures: names of figures (benchmarks/figures) to write beside it, as PNG and PDF.
    intervals: every column shows its interval, and not the first alone.
    Raises UserError for an unknown format.
    """

    formats: tuple[str, ...] = FORMATS
    rows: int = DEFAULT_ROWS
    seed: int = DEFAULT_SEED
    claimed: bool = False
    figures: tuple[str, ...] = ()
    intervals: bool = False

    def __post_init__(self) -> None:
        check_formats(self.formats)


@dataclass(frozen=True)
class Report:
    """A written report. table: the main one, for the terminal. files: by format, or what the picture is.

    skipped: figures and tables that were asked for and the store has nothing for, with the reason.
    """

    table: Table
    files: Mapping[str, Path]
    skipped: Mapping[str, str] = field(default_factory=dict)


def check_formats(names: Iterable[str]) -> None:
    """UserError for a name that is not of `FORMATS`."""
    for name in names:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)


def write_documents(
    out: Path, stem: str, formats: Sequence[str], documents: Mapping[str, Callable[[], str]]
) -> dict[str, Path]:
    """Write `<stem>.<ending>` in the formats asked for; the files by format. documents: what makes each one's text."""
    from mrnet import files

    written = {}
    for name in (name for name in FORMATS if name in formats):
        written[name] = out / f"{stem}{ENDINGS[name]}"
        files.write_text(written[name], documents[name]())
    return written


def write_all(
    store_root: Path, out: Path | None = None, selection: Selection | None = None, layout: Layout = Layout()
) -> list[Report]:
    """Write a report for every comparison in the store that the selection leaves.

    out: folder of the reports; where it is None, as `out_folder`.
    Raises UserError for an empty store, an unknown name, where one name covers several pair lists, and where
    published numbers are asked for and none may stand there.
    """
    from harness.report.figure_spec import load_figures
    from harness.report.select import Selection, comparisons

    selection = selection or Selection()
    figures = load_figures(layout.figures)
    store, entries = stored(store_root)
    folder = out_folder(store, out, selection)
    chosen = comparisons(entries, selection)
    if layout.claimed:
        from harness.report.claimed import nothing_published, paper_of

        if not any(map(paper_of, chosen)):
            raise nothing_published()
    return [_write_one(store, folder, comparison, entries, layout, figures) for comparison in chosen]


def stored(store_root: Path) -> tuple[Store, list[Entry]]:
    """The store and everything that is recorded in it. UserError where that is nothing."""
    from harness.report.select import Entry
    from harness.store import opened

    store = opened(store_root)
    entries = [Entry(record, path.parent) for path, record in store.records()]
    if not entries:
        raise UserError(
            f"no records under {store.root / 'cells'}: nothing was run into this folder yet. "
            "Run something (`bench run --methods copy --dataset footage`) or name another folder with --results"
        )
    return store, entries


def out_folder(store: Store, out: Path | None, selection: Selection) -> Path:
    """Where reports go: `out`, or the store's folder of reports, a suite's into one of its own there.

    UserError where a report of chosen methods would take the place of one of all.
    """
    if out is not None:
        return Path(out)
    if selection.methods:
        raise UserError(
            "a report of chosen methods would take the place of the whole one: name a folder with --out DIR"
        )
    return store.root / REPORT_FOLDER / selection.suite.name if selection.suite else store.root / REPORT_FOLDER


def _write_one(
    store: Store,
    out: Path,
    comparison: Comparison,
    entries: Sequence[Entry],
    layout: Layout,
    figures: Sequence[FigureSpec],
) -> Report:
    from harness.report import contents, csv_file, figure_set, footer, html, latex, markdown
    from harness.report.pair_scores import ScoreFrames

    pairs = _pair_list(store, comparison)
    frames = ScoreFrames(store)
    found = contents.gather(frames, comparison, entries, pairs, layout.claimed)
    grid = out / f"{comparison.stem}.png"
    caption = _write_grid(store, comparison, pairs, grid, layout)
    pictures = {"grid": markdown.Picture("qualitative grid", grid.name, " ".join(caption))}
    figure = _write_challenges(comparison, found.breakdowns, out / f"{comparison.stem}-challenges.png")
    if figure:
        pictures["challenges"] = figure
    charts = [(figure, out / figure.path)] if figure else []
    if layout.intervals:
        found = found.with_intervals()
    tables = found.tables
    documents = {
        "markdown": lambda: markdown.document(tables, list(pictures.values())),
        "csv": lambda: csv_file.render(found),
        "html": lambda: html.render(frames, found, pairs, charts, layout.seed),
        "latex": lambda: latex.document(tables, comparison.stem, [footer.brief(comparison)]),
    }
    written = write_documents(out, comparison.stem, layout.formats, documents)
    drawn = {name: out / picture.path for name, picture in pictures.items()}
    skipped: dict[str, str] = {}
    if figures:
        folder = out / f"{comparison.stem}-figures"
        left_out = figure_set.write(folder, figures, figure_set.Source(frames, entries, found, pairs))
        skipped = {f"figure {name}": reason for name, reason in left_out.items()}
        drawn["figures"] = folder / figure_set.CAPTIONS
    return Report(found.main, written | drawn, skipped)


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
    store: Store, comparison: Comparison, pair_list: PairList, path: Path, layout: Layout
) -> tuple[str, ...]:
    """Draw the grid; returns its caption, less the dataset's caution, which the footer of the table holds."""
    from harness.report import figures, footer
    from harness.report.build import columns_of_pictures, is_plumbing, not_pictured
    from harness.report.select import SHORT_HASH
    from harness.report.table import PLUMBING

    folder = _pairs_folder(store, comparison)
    chosen = figures.choose_pairs(pair_list.pairs, layout.rows, layout.seed)
    there = columns_of_pictures(comparison)
    columns = [figures.GridColumn(title, subtitle, images) for title, subtitle, images in there[:MOST_PICTURED]]
    source, caution = footer.source(comparison.first.dataset), footer.caution(comparison.first.dataset)
    left_out = ", ".join(record.title for record in not_pictured(comparison))
    listed = f"{len(pair_list):,} (list {pair_list.hash[:SHORT_HASH]})"
    # a no-break space keeps a pair's number beside its id
    numbered = ", ".join(f"{number}\u00a0{pair.id}" for number, pair in enumerate(chosen, 1))
    caption = (
        *((f"{PLUMBING}.",) if is_plumbing(comparison) else ()),
        f"{comparison.name}.",
        f"Pairs, drawn with seed {layout.seed} from {listed}: {numbered}.",
        "Target pose: the person's left blue, right orange.",
        *((f"Controls in the table and not here: {left_out}.",) if left_out else ()),
        *((f"The first {len(columns)} of {len(there)} rows with pictures.",) if len(columns) < len(there) else ()),
        *((f"Pictures: {source}.",) if source else ()),
    )
    under = (*caption, caution) if caution else caption
    figures.qualitative_grid(path, folder, comparison.name.size_px, chosen, columns, under)
    return caption
