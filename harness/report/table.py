"""The table as one frozen object, and how its numbers are printed; renderers only spell it out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

PLUMBING = "plumbing check: these numbers are not results"
"""Said of a preset too small for results (smoke)."""

TIED = "≈"
"""Mark of a value that is not distinguishable from the best of its column."""


class RowGroup(Enum):
    """Parts of a table, in their order; the value is the heading."""

    RANKED = "methods"
    GIVEN = "trained elsewhere, with another budget: shown apart, not ranked"
    IMPORTED = "images made elsewhere, unverified: shown apart, not ranked"
    NOT_SETTLED = "not settled at this budget: shown apart, not ranked"
    SCENE = "the scene without the person, a part of crop-inpaint: not ranked"
    CONTROL = "controls: floors, not ranked"
    PRIVILEGED = "privileged: made from the target, the ceiling, not ranked"


@dataclass(frozen=True)
class Column:
    """A metric, or a metric of one track.

    higher_is_better: None where no direction is known. ranked: whether the best value may be marked.
    headline: shown with its interval, or the range of its groups.
    """

    key: str
    label: str
    higher_is_better: bool | None
    decimals: int
    group: str = ""
    ranked: bool = True
    headline: bool = False

    @property
    def arrow(self) -> str:
        """A blank and which way is better; empty where no direction is known."""
        return {True: " ↑", False: " ↓", None: ""}[self.higher_is_better]

    @property
    def heading(self) -> str:
        """Track, label and arrow."""
        return f"{self.group} {self.label}{self.arrow}".strip()


@dataclass(frozen=True)
class Value:
    """A number and how sure it is.

    low, high: 95 % bootstrap interval over groups. std: spread over subsets or parts, for set metrics.
    seeds_sd: standard deviation over seeds, given in place of the interval where there are several.
    small: a distance between sets too small for it. rank: 1 or 2 among the ranked rows, else None.
    groups: groups of its pairs, None for set metrics. group_low, group_high: least and greatest mean of a group, given
    where the groups are too few for an interval. tied: not distinguishable from the best of its column.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    std: float | None = None
    seeds_sd: float | None = None
    n: int = 0
    small: bool = False
    rank: int | None = None
    groups: int | None = None
    group_low: float | None = None
    group_high: float | None = None
    tied: bool = False


@dataclass(frozen=True)
class Row:
    """One method with its parameters, over its seeds.

    note: what sets it apart from another row of the same method. settings: what stands before the values in a table
    that has heads for it, in place of the label.
    """

    group: RowGroup
    method: str
    title: str
    note: str
    seeds: tuple[int, ...]
    n: int
    missing: int
    values: tuple[Value | None, ...]
    settings: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Title and note."""
        return f"{self.title} ({self.note})" if self.note else self.title

    @property
    def stub(self) -> tuple[str, ...]:
        """What stands before the values: the label, or the settings."""
        return self.settings or (self.label,)


@dataclass(frozen=True)
class Table:
    """A title, columns, rows in order, and lines under the table: how to read it, and where it comes from.

    plumbing: the preset is too small for results; renderers show that numbers were computed, not what they are.
    stub: heads of what stands before the values of a row.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    legend: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()
    plumbing: bool = False
    stub: tuple[str, ...] = ("Method",)


def with_intervals(table: Table) -> Table:
    """The table with an interval, or the range of groups, beside every value that has one."""
    return replace(table, columns=tuple(replace(column, headline=True) for column in table.columns))


def text(value: Value | None, column: Column, plumbing: bool = False) -> str:
    """A value as every renderer prints it, without bold or underline."""
    if value is None or math.isnan(value.mean):
        return "—"
    if plumbing:
        return "✓"
    printed = _number(value.mean, column.decimals)
    if value.seeds_sd is not None:
        printed += f" ± {_number(value.seeds_sd, column.decimals)}"
    elif column.headline and value.low is not None and value.high is not None:
        printed += f" [{_number(value.low, column.decimals)}, {_number(value.high, column.decimals)}]"
    elif column.headline and value.group_low is not None and value.group_high is not None:
        printed += f" ({_number(value.group_low, column.decimals)}…{_number(value.group_high, column.decimals)})"
    return printed + (f" {TIED}" if value.tied else "") + (" †" if value.small else "")


def _number(value: float, decimals: int) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    printed = f"{value:.{decimals}f}"
    # -0.000 says nothing that 0.000 does not
    return printed.removeprefix("-") if float(printed) == 0 else printed.replace("-", "−")
