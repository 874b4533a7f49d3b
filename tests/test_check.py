"""`bench check`: an honest method passes, and each way of breaking the contract is found and named, alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from broken_methods import Honest
from small_run import PLUGIN as SMALL_METHODS
from small_run import bench
from typer.testing import CliRunner

from harness.check import check, dataset_for
from harness.cli import app
from harness.errors import UserError
from harness.stand_ins import StandInWeights
from methods import registry
from methods.card import MethodCard
from mrnet.skeletons import FOOTAGE18, PENN13

PLUGIN = Path(__file__).with_name("broken_methods.py")

CARD = """
from methods.base import Method
from methods.card import MethodCard

class Odd(Method):
    card = MethodCard("odd", "Odd", "", "", 2026, "MIT", 1, {})

    def synthesize(self, condition):
        ...
"""

BROKEN = {
    "peeks": ("sees nothing of the target", "noise in place of the targets"),
    "remembers": ("sees nothing of the target", "noise in place of the targets"),
    "peeks_when_trained": ("sees nothing of the target", "noise in place of the targets"),
    "reorders": ("any batch and place", "alone differs by"),
    "depends_on_batch": ("any batch and place", "alone differs by"),
    "zero_to_one": ("in [-1, 1]", r"look like [0, 1]"),
    "bytes": ("in [-1, 1]", "magnitude"),
    "forgets": ("after save and load", "loaded into a new instance"),
    "ignores_seed": ("another seed", "context.seed is not used"),
    "restless": ("the second time", "called twice"),
    "starts_anywhere": ("the second time", "trained twice with one seed"),
    "loads_anything": ("refuses to load", "half a model"),
    "starts_over": ("resumed after an interruption", "resumed, it gives other images"),
    "never_asks": ("resumed after an interruption", "goes on after it was asked to stop"),
    "silent": ("resumed after an interruption", "never calls context.on_step"),
    "scribbles": ("leaves the condition as it was", "writes to the condition's image"),
    "wrong_size": ("of the size asked for", "(8, 3, 16, 16), expected (8, 3, 32, 32)"),
    "one_too_few": ("one image a pair", "(7, 3, 32, 32), expected (8, 3, 32, 32)"),
    "not_finite": ("finite", "not finite"),
    "passes_backwards": ("passes in order", "the last of `passes`"),
    "bare": ("one image a pair", "gave a Tensor; a methods.base.Synthesis is needed"),
    "whole": ("one image a pair", "an image of torch.int64; a tensor of floats"),
    "quits": ("one image a pair", "calls sys.exit"),
    "says_unseeded": ("another seed", "though the card says seeded=False"),
    "crashes": ("trains", "RuntimeError: the wheels came off (broken_methods.py:"),
}
# a method that draws anew each time cannot be the same after anything
FOLLOW = {"restless": 4, "starts_anywhere": 2}


@pytest.fixture(scope="module", autouse=True)
def plugged():
    registry.load_plugin(PLUGIN)


def findings(name):
    return list(check(registry.card(name), (PLUGIN,)))


def test_an_honest_method_keeps_every_clause():
    found = findings("honest")
    assert len(found) == 11
    assert not [finding for finding in found if finding.problem]


def test_a_training_that_draws_nothing_says_so_and_is_trained_once(tmp_path):
    registry.load_plugin(SMALL_METHODS)
    exact = registry._PLUGINS["tiny"]
    assert [finding.clause for finding in check(exact.card, (SMALL_METHODS,)) if finding.problem] == []
    result = bench(tmp_path, "tiny,looped", "--seeds", "0,1", "--plan")
    assert result.output.count("train looped seed") == 2 and result.output.count("train tiny seed") == 1


def test_blindness_is_tried_last_and_where_all_else_holds():
    assert findings("honest")[-1].clause == "sees nothing of the target"
    assert "sees nothing of the target" not in {finding.clause for finding in findings("reorders")}


def test_mrnet_keeps_every_clause():
    assert not [finding for finding in findings("mrnet") if finding.problem]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_clause_is_found_and_named(name):
    clause, words = BROKEN[name]
    broken = [finding for finding in findings(name) if finding.problem]
    assert clause in broken[0].clause and words in broken[0].problem, broken
    assert len(broken) <= FOLLOW.get(name, 1), broken


def test_every_broken_method_is_tried():
    assert {kind.card.name for kind in Honest.__subclasses__()} == set(BROKEN)


def test_a_check_leaves_home_and_threads_as_they_were(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    before = torch.get_num_threads()
    findings("honest")
    assert os.environ["BENCH_HOME"] == str(tmp_path) and not list(tmp_path.iterdir())
    assert torch.get_num_threads() == before


def test_the_command_tells_and_ends_with_1_where_a_clause_is_broken():
    good = CliRunner().invoke(app, ["check", "honest", "--plugin", str(PLUGIN)])
    assert good.exit_code == 0 and "11 clauses hold, 0 broken" in good.output
    bad = CliRunner().invoke(app, ["check", "reorders", "--plugin", str(PLUGIN)])
    assert bad.exit_code == 1 and "BROKEN  gives a pair the same image" in bad.output and "Traceback" not in bad.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mrnte"], "Did you mean 'mrnet'"),
        (["copy"], "copy is a control"),
        (["x", "--plugin", str(SMALL_METHODS.with_name("absent.py"))], "absent.py is not a file"),
        (["x", "--plugin", "PYTHON:x = ("], "cannot be imported: SyntaxError"),
        (["x", "--plugin", "PYTHON:raise SystemExit(0)"], "cannot be imported: SystemExit"),
        (["x", "--plugin", "TEXT:x"], "its name must end in .py"),
        (["x", "--plugin", "CARD:size_multiple=0"], "size_multiple is at least 1, not 0"),
        (["odd", "--plugin", "CARD:reduced={'depth': 3}"], "the card of odd: unknown parameter of odd 'depth'"),
    ],
)
def test_wrong_use(tmp_path, arguments, words):
    kind, _, content = arguments[-1].partition(":")
    if content:
        path = tmp_path / ("plugin.txt" if kind == "TEXT" else "plugin.py")
        path.write_text(CARD.format(content) if kind == "CARD" else content)
        arguments = [*arguments[:-1], str(path)]
    result = CliRunner().invoke(app, ["check", *arguments])
    assert result.exit_code == 2 and words in result.output


def test_size_and_joints_follow_the_card():
    def card(**options):
        return MethodCard("x", "X", "", "", 2026, "MIT", 1, **options)

    dataset, size_px = dataset_for(card(size_multiple=48, min_size_px=64, needs_joints=("neck", "nose")))
    assert size_px == (96, 96) and dataset.info(size_px).skeleton is FOOTAGE18
    assert dataset_for(card(needs_joints=("neck", "left_hip")))[0].info(size_px).skeleton is PENN13
    with pytest.raises(UserError, match="needs the joints left_heel; synthetic has no such"):
        dataset_for(card(needs_joints=("nose", "left_heel")))


def test_stand_ins_have_the_networks_shapes():
    torchvision = pytest.importorskip("torchvision")
    for asset in ("vgg16", "vgg19", "alexnet"):
        expected = getattr(torchvision.models, asset)(weights=None).features.state_dict()
        found = StandInWeights().state_dict(asset)
        assert {key: value.shape for key, value in found.items()} == {
            f"features.{key}": value.shape for key, value in expected.items()
        }
    with pytest.raises(UserError, match="Valid: alexnet"):
        StandInWeights().state_dict("maskrcnn_v1")


def test_a_check_takes_seconds_and_needs_no_weights(tmp_path):
    environment = {**os.environ, "BENCH_HOME": str(tmp_path / "home"), "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "check", "mrnet"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "home").exists()


slow = pytest.mark.slow


@pytest.mark.parametrize(
    "name",
    [
        "patn",  # three adversaries and pools that outlive a step
        pytest.param("pg2", marks=slow),
        pytest.param("pn_gan", marks=slow),
        pytest.param("dvg", marks=slow),
        pytest.param("guided_pix2pix", marks=slow),
        pytest.param("posewarp", marks=slow),
        pytest.param("bodyroi7", marks=slow),
        pytest.param("deepfill", marks=slow),
        pytest.param("crop-inpaint(patn)", marks=slow),
        pytest.param("union-crop(pn_gan)", marks=slow),
    ],
)
def test_the_competitors_keep_the_contract(name):
    found = list(check(registry.card(name)))
    assert len(found) == 11 and not [finding for finding in found if finding.problem]
