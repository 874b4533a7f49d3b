"""Scoring: every metric of a protocol for a list of (generated, target) pairs. The networks are imported on use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.metrics.base import METRICS, SetValue
from harness.metrics.protocol import Protocol
from harness.metrics.sample import ScoringSet, prepared
from harness.progress import track

if TYPE_CHECKING:
    import pandas as pd

    from harness.metrics.base import Need
    from harness.metrics.set_pass import Seen
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
    workers: int | None = None,
    progress: bool = True,
    feature_cache: Path | None = None,
) -> Scores:
    """All metrics of `protocol` for all pairs, each image read once.

    workers: pairs at once, each on a thread of its own; by default one a thread of torch, on a GPU one; no bit depends
    on it. `items` is asked by several threads.
    feature_cache: folder in which the targets' features are kept from one call to the next.
    Raises UserError, before any work, for missing weights, no pairs or ids given twice; and, naming the pair, for
    images or masks of different sizes, too small images, or a mask or box that only some pairs have.
    """
    ids = _checked_ids(items)
    keys, skipped = computable(protocol, items.dataset, items.offers, weights)
    weights.require(protocol.assets(keys))

    import pandas as pd
    import torch

    from harness.arithmetic import mapped_exactly
    from harness.metrics.pair_scorer import PairScorer
    from harness.metrics.set_pass import SetPass

    if workers is None:
        workers = torch.get_num_threads() if torch.device(device).type == "cpu" else 1
    scorer, rows, sets = PairScorer(protocol, keys, weights, items.dataset, items.skeleton, device), [], {}
    with (
        SetPass(protocol.sets, weights, device, feature_cache)
        if protocol.sets is not None
        else nullcontext() as set_pass
    ):

        def one(index: int) -> tuple[dict[str, float], Seen | None]:
            sample = items.sample(index)
            try:
                values, seen = scorer(sample), None
                if set_pass is not None:
                    shown = prepared(sample, protocol.images, items.dataset)
                    seen = set_pass.look(index, shown.generated, shown.target)
                return values, seen
            except UserError as error:
                raise UserError(f"pair {ids[index]}: {error}") from error

        done = mapped_exactly(one, range(len(ids)), workers)
        for index, (values, seen) in enumerate(track(done, "Scoring", len(ids)) if progress else done):
            rows.append({"pair": ids[index], "group": items.group(index), **values})
            if set_pass is not None:
                set_pass.add(index, seen)
        if set_pass is not None:
            sets, too_few = set_pass.values(ids, workers)
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


def computable(
    protocol: Protocol, dataset: str, offers: Collection[Need], weights: WeightStore
) -> tuple[list[str], dict[str, str]]:
    """Pair metrics of a protocol for pairs of a dataset that bring what `offers` names, and the others with the reason.

    Left out are metrics that need what no pair brings, and of the protocol's `where_available` those whose weights are
    not at hand; nothing is loaded.
    """
    skipped = {}
    for key in protocol.pair_keys:
        lacking = [part for part in protocol.needs_of(key, dataset) if part not in offers]
        missing = weights.missing(protocol.assets_of(key)) if key in protocol.where_available else []
        if lacking:
            skipped[key] = f"the pairs have no {' and no '.join(lacking)}"
        elif missing:
            skipped[key] = f"no weights. Run: bench weights fetch {' '.join(missing)}"
    return [key for key in protocol.pair_keys if key not in skipped], skipped
