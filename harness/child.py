"""The child process of a training or a learned method's cell: how the runner starts it, and what it does.

The child is `python -m harness.cli cell SPEC`, started in the folder of our packages: Python looks there first, so that
a user's own `./methods` cannot shadow ours. Its standard output is the folder's log; its standard error stays the
runner's, so that its progress bar shows.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType

from harness import store
from harness.errors import CellFailed, UserError, disk_error
from harness.locks import locked
from harness.provenance import CODE_ROOT, now
from harness.specs import TrainingSpec, read_spec
from harness.store import Store

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_PATH_VARIABLES = ("BENCH_HOME", "BENCH_WEIGHTS")
_PARENT_CHECK_EVERY_S = 0.5
EXIT_INTERRUPTED = 130
EXIT_DISK = 74
"""The disk is full: the log cannot tell it then, so the exit code does (74 is the system's own EX_IOERR)."""


def start(spec_path: Path, results: Store, threads: int) -> subprocess.Popen:
    """Start the child for a spec; its own session, so that Ctrl-C reaches it through the runner alone."""
    environment = {**os.environ, "CUBLAS_WORKSPACE_CONFIG": ":4096:8", "PYTHONUNBUFFERED": "1"}
    environment.update({name: str(threads) for name in _THREAD_VARIABLES})
    # relative paths mean the user's folder, not the one the child starts in
    for name in _PATH_VARIABLES:
        if os.environ.get(name):
            environment[name] = str(Path(os.environ[name]).expanduser().absolute())
    if os.environ.get("PYTHONPATH"):
        entries = os.environ["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in entries)
    command = [sys.executable, "-m", "harness.cli", "cell", str(spec_path)]
    command += ["--results", str(results.root), "--parent", str(os.getpid())]
    with (spec_path.parent / store.LOG).open("ab") as log:
        return subprocess.Popen(command, cwd=CODE_ROOT, env=environment, stdout=log, start_new_session=True)


class StopSwitch:
    """Whether the work was asked to stop, by SIGINT or SIGTERM.

    Work that asks (`FitContext.stop`) is left to end after its current step; a second signal, or one that meets work
    which never asked, interrupts at once.
    """

    def __init__(self) -> None:
        self._asked = self._polled = False

    def __call__(self) -> bool:
        self._polled = True
        return self._asked

    def on_signal(self, signum: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self._asked or not self._polled:
            raise KeyboardInterrupt
        self._asked = True


def serve(spec_path: Path, results: Store, parent: int | None) -> None:
    """Do a spec's work in this process. parent: process id without which there is no point in going on.

    Raises UserError for an unreadable spec, and CellFailed after the traceback went to standard output, the log.
    """
    spec, folder, stop = read_spec(spec_path), spec_path.parent, StopSwitch()
    faulthandler.enable(file=sys.stdout)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a log on a full disk must not end the work
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.on_signal)
    if parent is not None:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    try:
        # a child that outlived its killed run may still be at work here
        with locked(folder / store.CHILD_LOCK, lambda: _log("waiting for an earlier process")):
            _log(f"=== {now()} {spec.kind} {spec.method} {spec.key}")
            _work(folder, spec, results, stop)
    except KeyboardInterrupt:
        # the runner tells the user
        _log("interrupted")
        raise SystemExit(EXIT_INTERRUPTED) from None
    except (CellFailed, UserError) as error:
        _log(f"failed: {error}")
        raise CellFailed(str(error)) from error
    except BaseException as error:
        _log("".join(traceback.format_exception(error)))
        text = disk_error(error)
        if text is not None:
            _log(f"failed: {text}")
            raise SystemExit(EXIT_DISK) from error
        _log(f"failed: {type(error).__name__}: {error}")
        raise CellFailed(f"{type(error).__name__}: {error}") from error


def _log(text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, flush=True)


def _work(folder: Path, spec, results: Store, stop: StopSwitch) -> None:
    import torch

    from harness import cell, resolve, train

    torch.set_num_threads(spec.threads)
    resolve.load_plugins(tuple(Path(path) for path in spec.plugins))
    if isinstance(spec, TrainingSpec):
        train.train(folder, spec, stop)
        return
    data = cell.test_data(results, spec)
    cell.synthesize_learned(folder, results, spec, data)
    cell.measure_cost(folder, results, spec, data)
    cell.score_and_record(folder, spec, data)


def _watch(parent: int) -> None:
    """Interrupt this process when its parent is gone, so that a killed run leaves no training behind."""
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_EVERY_S)
    os.kill(os.getpid(), signal.SIGINT)
