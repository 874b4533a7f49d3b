"""`bench report --figures`: each figure as PNG and PDF into one folder, with `captions.md`, which says how it was made.

A figure that the store has nothing for is skipped; the captions' file says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import harness.report.challenge_figure as challenge_figure
import harness.report.grid_figure as grid_figure
import harness.report.number_figures as number_figures
import harness.report.style as style
from harness.progress import track
from harness.report.build import is_plumbing
from harness.report.figure_spec import FigureSpec
from harness.report.number_figures import NothingToDraw
from harness.report.select import footing
from mrnet import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from harness.pairs import PairList
    from harness.report.contents import Contents
    from harness.report.pair_scores import ScoreFrames
    from harness.report.select import Entry

CAPTIONS = "captions.md"
ENDINGS = (".png", ".pdf")


@dataclass(frozen=True)
class Source:
    """What figures are made of. entries: the whole store's; contents: the comparison's tables; pairs: its list."""

    frames: ScoreFrames
    entries: Sequence[Entry]
    contents: Contents
    pairs: PairList


def write(folder: Path, specs: Sequence[FigureSpec], source: Source) -> dict[str, str]:
    """Write the figures and their captions into `folder`; the skipped ones' reasons by name.

    Figures of an earlier call that this one skips are removed, so that the folder holds what the captions tell of.
    """
    comparison = source.contents.comparison
    sections, skipped = [], {}
    for spec in track(specs, "Figures"):
        paths = [folder / f"{spec.name}{ending}" for ending in ENDINGS]
        try:
            caption = _write(paths, spec, source)
        except NothingToDraw as reason:
            skipped[spec.name] = str(reason)
            for path in paths:
                path.unlink(missing_ok=True)
            continue
        heading = f"## {spec.name}: {spec.title}"
        after = f"After {spec.source}. " if spec.source else ""
        links = f"![{spec.title}]({spec.name}.png)\n\n[PDF]({spec.name}.pdf)"
        sections.append(f"{heading}\n\n{links}\n\n{after}{caption}")
    listed = "\n".join(f"- {name}: {reason}" for name, reason in skipped.items())
    end = [f"## Skipped\n\n{listed}"] if skipped else []
    files.write_text(folder / CAPTIONS, "\n\n".join([f"# Figures: {comparison.name}", *sections, *end]) + "\n")
    return skipped


def _write(paths: Sequence[Path], spec: FigureSpec, source: Source) -> str:
    """Write one figure; its caption."""
    comparison = source.contents.comparison
    if spec.kind == "grid":
        return " ".join(grid_figure.write(paths, spec, source.frames, comparison, source.pairs))
    if is_plumbing(comparison):
        raise NothingToDraw("a plumbing preset's numbers are no results")
    figure, caption = _drawn(spec, source)
    for path in paths:
        style.save(figure, path)
    return caption


def _drawn(spec: FigureSpec, source: Source) -> tuple[Figure, str]:
    contents = source.contents
    if spec.kind == "bars":
        return number_figures.bars(contents.main)
    if spec.kind == "cost":
        return number_figures.cost(contents.comparison, contents.main, spec.metric)
    if spec.kind == "samples":
        same = footing(contents.comparison.first)
        entries = [entry for entry in source.entries if footing(entry.record) == same]
        return number_figures.samples(entries, contents.main, spec.metric)
    if spec.kind == "curves":
        return number_figures.curves(contents.comparison, source.frames.store.root / "models")
    if spec.kind == "categories":
        return number_figures.categories(contents.breakdowns, spec.metric)
    parts = [part for part in contents.breakdowns if part.challenge]
    if not parts:
        raise NothingToDraw("no challenge parts the pairs, or no record has per-pair values")
    return challenge_figure.drawn(parts, str(contents.comparison.name))
