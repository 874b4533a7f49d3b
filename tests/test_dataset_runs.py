"""`bench run` on the field's datasets as they lie on a disk: sizes, masks, leakage, refusals, cleaning."""

import json
import shutil

import pytest
import yaml
from typer.testing import CliRunner

from harness import cleaning, datasets, paths
from harness.cli import app
from harness.metrics.protocol import load_protocol
from harness.rendered import bbc, deepfashion, market, penn, prepared
from harness.rendered.layouts import write
from harness.store import Store

SIZES = {
    "penn": penn.PennSize(train_videos=2, test_videos=2, least_frames=14, most_frames=15),
    "bbc": bbc.BbcSize(tracked_frames=6, manual_frames=3),
    "market": market.MarketSize(train_people=4, test_people=5, distractors=2, junk=2, test_pairs=8),
    "prepared": prepared.PreparedSize(videos=3, frames=6, train_pairs=6, test_pairs=2),
    "deepfashion": deepfashion.DeepFashionSize(train_garments=3, test_garments=2),
}
BODY = """
from methods.base import Method, Synthesis
from methods.card import MethodCard

class Body(Method):
    card = MethodCard(name="body", title="Body", summary="Needs knees.", paper="none", year=2026, licence="MIT",
                      version=1, learns=False, needs_joints=("left_hip", "left_knee"))

    def synthesize(self, condition):
        return Synthesis(image=condition.image)
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn")
    for like, size in SIZES.items():
        write(like, root / like, size=size)
    return root


@pytest.fixture(autouse=True)
def home(empty_home):
    return empty_home


@pytest.fixture
def run(drawn, tmp_path, monkeypatch):
    """Run copy and target with pair metrics that need no weights; the outcome, newest records by method, the store."""
    keys = ("psnr", "ssim", "m_ssim", "box_ssim")
    plain = load_protocol("offline-v1").model_copy(update={"name": "plain", "pairs": keys, "sets": None})
    path = tmp_path / "plain.yaml"
    path.write_text(yaml.safe_dump(plain.model_dump(mode="json", exclude={"hash"})))

    def go(dataset, *options, methods="copy,target"):
        results = tmp_path / "results"
        command = ["run", "--methods", methods, "--dataset", dataset, "--data-root", str(drawn / dataset),
                   "--preset", "quick", "--protocol", str(path), "--results", str(results), *options]  # fmt: skip
        done = CliRunner().invoke(app, command)
        found = sorted(results.glob(f"cells/{dataset}*/*/record-plain.json"), key=lambda path: path.stat().st_mtime_ns)
        records = [json.loads(path.read_text()) for path in found]
        return done, {record["method"]: record for record in records}, results

    return go


def test_a_run_on_market_keeps_its_shape_and_records_masks_and_leakage(run):
    done, records, results = run("market")
    assert done.exit_code == 0, done.output
    record = records["target"]
    assert record["size_px"] == [64, 32] and record["n"] == 8
    assert record["metrics"]["m_ssim"]["mean"] == 1.0 and record["mask_source"] == "joints"
    assert record["target_box_source"] == "joints"
    assert [shared["persons"] for shared in record["leakage"]] == [0, 0, 0]
    report = next(results.glob("report/*.md")).read_text()
    assert "Person masks: joints: drawn around the joints" in report
    assert "train and test share frames: 0, groups: 0, persons: 0" in report


@pytest.mark.parametrize(
    ("dataset", "name", "masks"), [("prepared", "prepared-penn", "prepared"), ("deepfashion",) * 2 + ("joints",)]
)
def test_the_other_layouts_run(run, dataset, name, masks):
    done, records, _ = run(dataset)
    assert done.exit_code == 0, done.output
    assert records["target"]["dataset"] == name and records["target"]["mask_source"] == masks
    assert records["target"]["metrics"]["m_ssim"]["mean"] == 1.0 > records["copy"]["metrics"]["m_ssim"]["mean"]


@pytest.mark.parametrize("place", ["", "prepared", "Penn_Action", "prepared/Penn_Action"])
def test_a_prepared_set_is_found_again_wherever_it_lies(drawn, tmp_path, place):
    """By the name that its results bear, as a child process and `bench clean` do."""
    shutil.copytree(drawn / "prepared" / prepared.TOP, tmp_path / "root" / place, dirs_exist_ok=True)
    dataset = datasets.get("prepared", tmp_path / "root")
    again = datasets.get(dataset.name, tmp_path / "root")
    assert dataset.name == again.name == "prepared-penn"
    assert again.fingerprint((64, 64)) == dataset.fingerprint((64, 64))
    assert datasets.get("prepared-market").info((128, 64)).skeleton.name == "openpose18", "no data is needed for that"


def test_a_splits_own_test_list_is_tested_though_it_leaks(run, drawn, tmp_path):
    lists = CliRunner().invoke(
        app, ["data", "pairs", "prepared", "--data-root", str(drawn / "prepared"), "--out", str(tmp_path)]
    )
    assert lists.exit_code == 0
    done, records, _ = run("prepared", "--pairs", str(tmp_path / "prepared-penn-mrnet-test.csv"))
    assert done.exit_code == 0, done.output
    assert any(shared["frames"] for shared in records["copy"]["leakage"])


def test_an_empty_test_list_stops_before_any_work(run, drawn, tmp_path):
    shutil.copytree(drawn / "prepared", tmp_path / "prepared")
    path = next((tmp_path / "prepared").rglob("pair_split.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "test": []}))
    done = CliRunner().invoke(
        app, ["run", "--methods", "copy", "--dataset", "prepared", "--data-root", str(path.parents[1])]
    )
    assert done.exit_code == 2 and "has no test pair" in done.output


def test_two_versions_of_a_dataset_get_two_reports(run, drawn, tmp_path):
    run("market", methods="copy")
    shutil.copytree(drawn / "market", tmp_path / "changed")
    dataset = datasets.get("market", tmp_path / "changed")
    image = dataset.folder / dataset.index.images[-1]
    image.write_bytes((dataset.folder / dataset.index.images[-2]).read_bytes())
    done, _, results = run("market", "--data-root", str(tmp_path / "changed"), methods="copy")
    assert done.exit_code == 0, done.output
    assert len(list(results.glob("report/market-*-data-*.md"))) == 1
    both = CliRunner().invoke(app, ["report", "--results", str(results)])
    assert both.exit_code == 2 and "bench report --fingerprint" in both.output
    fingerprint = dataset.fingerprint((64, 32))
    one = CliRunner().invoke(
        app, ["report", "--dataset", "market1501", "--fingerprint", fingerprint[:8], "--results", str(results)]
    )
    assert one.exit_code == 0 and f"-data-{fingerprint[:12]}.md" in one.output


def test_leakage_of_a_split_within_videos_is_recorded_and_printed(run):
    done, records, results = run("penn", "--split", "mrnet-like")
    assert done.exit_code == 0, done.output
    leak = next(
        shared for shared in records["copy"]["leakage"] if (shared["first"], shared["second"]) == ("train", "test")
    )
    assert leak == {"first": "train", "second": "test", "frames": 0, "groups": 4, "persons": None}
    assert records["copy"]["target_box_source"] == "annotation"
    assert (
        "train and test share frames: 0, groups: 4, persons: unknown" in next(results.glob("report/*.md")).read_text()
    )


def test_other_masks_are_another_dataset_version(run):
    _, first, _ = run("bbc", methods="copy")
    done, second, results = run("bbc", "--masks", "box", methods="copy")
    assert done.exit_code == 0, done.output
    assert len(list(results.glob("report/bbc-*-masks-joints.md"))) == len(list(results.glob("report/*-box.md"))) == 1
    assert "masks-box.md" in done.stdout and "masks-joints.md" not in done.stdout, "only what was asked for is shown"
    assert first["copy"]["dataset_fingerprint"] != second["copy"]["dataset_fingerprint"]
    assert first["copy"]["metrics"]["m_ssim"]["mean"] != second["copy"]["metrics"]["m_ssim"]["mean"]
    assert second["copy"]["metrics"]["m_ssim"]["mean"] == pytest.approx(second["copy"]["metrics"]["box_ssim"]["mean"])


def test_a_dataset_without_the_joints_a_method_needs_is_refused_in_the_plan(run, tmp_path):
    plugin = tmp_path / "body.py"
    plugin.write_text(BODY)
    done, records, _ = run("bbc", "--plugin", str(plugin), "--plan", methods="body,copy")
    assert done.exit_code == 0 and not records
    assert "refused body: body needs the joints left_hip, left_knee; bbc has no such (bbc7)" in done.output
    done, records, _ = run("bbc", "--plugin", str(plugin), "--no-controls", methods="body,copy")
    assert set(records) == {"copy"}, done.output
    assert "refused" not in run("penn", "--plugin", str(plugin), "--plan", methods="body")[0].output


def test_weights_for_masks_are_asked_for_before_any_work(run, home):
    done, records, results = run("market", "--masks", "maskrcnn")
    assert done.exit_code == 2 and "bench weights fetch maskrcnn_v2" in done.output
    assert not records and not (home / "cache" / "market").exists()


def test_clean_keeps_frames_of_files_that_are_still_there_or_away_for_now(run, drawn, tmp_path, home):
    run("market")
    run("market", "--masks", "box")
    cached = {folder for folder in (home / "cache" / "market").iterdir() if not folder.name.startswith(".")}
    assert len(cached) == 2

    def removable():
        return {item.path for item in cleaning.find(Store(tmp_path / "results"), paths.home())} & cached

    assert not removable()
    source = drawn / "market"
    moved = source.rename(drawn / "away")
    try:
        assert not removable(), "a disk may be away"
    finally:
        moved.rename(source)
    csv = next(source.rglob("market-annotation-train.csv"))
    whole = csv.read_text()
    try:
        csv.write_text(whole + "\n")
        assert removable() == cached, "decoded from other annotations than today's"
    finally:
        csv.write_text(whole)


def test_the_size_of_a_preset_is_the_height_where_it_is_square():
    assert datasets.get("market").fitted((128, 128)) == (128, 64)
    assert datasets.get("deepfashion").fitted((256, 256)) == (256, 176)
    assert datasets.get("deepfashion").fitted((64, 64)) == (64, 48), "networks halve a width four times"
    assert datasets.get("market").fitted((32, 32)) == (32, 32), "and metrics need 32 px"
    assert datasets.get("penn").fitted((100, 100)) == (100, 100)
    assert datasets.get("market").fitted((100, 50)) == (100, 50), "what is not square is taken as it is"
