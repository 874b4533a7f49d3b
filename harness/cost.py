"""What a method's synthesis costs: parameters, multiply-adds, latency and memory, measured where its images were made.

Latency and memory depend on the machine, its load and the number of threads, which are recorded beside them; parameters
and multiply-adds do not. Nothing is measured of methods that answer for a whole cell at once (foreign programs).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness import provenance
from harness.records import Cost

if TYPE_CHECKING:
    from methods.base import Condition, Method

BATCH = 16
"""Pairs in the larger batch."""

REPEATS, LEAST_REPEATS, BUDGET_S = 9, 3, 6.0
"""Timed calls after the warm-up; once the budget is spent, at least a few."""

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
_KB_PER_MB = 1024
_BYTES_PER_MB = 2**20


def measure(method: Method, single: Condition, batch: Condition) -> Cost:
    """The cost of `method.synthesize`. single, batch: one pair, and `BATCH` pairs.

    The caller's random numbers are left as they were; the number of threads is the one that is set.
    """
    import torch

    with torch.random.fork_rng():
        multiply_adds = _multiply_adds(method, single)
        peak_mb = _peak_mb(method, batch)
        return Cost(
            parameters=_parameters(method),
            multiply_adds=multiply_adds,
            latency_s=_latency_s(method, single),
            batch_latency_s=_latency_s(method, batch),
            batch=len(batch),
            peak_mb=peak_mb,
            device=provenance.device(),
            threads=torch.get_num_threads(),
            load=_load(),
        )


def _parameters(method: Method) -> int | None:
    """Numbers in the networks, shared ones once; None where the method names no network."""
    found = {id(value): value.numel() for network in method.networks() for value in network.parameters()}
    return sum(found.values()) if found else None


def _multiply_adds(method: Method, single: Condition) -> int | None:
    """Of convolutions and matrix products for one image, as PyTorch counts them; None where there is none."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        method.synthesize(single)
    return counter.get_total_flops() // 2 or None


def _latency_s(method: Method, condition: Condition) -> float:
    """Median seconds of a call after a warm-up."""
    method.synthesize(condition)
    times_s = list(_timed(method, condition))
    return statistics.median(times_s)


def _timed(method: Method, condition: Condition) -> Iterator[float]:
    spent_s = 0.0
    for count in range(REPEATS):
        if spent_s > BUDGET_S and count >= LEAST_REPEATS:
            return
        start_s = time.perf_counter()
        method.synthesize(condition)  # gives its images on the CPU, so it has waited for the device
        last_s = time.perf_counter() - start_s
        spent_s += last_s
        yield last_s


def _peak_mb(method: Method, batch: Condition) -> float | None:
    """Memory that a call needs beyond the loaded method: on a GPU what torch allocates, else the process's growth.

    None where the system does not let a process start its high-water mark anew.
    """
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        method.synthesize(batch)
        return (torch.cuda.max_memory_allocated() - before) / _BYTES_PER_MB
    try:
        _CLEAR.write_text(_RESET_PEAK)
        before = _status_mb("VmRSS")
        method.synthesize(batch)
        return max(0.0, _status_mb("VmHWM") - before)
    except (OSError, KeyError):
        return None


def _status_mb(name: str) -> float:
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[name].split()[0]) / _KB_PER_MB


def _load() -> float | None:
    """The machine's load over the last minute: processes that want a core; None where the system does not say."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def repeated(count: int) -> Sequence[int]:
    """Indices of `BATCH` pairs of `count`, from the first on, over again where there are fewer."""
    return [index % count for index in range(BATCH)]
