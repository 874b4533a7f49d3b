"""Keys: SHA-256 of plain data in canonical JSON. What would change a result is in its key, and nothing else is.

The git commit is recorded beside results, never part of a key: a method raises its card's version by hand when the same
inputs would give other outputs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def digest(data: Any) -> str:
    """SHA-256, 64 hex digits, of JSON-like data; the order of mapping keys does not matter.

    Raises TypeError for what is not plain data and ValueError for NaN.
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def training_key(
    *,
    method: str,
    card_version: int,
    parameters: Mapping[str, Any],
    dataset_fingerprint: str,
    split: str,
    train_pair_list_hash: str,
    size_px: Sequence[int],
    schedule: Mapping[str, Any],
    precision: str,
    seed: int,
    assets: Mapping[str, str],
    view: str | None,
) -> str:
    """Key of a trained model. assets: SHA-256 of every pretrained asset the training uses, by name.
    view: how pairs are cut for it, null for whole ones.

    How often a checkpoint is written does not change the model, so it is left out of the schedule.
    """
    numbers = {name: value for name, value in schedule.items() if name != "checkpoint_every"}
    return digest(
        {
            "kind": "training",
            "method": method,
            "card_version": card_version,
            "parameters": dict(parameters),
            "dataset_fingerprint": dataset_fingerprint,
            "split": split,
            "train_pair_list_hash": train_pair_list_hash,
            "size_px": list(size_px),
            "schedule": numbers,
            "precision": precision,
            "seed": seed,
            "assets": dict(assets),
            **({} if view is None else {"view": view}),
        }
    )


def wrapper_key(*, method: str, card_version: int, parts: Sequence[str]) -> str:
    """Stands for the training key of a wrapper. parts: the training or source keys of its parts, in order."""
    return digest({"kind": "wrapper", "method": method, "card_version": card_version, "parts": list(parts)})


def source_key(
    *, method: str, card_version: int, parameters: Mapping[str, Any], train_pair_list_hash: str | None
) -> str:
    """Stands for the training key where nothing is trained: controls and methods that do not learn.

    train_pair_list_hash: of the training frames looked at, null where none are.
    """
    return digest(
        {
            "kind": "untrained",
            "method": method,
            "card_version": card_version,
            "parameters": dict(parameters),
            "train_pair_list_hash": train_pair_list_hash,
        }
    )


def given_key(*, method: str, card_version: int, parameters: Mapping[str, Any], weights_sha256: str) -> str:
    """Stands for the training key where weights are given in a file."""
    return digest(
        {
            "kind": "given",
            "method": method,
            "card_version": card_version,
            "parameters": dict(parameters),
            "weights_sha256": weights_sha256,
        }
    )


def imported_key(*, name: str, images_sha256: str) -> str:
    """Stands for the training key where the images were made elsewhere. images_sha256: of pair ids and pixels."""
    return digest({"kind": "imported", "name": name, "images_sha256": images_sha256})


def cell_key(
    *,
    source: str,
    dataset: str,
    split: str,
    preset: str | None,
    test_pair_list_hash: str,
    dataset_fingerprint: str,
    size_px: Sequence[int],
) -> str:
    """Key of a cell's images.

    source: the training, source, given or imported key. preset: the name under which trained rows are compared, null
    for what is not trained here, which stands beside every preset.
    """
    return digest(
        {
            "kind": "cell",
            "source": source,
            "dataset": dataset,
            "split": split,
            "preset": preset,
            "test_pair_list_hash": test_pair_list_hash,
            "dataset_fingerprint": dataset_fingerprint,
            "size_px": list(size_px),
        }
    )


def score_key(cell: str, protocol_hash: str) -> str:
    """Key of a cell's scores under a protocol."""
    return digest({"kind": "score", "cell": cell, "protocol_hash": protocol_hash})
