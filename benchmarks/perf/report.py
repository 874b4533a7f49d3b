"""What `bench report` costs on a large results folder: seconds and peak memory of the command itself.

    python benchmarks/perf/report.py [--methods 40] [--seeds 5] [--pairs 5000] [--profile FILE] [--keep DIR]

The folder is generated: methods × seeds records over the same pairs, each with its per-pair values (by default 200
records and 1,000,000 rows of nine metrics), in 100 groups; images of 64 pairs a cell, as a page has room for.
Records hold what a run writes; values are noise around each method's own mean. `--methods 200 --seeds 1` is the hardest
shape: a row of the table for each record.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from harness.datasets.frames import FrameStore
from harness.images import write_png
from harness.metrics.base import METRICS
from harness.pairs import Pair, PairList, group_of
from harness.pairs_folder import write_pairs_folder
from harness.records import Budget, MetricValue, Record
from harness.stats import group_interval
from harness.store import Store, image_path, record_path, scores_path
from methods.card import DatasetInfo
from mrnet.skeletons import PENN13

SIZE_PX = (64, 64)
GROUPS = 100
PICTURED = 64
KEYS = {"m_ssim": 0.5, "box_ssim": 0.5, "box_lpips": 0.1, "lpips": 0.09, "ssim": 0.8, "psnr": 22.0,
        "bg_ssim": 0.9, "pose_score": 0.6, "copy_rate": 0.3}  # fmt: skip
SPREAD = 0.05
KB_PER_MB = 1024


def pair_list(count: int) -> PairList:
    """`count` pairs in `GROUPS` clips."""
    each = -(-count // GROUPS)
    numbers = ((clip, number) for clip in range(GROUPS) for number in range(each))
    pairs = [Pair.of(f"clip-{clip:03d}/{number:05d}", f"clip-{clip:03d}/{number + 1:05d}") for clip, number in numbers]
    return PairList("footage", "video", "test", 1, tuple(pairs[:count]))


def write_pairs(store: Store, pairs: PairList) -> Path:
    """The pairs folder, with frames of noise and poses drawn at random."""
    rng = np.random.default_rng(1)
    height, width = SIZE_PX
    ids = pairs.frame_ids
    few = rng.integers(0, 256, (PICTURED, *SIZE_PX, 3), dtype=np.uint8)
    frames = FrameStore(
        info=DatasetInfo("footage", SIZE_PX, PENN13, has_masks=True, box_source="joints"),
        fingerprint="f" * 64,
        ids=ids,
        groups=tuple(map(group_of, ids)),
        images=few[np.arange(len(ids)) % PICTURED],
        masks=np.ones((len(ids), *SIZE_PX), np.uint8),
        joints=(rng.random((len(ids), len(PENN13), 2)) * (width, height)).astype(np.float32),
        boxes=np.tile(np.float32([8, 8, width - 8, height - 8]), (len(ids), 1)),
    )
    folder = store.pairs_folder("footage", pairs.hash, SIZE_PX, frames.fingerprint)
    write_pairs_folder(folder, frames, pairs)
    return folder


def write_cell(store: Store, pairs: PairList, folder: Path, method: int, seed: int, image: Path) -> None:
    """A cell: record, per-pair values, images of the first pairs."""
    import pandas

    rng = np.random.default_rng((method, seed))
    groups = [group_of(pair.target) for pair in pairs.pairs]
    values = {key: mean * (1 + method / 500 + SPREAD * rng.standard_normal(len(groups))) for key, mean in KEYS.items()}
    cell = store.root / "cells" / "footage" / f"method{method:03d}-{seed}"
    frame = pandas.DataFrame({"pair": [pair.id for pair in pairs.pairs], "group": groups} | values)
    record = _record(pairs, folder, method, seed, frame)
    path = scores_path(cell, record.protocol)
    path.parent.mkdir(parents=True)
    frame.to_parquet(path, index=False)
    path.with_suffix(".json").write_text(json.dumps({"score_key": record.score_key}), encoding="utf-8")
    record.write(record_path(cell, record.protocol))
    (cell / "images").mkdir()
    for pair in pairs.pairs[:PICTURED]:
        os.link(image, image_path(cell, pair.id))


def _record(pairs: PairList, folder: Path, method: int, seed: int, frame) -> Record:
    intervals = {key: group_interval(frame[key].to_numpy(), frame["group"].to_numpy()) for key in KEYS}
    metrics = {
        key: MetricValue(mean=it.mean, low=it.low, high=it.high, groups=it.groups, n=len(frame))
        for key, it in intervals.items()
    }
    by_group = frame.groupby("group")[list(KEYS)].mean()
    return Record(
        method=f"method{method:03d}", title=f"Method {method}", parameters={"width": method}, dataset="footage",
        split="video", size_px=SIZE_PX, preset="quick", seed=seed, protocol="offline-v1", protocol_hash="a" * 64,
        n=len(pairs), metrics=metrics, by_group=by_group.to_dict("index"), pair_list_hash=pairs.hash,
        pairs=folder.name, dataset_fingerprint="f" * 64, weights={"alexnet": "b" * 64}, target_box_source="joints",
        budget=Budget(samples=4400, steps=1100, batch_size=4, seconds=300.0), cell_key=f"{method:03d}{seed:061d}",
        score_key="c" * 64, git=None, versions={"python": "3.11.0"}, device="cpu", dtype="fp32", threads=2,
        durations_s={"score": 1.0}, command="bench run", privileged=False, ranked=True,
        created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def generate(root: Path, methods: int, seeds: int, pairs: PairList) -> None:
    """Write the results folder."""
    store = Store(root)
    folder = write_pairs(store, pairs)
    image = root / "image.png"
    write_png(image, np.random.default_rng(2).integers(0, 256, (*SIZE_PX, 3), dtype=np.uint8))
    for method in range(methods):
        for seed in range(seeds):
            write_cell(store, pairs, folder, method, seed, image)


def main() -> None:
    """Generate the folder, time the command, print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=5000)
    parser.add_argument("--profile", type=Path, help="write cProfile's figures of the command here")
    parser.add_argument("--keep", type=Path, help="generate into this folder and keep it; one that is there is used")
    asked = parser.parse_args()
    assert set(KEYS) <= set(METRICS)
    with tempfile.TemporaryDirectory() as scratch:
        root = asked.keep or Path(scratch) / "results"
        if not root.exists():
            generate(root, asked.methods, asked.seeds, pair_list(asked.pairs))
        profiled = ["-m", "cProfile", "-o", str(asked.profile)] if asked.profile else []
        command = [sys.executable, *profiled, "-m", "harness.cli", "report", "--results", str(root)]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / KB_PER_MB
    records = asked.methods * asked.seeds
    print(f"{records} records, {records * asked.pairs:,} rows: {seconds:.1f} s, peak {peak_mb:,.0f} MB")


if __name__ == "__main__":
    main()
