"""Features of image sets on disk, so that the targets of a test set are extracted once and not for each method.

The key is everything the numbers depend on: the pixels themselves (never a folder's name), the extractor, the SHA-256
of its weights, the versions of the libraries that compute, and the device's kind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialize

from harness.keys import digest
from harness.metrics.features import Features
from mrnet import files

_LIBRARIES = ("torch", "torch-fidelity", "efficientnet-lite-pytorch")
_TENSORS = ("features", "logits")


def image_hash(image: np.ndarray) -> str:
    """SHA-256 of an image's shape, type and values, 64 hex digits."""
    head = f"{image.dtype.str} {image.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).hexdigest()


def cache_key(image_hashes: Iterable[str], extractor: str, weights_sha256: str, device: str) -> str:
    """Key of the features of images, in order, by an extractor with given weights on a kind of device."""
    return digest(
        {
            "images": list(image_hashes),
            "extractor": extractor,
            "weights": weights_sha256,
            "versions": {name: version(name) for name in _LIBRARIES},
            "device": torch.device(device).type,
        }
    )


def cached(folder: Path | None, key: str, compute: Callable[[], Features]) -> Features:
    """The features kept in `folder` under `key`; made by `compute` and kept where they are not there yet.

    folder: None computes and keeps nothing. A damaged file is made anew.
    """
    if folder is None:
        return compute()
    path = folder / f"{key}.safetensors"
    kept = _read(path)
    if kept is not None:
        return kept
    result = compute()
    _write(path, result)
    return result


def _read(path: Path) -> Features | None:
    if not path.is_file():
        return None
    try:
        tensors = load_file(path)
    except SafetensorError:
        return None
    return Features(*(tensors[name] for name in _TENSORS)) if set(tensors) == set(_TENSORS) else None


def _write(path: Path, result: Features) -> None:
    files.write_bytes(path, serialize({name: getattr(result, name).contiguous() for name in _TENSORS}))
