"""Runs a foreign program and ends all of its process group when whoever asked for it is gone, however that came.

A script, `python -I -S guardian.py FOLDER WORD…`, that imports the standard library alone. Its standard input is a pipe
that nobody writes to: the pipe's end says that the asker has had enough, or was killed; then nobody else will remove
the exchange folder either.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

GRACE_S = 3.0
"""Seconds between SIGTERM and SIGKILL."""

_POLL_S = 0.02
_EXIT_NOT_STARTED = 127  # a shell's own


def end_group(group: int) -> None:
    """End a process group: SIGTERM, and SIGKILL for what is still there after GRACE_S."""
    deadline_s = time.monotonic() + GRACE_S
    # macOS refuses where only the dead are left
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        while time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


def _watch(group: int, asker: int, folder: str) -> None:
    # not by sys.stdin, whose lock Python would want at its exit
    os.read(sys.stdin.fileno(), 1)
    end_group(group)
    if os.getppid() != asker:
        shutil.rmtree(folder, ignore_errors=True)


def main(folder: str, words: list[str]) -> int:
    """Run the program to its end; its exit code. What it left in the background is ended too."""
    asker = os.getppid()
    try:
        program = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"cannot start {words[0]}: {error.strerror}", flush=True)
        return _EXIT_NOT_STARTED
    watcher = threading.Thread(target=_watch, args=(program.pid, asker, folder), daemon=True)
    watcher.start()
    code = program.wait()
    end_group(program.pid)
    if os.getppid() != asker:
        watcher.join()
    if code < 0:
        # end as the program did, so that the asker sees the signal
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
