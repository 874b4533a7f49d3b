"""What it costs that an image depends on neither batch nor threads: images one by one, each on one CPU thread.

    python benchmarks/perf/synthesis.py [--size 64] [--images 16] [--rounds 5]

One process, MR-Net with random weights, the same images each way; the best of some rounds, and ratios to batches on all
threads. What is compared is the harness's own way (`harness.arithmetic.mapped_exactly`) with the customary one.
"""

from __future__ import annotations

import argparse
import time

import torch

from harness.arithmetic import exact_float32, mapped_exactly
from mrnet.network import MRNet

POSE_CHANNELS = 18
PASSES = 2


def inputs(images: int, side_px: int) -> list[torch.Tensor]:
    """Pose, person, background and mask of `images` pairs of noise."""
    channels = (POSE_CHANNELS, 3, 3, 1)
    tensors = [torch.rand(images, channel, side_px, side_px) for channel in channels]
    return [tensor.to(memory_format=torch.channels_last) for tensor in tensors]


def seconds(network: MRNet, tensors: list[torch.Tensor], batch: int, rounds: int) -> float:
    """Seconds an image, the best of `rounds`."""
    count, best = len(tensors[0]), float("inf")
    for _ in range(rounds + 1):
        start_s = time.perf_counter()
        for first in range(0, count, batch):
            network(*(tensor[first : first + batch] for tensor in tensors))
        best = min(best, (time.perf_counter() - start_s) / count)
    return best


def seconds_at_once(network: MRNet, tensors: list[torch.Tensor], workers: int, rounds: int) -> float:
    """Seconds an image, the best of `rounds`, the harness's way."""
    count, best = len(tensors[0]), float("inf")

    def one(index: int) -> None:
        network(*(tensor[index : index + 1] for tensor in tensors))

    for _ in range(rounds + 1):
        start_s = time.perf_counter()
        for _ in mapped_exactly(one, range(count), workers):
            pass
        best = min(best, (time.perf_counter() - start_s) / count)
    return best


def main() -> None:
    """Print seconds an image and the ratio to batches, each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(0)
    network = MRNet.paper(POSE_CHANNELS, passes=PASSES).eval().to(memory_format=torch.channels_last)
    tensors = inputs(options.images, options.size)
    threads = torch.get_num_threads()
    with torch.inference_mode():
        together = seconds(network, tensors, options.images, options.rounds)
    with exact_float32():
        alone = seconds(network, tensors, 1, options.rounds)
    at_once = seconds_at_once(network, tensors, threads, options.rounds)
    print(f"batches of {options.images} on {threads} threads        {together:.4f} s/image  1.00×")
    print(f"one by one on one thread      {alone:.4f} s/image  {together / alone:.2f}×")
    print(f"{threads} at once, each on one thread  {at_once:.4f} s/image  {together / at_once:.2f}×")


if __name__ == "__main__":
    main()
