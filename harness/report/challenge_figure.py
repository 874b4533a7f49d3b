"""The breakdown as small multiples: a panel a challenge, a line a method, the floors dashed and grey."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import harness.report.style as style
from harness.report.challenges import Breakdown, bounds
from harness.report.table import Column, Row, RowGroup, Table

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

MOST_LINES = 12
"""Methods a reader can tell apart by colour and marker."""

_COLOURS = (
    "#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#17becf",
    "#e377c2", "#8c564b", "#bcbd22", "#000080", "#000000", "#00a078",
)  # fmt: skip
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
_FLOORS = (("#777777", "o"), ("#aaaaaa", "s"))
_DASHES = (4.0, 2.0)
_LEGEND_TITLE = "best first, then floors"
_PANELS_A_ROW = 3
_PANEL_IN, _LEGEND_IN, _HEAD_IN = (3.1, 2.6), 2.4, 0.4
_MARKER_PT, _EDGE_PT = 6.5, 0.5
_MARGIN = 0.35  # beside the outer points, of the distance between two


def shown_rows(table: Table, key: str) -> tuple[tuple[int, ...], int]:
    """Places in the table of the rows that get a line, best first, then the floors; and how many methods get none.

    Best by the metric's mean over the parts. Beyond `MOST_LINES` methods, ranked ones go before others.
    """
    columns = [place for place, column in enumerate(table.columns) if column.key == key]
    sign = -1 if table.columns[columns[0]].higher_is_better else 1
    worth = {
        place: sign * statistics.fmean(means)
        for place, row in enumerate(table.rows)
        if (means := [row.values[column].mean for column in columns if row.values[column]])
    }
    floors = [place for place in worth if table.rows[place].group is RowGroup.CONTROL]
    methods = sorted(worth.keys() - set(floors), key=lambda place: (worth[place], place))
    kept = sorted(methods, key=lambda place: table.rows[place].group is not RowGroup.RANKED)[:MOST_LINES]
    return tuple(place for place in methods if place in kept) + tuple(floors), len(methods) - len(kept)


def draw(path: Path, breakdowns: Sequence[Breakdown], title: str) -> str:
    """Write the figure of the challenges among `breakdowns`, at least one, as a PNG; its caption.

    Of the first metric of their tables, whose rows are the same, in one order. The same tables give the same bytes
    under the same matplotlib.
    """
    figure, caption = drawn(breakdowns, title)
    style.save(figure, path)
    return caption


def drawn(breakdowns: Sequence[Breakdown], title: str) -> tuple[Figure, str]:
    """The figure that `draw` writes, and its caption."""
    from matplotlib.figure import Figure

    panels = [breakdown for breakdown in breakdowns if breakdown.challenge]
    column = replace(panels[0].table.columns[0], group="")
    places, left_out = shown_rows(panels[0].table, column.key)
    rows = {place: panels[0].table.rows[place] for place in places}
    looks = _looks(rows)
    across = min(_PANELS_A_ROW, len(panels))
    down = -(-len(panels) // across)
    size_in = across * _PANEL_IN[0] + _LEGEND_IN, down * _PANEL_IN[1] + _HEAD_IN
    with style.house():
        figure = Figure(size_in, layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize="large")
        axes = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
        for place, (panel, ax) in enumerate(zip(panels, axes, strict=False)):
            _panel(ax, panel, column.key, looks)
            ax.set_ylabel(column.heading if place % across == 0 else "")
        for ax in axes[len(panels) :]:
            ax.remove()
        figure.legend(handles=_handles(rows, looks), loc="outside right upper", frameon=False, title=_LEGEND_TITLE)
    return figure, _caption(column, left_out)


def _panel(ax: Axes, panel: Breakdown, key: str, looks: Mapping[int, _Look]) -> None:
    import seaborn

    seaborn.lineplot(
        _points(panel, key, looks),
        x="part",
        y="value",
        hue="row",
        style="row",
        hue_order=list(looks),
        style_order=list(looks),
        palette={row: look.colour for row, look in looks.items()},
        markers={row: look.marker for row, look in looks.items()},
        dashes={row: look.dashes for row, look in looks.items()},
        markersize=_MARKER_PT,
        markeredgewidth=_EDGE_PT,
        errorbar=None,
        legend=False,
        ax=ax,
    )
    names = [f"{part.name}\n{bounds(part, panel.challenge)}" for part in panel.parts]
    ax.set_xticks(range(len(names)), names)
    ax.set_xlim(-_MARGIN, len(names) - 1 + _MARGIN)
    ax.set_xlabel(panel.challenge.unit)
    ax.set_title(panel.challenge.label, fontweight="bold")


def _points(panel: Breakdown, key: str, rows: Collection[int]) -> pandas.DataFrame:
    """Columns row (its place in the table), part (its place from 0) and value."""
    import pandas

    places = {part.name: place for place, part in enumerate(panel.parts)}
    points = [
        (row, places[column.group], value.mean)
        for row in rows
        for column, value in zip(panel.table.columns, panel.table.rows[row].values, strict=True)
        if column.key == key and value
    ]
    return pandas.DataFrame(points, columns=["row", "part", "value"])


class _Look(NamedTuple):
    colour: str
    marker: str
    dashes: tuple[float, float] | str


def _looks(rows: Mapping[int, Row]) -> dict[int, _Look]:
    """Colour, marker and dashes of each row, by its place among the methods or among the floors."""
    methods = iter(_Look(colour, marker, "") for colour, marker in zip(_COLOURS, _MARKERS, strict=True))
    floors = itertools.cycle(_Look(colour, marker, _DASHES) for colour, marker in _FLOORS)
    return {place: next(floors if row.group is RowGroup.CONTROL else methods) for place, row in rows.items()}


def _handles(rows: Mapping[int, Row], looks: Mapping[int, _Look]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [],
            [],
            color=look.colour,
            marker=look.marker,
            markersize=_MARKER_PT,
            markeredgecolor="white",
            markeredgewidth=_EDGE_PT,
            linestyle=(0, look.dashes) if look.dashes else "-",
            label=rows[place].label,
        )
        for place, look in looks.items()
    ]


def _caption(column: Column, left_out: int) -> str:
    more = f" The tables alone show {left_out:,} more, which are not ranked or do worse." if left_out else ""
    return (
        f"{column.heading} by what makes a pair hard: each panel cuts the test pairs at two values of one challenge. "
        f"Dashed: floors.{more}"
    )
