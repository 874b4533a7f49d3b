"""The set metrics of a protocol from the features of two image sets: those that are defined for so many images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.arithmetic import mapped_exactly, one_blas_thread
from harness.metrics import fid, kid
from harness.metrics.base import SetValue
from harness.metrics.inception_score import inception_score
from harness.metrics.precision_recall import precision_recall
from harness.metrics.protocol import SetConstants
from harness.metrics.rows import Rows


@dataclass(frozen=True)
class SetRows:
    """What n images a side are to an extractor: features (n, D), and logits (n, classes) of the generated images.

    target: None where no distance is asked of the extractor.
    """

    generated: Rows
    logits: Rows
    target: Rows | None


@dataclass(frozen=True)
class _Job:
    """Metrics that are computed together. parts: the work, in any order; values: of what they gave, in their order."""

    keys: tuple[str, ...]
    n: int
    parts: Sequence[Callable[[], Any]]
    values: Callable[[list[Any]], Sequence[tuple[float, float | None]]]


def set_values(rows: Mapping[str, SetRows], constants: SetConstants, workers: int = 1) -> dict[str, SetValue]:
    """The set metrics that are defined for the sets' size, by key.

    rows: by the extractor's name, of one n. workers: parts of the work done at once; changes no bit.
    Raises UserError as `rows.block`.
    """
    skipped = too_few(constants, _count(rows))
    jobs = [job for job in _jobs(rows, constants) if job.keys[0] not in skipped]
    # what cannot be cut up takes longest: it begins first
    order = sorted(jobs, key=lambda job: len(job.parts))
    with one_blas_thread():
        found = mapped_exactly(lambda part: part(), [part for job in order for part in job.parts], workers)
        results = {job.keys: [next(found) for _ in job.parts] for job in order}
        found.close()
    return {
        key: SetValue(value, std, job.n, job.n < constants.small_below)
        for job in jobs
        for key, (value, std) in zip(job.keys, job.values(results[job.keys]), strict=True)
    }


def _jobs(rows: Mapping[str, SetRows], constants: SetConstants) -> Iterator[_Job]:
    """In the order of the protocol's keys."""
    n, kernel, frechet = _count(rows), constants.kernel, constants.frechet
    score, reach = constants.score, constants.precision_recall
    if kernel is not None:
        sides = rows[kernel.extractor]
        # cutting up the work draws the subsets, which need enough images
        parts = kid.parts(sides.generated, sides.target, kernel) if n >= kid.MIN_IMAGES else ()
        yield _Job(kernel.info.keys("kernel"), n, parts, lambda shares: [kid.from_sums(shares, kernel)])
    if frechet is not None:
        kept = n // frechet.whole_batches_of * frechet.whole_batches_of
        sides = (_first(side, kept) for side in (rows[frechet.extractor].generated, rows[frechet.extractor].target))
        yield _Job(
            frechet.info.keys("frechet"), kept, [partial(fid.frechet_distance, *sides)], lambda found: [(*found, None)]
        )
    if score is not None:
        work = partial(inception_score, rows[score.extractor].logits, score)
        yield _Job(score.info.keys("score"), n, [work], list)
    if reach is not None:
        sides = rows[reach.extractor]
        work = partial(precision_recall, sides.generated, sides.target, reach.neighbours)
        yield _Job(reach.info.keys("precision_recall"), n, [work], lambda found: [(share, None) for share in found[0]])


def too_few(constants: SetConstants, n: int) -> dict[str, str]:
    """Set metrics that are not defined for n images a side, with the reason."""
    least = {}
    if constants.kernel is not None:
        least |= dict.fromkeys(constants.kernel.info.keys("kernel"), kid.MIN_IMAGES)
    if constants.frechet is not None:
        wanted = max(fid.MIN_IMAGES, constants.frechet.whole_batches_of)
        least |= dict.fromkeys(constants.frechet.info.keys("frechet"), wanted)
    if constants.score is not None:
        least |= dict.fromkeys(constants.score.info.keys("score"), constants.score.splits)
    if constants.precision_recall is not None:
        reach = constants.precision_recall
        least |= dict.fromkeys(reach.info.keys("precision_recall"), reach.neighbours + 1)
    what = "different targets" if constants.population == "unique_targets" else "pairs"
    return {key: f"needs {wanted} {what}, has {n}" for key, wanted in least.items() if n < wanted}


def _count(rows: Mapping[str, SetRows]) -> int:
    return next(iter(rows.values())).generated.shape[0]


def _first(rows: Rows, count: int) -> Rows:
    return rows if count == rows.shape[0] else rows.first(count)
