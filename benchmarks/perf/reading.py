"""What the frame cache is worth: training samples a second from it, against decoding each pair's files every time.

    python benchmarks/perf/reading.py [--size 128] [--pairs 400] [--batch 8]

On rendered people in the layout of MR-Net's authors (JPEG images, BMP masks). Both ways give the same sample: reference
and target image, their masks, and the heat maps of both poses. One process; the best of some rounds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from harness import datasets
from harness.datasets import decoding
from harness.images import from_uint8
from harness.pairs import PairData
from harness.rendered.layouts import write
from mrnet.poses import disc_maps, radius_px

ROUNDS = 3


def seconds(work: Callable[[list[int]], None], count: int, batch: int) -> float:
    """Seconds a sample, the best of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start_s = time.perf_counter()
        for first in range(0, count, batch):
            work(list(range(first, min(first + batch, count))))
        best = min(best, (time.perf_counter() - start_s) / count)
    return best


def main() -> None:
    """Print samples a second each way, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--batch", type=int, default=8)
    options = parser.parse_args()
    size_px = (options.size, options.size)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BENCH_HOME"] = str(Path(folder) / "home")
        write("prepared", Path(folder) / "prepared")
        dataset = datasets.get("prepared", Path(folder) / "prepared")
        pairs = dataset.pair_list("mrnet", "train", size_px)
        data = PairData(dataset.frames(size_px), pairs)
        masks, index = dataset.mask_maker(), dataset.index
        row_of = {frame_id: row for row, frame_id in enumerate(index.ids)}

        def cached(indices: list[int]) -> None:
            batch = data.batch([i % len(data) for i in indices])
            for joints in (batch.condition.joints, batch.condition.target_joints):
                disc_maps(joints, size_px, radius_px(size_px))

        def decoded(indices: list[int]) -> None:
            for i in indices:
                pair = pairs.pairs[i % len(data)]
                for frame in (pair.reference, pair.target):
                    source = decoding.source_frame(dataset.folder, index, row_of[frame])
                    image, mask, joints, _ = decoding.decode(source, size_px, masks)
                    from_uint8(image), torch.from_numpy(mask)
                    disc_maps(torch.from_numpy(joints)[None], size_px, radius_px(size_px))

        from_cache = seconds(cached, options.pairs, options.batch)
        from_files = seconds(decoded, options.pairs, options.batch)
    print(f"{size_px[0]}×{size_px[1]}, batch {options.batch}, {torch.get_num_threads()} threads")
    print(f"from the cache     {1 / from_cache:8.0f} samples/s")
    print(f"from files         {1 / from_files:8.0f} samples/s")
    print(f"ratio              {from_files / from_cache:8.1f}")


if __name__ == "__main__":
    main()
