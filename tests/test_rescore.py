"""`bench rescore`: the stored images under another protocol give what a run under it would have given."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from report_store import FINGERPRINT, add, pair_list, record, write_pairs
from small_run import PROTOCOL, arguments, bench
from typer.testing import CliRunner

from harness import cell as stages
from harness.cli import app
from harness.commands.ending import show_reports
from harness.images import write_png
from harness.records import read_record
from harness.rendered import market
from harness.rendered.layouts import write
from harness.store import Store

OTHER = {**PROTOCOL, "name": "ssim-too", "pairs": ["psnr", "ssim", "m_ssim"], "psnr": {"data_range": 255, "cap_db": 20}}
NOT_SCORES = {"durations_s", "created", "command"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three controls, scored under the small protocol."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_HOME", str(tmp_path_factory.getbasetemp() / "rescore-home"))
        patch.delenv("BENCH_WEIGHTS", raising=False)
        done = bench(folder, "copy,mean,noise", "--limit", "6")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def world(made, tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("BENCH_HOME", str(tmp_path_factory.getbasetemp() / "rescore-home"))
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return World(tmp_path)


class World:
    """A copy of the store, and the command that rescores it."""

    def __init__(self, folder):
        self.folder, self.results = folder, folder / "results"

    def rescore(self, *more, protocol=OTHER, code=0):
        path = self.folder / "other.yaml"
        path.write_text(yaml.safe_dump(protocol))
        given = ["rescore", "--protocol", str(path), "--results", str(self.results), *map(str, more)]
        done = CliRunner().invoke(app, given)
        assert done.exit_code == code, done.output
        return done.output

    def cell(self, method):
        (folder,) = self.results.glob(f"cells/synthetic/{method}-*")
        return folder

    def record(self, method, protocol="ssim-too"):
        return read_record(self.cell(method) / f"record-{protocol}.json")

    def snapshot(self):
        """Every file but reports and locks, and when it was written."""
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in self.results.rglob("*")
            if path.is_file() and path.name not in (".lock", ".child.lock") and "report" not in path.parts
        }


def agree(rescored, run, methods):
    """Both stores hold the same records, but for what tells when and how they were made, and the same values a pair."""
    for method in methods:
        ours, theirs = (each.record(method).model_dump(exclude=NOT_SCORES) for each in (rescored, run))
        for fields in (ours, theirs):
            (fields["budget"] or {}).pop("seconds", None)
        assert ours == theirs
        tables = [Store(each.results).scores(each.cell(method) / "record-ssim-too.json") for each in (rescored, run)]
        assert tables[0].equals(tables[1])


def test_rescoring_gives_what_a_run_under_the_protocol_gives(world, tmp_path):
    world.rescore()
    fresh = tmp_path / "fresh"
    assert bench(fresh, "copy,mean,noise", "--limit", "6", protocol=OTHER).exit_code == 0
    agree(world, World(fresh), ("copy", "mean", "noise"))


@pytest.mark.slow
def test_a_learned_cell_is_rescored_as_it_would_have_been_run(world, tmp_path):
    fresh = tmp_path / "fresh"
    for folder, protocol in ((world.folder, PROTOCOL), (fresh, OTHER)):
        assert bench(folder, "tiny", "--limit", "6", protocol=protocol).exit_code == 0
    cell = world.cell("tiny")
    spec = yaml.safe_load((cell / "spec.yaml").read_text())
    (cell / "spec.yaml").write_text(yaml.safe_dump({**spec, "assets": {"inception_v3_fid": "a", "vgg16": "b"}}))
    world.rescore("--methods", "tiny")
    agree(world, World(fresh), ("tiny",))
    # what the training used stays in the record, what the earlier protocol used does not
    (model,) = world.results.glob("models/tiny-*/spec.yaml")
    model.write_text(yaml.safe_dump({**yaml.safe_load(model.read_text()), "assets": {"vgg16": "b"}}))
    world.rescore("--methods", "tiny", protocol={**OTHER, "name": "again"})
    assert world.record("tiny", "again").weights == {"vgg16": "b"}


def test_a_run_under_the_protocol_then_finds_everything_done(world):
    world.rescore()
    again = CliRunner().invoke(app, [*arguments(world.folder, "copy,mean,noise", "--limit", "6", protocol=OTHER)])
    assert again.exit_code == 0 and "3 cached" in again.output


def test_nothing_else_in_the_store_changes(world):
    before = world.snapshot()
    world.rescore()
    after = world.snapshot()
    assert {path: after[path] for path in before} == before
    assert {path.name for path in set(after) - set(before)} == {
        "record-ssim-too.json", "ssim-too.parquet", "ssim-too.json",
    }  # fmt: skip


def test_the_second_time_there_is_nothing_to_do(world):
    assert "3 done" in world.rescore()
    before = world.snapshot()
    assert "3 cached" in world.rescore()
    assert world.snapshot() == before


def test_an_interrupted_rescoring_goes_on(world, monkeypatch):
    whole, seen = stages.score_and_record, []

    def interrupted(folder, spec, data):
        seen.append(spec.method)
        if len(seen) == 2:
            raise KeyboardInterrupt
        whole(folder, spec, data)

    monkeypatch.setattr(stages, "score_and_record", interrupted)
    assert "the same command goes on from here" in world.rescore(code=130)
    monkeypatch.setattr(stages, "score_and_record", whole)
    told = world.rescore()
    assert "1 cached" in told and "2 done" in told


def test_a_changed_protocol_of_the_same_name_is_scored_anew(world):
    capped = {**PROTOCOL, "psnr": {"data_range": 255, "cap_db": 3}}
    before = world.record("copy", "pairs-only").metrics["psnr"].mean
    assert before > 3
    assert "3 done" in world.rescore(protocol=capped)
    assert world.record("copy", "pairs-only").metrics["psnr"].mean == pytest.approx(3)


def test_where_versions_of_a_protocol_would_meet_in_a_report_there_is_a_note_and_no_report(tmp_path, capsys):
    pairs = pair_list()
    write_pairs(tmp_path, pairs)
    records = [record(method, pairs, protocol_hash=mark * 64) for method, mark in (("mrnet", "a"), ("pg2", "b"))]
    for one in records:
        add(tmp_path, one, pairs)
    recorded = SimpleNamespace(
        dataset="footage", protocol_name="offline-v1", split="video",
        test_pair_list_hash=pairs.hash, dataset_fingerprint=FINGERPRINT,
    )  # fmt: skip
    show_reports(tmp_path, [recorded])
    assert "2 versions of the protocol" in capsys.readouterr().err


def test_a_title_is_no_change(world):
    assert "3 cached" in world.rescore(protocol={**PROTOCOL, "title": "another title"})


def test_methods_and_dataset_narrow_what_is_scored(world):
    assert "1 done" in world.rescore("--methods", "mean")
    assert not (world.cell("copy") / "record-ssim-too.json").exists()
    assert "did you mean 'mean'" in world.rescore("--methods", "maen", code=2).lower()
    assert "footage" in world.rescore("--dataset", "footage", code=2)
    assert "2 done" in world.rescore("--dataset", "synthetic")


def test_a_cell_that_lacks_images_is_named_and_left_out(world):
    next((world.cell("mean") / "images").glob("*.png")).unlink()
    told = world.rescore()
    assert "2 done" in told and "1 refused" in told
    assert "1 of 6 images are missing" in told and "bench run" in told
    assert not (world.cell("mean") / "record-ssim-too.json").exists()


def test_a_failure_does_not_stop_the_others(world):
    next((world.cell("copy") / "images").glob("*.png")).write_bytes(b"no picture")
    told = world.rescore(code=1)
    assert "2 done" in told and "1 failed" in told
    assert not (world.cell("copy") / "failure.json").exists(), "its own record is as good as before"


def test_an_error_of_our_own_is_in_the_cells_log(world, monkeypatch):
    def wrong(folder, spec, data):
        raise ZeroDivisionError("nobody expected it")

    monkeypatch.setattr(stages, "score_and_record", wrong)
    assert "ZeroDivisionError: nobody expected it" in world.rescore("--methods", "copy", code=1)
    assert "Traceback" in (world.cell("copy") / "log.txt").read_text()


def test_other_data_under_the_datasets_name_is_refused(world):
    path = world.cell("copy") / "spec.yaml"
    spec = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**spec, "dataset_fingerprint": "0" * 64}))
    told = world.rescore(code=1)
    assert "000000000000" in told and "--data-root" in told and "2 done" in told


def test_a_dataset_that_is_not_at_hand_is_told_with_what_mends_it(world, tmp_path):
    path = world.cell("copy") / "spec.yaml"
    spec = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**spec, "dataset": "footage", "data_root": str(tmp_path), "masks": None}))
    told = world.rescore(code=1)
    assert "bench data fetch footage" in told and "2 done" in told
    assert "is no folder" in world.rescore("--data-root", tmp_path / "nowhere", code=2)


def test_data_that_moved_is_named_with_data_root(world, tmp_path):
    size = market.MarketSize(train_people=4, test_people=5, distractors=2, junk=2, test_pairs=4)
    write("market", tmp_path / "old", size=size)
    given = arguments(
        tmp_path / "moved", "copy", "--data-root", str(tmp_path / "old"), "--set", "size_px=[64, 32]"
    )  # fmt: skip
    given[given.index("synthetic")] = "market"
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    (tmp_path / "old").rename(tmp_path / "new")
    world.results = tmp_path / "moved" / "results"
    assert str(tmp_path / "old") in world.rescore(code=1)
    assert "1 done" in world.rescore("--data-root", tmp_path / "new")


def test_pairs_that_are_gone_are_told(world):
    shutil.rmtree(world.results / "pairs")
    assert "test pairs are not there" in world.rescore(code=1)


def test_a_damaged_spec_is_named_and_the_others_are_scored(world):
    (world.cell("copy") / "spec.yaml").write_text("kind: [")
    told = world.rescore(code=1)
    assert "2 done" in told and "cannot read the spec" in told


def test_missing_weights_are_told_before_any_work(world):
    told = world.rescore(protocol={**OTHER, "pairs": ["lpips"]}, code=2)
    assert "bench weights fetch alexnet" in told
    assert not list(world.results.rglob("scores/ssim-too*"))


def test_what_is_no_results_folder_and_an_empty_one(world, tmp_path):
    world.results = tmp_path / "nowhere"
    assert "no results folder" in world.rescore(code=2)
    (world.results / "cells").mkdir(parents=True)
    assert "holds no cell" in world.rescore(code=2)


def test_an_imported_row_that_lacks_images_is_scored_over_those_it_has(world):
    random = np.random.default_rng(0)
    ids = [path.stem for path in sorted((world.cell("copy") / "images").glob("*.png"))]
    for pair in ids[1:]:
        write_png(world.folder / "made" / f"{pair}.png", random.integers(0, 256, (32, 32, 3), dtype=np.uint8))
    (pairs,) = world.results.glob("pairs/*/pairs.csv")
    given = ["import", world.folder / "made", "--convention", "pairs", "--dataset", "synthetic", "--preset", "32x32"]
    given += ["--pairs", pairs, "--protocol", world.folder / "protocol.yaml", "--results", world.results]
    done = CliRunner().invoke(app, [*map(str, given), "--allow-missing", "--name", "theirs"])
    assert done.exit_code == 0, done.output
    assert "4 done" in world.rescore()
    record = world.record("theirs")
    assert (record.n, record.missing) == (5, 1) and record.imported.missing_images == (ids[0],)
