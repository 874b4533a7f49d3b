"""What the writers of all layouts share: random streams, sizes of sets, JPEGs, .mat files that repeat byte for byte."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

SizeType = TypeVar("SizeType")

_MAT_TEXT_BYTES = 116  # of the header, free text in which scipy puts the time of writing
_MAT_TEXT = b"MATLAB 5.0 MAT-file, rendered by mrnet-bench"

Counts = Counter[str]
"""How many of each kind of file were written."""


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Random numbers of one thing: a person, a clip, a place. Other things and sizes of the set do not change them."""
    letters = [value for name in names for value in (name.encode() if isinstance(name, str) else [name])]
    return np.random.Generator(np.random.PCG64([seed, *letters]))


def scaled(size: SizeType, scale: float) -> SizeType:
    """A dataclass of counts times `scale`, rounded, none below the `least` of its field's metadata (default 1)."""
    return replace(
        size,
        **{
            field.name: max(field.metadata.get("least", 1), round(getattr(size, field.name) * scale))
            for field in fields(size)
        },
    )


def write_jpeg(path: Path, image: np.ndarray, quality: int = 92) -> None:
    """An (H, W, 3) uint8 image as a JPEG."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, format="JPEG", quality=quality)


def write_mat(path: Path, content: dict[str, Any]) -> None:
    """A MATLAB 5 file with the given variables, without the time of writing."""
    from scipy.io import savemat

    buffer = io.BytesIO()
    savemat(buffer, content, do_compression=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_MAT_TEXT.ljust(_MAT_TEXT_BYTES) + buffer.getvalue()[_MAT_TEXT_BYTES:])
