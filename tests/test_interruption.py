"""Killed, interrupted, run twice or out of disk: the same command again ends with the numbers of an undisturbed run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from crash_sweep import STAGES, numbers
from small_run import arguments

from harness.child import StopSwitch
from harness.store import DONE, FAILURE

ROOT = Path(__file__).parents[1]
STEPS, PAUSE_S = 24, 0.1
SLOW = (
    f"methods.looped.schedule.steps={STEPS}",
    "methods.looped.schedule.checkpoint_every=7",
    f"methods.looped.parameters.pause_s={PAUSE_S}",
)
DEADLINE_S = 180
# the smallest that holds one of the small runs is about 1 MB
DISK_SIZE = "2m"


def started(folder, methods="looped", environment=None):
    """A `bench run` of a slow training as a process of its own."""
    words = arguments(folder, methods, "--limit", "4", *(word for one in SLOW for word in ("--set", one)))
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )


def ended(process, code=0):
    errors = process.communicate(timeout=DEADLINE_S)[1]
    assert process.returncode == code, errors
    assert "Traceback" not in errors, errors
    return errors


def wait_for(find):
    """What `find` gives once it gives something."""
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        found = find()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def steps_done(folder):
    """Rows of the training log: one a step."""
    (log,) = list(folder.glob("results/models/looped-*/train.csv")) or [None]
    return len(log.read_text().splitlines()) - 1 if log else 0


def training_process(folder):
    """Id of the training's own process."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"cell" in words and any(f"{folder}/results/models".encode() in word for word in words):
            return int(entry.name)
    return None


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    ended(started(folder, "copy,looped"))
    return numbers(folder / "results")


@pytest.fixture(scope="module")
def undisturbed_looped(undisturbed):
    return {place: content for place, content in undisturbed.items() if "copy" not in place}


@pytest.mark.parametrize(
    ("stage", "stride"),
    [
        ("fetch", 1),
        ("training", 4),
        ("cell", 5),
        ("run_of_controls", 7),
        pytest.param("run_of_controls", 1, marks=pytest.mark.slow),
        pytest.param("cell", 1, marks=pytest.mark.slow),
    ],
)
def test_killed_at_any_change_of_the_disk_and_done_again(tmp_path, stage, stride):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "tests" / "crash_sweep.py"), stage, str(tmp_path / "sweep"), str(stride)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["end"] == 0 and found["tried"] >= 5 and found["results"] >= 1
    assert found["differing"] == []
    assert stage in STAGES


@pytest.mark.slow  # the toy suite kills a run in training too, at any moment
def test_a_run_killed_in_training_goes_on_at_once_and_ends_the_same(tmp_path, undisturbed_looped):
    first = started(tmp_path)
    wait_for(lambda: steps_done(tmp_path) >= 14)
    first.kill()
    ended(first, -signal.SIGKILL)
    # its training may still be running: the second run waits for it to notice
    ended(started(tmp_path))
    assert numbers(tmp_path / "results") == undisturbed_looped
    log = next(tmp_path.glob("results/models/looped-*/log.txt")).read_text()
    assert log.count("=== ") == 2


def test_a_killed_training_is_a_failure_that_the_same_command_mends(tmp_path, undisturbed_looped):
    first = started(tmp_path)
    wait_for(lambda: steps_done(tmp_path) >= 7)
    os.kill(wait_for(lambda: training_process(tmp_path)), signal.SIGKILL)
    assert "killed by SIGKILL" in ended(first, 1)
    assert len(list(tmp_path.rglob(FAILURE))) == 2
    ended(started(tmp_path))
    assert numbers(tmp_path / "results") == undisturbed_looped
    assert not list(tmp_path.rglob(FAILURE))


@pytest.mark.parametrize("sent", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_one_interrupt_keeps_the_current_step_and_says_how_to_go_on(tmp_path, undisturbed_looped, sent):
    first = started(tmp_path)
    wait_for(lambda: steps_done(tmp_path) >= 7)
    time.sleep(3 * PAUSE_S)
    first.send_signal(sent)
    errors = ended(first, 130)
    assert "stopping after the current step; Ctrl-C again stops now" in errors
    assert "interrupted; the same command goes on from here" in errors
    (checkpoint,) = tmp_path.glob("results/models/looped-*/checkpoint/training.pt")
    kept = torch.load(checkpoint, weights_only=True)["steps"]
    assert 7 < kept < STEPS and kept == steps_done(tmp_path), "steps since the last regular checkpoint are kept too"
    assert not list(tmp_path.rglob(FAILURE)) and not list(tmp_path.rglob(DONE))
    ended(started(tmp_path))
    assert numbers(tmp_path / "results") == undisturbed_looped


def test_a_second_interrupt_stops_now(tmp_path):
    long = ("--set", "methods.looped.parameters.pause_s=30.0")
    words = arguments(tmp_path, "looped", *long)
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", *words], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    log = tmp_path / "results" / "models"
    wait_for(lambda: any("training looped" in path.read_text() for path in log.glob("*/log.txt")))
    child = wait_for(lambda: training_process(tmp_path))
    time.sleep(1)
    start_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    ended(process, 130)
    assert time.monotonic() - start_s < 15, "a step takes 30 s"
    assert not Path(f"/proc/{child}").exists() or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text()


@pytest.mark.parametrize("gap_s", [0.0, 0.05])
def test_two_interrupts_in_a_row_stop_now_too(tmp_path, gap_s):
    """As from a wrapper that passes on the Ctrl-C which the terminal sent as well."""
    process = started(tmp_path)
    child = wait_for(lambda: training_process(tmp_path))
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(gap_s)
    ended(process, 130)
    wait_for(lambda: not Path(f"/proc/{child}").exists())


def test_a_switch_asked_once_waits_for_those_who_ask_and_interrupts_others():
    polling, silent = StopSwitch(), StopSwitch()
    assert not polling()
    polling.on_signal(signal.SIGINT, None)
    assert polling()
    with pytest.raises(KeyboardInterrupt):
        polling.on_signal(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        silent.on_signal(signal.SIGINT, None)


# ---- a full disk


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own that holds 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs the rights of an administrator")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk, leave_bytes):
    """Leave so much room on the disk."""
    free = shutil.disk_usage(disk).free
    (disk / "ballast").write_bytes(bytes(max(0, free - leave_bytes)))


SLOW_SIZES = [pytest.param(size, marks=pytest.mark.slow) for size in (0, 12, 40, 96)]


@pytest.mark.parametrize("leave_kb", [64, *SLOW_SIZES])
def test_a_full_disk_is_told_and_nothing_half_written_is_taken_for_whole(tmp_path, small_disk, undisturbed, leave_kb):
    arguments(small_disk, "copy")  # presets and protocols lie there before it is full
    fill(small_disk, leave_kb * 1024)
    errors = ended(started(small_disk, "copy,looped"), 1)
    assert "no space left on the disk" in errors
    (small_disk / "ballast").unlink()
    ended(started(small_disk, "copy,looped"))
    assert numbers(small_disk / "results") == undisturbed
    assert not list((small_disk / "results" / "cells").rglob(FAILURE))


def test_a_full_disk_under_the_frame_cache_ends_with_a_message(tmp_path, small_disk):
    fill(small_disk, 40 * 1024)
    errors = ended(started(tmp_path, "copy", {"BENCH_HOME": str(small_disk / "home")}), 1)
    assert "no space left on the disk" in errors
    (small_disk / "ballast").unlink()
    ended(started(tmp_path, "copy", {"BENCH_HOME": str(small_disk / "home")}))
