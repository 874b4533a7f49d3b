"""Datasets by name; a reader is imported when its dataset is asked for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import unknown

if TYPE_CHECKING:
    from harness.datasets.base import Dataset

# name → class, one module per on-disk layout
_READERS = {
    "footage": "harness.datasets.footage:Footage",
    "synthetic": "harness.datasets.synthetic:Synthetic",
}


def names() -> list[str]:
    """The datasets' names."""
    return sorted(_READERS)


def get(name: str, data_root: Path | None = None) -> Dataset:
    """The dataset called `name`, its sources under `data_root`; UserError with did-you-mean for an unknown name."""
    if name not in _READERS:
        raise unknown("dataset", name, _READERS)
    module, _, reader = _READERS[name].partition(":")
    return getattr(import_module(module), reader)(data_root)
