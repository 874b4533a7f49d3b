"""What this machine has for the benchmark, and what each missing piece would enable."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from harness import config, datasets, paths, provenance
from harness.errors import UserError
from harness.metrics.protocol import load_protocol
from harness.presets import load_preset
from harness.resolve import parameters_of
from harness.status import megabytes
from harness.weights import ASSETS, WeightStore
from methods import registry

_DISTRIBUTION = "mrnet-bench"


@dataclass(frozen=True)
class Line:
    """A finding. good: None where it only informs; false where something lacks or is damaged."""

    topic: str
    text: str
    good: bool | None = None
    essential: bool = False


def examine(results: Path, weights: WeightStore, data_root: Path | None = None) -> Iterator[Line]:
    """Everything, as it is found. Imports torch; hashes the weights that are there."""
    yield from _packages()
    yield from _devices()
    yield from _disk(results)
    yield from _datasets(data_root)
    here = {}
    for name, item in ASSETS.items():
        here[name], mend = _weights(weights, name)
        yield Line("weights", f"{name} ({megabytes(item.bytes)}), for {item.used_for}{mend}", here[name])
    yield from _protocols(here)
    yield from _presets(here)


def _packages() -> Iterator[Line]:
    yield Line("versions", f"Python {platform.python_version()}, {platform.platform()}")
    names = sorted(re.match(r"[\w.-]+", text)[0] for text in requires(_DISTRIBUTION) or () if "extra ==" not in text)
    found, missing = [], []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    yield Line("versions", ", ".join(found))
    if missing:
        command = f"pip install {' '.join(missing)}"
        yield Line("versions", f"missing: {', '.join(missing)}. Run: {command}", False, essential=True)
    state = provenance.git_state()
    text = "no checkout: records will not name a commit"
    if state is not None:
        text = f"commit {state.commit[:12]}" + (", with uncommitted changes" if state.dirty_hash else "")
    yield Line("versions", text)


def _devices() -> Iterator[Line]:
    import torch

    from methods.training import default_device, has_native_bf16

    device = default_device()
    yield Line("device", f"{provenance.device()}; {provenance.cpu_threads()} CPU threads of {os.cpu_count()}")
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory
        yield Line("device", f"cuda:{index} {torch.cuda.get_device_name(index)}, {memory / 1e9:.0f} GB")
    has = has_native_bf16(device)
    yield Line("device", f"bf16: {'native, used' if has else 'not native, fp32 is used'} where a preset says auto")


def _disk(results: Path) -> Iterator[Line]:
    for name, folder in (("home", paths.home()), ("results", results.absolute())):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
        writable = there.is_dir() and os.access(there, os.W_OK)
        text = f"{name} {folder}: {free / 1e9:.1f} GB free" + (
            "" if writable else f", but {there} cannot be written to"
        )
        yield Line("disk", text, writable, essential=True)


def _datasets(data_root: Path | None) -> Iterator[Line]:
    for name in datasets.names():
        dataset = datasets.get(name, data_root)
        available, reason = dataset.available()
        first, _, more = reason.partition("\n")
        how = f". Where to get it: {dataset.fetch_command}" if more else f", for bench run --dataset {name}"
        here = dataset.title if available else first + how
        yield Line("datasets", f"{name}: {here}", available)


def _weights(weights: WeightStore, name: str) -> tuple[bool, str]:
    """Whether a network's file is here and whole, and if not, what mends it."""
    if weights.locate(name) is None:
        return False, f". Run: bench weights fetch {name}"
    try:
        weights.path(name)
    except UserError as error:
        return False, f": {error}"
    return True, ""


def _protocols(here: dict[str, bool]) -> Iterator[Line]:
    for name in config.names("protocols"):
        lacking = [asset for asset in load_protocol(name).assets() if not here[asset]]
        yield Line("protocols", f"{name}: {_ready(lacking)}", not lacking)


def _presets(here: dict[str, bool]) -> Iterator[Line]:
    cards = registry.cards()
    for name in config.names("presets"):
        preset = load_preset(name)
        for method in preset.methods:
            card = cards[method]
            lacking = [asset for asset in card.assets(parameters_of(card, preset)) if not here[asset]]
            yield Line("presets", f"{method} at {name}: {_ready(lacking)}", not lacking)


def _ready(lacking: list[str]) -> str:
    return f"needs bench weights fetch {' '.join(lacking)}" if lacking else "ready"
