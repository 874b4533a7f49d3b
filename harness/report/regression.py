"""What `bench regress` found, as Markdown for a pull request and as a few lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.gates import Gate, Passage, Row, Verdict
from harness.regress import Regression

_TITLES = {
    Gate.RESCORE: "Stored images, scored anew",
    Gate.RERUN: "The frozen checkpoint, run anew",
    Gate.TRAIN: "A new training",
}
_HEADINGS = ("metric", "baseline", "now", "difference", "allowed", "verdict")
_MEASURE = "| :-- | --: | --: | --: | --: | :-- |"


def markdown(found: Regression) -> str:
    """A heading with the verdict, a table a gate, what failed and what may explain it."""
    asked = found.file.content.asked
    parts = [
        f"# Regression check {found.file.name}: {verdict(found)}",
        f"{asked.method} on {asked.dataset}, {found.pairs} pairs, protocol {asked.protocol}; on {found.device}.",
    ]
    for passage in found.passages:
        parts.append(f"## {_TITLES[passage.gate]}: {_said(passage)}")
        if passage.rows:
            parts.append("\n".join([_line(_HEADINGS), _MEASURE, *(_line(_cells(row)) for row in passage.rows)]))
    parts += notes(found)
    return "\n\n".join(parts) + "\n"


def text(found: Regression) -> str:
    """A line a gate, a line for each metric that did not stay as it was, and the notes."""
    lines = []
    for passage in found.passages:
        lines.append(f"{passage.gate.value:<8} {_said(passage)}")
        told = (*passage.having(Verdict.REGRESSION), *passage.having(Verdict.BETTER))
        lines += [f"         {row.verdict.value:<10} {_sentence(row)}" for row in told]
    return "\n".join([*lines, *notes(found), f"{found.file.name}: {verdict(found)}"])


def verdict(found: Regression) -> str:
    """In a word or two."""
    return "no regression" if found.held else "regression"


def notes(found: Regression) -> list[str]:
    """What may explain a difference, and what to do about a change that is meant."""
    said = []
    measured = found.file.content.measured
    if measured is not None and measured.device != found.device:
        said.append(f"The baseline was measured on {measured.device}, this on {found.device}.")
    if found.versions:
        changes = ", ".join(f"{name} {was} → {here}" for name, (was, here) in found.versions.items())
        said.append(f"Versions since the baseline: {changes}.")
    better = any(passage.having(Verdict.BETTER) for passage in found.passages)
    if better or not found.held:
        said.append(f"If a change is meant, renew the baseline and commit it: {found.file.update_command}")
    return said


def _said(passage: Passage) -> str:
    if passage.failure:
        return f"failed. {passage.failure}"
    worse, better = passage.having(Verdict.REGRESSION), passage.having(Verdict.BETTER)
    counted = [
        f"{len(rows)} of {len(passage.rows)} {words}"
        for rows, words in ((worse, "not as before" if passage.gate is not Gate.TRAIN else "worse"), (better, "better"))
        if rows
    ]
    return ", ".join(counted) or f"{len(passage.rows)} hold"


def _cells(row: Row) -> Iterator[str]:
    yield row.label
    yield _number(row.baseline)
    yield row.note if row.now is None else _number(row.now)
    yield "" if row.now is None else f"{row.now - row.baseline:+.2g}"
    yield f"±{row.allowed:.2g}"
    yield row.verdict.value if row.verdict is Verdict.HOLDS else f"**{row.verdict.value}**"


def _sentence(row: Row) -> str:
    if row.now is None:
        return f"{row.label} {row.note}; it was {_number(row.baseline)}"
    change = f"{row.now - row.baseline:+.2g}, ±{row.allowed:.2g} allowed"
    return f"{row.label} {_number(row.baseline)} → {_number(row.now)} ({change})"


def _number(value: float) -> str:
    return f"{value:.6g}"


def _line(cells: Sequence[str] | Iterator[str]) -> str:
    return "| " + " | ".join(cells) + " |"
