"""A paper's claims: `benchmarks/claims/*.yaml`, the comparisons they make, and what its own tables say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from pydantic import Field, model_validator

from harness import config
from harness.config import Strict
from harness.metrics.base import METRICS
from harness.published import Paper, load_paper

COMPETITORS = "competitors"


class Claim(Strict):
    """A sentence and the comparison it makes: `better` before `than`, or each of `chain` before the next."""

    id: str = Field(pattern=config.NAME_PATTERN)
    sentence: str = Field(description="quoted")
    where: str = Field(description="section, and what the sentence is about")
    better: tuple[str, ...] = ()
    than: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    datasets: tuple[str, ...]
    metrics: tuple[str, ...] = Field(description="as the paper calls them, or keys of ours")
    exceptions: int = Field(0, ge=0, description="datasets on which it may fail (`almost all`)")
    undecidable: str = Field("", description="why no numbers can decide it")

    @model_validator(mode="after")
    def _compares(self) -> Claim:
        if sum(map(bool, (self.better and self.than, self.chain, self.undecidable))) != 1:
            raise ValueError(f"claim {self.id} needs one of `better` with `than`, `chain`, and `undecidable`")
        return self


class Claims(Strict):
    """The claims of a paper."""

    paper: str
    claims: tuple[Claim, ...]


class Verdict(Enum):
    """What numbers say of a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNDECIDED = "not distinguishable"
    UNTOLD = "cannot be told"


@dataclass(frozen=True)
class Point:
    """One comparison of a claim: the row `better` is before the row `than`, by a metric on a dataset."""

    dataset: str
    metric: str
    better: str
    than: str


@dataclass(frozen=True)
class Outcome:
    """How a point came out. better: None where the numbers do not tell the rows apart. words: both numbers."""

    point: Point
    better: bool | None
    words: str


@dataclass(frozen=True)
class Finding:
    """What numbers say of a claim. against: the points that contradict it; reason: why it is not decided.

    by_means: decided by comparing means, without a test. warnings: of published cells that were compared with others.
    """

    verdict: Verdict
    against: tuple[Outcome, ...] = ()
    reason: str = ""
    by_means: bool = False
    warnings: tuple[str, ...] = ()


def load_claims(name: str) -> tuple[Paper, Claims]:
    """The claims called `name`, with their paper. UserError as `config.load`, and for a row or metric nobody knows."""
    claims = config.load("claims", name, Claims)
    paper = load_paper(claims.paper)
    for claim in claims.claims:
        for row in (*claim.better, *claim.than, *claim.chain):
            if row not in paper.rows and row != COMPETITORS and not row.endswith("(*)"):
                raise config.UserError(f"claim {claim.id}: paper {paper.name} has no row '{row}'")
        for metric in claim.metrics:
            if metric not in paper.metrics and metric not in METRICS:
                raise config.UserError(f"claim {claim.id}: '{metric}' is no metric of the paper, nor a key of ours")
    return paper, claims


def points(
    claim: Claim, paper: Paper, datasets: Sequence[str], expand: Callable[[str], Iterable[str]] = lambda name: ()
) -> list[Point]:
    """The comparisons of a claim on `datasets`. expand: the rows behind a pattern (`union-crop(*)`)."""

    def rows(names: Iterable[str], dataset: str) -> list[str]:
        found: list[str] = []
        for name in names:
            if name == COMPETITORS:
                known = (dataset,) if dataset in paper.datasets else claim.datasets
                found += dict.fromkeys(row for it in known for row in paper.competitors(it))
            else:
                found += expand(name) if name.endswith("(*)") else [name]
        return found

    made = []
    for dataset in datasets:
        pairs = list(zip(claim.chain, claim.chain[1:], strict=False))
        pairs += [(a, b) for a in rows(claim.better, dataset) for b in rows(claim.than, dataset)]
        made += [Point(dataset, metric, a, b) for metric in claim.metrics for a, b in pairs]
    return made


def verdict(outcomes: Sequence[Outcome], exceptions: int = 0) -> Finding:
    """The verdict over a claim's points. exceptions: datasets on which it may fail, or stay undecided."""
    against = tuple(outcome for outcome in outcomes if outcome.better is False)
    open_ = tuple(outcome for outcome in outcomes if outcome.better is None)
    if not outcomes:
        return Finding(Verdict.UNTOLD)
    if len({outcome.point.dataset for outcome in against}) > exceptions:
        return Finding(Verdict.FAILS, against)
    if len({outcome.point.dataset for outcome in (*against, *open_)}) > exceptions:
        return Finding(Verdict.UNDECIDED, open_)
    return Finding(Verdict.HOLDS, against)


def published(claim: Claim, paper: Paper) -> Finding:
    """What the paper's tables say of a claim, point by point; of equal numbers neither is better."""
    if claim.undecidable:
        return Finding(Verdict.UNTOLD, reason=claim.undecidable)
    outcomes, warnings = [], {}
    for point in points(claim, paper, claim.datasets):
        cells = [paper.cell(row, point.dataset, point.metric) for row in (point.better, point.than)]
        if all(cells):
            ours, theirs = (cell.value for cell in cells)
            better = ours > theirs if paper.metrics[point.metric].higher_is_better else ours < theirs
            labels = [paper.rows[row].label for row in (point.better, point.than)]
            words = ", ".join(f"{label} {cell.printed}" for label, cell in zip(labels, cells, strict=True))
            outcomes.append(Outcome(point, better, words))
            # what is true of both cells touches both alike; what is true of a row whatever the metric, no number
            unequal = [it for it in (*cells[0].warnings, *cells[1].warnings) if it.metrics]
            unequal = [it for it in unequal if not all(it in cell.warnings for cell in cells)]
            warnings |= {f"{point.metric} on {point.dataset}: {it.words}": None for it in unequal}
    if not outcomes:
        return Finding(Verdict.UNTOLD, reason="the paper prints no numbers for it")
    return replace(verdict(outcomes, claim.exceptions), warnings=tuple(warnings))
