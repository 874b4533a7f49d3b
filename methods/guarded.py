"""A foreign program run to its end or its time limit, or as long as this process: output told, nothing left over."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from methods import guardian

_CHUNK_BYTES = 1 << 16
_LONGEST_LINE_BYTES = 4096
_TAIL_LINES = 5
_DRAIN_S = 2.0  # what left the program's group may hold its output open for ever

_OURS = ("PWD", "OLDPWD", "PYTHONPATH", "PYTHONHOME")
"""Variables beside BENCH_* that tell where the user works, or which modules our own Python finds."""


class ProgramFailed(Exception):
    """The program ended with an error or ran past its time limit; the text says so, with its last lines."""


class CappedLog:
    """A program's output, told line by line up to a number of bytes; the rest is counted. `\\r` ends a line too."""

    def __init__(self, tell: Callable[[str], None], most_bytes: int):
        self._tell = tell
        self._room = most_bytes
        self.left_out_bytes = 0
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)

    def follow(self, stream: IO[bytes]) -> None:
        """Take all that comes, as it comes."""
        rest = b""
        while chunk := stream.read1(_CHUNK_BYTES):
            *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
            if len(rest) > _LONGEST_LINE_BYTES:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._line(line)
        self._line(rest)

    def _line(self, line: bytes) -> None:
        text = "".join(letter for letter in line.decode(errors="replace") if letter.isprintable())
        if not text.strip():
            return
        self.tail.append(text[:_LONGEST_LINE_BYTES])
        if len(line) < self._room:
            self._room -= len(line) + 1
            self._tell(text)
        else:
            self._room = 0
            self.left_out_bytes += len(line) + 1


def environment() -> dict[str, str]:
    """This process's variables, but for those that are ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BENCH_") and name not in _OURS}


def run(words: Sequence[str], folder: Path, limit_s: float, log: CappedLog) -> None:
    """Run a program in `folder` to its end. Raises ProgramFailed.

    Whatever ends this call or this process ends the program and all of its process group.
    """
    start_s = time.monotonic()
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", guardian.__file__, str(folder), *words],
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    reader = threading.Thread(target=log.follow, args=(guard.stdout,), daemon=True)
    reader.start()
    try:
        code = guard.wait(limit_s)
        end = f"ended with exit code {code}" if code > 0 else f"was killed by signal {-code}" if code else ""
    except subprocess.TimeoutExpired:
        end = f"was stopped at its time limit of {limit_s:g} s (parameter time_limit_s)"
    finally:
        guard.stdin.close()
        guard.wait()
        reader.join(_DRAIN_S)
    if end:
        said, seconds = " / ".join(log.tail) or "none", time.monotonic() - start_s
        raise ProgramFailed(f"the program {end}, after {seconds:.0f} s; its last lines: {said}")
