"""Scoring: every metric of a protocol for a list of (generated, target) pairs. The networks are imported on use."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.metrics.base import METRICS, SetValue
from harness.metrics.protocol import Protocol
from harness.metrics.sample import ScoringSet
from harness.progress import track

if TYPE_CHECKING:
    import pandas as pd

    from harness.weights import WeightStore


@dataclass
class Scores:
    """What `score` found; each metric of the protocol is in `pairs`, in `sets` or in `skipped`.

    pairs: a row a pair: `pair`, `group`, then the pair metrics. sets: set metrics by key.
    skipped: metrics that these pairs do not allow, with the reason.
    """

    pairs: pd.DataFrame
    sets: dict[str, SetValue]
    skipped: dict[str, str] = field(default_factory=dict)


def score(
    items: ScoringSet,
    protocol: Protocol,
    weights: WeightStore,
    device: str = "cpu",
    batch_size: int = 32,
    progress: bool = True,
    feature_cache: Path | None = None,
) -> Scores:
    """All metrics of `protocol` for all pairs.

    batch_size: images held and moved to the device together when features are extracted; changes no number.
    feature_cache: folder in which the targets' features are kept from one call to the next.
    Raises UserError, before any work, for missing weights, no pairs or ids given twice; and, naming the pair, for
    images or masks of different sizes, too small images, or a mask or box that only some pairs have.
    """
    weights.require(protocol.assets())
    ids = _checked_ids(items)
    if batch_size < 1:
        raise UserError(f"a batch size of {batch_size} holds no image; give at least 1")
    skipped = _not_offered(items, protocol) | _not_at_hand(protocol, weights)

    import pandas as pd

    from harness.metrics.pair_scorer import PairScorer
    from harness.metrics.sets import SetScorer, UniqueTargets

    keys = [key for key in protocol.pairs if key not in skipped]
    scorer, targets, rows = PairScorer(protocol, keys, weights, device), UniqueTargets(), []
    indices = range(len(ids))
    for index in track(indices, "Pair metrics") if progress else indices:
        target = items.target(index)
        try:
            values = scorer(items.generated(index), target, items.mask(index), items.box(index))
        except UserError as error:
            raise UserError(f"pair {ids[index]}: {error}") from error
        rows.append({"pair": ids[index], "group": items.group(index), **values})
        targets.add(index, target)
    sets: dict[str, SetValue] = {}
    if protocol.sets is not None:
        set_scorer = SetScorer(protocol.sets, weights, device, batch_size, progress, feature_cache)
        sets, too_few = set_scorer(targets, items.generated, items.target)
        skipped |= too_few
    pairs = pd.DataFrame(rows, columns=["pair", "group", *keys])
    nowhere = [key for key in keys if pairs[key].isna().all()]
    skipped |= {key: f"{METRICS[key].label} applies to no pair" for key in nowhere}
    return Scores(pairs.drop(columns=nowhere), sets, skipped)


def _checked_ids(items: ScoringSet) -> list[str]:
    ids = [items.pair_id(index) for index in range(len(items))]
    if not ids:
        raise UserError("there is no pair to score")
    twice = sorted(pair for pair, count in Counter(ids).items() if count > 1)
    if twice:
        raise UserError(f"pair ids must be unique; given more than once: {', '.join(twice)}")
    return ids


def _not_offered(items: ScoringSet, protocol: Protocol) -> dict[str, str]:
    """Pair metrics that need what these pairs do not bring, with the reason."""
    reasons = {}
    for key in protocol.pair_keys:
        lacking = [part for part in protocol.needs_of(key, items.dataset) if part not in items.offers]
        if lacking:
            reasons[key] = f"the pairs have no {' and no '.join(lacking)}"
    return reasons


def _not_at_hand(protocol: Protocol, weights: WeightStore) -> dict[str, str]:
    """Pair metrics that are computed only where their weights are there, and are not, with the reason."""
    reasons = {}
    for key in protocol.where_available:
        missing = weights.missing(protocol.assets_of(key))
        if missing:
            reasons[key] = f"no weights. Run: bench weights fetch {' '.join(missing)}"
    return reasons
