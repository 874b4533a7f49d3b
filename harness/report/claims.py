"""What the records of a store say of a paper's claims, and claims with both verdicts as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from harness.claims import Claim, Claims, Finding, Outcome, Point, Verdict, points, published, verdict
from harness.metrics.base import METRICS
from harness.report.pair_scores import RowScores, ScoreFrames, aligned, read
from harness.report.select import Comparison, Selection, only
from harness.stats import ALPHA, MIN_GROUPS, holm, paired_difference

if TYPE_CHECKING:
    from harness.published import Paper
    from harness.report.select import Entry
    from harness.store import Store

_MOST_TOLD = 6
"""Contradicting numbers that a verdict lists; the rest are counted."""


@dataclass(frozen=True)
class Judged:
    """A claim with what the paper's tables say of it, and what our records say."""

    claim: Claim
    published: Finding
    measured: Finding


@dataclass(frozen=True)
class _Ground:
    """The rows of one comparison that may be compared. unread: cells whose per-pair scores are not there."""

    comparison: Comparison
    rows: tuple[RowScores, ...]
    unread: tuple[str, ...]


def judge(
    paper: Paper, claims: Claims, store: Store | None, entries: Sequence[Entry], on: str | None, selection: Selection
) -> list[Judged]:
    """Every claim with both verdicts. on: the dataset to test them on in place of those they name.

    selection: which records, less the dataset. UserError where a dataset has several comparisons.
    """
    wanted = [on] if on else sorted({dataset for claim in claims.claims for dataset in claim.datasets})
    grounds = {}
    for dataset in wanted:
        there = [entry for entry in entries if entry.record.dataset == dataset]
        if store is not None and there:
            grounds[dataset] = _ground(store, there, replace(selection, dataset=dataset))
    return [
        Judged(claim, published(claim, paper), _measured(claim, paper, grounds, [on] if on else claim.datasets))
        for claim in claims.claims
    ]


def _ground(store: Store, entries: Sequence[Entry], selection: Selection) -> _Ground:
    comparison = only(entries, selection, "claims are tested on")
    scores = read(ScoreFrames(store), comparison)
    return _Ground(comparison, scores.methods, scores.unread)


def _measured(claim: Claim, paper: Paper, grounds: Mapping[str, _Ground], datasets: Sequence[str]) -> Finding:
    """What the records say. A claim holds only where all its rows were measured; it fails where any contradicts it."""
    if claim.undecidable:
        return Finding(Verdict.UNTOLD, reason=claim.undecidable)
    lacking = [f"no records of {dataset}" for dataset in datasets if dataset not in grounds]
    compared: list[_Compared] = []
    for dataset in datasets:
        if dataset in grounds:
            made, reasons = _compare(claim, paper, grounds[dataset], dataset)
            compared += made
            lacking += reasons
    corrected = holm([it.p for it in compared])
    outcomes = [it.outcome(p) for it, p in zip(compared, corrected, strict=True)]
    found = replace(
        verdict(outcomes, claim.exceptions if len(datasets) > 1 else 0),
        by_means=any(it.p is None for it in compared),
    )
    if lacking and found.verdict is not Verdict.FAILS:
        return Finding(Verdict.UNTOLD, reason="; ".join(dict.fromkeys(lacking)))
    return found


@dataclass(frozen=True)
class _Compared:
    """A measured point. gain: mean difference, positive where `better` is better; p: None where there is no test."""

    point: Point
    gain: float
    p: float | None
    words: str

    def outcome(self, corrected: float | None) -> Outcome:
        told_apart = corrected is None or corrected < ALPHA
        return Outcome(self.point, self.gain > 0 if told_apart else None, self.words)


def _compare(claim: Claim, paper: Paper, ground: _Ground, dataset: str) -> tuple[list[_Compared], list[str]]:
    """The claim's points on one dataset, and why some have no numbers."""
    if ground.unread:
        return [], [f"per-pair scores are missing: {', '.join(ground.unread)}"]
    made, lacking = [], []
    reasons: dict[str, dict[str, None]] = {}
    methods = sorted({row.records[0].method for row in ground.rows})

    def expand(name: str) -> list[str]:
        found = [method for method in methods if fnmatchcase(method, name)]
        if not found:
            lacking.append(f"no records of {name} on {dataset}")
        return found

    for point in points(claim, paper, [dataset], expand):
        rows = {}
        for name in (point.better, point.than):
            rows[name], reason = _row(name, paper, ground.rows)
            if reason:
                reasons.setdefault(reason, {})[paper.rows[name].label if name in paper.rows else name] = None
        if not all(rows.values()):
            continue
        keys = paper.metrics[point.metric].keys_on(dataset) if point.metric in paper.metrics else (point.metric,)
        made_point = _point(point, rows[point.better], rows[point.than], keys)
        if isinstance(made_point, str):
            lacking.append(f"{point.metric} {made_point} of {dataset}")
        else:
            made.append(made_point)
    return made, [*lacking, *(f"{reason} on {dataset}: {', '.join(labels)}" for reason, labels in reasons.items())]


def _row(name: str, paper: Paper, rows: Iterable[RowScores]) -> tuple[RowScores | None, str]:
    """The row of the store that a row of the paper, or a method, is; or why there is none."""
    wanted = paper.rows[name].parameters if name in paper.rows else {}
    method = paper.method_of(name) if name in paper.rows else name
    found = [row for row in rows if row.records[0].method == method]
    if wanted:
        found = [row for row in found if wanted.items() <= row.records[0].parameters.items()]
    else:
        found = [row for row in found if not row.records[0].overrides]
    if len(found) != 1:
        return None, "several records" if found else "no records"
    if not found[0].competes:
        return None, "set apart, or with pairs missing,"
    return found[0], ""


def _point(point: Point, ours: RowScores, theirs: RowScores, keys: Sequence[str]) -> _Compared | str:
    """The two rows by the first key that both have, or why they are not compared.

    A set metric has no values by pair, and so no test; over too few images it says nothing.
    """
    for key in keys:
        if all(key in record.metrics for row in (ours, theirs) for record in row.records):
            break
    else:
        return "is not in the records"
    if any(record.metrics[key].small for row in (ours, theirs) for record in row.records):
        return "is over too few images in the records"
    info = METRICS[key]
    means = [float(np.mean([record.metrics[key].mean for record in row.records])) for row in (ours, theirs)]
    sign = 1 if info.higher_is_better else -1
    gain, p, span = sign * (means[0] - means[1]), None, ""
    side_by_side = aligned((ours, theirs), key) if info.kind == "pair" else None
    if side_by_side is not None:
        (first, second), groups = side_by_side
        difference = paired_difference(sign * first, sign * second, groups)
        gain = difference.mean
        if difference.groups >= MIN_GROUPS:
            p = difference.p
            span = f" (gain {difference.mean:.3f} [{difference.low:.3f}, {difference.high:.3f}])"
    titles = [row.records[0].title for row in (ours, theirs)]
    numbers = ", ".join(f"{title} {mean:.{info.decimals}f}" for title, mean in zip(titles, means, strict=True))
    return _Compared(point, gain, p, numbers + span)


def told(finding: Finding, untold: str) -> str:
    """A finding in words. untold: what an undecided one is called."""
    words = _name(finding, untold)
    if finding.reason:
        return f"{words}: {finding.reason}"
    listed = [f"{it.point.metric} on {it.point.dataset}: {it.words}" for it in finding.against[:_MOST_TOLD]]
    more = len(finding.against) - len(listed)
    if not listed:
        return words
    kept = "; but " if finding.verdict is Verdict.HOLDS else ": "
    return words + kept + "; ".join((*listed, *([f"and {more} more"] if more > 0 else [])))


def _name(finding: Finding, untold: str) -> str:
    """The verdict, and whether a test stands behind it."""
    if finding.verdict is Verdict.UNTOLD:
        return untold
    return finding.verdict.value + (", by means, without a test" if finding.by_means else "")


def summary(judged: Sequence[Judged]) -> list[str]:
    """How many claims have each verdict."""

    def counted(finding_of: Callable[[Judged], Finding], untold: str) -> str:
        counts: dict[str, int] = {}
        for verdict_ in Verdict:
            for finding in map(finding_of, judged):
                if finding.verdict is verdict_:
                    name = _name(finding, untold)
                    counts[name] = counts.get(name, 0) + 1
        return "; ".join(f"{count} {name}" for name, count in counts.items())

    return [
        f"{len(judged)} claims. By the paper's own tables: {counted(lambda it: it.published, Verdict.UNTOLD.value)}.",
        f"By our records: {counted(lambda it: it.measured, 'not measured')}.",
    ]


def plain(judged: Sequence[Judged]) -> str:
    """The claims as text for a terminal."""
    parts = [
        f"{it.claim.id}  ({it.claim.where})\n"
        f"  “{it.claim.sentence}”\n"
        f"  paper's tables: {told(it.published, Verdict.UNTOLD.value)}\n"
        f"  our records:    {told(it.measured, 'not measured')}"
        + "".join(f"\n  beware:         {warning}" for warning in it.published.warnings)
        for it in judged
    ]
    return "\n\n".join((*parts, "\n".join(summary(judged))))


def document(paper: Paper, judged: Sequence[Judged], on: str | None) -> str:
    """The claims as Markdown, one table."""
    where = f"Our records are of {on}, which no claim is about: the comparisons are carried over." if on else ""
    warnings = dict.fromkeys(f"- {_cell(warning)}" for it in judged for warning in it.published.warnings)
    lines = [
        f"# Claims of “{paper.title}”",
        paper.source + ".",
        *summary(judged),
        *([where] if where else []),
        "| claim | where | by the paper's own tables | by our records |\n|:--|:--|:--|:--|\n"
        + "\n".join(
            f"| “{_cell(it.claim.sentence)}” | {_cell(it.claim.where)} | "
            f"{_cell(told(it.published, Verdict.UNTOLD.value))} | {_cell(told(it.measured, 'not measured'))} |"
            for it in judged
        ),
        *([] if not warnings else ["Beware of these cells of the paper's tables:\n\n" + "\n".join(warnings)]),
    ]
    return "\n\n".join(lines) + "\n"


def _cell(words: str) -> str:
    for mark in ("\\", "|", "*", "_", "<", ">"):
        words = words.replace(mark, f"\\{mark}")
    return words
