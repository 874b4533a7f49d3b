"""`bench diff`: two results' numbers, and what may explain why they differ."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from harness.errors import check_output

if TYPE_CHECKING:
    from harness.diff import Diff, MetricRow

_SHOWN_HASH = 12
_MOST_SHOWN = 60
_HASH = re.compile(r"[0-9a-f]{40,64}")
_SMALL = "† a distance between sets of fewer than 2,048 images: not to be compared across set sizes"


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A record, or the folder of a cell that has one.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another; also the record of `bench score --json`.")],
    json: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write the comparison here.")] = None,  # noqa: UP045
) -> None:
    """How the numbers of two records differ, then why they may, the most telling cause first, then what is the same.

    Causes: the protocol and its constants, pairs, data, images, method, weights, training budget, machine, versions and
    code. Times and command lines explain no number and are not compared.

    Examples:

      bench diff results/cells/footage/mrnet-1a2b3c4d5e6f results/cells/footage/copy-0f1e2d3c4b5a

      bench diff old/record-offline-v1.json new/record-offline-v1.json --json diff.json
    """
    from harness.diff import diff as compare
    from mrnet import files

    check_output(json, "--json")
    found = compare(a, b)
    typer.echo(_text(found))
    if json is not None:
        files.write_text(json, found.model_dump_json(indent=1) + "\n")
        typer.echo(json)


def _text(found: Diff) -> str:
    from tabulate import tabulate

    numbers = tabulate([_row(row) for row in found.metrics], headers=("", "A", "B", "B − A"), tablefmt="plain",
                       disable_numparse=True, colalign=("left", "right", "right", "right"))  # fmt: skip
    parts = [f"A  {found.a}\nB  {found.b}", numbers]
    notes = [f"{_label(row.key)}: {row.skipped}" for row in found.metrics if row.skipped]
    parts += ["\n".join([*notes, *([_SMALL] if any(row.small for row in found.metrics) else [])])]
    if found.causes:
        rows = [
            ("" if place else cause.name, item.what, _shown(item.a), _shown(item.b))
            for cause in found.causes
            for place, item in enumerate(cause.differences)
        ]
        table = tabulate(rows, headers=("", "", "A", "B"), tablefmt="plain", disable_numparse=True)
        parts.append(f"Why they may differ\n{table}")
        parts.append("\n".join(f"{cause.name}: {cause.remark}" for cause in found.causes if cause.remark))
    parts.append(found.conclusion)
    if found.same:
        parts.append("The same: " + ", ".join(f"{same.name} ({_shown(same.value)})" for same in found.same))
    return "\n\n".join(part for part in parts if part)


def _label(key: str) -> str:
    from harness.metrics.base import METRICS

    return METRICS[key].label if key in METRICS else key


def _row(row: MetricRow) -> tuple[str, str, str, str]:
    from harness.metrics.base import METRICS

    info = METRICS.get(row.key)
    label = f"{info.label_with_unit} {info.arrow}" if info else row.key
    decimals = info.decimals if info else 3
    return f"{label}{'†' if row.small else ''}", *(_number(value, decimals) for value in (row.a, row.b)), _signed(row)


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{round(value, decimals) + 0.0:.{decimals}f}"


def _signed(row: MetricRow) -> str:
    """The difference with its sign; one too small for the metric's digits is not shown as nothing."""
    from harness.metrics.base import METRICS

    if row.difference is None:
        return "–"
    decimals = METRICS[row.key].decimals if row.key in METRICS else 3
    if row.difference == 0:
        return "0"
    shown = f"{row.difference:+.{decimals}f}"
    return shown if float(shown) else f"{row.difference:+.0e}"


def _shown(value: object) -> str:
    """A recorded value, hashes and long lists cut short; the JSON has them whole."""
    from harness.metrics.constants import shown

    if isinstance(value, str) and _HASH.fullmatch(value):
        return value[:_SHOWN_HASH]
    text = shown(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"
