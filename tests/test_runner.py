"""A run from the command to the store: real child processes, three levels of reuse, failures that stay failures."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas
import pytest
from small_run import PROTOCOL, arguments, bench

from harness.datasets.synthetic import CLIPS
from harness.images import read_image
from harness.records import SCHEMA_VERSION, read_record
from harness.store import DONE, FAILURE, Store

ROOT = Path(__file__).parents[1]
CONTROLS = "copy,mean,target"


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A finished run: controls, a method that learns, two that fail in training. (folder, result)."""
    folder = tmp_path_factory.mktemp("run")
    return folder, bench(folder, f"{CONTROLS},tiny,broken,killed")


def cell(folder, method):
    (found,) = (folder / "results" / "cells" / "synthetic").glob(f"{method}-*")
    return found


def model(folder, method):
    (found,) = (folder / "results" / "models").glob(f"{method}-*")
    return found


def record(folder, method):
    return read_record(cell(folder, method) / "record-pairs-only.json")


def times(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "results").rglob("*") if path.is_file()}


def copied(first, tmp_path):
    """The finished run's own copy, to be damaged."""
    shutil.copytree(first[0] / "results", tmp_path / "results")
    return tmp_path


def test_failed_methods_end_with_exit_code_1_and_do_not_stop_the_others(first):
    folder, result = first
    assert result.exit_code == 1, result.output
    for method in (*CONTROLS.split(","), "tiny"):
        assert record(folder, method).n == 48
    for method in ("broken", "killed"):
        assert not list(cell(folder, method).glob("record-*"))
        assert (cell(folder, method) / FAILURE).is_file()
        assert not (model(folder, method) / DONE).exists()


def test_a_failure_keeps_its_reason_and_the_end_of_its_log(first):
    failure = json.loads((model(first[0], "broken") / FAILURE).read_text())
    assert "RuntimeError: the wheels came off" in failure["reason"]
    assert any("Traceback" in line for line in failure["log_tail"])
    assert "killed by SIGKILL" in json.loads((model(first[0], "killed") / FAILURE).read_text())["reason"]


def test_the_table_and_the_reports_paths_are_printed(first):
    assert "M-SSIM" in first[1].stdout
    printed = [Path(line) for line in first[1].stdout.splitlines() if line.startswith(str(first[0]))]
    assert {path.suffix for path in printed} == {".md", ".csv", ".tex", ".html", ".png"}
    assert all(path.is_file() for path in printed)


def test_controls_are_what_they_say(first):
    folder, _ = first
    plan = Store(folder / "results")
    (pairs,) = (plan.root / "pairs").glob("synthetic-*")
    target = read_image(pairs / "frames" / "ada-hall_07.png")
    reference = read_image(pairs / "frames" / "ada-hall_06.png")
    name = "ada-hall_06__07.png"
    assert np.array_equal(read_image(cell(folder, "target") / "images" / name), target)
    assert np.array_equal(read_image(cell(folder, "copy") / "images" / name), reference)
    assert record(folder, "target").metrics["psnr"].mean == 100
    assert record(folder, "target").privileged and not record(folder, "target").ranked
    # the mean of the reference's clip, not of all
    means = [read_image(cell(folder, "mean") / "images" / f"{clip}_06__07.png") for clip in CLIPS]
    assert len({mean.tobytes() for mean in means}) == len(CLIPS)


def test_the_record_says_what_the_row_was_made_of(first):
    folder, _ = first
    found = record(folder, "tiny")
    assert found.budget.steps == 3 and found.budget.samples == 6
    assert found.dtype in ("bf16", "fp32")
    assert found.preset == "tests" and found.seed == 0 and found.ranked
    assert set(found.by_group) == set(CLIPS)
    assert found.metrics["psnr"].groups == len(CLIPS) and found.metrics["psnr"].low is None
    scores = Store(folder / "results").scores(cell(folder, "tiny") / "record-pairs-only.json")
    assert np.isclose(scores["psnr"].mean(), found.metrics["psnr"].mean)
    control = record(folder, "copy")
    assert control.budget is None and control.preset is None and control.seed is None


def test_a_second_run_does_nothing_and_says_so(first, tmp_path):
    folder = copied(first, tmp_path)
    before = times(folder)
    result = bench(folder, f"{CONTROLS},tiny")
    assert result.exit_code == 0 and "nothing to do" in result.output
    changed = {path for path, stamp in times(folder).items() if before.get(path) != stamp}
    assert {path.parent.name for path in changed} <= {"report"}
    assert "M-SSIM" in result.stdout


def test_a_changed_protocol_scores_again_without_a_new_image(first, tmp_path):
    folder = copied(first, tmp_path)
    images = {path: stamp for path, stamp in times(folder).items() if path.parent.name == "images"}
    old = record(folder, "copy")
    changed = {**PROTOCOL, "version": 2, "psnr": {"data_range": 255, "cap_db": 60}}
    result = bench(folder, CONTROLS, protocol=changed)
    assert result.exit_code == 0, result.output
    assert record(folder, "target").metrics["psnr"].mean == 60
    assert record(folder, "copy").protocol_hash != old.protocol_hash
    assert images.items() <= times(folder).items()


def test_records_of_an_older_schema_are_refused_and_the_advice_given_works(first, tmp_path):
    folder = copied(first, tmp_path)
    records = list(folder.glob("results/cells/*/*/record-*.json"))
    for path in records:
        path.write_text(path.read_text().replace(f'"schema": {SCHEMA_VERSION}', '"schema": 1'))
    kept = {path: stamp for path, stamp in times(folder).items() if path.parent.name in ("images", "scores")}
    refused = bench(folder, CONTROLS)
    assert refused.exit_code == 2 and "Remove the record-*.json files" in " ".join(refused.output.split())
    for path in records:
        path.unlink()
    assert bench(folder, CONTROLS).exit_code == 0
    assert record(folder, "copy").schema_version == SCHEMA_VERSION
    assert kept.items() <= times(folder).items()


def test_what_was_lost_is_made_again_and_nothing_else(first, tmp_path):
    folder = copied(first, tmp_path)
    copy, target, tiny = (cell(folder, name) for name in ("copy", "target", "tiny"))
    (copy / "record-pairs-only.json").unlink()
    for path in [target / "record-pairs-only.json", *(target / "scores").iterdir()]:
        path.unlink()
    lost = tiny / "images" / "ben-yard_07__06.png"
    before_image = lost.read_bytes()
    for path in [lost, tiny / "record-pairs-only.json", *(tiny / "scores").iterdir()]:
        path.unlink()
    before = times(folder)
    plan = bench(folder, "copy,target,tiny", "--plan").output
    assert "copy: record" in plan and "target: scores, record" in plan and "tiny seed 0: images, scores, record" in plan
    assert "cached  train tiny seed 0" in plan
    retrained = bench(folder, "tiny", "--plan", "--set", "methods.tiny.schedule.steps=6").output
    assert f"as measured in {model(folder, 'tiny').name}" in retrained and "MB of models" in retrained
    assert bench(folder, "copy,target,tiny").exit_code == 0
    after = times(folder)
    kept = [path for path in before if path.parent.name in ("images", "scores") or path.name == DONE]
    assert all(after[path] == before[path] for path in kept)
    assert lost.read_bytes() == before_image
    assert record(folder, "tiny").metrics == record(first[0], "tiny").metrics


def test_a_partial_set_is_never_averaged(first, tmp_path, monkeypatch):
    from harness import cell as stages
    from harness.specs import read_spec

    folder = copied(first, tmp_path)
    copy = cell(folder, "copy")
    for path in [copy / "images" / "ada-hall_06__07.png", *(copy / "scores").iterdir()]:
        path.unlink()
    spec = read_spec(copy / "spec.yaml")
    data = stages.test_data(Store(folder / "results"), spec)
    with pytest.raises(stages.CellFailed, match="1 of 48 images are missing: ada-hall_06__07"):
        stages.score_and_record(copy, spec, data)


def test_images_that_are_not_finite_fail_the_cell(tmp_path):
    result = bench(tmp_path, "notfinite")
    assert result.exit_code == 1
    failure = json.loads((cell(tmp_path, "notfinite") / FAILURE).read_text())
    assert "not finite" in failure["reason"] and "ada-hall_06__07" in failure["reason"]
    assert not list(cell(tmp_path, "notfinite").rglob("*.png"))


def test_a_method_that_cannot_run_is_refused_with_its_reason(tmp_path):
    result = bench(tmp_path, "picky,copy")
    assert result.exit_code == 0
    planned, told = [line.split() for line in result.output.splitlines() if "refused" in line]
    assert planned[:2] == ["refused", "picky"]
    assert " ".join(told).startswith("1 refused picky seed 0 picky needs sides of at least 4096 px")
    assert record(tmp_path, "copy").n == 48
    assert bench(tmp_path, "picky").exit_code == 2


def test_policy_always_makes_everything_anew(first, tmp_path):
    folder = copied(first, tmp_path)
    before = times(folder)
    assert bench(folder, "copy", "--policy", "always").exit_code == 0
    copy = cell(folder, "copy")
    assert all(before[path] != path.stat().st_mtime_ns for path in copy.rglob("*.png"))


def test_missing_weights_stop_the_run_before_any_work(tmp_path, empty_home):
    protocol = {**PROTOCOL, "name": "with-lpips", "pairs": ["lpips"]}
    result = bench(tmp_path, "copy", protocol=protocol)
    assert result.exit_code == 2
    assert "alexnet" in result.output and "bench weights fetch alexnet" in result.output
    assert not (tmp_path / "results").exists()
    assert "missing: " in bench(tmp_path, "copy", "--plan", protocol=protocol).output


@pytest.fixture
def hanging(tmp_path):
    """A run whose training lasts: (process, id of the training's own process)."""
    command = [sys.executable, "-m", "harness.cli", *arguments(tmp_path, "hangs")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    deadline_s = time.monotonic() + 60
    started = []
    while not started and time.monotonic() < deadline_s:
        started = [path for path in (tmp_path / "results").glob("models/*/started") if path.read_text()]
        time.sleep(0.1)
    yield process, int(started[0].read_text())
    process.kill()


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    # a killed run's child waits to be collected by whoever inherits it
    state = Path(f"/proc/{process_id}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_reaches_the_training_and_leaves_no_failure(tmp_path, hanging, sent):
    process, child = hanging
    process.send_signal(sent)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors and errors.count("interrupted") == 1
    assert not is_alive(child)
    assert not list((tmp_path / "results").rglob(FAILURE))


def test_a_killed_run_leaves_no_training_behind(hanging):
    process, child = hanging
    process.kill()
    deadline_s = time.monotonic() + 20
    while is_alive(child) and time.monotonic() < deadline_s:
        time.sleep(0.2)
    assert not is_alive(child)


def test_two_runs_at_once_share_the_work(tmp_path):
    commands = [[sys.executable, "-m", "harness.cli", *arguments(tmp_path, "tiny")] for _ in range(2)]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for command in commands
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    log = (model(tmp_path, "tiny") / "log.txt").read_text()
    assert log.count("=== ") == 1
    assert len(pandas.read_parquet(cell(tmp_path, "tiny") / "scores" / "pairs-only.parquet")) == 48
