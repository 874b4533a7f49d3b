"""Tables on the terminal, through rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.table import PLUMBING, RowGroup, Table, text

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {1: "bold", 2: "underline"}
_MARKS = {
    RowGroup.NOT_SETTLED: " (not settled)",
    RowGroup.CONTROL: " (floor)",
    RowGroup.PRIVILEGED: " (ceiling)",
}


def print_table(table: Table, console: Console | None = None) -> None:
    """Print a table, its legend and its footer (to stdout unless a console is given).

    The longer side goes down the screen: with fewer methods than metrics, a method is a column.
    """
    import rich
    from rich.table import Table as RichTable
    from rich.text import Text

    console = console or rich.get_console()
    title = f"{table.title}\n{PLUMBING}" if table.plumbing else table.title
    drawn = RichTable(title=Text(title), title_justify="left", header_style="")
    rows = [row for group in RowGroup for row in table.rows if row.group is group]
    methods = [Text(" · ".join(row.stub) + _MARKS.get(row.group, "")) for row in rows]
    metrics = [Text(column.heading) for column in table.columns]
    cells = [
        [
            Text(text(value, column, table.plumbing), style=_STYLES.get(value.rank, "") if value else "")
            for value, column in zip(row.values, table.columns, strict=True)
        ]
        for row in rows
    ]
    down, across = (methods, metrics) if len(rows) >= len(metrics) else (metrics, methods)
    if down is metrics:
        cells = [list(column) for column in zip(*cells, strict=True)]
    named = down is methods and len(table.stub) > 1
    drawn.add_column(Text(" · ".join(table.stub) if named else ""), overflow="fold")
    for heading in across:
        drawn.add_column(heading, justify="right", overflow="fold")
    for heading, line in zip(down, cells, strict=True):
        drawn.add_row(heading, *line)
    console.print(drawn)
    for words in (*table.legend, *table.footer):
        console.print(Text(words, style="dim"))
