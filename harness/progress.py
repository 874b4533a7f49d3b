"""Progress on standard error: a bar with count and ETA on a terminal, an occasional plain line elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_PLAIN_LINE_EVERY_S = 15.0
_PLAIN_VARIABLE = "BENCH_PLAIN_PROGRESS"


def plain_lines() -> None:
    """Lines instead of bars, here and in child processes: bars of several at once overwrite each other."""
    os.environ[_PLAIN_VARIABLE] = "1"


def track(sequence: Iterable[Item], description: str, total: int | None = None, before: int = 0) -> Iterator[Item]:
    """Yield the items of `sequence` and show how far it is.

    total: number of items, where `sequence` has no length. before: items of `total` that an earlier run did; no time is
    counted for them. Nothing is printed to standard output.
    """
    if total is None and hasattr(sequence, "__len__"):
        total = before + len(sequence)
    if sys.stderr.isatty() and _PLAIN_VARIABLE not in os.environ:
        yield from _bar(sequence, description, total, before)
    else:
        yield from _lines(sequence, description, total, before)


def _bar(sequence: Iterable[Item], description: str, total: int | None, before: int) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(sequence, total=total, completed=before, description=description)


def _lines(sequence: Iterable[Item], description: str, total: int | None, before: int) -> Iterator[Item]:
    start_s = last_s = time.monotonic()
    count = before
    for count, item in enumerate(sequence, start=before + 1):
        yield item
        now_s = time.monotonic()
        if now_s - last_s >= _PLAIN_LINE_EVERY_S:
            last_s = now_s
            print(_line(description, count, total, before, now_s - start_s), file=sys.stderr, flush=True)
    if last_s > start_s:
        print(f"{description}: {count} done in {time.monotonic() - start_s:.0f} s", file=sys.stderr, flush=True)


def _line(description: str, count: int, total: int | None, before: int, elapsed_s: float) -> str:
    if not total:
        return f"{description}: {count}, {elapsed_s:.0f} s"
    left_s = elapsed_s / (count - before) * (total - count)
    return f"{description}: {count}/{total}, {elapsed_s:.0f} s, ETA {left_s:.0f} s"
