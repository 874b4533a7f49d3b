"""The house style of figures: colours that colour-blind readers tell apart, shapes beside colours, the same bytes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mrnet import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (
    "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9",
)  # fmt: skip
"""seaborn's palette `colorblind`."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
"""As many as share no factor with the colours but 2: 60 looks before one comes again."""

DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))
CONTROL_COLOUR = "#949494"
CONTROL_HATCH = "///"
DPI = 110
_PDF_FONT_TYPE = 42  # TrueType, whole letters: text in a PDF can be searched, and journals ask for it
_METADATA = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Nothing of when, and by which version, a file was written."""


class Look(NamedTuple):
    """What a row's points are drawn with."""

    colour: str
    marker: str


@contextmanager
def house() -> Iterator[None]:
    """The style, from matplotlib's defaults: a user's own matplotlibrc changes no byte."""
    import matplotlib.style
    import seaborn

    with (
        matplotlib.style.context("default"),
        seaborn.axes_style("whitegrid"),
        seaborn.plotting_context("paper"),
        matplotlib.rc_context({"pdf.fonttype": _PDF_FONT_TYPE, "hatch.linewidth": 0.6}),
    ):
        yield


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or PDF, by the path's ending; the same figure gives the same bytes."""
    with house(), files.replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=DPI, metadata=_METADATA[path.suffix])


def looks(count: int) -> list[Look]:
    """`count` looks that differ in colour and marker."""
    return list(itertools.islice(map(Look, itertools.cycle(COLOURS), itertools.cycle(MARKERS)), count))
