"""Tables as LaTeX with booktabs: a document that compiles as it is, of tables that can be pasted one by one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from harness.report.table import PLUMBING, Column, RowGroup, Table, Value, text

MOST_LINES = 40
"""Lines of one float; what is longer goes on in another, as a float does not break over pages."""

PACKAGES = ("booktabs", "graphicx", "amssymb")
"""What a paper that a table is pasted into must load."""

_PREAMBLE = (
    r"\documentclass[a4paper,landscape,10pt]{article}",
    r"\usepackage[T1]{fontenc}",
    r"\usepackage[utf8]{inputenc}",
    r"\usepackage{textcomp,lmodern}",
    r"\usepackage[margin=1.5cm]{geometry}",
    *(rf"\usepackage{{{name}}}" for name in PACKAGES),
    r"\setlength{\parindent}{0pt}",
    r"\pagestyle{empty}",
    r"\begin{document}",
)

_FITTED = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""A table wider than the line is made as wide as the line, in a column of a paper too."""

_CHARACTERS = {
    # a bracket or star after a line's end would be its argument; two hyphens would be a dash
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "[": "{[}", "]": "{]}", "*": "{*}", "\u00a0": "~", "\n": " ",
    "--": "-{}-", "`": r"\textasciigrave{}", "'": r"\textquotesingle{}",
    "λ": r"$\lambda$", "τ": r"$\tau$", "σ": r"$\sigma$", "μ": r"$\mu$", "µ": r"$\mu$", "α": r"$\alpha$",
    "≈": r"$\approx$", "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "≥": r"$\geq$", "≤": r"$\leq$",
    "−": "$-$", "∞": r"$\infty$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\rightarrow$",
    "✓": r"$\checkmark$", "✗": r"$\times$", "†": r"\textdagger{}", "…": r"\ldots{}", "—": "---", "–": "--",
    "°": r"\textdegree{}", "§": r"\S{}", "⁻": r"\textsuperscript{$-$}",
}  # fmt: skip
"""Characters, and a pair of them, that LaTeX would read as markup or that its fonts do not have."""

_LAST_LATIN = "\u017f"
"""Letters up to here (é, ß, ł) are in the fonts of every LaTeX."""


def document(tables: Sequence[Table], name: str, sources: Sequence[str] = ()) -> str:
    """A LaTeX document of the tables, each with its legend, and of the first table's footer.

    name: in the tables' labels (`tab:<name>-1`). sources: lines that stand under every table, so that a pasted one says
    what its numbers are of.
    """
    lines = [
        "% Compiles as it is, with pdflatex. To paste a table into a paper, take what is between begin and end,",
        f"% and load {', '.join(PACKAGES)} there.",
        *_PREAMBLE,
    ]
    for number, table in enumerate(tables, 1):
        lines += ["", *render(table, f"{name}-{number}", sources)]
    if tables[0].footer:
        lines += ["", r"\clearpage", r"{\footnotesize\raggedright", *_paragraphs(tables[0].footer), "}"]
    return "\n".join([*lines, r"\end{document}"]) + "\n"


def render(table: Table, name: str, sources: Sequence[str] = ()) -> Iterator[str]:
    """Lines of the table's float, or of several where it is long: caption, heads, rows by parts; legend and sources.

    name: of the first float, for \\ref{tab:<name>}.
    """
    title = f"{table.title}. {PLUMBING}" if table.plumbing else table.title
    marked = " ".join(title.split())
    body = list(_body(table))
    parts = [body[start : start + MOST_LINES] for start in range(0, len(body), MOST_LINES)] or [[]]
    yield f"% ===== begin: {marked}"
    for number, part in enumerate(parts):
        yield r"\begin{table}[p]"
        yield r"\centering"
        yield rf"\caption{{{escaped(title)}{' (continued)' if number else ''}}}"
        if number == 0:
            yield rf"\label{{tab:{re.sub('[^a-zA-Z0-9.-]+', '-', name)}}}"
        yield _FITTED
        yield rf"\begin{{tabular}}{{{'l' * len(table.stub)}{'r' * len(table.columns)}}}"
        yield r"\toprule"
        yield from _heads(table)
        yield r"\midrule"
        yield from part
        yield r"\bottomrule"
        yield r"\end{tabular}}"
        if number == len(parts) - 1:
            yield r"\par\medskip"
            yield r"\begin{minipage}{\linewidth}\footnotesize\raggedright"
            yield from _paragraphs((*table.legend, *sources))
            yield r"\end{minipage}"
        yield r"\end{table}"
    yield f"% ===== end: {marked}"


def _paragraphs(lines: Sequence[str]) -> list[str]:
    return [rf"{escaped(line)}\par" for line in lines]


def _heads(table: Table) -> Iterator[str]:
    """The heads of the columns; above them, where they have any, the names of their groups with a rule under each."""
    width = len(table.stub)
    if any(column.group for column in table.columns):
        heads, rules, at = [""] * width, [], width + 1
        for group, members in groupby(table.columns, key=lambda column: column.group):
            count = len(list(members))
            heads.append(rf"\multicolumn{{{count}}}{{c}}{{{escaped(group)}}}")
            if group:
                rules.append(rf"\cmidrule(lr){{{at}-{at + count - 1}}}")
            at += count
        yield _line(heads)
        yield "".join(rules)
    yield _line([*(escaped(head) for head in table.stub), *(_head(column) for column in table.columns)])


def _head(column: Column) -> str:
    """Label and arrow; what the label has in parentheses stands under it, so that columns stay narrow."""
    label, bracket, rest = column.label.partition(" (")
    first = escaped(f"{label}{column.arrow}")
    return rf"\shortstack[r]{{{first}\\{escaped(f'({rest}')}}}" if bracket else first


def _body(table: Table) -> Iterator[str]:
    width = len(table.stub) + len(table.columns)
    above = False
    for group in RowGroup:
        rows = [row for row in table.rows if row.group is group]
        if rows and group is not RowGroup.RANKED:
            rule = r"\midrule " if above else ""
            yield rule + _line([rf"\multicolumn{{{width}}}{{l}}{{\textit{{{escaped(group.value)}}}}}"])
        for row in rows:
            cells = (
                _cell(value, column, table.plumbing) for value, column in zip(row.values, table.columns, strict=True)
            )
            yield _line([*(escaped(cell) for cell in row.stub), *cells])
            above = True


def _cell(value: Value | None, column: Column, plumbing: bool) -> str:
    printed = escaped(text(value, column, plumbing))
    if value is None or value.rank is None or plumbing:
        return printed
    return rf"\textbf{{{printed}}}" if value.rank == 1 else rf"\underline{{{printed}}}"


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def escaped(words: str) -> str:
    """Words as LaTeX text: nothing in them is markup, `code` is in typewriter, and pdflatex has every character.

    A character that its fonts lack is written as its number: [U+4E2D].
    """
    parts = unicodedata.normalize("NFC", words).split("`")
    if len(parts) % 2 == 0:  # a backtick without its like quotes nothing
        parts = ["`".join(parts)]
    return "".join(rf"\texttt{{{_plain(part)}}}" if place % 2 else _plain(part) for place, part in enumerate(parts))


def _plain(words: str) -> str:
    return re.sub("--|.", lambda found: _drawn(found[0]), words, flags=re.DOTALL)


def _drawn(character: str) -> str:
    if character in _CHARACTERS:
        return _CHARACTERS[character]
    if " " <= character <= "~" or (character <= _LAST_LATIN and character.isalpha()):
        return character
    plain = unicodedata.normalize("NFKC", character)
    if plain != character and all(" " < part <= "~" and part.isalnum() for part in plain):
        raised = unicodedata.decomposition(character).startswith("<super>")
        return rf"\textsuperscript{{{plain}}}" if raised else plain
    return f"{{[}}U+{ord(character):04X}{{]}}"
