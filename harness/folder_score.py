"""Scoring two folders of images, without dataset or training: the door for every published method."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness import paths, provenance, recording
from harness.errors import UserError, lines, some
from harness.image_folders import FolderPairs, Survey, survey
from harness.metrics.protocol import Protocol
from harness.metrics.scoring import score
from harness.records import FolderRecord
from harness.weights import WeightStore

if TYPE_CHECKING:
    import pandas

ORIGIN = "unverified images"


def score_folders(
    generated: Path,
    target: Path,
    mask: Path | None,
    protocol: Protocol,
    weights: WeightStore,
    allow_missing: bool = False,
) -> tuple[FolderRecord, pandas.DataFrame]:
    """The record of two folders, and a row a pair: `pair`, `group`, then the pair metrics.

    Raises UserError before any scoring for missing weights, for folders as `image_folders.survey` does, and for missing
    or unusable images unless `allow_missing` leaves them out of every mean; the record then counts and names them.
    """
    weights.require(protocol.assets())
    found = survey(generated, target, mask)
    lacking = len(found.missing) + len(found.unusable)
    if lacking and not (allow_missing and found.names):
        raise UserError(_lacking_text(found, generated, lacking))
    start_s = time.monotonic()
    scores = score(FolderPairs(found), protocol, weights, feature_cache=paths.home() / "cache" / "features")
    record = FolderRecord(
        protocol=protocol.name,
        protocol_hash=protocol.hash,
        size_px=found.size_px,
        n=len(found.names),
        missing=lacking,
        metrics=recording.metric_values(scores.pairs, scores.sets),
        skipped=scores.skipped,
        by_group=recording.group_means(scores.pairs),
        weights={name: weights.sha256(name) for name in protocol.assets()},
        target_box_source=None if mask is None else "mask",
        git=provenance.git_state(),
        versions=provenance.versions(),
        device=provenance.device(),
        threads=provenance.cpu_threads(),
        durations_s={"score": round(time.monotonic() - start_s, 3)},
        command=provenance.command_line(),
        origin=ORIGIN,
        created=provenance.now(),
        generated=str(generated),
        target=str(target),
        mask=None if mask is None else str(mask),
        generated_hash=found.hash(found.generated),
        target_hash=found.hash(found.target),
        mask_hash=None if found.mask is None else found.hash(found.mask),
        missing_images=found.missing,
        unusable=found.unusable,
        extra=found.extra,
        lossy=found.lossy,
    )
    return record, scores.pairs


def remarks(record: FolderRecord) -> list[str]:
    """What a reader of the numbers must know, one sentence each."""
    found = []
    if record.missing:
        found.append(
            f"{record.missing} of {record.missing + record.n} targets have no usable image and are in no mean: "
            f"{some((*record.missing_images, *record.unusable))}"
        )
        found.extend(record.unusable.values())
    if record.extra:
        found.append(f"{len(record.extra)} images have no target and were not scored: {some(record.extra)}")
    if record.lossy:
        found.append(
            f"{len(record.lossy)} files are in a lossy format, which changes every number: {some(record.lossy)}"
        )
    return found


def _lacking_text(found: Survey, generated: Path, lacking: int) -> str:
    parts = [f"{lacking} of {len(found.target)} targets have no usable image in {generated}"]
    if found.missing:
        parts.append(f"missing: {some(found.missing)}")
    if found.unusable:
        parts.append(f"unusable:\n{lines(found.unusable.values())}")
    if found.extra:
        parts.append(f"without a target: {some(found.extra)}")
    if found.names:
        parts.append("Make them, or score the rest with --allow-missing: the record then counts and names what lacks")
    return "\n".join(parts)
