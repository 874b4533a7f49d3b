"""Figures of numbers: bars with whiskers, quality against cost and training samples, training curves, categories.

Each function returns the figure and its caption; `NothingToDraw` says why there is none.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import harness.report.style as style
import harness.report.whiskers as whiskers
from harness.errors import UserError
from harness.report.cost import cost_table
from harness.report.select import footing, samples_of
from harness.report.table import Row, RowGroup, Table, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from harness.records import Record
    from harness.report.challenges import Breakdown
    from harness.report.select import Comparison, Entry

MOST_PANELS = 6
_PANELS_A_ROW = 3
_PANEL_IN = (3.2, 2.8)
_LABEL_IN, _LEGEND_IN, _BAR_IN, _HEAD_IN = 2.4, 2.6, 0.24, 0.9
_BAR_WIDTH = 0.7
_CAP_PT = 2
_DECADE = 10
_GROUP_LOOKS = {
    RowGroup.RANKED: (style.COLOURS[0], ""),
    RowGroup.GIVEN: (style.COLOURS[1], "\\\\\\"),
    RowGroup.IMPORTED: (style.COLOURS[4], "xxx"),
    RowGroup.NOT_SETTLED: (style.COLOURS[2], "..."),
    RowGroup.SCENE: (style.COLOURS[5], "---"),
    RowGroup.CONTROL: (style.CONTROL_COLOUR, style.CONTROL_HATCH),
}
"""Colour and hatch of the parts of a table. What is made from the target gets no bar: it would flatten the others."""

COST_AXES = {"latency_ms": "ms an image", "parameters_m": "parameters (millions)"}


class NothingToDraw(Exception):
    """Why a figure is skipped, in words for the list at the end."""


def bars(table: Table) -> tuple[Figure, str]:
    """A panel a metric of the table that has a direction, a bar a row, in the table's order."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    places = [place for place, column in enumerate(table.columns) if column.higher_is_better is not None][:MOST_PANELS]
    rows = [row for row in table.rows if row.group in _GROUP_LOOKS]
    if not rows or not places:
        raise NothingToDraw("no row has a metric with a direction")
    across = min(_PANELS_A_ROW, len(places))
    down = -(-len(places) // across)
    height_in = max(_PANEL_IN[1] * 0.6, _BAR_IN * len(rows) + _HEAD_IN)
    groups = [group for group in _GROUP_LOOKS if any(row.group is group for row in rows)]
    with style.house():
        figure = Figure(
            (across * _PANEL_IN[0] + _LABEL_IN, down * height_in + _BAR_IN * len(groups)), layout="constrained"
        )
        axes = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
        for ax, place in zip(axes, places, strict=False):
            _bar_panel(ax, rows, place)
            ax.set_title(table.columns[place].heading, fontweight="bold")
        for ax in axes[len(places) :]:
            ax.remove()
        if len(groups) > 1:
            handles = [
                Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=group.value)
                for group, (colour, hatch) in _GROUP_LOOKS.items()
                if group in groups
            ]
            figure.legend(handles=handles, loc="outside lower left", frameon=False)
    told = whiskers.told([row.values[place] for row in rows for place in places])
    more = " The rows made from the target have no bar." if len(rows) < len(table.rows) else ""
    return figure, f"{told}{more}"


def _bar_panel(ax: Axes, rows: Sequence[Row], place: int) -> None:
    for at, row in enumerate(rows):
        value = row.values[place]
        if value is None or not math.isfinite(value.mean):
            ax.text(0, at, " —", va="center")
            continue
        colour, hatch = _GROUP_LOOKS[row.group]
        ax.barh(at, value.mean, _BAR_WIDTH, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
        if whiskers.ends(value) is not None:
            ax.errorbar(value.mean, at, xerr=whiskers.lengths([value]), fmt="none", ecolor="black", capsize=_CAP_PT)
    ax.set_yticks(range(len(rows)), [row.label for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")


def cost(comparison: Comparison, table: Table, key: str | None) -> tuple[Figure, str]:
    """The metric against latency and parameters, logarithmic; a point a method whose synthesis was measured."""
    from matplotlib.figure import Figure

    place = _place(table, key)
    costs = cost_table(comparison)
    drawn = _cost_points(table, costs, place) if costs else {}
    if not drawn:
        raise NothingToDraw("no method's cost was measured and its quality too")
    names = {row.label for points in drawn.values() for row, _ in points}
    shown = [row for row in table.rows if row.label in names]
    looks = dict(zip([row.label for row in shown], style.looks(len(shown)), strict=True))
    with style.house():
        figure = Figure((len(drawn) * _PANEL_IN[0] + _LEGEND_IN, _PANEL_IN[1]), layout="constrained")
        axes = figure.subplots(1, len(drawn), squeeze=False, sharey=True).ravel()
        for ax, (cost_key, points) in zip(axes, drawn.items(), strict=True):
            for row, x in points:
                value, look = row.values[place], looks[row.label]
                ax.errorbar(
                    x, value.mean, yerr=whiskers.lengths([value]), color=look.colour, marker=look.marker,
                    label=row.label, linestyle="none", elinewidth=0.7, alpha=0.9,
                )  # fmt: skip
            _logarithmic(ax, [x for _, x in points])
            ax.set_xlabel(COST_AXES[cost_key])
        axes[0].set_ylabel(table.columns[place].heading)
        _legend(figure, axes)
    (told, *_) = [line for line in costs.legend if line.startswith("Latency")] or [""]
    busy = [line for line in costs.legend if "was busy" in line]
    title = f"{table.columns[place].label} against what an image costs."
    sentences = (title, whiskers.told([row.values[place] for row in shown]), told, *busy)
    return figure, " ".join(sentence for sentence in sentences if sentence)


def _cost_points(table: Table, costs: Table, place: int) -> dict[str, list[tuple[Row, float]]]:
    """By axis: the rows of the table with a value and a cost above 0, which a logarithm needs."""
    by_label = {row.label: row for row in costs.rows}
    found: dict[str, list[tuple[Row, float]]] = {}
    for at, column in enumerate(costs.columns):
        if column.key not in COST_AXES:
            continue
        for row in table.rows:
            value = by_label[row.label].values[at] if row.label in by_label else None
            if value and value.mean > 0 and row.values[place]:
                found.setdefault(column.key, []).append((row, value.mean))
    return found


def samples(entries: Sequence[Entry], table: Table, key: str | None) -> tuple[Figure, str]:
    """The metric against training samples, a line a method: the one figure that crosses training budgets.

    entries: trained, of one footing (pairs, protocol, dataset). UserError for several: their values never meet.
    """
    from matplotlib.figure import Figure

    column = table.columns[_place(table, key)]
    lines = sample_lines(entries, column.key)
    if not lines:
        raise NothingToDraw("no method was trained with two numbers of samples on these pairs")
    with style.house():
        figure = Figure((_PANEL_IN[0] * 1.4 + _LEGEND_IN, _PANEL_IN[1]), layout="constrained")
        ax = figure.subplots()
        for (title, points), look in zip(lines.items(), style.looks(len(lines)), strict=True):
            values = [value for _, value in points]
            ax.errorbar(
                [x for x, _ in points], [value.mean for value in values], yerr=whiskers.lengths(values), label=title,
                color=look.colour, marker=look.marker, capsize=_CAP_PT,
            )  # fmt: skip
        counts = sorted({x for points in lines.values() for x, _ in points})
        _logarithmic(ax, counts)
        ax.set_xticks(counts)
        ax.set_xlabel("training samples")
        ax.set_ylabel(column.heading)
        _legend(figure, [ax])
    presets = sorted({entry.record.preset for entry in entries if entry.record.preset})
    told = whiskers.told([value for points in lines.values() for _, value in points])
    return figure, f"{column.label} against training samples, on the same pairs; presets: {', '.join(presets)}. {told}"


def sample_lines(entries: Sequence[Entry], key: str) -> dict[str, list[tuple[int, Value]]]:
    """By title: training samples and value, of the methods trained with at least two numbers of samples.

    Rows of one method whose parameters differ are several lines; seeds are averaged. UserError for several footings.
    """
    footings = {footing(entry.record) for entry in entries}
    if len(footings) > 1:
        raise UserError(
            "the records stand on different pairs, protocols or datasets: their values never share a line. "
            "Choose one with `bench report --pairs HASH`"
        )
    newest: dict[tuple[str, str, int, int | None], Record] = {}
    for entry in sorted(entries, key=lambda entry: entry.record.created):
        record = entry.record
        if record.budget is not None and record.ranked and key in record.metrics:
            setting = repr(sorted(record.parameters.items()))
            newest[record.title, setting, samples_of(record), record.seed] = record
    found: dict[tuple[str, str], dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for (title, setting, count, _), record in newest.items():
        found[title, setting][count].append(record)
    lines = {}
    for (title, _), by_count in sorted(found.items()):
        if len(by_count) > 1:
            name = title if title not in lines else f"{title} ({len(lines) + 1})"
            lines[name] = [(count, _seed_mean(by_count[count], key)) for count in sorted(by_count)]
    return lines


def _seed_mean(records: Sequence[Record], key: str) -> Value:
    found = [record.metrics[key] for record in records]
    if len(found) == 1:
        return Value(found[0].mean, found[0].low, found[0].high)
    means = [value.mean for value in found]
    return Value(statistics.fmean(means), seeds_sd=statistics.stdev(means))


def categories(breakdowns: Sequence[Breakdown], key: str | None) -> tuple[Figure, str]:
    """A tile a method and category (action, or person), its value in it; of the first breakdown by words."""
    import pandas
    import seaborn
    from matplotlib.figure import Figure

    parts = [part for part in breakdowns if part.challenge is None]
    if not parts:
        raise NothingToDraw("the pairs have no categories (actions) or persons to part them by, or no per-pair values")
    part = parts[0]
    column = part.table.columns[_place(part.table, key)]
    places = [place for place, other in enumerate(part.table.columns) if other.key == column.key]
    rows = [[row.values[place].mean if row.values[place] else math.nan for place in places] for row in part.table.rows]
    names = [part.table.columns[place].group for place in places]
    labels = [row.label for row in part.table.rows]
    cell_in = 0.75
    with style.house():
        figure = Figure((len(names) * cell_in + _LABEL_IN + 1, len(rows) * 0.3 + 1.2), layout="constrained")
        ax = figure.subplots()
        seaborn.heatmap(
            pandas.DataFrame(rows, labels, names), ax=ax, cmap="cividis" if column.higher_is_better else "cividis_r",
            annot=True, fmt=f".{column.decimals}f", linewidths=0.5, cbar=False,
        )  # fmt: skip
        ax.tick_params(left=False, bottom=False)
        ax.set_title(f"{column.label} by {part.scope}", fontweight="bold")
    return figure, f"{column.label} by {part.scope}; lighter is better."


def curves(comparison: Comparison, models: Path) -> tuple[Figure, str]:
    """Losses against steps, a panel a training: raw faint, smoothed in full; see `harness.report.curves`."""
    from harness.report.curves import draw, trainings

    found = trainings(comparison, models)
    if not found:
        raise NothingToDraw(f"no training of these rows has a train.csv under {models}")
    return draw(found)


def _place(table: Table, key: str | None) -> int:
    """The table's column of a metric; None is the first. `NothingToDraw` where it has none."""
    for place, column in enumerate(table.columns):
        if key is None or column.key == key:
            return place
    raise NothingToDraw(f"no row has the metric {key}" if key else "the table has no metric")


def _logarithmic(ax: Axes, numbers: Sequence[float]) -> None:
    """A logarithmic axis with plain numbers; ticks at 1, 2, 5 where it covers less than two decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    narrow = max(numbers) < min(numbers) * _DECADE**2
    ax.xaxis.set_major_locator(LogLocator(base=_DECADE, subs=(1, 2, 5) if narrow else (1,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.10g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.margins(x=0.1)
    if min(numbers) == max(numbers):
        ax.set_xlim(numbers[0] / 2, numbers[0] * 2)


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend beside the panels, an entry a name, however many panels it is in."""
    named = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(named.values(), named.keys(), loc="outside right upper", frameon=False)
