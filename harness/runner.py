"""Runs a plan: trainings and cells through one executor, each in its locked folder; a failure stops its cells alone.

Three ends are told apart: done, failed (`failure.json` with the log's tail), interrupted (nothing is written; the next
run goes on from there). Cells wait for their training; one that failed fails its cells.
"""

from __future__ import annotations

import contextlib
import errno
import json
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from subprocess import Popen
from types import FrameType

from harness import cell as stages
from harness import child, engine, provenance, store
from harness.errors import CellFailed, UserError, disk_error
from harness.estimate import shown_s
from harness.pairs import PairData
from harness.pairs_folder import complete, write_pairs_folder
from harness.plan import Cell, Plan, Status, Training, needed_assets
from harness.progress import plain_lines
from harness.specs import CellSpec, TrainingSpec
from harness.weights import WeightStore
from mrnet import files

_POLL_S = 0.2

Task = Training | Cell


class End(str, Enum):
    """How a training or cell ended."""

    DONE = "done"
    CACHED = "cached"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """The end of a training or cell, and why where it is not done."""

    label: str
    end: End
    seconds: float = 0.0
    reason: str = ""

    def __str__(self) -> str:
        time_taken = f" in {shown_s(self.seconds)}" if self.end is End.DONE else ""
        return f"{self.label}: {self.end.value}{time_taken}" + (f": {self.reason}" if self.reason else "")


def say(text: str) -> None:
    """A line to the person who waits."""
    # one write, so that lines of several threads do not run into each other
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def run(plan: Plan, engine_name: str = "local", workers: int = 1) -> list[Outcome]:
    """Do what the plan leaves to do; outcomes of all its cells and of the trainings that ran.

    workers: cells at once. UserError before any work for an unknown engine, and where data or weights are missing or
    damaged; KeyboardInterrupt after the children ended.
    """
    executor = engine.make_executor(engine_name, workers)
    if workers > 1:
        plain_lines()
    known = [
        Outcome(cell.label, End(cell.status.value), reason=cell.reason)
        for cell in plan.cells
        if cell.status is not Status.TO_DO
    ]
    if not plan.to_do:
        complete(plan.pairs_folder(plan.dataset.fingerprint(plan.preset.size_px)), plan.dataset)
        return known
    if plan.missing:
        raise UserError("\n".join(plan.missing))
    WeightStore(extra_dir=plan.request.weights_dir).require(needed_assets(plan))
    return known + _Run(plan).through(executor)


class _Run:
    """One run of a plan."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._always = plan.request.policy == "always"
        self._stopping = threading.Event()
        # torch's number of threads, which scoring sets to one, is the whole process's
        self._scoring_here = threading.Lock()
        self._started = self._total = self._interrupts = 0
        self._git = provenance.git_state()
        self._children: set[Popen] = set()
        frames = plan.dataset.frames(plan.preset.size_px)
        self._test = PairData(frames, plan.test)
        self._train = PairData(frames, plan.train)
        write_pairs_folder(plan.pairs_folder(frames.fingerprint), frames, plan.test, plan.dataset)
        for task in (*self._trainings, *plan.to_do):
            # what is still to do can then be told from the folder alone (`bench status`)
            if not (task.folder / store.SPEC).is_file():
                # another run that just took the folder writes it too, and sweeps what is half written
                with contextlib.suppress(FileNotFoundError):
                    self._spec(task).write(task.folder)

    @property
    def _trainings(self) -> list[Training]:
        return [item for item in self._plan.trainings if item.status is Status.TO_DO]

    def through(self, executor: Executor) -> list[Outcome]:
        """Submit what can start, controls first, then what waits for it, until all has ended."""
        trainings, waiting = self._trainings, _Waiting(self._plan)
        ready = sorted(waiting.free, key=lambda cell: not cell.spec.control)
        self._total = len(trainings) + len(self._plan.to_do)
        running: dict[Future, Task] = {executor.submit(self._do, task): task for task in [*ready, *trainings]}
        outcomes: list[Outcome] = []
        with self._counted_interrupts():
            try:
                while running and not self._interrupts:
                    finished, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                    for future in finished:
                        task, outcome = running.pop(future), future.result()
                        outcomes.append(outcome)
                        say(f"{outcome}")
                        if outcome.end is End.FAILED:
                            outcomes += [self._given_up(cell, task) for cell in waiting.given_up(task)]
                        else:
                            running.update((executor.submit(self._do, cell), cell) for cell in waiting.freed(task))
            finally:
                # on an error of our own, too, nothing is left running
                if running:
                    self._stop(executor)
        if running:
            raise KeyboardInterrupt
        executor.shutdown()
        return outcomes

    @contextlib.contextmanager
    def _counted_interrupts(self) -> Iterator[None]:
        """Count Ctrl-C and SIGTERM instead of raising wherever they strike: two may come at once, or within a wait."""

        def count(signum: int, frame: FrameType | None) -> None:
            self._interrupts += 1

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, count) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _do(self, task: Task) -> Outcome:
        """One task in a worker's thread: lock its folder, look again, work, keep a failure."""
        self._started += 1
        say(f"[{self._started}/{self._total}] {task.label}")
        start_s = time.monotonic()
        try:
            with store.held(task.folder, lambda reason: say(f"{task.label}: {reason}")):
                if not self._always and self._is_done(task):
                    return Outcome(task.label, End.CACHED)
                reason = self._attempt(task)
        except (UserError, OSError) as error:
            # the folder itself cannot be made or held
            reason = disk_error(error) or str(error)
        return Outcome(task.label, End.FAILED if reason else End.DONE, time.monotonic() - start_s, reason)

    def _attempt(self, task: Task) -> str:
        """Do the work in the held folder; why it failed, which is kept there, or nothing."""
        try:
            if self._always:
                store.empty(task.folder)
            (task.folder / store.FAILURE).unlink(missing_ok=True)
            self._work(task, self._spec(task).write(task.folder))
        except (CellFailed, UserError, OSError) as error:
            reason = disk_error(error) or str(error)
            if not self._stopping.is_set():
                _write_failure(task.folder, reason)
            return reason
        return ""

    def _given_up(self, cell: Cell, training: Training) -> Outcome:
        """A cell whose training failed, unless another run has done it meanwhile."""
        reason = f"its training failed: {training.folder / store.FAILURE}"
        with store.held(cell.folder, lambda reason: say(f"{cell.label}: {reason}")):
            if self._is_done(cell):
                return Outcome(cell.label, End.CACHED)
            _write_failure(cell.folder, reason)
        return Outcome(cell.label, End.FAILED, reason=reason)

    def _spec(self, task: Task) -> TrainingSpec | CellSpec:
        """The task's spec; a cell's with the state of the code, which its record will name."""
        return task.spec if isinstance(task, Training) else task.spec.model_copy(update={"git": self._git})

    def _is_done(self, task: Task) -> bool:
        if isinstance(task, Training):
            return (task.folder / store.DONE).is_file()
        return store.has_record(task.folder, task.spec.protocol_name, task.spec.score_key)

    def _work(self, task: Task, spec_path: Path) -> None:
        """Raises CellFailed, UserError or OSError."""
        if isinstance(task, Cell) and task.spec.control:
            spec = self._spec(task)
            try:
                with self._scoring_here:
                    stages.synthesize_control(task.folder, spec, self._test, self._train)
                    stages.score_and_record(task.folder, spec, self._test)
            except (CellFailed, UserError):
                raise
            except Exception as error:
                with (task.folder / store.LOG).open("a", encoding="utf-8") as log:
                    traceback.print_exc(file=log)
                raise CellFailed(disk_error(error) or f"{type(error).__name__}: {error}") from error
            return
        self._run_child(spec_path, task.spec.threads)
        if not self._is_done(task):
            raise CellFailed("the process ended without an error and without a result")

    def _run_child(self, spec_path: Path, threads: int) -> None:
        if self._stopping.is_set():
            raise CellFailed("interrupted")
        process = child.start(spec_path, self._plan.results, threads)
        self._children.add(process)
        try:
            code = process.wait()
        finally:
            self._children.discard(process)
        if code:
            raise CellFailed(f"{_why(code, spec_path.parent).rstrip('.')}. Log: {spec_path.parent / store.LOG}")

    def _stop(self, executor: Executor) -> None:
        """Stop submitting, pass the interrupt on, wait for the children's current step; a second Ctrl-C kills them."""
        self._stopping.set()
        executor.shutdown(wait=False, cancel_futures=True)
        children = list(self._children)
        if children:
            say("stopping after the current step; Ctrl-C again stops now")
        for process in children:
            process.send_signal(signal.SIGINT)
        while any(process.poll() is None for process in children):
            if self._interrupts > 1:
                for process in children:
                    process.kill()
            time.sleep(_POLL_S)


class _Waiting:
    """The cells that wait for trainings. free: those to do that wait for none."""

    def __init__(self, plan: Plan):
        to_do = {training.spec.key for training in plan.trainings if training.status is Status.TO_DO}
        lacks = [(cell, {training.spec.key for training in cell.trainings} & to_do) for cell in plan.to_do]
        self.free = [cell for cell, keys in lacks if not keys]
        self._waiting = [(cell, keys) for cell, keys in lacks if keys]

    def freed(self, done: Task) -> list[Cell]:
        """The cells whose last training `done` is."""
        for _, keys in self._waiting:
            keys.discard(done.spec.key)
        return self._taken(lambda keys: not keys)

    def given_up(self, failed: Task) -> list[Cell]:
        """The cells that can never start."""
        return self._taken(lambda keys: failed.spec.key in keys)

    def _taken(self, chosen: Callable[[set[str]], bool]) -> list[Cell]:
        cells = [cell for cell, keys in self._waiting if chosen(keys)]
        self._waiting = [(cell, keys) for cell, keys in self._waiting if not chosen(keys)]
        return cells


def _why(code: int, folder: Path) -> str:
    """What ended a child: a signal, or the last line that says so in its log."""
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (often: out of memory)" if name == "SIGKILL" else ""
        return f"killed by {name}{hint}"
    if code == child.EXIT_DISK:
        # the log may have no room left to say it
        return str(disk_error(OSError(errno.ENOSPC, "", str(folder))))
    said = [line.removeprefix("failed: ") for line in store.log_tail(folder) if line.startswith("failed: ")]
    return said[-1] if said else f"exit code {code}"


def _write_failure(folder: Path, reason: str) -> None:
    """`failure.json`: why, when, and the end of the log. A failure is never a result."""
    content = {"reason": reason, "created": provenance.now(), "log_tail": store.log_tail(folder)}
    # on a full disk the failure is told and cannot be kept
    with contextlib.suppress(OSError):
        files.write_text(folder / store.FAILURE, json.dumps(content, indent=1, ensure_ascii=False))
