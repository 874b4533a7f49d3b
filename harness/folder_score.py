"""Scoring two folders of images, without dataset or training: the door for every published method."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness import completeness, paths, provenance, recording
from harness.errors import UserError
from harness.image_folders import FOLDER_OFFERS, FolderPairs, survey
from harness.metrics.protocol import Protocol
from harness.metrics.scoring import computable, score
from harness.records import UNVERIFIED, Completeness, FolderRecord
from harness.weights import WeightStore

if TYPE_CHECKING:
    import pandas


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
    offers = frozenset() if mask is None else FOLDER_OFFERS
    assets = protocol.assets(computable(protocol, "", offers, weights)[0])
    weights.require(assets)
    found = survey(generated, target, mask)
    whole = Completeness(missing_images=found.missing, unusable=found.unusable, extra=found.extra, lossy=found.lossy)
    if whole.lacking and not (allow_missing and found.names):
        raise UserError(completeness.refusal(whole, len(found.names), "target", str(generated)))
    start_s = time.monotonic()
    scores = score(FolderPairs(found), protocol, weights, feature_cache=paths.home() / "cache" / "features")
    record = FolderRecord(
        protocol=protocol.name,
        protocol_hash=protocol.hash,
        size_px=found.size_px,
        n=len(found.names),
        missing=whole.lacking,
        metrics=recording.metric_values(scores.pairs, scores.sets),
        skipped=scores.skipped,
        by_group=recording.group_means(scores.pairs),
        weights={name: weights.sha256(name) for name in assets},
        target_box_source=None if mask is None else "mask",
        git=provenance.git_state(),
        versions=provenance.versions(),
        device=provenance.device(),
        threads=provenance.cpu_threads(),
        durations_s={"score": round(time.monotonic() - start_s, 3)},
        command=provenance.command_line(),
        origin=UNVERIFIED,
        created=provenance.now(),
        generated=str(generated),
        target=str(target),
        mask=None if mask is None else str(mask),
        generated_hash=found.hash(found.generated),
        target_hash=found.hash(found.target),
        mask_hash=None if found.mask is None else found.hash(found.mask),
        **dict(whole),
    )
    return record, scores.pairs


def remarks(record: FolderRecord) -> list[str]:
    """What a reader of the numbers must know, one sentence each."""
    return completeness.cautions(record, record.n, "target")
