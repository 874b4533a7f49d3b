"""The prepared layout of MR-Net's authors: trees made by hand as their loader reads them, and drawn people."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hand_made import picture, py2_array, py2_pickle, write_picture
from PIL import Image
from typer.testing import CliRunner

from harness import datasets
from harness.cli import app
from harness.errors import UserError
from harness.pairs import group_of, overlap
from harness.rendered import prepared as rendered
from harness.rendered.layouts import write

SQUARE, TALL = (128, 128), (128, 64)
PENN = [(64, 20), (50, 36), (78, 37), (44, 55), (84, 56), (41, 70), (88, 71), (55, 72), (73, 73), (54, 95), (74, 96),
        (53, 116), (75, 119)]  # fmt: skip
BBC = [(60, 30), (40, 90), (85, 92), (35, 75), (90, 76), (45, 55), (78, 56)]
MARKET = [(31, 20), (32, 31), (24, 32), (21, 50), (20, 64), (40, 33), (43, 49), (42, 66), (27, 68), (26, 92), (25, 119),
          (37, 69), (38, 93), (39, 118), (30, 21), (33, 22), (29, 23), (35, 24)]  # fmt: skip
MISSING = (-1, -1)

VIDEOS = [f"{video:04d}_{frame:06d}" for video in (1, 2, 3) for frame in (1, 5, 9)]
SPLIT = {
    "train": [["0001_000001", "0001_000005"], ["0001_000005", "0001_000001"], ["0002_000001", "0002_000009"],
              ["0003_000001", "0003_000005"]],
    "test": [["0001_000009", "0001_000001"], ["0002_000009", "0002_000005"]],
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(empty_home):
    return empty_home


def moved(joints, number):
    return [(x + number % 3, y - number % 4) for x, y in joints]


def body_mask(size_px, value=255):
    mask = np.zeros(size_px, np.uint8)
    mask[14:122, size_px[1] // 4 : 3 * size_px[1] // 4] = value
    return mask


def write_tree(root, joints=PENN, names=VIDEOS, split=SPLIT, frame_px=SQUARE, image_px=(200, 300)):
    """Lists of whole numbers in a pickle of protocol 2; masks of 255; images of any size."""
    for folder in ("Images/img", "Images/seg", "Label"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        write_picture(root / "Images" / "img" / f"{name}.jpg", *image_px, seed=number)
        Image.fromarray(body_mask(frame_px)).save(root / "Images" / "seg" / f"{name}.bmp")
    poses = {name: [list(place) for place in moved(joints, number)] for number, name in enumerate(names)}
    write_poses(root, poses)
    write_split(root, split)
    return root


def write_poses(root, poses, protocol=2):
    (root / "Label" / "pose_label.pkl").write_bytes(pickle.dumps(poses, protocol))


def write_split(root, split):
    (root / "Label" / "pair_split.json").write_text(json.dumps(split))


def read_poses(root):
    return pickle.loads((root / "Label" / "pose_label.pkl").read_bytes())


@pytest.fixture
def tree(tmp_path):
    return write_tree(tmp_path / "Penn_Action")


def opened(root, masks=None):
    return datasets.get("prepared", root, masks)


def bench(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "Traceback" not in done.output
    return done


def listed(dataset, part):
    size_px = dataset.fitted(SQUARE)
    return [(pair.reference, pair.target) for pair in dataset.pair_list("mrnet", part, size_px).pairs]


def refused(root, *words, size_px=SQUARE):
    with pytest.raises(UserError) as raised:
        opened(root).frames(size_px)
    for word in words:
        assert word in str(raised.value), str(raised.value)


# ---- by hand


def test_pairs_are_the_authors_with_validation_taken_out_by_video(tree):
    dataset = opened(tree)
    train, val, test = (listed(dataset, part) for part in ("train", "val", "test"))
    frames = [tuple(name.replace("_", "/", 1) for name in pair) for pair in SPLIT["train"]]
    assert test == [("0001/000009", "0001/000001"), ("0002/000009", "0002/000005")]
    assert sorted(train + val) == sorted(frames) and train and val
    assert train == [pair for pair in frames if pair in train], "in the authors' order"
    assert len({group_of(pair[0]) for pair in val}) == 1
    assert not {group_of(name) for pair in train for name in pair} & {group_of(name) for pair in val for name in pair}
    pair = dataset.pair_list("mrnet", "test", SQUARE).pairs[0]
    assert pair.id == "0001_000009__000001"


def test_what_the_split_shares_is_counted(tree):
    """Train and test of the paper share videos, and here a frame."""
    dataset = opened(tree)
    shared = {(found.first, found.second): found for found in overlap(dataset.partitions("mrnet"), dataset.person)}
    train, test = dataset.partitions("mrnet").train, dataset.partitions("mrnet").test
    assert shared["train", "val"].frames == shared["train", "val"].groups == 0
    assert shared["train", "test"].frames == len(set(train) & set(test))
    assert shared["train", "test"].groups == len({name[:4] for name in train} & {"0001", "0002"}) > 0
    assert shared["train", "test"].persons is None, "a person may be in several videos"


def test_a_pair_across_the_border_of_validation_is_in_neither(tmp_path):
    names = [f"{video:04d}_{frame:06d}" for video in range(1, 9) for frame in (1, 2)]
    pairs = [[a, b] for a in names for b in names if a != b]
    dataset = opened(write_tree(tmp_path / "set", names=names, split={"train": pairs, "test": pairs[:1]}))
    train, val = listed(dataset, "train"), listed(dataset, "val")
    held = {group_of(name) for pair in val for name in pair}
    assert len(held) == 1 and len(val) == 2
    assert {group_of(name) for pair in train for name in pair} == {name[:4] for name in names} - held
    assert len(train) == 14 * 13


def test_repeated_pairs_are_used_once_and_said(tmp_path):
    split = {"train": SPLIT["train"] + SPLIT["train"][:1] * 2, "test": SPLIT["test"] * 2}
    dataset = opened(write_tree(tmp_path / "set", split=split))
    assert len(listed(dataset, "test")) == 2 and len(listed(dataset, "train")) + len(listed(dataset, "val")) == 4
    output = bench("data", "check", "prepared", "--data-root", tmp_path / "set").output
    assert "2 train pairs of pair_split.json repeat another" in output and "2 test pairs" in output
    output = bench("data", "pairs", "prepared", "--data-root", tmp_path / "set", "--out", tmp_path / "lists").output
    assert "2 train pairs of pair_split.json repeat another" in output


@pytest.mark.parametrize(
    ("in_split", "in_poses"), [("", ""), ("", ".jpg"), (".jpg", ""), (".jpg", ".jpg")], ids=lambda ending: ending or "-"
)
def test_names_with_and_without_ending_in_either_file(tmp_path, in_split, in_poses):
    plain = opened(write_tree(tmp_path / "plain"))
    root = write_tree(tmp_path / "set")
    split = {part: [[name + in_split for name in pair] for pair in pairs] for part, pairs in SPLIT.items()}
    write_split(root, split)
    write_poses(root, {name + in_poses: joints for name, joints in read_poses(root).items()})
    dataset = opened(root)
    for part in ("train", "val", "test"):
        assert listed(dataset, part) == listed(plain, part)
    assert dataset.index.ids == plain.index.ids and dataset.index.images == plain.index.images
    np.testing.assert_array_equal(dataset.frames(SQUARE).joints, plain.frames(SQUARE).joints)


def test_frames_have_joints_and_masks_of_the_network_and_resized_images(tree):
    """The joints are in 128×128 whatever the image's size; the image is squeezed into it, as the loader did."""
    frames = opened(tree).frames(SQUARE)
    assert frames.ids == tuple(sorted(name.replace("_", "/", 1) for name in VIDEOS if name != "0003_000009"))
    assert frames.info.skeleton.name == "penn13" and frames.info.mask_source == "prepared"
    for name in ("0001_000001", "0002_000005", "0003_000005"):
        row = frames.index(name.replace("_", "/", 1))
        np.testing.assert_allclose(frames.joints[row], moved(PENN, VIDEOS.index(name)), atol=1e-4)
        with Image.open(tree / "Images" / "img" / f"{name}.jpg") as image:
            assert image.size == (300, 200)
            expected = np.asarray(image.resize((128, 128), Image.Resampling.BICUBIC))
        np.testing.assert_array_equal(frames.images[row], expected)
        np.testing.assert_array_equal(frames.masks[row], body_mask(SQUARE, 1))
    half = opened(tree).frames((64, 64))
    np.testing.assert_allclose(half.joints, (frames.joints + 0.5) / 2 - 0.5, atol=1e-4)
    np.testing.assert_array_equal(half.masks[0], body_mask(SQUARE, 1)[::2, ::2])


def test_the_order_of_the_pickle_does_not_matter(tmp_path):
    plain, other = write_tree(tmp_path / "plain"), write_tree(tmp_path / "other")
    write_poses(other, dict(reversed(read_poses(plain).items())))
    assert opened(other).index.ids == opened(plain).index.ids
    assert opened(other).index.digest == opened(plain).index.digest


def test_boxes_follow_the_joints(tmp_path):
    """By hand: rows 20 to 119 are 99 px; a tenth of it around, 15 % above; columns 41 to 88."""
    root = write_tree(tmp_path / "set", image_px=SQUARE)
    frames = opened(root).frames(SQUARE)
    assert frames.boxes[frames.index("0001/000001")].tolist() == [31, 5, 99, 128]


def test_minus_one_in_either_coordinate_is_missing(tree):
    poses = read_poses(tree)
    poses["0001_000001"][3] = list(MISSING)
    poses["0001_000001"][4] = [-1, 56]
    poses["0001_000001"][5] = [41.0, -1.0]
    poses["0001_000001"][6] = [float("nan"), 71]
    poses["0001_000001"][7] = [0, 0]  # a place like any other
    write_poses(tree, poses)
    joints = opened(tree).index.joints[0]
    assert np.isnan(joints[3:7]).all() and np.isfinite(joints[[0, 1, 2, 8]]).all()
    assert joints[7].tolist() == [0, 0]
    frames = opened(tree).frames(SQUARE)
    assert np.isnan(frames.joints[0, 3:7]).all() and np.isnan(frames.joints).sum() == 8


@pytest.mark.parametrize(
    ("top", "joints", "frame_px", "name", "skeleton"),
    [
        ("Penn_Action", PENN, SQUARE, "0001_000001", "penn13"),
        ("bbcpose", BBC, SQUARE, "0001_000001", "bbc7"),
        ("market1501", MARKET, TALL, "0002_c1s1_000451_03", "openpose18"),
    ],
)
@pytest.mark.parametrize("below", ["", "prepared"])
def test_the_number_of_joints_tells_the_set(tmp_path, top, joints, frame_px, name, skeleton, below):
    names = [name, name[:-1] + "7", name.replace("000", "001", 1)]
    split = {"train": [names[:2]], "test": [names[1::-1]]}
    root = write_tree(tmp_path / below / top, joints, names[:2], split, frame_px, image_px=frame_px)
    dataset = opened(tmp_path)
    assert dataset.folder == root and dataset.fitted(SQUARE) == frame_px
    frames = dataset.frames(frame_px)
    assert frames.info.skeleton.name == skeleton and frames.images.shape == (2, *frame_px, 3)
    np.testing.assert_allclose(frames.joints[frames.index(name.replace("_", "/", 1))], joints, atol=1e-4)
    np.testing.assert_array_equal(frames.masks[0], body_mask(frame_px, 1))
    with pytest.raises(UserError, match="2:1" if skeleton == "openpose18" else "1:1"):
        dataset.frames((128, 96))


def test_markets_groups_are_persons_and_known(tmp_path):
    names = ["0002_c1s1_000451_03", "0002_c2s1_000301_01", "0007_c1s1_000451_03", "0007_c2s1_000301_01"]
    split = {"train": [names[:2]], "test": [names[2:]]}
    dataset = opened(write_tree(tmp_path / "market1501", MARKET, names, split, TALL, image_px=TALL))
    assert [dataset.person(name) for name in dataset.frame_ids()] == ["0002", "0002", "0007", "0007"]
    assert dataset.frame_ids()[0] == "0002/c1s1_000451_03"
    shared = {(found.first, found.second): found for found in overlap(dataset.partitions("mrnet"), dataset.person)}
    assert shared["train", "test"].persons == 0


def test_pickles_of_python_2_with_arrays(tree):
    """As the authors' program wrote them: a dict of arrays, their bytes in Python 2's strings."""
    poses = {name: np.array(joints, dtype=np.float64) + 0.25 for name, joints in read_poses(tree).items()}
    content = py2_pickle({name: py2_array(joints) for name, joints in poses.items()})
    (tree / "Label" / "pose_label.pkl").write_bytes(content)
    frames = opened(tree).frames(SQUARE)
    for name, joints in poses.items():
        if name != "0003_000009":
            np.testing.assert_allclose(frames.joints[frames.index(name.replace("_", "/", 1))], joints, atol=1e-4)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_lists_arrays_and_numpy_numbers_are_the_same_poses(tmp_path, protocol):
    plain = opened(write_tree(tmp_path / "plain"))
    for kind, make in {
        "array": lambda joints: np.array(joints, dtype=np.float32),
        "whole": lambda joints: np.array(joints, dtype=np.int64),
        "numbers": lambda joints: [[np.float64(x), np.int32(y)] for x, y in joints],
    }.items():
        root = write_tree(tmp_path / kind)
        write_poses(root, {name: make(joints) for name, joints in read_poses(root).items()}, protocol)
        np.testing.assert_array_equal(opened(root).index.joints, plain.index.joints)
        assert opened(root).index.digest == plain.index.digest


def labels(size_px):
    """Body parts 1 to 6, as intrinsic_flow's masks hold."""
    mask = body_mask(size_px, 1)
    return mask * (1 + np.arange(size_px[0])[:, None] // 20 % 6).astype(np.uint8)


@pytest.mark.parametrize(
    "mask",
    [
        body_mask(SQUARE, 1),
        body_mask(SQUARE, 255),
        labels(SQUARE),
        body_mask(SQUARE, 255).astype(bool),
        np.repeat(body_mask(SQUARE, 255)[..., None], 3, axis=2),
    ],
    ids=["1", "255", "labels", "1 bit", "three equal channels"],
)
def test_whatever_is_not_black_is_the_person(tree, mask):
    path = tree / "Images" / "seg" / "0001_000001.bmp"
    Image.fromarray(mask).save(path)
    frames = opened(tree).frames(SQUARE)
    np.testing.assert_array_equal(frames.masks[0], body_mask(SQUARE, 1))


def test_grey_and_palette_images_are_read(tree):
    folder = tree / "Images" / "img"
    Image.fromarray(picture(200, 300, 1)).convert("L").save(folder / "0001_000001.jpg")
    Image.fromarray(picture(64, 48, 1)).convert("P").save(folder / "0001_000005.jpg", format="GIF")
    frames = opened(tree).frames(SQUARE)
    for name in ("0001_000001", "0001_000005"):
        with Image.open(folder / f"{name}.jpg") as image:
            expected = np.asarray(image.convert("RGB").resize((128, 128), Image.Resampling.BICUBIC))
        np.testing.assert_array_equal(frames.images[frames.index(name.replace("_", "/", 1))], expected)


def test_drawn_masks_need_no_files_of_masks_to_be_of_a_size(tree):
    Image.fromarray(body_mask((64, 64))).save(tree / "Images" / "seg" / "0001_000001.bmp")
    assert opened(tree, "joints").frames(SQUARE).masks.any()


def test_pairs_need_no_image(tree, tmp_path):
    for folder in ("img", "seg"):
        for path in (tree / "Images" / folder).iterdir():
            path.unlink()
        (tree / "Images" / folder).rmdir()
    done = bench("data", "pairs", "prepared", "--data-root", tree.parent, "--out", tmp_path / "lists")
    assert done.exit_code == 0 and "test: 2 pairs of 4 frames, 2 distinct targets, sha256" in done.output, done.output
    assert "persons: unknown" in done.output


# ---- drawn people


def test_drawn_people_are_read_as_they_were_drawn(tmp_path, monkeypatch):
    drawn, save = {}, rendered._write_mask

    def kept(path, rendering, value):
        drawn[path.stem] = rendering
        save(path, rendering, value)

    monkeypatch.setattr(rendered, "_write_mask", kept)
    size = rendered.PreparedSize(videos=4, frames=4, train_pairs=5, test_pairs=2)
    write("prepared", tmp_path, size=size)
    dataset = opened(tmp_path)
    frames = dataset.frames(SQUARE)
    assert len(frames) > 10
    for frame, image, mask, joints in zip(frames.ids, frames.images, frames.masks, frames.joints, strict=True):
        rendering = drawn[frame.replace("/", "_")]
        height, width = rendering.mask.shape
        for name, found in zip(dataset.skeleton.joints, joints, strict=True):
            joint = rendering.joints[name]
            expected = [(joint.x + 0.5) * 128 / width - 0.5, (joint.y + 0.5) * 128 / height - 0.5]
            if joint.seen:
                np.testing.assert_allclose(found, expected, atol=0.011)
            else:
                assert np.isnan(found).all()
        share = Image.fromarray(rendering.mask.astype(np.float32)).resize((128, 128), Image.Resampling.BOX)
        assert (mask != (np.asarray(share) >= 0.5)).mean() < 0.001
        small = np.asarray(Image.fromarray(rendering.image).resize((128, 128), Image.Resampling.BICUBIC))
        assert np.abs(image.astype(int) - small).mean() < 8


# ---- bad input


class RunsCode:
    """A pickle of this calls `open(path, "w")` when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_with_code_is_refused_and_not_run(tree, tmp_path):
    write_poses(tree, {**read_poses(tree), "0003_000009": RunsCode(tmp_path / "ran")})
    for command in ("check", "pairs", "show"):
        done = bench("data", command, "prepared", "--data-root", tree)
        assert done.exit_code == 2, done.output
        assert "pose_label.pkl was not opened" in done.output.replace("\n", "") and "open" in done.output
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda poses: {name: joints[:12] for name, joints in poses.items()}, ("poses of 12 joints (", "7, of 13 or")),
        (lambda poses: {**poses, "0002_000005": PENN[:12]}, ("12 joints (0002_000005)", "13 joints (")),
        (lambda poses: {**poses, "0002_000005": BBC}, ("7 joints (0002_000005)", "13 joints (")),
        (lambda poses: {**poses, "0002_000005": [[1, 2], ["x", 3]]}, ("'0002_000005'",)),
        (lambda poses: {**poses, "0002_000005": [[1, 2, 3]] * 13}, ("'0002_000005'", "(13, 3)")),
        (lambda poses: {**poses, "0002_000005": np.array(PENN).T}, ("'0002_000005'", "(2, 13)")),
        (lambda poses: {**poses, 5: PENN}, ("5 is no name",)),
        (lambda poses: {**poses, "0002_000005.jpg": PENN}, ("two poses of 0002_000005",)),
        (lambda poses: list(poses.values()), ("holds a list",)),
        (lambda poses: {}, ("holds no pose",)),
    ],
)
def test_wrong_poses_name_file_and_key(tree, change, words):
    write_poses(tree, change(read_poses(tree)))
    refused(tree, str(tree / "Label" / "pose_label.pkl"), *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"train": [["0001_000001", "0001_000005"]]}', ("no lists 'train' and 'test'",)),
        ('{"train": [], "test": {}}', ("no lists 'train' and 'test'",)),
        ("[]", ("no lists 'train' and 'test'",)),
        ('{"train": [], "test": []}', ("names no pair",)),
        ("{'train': []}", ("not valid JSON",)),
        ("", ("not valid JSON",)),
        ("[" * 100_000, ("not valid JSON",)),
        ('{"train": [["0001_000001"]], "test": []}', ("train[0]", '["0001_000001"]', "two names")),
        ('{"train": [["0001_000001", "0001_000005"], ["a", "b", "c"]], "test": []}', ("train[1]", '"c"', "two names")),
        ('{"train": [], "test": [["0001_000001", 5]]}', ("test[0]", "5", "two names")),
        ('{"train": [], "test": ["0001_000001"]}', ("test[0]", "two names")),
        ('{"train": [], "test": [["0001_000001", ""]]}', ("test[0]", "two names")),
        (
            '{"train": [["0001_000001", "0009_000001"]], "test": []}',
            ("without a pose", "0009_000001", "pose_label.pkl"),
        ),
    ],
)
def test_wrong_splits_name_file_and_entry(tree, text, words):
    path = tree / "Label" / "pair_split.json"
    path.write_text(text)
    refused(tree, str(path), *words)
    done = bench("data", "pairs", "prepared", "--data-root", tree, "--out", tree / "lists")
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("joints", "frame_px", "wrong_px"),
    [(PENN, SQUARE, (64, 64)), (PENN, SQUARE, (128, 64)), (PENN, SQUARE, (200, 300)), (MARKET, TALL, (128, 128)),
     (MARKET, TALL, (64, 32))],
)  # fmt: skip
def test_a_mask_of_another_size_than_the_networks_is_refused(tmp_path, joints, frame_px, wrong_px):
    """Also at another task size: a mask that does not fit the joints is the mask of something else."""
    root = write_tree(tmp_path / "set", joints, frame_px=frame_px)
    path = root / "Images" / "seg" / "0002_000005.bmp"
    Image.fromarray(body_mask(wrong_px)).save(path)
    words = (str(path), "{}×{} is needed".format(*frame_px), "is {}×{};".format(*wrong_px))
    refused(root, *words, size_px=frame_px)
    refused(root, *words, size_px=(64, 64 * frame_px[1] // 128))
    done = bench("data", "check", "prepared", "--data-root", root)
    assert done.exit_code == 2 and "is {}×{};".format(*wrong_px) in done.output.replace("\n", "")


def test_jpeg_coloured_and_damaged_masks_are_refused_by_name(tree):
    path = tree / "Images" / "seg" / "0002_000005.bmp"
    Image.fromarray(body_mask(SQUARE)).save(path, format="JPEG")
    refused(tree, str(path), "lossy")
    Image.fromarray(picture(*SQUARE, 0)).save(path)
    refused(tree, str(path), "RGB")
    path.write_bytes(path.read_bytes()[:500])
    refused(tree, str(path), "not a readable image")
    path.write_text("no image")
    refused(tree, str(path), "not a readable image")


def test_missing_and_damaged_files_are_named(tree):
    (tree / "Images" / "seg" / "0001_000005.bmp").unlink()
    (tree / "Images" / "img" / "0002_000009.jpg").unlink()
    refused(tree, "2 files are missing", "Images/seg/0001_000005.bmp", "Images/img/0002_000009.jpg")
    write_tree(tree)
    path = tree / "Images" / "img" / "0002_000009.jpg"
    path.write_text("<html>quota exceeded</html>")
    refused(tree, str(path), "not a readable image")


@pytest.mark.parametrize("name", ["Label/pair_split.json", "Label/pose_label.pkl"])
def test_a_missing_label_says_what_to_get_and_where_to_put_it(tree, name):
    (tree / name).unlink()
    refused(tree, f"{name} is not in {tree}", "https://github.com/loadder/MR-Net", "bench data check prepared")


def test_who_has_nothing_is_told_what_to_get(home):
    for command in (["data", "fetch"], ["data", "check"], ["data", "pairs"], ["run", "--methods", "copy", "--dataset"]):
        done = bench(*command, "prepared")
        assert done.exit_code == 2 and "https://github.com/loadder/MR-Net" in done.output, command
        assert str(Path("data") / "prepared") in done.output.replace("\n", "")
    assert bench("data", "list").exit_code == 0
