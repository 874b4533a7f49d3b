"""Arithmetic of networks whose numbers are kept: full float32, deterministic, one image at a time, one CPU thread.

Kernels and the order of sums, and so last bits, are chosen by batch size and number of threads. A network that always
sees one image on one thread gives a picture the same values whatever else is made or scored and however many threads
there are. At these sizes it costs little: threads wait for each other longer than they compute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_THREADS = 1
# items a thread that may be done or waiting before their results are taken
_AHEAD = 4


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """One thread in numpy's matrix products: their sums, too, are cut up by the number of threads."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(_THREADS, user_api="blas"):
        yield


@contextmanager
def exact_float32() -> Iterator[None]:
    """No gradients, one thread, no TF32 or bf16 in float32 products, deterministic kernels; settings are restored."""
    import torch

    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(_THREADS)
    torch.set_float32_matmul_precision("highest")
    cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    try:
        with torch.inference_mode(), cudnn:
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.set_num_threads(threads)


def mapped_exactly(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """`work` of every item, in order, `workers` items at once, each as under `exact_float32` on a thread of its own.

    Threads that each take an item do not wait for each other, and no item's bits depend on how many there are. Work is
    at most a few items a thread ahead of what was taken, so that results do not pile up; the error of the first item
    that has one is raised. Abandoned or interrupted, it finishes what is begun and starts nothing more.
    """
    import torch

    def one(item: Item) -> Result:
        with torch.inference_mode():  # a thread's own setting
            return work(item)

    begun: deque[Future[Result]] = deque()
    with exact_float32(), ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                if len(begun) == workers * _AHEAD:
                    yield begun.popleft().result()
                begun.append(pool.submit(one, item))
            while begun:
                yield begun.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
