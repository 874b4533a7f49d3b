"""What a figure of a report is: `benchmarks/figures/*.yaml`, or a file of the user's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, model_validator

from harness import config
from harness.config import Strict
from harness.errors import unknown

FOLDER = "figures"
ALL = "all"
PAPER = "paper"


class PairChoice(Strict):
    """Which pairs a grid shows.

    `seed`: drawn; `ids`: the named ones; `best`, `median`, `worst`: by a metric of a method.
    """

    how: Literal["seed", "ids", "best", "median", "worst"] = "seed"
    rows: int = Field(4, ge=1, description="pairs to show; not read for `ids`")
    seed: int = 0
    ids: tuple[str, ...] = ()
    metric: str = Field("box_lpips", description="key of a pair metric, for best, median and worst")
    method: str = Field("mrnet", description="whose values are looked at, for best, median and worst")

    @model_validator(mode="after")
    def _named(self) -> PairChoice:
        if (self.how == "ids") != bool(self.ids):
            raise ValueError("`ids` are given with `how: ids`, and only there")
        return self


class FigureSpec(Strict):
    """A figure. What its kind does not look at stays as it is."""

    name: str = Field(pattern=config.NAME_PATTERN)
    title: str
    source: str = Field("", description="which figure of which paper it repeats")
    kind: Literal["grid", "bars", "cost", "samples", "curves", "challenges", "categories"]
    columns: tuple[str, ...] = Field((), description="of a grid: methods in order, `*` for any letters: union-crop(*)")
    ablation: str | None = Field(None, description="of a grid: the rows of this grid of `bench ablate` as columns")
    show: Literal["images", "masks"] = Field(
        "images", description="of a grid: what was made, or what was taken for the person in the reference"
    )
    pairs: PairChoice = PairChoice()
    value: str | None = Field(None, description="of a grid: pair metric whose value stands under each picture")
    metric: str | None = Field(None, description="of cost, samples, categories: null for the table's first metric")

    @model_validator(mode="after")
    def _columns_of_grids(self) -> FigureSpec:
        if (self.kind == "grid") != (bool(self.columns) != bool(self.ablation)):
            raise ValueError("a grid has `columns` or an `ablation`, and no other kind has")
        return self


def load_figure(name: str) -> FigureSpec:
    """The figure called `name` (or a path that ends in .yaml). UserError as `config.load`."""
    return config.load(FOLDER, name, FigureSpec)


def load_figures(names: Iterable[str]) -> list[FigureSpec]:
    """The figures of these names, each once; `all` are the shipped ones, `paper` those that repeat one of the paper.

    UserError for an unknown name, with the nearest one.
    """
    shipped = config.names(FOLDER)
    found: dict[str, FigureSpec] = {}
    for name in names:
        if name not in (ALL, PAPER, *shipped) and not name.endswith((".yaml", ".yml")):
            raise unknown("figure", name, [*shipped, ALL, PAPER])
        specs = [load_figure(one) for one in (shipped if name in (ALL, PAPER) else [name])]
        found |= {spec.name: spec for spec in specs if spec.source or name != PAPER}
    return list(found.values())
