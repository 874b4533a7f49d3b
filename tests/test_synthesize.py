"""`bench synthesize`: one's own picture, cut and scaled as datasets are, the mask from a file or from the joints."""

import json

import numpy as np
import pytest
from PIL import Image
from small_run import PLUGIN, bench
from typer.testing import CliRunner

from harness import datasets
from harness.body_mask import mask_of_joints
from harness.cli import app
from harness.datasets.synthetic import Synthetic
from harness.errors import UserError
from harness.images import from_uint8, read_image, read_upright, to_uint8, write_png
from harness.own_picture import Poses, Window, condition_of, read_poses, window_around
from harness.store import DONE
from harness.toy import write_files
from methods.card import DatasetInfo
from mrnet.skeletons import FOOTAGE18, PENN13

SIZE_PX = (32, 32)
INFO = DatasetInfo("synthetic", SIZE_PX, PENN13, True, "joints")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a finished training of `looped`, and the synthetic set as plain files."""
    folder = tmp_path_factory.mktemp("trained")
    assert bench(folder, "looped", "--limit", "4").exit_code == 0
    dataset = Synthetic()
    write_files(folder / "toy", dataset.frames(SIZE_PX), dataset.pair_list("time", "test", SIZE_PX))
    return folder


def model(folder):
    return next((folder / "results" / "models").glob("looped-*"))


def run(folder, *more, weights=None, method="looped", pair="ada-hall_06__07", mask=True, out="out.png"):
    reference = pair.split("__")[0]
    words = ["--method", method, "--image", folder / "toy/frames" / f"{reference}.png"]
    words += ["--pose", folder / "toy/poses" / f"{pair}.json", "--out", folder / out, "--results", folder / "results"]
    words += ["--weights", weights] if weights else []
    words += ["--mask", folder / "toy/masks" / f"{reference}.png"] if mask else []
    return CliRunner().invoke(app, ["synthesize", *map(str, words), *map(str, more)])


def test_a_pair_of_the_dataset_gives_the_stored_image(trained):
    """Folder, name and file of a training are three words for one; with the dataset's mask the image is the cell's."""
    stored = {path.name: path for path in (trained / "results/cells/synthetic").glob("looped-*/images/*.png")}
    for name, expected in stored.items():
        pair = name.removesuffix(".png")
        for weights in (model(trained), model(trained).name, model(trained) / "model.safetensors"):
            done = run(trained, weights=weights, pair=pair)
            assert done.exit_code == 0, done.output
            assert np.array_equal(read_image(trained / "out.png"), read_image(expected)), pair
    assert "32×32 px; mask: file" in done.output


def test_a_bare_file_needs_dataset_and_preset(trained, tmp_path):
    bare = tmp_path / "mine.safetensors"
    bare.write_bytes((model(trained) / "model.safetensors").read_bytes())
    plugin = ("--plugin", PLUGIN)
    assert "say with --dataset whose joints" in run(trained, *plugin, weights=bare).output
    setting = ("--dataset", "synthetic", "--preset", trained / "tests.yaml")
    done = run(trained, *plugin, *setting, weights=bare, out="bare.png")
    assert done.exit_code == 0, done.output
    run(trained, weights=model(trained))
    assert (trained / "bare.png").read_bytes() == (trained / "out.png").read_bytes()


def test_without_a_mask_file_the_joints_give_the_mask(trained):
    done = run(trained, weights=model(trained), mask=False)
    assert done.exit_code == 0 and "mask: drawn around the joints" in done.output


@pytest.mark.slow  # a small method goes the same path above
def test_the_network_itself_draws_ones_own_picture(trained, weights):
    """MR-Net through the whole path, at the smoke preset, from a training on the synthetic set."""
    words = ["--methods", "mrnet", "--dataset", "synthetic", "--preset", "smoke", "--limit", "1"]
    words.append("--no-controls")
    done = CliRunner().invoke(app, ["run", *words, "--results", str(trained / "results")])
    assert done.exit_code == 0, done.output
    (folder,) = (trained / "results" / "models").glob("mrnet-*")
    photograph = np.random.default_rng(0).integers(0, 256, (90, 140, 3), dtype=np.uint8)
    Image.fromarray(photograph).save(trained / "me.jpg")
    pose = {"reference": {"head": [60, 20], "left_hip": [64, 50], "right_hip": [56, 50], "left_ankle": [66, 80]},
            "target": {"head": [80, 22], "left_hip": [84, 50], "right_hip": [76, 50]}}  # fmt: skip
    (trained / "me.json").write_text(json.dumps(pose))
    arguments = ["--method", "mrnet", "--weights", folder, "--image", trained / "me.jpg", "--pose", trained / "me.json"]
    done = CliRunner().invoke(app, ["synthesize", *map(str, arguments), "--out", str(trained / "me.png")])
    assert done.exit_code == 0, done.output
    assert read_image(trained / "me.png").shape == (64, 64, 3)
    assert "shows x 26, y 0, 90×90 px" in done.output


# ---- pictures and poses


def poses(*points, reference=None):
    return Poses(reference, np.array(points, dtype=np.float64))


def test_the_window_has_the_methods_shape_and_lies_around_the_poses():
    assert window_around(poses([10, 10], [30, 50]), (100, 100), (64, 64)) == Window(0, 0, 100, 100)
    assert window_around(poses([80, 10], [100, 50]), (100, 200), (64, 64)) == Window(40.5, 0, 100, 100)
    assert window_around(poses([190, 10], [199, 50]), (100, 200), (64, 64)) == Window(100, 0, 100, 100)
    assert window_around(poses([10, 10], [np.nan, np.nan]), (100, 200), (128, 64)) == Window(0, 0, 50, 100)
    both = poses([100, 50], reference=np.array([[0.0, 50.0]]))
    assert window_around(both, (100, 200), (64, 64)).left == 0.5


def test_joints_keep_their_place_in_the_picture():
    window = Window(20, 10, 64, 64)
    np.testing.assert_allclose(window.joints(np.array([[19.5, 9.5], [83.5, 73.5]]), (32, 32)), [[-0.5] * 2, [31.5] * 2])


def test_a_large_picture_gives_what_the_dataset_gives_at_its_size(tmp_path):
    """The synthetic set at four times the size, as one's own picture, against the set's own condition."""
    large, small = Synthetic().frames((128, 128)), Synthetic().frames(SIZE_PX)
    pairs = Synthetic().pair_list("time", "test", SIZE_PX)
    write_files(tmp_path, large, pairs)
    pair = pairs.pairs[5]
    name = pair.reference.replace("/", "_")
    condition, window, _ = condition_of(
        tmp_path / "frames" / f"{name}.png", tmp_path / "poses" / f"{pair.id}.json",
        tmp_path / "masks" / f"{name}.png", INFO,
    )  # fmt: skip
    reference, target = small.index(pair.reference), small.index(pair.target)
    assert window == Window(0, 0, 128, 128)
    np.testing.assert_allclose(condition.joints[0], small.joints[reference], atol=1e-4)
    np.testing.assert_allclose(condition.target_joints[0], small.joints[target], atol=1e-4)
    np.testing.assert_allclose(condition.target_box[0], small.boxes[target], atol=1)
    assert np.abs(to_uint8(condition.image[0]).astype(int) - small.images[reference]).mean() < 6
    assert (condition.mask[0, 0].numpy() != small.masks[reference]).mean() < 0.05


def test_pictures_are_turned_as_their_camera_says(tmp_path):
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, :10] = (250, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter turn clockwise
    Image.fromarray(picture).save(tmp_path / "turned.png", exif=exif)
    upright = read_upright(tmp_path / "turned.png")
    assert upright.shape == (40, 20, 3) and upright[:10, :, 0].min() == 250 and upright[10:, :, 0].max() == 0


def test_pictures_that_would_be_read_wrongly_are_refused(tmp_path):
    deep = Image.fromarray(np.full((8, 8), 40_000, np.uint16))
    deep.save(tmp_path / "deep.png")
    with pytest.raises(UserError, match="more than 8 bits"):
        read_upright(tmp_path / "deep.png")
    clear = Image.new("RGBA", (8, 8), (200, 10, 10, 0))
    clear.save(tmp_path / "clear.png")
    with pytest.raises(UserError, match="transparent parts"):
        read_upright(tmp_path / "clear.png")
    Image.new("RGBA", (8, 8), (200, 10, 10, 255)).save(tmp_path / "opaque.png")
    Image.new("L", (8, 8), 70).save(tmp_path / "grey.png")
    assert read_upright(tmp_path / "opaque.png")[0, 0].tolist() == [200, 10, 10]
    assert read_upright(tmp_path / "grey.png")[0, 0].tolist() == [70, 70, 70]


def test_poses_by_name_and_by_list_are_the_same(tmp_path):
    points = [[float(i), float(2 * i)] for i in range(len(PENN13))]
    points[3] = [None, None]
    named = {name: point for name, point in zip(PENN13.joints, points, strict=True) if point != [None, None]}
    (tmp_path / "a.json").write_text(json.dumps({"reference": points, "target": points}))
    (tmp_path / "b.json").write_text(json.dumps({"target": {**named, PENN13.joints[3]: None}}))
    a, b = read_poses(tmp_path / "a.json", PENN13), read_poses(tmp_path / "b.json", PENN13)
    np.testing.assert_array_equal(a.target, b.target)
    assert np.isnan(a.target[3]).all() and b.reference is None


# ---- masks from joints


@pytest.mark.parametrize("side", [64, 128])
def test_masks_of_joints_meet_the_annotated_ones(footage, side):
    frames = footage.frames((side, side))
    overlaps = []
    for mask, joints in zip(frames.masks[::7], frames.joints[::7], strict=True):
        drawn, person = mask_of_joints(joints, FOOTAGE18, (side, side)) > 0, mask > 0
        overlaps.append((drawn & person).sum() / (drawn | person).sum())
    assert np.mean(overlaps) > 0.79 and np.percentile(overlaps, 5) > 0.74


def test_a_mask_leaves_out_what_has_no_joint_and_stays_in_the_frame():
    frames = datasets.get("synthetic").frames((96, 64))
    joints = np.array(frames.joints[3])
    whole = mask_of_joints(joints, PENN13, (96, 64))
    joints[[PENN13.joints.index(f"left_{part}") for part in ("knee", "ankle")]] = np.nan
    without = mask_of_joints(joints, PENN13, (96, 64))
    assert without.shape == (96, 64) and set(np.unique(without)) == {0, 1}
    assert without.sum() < whole.sum() and not (without & ~whole).any()
    assert not mask_of_joints(np.full((13, 2), np.nan), PENN13, (96, 64)).any()
    one = np.full((13, 2), np.nan)
    one[0] = (5, 5)
    assert mask_of_joints(one, PENN13, (96, 64)).sum() < 5


# ---- wrong use


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": "looped-000000000000"}, "Trainings in"),
        ({"weights": "toy"}, "no training and no file toy"),
        ({"weights": "CELL"}, "is a cell's folder"),
        ({"weights": "EMPTY"}, "is no training's folder: it has no spec.yaml"),
        ({"method": "lopped", "weights": "MODEL"}, "holds a training of looped, --method says lopped"),
        ({"weights": None}, "looped learns: give its training's folder or a file with --weights"),
        ({"pose": "{"}, "is not valid JSON"),
        ({"pose": '{"reference": {}}'}, 'holds no "target" pose'),
        ({"pose": '{"target": {"hed": [1, 2]}}'}, "Did you mean 'head'"),
        ({"pose": '{"target": {"head": [1]}}'}, "target.head is [1]; [x, y] in pixels"),
        ({"pose": '{"target": {"head": null}}'}, "target has no joint"),
        ({"pose": '{"target": [[1, 2]]}'}, "lists 1 joints; penn13 has 13"),
        ({"pose": '{"targets": {}, "target": {"head": [1, 2]}}'}, "unknown pose 'targets'"),
        ({"pose": '{"target": {"head": [9, 9]}}', "mask": False}, "or give --mask FILE"),
        ({"pose": '{"target": {"head": [5000, 9]}, "reference": {"head": [9, 9]}}'}, "no joint of the target pose"),
        ({"pose": '{"target": {"head": [1e300, 9]}}'}, "[x, y] in pixels"),
        ({"pose": '{"target": {"head": [' + "9" * 400 + ", 9]}}"}, "[x, y] in pixels"),
        ({"pose": "[" * 100_000}, "is not valid JSON"),
        ({"more": ("--dataset", "synthetic")}, "leave --dataset, --preset and --set out"),
        ({"out": "never.jpg"}, "a name that ends in .png is needed"),
        ({"out": "toy"}, "a name that ends in .png is needed"),
        ({"image": b"x"}, "own.png is not a readable image"),
        ({"image": None}, "no image at"),
        ({"own_mask": (8, 8)}, "mask.png is 8×8; 32×32 is needed"),
        ({"own_mask": (32, 32)}, "has no pixel in the window"),
    ],
)
def test_wrong_use(trained, tmp_path, change, words):
    places = {"CELL": next((trained / "results/cells/synthetic").iterdir()), "EMPTY": tmp_path, "MODEL": model(trained)}
    weights = change.get("weights", "MODEL")
    more = ["--plugin", PLUGIN, *change.get("more", ())]
    if "pose" in change:
        (tmp_path / "pose.json").write_text(change["pose"])
        more += ["--pose", tmp_path / "pose.json"]
    if "image" in change:
        if change["image"]:
            (tmp_path / "own.png").write_bytes(change["image"])
        more += ["--image", tmp_path / "own.png"]
    if "own_mask" in change:
        write_png(tmp_path / "mask.png", np.zeros((*change["own_mask"], 3), np.uint8))
        more += ["--mask", tmp_path / "mask.png"]
    done = run(
        trained, *more, weights=places.get(weights, weights), method=change.get("method", "looped"),
        mask=change.get("mask", True), out=change.get("out", "never.png"),
    )  # fmt: skip
    assert done.exit_code == 2 and words in done.output and "Traceback" not in done.output, done.output
    assert not (trained / "never.png").exists()


def test_an_unfinished_training_and_foreign_weights_are_refused(trained, tmp_path):
    folder = tmp_path / "looped-x"
    folder.mkdir()
    for name in ("spec.yaml", "model.safetensors"):
        (folder / name).write_bytes((model(trained) / name).read_bytes())
    assert "is not finished" in run(trained, weights=folder).output
    (folder / DONE).touch()
    (folder / "model.safetensors").write_bytes(b"x" * 100)
    done = run(trained, weights=folder)
    assert done.exit_code == 2 and "does not hold weights of looped that fit" in done.output


def test_an_image_that_breaks_the_contract_is_not_written(trained):
    setting = ("--dataset", "synthetic", "--preset", trained / "tests.yaml", "--plugin", PLUGIN)
    done = run(trained, *setting, method="notfinite", out="never.png")
    assert done.exit_code == 1 and "not finite" in done.output and not (trained / "never.png").exists()


def test_data_synth_writes_files_to_try_things_on(tmp_path, empty_home):
    done = CliRunner().invoke(app, ["data", "synth", "--out", str(tmp_path / "toy"), "--size", "48"])
    assert done.exit_code == 0 and "poses: 48 files" in done.output
    frame = read_image(tmp_path / "toy/frames/ada-hall_06.png")
    assert frame.shape == (48, 48, 3) and np.array_equal(to_uint8(from_uint8(frame)), frame)
    assert read_poses(tmp_path / "toy/poses/ada-hall_06__07.json", PENN13).reference.shape == (13, 2)
