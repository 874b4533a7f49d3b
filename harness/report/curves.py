"""Training curves: what the losses of each training did, from its `train.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import harness.report.style as style
from harness.report.build import row_records
from harness.store import KEY_LENGTH

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from harness.records import Record
    from harness.report.select import Comparison

NO_LOSSES = ("step", "learning_rate", "seconds")
"""Columns of a training log that are no losses."""

MOST_TERMS = 8
"""Losses a panel shows; a log's first are its totals."""

SMOOTHED_SHARE = 0.05
"""Steps a smoothed point is the mean of, as a share of all."""

_PANELS_A_ROW = 2
_PANEL_IN = (4.0, 2.5)
_RAW_ALPHA, _RAW_WIDTH, _WIDTH = 0.25, 0.6, 1.5


class Training(NamedTuple):
    """A training's title and its log, a row a step."""

    title: str
    log: pandas.DataFrame


def trainings(comparison: Comparison, models: Path) -> list[Training]:
    """The trainings of the comparison's rows whose log is there, in table order; one that rows share comes once.

    models: the store's folder of trained models. Of several seeds, the first.
    """
    import pandas

    found: dict[str, Training] = {}
    for records in row_records(comparison):
        for key, title in _keys(records[0]):
            for path in sorted(models.glob(f"*-{key[:KEY_LENGTH]}/train.csv")):
                log = pandas.read_csv(path)
                if key not in found and len(log):
                    found[key] = Training(title, log)
    return list(found.values())


def _keys(record: Record) -> list[tuple[str, str]]:
    """Keys of the row's trainings, with a title: the part's name beside the row's where a wrapper has several."""
    if record.parts:
        return [(part.training_key, f"{record.title}: {name}") for name, part in record.parts.items()]
    return [(record.training_key, record.title)] if record.training_key else []


def terms(log: pandas.DataFrame) -> list[str]:
    """The losses of a log that get a line, in its order."""
    return [column for column in log.columns if column not in NO_LOSSES and log[column].notna().any()][:MOST_TERMS]


def smoothed(values: pandas.Series) -> pandas.Series:
    """The centred moving mean over `SMOOTHED_SHARE` of the steps; at the ends over what is there."""
    return values.rolling(max(1, round(len(values) * SMOOTHED_SHARE)), center=True, min_periods=1).mean()


def draw(found: Sequence[Training]) -> tuple[Figure, str]:
    """A panel a training; its losses raw and faint, and smoothed. At least one training."""
    from matplotlib.figure import Figure

    across = min(_PANELS_A_ROW, len(found))
    down = -(-len(found) // across)
    with style.house():
        figure = Figure((across * _PANEL_IN[0], down * _PANEL_IN[1]), layout="constrained")
        axes = figure.subplots(down, across, squeeze=False).ravel()
        for ax, training in zip(axes, found, strict=False):
            _panel(ax, training)
        for ax in axes[len(found) :]:
            ax.remove()
    return figure, (
        "Losses of each training, raw and faint, and their moving mean over "
        f"{SMOOTHED_SHARE:.0%} of the steps. Losses of two methods are not comparable; "
        "axes are logarithmic where no loss is 0 or below."
    )


def _panel(ax: Axes, training: Training) -> None:
    log, names = training.log, terms(training.log)
    for place, (name, look) in enumerate(zip(names, style.looks(len(names)), strict=True)):
        dashes = style.DASHES[place % len(style.DASHES)]
        ax.plot(log["step"], log[name], color=look.colour, alpha=_RAW_ALPHA, linewidth=_RAW_WIDTH)
        ax.plot(log["step"], smoothed(log[name]), color=look.colour, linestyle=dashes, linewidth=_WIDTH, label=name)
    if names and (log[names].dropna() > 0).all(axis=None):
        ax.set_yscale("log")
    ax.set_xlabel("step")
    ax.set_title(training.title, fontweight="bold")
    ax.legend(fontsize="x-small", frameon=False, loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
