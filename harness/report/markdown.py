"""Tables as GitHub Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from harness.report.table import PLUMBING, Column, RowGroup, Table, Value, text


class Picture(NamedTuple):
    """A picture under the tables. name: in words; path: relative to the report."""

    name: str
    path: str
    caption: str


def document(tables: Sequence[Table], pictures: Sequence[Picture] = ()) -> str:
    """A report: heading, tables with their legends, the pictures, and the first table's footer."""
    first = tables[0]
    parts = [f"# {_plain(first.title)}"]
    if first.plumbing:
        parts.append(f"**{PLUMBING}**")
    for table in tables:
        if table is not first:
            parts.append(f"## {_plain(table.title)}")
        parts.append(render(table))
        parts.extend(_plain(line) for line in table.legend if table is first or line not in first.legend)
    for picture in pictures:
        parts.append(f"![{picture.name}]({picture.path.replace(' ', '%20')})")
        parts.append(_plain(picture.caption))
    if first.footer:
        parts.append("---\n\n" + "\n".join(f"- {_plain(line)}" for line in first.footer))
    return "\n\n".join(part for part in parts if part) + "\n"


def render(table: Table) -> str:
    """The table itself: a heading row, then each part of the rows under its name in italics."""
    headings = [*(_plain(head) for head in table.stub), *(_plain(column.heading) for column in table.columns)]
    lines = [_line(headings), _line([":--" for _ in table.stub] + ["--:" for _ in table.columns])]
    for group in RowGroup:
        rows = [row for row in table.rows if row.group is group]
        if rows and group is not RowGroup.RANKED:
            lines.append(_line([f"*{group.value}*", *("" for _ in headings[1:])]))
        for row in rows:
            cells = [
                _cell(value, column, table.plumbing) for value, column in zip(row.values, table.columns, strict=True)
            ]
            lines.append(_line([*(_plain(cell) for cell in row.stub), *cells]))
    return "\n".join(lines)


def _cell(value: Value | None, column: Column, plumbing: bool) -> str:
    printed = _plain(text(value, column, plumbing))
    if value is None or value.rank is None or plumbing:
        return printed
    return f"**{printed}**" if value.rank == 1 else f"<u>{printed}</u>"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(words: str) -> str:
    """Words with nothing in them that Markdown would read as markup."""
    for mark in ("\\", "|", "*", "_", "<", ">", "`"):
        words = words.replace(mark, f"\\{mark}")
    return words.replace("\n", " ")
