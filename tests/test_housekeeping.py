"""`bench status`, `bench clean`, `bench doctor`: what is there, what may go, what lacks."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_run import arguments, bench
from typer.testing import CliRunner

from harness import cleaning, datasets, doctor, status
from harness.cli import app
from harness.locks import locked
from harness.records import read_record
from harness.status import State
from harness.store import CHILD_LOCK, DONE, FAILURE, LOCK, Store, opened
from harness.weights import WeightStore
from mrnet import files

ROOT = Path(__file__).parents[1]


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two controls and two methods, one of which fails in training."""
    folder = tmp_path_factory.mktemp("finished")
    assert bench(folder, "copy,looped,broken", "--limit", "4").exit_code == 1
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of it, to be changed."""
    shutil.copytree(finished / "results", tmp_path / "results")
    return tmp_path


def model(folder, method):
    (found,) = (folder / "results" / "models").glob(f"{method}-*")
    return found


def cell(folder, method):
    (found,) = (folder / "results" / "cells" / "synthetic").glob(f"{method}-*")
    return found


def states(folder):
    results = Store(folder / "results")
    return {item.folder.name.split("-")[0]: item.state for item in status.trainings(results)}, {
        item.folder.name.split("-")[0]: item.state for item in status.cells(results)
    }


# ---- status


def test_status_tells_done_and_failed_apart_and_shows_the_end_of_the_log(folder):
    assert states(folder) == (
        {"looped": State.DONE, "broken": State.FAILED},
        {"copy": State.DONE, "looped": State.DONE, "broken": State.FAILED},
    )
    text = run("status", "--results", folder / "results").output
    for words in ("trainings: 1 done, 1 failed", "cells: 2 done, 1 failed", "looped seed 0  3/3 steps",
                  "copy  4 images, scored under pairs-only", "RuntimeError: the wheels came off",
                  "failed: RuntimeError", "the same `bench run` (or `bench import`) goes on"):  # fmt: skip
        assert words in text, text
    assert "failed: RuntimeError" not in run("status", "--results", folder / "results", "--log-lines", 0).output
    assert f"models {status.disk_bytes(folder / 'results' / 'models') / 1e6:.1f} MB" in text


def test_status_knows_what_runs_by_its_lock(folder):
    for held, method in ((LOCK, "looped"), (CHILD_LOCK, "broken")):
        with locked(model(folder, method) / held):
            assert states(folder)[0][method] is State.RUNNING
    assert states(folder)[0]["looped"] is State.DONE


def test_status_counts_what_is_to_do(folder):
    (model(folder, "looped") / DONE).unlink()
    (cell(folder, "copy") / "record-pairs-only.json").unlink()
    found = {item.label: item for item in status.trainings(Store(folder / "results"))}
    assert found["looped seed 0"].state is State.TO_DO and found["looped seed 0"].detail == "3/3 steps"
    assert states(folder)[1]["copy"] is State.TO_DO


def test_a_run_that_was_killed_leaves_its_plan_to_be_seen(tmp_path):
    words = arguments(tmp_path, "looped,copy", "--limit", "4", "--set", "methods.looped.parameters.pause_s=9.0")
    process = subprocess.Popen([sys.executable, "-m", "harness.cli", *words], cwd=ROOT, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("results/models/looped-*/log.txt")):
        time.sleep(0.05)
    trainings, cells = states(tmp_path)
    process.kill()
    process.wait()
    assert trainings == {"looped": State.RUNNING}
    assert cells["looped"] is State.TO_DO and cells["copy"] is State.DONE


def test_a_damaged_spec_is_shown_and_keeps_nothing_else_from_showing(folder):
    (cell(folder, "copy") / "spec.yaml").write_text("kind: [")
    text = run("status", "--results", folder / "results").output
    assert "cannot read the spec" in text and "looped seed 0  4 images" in text
    (cell(folder, "looped") / "record-pairs-only.json").write_text("{")
    text = run("status", "--results", folder / "results").output
    assert "record-pairs-only.json is not a record" in text and "cells: 3 failed" in text
    (cell(folder, "broken") / FAILURE).write_text("{")
    assert "failure.json is damaged" in run("status", "--results", folder / "results").output
    assert run("clean", "--results", folder / "results", "--dry-run").exit_code == 0


# ---- clean


def found(folder):
    results = Store(folder / "results")
    return {str(item.path.relative_to(results.root)): item.reason for item in cleaning.find(results, folder / "home")}


def test_nothing_goes_that_a_cell_refers_to(folder):
    assert found(folder) == {}


def test_what_nothing_refers_to_is_found(folder):
    shutil.rmtree(cell(folder, "broken"))
    (model(folder, "looped") / "checkpoint").mkdir()
    (model(folder, "looped") / "checkpoint" / "training.pt").write_bytes(b"x" * 1000)
    (folder / "results" / "pairs" / "synthetic-000000000000-32x32").mkdir()
    left = cell(folder, "copy") / "images" / ".a.png.x1.tmp"
    left.write_bytes(b"half")
    reasons = {"/".join(name.split("-")[0].split("/")[:2]): reason for name, reason in found(folder).items()}
    assert reasons == {
        "models/broken": f"no cell uses this model (broken seed 0, {_reason(folder, 'broken')})",
        "models/looped": "checkpoint of a finished training",
        "pairs/synthetic": "no cell has these test pairs",
        "cells/synthetic": "left by a killed process",
    }


def _reason(folder, method):
    return next(item.detail for item in status.trainings(Store(folder / "results")) if item.spec.method == method)


def test_an_unfinished_training_stays_and_so_does_what_is_at_work(folder):
    (model(folder, "looped") / DONE).unlink()
    assert found(folder) == {}
    shutil.rmtree(cell(folder, "looped"))
    with locked(model(folder, "looped") / CHILD_LOCK):
        assert found(folder) == {}
    assert len(found(folder)) == 1


def test_decoded_frames_of_another_version_go_and_todays_stay(folder):
    home = folder / "home" / "cache" / "synthetic"
    today = datasets.get("synthetic").fingerprint((32, 32))[:16]
    for name in (f"{today}-32x32", f"{'0' * 16}-32x32", f"{today}-64x64"):
        (home / name).mkdir(parents=True)
    gone = {item.path.name for item in cleaning.find(Store(folder / "results"), folder / "home")}
    assert gone == {f"{'0' * 16}-32x32", f"{today}-64x64"}


def test_a_download_under_way_keeps_its_part(folder):
    store = folder / "home" / "weights"
    store.mkdir(parents=True)
    part = store / ".vgg19.pth.ab.tmp"
    part.write_bytes(b"x")
    with locked(store / ".fetch.lock"):
        assert found_at_home(folder) == []
    assert found_at_home(folder) == [part]


def found_at_home(folder):
    return [item.path for item in cleaning.find(Store(folder / "results"), folder / "home")]


def test_clean_asks_first(folder, empty_home):
    shutil.rmtree(cell(folder, "broken"))
    gone = model(folder, "broken")
    words = ("clean", "--results", folder / "results")
    shown = run(*words, "--dry-run")
    assert "would remove 1 of them" in shown.output and str(gone) in shown.output and gone.is_dir()
    refused = CliRunner().invoke(app, [str(word) for word in words], input="n\n")
    assert "Remove 1 of them" in refused.output and "nothing removed" in refused.output and gone.is_dir()
    agreed = CliRunner().invoke(app, [str(word) for word in words], input="y\n")
    assert "removed 1 of them" in agreed.output and not gone.exists()
    assert "nothing to remove" in run(*words, "--yes").output
    record = read_record(cell(folder, "looped") / "record-pairs-only.json")
    assert record.n == 4, "a record needs neither model nor training"


def test_what_a_run_took_up_meanwhile_stays(folder):
    results, home = Store(folder / "results"), folder / "home"
    before = cell(folder, "looped")
    before.rename(folder / "aside")
    items = cleaning.find(results, home)
    assert [item.path for item in items] == [model(folder, "looped")]
    (folder / "aside").rename(before)
    assert cleaning.remove(items, results, home) == [] and model(folder, "looped").is_dir()


def test_leftovers_are_told_by_their_name(tmp_path):
    with pytest.raises(OSError), files.replacing(tmp_path / "a.png") as temporary:
        temporary.write_bytes(b"x")
        assert files.leftovers(tmp_path) == [temporary] and files.leftovers(tmp_path, "b.png") == []
        raise OSError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), files.new_folder(tmp_path / "frames") as temporary:
        (temporary / "x").touch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_opened_is_for_results_folders(folder):
    assert opened(folder / "results").root == folder / "results"


# ---- doctor


def examined(tmp_path, weights=None):
    return list(doctor.examine(tmp_path, weights or WeightStore()))


def about(lines, topic, name):
    return next(line for line in lines if line.topic == topic and line.text.startswith(name))


def test_doctor_names_what_each_missing_piece_would_enable(empty_home, tmp_path):
    lines = examined(tmp_path)
    assert not about(lines, "datasets", "footage").good
    assert "bench data fetch footage, for bench run --dataset footage" in about(lines, "datasets", "footage").text
    assert about(lines, "datasets", "synthetic").good
    vgg19 = about(lines, "weights", "vgg19").text
    assert "perceptual and RoI losses of the paper. Run: bench weights fetch vgg19" in vgg19
    needed = "alexnet vgg16 efficientnet_lite0 blazepose inception_v3_fid"
    assert about(lines, "protocols", "std-v1").text == f"std-v1: needs bench weights fetch {needed}"
    assert about(lines, "presets", "mrnet at quick").text == "mrnet at quick: needs bench weights fetch vgg16"
    assert any("bf16" in line.text for line in lines) and any("torch " in line.text for line in lines)
    assert not [line for line in lines if line.essential and line.good is False]


def test_doctor_sees_what_is_here_and_what_is_damaged(weights, tmp_path):
    lines = examined(tmp_path, weights)
    assert about(lines, "weights", "alexnet").good and about(lines, "protocols", "offline-v1").good
    (tmp_path / weights.path("alexnet").name).write_bytes(b"x")
    lines = examined(tmp_path, WeightStore(weights.folder, extra_dir=tmp_path))
    assert "has SHA-256" in about(lines, "weights", "alexnet").text
    assert not about(lines, "weights", "alexnet").good and not about(lines, "protocols", "offline-v1").good


def test_doctor_sees_that_a_place_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("x")
    result = run("doctor", "--results", tmp_path / "file" / "results")
    assert result.exit_code == 1 and f"{tmp_path / 'file'} cannot be written to" in result.output


def test_doctor_ends_with_1_where_nothing_could_run(monkeypatch, tmp_path):
    assert run("doctor", "--results", tmp_path).exit_code == 0
    monkeypatch.setattr(doctor, "requires", lambda name: ["numpy>=1", "no-such-package>=2", "ruff; extra == 'test'"])
    result = run("doctor", "--results", tmp_path)
    assert result.exit_code == 1 and "missing: no-such-package. Run: pip install no-such-package" in result.output
