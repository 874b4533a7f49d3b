"""Arithmetic and time of one MR-Net training step (forward, losses, backward, Adam), variants in one process.

    python benchmarks/perf/training_step.py --size 128 --batch 4

Counts floating-point operations with torch's FLOP counter (a multiply and an add count as two) and times, interleaved,
the shape of the step as released (fp32, NCHW, VGG with gradients to its own weights, target features every pass)
against ours in fp32 NCHW, channels-last and bf16 channels-last. The perceptual network has random weights: speed does
not depend on them.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
import torchvision
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mrnet.losses import MRNetLoss
from mrnet.network import MRNet
from mrnet.perceptual import PerceptualNetwork

POSE_CHANNELS = 18


def random_perceptual_network() -> PerceptualNetwork:
    """VGG-16 features with random weights."""
    network = torchvision.models.vgg16(weights=None)
    tensors = {f"features.{name}": value for name, value in network.features.state_dict().items()}
    return PerceptualNetwork("vgg16", tensors)


class Step:
    """One training step of the paper's composition.

    released_shape: gradients to the perceptual network's weights and target features anew for every pass.
    """

    def __init__(self, size_px: int, batch: int, layout: torch.memory_format, bf16: bool, released_shape: bool = False):
        torch.manual_seed(0)
        self.network = MRNet.paper(pose_channels=POSE_CHANNELS).to(memory_format=layout).train()
        perceptual = random_perceptual_network().to(memory_format=layout)
        perceptual.requires_grad_(released_shape)
        self.loss = MRNetLoss(perceptual)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4)
        self.bf16, self.released_shape = bf16, released_shape

        def image(channels: int) -> Tensor:
            return (torch.rand(batch, channels, size_px, size_px) * 2 - 1).to(memory_format=layout)

        self.inputs = (image(POSE_CHANNELS), image(3), image(3), image(1))
        self.target = image(3)
        self.box = torch.tensor([[0.25, 0.125, 0.75, 0.875]]).repeat(batch, 1) * size_px

    def __call__(self) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            passes = self.network(*self.inputs)
            if self.released_shape:
                total = sum(self.loss([image], self.target, self.box, self.box)[0] for image in passes) / len(passes)
            else:
                total, _ = self.loss(passes, self.target, self.box, self.box)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.optimizer.step()


def main() -> None:
    """Print GFLOP and seconds an image, and ratios to the released shape of the step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128, help="image side, pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    nchw, channels_last = torch.contiguous_format, torch.channels_last
    variants = {
        "released shape, fp32 NCHW": Step(options.size, options.batch, nchw, False, released_shape=True),
        "fp32 NCHW": Step(options.size, options.batch, nchw, False),
        "fp32 channels-last": Step(options.size, options.batch, channels_last, False),
        "bf16 channels-last": Step(options.size, options.batch, channels_last, True),
    }
    gflop = {}
    for name, step in variants.items():
        with FlopCounterMode(display=False) as counter:
            step()  # also the warm-up
        gflop[name] = counter.get_total_flops() / options.batch / 1e9
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(options.rounds):
        for name, step in variants.items():
            start = time.perf_counter()
            step()
            seconds[name].append((time.perf_counter() - start) / options.batch)
    slowest = statistics.median(seconds["released shape, fp32 NCHW"])
    print(f"{options.size}×{options.size}, batch {options.batch}, {torch.get_num_threads()} threads")
    for name in variants:
        median = statistics.median(seconds[name])
        print(f"{name:28s} {gflop[name]:8.1f} GFLOP/image {median:8.3f} s/image {slowest / median:6.2f}×")


if __name__ == "__main__":
    main()
