"""Where cells run: one `concurrent.futures.Executor`. Threads of this process, which wait for child processes."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor

from harness.errors import unknown

ENGINES = ("local",)


def make_executor(engine: str = "local", workers: int = 1) -> Executor:
    """An executor. workers: cells at once; each heavy one uses all of a CPU's threads, so one is the default.

    UserError for an unknown engine.
    """
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    return ThreadPoolExecutor(max_workers=workers, thread_name_prefix="cell")
