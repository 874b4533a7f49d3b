"""`bench protocols`: what a protocol measures, and by which constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.list import protocols as list_protocols
from harness.commands.options import WeightsDir

if TYPE_CHECKING:
    from harness.metrics.base import MetricInfo
    from harness.metrics.protocol import Protocol
    from harness.weights import WeightStore

app = typer.Typer(
    help="Show a protocol's metrics and every constant of them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("list")(list_protocols)

_IN_THE_HEAD = ("name", "version", "title")


@app.command()
def show(
    protocol: Annotated[str, typer.Argument(metavar="P", help="A protocol's name, or a YAML file.")],
    weights_dir: WeightsDir = None,
) -> None:
    """A protocol's hash, metrics, weights, and every constant with what it means.

    Examples:

      bench protocols show std-v1

      bench protocols show mine.yaml
    """
    from harness.metrics.protocol import load_protocol
    from harness.weights import WeightStore

    found = load_protocol(protocol)
    typer.echo(f"{found.name} version {found.version}: {found.title}")
    typer.echo(f"hash {found.hash}")
    for heading, text in (
        ("Metrics", _metrics(found)),
        ("Weights", _weights(found, WeightStore(extra_dir=weights_dir))),
        ("Constants", _constants(found)),
    ):
        typer.echo(f"\n{heading}\n{text}")


def _metrics(protocol: Protocol) -> str:
    from tabulate import tabulate

    from harness.metrics.base import METRICS

    rows = [
        (info.key, info.label, info.unit, _range(info), _better(info), f"a {info.kind}", info.definition)
        for info in (METRICS[key] for key in protocol.metric_keys)
    ]
    heads = ("key", "label", "unit", "range", "better", "a value", "what it is")
    return tabulate(rows, headers=heads, tablefmt="plain", disable_numparse=True)


def _range(info: MetricInfo) -> str:
    """Its least and greatest value: `0 … 100`, `0 …` without an upper end, `any` without ends."""
    from harness.metrics.constants import shown

    low, high = ("" if end is None else shown(end) for end in info.range)
    return f"{low} … {high}".strip() if low or high else "any"


def _better(info: MetricInfo) -> str:
    return f"{'higher' if info.higher_is_better else 'lower'}{'' if info.ranked else ', not ranked'}"


def _weights(protocol: Protocol, store: WeightStore) -> str:
    from tabulate import tabulate

    from harness.assets import asset

    rows = []
    for name in protocol.assets():
        found = store.locate(name)
        where = f"here: {found}" if found else f"not here; run: bench weights fetch {name}"
        rows.append((name, asset(name).title, where))
    return tabulate(rows, tablefmt="plain", disable_numparse=True) or "none are needed"


def _constants(protocol: Protocol) -> str:
    """A heading a section, with its formula, and below it a line a constant."""
    from tabulate import tabulate

    from harness.metrics.constants import sections

    parts = []
    for section in sections(protocol):
        rows = [(item.path, item.shown, item.description) for item in section.constants]
        rows = [row for row in rows if row[0] not in _IN_THE_HEAD]
        heading = [f"{section.path}: {section.title}".rstrip(": ")] if section.path else []
        table = [tabulate(rows, tablefmt="plain", disable_numparse=True)] if rows else []
        parts.append("\n".join([*heading, *table]))
    return "\n\n".join(parts)
