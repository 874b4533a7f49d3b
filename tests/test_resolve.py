"""Plans over the shipped footage dataset: names, keys, what is missing where nothing was fetched, estimates."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import estimate
from harness.errors import UserError
from harness.plan import RunRequest, Status
from harness.resolve import resolve

ROOT = Path(__file__).parents[1]


def plan(tmp_path, *methods, **options):
    return resolve(RunRequest(methods=methods, dataset="footage", results=tmp_path / "results", **options))


def keys_of(resolved):
    return [training.spec.key for training in resolved.trainings]


def test_a_fresh_plan_names_trainings_cells_and_what_to_fetch(tmp_path, empty_home):
    resolved = plan(tmp_path, "mrnet", "copy")
    assert [cell.label for cell in resolved.to_do] == ["mrnet seed 0", "copy"]
    assert [training.status for training in resolved.trainings] == [Status.TO_DO]
    text = "\n".join(resolved.missing)
    assert "bench data fetch footage" in text
    assert "bench weights fetch vgg16 alexnet efficientnet_lite0 blazepose" in text
    assert not (tmp_path / "results").exists()


def test_controls_alone_need_no_training_weights(tmp_path, empty_home):
    scoring = "bench weights fetch alexnet vgg16 efficientnet_lite0 blazepose"
    assert scoring in "\n".join(plan(tmp_path, "copy").missing)
    few = plan(tmp_path, "copy", protocol="patn-2019").missing
    assert "vgg16" not in "\n".join(few)


def test_one_training_a_seed_and_one_cell_of_a_control(tmp_path):
    resolved = plan(tmp_path, "mrnet", "copy", seeds=(0, 1, 1))
    assert [cell.label for cell in resolved.cells] == ["mrnet seed 0", "mrnet seed 1", "copy"]
    assert len(set(keys_of(resolved))) == 2


def test_a_limit_changes_the_cells_and_keeps_the_training(tmp_path):
    whole, limited = plan(tmp_path, "mrnet"), plan(tmp_path, "mrnet", limit=8)
    assert len(limited.test) == 8
    assert keys_of(whole) == keys_of(limited)
    assert whole.cells[0].spec.key != limited.cells[0].spec.key


def test_set_changes_the_training_and_is_recorded_in_its_cell_alone(tmp_path):
    override = "methods.mrnet.schedule.steps=10"
    changed = plan(tmp_path, "mrnet", "copy", overrides=(override,))
    assert keys_of(changed) != keys_of(plan(tmp_path, "mrnet"))
    assert [cell.spec.overrides for cell in changed.cells] == [(override,), ()]


def test_mean_depends_on_the_training_pairs_and_copy_does_not(tmp_path):
    mean, copy = plan(tmp_path, "mean", "copy").cells
    assert mean.spec.train_pair_list_hash and copy.spec.train_pair_list_hash is None


def test_a_smoke_row_is_not_ranked_and_neither_is_a_privileged_one(tmp_path):
    ranked = {cell.method: cell.spec.ranked for cell in plan(tmp_path, "mrnet", "target", preset="smoke").cells}
    assert ranked == {"mrnet": False, "target": False}
    assert plan(tmp_path, "mrnet").cells[0].spec.ranked


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "quik"}, "Did you mean 'quick'"),
        ({"split": "vidio"}, "Did you mean 'video'"),
        ({"protocol": "offline"}, "offline-v1"),
        ({"policy": "never"}, "only-missing"),
        ({"overrides": ("methods.mrnet.parameters.widht=3",)}, "Did you mean 'width'"),
        ({"overrides": ("methods.mrnet.parameters.perceptual_network=vgg17",)}, "vgg16"),
        ({"plugins": (Path("no_such_file.py"),)}, "no_such_file.py"),
    ],
)
def test_wrong_names_are_errors_that_say_what_is_valid(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        plan(tmp_path, "mrnet", **options)


def test_the_presets_estimate_is_shown_and_named(tmp_path):
    resolved = plan(tmp_path, "mrnet", overrides=("methods.mrnet.seconds_per_step=0.5",))
    found = estimate.of_training(resolved, resolved.trainings[0])
    assert found.seconds == 0.5 * resolved.trainings[0].spec.schedule.steps
    assert "preset quick's estimate" in found.source
    assert any("preset quick's estimate" in line for line in estimate.lines(resolved))


def test_a_plan_imports_nothing_heavy(tmp_path):
    script = (
        "import sys\n"
        "from harness.cli import main\n"
        "sys.argv = ['bench', 'run', '--methods', 'mrnet,copy,mean,target', '--dataset', 'footage', '--plan']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "loaded = [name for name in ('torch', 'pandas', 'matplotlib', 'lpips') if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=_environment()
    )
    assert done.returncode == 0, done.stderr
    assert "train mrnet seed 0" in done.stdout


def _environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}
