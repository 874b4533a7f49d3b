"""What methods cost: a table of parameters, arithmetic, latency, memory and training, from their records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.records import Record
from harness.report.build import row_records, table_row
from harness.report.select import Comparison
from harness.report.table import Column, Table, Value

_MILLION, _BILLION, _MS_PER_S = 1e6, 1e9, 1e3


def _million(count: int | None) -> float | None:
    return None if count is None else count / _MILLION


def _training_s(record: Record) -> float | None:
    return None if record.budget is None else record.durations_s.get("train", record.budget.seconds)


def _samples(record: Record) -> float | None:
    if record.budget is None:
        return None
    parts = record.parts or {record.method: record}
    return float(sum(part.budget.samples for part in parts.values()))


_COLUMNS: tuple[tuple[Column, Callable[[Record], float | None]], ...] = (
    (Column("parameters_m", "parameters (M)", None, 2), lambda r: r.cost and _million(r.cost.parameters)),
    (
        Column("multiply_adds_g", "multiply-adds (G)", None, 3),
        lambda r: r.cost and r.cost.multiply_adds and r.cost.multiply_adds / _BILLION,
    ),
    (Column("latency_ms", "ms an image", None, 1), lambda r: r.cost and r.cost.latency_s * _MS_PER_S),
    (
        Column("batch_latency_ms", "ms an image, batched", None, 1),
        lambda r: r.cost and r.cost.batch_latency_s * _MS_PER_S / r.cost.batch,
    ),
    (Column("peak_mb", "memory (MB)", None, 0), lambda r: r.cost and r.cost.peak_mb),
    (Column("training_s", "training (s)", None, 0), _training_s),
    (Column("training_samples", "training samples", None, 0), _samples),
)


def cost_table(comparison: Comparison) -> Table | None:
    """A row a method whose synthesis was measured or that was trained; None where there is none.

    Of several seeds the first stands for the row.
    """
    shown = [records for records in row_records(comparison) if records[0].cost or records[0].budget]
    if not shown:
        return None
    rows = tuple(
        table_row(comparison, records, tuple(_value(get(records[0])) for _, get in _COLUMNS)) for records in shown
    )
    return Table("Cost", tuple(column for column, _ in _COLUMNS), rows, _legend([records[0] for records in shown]))


def _value(number: float | None) -> Value | None:
    return None if number is None else Value(float(number))


def _legend(records: Sequence[Record]) -> tuple[str, ...]:
    costs = [record.cost for record in records if record.cost is not None]
    lines = ["Training: of all parts of a wrapper; parts that several rows share are counted in each."]
    if costs:
        machines = sorted({f"{cost.device}, {cost.threads} threads" for cost in costs})
        lines.insert(
            0,
            f"Latency: median of calls with one pair, and with {max(cost.batch for cost in costs)} at once; memory: "
            f"beyond the loaded method, at the larger batch. Measured on: {'; '.join(machines)}. "
            "Latencies of different machines, and of a busy one, are not comparable.",
        )
    busy = [record.title for record in records if record.cost and record.cost.load and _is_busy(record)]
    if busy:
        lines.append(f"The machine was busy while these were measured: {', '.join(busy)}.")
    return tuple(lines)


def _is_busy(record: Record) -> bool:
    """Whether more wanted a core than the method's own threads."""
    return record.cost.load > record.cost.threads + 1
