"""`bench regress`: what each gate lets pass and what it catches, baselines of other ground, renewal, interruption."""

import json
import shutil

import numpy as np
import pytest
import yaml
from scipy import stats
from small_run import PLUGIN, PRESET, PROTOCOL
from typer.testing import CliRunner

from harness import baselines, gates, regress, resolve, store
from harness.baselines import Baseline, Spread, Tolerances
from harness.cli import app
from harness.errors import UserError
from harness.gates import Gate, Verdict
from harness.images import read_image, write_png
from harness.records import MetricValue
from harness.regress import RegressRequest

SEEDS = [0, 1, 2]
STEPS = 150


def bench(*words):
    return CliRunner().invoke(app, ["regress", *map(str, words)])


def write_asked(folder, **changes):
    """A baseline file with the asked part alone, and the preset and protocol it names beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    schedule = {"steps": STEPS, "batch_size": 4, "learning_rate": 0.02}
    (folder / "tests.yaml").write_text(yaml.safe_dump(PRESET | {"methods": {"looped": {"schedule": schedule}}}))
    (folder / "protocol.yaml").write_text(yaml.safe_dump(PROTOCOL))
    asked = {"method": "looped", "dataset": "synthetic", "preset": "tests.yaml", "protocol": "protocol.yaml"}
    asked |= {"limit": 8, "seeds": SEEDS} | changes
    path = folder / "small.yaml"
    path.write_text("# why this is asked\n" + yaml.safe_dump({"asked": asked}))
    return path


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A baseline of a small method, measured by the command; its file."""
    path = write_asked(tmp_path_factory.mktemp("baseline"))
    result = bench("--baseline", path, "--update", "--plugin", PLUGIN)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture
def baseline(measured, tmp_path):
    """A copy of it that a test may spoil."""
    shutil.copytree(measured.parent, tmp_path / "copy")
    return tmp_path / "copy" / measured.name


def changed(path, **asked):
    """Change what the file asks for, and leave what was measured."""
    content = yaml.safe_load(path.read_text())
    content["asked"] |= asked
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def plugin(folder, old, new):
    """The plugin of the small methods with a line planted in it."""
    source = PLUGIN.read_text()
    assert source.count(old) == 1
    path = folder / "planted.py"
    path.write_text(source.replace(old, new))
    return path


def check(path, *names, plugins=(PLUGIN,)):
    """Pass the named gates; passages by gate."""
    found = regress.check(RegressRequest(str(path), tuple(map(Gate, names)), tuple(plugins)))
    return {passage.gate: passage for passage in found.passages}


# ---- verdicts, plain arithmetic


def value(mean, n=10):
    return MetricValue(mean=mean, n=n)


def test_the_interval_is_the_seeds_prediction_interval_and_the_pairs_error_in_quadrature():
    values = (0.50, 0.52, 0.55, 0.49)
    seeds = stats.t.ppf(0.995, 3) * np.std(values, ddof=1) * np.sqrt(1 + 1 / 4)
    alone = gates.half_width(Spread(values=values, pair_error=0.0), 0.99)
    assert alone == pytest.approx(seeds, rel=1e-12)
    both = gates.half_width(Spread(values=values, pair_error=0.01), 0.99)
    assert both == pytest.approx(np.hypot(seeds, stats.norm.ppf(0.995) * 0.01), rel=1e-12)


def test_a_new_training_of_the_same_distribution_is_inside_as_often_as_promised():
    generator = np.random.Generator(np.random.PCG64(3))
    draws = generator.normal(0.5, 0.02, (4000, 6))
    inside = [
        abs(row[5] - row[:5].mean()) <= gates.half_width(Spread(values=tuple(row[:5]), pair_error=0.0), 0.95)
        for row in draws
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)


def test_the_pairs_error_is_that_of_the_group_means():
    generator = np.random.Generator(np.random.PCG64(1))
    groups = np.repeat([f"g{i}" for i in range(30)], 4)
    values = generator.normal(0, 1, (2, 120)) + np.repeat(generator.normal(0, 1, (2, 30)), 4, axis=1)
    means = (values[0] - values[1]).reshape(30, 4).mean(axis=1)
    assert gates.pair_error(values, groups) == pytest.approx(stats.sem(means), rel=1e-9)
    assert gates.pair_error(values, ["one"] * 120) == 0.0, "of one group nothing is told"


def test_only_worse_is_a_regression_and_better_is_told():
    spread = {
        "psnr": Spread(values=(20.0, 20.1, 19.9), pair_error=0.0),
        "lpips": Spread(values=(0.2, 0.21, 0.19), pair_error=0),
    }
    worse = gates.trained(spread, {"psnr": value(10.0), "lpips": value(0.9)}, 0.99, Tolerances())
    better = gates.trained(spread, {"psnr": value(30.0), "lpips": value(0.0)}, 0.99, Tolerances())
    same = gates.trained(spread, {"psnr": value(20.05), "lpips": value(0.2)}, 0.99, Tolerances())
    assert {row.verdict for row in worse} == {Verdict.REGRESSION}
    assert {row.verdict for row in better} == {Verdict.BETTER}
    assert {row.verdict for row in same} == {Verdict.HOLDS}


def test_rescoring_allows_a_millionth_and_a_networks_metric_a_little_more():
    was = {"ssim": 0.5, "lpips": 0.5}
    for shift, expected in ((0.0, (True, True)), (1e-5, (False, True)), (1e-3, (False, False))):
        rows = gates.rescored(was, {key: value(mean + shift) for key, mean in was.items()}, ["lpips"], Tolerances())
        assert tuple(row.verdict is Verdict.HOLDS for row in rows) == expected


def test_a_metric_that_is_gone_or_no_number_is_a_regression():
    (row,) = gates.rescored({"ssim": 0.5}, {}, [], Tolerances())
    assert row.verdict is Verdict.REGRESSION and row.note
    nothing = {"ssim": value(float("nan"))}
    spread = {"ssim": Spread(values=(0.5, 0.5, 0.5), pair_error=0.0)}
    for (row,) in (
        gates.rescored({"ssim": 0.5}, nothing, [], Tolerances()),
        gates.trained(spread, nothing, 0.99, Tolerances()),
    ):
        assert row.verdict is Verdict.REGRESSION


# ---- the three gates, for real


@pytest.mark.slow
def test_the_code_that_was_measured_passes_with_exit_code_0_and_writes_markdown(baseline, tmp_path):
    result = bench("--baseline", baseline, "--plugin", PLUGIN, "--markdown", tmp_path / "report.md")
    assert result.exit_code == 0, result.output
    assert "small: no regression" in result.output
    words = (tmp_path / "report.md").read_text()
    assert words.startswith("# Regression check small: no regression") and words.count("| PSNR |") == 3


def test_a_planted_regression_in_a_metric_is_caught_by_rescoring(baseline, monkeypatch):
    from harness.metrics import ssim

    assert check(baseline, "rescore")[Gate.RESCORE].held
    planted = ssim._channel_map
    monkeypatch.setattr(ssim, "_channel_map", lambda *args: planted(*args) * (1 - 1e-4))
    passage = check(baseline, "rescore")[Gate.RESCORE]
    assert [row.label for row in passage.having(Verdict.REGRESSION)] == ["M-SSIM"], "PSNR is as it was"


def test_a_changed_stored_image_is_caught_by_rescoring(baseline):
    path = next((baseline.parent / "small" / "images").glob("*.png"))
    image = read_image(path)
    image[0, 0, 0] ^= 1
    write_png(path, image)
    assert "PSNR" in {row.label for row in check(baseline, "rescore")[Gate.RESCORE].having(Verdict.REGRESSION)}


def test_a_planted_regression_in_synthesis_is_caught_by_the_frozen_checkpoint(baseline, tmp_path):
    planted = plugin(
        tmp_path, "self._network.eval()(condition.image))", "0.97 * self._network.eval()(condition.image))"
    )
    result = bench("--baseline", baseline, "--gates", "rescore,rerun", "--plugin", planted)
    assert result.exit_code == 1, result.output
    assert "rescore  2 hold" in result.output and "images, grey levels 0 →" in result.output
    assert "small: regression" in result.output and "--update" in result.output


def test_a_planted_regression_in_training_is_caught_by_training(baseline, tmp_path):
    planted = plugin(tmp_path, "Adam(self._network.parameters())", "Adam(self._network.parameters(), maximize=True)")
    found = check(baseline, "train", plugins=[planted])[Gate.TRAIN]
    assert {row.label for row in found.having(Verdict.REGRESSION)} == {"PSNR", "M-SSIM"}


def test_another_seed_is_no_regression(baseline):
    changed(baseline, seeds=[7, 8, 9])
    found = check(baseline, "train")[Gate.TRAIN]
    assert found.held and all(row.now != row.baseline for row in found.rows)


def test_a_training_that_fails_is_a_regression_and_says_why(baseline, tmp_path):
    planted = plugin(tmp_path, "torch.manual_seed(context.seed)\n", "raise RuntimeError('planted')\n")
    found = check(baseline, "rescore", "train", plugins=[planted])
    assert found[Gate.RESCORE].held and not found[Gate.TRAIN].held and "planted" in found[Gate.TRAIN].failure


@pytest.mark.slow
def test_an_interrupted_check_goes_on_and_leaves_nothing(baseline, monkeypatch):
    home = baseline.parent / "home"
    monkeypatch.setattr(regress.paths, "home", lambda: home)
    run, calls = regress.runner.run, []

    def interrupted(plan):
        calls.append(plan)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(plan)

    monkeypatch.setattr(regress.runner, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check(baseline, "rerun", "train")
    records = {path: path.stat().st_mtime_ns for path in home.rglob("record-*.json")}
    assert len(records) == 1, "the rerun's record is kept"
    done = []
    monkeypatch.setattr(regress.runner, "run", lambda plan: done.extend(run(plan)) or done)
    check(baseline, "rerun", "train")
    assert done[0].end is regress.runner.End.CACHED, "what was done is not done again"
    assert not list(home.rglob("record-*.json"))


# ---- other ground, and files that are not whole


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"limit": 4}, "another list of test pairs"),
        ({"overrides": ["size_px=[40, 40]"]}, "another version of the dataset"),
    ],
)
def test_other_pairs_and_other_data_are_refused(baseline, asked, words):
    changed(baseline, **asked)
    for path in (baseline.parent / "small" / "images").glob("*.png"):
        assert path.is_file()
    with pytest.raises(UserError, match=words) as error:
        check(baseline, "rescore")
    assert "--update" in str(error.value)


def test_another_protocol_is_refused_before_any_work(baseline):
    protocol = baseline.parent / "protocol.yaml"
    content = yaml.safe_load(protocol.read_text())
    content["ssim"]["sigma"] = 1.2
    protocol.write_text(yaml.safe_dump(content))
    result = bench("--baseline", baseline, "--plugin", PLUGIN)
    assert result.exit_code == 2 and "another protocol" in result.output and "Traceback" not in result.output


def test_what_is_not_there_is_named(baseline, tmp_path):
    images = sorted((baseline.parent / "small" / "images").glob("*.png"))
    images[0].unlink()
    with pytest.raises(UserError, match=f"lacks 1 of the baseline's images: {images[0].stem}"):
        check(baseline, "rescore")
    (baseline.parent / "small" / "model.safetensors").unlink()
    with pytest.raises(UserError, match="frozen checkpoint"):
        check(baseline, "rescore")
    with pytest.raises(UserError, match="nothing was measured yet"):
        check(write_asked(tmp_path / "new"), "rescore")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--gates", "rescor"), "Did you mean 'rescore'"),
        (("--gates", ""), "names no gate"),
        (("--baseline", "synthetik"), "Did you mean 'synthetic'"),
        (("--update", "--gates", "train"), "leave --gates and --markdown out"),
    ],
)
def test_wrong_use_is_a_sentence(words, told):
    result = bench(*words)
    assert result.exit_code == 2 and told in result.output and "Traceback" not in result.output


def test_two_seeds_are_too_few_to_tell_a_spread(tmp_path):
    with pytest.raises(UserError, match="at least 3 seeds"):
        baselines.load(str(write_asked(tmp_path, seeds=[0, 1])))


# ---- renewal


def test_update_keeps_what_was_asked_and_writes_what_was_measured(measured):
    text = measured.read_text()
    assert text.startswith("# why this is asked\n") and text.count("measured:") == 1
    content = Baseline(**yaml.safe_load(text))
    assert set(content.measured.training) == {"psnr", "m_ssim"}
    assert all(
        len(spread.values) == len(SEEDS) == len(set(spread.values)) for spread in content.measured.training.values()
    )
    assert len(list((measured.parent / "small" / "images").glob("*.png"))) == 8


def test_the_stored_numbers_are_those_of_the_stored_images(measured):
    """An independent look: the mean PSNR by scikit-image of the files that lie there."""
    from skimage.metrics import peak_signal_noise_ratio

    file = baselines.load(str(measured))
    request = RegressRequest(str(measured), plugins=(PLUGIN,))
    plan = resolve.ground(regress._run_request(request, file, measured.parent / "nowhere"))
    frames = plan.dataset.frames(plan.preset.size_px)
    stored = [read_image(store.image_path(file.folder, pair.id)) for pair in plan.test.pairs]
    targets = [frames.images[frames.index(pair.target)] for pair in plan.test.pairs]
    values = [peak_signal_noise_ratio(target, image) for target, image in zip(targets, stored, strict=True)]
    assert file.content.measured.images["psnr"] == pytest.approx(np.mean(values), abs=1e-9)


def test_the_shipped_baseline_is_whole_small_and_of_todays_ground():
    file = baselines.load("synthetic")
    size = sum(path.stat().st_size for path in file.folder.rglob("*") if path.is_file())
    assert size < 1_000_000
    plan = resolve.ground(regress._run_request(RegressRequest("synthetic"), file, file.folder / "nowhere"))
    found = baselines.require_measured(file, (pair.id for pair in plan.test.pairs))
    baselines.refuse_clash(file, found, regress._ground(plan))
    assert len(file.content.asked.seeds) >= baselines.LEAST_SEEDS
    assert json.dumps(found.images)
