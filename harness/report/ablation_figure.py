"""An ablation as a figure: a panel a metric, lines along a numeric parameter, or a point a row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.report import style, whiskers
from harness.report.table import Table, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.grids import Grid

MOST_PANELS = 6
_PANELS_A_ROW = 3
_PANEL_IN, _LABEL_IN, _ROW_IN = (3.0, 2.4), 2.6, 0.28


def draw(path: Path, grid: Grid, table: Table) -> str:
    """Write the figure of a table whose rows are the grid's, as a PNG; its caption.

    Whiskers are a value's 95 % interval, or the standard deviation over its seeds, where it has one. The same table
    gives the same bytes under the same matplotlib.
    """
    from matplotlib.figure import Figure

    columns = [place for place, column in enumerate(table.columns) if column.higher_is_better is not None]
    columns = columns[:MOST_PANELS]
    across = min(_PANELS_A_ROW, len(columns))
    down = -(-len(columns) // across)
    height_in = _PANEL_IN[1] if grid.x else max(_PANEL_IN[1], _ROW_IN * (len(table.rows) + 2))
    size_in = across * _PANEL_IN[0] + (0 if grid.x else _LABEL_IN), down * height_in
    with style.house():
        figure = Figure(size_in, layout="constrained")
        axes = figure.subplots(down, across, squeeze=False, sharey=not grid.x).ravel()
        for ax, place in zip(axes, columns, strict=False):
            if grid.x:
                _lines(ax, grid, table, place)
            else:
                _points(ax, table, place)
        for ax in axes[len(columns) :]:
            ax.remove()
        handles, labels = axes[0].get_legend_handles_labels()
        if len(labels) > 1:
            figure.legend(handles, labels, loc="outside right upper", frameon=False)
    style.save(figure, path)
    return whiskers.told([row.values[place] for row in table.rows for place in columns])


def _lines(ax: Axes, grid: Grid, table: Table, place: int) -> None:
    """Lines along the grid's numeric parameter, one for each setting of the others."""
    parameters = {row.label: dict(row.parameters) for row in grid.all_rows}
    lines: dict[str, list[tuple[float, Value]]] = {}
    for row in table.rows:
        others = ", ".join(f"{key} = {value}" for key, value in parameters[row.title].items() if key != grid.x)
        if row.values[place]:
            lines.setdefault(others, []).append((parameters[row.title][grid.x], row.values[place]))
    for (others, points), look in zip(lines.items(), style.looks(len(lines)), strict=True):
        points.sort(key=lambda point: point[0])
        xs, values = zip(*points, strict=True)
        ax.errorbar(
            xs,
            [value.mean for value in values],
            yerr=whiskers.lengths(values),
            label=others,
            color=look.colour,
            marker=look.marker,
            capsize=2,
        )
    ax.set_xticks(sorted({x for points in lines.values() for x, _ in points}))
    ax.set_xlabel(grid.x)
    ax.set_title(table.columns[place].heading, fontweight="bold")


def _points(ax: Axes, table: Table, place: int) -> None:
    """A point a row, the first at the top."""
    shown = [(at, row.values[place]) for at, row in enumerate(table.rows) if row.values[place]]
    places, values = zip(*shown, strict=True) if shown else ((), ())
    ax.errorbar(
        [value.mean for value in values],
        places,
        xerr=whiskers.lengths(values),
        fmt="o",
        color=style.COLOURS[0],
        capsize=2,
    )
    ax.set_yticks(range(len(table.rows)), [row.title for row in table.rows])
    ax.set_ylim(len(table.rows) - 0.5, -0.5)
    ax.set_title(table.columns[place].heading, fontweight="bold")
