"""Published numbers: `benchmarks/published/*.yaml`, a paper's tables as printed, with warnings where they are due."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, model_validator

from harness import config
from harness.config import Strict

NOT_PRINTED = "—"
_BOLD = "**"


class PublishedMetric(Strict):
    """A metric as the paper calls it. keys: ours that measure it, by preference; `by_dataset` goes before."""

    higher_is_better: bool
    keys: tuple[str, ...] = Field((), description="empty: people's answers, no metric of ours")
    by_dataset: dict[str, str] = Field(default_factory=dict, description="the key under the paper's own protocol")
    other_features: str = Field("", description="start of our keys of the same distance between other features")
    words: str = ""

    def keys_on(self, dataset: str) -> tuple[str, ...]:
        """Our keys, the likeliest first."""
        own = self.by_dataset.get(dataset)
        return (own, *self.keys) if own else self.keys


class PublishedRow(Strict):
    """A row of one or more tables. method: ours, the row's id if null; parameters: what tells it from other rows."""

    label: str
    method: str | None = None
    parameters: dict[str, object] = Field(default_factory=dict)


class PublishedSetting(Strict):
    """A column before the values. head: as printed; parameter: ours; as_mark: shows only whether it is above zero."""

    head: str
    parameter: str
    as_mark: bool = False


class PublishedTable(Strict):
    """A table of the paper. values: by dataset, then by row, a printed string a metric.

    settings: what its rows set, where they are settings of one method.
    """

    name: str
    source: str
    caption: str
    settings: tuple[PublishedSetting, ...] = ()
    metrics: tuple[str, ...]
    values: dict[str, dict[str, tuple[str, ...]]]


class Warning(Strict):
    """What is to be known of some cells: of all that no list here leaves out."""

    tables: tuple[str, ...]
    words: str
    datasets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()

    def concerns(self, table: str, dataset: str, metric: str, row: str) -> bool:
        """Whether this cell is meant."""
        sides = ((self.tables, table), (self.datasets, dataset), (self.metrics, metric), (self.rows, row))
        return all(name in names or not names for names, name in sides)


@dataclass(frozen=True)
class PublishedCell:
    """A printed number. printed: with its decimals, without marks; warnings: what is to be known of it."""

    table: str
    printed: str
    bold: bool
    warnings: tuple[Warning, ...]

    @property
    def value(self) -> float:
        return float(self.printed)


class Paper(Strict):
    """A paper's tables. protocol: the only one of ours whose numbers may stand beside them."""

    name: str = Field(pattern=config.NAME_PATTERN)
    title: str
    source: str
    protocol: str
    own: str = Field(description="the row of the paper's own method")
    truth: str = Field(description="the row of real images")
    remarks: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict, description="what the paper calls our datasets")
    metrics: dict[str, PublishedMetric]
    rows: dict[str, PublishedRow]
    tables: tuple[PublishedTable, ...]
    warnings: tuple[Warning, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Paper:
        for table in self.tables:
            for row, printed in ((row, cells) for rows in table.values.values() for row, cells in rows.items()):
                if row not in self.rows or len(printed) != len(table.metrics):
                    raise ValueError(f"table {table.name}, row {row}: not {len(table.metrics)} values of a known row")
            if not set(table.metrics) <= set(self.metrics):
                raise ValueError(f"table {table.name} has a metric that `metrics` does not explain")
        names = {"tables": {table.name for table in self.tables}, "metrics": set(self.metrics), "rows": set(self.rows)}
        names["datasets"] = set(self.datasets)
        for warning in self.warnings:
            for side, known in names.items():
                if not set(getattr(warning, side)) <= known:
                    raise ValueError(f"a warning names {side} that are not there: {getattr(warning, side)}")
        return self

    @property
    def datasets(self) -> tuple[str, ...]:
        """Datasets of the tables, in their order."""
        return tuple(dict.fromkeys(dataset for table in self.tables for dataset in table.values))

    def method_of(self, row: str) -> str:
        """Our method of a row."""
        return self.rows[row].method or row

    def cell(self, row: str, dataset: str, metric: str) -> PublishedCell | None:
        """What is printed for a row under a metric as the paper calls it; None where nothing is."""
        for table in self.tables:
            cells = table.values.get(dataset, {}).get(row)
            if cells is None or metric not in table.metrics:
                continue
            printed = cells[table.metrics.index(metric)]
            if printed == NOT_PRINTED:
                return None
            warnings = (it for it in self.warnings if it.concerns(table.name, dataset, metric, row))
            bold = printed.startswith(_BOLD)
            return PublishedCell(table.name, printed.strip("*"), bold, tuple(warnings))
        return None

    def metric_of(self, dataset: str, key: str) -> str | None:
        """What the paper calls our metric on a dataset, under the paper's protocol; None where it has none."""
        return next((name for name, it in self.metrics.items() if it.keys and it.keys_on(dataset)[0] == key), None)

    def competitors(self, dataset: str) -> tuple[str, ...]:
        """Rows that are methods, other than the paper's own, with a number on a dataset, in the tables' order."""
        found = dict.fromkeys(row for table in self.tables for row in table.values.get(dataset, {}))
        return tuple(
            row
            for row in found
            if not self.rows[row].parameters
            and row not in (self.own, self.truth)
            and any(self.cell(row, dataset, metric) for metric in self.metrics)
        )


def load_paper(name: str) -> Paper:
    """The paper called `name` (or a path that ends in .yaml). UserError as `config.load`."""
    return config.load("published", name, Paper)
