"""Scoring: every metric of a protocol for a list of (generated, target) pairs. The networks are imported on use."""

from __future__ import annotations

import typing
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UserError
from harness.metrics.base import SetValue
from harness.metrics.protocol import Protocol
from harness.progress import track

if TYPE_CHECKING:
    import pandas as pd

    from harness.metrics.sets import Seen
    from harness.weights import WeightStore

# what a pair must bring, beside its images, for a metric
_NEEDS = {"m_ssim": "mask", "box_ssim": "box", "box_lpips": "box"}


class ScoringSet(typing.Protocol):
    """Pairs to score, by index. Images are (H, W, 3) uint8 RGB, those of a pair of one size."""

    def __len__(self) -> int: ...

    def pair_id(self, index: int) -> str:
        """The pair's id, unique in the set."""
        ...

    def group(self, index: int) -> str:
        """The clip or person the pair belongs to."""
        ...

    def generated(self, index: int) -> np.ndarray: ...

    def target(self, index: int) -> np.ndarray: ...

    def mask(self, index: int) -> np.ndarray | None:
        """(H, W), not 0 = person, of the target; None where the dataset has no masks."""
        ...

    def box(self, index: int) -> np.ndarray | None:
        """(4,) xyxy in pixels, 0-based, end-exclusive, of the person in the target; None where there are no boxes."""
        ...


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
    weights.require(protocol.assets())
    ids = _checked_ids(items)
    skipped = _without_region(items, protocol)

    import pandas as pd
    import torch

    from harness.arithmetic import mapped_exactly
    from harness.metrics.pair_scorer import PairScorer
    from harness.metrics.sets import SetPass

    if workers is None:
        workers = torch.get_num_threads() if torch.device(device).type == "cpu" else 1
    keys = [key for key in protocol.pairs if key not in skipped]
    scorer, rows, sets = PairScorer(protocol, keys, weights, device), [], {}
    with (
        SetPass(protocol.sets, weights, device, feature_cache)
        if protocol.sets is not None
        else nullcontext() as set_pass
    ):

        def one(index: int) -> tuple[dict[str, float], Seen | None]:
            generated, target = items.generated(index), items.target(index)
            try:
                values = scorer(generated, target, items.mask(index), items.box(index))
                return values, set_pass.look(index, generated, target) if set_pass is not None else None
            except UserError as error:
                raise UserError(f"pair {ids[index]}: {error}") from error

        done = mapped_exactly(one, range(len(ids)), workers)
        for index, (values, seen) in enumerate(track(done, "Scoring", len(ids)) if progress else done):
            rows.append({"pair": ids[index], "group": items.group(index), **values})
            if set_pass is not None:
                set_pass.add(seen)
        if set_pass is not None:
            sets, too_few = set_pass.values(workers)
            skipped |= too_few
    pairs = pd.DataFrame(rows, columns=["pair", "group", *keys])
    nowhere = [key for key in keys if pairs[key].isna().all()]
    skipped |= {key: f"every {_NEEDS.get(key, 'value')} is empty" for key in nowhere}
    return Scores(pairs.drop(columns=nowhere), sets, skipped)


def _checked_ids(items: ScoringSet) -> list[str]:
    ids = [items.pair_id(index) for index in range(len(items))]
    if not ids:
        raise UserError("there is no pair to score")
    twice = sorted(pair for pair, count in Counter(ids).items() if count > 1)
    if twice:
        raise UserError(f"pair ids must be unique; given more than once: {', '.join(twice)}")
    return ids


def _without_region(items: ScoringSet, protocol: Protocol) -> dict[str, str]:
    """Pair metrics that need a mask or a box where no pair has one, with the reason."""
    indices = range(len(items))
    absent = set()
    if all(items.mask(index) is None for index in indices):
        absent.add("mask")
    if all(items.box(index) is None for index in indices):
        absent.add("box")
    return {key: f"no pair has a {_NEEDS[key]}" for key in protocol.pairs if _NEEDS.get(key) in absent}
