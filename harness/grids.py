"""Grids: `benchmarks/grids/*.yaml`, one method with its parameters varied, as rows or as the product of axes."""

from __future__ import annotations

import itertools
from typing import Any

from pydantic import Field, model_validator

from harness import config
from harness.config import Strict


class GridRow(Strict):
    """A row of the table. parameters: of the method; masks: the segmenter, null for the dataset's own."""

    label: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    masks: str | None = None


class Grid(Strict):
    """An ablation. What its rows do not name comes from the preset."""

    name: str = Field(pattern=config.NAME_PATTERN)
    title: str
    source: str = Field("", description="what in which paper it repeats")
    method: str
    preset: str = "quick"
    rows: tuple[GridRow, ...] = ()
    axes: dict[str, tuple[Any, ...]] = Field(
        default_factory=dict, description="values by parameter; rows are the product, the first axis the slowest"
    )
    x: str | None = Field(None, description="numeric parameter along which lines are drawn; null: the rows in order")

    @model_validator(mode="after")
    def _one_way(self) -> Grid:
        if bool(self.rows) == bool(self.axes):
            raise ValueError("a grid has `rows` or `axes`, and not both")
        if not all(self.axes.values()):
            raise ValueError("an axis has no value")
        labels = [row.label for row in self.all_rows]
        if len(set(labels)) < len(labels):
            raise ValueError("two rows have the same label")
        if self.x is not None and not all(_is_number(row.parameters.get(self.x)) for row in self.all_rows):
            raise ValueError(f"`x` is {self.x}, which is not a number in every row")
        return self

    @property
    def all_rows(self) -> tuple[GridRow, ...]:
        """The rows, in the table's order."""
        if self.rows:
            return self.rows
        points = (dict(zip(self.axes, values, strict=True)) for values in itertools.product(*self.axes.values()))
        return tuple(
            GridRow(label=", ".join(f"{key} = {value}" for key, value in point.items()), parameters=point)
            for point in points
        )


def load_grid(name: str) -> Grid:
    """The grid called `name` (or a path that ends in .yaml). UserError as `config.load`."""
    return config.load("grids", name, Grid)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
