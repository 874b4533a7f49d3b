"""What scoring costs: SSIM beside scikit-image, set metrics beside the bare network, and memory as pairs grow.

    python benchmarks/perf/scoring.py [--reports ssim sets memory] [--pairs 300] [--images 1000] [--many 12000]

ssim: value and map of a pair, which serve SSIM and M-SSIM, on two threads, against two calls of scikit-image a pair.
sets: kernel distance, Fréchet distance and score, features from EfficientNet-Lite0 on two threads, against the bare
passes of the network over both sets, mapped over the threads alike; and torch-fidelity's metrics on the same features,
which are what it adds to the passes.
memory: the peak of a process that scores N pairs of 128×64 from PNG files and a frame cache by offline-v1, all metrics,
N = 1,000 against 12,000. Pictures are random noise, smoothed: neither time nor memory depends on what they show.
Times are taken in turns, in one process, so that other load on the machine, or a changing clock, falls on all alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mrnet.skeletons import PENN13

if TYPE_CHECKING:
    from torch import Tensor

    from harness.metrics.features import Features
    from harness.metrics.protocol import SetConstants
    from harness.metrics.sample import Sample

REPORTS = ("ssim", "sets", "memory")
SIZE_PX = (128, 64)
BOX_PX = (20, 16, 44, 112)
GROUPS = 50
THREADS = 2
ROUNDS = 5
CHUNK = 20  # pairs between turns
FEW_PAIRS = 1000
KB_PER_MB = 1024


def pictures(n: int, seed: int) -> np.ndarray:
    """(n, H, W, 3) uint8 of smoothed noise, made in blocks so that the maker's memory stays small."""
    import cv2

    rng = np.random.default_rng(seed)
    found = np.empty((n, *SIZE_PX, 3), np.uint8)
    for index in range(n):
        coarse = rng.integers(0, 256, (16, 8, 3), dtype=np.uint8)
        found[index] = cv2.resize(coarse, SIZE_PX[::-1], interpolation=cv2.INTER_CUBIC)
    return found


def medians(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each way, the ways taken in turns; a first turn warms up and does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, way in ways.items():
            start_s = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - start_s)
    return {name: statistics.median(values) for name, values in seconds.items()}


class Spent:
    """Wall and CPU seconds by name, added up over `with` blocks."""

    def __init__(self) -> None:
        self.wall_s: Counter[str] = Counter()
        self.cpu_s: Counter[str] = Counter()

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Count what the block takes."""
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        yield
        self.wall_s[name] += time.perf_counter() - wall_s
        self.cpu_s[name] += time.process_time() - cpu_s


def ssim_report(n: int) -> None:
    """Pairs a second, and the greatest difference."""
    from skimage.metrics import structural_similarity

    from harness.metrics.protocol import load_protocol
    from harness.metrics.ssim import ssim

    constants = load_protocol("offline-v1").ssim
    pairs = list(zip(pictures(n, 0), pictures(n, 1), strict=True))

    def theirs(pair: tuple[np.ndarray, np.ndarray]) -> tuple[float, np.ndarray]:
        value, maps = structural_similarity(
            *pair,
            gaussian_weights=True,
            sigma=constants.sigma,
            use_sample_covariance=False,
            data_range=constants.data_range,
            channel_axis=2,
            full=True,
        )
        return value, maps.mean(axis=2)

    apart = max(
        max(abs(found.value - value), np.abs(found.map - values).max())
        for found, (value, values) in ((ssim(*pair, constants), theirs(pair)) for pair in pairs[:20])
    )
    with ThreadPoolExecutor(THREADS) as pool:
        found = medians(
            {
                "two": lambda: [(theirs(pair), theirs(pair)) for pair in pairs],
                "two on threads": lambda: list(pool.map(lambda pair: (theirs(pair), theirs(pair)), pairs)),
                "one": lambda: [ssim(*pair, constants) for pair in pairs],
                "one on threads": lambda: list(pool.map(lambda pair: ssim(*pair, constants), pairs)),
            }
        )
    print(f"SSIM and M-SSIM, {SIZE_PX[0]}×{SIZE_PX[1]}, {n} pairs, ms a pair, {THREADS} threads / one thread")
    print(
        f"  ours {1000 * found['one on threads'] / n:.3f} / {1000 * found['one'] / n:.3f}, two scikit-image calls "
        f"{1000 * found['two on threads'] / n:.3f} / {1000 * found['two'] / n:.3f}"
    )
    print(f"  two calls in turn against ours on threads  {found['two'] / found['one on threads']:6.1f}  (goal 3)")
    print(f"  both on threads                            {found['two on threads'] / found['one on threads']:6.1f}")
    print(f"  both on one thread                         {found['two'] / found['one']:6.1f}")
    print(f"  greatest difference of value and map       {apart:.1e}  (goal 1e-6)")


def by_torch_fidelity(made: Tensor, real: Tensor, logits: Tensor, constants: SetConstants) -> None:
    """torch-fidelity's three metrics of features (n, D) and logits (n, classes)."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    from harness.metrics import kid

    isc_features_to_metric(logits, constants.score.splits, True, constants.score.seed)
    fid_statistics_to_metric(*(fid_features_to_statistics(side) for side in (made, real)), verbose=False)
    kid_features_to_metric(
        made,
        real,
        kid_subsets=constants.kernel.subsets,
        kid_subset_size=kid.subset_size(len(made), constants.kernel),
        kid_kernel="poly",
        kid_kernel_poly_degree=constants.kernel.degree,
        kid_kernel_poly_gamma=None,
        kid_kernel_poly_coef0=constants.kernel.coef0,
        rng_seed=constants.kernel.seed,
        verbose=False,
    )


def sets_report(n: int) -> None:
    """Seconds of the bare passes, of all set metrics from the images on, and of torch-fidelity's metrics."""
    import torch

    from harness.arithmetic import mapped_exactly
    from harness.metrics.features import build_extractor, describe
    from harness.metrics.protocol import load_protocol
    from harness.metrics.set_pass import SetPass
    from harness.weights import WeightStore

    constants, weights = load_protocol("offline-v1").sets, WeightStore()
    info = constants.kernel.info
    network = build_extractor(info.name, weights.path(info.asset))
    sides = [pictures(n, 0), pictures(n, 1)]
    spent, found = Spent(), []

    def bare(pairs: range) -> list[tuple[Features, ...]]:
        both = mapped_exactly(lambda i: tuple(describe(side[i], network, "cpu") for side in sides), pairs, THREADS)
        return list(both)

    torch.set_num_threads(THREADS)
    bare(range(min(n, CHUNK)))  # warms up
    with spent.on("ours"):
        set_pass = SetPass(constants, weights, "cpu", None)
    with set_pass:
        for start in range(0, n, CHUNK):
            pairs = range(start, min(start + CHUNK, n))
            with spent.on("bare"):
                found += bare(pairs)
            with spent.on("ours"):
                seen = mapped_exactly(lambda i: set_pass.look(i, sides[0][i], sides[1][i]), pairs, THREADS)
                for index, found_there in zip(pairs, seen, strict=True):
                    set_pass.add(index, found_there)
        with spent.on("ours"), spent.on("metrics"):
            set_pass.values([str(index) for index in range(n)], THREADS)
    made, real = (torch.from_numpy(np.stack([both[side].features for both in found])) for side in (0, 1))
    logits = torch.from_numpy(np.stack([both[0].logits for both in found]))
    with spent.on("fidelity"):
        by_torch_fidelity(made, real, logits, constants)
    print(f"three set metrics, {n} images a set of {SIZE_PX[0]}×{SIZE_PX[1]}, {info.title}, {THREADS} threads")
    print("                                             wall     CPU")
    for what, name in (
        ("bare passes of the network, s", "bare"),
        ("ours from the images on, s", "ours"),
        ("the metrics alone, s", "metrics"),
        ("torch-fidelity's metrics alone, s", "fidelity"),
    ):
        print(f"  {what:40s} {spent.wall_s[name]:7.2f} {spent.cpu_s[name]:7.2f}")
    ours, theirs = zip(
        *((s["ours"] / s["bare"], 1 + s["fidelity"] / s["bare"]) for s in (spent.wall_s, spent.cpu_s)), strict=True
    )
    print("  ours against the bare passes (goal 1.05) {:7.3f} {:7.3f}".format(*ours))
    print("  bare passes and torch-fidelity's metrics {:7.3f} {:7.3f}".format(*theirs))


class StoredPairs:
    """n pairs in a folder, a `ScoringSet`: generated images as PNG files, targets and masks in frame caches."""

    dataset, skeleton = "", PENN13
    offers = frozenset({"mask", "box", "reference", "joints"})

    def __init__(self, folder: Path, n: int):
        from harness import cache

        self._folder, self._n = folder, n
        self._images = cache.open_array(folder / "images.npy", (n, *SIZE_PX, 3))
        self._masks = cache.open_array(folder / "masks.npy", (n, *SIZE_PX))
        self._joints = np.random.default_rng(2).uniform(BOX_PX[:2], BOX_PX[2:], (len(PENN13.joints), 2))

    @staticmethod
    def write(folder: Path, n: int) -> None:
        """Make the files."""
        from harness.images import write_png

        np.save(folder / "images.npy", pictures(n, 0))
        masks = np.zeros((n, *SIZE_PX), np.uint8)
        left, top, right, bottom = BOX_PX
        masks[:, top:bottom, left:right] = 1
        np.save(folder / "masks.npy", masks)
        for index, image in enumerate(pictures(n, 1)):
            write_png(folder / f"{index}.png", image)

    def __len__(self) -> int:
        return self._n

    def pair_id(self, index: int) -> str:
        return str(index)

    def group(self, index: int) -> str:
        return str(index % GROUPS)

    def sample(self, index: int) -> Sample:
        from harness import cache
        from harness.images import read_image
        from harness.metrics.sample import Sample

        box = np.array(BOX_PX, np.float32)
        return Sample(
            generated=read_image(self._folder / f"{index}.png", SIZE_PX),
            target=cache.read_row(self._images, index),
            mask=cache.read_row(self._masks, index),
            box=box,
            reference=cache.read_row(self._images, (index + 1) % self._n),
            reference_box=box,
            joints=self._joints,
        )


def score_stored(folder: Path, n: int) -> None:
    """The child: score and print this process's peak, MB, and its seconds."""
    import resource

    import torch

    from harness.metrics.protocol import load_protocol
    from harness.metrics.scoring import score
    from harness.weights import WeightStore

    torch.set_num_threads(THREADS)
    start_s = time.perf_counter()
    score(StoredPairs(folder, n), load_protocol("offline-v1"), WeightStore(), progress=False)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_PER_MB
    print(peak_mb, time.perf_counter() - start_s)


def memory_report(many: int) -> None:
    """Peaks of two processes, and their ratio."""
    print(f"peak memory of scoring by offline-v1, {SIZE_PX[0]}×{SIZE_PX[1]}, {THREADS} threads, a process each")
    peaks = dict(_peaks((FEW_PAIRS, many)))
    print(f"  ratio                                      {peaks[many] / peaks[FEW_PAIRS]:6.3f}  (goal 1.15)")


def _peaks(counts: tuple[int, ...]) -> Iterator[tuple[int, float]]:
    for n in counts:
        with tempfile.TemporaryDirectory() as name:
            # the files are made by a process of their own as well: a child starts with its parent's peak
            for step in ("write", "score"):
                child = [sys.executable, __file__, "--child", step, "--folder", name, "--many", str(n)]
                done = subprocess.run(child, capture_output=True, text=True, check=True, env=os.environ)
        peak_mb, seconds = (float(value) for value in done.stdout.split())
        print(f"  {n:6d} pairs  {peak_mb:6.0f} MB  {1000 * seconds / n:6.1f} ms a pair")
        yield n, peak_mb


def main() -> None:
    """Print the reports that were asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", nargs="+", choices=REPORTS, default=REPORTS)
    parser.add_argument("--pairs", type=int, default=300, help="for ssim")
    parser.add_argument("--images", type=int, default=1000, help="in a set, for sets")
    parser.add_argument("--many", type=int, default=12000, help="pairs of the larger process, for memory")
    parser.add_argument("--child", choices=["write", "score"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        {"write": StoredPairs.write, "score": score_stored}[options.child](options.folder, options.many)
        return
    if "ssim" in options.reports:
        ssim_report(options.pairs)
    if "sets" in options.reports:
        sets_report(options.images)
    if "memory" in options.reports:
        memory_report(options.many)


if __name__ == "__main__":
    main()
