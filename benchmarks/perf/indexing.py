"""How long it takes to index the paper's datasets at their true size, and how much memory.

    python benchmarks/perf/indexing.py [--market DIR]

Penn Action (2,326 videos, 163,000 frames) and BBC-Pose (20 videos, 40,000 tracked frames, 92 entries) are written as
trees with tiny images into a temporary folder; Market-1501 is read from DIR, the folder of the real csv files, if it is
given. Indexing is what a run does before any image is decoded: annotations, frames, train and test pairs, their hashes,
the fingerprint, what the partitions share. Each in a process of its own.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

PENN_VIDEOS, PENN_FRAMES = 2326, 70
BBC_VIDEOS, BBC_ENTRIES, BBC_TRACKED, BBC_MANUAL = 20, 92, 2000, 200

_INDEX = """
import resource, sys, time
from pathlib import Path
start = time.perf_counter()
from harness import datasets
from harness.pairs import overlap
name, root, split = sys.argv[1:]
dataset = datasets.get(name, Path(root))
size = dataset.fitted((128, 128))
lists = [dataset.pair_list(split, part, size) for part in ("train", "val", "test")]
hashes = [pairs.hash for pairs in lists]
dataset.fingerprint(size)
shared = overlap(dataset.partitions(split), dataset.person)
seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{name} {split}: {len(dataset.frame_ids())} frames, pairs {[len(pairs) for pairs in lists]}, "
      f"{seconds:.1f} s, {peak:.0f} MB; {shared[1]}")
"""


def tiny_jpeg() -> bytes:
    """An image of 16×12 px, as a file."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12)).save(buffer, format="JPEG")
    return buffer.getvalue()


def write_penn(root: Path) -> None:
    """Penn Action's tree."""
    from scipy.io import savemat

    random, image = np.random.default_rng(0), tiny_jpeg()
    (root / "labels").mkdir(parents=True)
    for number in range(1, PENN_VIDEOS + 1):
        folder = root / "frames" / f"{number:04d}"
        folder.mkdir(parents=True)
        for frame in range(1, PENN_FRAMES + 1):
            (folder / f"{frame:06d}.jpg").write_bytes(image)
        shape = (PENN_FRAMES, 13)
        content = {
            "action": "squats", "pose": "front", "train": 1.0 if number % 2 else -1.0, "nframes": float(PENN_FRAMES),
            "x": random.uniform(1, 16, shape), "y": random.uniform(1, 12, shape), "visibility": np.ones(shape, bool),
            "bbox": np.tile([1.0, 1, 16, 12], (PENN_FRAMES, 1)), "dimensions": np.array([[12.0, 16, PENN_FRAMES]]),
        }  # fmt: skip
        savemat(root / "labels" / f"{number:04d}.mat", content, do_compression=True)


def write_bbc(root: Path) -> None:
    """BBC-Pose's tree."""
    from scipy.io import savemat

    random, image = np.random.default_rng(0), tiny_jpeg()
    fields = ("videoName", "type", "source", "train_frames", "train_joints", "test_frames", "test_joints")
    entries = np.zeros((1, BBC_ENTRIES), dtype=[(name, object) for name in fields])
    for place in range(BBC_ENTRIES):
        kind = "train" if place < 10 or place >= BBC_VIDEOS else "val" if place < 15 else "test"
        manual = 0 if kind == "train" else BBC_MANUAL
        numbers = np.sort(random.choice(20_000, BBC_TRACKED + manual, replace=False) + 1).astype(float)
        joints = random.uniform(1, 12, (2, 7, len(numbers)))
        tracked, hand = slice(None, BBC_TRACKED), slice(BBC_TRACKED, None)
        values = (f"video{place}", kind, "buehler11", numbers[None, tracked], joints[..., tracked],
                  numbers[None, hand], joints[..., hand])  # fmt: skip
        for name, value in zip(fields, values, strict=True):
            entries[name][0, place] = value
        if place < BBC_VIDEOS:
            (root / str(place + 1)).mkdir(parents=True)
            for number in numbers.astype(int):
                (root / str(place + 1) / f"{number}.jpg").write_bytes(image)
    (root / "code").mkdir()
    savemat(root / "code" / "bbcpose.mat", {"bbcpose": entries}, do_compression=True)


def main() -> None:
    """Write the trees, index each split, print seconds and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--market", type=Path, help="folder of the real market-*.csv files")
    market = parser.parse_args().market
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["BENCH_HOME"] = str(root / "home")
        write_penn(root / "Penn_Action")
        write_bbc(root / "bbcpose")
        asked = [("penn", root, "mrnet-like"), ("penn", root, "official")]
        asked += [("bbc", root, "mrnet-like"), ("bbc", root, "official")]
        for name, place, split in [*asked, *([("market", market, "patn")] if market else [])]:
            subprocess.run([sys.executable, "-c", _INDEX, name, str(place), split], check=True)


if __name__ == "__main__":
    main()
