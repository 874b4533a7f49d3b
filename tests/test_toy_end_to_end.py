"""The whole command line on the synthetic set, with MR-Net itself: run → kill → run → report → score.

And the same images and numbers whatever the number of processes and threads.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from crash_sweep import numbers

ROOT = Path(__file__).parents[1]
RUN = ["run", "--methods", "mrnet,copy,target", "--dataset", "synthetic", "--preset", "smoke", "--limit", "10"]
RUN += ["--set", "methods.mrnet.schedule.steps=16", "--set", "methods.mrnet.schedule.checkpoint_every=4"]
RUN += ["--no-controls"]
DEADLINE_S = 300


def start(*words, threads="1"):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": threads}
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def bench(*words, **options):
    process = start(*words, **options)
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors
    return output + errors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, weights):
    results = tmp_path_factory.mktemp("undisturbed") / "results"
    bench(*RUN, "--results", results)
    return results


@pytest.fixture(scope="module")
def killed(tmp_path_factory, weights):
    """Results of a run that was killed in training and then run again."""
    results = tmp_path_factory.mktemp("killed") / "results"
    process = start(*RUN, "--results", results)
    deadline_s = time.monotonic() + DEADLINE_S
    while not list(results.glob("models/mrnet-*/checkpoint/training.pt")) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not list(results.glob("models/mrnet-*/done.json")), "killed too late to tell"
    output = bench(*RUN, "--results", results)
    return results, output


def cell(results, method):
    (found,) = results.glob(f"cells/synthetic/{method}-*")
    return found


def record(results, method):
    return json.loads((cell(results, method) / "record-offline-v1.json").read_text())


def test_killed_and_run_again_the_numbers_are_those_of_an_undisturbed_run(killed, undisturbed):
    results, _ = killed
    assert numbers(results) == numbers(undisturbed)
    log = next(results.glob("models/mrnet-*/log.txt")).read_text()
    assert log.count("=== ") == 2, "the training went on in a second process"


def test_status_tells_that_all_is_done_and_the_next_run_does_nothing(killed):
    results, _ = killed
    text = bench("status", "--results", results)
    assert "trainings: 1 done" in text and "cells: 3 done" in text
    assert "nothing to do" in bench(*RUN, "--results", results)


def test_the_report_is_made_from_the_store_alone(killed, tmp_path):
    results, output = killed
    again = bench("report", "--results", results, "--out", tmp_path / "report")
    for path in (results / "report").iterdir():
        assert (tmp_path / "report" / path.name).read_bytes() == path.read_bytes()
        assert path.name in output.replace("\n", "") and path.name in again.replace("\n", "")


def test_score_gives_a_cells_images_the_numbers_of_its_record(killed, tmp_path):
    results, _ = killed
    for method in ("mrnet", "copy"):
        images, targets = cell(results, method) / "images", cell(results, "target") / "images"
        text = bench("score", "--generated", images, "--target", targets, "--json", tmp_path / "out.json")
        assert "10 pairs" in text
        found = json.loads((tmp_path / "out.json").read_text())
        expected = record(results, method)
        for key in ("psnr", "ssim", "lpips", "fd_efficientnet_lite0", "kd_efficientnet_lite0"):
            ours, theirs = ({**it["metrics"][key], "groups": None} for it in (found, expected))
            assert ours == theirs, (method, key)  # a folder knows no clips, so all of it is one group
        assert found["n"] == 10 and found["missing"] == 0 and found["protocol"] == "offline-v1"
        used = ("alexnet", "vgg16", "efficientnet_lite0")
        assert found["weights"] == {name: expected["weights"][name] for name in used}
        assert found["versions"] == expected["versions"] and found["protocol_hash"] == expected["protocol_hash"]


@pytest.mark.slow  # workers and single images have quicker tests of their own, of small methods
def test_processes_and_threads_change_no_image_and_no_number(undisturbed, tmp_path):
    """Of one trained model; a training itself is bound to the number of threads it was made with (README)."""
    results = tmp_path / "results"
    shutil.copytree(undisturbed / "models", results / "models")
    bench(*RUN, "--results", results, "--workers", 3, threads="2")
    assert numbers(results) == numbers(undisturbed)
    values = [pd.read_parquet(cell(path, "mrnet") / "scores" / "offline-v1.parquet") for path in (results, undisturbed)]
    pd.testing.assert_frame_equal(*values, check_exact=True)
    assert record(results, "mrnet")["threads"] == 2
