"""Features of targets on disk, so that those of a test set are extracted once and not for each method.

Found by content: the SHA-256 of the pixels themselves (never a file's or folder's name), in a folder named by all else
the numbers depend on: the extractor, the SHA-256 of its weights, the versions of the libraries, the device's kind.

A scoring that met new targets leaves one file of them: N rows of D float32, then N hashes of 32 bytes, then the SHA-256
of those hashes. Files are whole or not there, and never changed, so that any number of processes may read and write.
"""

from __future__ import annotations

import hashlib
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from harness.keys import digest
from harness.metrics.rows import RowFile
from mrnet import files

_LIBRARIES = ("torch", "torch-fidelity", "efficientnet-lite-pytorch")
_HASH_BYTES = 32
_FLOAT_BYTES = 4


def image_hash(image: np.ndarray) -> bytes:
    """SHA-256 of an image's shape, type and values, 32 bytes."""
    head = f"{image.dtype.str} {image.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).digest()


def cache_key(extractor: str, weights_sha256: str, device: str) -> str:
    """Name of the folder of features by an extractor with given weights on a kind of device."""
    return digest(
        {
            "extractor": extractor,
            "weights": weights_sha256,
            "versions": {name: version(name) for name in _LIBRARIES},
            "device": torch.device(device).type,
        }
    )


class FeatureCache:
    """Features (D,) by image hash: those kept in `folder`, and new ones, which `keep` leaves there.

    folder: made where it is missing. width: D. temporary: file for new features, the caller's to remove once none is
    read any more. A damaged file in the folder counts as not there.
    """

    def __init__(self, folder: Path, width: int, temporary: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.width = folder, width
        self._places: dict[bytes, tuple[RowFile, int]] = {}
        for path in sorted(folder.glob("*.rows")):
            hashes = _hashes(path, width)
            file = RowFile(path, width, len(hashes))
            self._places.update((key, (file, place)) for place, key in enumerate(hashes))
        self._new, self._new_hashes = RowFile(temporary, width), []

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def place(self, key: bytes) -> tuple[RowFile, int]:
        """Where the features lie. KeyError for an unknown image."""
        return self._places[key]

    def add(self, key: bytes, features: np.ndarray) -> None:
        """Features (D,) of a new image."""
        self._places[key] = self._new, self._new.append(features)
        self._new_hashes.append(key)

    def keep(self) -> None:
        """Leave the new features in the folder, for those who come later."""
        if self._new_hashes:
            hashes = b"".join(self._new_hashes)
            checksum = hashlib.sha256(hashes)
            with files.replacing(self.folder / f"{checksum.hexdigest()}.rows") as path:
                shutil.copyfile(self._new.path, path)
                with path.open("ab") as file:
                    file.write(hashes + checksum.digest())


def _hashes(path: Path, width: int) -> list[bytes]:
    """The hashes of a file's rows, in order; none where the file is damaged."""
    try:
        row_bytes = width * _FLOAT_BYTES
        count, rest = divmod(path.stat().st_size - _HASH_BYTES, row_bytes + _HASH_BYTES)
        if rest or count < 1:
            return []
        with path.open("rb") as file:
            file.seek(count * row_bytes)
            hashes, checksum = file.read(count * _HASH_BYTES), file.read()
    except OSError:
        return []
    if hashlib.sha256(hashes).digest() != checksum:
        return []
    return [hashes[start : start + _HASH_BYTES] for start in range(0, len(hashes), _HASH_BYTES)]
