"""The weight store: pretrained networks by name, each checked by its SHA-256; nothing is downloaded but by `fetch`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import paths
from harness.assets import ASSETS, DEMO_ASSETS, Asset, asset
from harness.errors import UserError
from harness.fetch import PyPIMember, WebFile, fetch_members, fetch_web, sha256_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ASSETS", "DEMO_ASSETS", "WEIGHTS_VARIABLE", "Asset", "WeightStore", "asset"]

WEIGHTS_VARIABLE = "BENCH_WEIGHTS"

# index of each convolution in torchvision's `features`, in order
_ALEXNET_FEATURES = (0, 3, 6, 8, 10)
_VGG16_FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_FLAX_LAYOUT = {"alexnet": ("AlexNet_0", _ALEXNET_FEATURES), "vgg16": ("VGG16_0", _VGG16_FEATURES)}
_FEATURES_ONLY = ("vgg19", "vgg16_torchvision", "alexnet_torchvision")


class WeightStore:
    """Pretrained networks on disk.

    folder: the store itself, by default `weights` under the home folder; the only one `fetch` writes to.
    extra_dir: a user's own folder of files by their `filename`, looked at first; by default BENCH_WEIGHTS.
    """

    def __init__(self, folder: Path | None = None, extra_dir: Path | None = None):
        given = os.environ.get(WEIGHTS_VARIABLE)
        self.folder = folder or paths.home() / "weights"
        self.extra_dir = extra_dir or (Path(given).expanduser() if given else None)
        self._digests: dict[tuple[Path, int, int], str] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where files are looked for, in order."""
        return (self.extra_dir, self.folder) if self.extra_dir else (self.folder,)

    def locate(self, name: str) -> Path | None:
        """The asset's file, unchecked, or None where no folder has it."""
        filename = asset(name).filename
        return next((folder / filename for folder in self.folders if (folder / filename).is_file()), None)

    def path(self, name: str) -> Path:
        """The asset's file, its SHA-256 checked. Raises UserError where it is missing or damaged."""
        wanted, found = asset(name), self.locate(name)
        if found is None:
            raise UserError(self._missing_text([name]))
        digest = self._digest(found)
        if not digest.startswith(wanted.sha256):
            raise UserError(
                f"{found} has SHA-256 {digest}, expected {wanted.sha256} for {name}. "
                f"Remove it and run: bench weights fetch {name}"
            )
        return found

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that no folder has, in order."""
        return [name for name in dict.fromkeys(names) if self.locate(name) is None]

    def require(self, names: Iterable[str]) -> None:
        """Raise one UserError for all assets that are missing, or the first that is damaged."""
        wanted = list(dict.fromkeys(names))
        missing = self.missing(wanted)
        if missing:
            raise UserError(self._missing_text(missing))
        for name in wanted:
            self.path(name)

    def sha256(self, name: str) -> str:
        """SHA-256 of the asset's file, 64 hex digits, checked."""
        return self._digest(self.path(name))

    def state_dict(self, name: str) -> dict[str, Tensor]:
        """The asset's tensors on the CPU, floats as float32.

        AlexNet and VGG give `features.N.weight` and `features.N.bias` under torchvision's names and nothing else; other
        networks give what their file holds.
        """
        path = self.path(name)
        if name in _FLAX_LAYOUT:
            return _from_flax(path, *_FLAX_LAYOUT[name])
        if path.suffix != ".pth":
            raise UserError(f"{name} ({path.name}) is no PyTorch network and has no tensors to load")
        tensors = _load_tensors(path)
        kept = {
            key: value for key, value in tensors.items() if name not in _FEATURES_ONLY or key.startswith("features.")
        }
        return {key: value.float() if value.is_floating_point() else value for key, value in kept.items()}

    def fetch(self, names: Iterable[str]) -> list[str]:
        """Download those of `names` that no folder holds whole; the names that were downloaded."""
        wanted = [asset(name) for name in dict.fromkeys(names) if not self._is_whole(name)]
        members = [(item.source, self.folder / item.filename) for item in wanted if isinstance(item.source, PyPIMember)]
        written = set(fetch_members(members))
        for item in wanted:
            path = self.folder / item.filename
            if isinstance(item.source, WebFile) and fetch_web(item.source, path):
                written.add(path)
        return [item.name for item in wanted if self.folder / item.filename in written]

    def _is_whole(self, name: str) -> bool:
        found = self.locate(name)
        return found is not None and self._digest(found).startswith(asset(name).sha256)

    def _digest(self, path: Path) -> str:
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns)
        if key not in self._digests:
            self._digests[key] = sha256_of(path)
        return self._digests[key]

    def _missing_text(self, names: list[str]) -> str:
        files = ", ".join(f"{name} ({asset(name).filename}, {asset(name).title})" for name in names)
        folders = " and ".join(str(folder) for folder in self.folders)
        return (
            f"missing pretrained weights: {files}. Looked in {folders}. Run: bench weights fetch {' '.join(names)}. "
            f"Without internet, put the file into a folder and name it with --weights-dir or {WEIGHTS_VARIABLE}"
        )


def _load_tensors(path: Path) -> dict[str, Tensor]:
    """A state dict saved by PyTorch; the file can name nothing but tensors."""
    import pickle

    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(f"{path} was not opened: {error}") from error


def _from_flax(path: Path, module: str, feature_indices: tuple[int, ...]) -> dict[str, Tensor]:
    """Flax convolutions, kernels (kh, kw, in, out), as torchvision's, weights (out, in, kh, kw)."""
    import numpy as np
    import torch

    from harness.pickles import load_arrays

    layers: dict[str, Any] = load_arrays(path)
    layers = layers.get("params", layers)[module]
    result = {}
    for order, index in enumerate(feature_indices):
        layer = layers[f"Conv_{order}"]
        kernel = np.ascontiguousarray(layer["kernel"].astype(np.float32).transpose(3, 2, 0, 1))
        result[f"features.{index}.weight"] = torch.from_numpy(kernel)
        result[f"features.{index}.bias"] = torch.from_numpy(layer["bias"].astype(np.float32))
    return result
