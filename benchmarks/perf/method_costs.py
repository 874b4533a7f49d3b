"""What the built-in methods cost: parameters, arithmetic, and a training step's time and memory, a process a method.

    python benchmarks/perf/method_costs.py --preset paper --size 128 --batch 4
    python benchmarks/perf/method_costs.py patn pg2

Drawn figures, random stand-ins for pretrained networks: speed does not depend on what networks learned. The step is the
one of `methods/training.py` in its last phase, timed in fp32 and in bf16 autocast (channels-last both) in one process,
interleaved; memory is the process's peak after the fp32 steps, above what it held before, optimiser states included.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

STEPS = 5
SPLIT = "time"
KB_PER_MB = 1024


def measure(name: str, preset_name: str, size_px: int, batch: int) -> dict[str, float]:
    """GMACs an image at synthesis, millions of parameters, seconds a step in fp32 and bf16, MB at the peak."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from harness.datasets.synthetic import Synthetic
    from harness.pairs import PairData
    from harness.presets import load_preset
    from harness.stand_ins import StandInWeights
    from methods import registry, training

    preset, dataset, size = load_preset(preset_name), Synthetic(), (size_px, size_px)
    parameters, schedule = preset.for_method(name)
    data = PairData(dataset.frames(size), dataset.pair_list(SPLIT, "train", size))
    torch.manual_seed(0)
    method = registry.build(name, data.info, parameters)
    network = method._build()
    before_mb = _peak_mb()
    program = method._program(network, schedule, StandInWeights(), torch.device("cpu"))
    for module in program.networks.values():
        module.to(memory_format=torch.channels_last).train()
    prepared = training.batch_to(data.batch(range(batch)), torch.device("cpu"))
    seconds: dict[str, list[float]] = {"fp32": [], "bf16": []}
    peak_mb = 0.0
    for precision in [*["fp32"] * (STEPS + 1), *["bf16", "fp32"] * STEPS]:
        fabric = training.make_fabric("cpu", precision)
        start = time.perf_counter()
        training._one_step(program.phases[-1], prepared, fabric, 0)
        seconds[precision].append(time.perf_counter() - start)
        peak_mb = peak_mb or (_peak_mb() - before_mb if len(seconds["fp32"]) > STEPS else 0.0)
    network.eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        method._answer(network, data.conditions([0]))
    return {
        "parameters_m": sum(parameter.numel() for parameter in network.parameters()) / 1e6,
        "gmacs": counter.get_total_flops() / 2 / 1e9,
        # the first is a warm-up
        "fp32_s": statistics.median(seconds["fp32"][1:]),
        "bf16_s": statistics.median(seconds["bf16"][1:]),
        "peak_mb": peak_mb,
        "threads": torch.get_num_threads(),
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_PER_MB


def main() -> None:
    """Print a line a method."""
    from methods import registry

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="names; all built-in ones by default")
    parser.add_argument("--preset", default="quick", help="whose parameters")
    parser.add_argument("--size", type=int, default=64, help="image side, pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # a child: measures this method and prints JSON
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.preset, options.size, options.batch)))
        return
    print(f"{options.size}×{options.size}, batch {options.batch}, parameters of preset {options.preset}")
    for name in options.methods or registry.cards():
        settings = ["--preset", options.preset, "--size", str(options.size), "--batch", str(options.batch)]
        child = [sys.executable, __file__, "--one", name, *settings]
        done = subprocess.run(child, capture_output=True, text=True)
        if done.returncode:
            print(f"{name:16s} {done.stderr.strip().splitlines()[-1]}")
            continue
        found = json.loads(done.stdout.strip().splitlines()[-1])
        print(
            f"{name:16s} {found['parameters_m']:7.2f} M parameters {found['gmacs']:7.2f} GMAC/image "
            f"{found['fp32_s']:7.3f} s/step fp32, {found['bf16_s']:7.3f} s bf16 "
            f"({found['fp32_s'] / found['bf16_s']:.2f}×), peak {found['peak_mb']:6.0f} MB, {found['threads']} threads"
        )


if __name__ == "__main__":
    main()
