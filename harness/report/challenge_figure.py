"""The breakdown as small multiples: a panel a challenge, a line a method, the floors dashed and grey."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.report.challenges import Breakdown, bounds
from harness.report.table import Column, Row, RowGroup
from mrnet import files

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
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
_PANELS_A_ROW = 3
_PANEL_IN, _LEGEND_IN, _HEAD_IN = (2.9, 2.6), 2.6, 0.5
_DPI = 110
_MARGIN = 0.35  # beside the outer points, of the distance between two


def shown_rows(breakdowns: Sequence[Breakdown], key: str) -> tuple[tuple[Row, ...], int]:
    """The rows that get a line, best first, then the floors; and how many methods are left out.

    Ranked methods first; beyond `MOST_LINES` the ones that are worse on average over all parts stand in the table only.
    """
    table = breakdowns[0].table
    place = [place for place, column in enumerate(table.columns) if column.key == key]
    better = -1 if table.columns[place[0]].higher_is_better else 1

    def mean(row: Row) -> float:
        return better * sum(row.values[at].mean for at in place) / len(place)

    rows = [row for row in table.rows if all(row.values[at] for at in place)]
    floors = [row for row in rows if row.group is RowGroup.CONTROL]
    methods = sorted((row for row in rows if row not in floors), key=mean)
    ranked_first = sorted(methods, key=lambda row: row.group is not RowGroup.RANKED)
    kept = {row.label for row in ranked_first[:MOST_LINES]}
    return tuple(row for row in methods if row.label in kept) + tuple(floors), len(methods) - len(kept)


def draw(path: Path, breakdowns: Sequence[Breakdown], title: str) -> str:
    """Write the figure of the challenges among `breakdowns`, at least one, as a PNG; its caption.

    Of the first metric of their tables. The same tables give the same bytes under the same matplotlib.
    """
    import matplotlib
    import seaborn
    from matplotlib.figure import Figure

    panels = [breakdown for breakdown in breakdowns if breakdown.challenge]
    column = replace(panels[0].table.columns[0], group="")
    rows, left_out = shown_rows(panels, column.key)
    across = min(_PANELS_A_ROW, len(panels))
    down = -(-len(panels) // across)
    size_in = across * _PANEL_IN[0] + _LEGEND_IN, down * _PANEL_IN[1] + _HEAD_IN
    # from the defaults: a user's own matplotlibrc changes no byte
    with matplotlib.style.context("default"), seaborn.axes_style("whitegrid"), seaborn.plotting_context("paper"):
        figure = Figure(size_in, dpi=_DPI, layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize="large")
        axes = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
        for place, (panel, ax) in enumerate(zip(panels, axes, strict=False)):
            _panel(ax, panel, column.key, rows)
            ax.set_ylabel(column.heading if place % across == 0 else "")
        for ax in axes[len(panels) :]:
            ax.remove()
        figure.legend(handles=_handles(rows), loc="outside right upper", frameon=False, title="best first, then floors")
        with files.replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})
    return _caption(column, left_out)


def _panel(ax: Axes, panel: Breakdown, key: str, rows: Sequence[Row]) -> None:
    import seaborn

    looks = {row.label: look for row, look in zip(rows, _looks(rows), strict=True)}
    seaborn.lineplot(
        _points(panel, key, looks),
        x="part",
        y="value",
        hue="method",
        style="method",
        hue_order=list(looks),
        style_order=list(looks),
        palette={label: look.colour for label, look in looks.items()},
        markers={label: look.marker for label, look in looks.items()},
        dashes={label: look.dashes for label, look in looks.items()},
        errorbar=None,
        legend=False,
        ax=ax,
    )
    names = [f"{part.name}\n{bounds(part, panel.challenge)}" for part in panel.parts]
    ax.set_xticks(range(len(names)), names)
    ax.set_xlim(-_MARGIN, len(names) - 1 + _MARGIN)
    ax.set_xlabel(panel.challenge.unit)
    ax.set_title(panel.challenge.label, fontweight="bold")


def _points(panel: Breakdown, key: str, labels: Collection[str]) -> pandas.DataFrame:
    """Columns method, part (its place from 0) and value."""
    import pandas

    places = {part.name: place for place, part in enumerate(panel.parts)}
    points = [
        (row.label, places[column.group], value.mean)
        for row in panel.table.rows
        if row.label in labels
        for column, value in zip(panel.table.columns, row.values, strict=True)
        if column.key == key and value
    ]
    return pandas.DataFrame(points, columns=["method", "part", "value"])


class _Look(NamedTuple):
    colour: str
    marker: str
    dashes: tuple[float, float] | str


def _looks(rows: Sequence[Row]) -> list[_Look]:
    """Colour, marker and dashes of each row, by its place among the methods or among the floors."""
    methods = iter(_Look(colour, marker, "") for colour, marker in zip(_COLOURS, _MARKERS, strict=True))
    floors = iter(_Look(colour, marker, _DASHES) for colour, marker in _FLOORS)
    return [next(floors if row.group is RowGroup.CONTROL else methods) for row in rows]


def _handles(rows: Sequence[Row]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [], [], color=look.colour, marker=look.marker, markeredgecolor="white", label=row.label,
            linestyle=(0, look.dashes) if look.dashes else "-",
        )
        for row, look in zip(rows, _looks(rows), strict=True)
    ]  # fmt: skip


def _caption(column: Column, left_out: int) -> str:
    more = f" {left_out:,} more methods, which do worse, are in the tables alone." if left_out else ""
    return (
        f"{column.heading} by what makes a pair hard: each panel cuts the test pairs at two values of one challenge. "
        f"Dashed: floors.{more}"
    )
