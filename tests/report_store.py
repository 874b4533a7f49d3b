"""A small store written through the product's own models, for the tests of the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from harness.controls import CONTROL_CARDS
from harness.datasets.frames import FrameStore
from harness.images import write_png
from harness.pairs import Pair, PairList, group_of
from harness.pairs_folder import write_pairs_folder
from harness.records import Budget, MetricValue, Record
from harness.report import Layout, Report, write_all
from harness.report.select import Selection
from harness.store import Store, image_path, record_path, scores_path
from methods.card import DatasetInfo
from mrnet.skeletons import PENN13

FINGERPRINT = "f" * 64
SIZE_PX = (32, 24)
CLIPS = ("lab-cam01", "lab-cam02")
METRICS = {"m_ssim": 0.4, "box_lpips": 0.3, "ssim": 0.7, "psnr": 18.0, "kd_efficientnet_lite0": 5.0}


def pair_list(pairs_per_clip: int = 5) -> PairList:
    pairs = [
        Pair.of(f"{clip}/{number:04d}", f"{clip}/{number + 1:04d}")
        for clip in CLIPS
        for number in range(pairs_per_clip)
    ]
    return PairList("footage", "video", "test", 1, tuple(pairs))


def write_pairs(root: Path, pairs: PairList) -> Path:
    """The pairs folder: list, frames of noise, and random poses without a head."""
    generator = np.random.Generator(np.random.PCG64(1))
    height, width = SIZE_PX
    ids = pairs.frame_ids
    joints = (generator.random((len(ids), len(PENN13), 2)) * (width, height)).astype(np.float32)
    joints[:, 0] = np.nan
    frames = FrameStore(
        info=DatasetInfo("footage", SIZE_PX, PENN13, has_masks=True, box_source="joints"),
        fingerprint=FINGERPRINT,
        ids=ids,
        groups=tuple(group_of(frame) for frame in ids),
        images=np.stack([noise(generator) for _ in ids]),
        masks=np.ones((len(ids), *SIZE_PX), np.uint8),
        joints=joints,
        boxes=np.tile(np.float32([0, 0, width, height]), (len(ids), 1)),
    )
    folder = Store(root).pairs_folder("footage", pairs.hash, SIZE_PX, frames.fingerprint)
    write_pairs_folder(folder, frames, pairs)
    return folder


def noise(generator: np.random.Generator) -> np.ndarray:
    return generator.integers(0, 256, (*SIZE_PX, 3), dtype=np.uint8)


def record(method: str = "mrnet", pairs: PairList | None = None, better: float = 0.0, **changes: object) -> Record:
    """A record whose pair metrics are `better` (higher up, lower down) than the base values."""
    pairs = pairs or pair_list()
    control = method in CONTROL_CARDS
    privileged = control and CONTROL_CARDS[method].privileged
    means = {key: value + (-better if "lpips" in key or "kd" in key else better) for key, value in METRICS.items()}
    fields = {
        "method": method,
        "title": {"mrnet": "MR-Net", "pg2": "PG²"}.get(method, method.capitalize()),
        "parameters": {},
        "dataset": "footage",
        "split": "video",
        "size_px": SIZE_PX,
        "preset": None if control else "quick",
        "seed": None if control else 0,
        "protocol": "offline-v1",
        "protocol_hash": "a" * 64,
        "n": len(pairs),
        "metrics": {
            key: MetricValue(mean=mean, n=len(pairs), small=True)
            if key.startswith("kd")
            else MetricValue(mean=mean, low=mean - 0.01, high=mean + 0.01, n=len(pairs))
            for key, mean in means.items()
        },
        "by_group": {clip: {key: means[key] + place / 100 for key in ("m_ssim", "box_lpips", "ssim")}
                     for place, clip in enumerate(CLIPS)},
        "pair_list_hash": pairs.hash,
        "pairs": Store(Path()).pairs_folder("footage", pairs.hash, SIZE_PX, FINGERPRINT).name,
        "dataset_fingerprint": FINGERPRINT,
        "weights": {"alexnet": "b" * 64},
        "target_box_source": "joints",
        "budget": None if control else Budget(samples=2800, steps=700, batch_size=4, seconds=300.0),
        "cell_key": f"{method}-{better}-{changes}".encode().hex()[:64],
        "score_key": "c" * 64,
        "git": None,
        "versions": {"python": "3.11.0", "torch": "2.4.0"},
        "device": "cpu",
        "dtype": "fp32",
        "threads": 2,
        "durations_s": {"score": 1.0},
        "command": "bench run",
        "privileged": privileged,
        "ranked": not privileged,
        "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return Record(**(fields | changes))


def add(root: Path, result: Record, pairs: PairList, name: str = "") -> Path:
    """Write a record and its images as a cell; returns the cell's folder."""
    cell = root / "cells" / result.dataset / (name or f"{result.method}-{result.seed}")
    generator = np.random.Generator(np.random.PCG64(len(result.method)))
    for pair in pairs.pairs:
        write_png(image_path(cell, pair.id), noise(generator))
    result.write(record_path(cell, result.protocol))
    return cell


def keep_scores(cell: Path, result: Record, frame: pd.DataFrame) -> None:
    """Write the per-pair values behind a record: `pair`, `group`, then metric keys."""
    path = scores_path(cell, result.protocol)
    path.parent.mkdir(exist_ok=True)
    frame.to_parquet(path, index=False)
    path.with_suffix(".json").write_text(json.dumps({"score_key": result.score_key}), encoding="utf-8")


def demo_store(root: Path) -> Path:
    """MR-Net beside copy, mean and target on one pair list."""
    pairs = pair_list()
    write_pairs(root, pairs)
    for method, better in (("mrnet", 0.1), ("copy", 0.0), ("mean", 0.05), ("target", 0.3)):
        add(root, record(method, pairs, better), pairs)
    return root


def write_one(root: Path, out: Path | None = None, selection: Selection | None = None, **layout) -> Report:
    """The report of a store with one comparison."""
    (report,) = write_all(root, out, selection, Layout(**layout))
    return report
