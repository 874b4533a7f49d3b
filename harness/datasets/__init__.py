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
    "bbc": "harness.datasets.bbc:BBCPose",
    "deepfashion": "harness.datasets.deepfashion:DeepFashion",
    "footage": "harness.datasets.footage:Footage",
    "market": "harness.datasets.market:Market1501",
    "penn": "harness.datasets.penn:PennAction",
    "prepared": "harness.datasets.prepared:Prepared",
    "synthetic": "harness.datasets.synthetic:Synthetic",
}
# one layout, three sets: a result names the set
_VARIANTS = {
    "prepared-bbc": "harness.datasets.prepared:PreparedBBC",
    "prepared-market": "harness.datasets.prepared:PreparedMarket",
    "prepared-penn": "harness.datasets.prepared:PreparedPenn",
}
_ALIASES = {"bbc_pose": "bbc", "bbcpose": "bbc", "market1501": "market", "penn_action": "penn"}


def names() -> list[str]:
    """The datasets' names."""
    return sorted(_READERS)


def canonical(name: str) -> str:
    """A dataset's name for an alias of it; any other as it is."""
    return _ALIASES.get(name, name)


def recorded_names() -> list[str]:
    """The names that results and caches may bear: of datasets, and of the sets of a layout that has several."""
    return sorted({**_READERS, **_VARIANTS})


def get(name: str, data_root: Path | None = None, masks: str | None = None, weights_dir: Path | None = None) -> Dataset:
    """The dataset called `name`, or by an alias of it; its parameters are those of `Dataset`.

    UserError with did-you-mean for an unknown name, and for masks the dataset does not have.
    """
    name = canonical(name)
    readers = {**_READERS, **_VARIANTS}
    if name not in readers:
        raise unknown("dataset", name, readers)
    module, _, reader = readers[name].partition(":")
    return getattr(import_module(module), reader)(data_root, masks, weights_dir)
