"""Kill a piece of work at every change it makes to the disk, do it again, and compare with undisturbed work.

Run as a program: `crash_sweep.py STAGE FOLDER STRIDE`, STAGE one of STAGES, STRIDE 1 for every place, 2 for every
second, …; prints how many were tried and which gave another result. Libraries are imported once and each try is a
fork, so that hundreds of kills take seconds. What is written between two such changes lies under a temporary name, so
these are all the places that differ.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import git  # noqa: F401 (these are imported once, before the forks)
import lightning_fabric  # noqa: F401
import pandas
import pyarrow.parquet  # noqa: F401
import torch
from skimage.metrics import peak_signal_noise_ratio  # noqa: F401
from small_run import PLUGIN, arguments

from harness import child, runner, store
from harness.fetch import WebFile, fetch_web
from harness.metrics import pair_scorer, scoring, sets  # noqa: F401
from harness.plan import RunRequest
from harness.resolve import resolve
from harness.train import train  # noqa: F401

CHANGES = ("replace", "rename", "unlink", "rmdir", "mkdir")
KILLED, QUIET = -signal.SIGKILL, 0


def forked(work: Callable[[], None], kill_at: int | None = None) -> int:
    """Do `work` in a fork and kill it at its change number `kill_at`: even just before it, odd just after it."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 1)
            os.dup2(null.fileno(), 2)
        torch.set_num_threads(1)
        counter = iter(range(sys.maxsize))
        for name in CHANGES:
            _watch(name, counter, kill_at)
        work()
        os._exit(QUIET)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        os._exit(70)


def _watch(name: str, counter, kill_at: int | None) -> None:
    change = getattr(os, name)

    def watched(*arguments, **options):
        if next(counter) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        result = change(*arguments, **options)
        if next(counter) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(os, name, watched)


def bench(*words: str) -> Callable[[], None]:
    def work() -> None:
        from harness.cli import main

        sys.argv = ["bench", *words]
        main()

    return work


def numbers(folder: Path) -> dict[str, object]:
    """Everything a result is made of, by its place: bytes of images and models, metrics of records, per-pair values."""
    found: dict[str, object] = {}
    for path in sorted(path for path in folder.rglob("*") if "report" not in path.parts):
        place = str(path.relative_to(folder))
        if path.suffix in (".png", ".safetensors", ".npy", ".bin") and not path.name.startswith("."):
            found[place] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.name.startswith("record-"):
            record = json.loads(path.read_text())
            found[place] = [record[key] for key in ("metrics", "by_group", "n", "missing", "score_key", "weights")]
        elif path.suffix == ".parquet":
            found[place] = pandas.read_parquet(path).to_dict("list")
        elif path.name == "train.csv":
            rows = pandas.read_csv(path)
            found[place] = rows.drop(columns="seconds").to_dict("list")
        elif path.name in ("done.json", "failure.json"):
            found[place] = True
    return found


def run_of_controls(folder: Path) -> Callable[[], None]:
    """Builds the frame cache and the pairs folder, makes, scores and records two controls."""
    os.environ["BENCH_HOME"] = str(folder / "home")
    arguments(folder, "")  # writes preset and protocol
    request = RunRequest(
        methods=("copy", "mean"),
        dataset="synthetic",
        preset=str(folder / "tests.yaml"),
        protocol=str(folder / "protocol.yaml"),
        limit=2,
        results=folder / "results",
    )
    return lambda: runner.run(resolve(request))


def training(folder: Path) -> Callable[[], None]:
    return _child(folder, "models/looped-*")


def cell(folder: Path) -> Callable[[], None]:
    return _child(folder, "cells/synthetic/looped-*")


def _child(folder: Path, pattern: str) -> Callable[[], None]:
    (spec,) = (folder / "results").glob(f"{pattern}/spec.yaml")

    def work() -> None:
        with store.held(spec.parent, print):
            pass
        child.serve(spec, store.Store(folder / "results"), None)

    return work


def fetch(folder: Path) -> Callable[[], None]:
    content = b"weights" * 400_000
    source = folder.with_name("source.bin")
    source.write_bytes(content)
    file = WebFile(source.as_uri(), hashlib.sha256(content).hexdigest())

    def work() -> None:
        fetch_web(file, folder / "store" / "model.bin")

    return work


STAGES = {stage.__name__: stage for stage in (run_of_controls, training, cell, fetch)}


def prepare(stage: str, folder: Path) -> None:
    """What must lie in a folder before the stage: for a training its spec, for a cell the trained model too."""
    if stage not in ("training", "cell"):
        return
    os.environ["BENCH_HOME"] = str(folder.with_name("home"))
    if forked(bench(*arguments(folder, "looped", "--limit", "3"))) != QUIET:
        raise SystemExit("the undisturbed run failed")
    results = folder / "results"
    (finished,) = results.glob("cells/synthetic/looped-*")
    (model,) = results.glob("models/looped-*")
    for place in (finished, model) if stage == "training" else (finished,):
        for path in place.iterdir():
            if path.name != "spec.yaml":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(results / "report")


def main(stage: str, folder: Path, stride: int) -> None:
    start, whole = folder / "start", folder / "whole"
    start.mkdir(parents=True)
    prepare(stage, start)
    shutil.copytree(start, whole)
    if forked(STAGES[stage](whole)) != QUIET:
        raise SystemExit(f"undisturbed {stage} failed")
    expected, tried, differing, end = numbers(whole), 0, [], KILLED
    for kill_at in range(0, sys.maxsize, stride):
        broken = folder / "broken"
        shutil.copytree(start, broken)
        work = STAGES[stage](broken)
        end = forked(work, kill_at=kill_at)
        if end != KILLED:
            break
        if forked(work) != QUIET or numbers(broken) != expected or list(broken.rglob("*.tmp")):
            differing.append(kill_at)
        tried += 1
        shutil.rmtree(broken)
    print(json.dumps({"end": end, "tried": tried, "differing": differing, "results": len(expected)}))


if __name__ == "__main__":
    assert PLUGIN.is_file()
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
