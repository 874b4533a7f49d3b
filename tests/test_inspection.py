"""`bench data check`, `show`, `segment` and `synth` on drawn people in the layouts of the field's datasets."""

import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from harness import datasets
from harness.cli import app
from harness.errors import UserError
from harness.images import read_image
from harness.rendered import bbc, deepfashion, market, penn, prepared
from harness.rendered.layouts import LIKE, write

SMALL = {
    "penn": penn.PennSize(train_videos=4, test_videos=2, least_frames=14, most_frames=16),
    "bbc": bbc.BbcSize(tracked_frames=6, manual_frames=4),
    "market": market.MarketSize(train_people=5, test_people=6, distractors=2, junk=2, test_pairs=12),
    "prepared": prepared.PreparedSize(videos=4, frames=6, train_pairs=6, test_pairs=2),
    "deepfashion": deepfashion.DeepFashionSize(train_garments=4, test_garments=3),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Data roots by layout; not to be changed."""
    root = tmp_path_factory.mktemp("drawn")
    for like in LIKE:
        write(like, root / like, size=SMALL[like])
    return {like: root / like for like in LIKE}


@pytest.fixture(autouse=True)
def home(empty_home):
    return empty_home


def bench(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def copied(drawn, like, tmp_path):
    shutil.copytree(drawn[like], tmp_path / like)
    return tmp_path / like, datasets.get(like, tmp_path / like)


@pytest.mark.parametrize("like", LIKE)
def test_check_accepts_what_synth_writes_and_says_what_differs_from_the_published(drawn, like):
    done = bench("data", "check", like, "--data-root", drawn[like])
    assert done.exit_code == 0, done.output
    assert "usable" in done.output and "published; another release, or a part of it" in done.output
    assert "missing joints: " in done.output and "frames that some split uses" in done.output
    assert "swapped" not in done.output and "outside" not in done.output


def test_check_tells_the_traps_of_penn_action(drawn):
    output = bench("data", "check", "penn", "--data-root", drawn["penn"]).output
    assert "lengths disagree" in output and "have no usable box; joints give theirs" in output
    assert "split mrnet is not there" in output


@pytest.mark.parametrize("like", LIKE)
def test_check_names_missing_truncated_and_foreign_files_and_ends_with_2(drawn, like, tmp_path):
    root, dataset = copied(drawn, like, tmp_path)
    missing, truncated, foreign = (dataset.folder / name for name in dataset.index.images[:3])
    missing.unlink()
    truncated.write_bytes(truncated.read_bytes()[:400])
    foreign.write_text("not an image")
    done = bench("data", "check", like, "--data-root", root)
    assert done.exit_code == 2 and "3 problems" in done.output
    for path in (missing, truncated, foreign):
        assert str(path) in done.output.replace("\n", "")


@pytest.mark.parametrize("like", [name for name in LIKE if name != "prepared"])
def test_who_has_nothing_is_told_what_to_get_and_where_to_put_it(like, home, tmp_path):
    for command in (["data", "fetch", like], ["data", "check", like], ["data", "pairs", like],
                    ["run", "--methods", "copy", "--dataset", like]):  # fmt: skip
        done = bench(*command)
        assert done.exit_code == 2, command
        assert "https://" in done.output and str(home / "data" / like) in done.output.replace("\n", "")
        assert f"bench data synth --like {like}" in done.output
    listed = bench("data", "list").output
    assert f"Where to get it: bench data fetch {like}" in listed


def swapped_market(root):
    """Write the annotations with rows and columns exchanged, as some exports do."""
    for path in root.rglob("market-annotation-*.csv"):
        head, *rows = path.read_text().splitlines()
        changed = [":".join((name, x, y)) for name, y, x in (row.split(":") for row in rows)]
        path.write_text("\n".join([head, *changed]) + "\n")


def swapped_penn(root):
    from scipy.io import loadmat, savemat

    for path in root.rglob("*.mat"):
        content = {key: value for key, value in loadmat(path).items() if not key.startswith("__")}
        content["x"], content["y"] = content["y"], content["x"]
        savemat(path, content)


def swapped_prepared(root):
    import pickle

    path = next(root.rglob("pose_label.pkl"))
    poses = {name: [[y, x] for x, y in joints] for name, joints in pickle.loads(path.read_bytes()).items()}
    path.write_bytes(pickle.dumps(poses, protocol=2))


def swapped_bbc(root):
    from scipy.io import loadmat, savemat

    path = next(root.rglob("bbcpose.mat"))
    entries = loadmat(path)["bbcpose"]
    for entry in entries.ravel()[:20]:
        for name in ("train_joints", "test_joints"):
            entry[name] = entry[name][::-1] if np.size(entry[name]) else entry[name]
    savemat(path, {"bbcpose": entries})


@pytest.mark.parametrize(
    ("like", "swap"),
    [("market", swapped_market), ("penn", swapped_penn), ("prepared", swapped_prepared), ("bbc", swapped_bbc)],
)
def test_swapped_coordinates_are_suspected(drawn, like, swap, tmp_path):
    root, _ = copied(drawn, like, tmp_path)
    swap(root)
    output = bench("data", "check", like, "--data-root", root).output
    assert "swapped" in output, output


def test_empty_masks_are_named_and_are_no_hindrance(drawn, tmp_path):
    root, dataset = copied(drawn, "prepared", tmp_path)
    Image.new("L", (128, 128)).save(dataset.folder / dataset.index.masks[0])
    done = bench("data", "check", "prepared", "--data-root", root)
    assert done.exit_code == 0 and f"1 masks (prepared) are empty, such as {dataset.index.ids[0]}" in done.output


@pytest.mark.parametrize("like", LIKE)
def test_show_draws_a_sheet_in_the_datasets_shape(drawn, like, tmp_path):
    path = tmp_path / "sheet.png"
    done = bench("data", "show", like, "--data-root", drawn[like], "--columns", "2", "--rows", "3", "--out", path)
    assert done.exit_code == 0, done.output
    width = {"market": 128, "deepfashion": 192}.get(like, 256)  # 128 px high: market 64, deepfashion 96 px wide
    sheet = read_image(path)
    assert sheet.shape == (3 * 270, 2 * width, 3)
    for colour in ((60, 160, 255), (255, 130, 40), (60, 230, 90), (255, 255, 255)):
        assert (sheet == colour).all(axis=-1).sum() > 100, "left, right, mask and box are drawn"


def test_segment_makes_each_mask_once(drawn, monkeypatch):
    from harness import segmentation, segmenter

    made = []

    class Seeing(segmentation.Box):
        card = segmenter.SegmenterCard("seeing", "a box, as if it saw", 1, sees_image=True)

        def mask(self, subject):
            made.append(subject.image.shape)
            if len(made) == 4:
                raise KeyboardInterrupt
            return super().mask(subject)

    monkeypatch.setitem(segmenter.SEGMENTERS, "seeing", Seeing.card)
    monkeypatch.setattr("harness.datasets.decoding.build_segmenter", lambda name, weights: Seeing({"segmenter": name}))
    command = ["data", "segment", "market", "--masks", "seeing", "--data-root", drawn["market"]]
    assert bench(*command).exit_code == 130, "interrupted at the fourth"
    count = len(datasets.get("market", drawn["market"]).index)
    done = bench(*command)
    assert f"market: {count - 3} masks made, 3 were there, 0 empty" in done.output, done.output
    assert len(made) == count + 1 and set(made) == {(128, 64, 3)}
    frames = datasets.get("market", drawn["market"], "seeing").frames((64, 32))
    assert len(made) == count + 1 and frames.masks.any(axis=(1, 2)).all(), "decoding finds them in the cache"


def test_segment_refuses_what_needs_no_network(drawn):
    done = bench("data", "segment", "penn", "--data-root", drawn["penn"])
    assert done.exit_code == 2 and "blazepose, maskrcnn" in done.output
    done = bench("data", "segment", "penn", "--masks", "maskrcnn", "--data-root", drawn["penn"])
    assert done.exit_code == 2 and "bench weights fetch maskrcnn_v2" in done.output


def test_synth_writes_what_it_says_and_refuses_a_folder_in_use(tmp_path):
    done = bench("data", "synth", "--like", "prepared", "--scale", "0.2", "--out", tmp_path / "new")
    assert done.exit_code == 0 and "images" in done.output
    assert bench("data", "check", "prepared", "--data-root", tmp_path / "new").exit_code == 0
    again = bench("data", "synth", "--like", "prepared", "--out", tmp_path / "new")
    assert again.exit_code == 2 and "is there already" in again.output
    wrong = bench("data", "synth", "--like", "pen", "--out", tmp_path / "other")
    assert wrong.exit_code == 2 and "Did you mean 'penn'" in wrong.output


def test_layouts_share_a_root_and_a_killed_synth_hinders_nobody(tmp_path):
    (tmp_path / "prepared").mkdir()
    left = tmp_path / "prepared" / ".Penn_Action.abc.tmp"
    left.mkdir()
    for like in ("prepared", "deepfashion", "market"):
        done = bench("data", "synth", "--like", like, "--scale", "0.2", "--out", tmp_path)
        assert done.exit_code == 0, done.output
    assert not left.exists()
    for like in ("prepared", "deepfashion", "market"):
        assert bench("data", "check", like, "--data-root", tmp_path).exit_code == 0


def test_check_counts_what_csv_files_alone_tell(drawn, tmp_path):
    for path in drawn["market"].rglob("*.csv"):
        shutil.copy(path, tmp_path)
    done = bench("data", "check", "market", "--data-root", tmp_path)
    assert done.exit_code == 2 and "split patn: " in done.output
    assert "market lacks bounding_box_train, bounding_box_test" in done.output


def test_a_data_root_may_begin_with_a_tilde(drawn, monkeypatch):
    monkeypatch.setenv("HOME", str(drawn["market"].parent))
    assert (
        bench("data", "pairs", "market", "--data-root", "~/market", "--out", drawn["market"].parent / "lists").exit_code
        == 0
    )


def test_a_set_of_the_prepared_layout_is_told_by_its_joints_and_asked_for_by_name(drawn, tmp_path):
    assert datasets.get("prepared", drawn["prepared"]).name == "prepared-penn"
    assert (
        datasets.get("prepared-penn", drawn["prepared"]).pair_list("mrnet", "test", (64, 64)).dataset == "prepared-penn"
    )
    top = drawn["prepared"] / prepared.TOP
    assert datasets.get("prepared-penn", top).available() == (True, "")
    with pytest.raises(UserError, match="holds prepared-penn, by its 13 joints; prepared-bbc was asked for"):
        datasets.get("prepared-bbc", top).frame_ids()
    assert "--like prepared --out" in datasets.get("prepared-market", tmp_path).available()[1]
    shutil.copytree(top, tmp_path / "Penn_Action")
    shutil.copytree(top, tmp_path / "prepared" / "bbcpose")
    available, reason = datasets.get("prepared", tmp_path).available()
    assert not available and "several prepared sets" in reason and "prepared-penn, prepared-bbc" in reason
    with pytest.raises(UserError, match="several prepared sets"):
        datasets.get("prepared", tmp_path).info((64, 64))
    assert datasets.get("prepared-penn", tmp_path).available()[0]


def test_aliases_are_the_dataset():
    for alias, name in (("penn_action", "penn"), ("bbc_pose", "bbc"), ("market1501", "market")):
        assert datasets.get(alias).name == name
