"""Penn Action: joints, boxes and frames of a tree made by hand from the facts, splits, refusals, drawn people."""

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat
from scipy.ndimage import binary_dilation
from typer.testing import CliRunner

from harness import datasets
from harness.cli import app
from harness.datasets.penn_labels import read_video
from harness.errors import UserError
from harness.pairs import group_of, overlap
from harness.rendered import layouts
from harness.rendered import penn as drawn_penn
from mrnet.skeletons import PENN13

PARTS = ("train", "val", "test")
SIZE_PX = (64, 64)
HIGH, WIDE = 32, 128  # to 64×64: x is halved, y is doubled
NAN = np.nan
VARIABLES = ("x", "y", "visibility", "train", "bbox", "dimensions", "nframes")
WHITE_PX = (slice(16, 24), slice(96, 112))  # rows, columns of a patch in every picture


@pytest.fixture(autouse=True)
def home(empty_home):
    return empty_home


def label(root, name, frames=12, without=(), **changes):
    """labels/NAME.mat. Joint j of frame f, both from 0, lies at the MATLAB pixel (5 + 8 j, 6 + j + f % 12)."""
    frame, joint = np.mgrid[:frames, :13]
    content = {
        "action": "squats",
        "pose": "front",
        "x": 5.0 + 8 * joint,
        "y": 6.0 + joint + frame % 12,
        "visibility": np.ones((frames, 13), dtype=bool),
        "train": 1.0,
        "bbox": np.tile([3.0, 4.0, 110.0, 30.0], (frames, 1)),
        "dimensions": np.array([[HIGH, WIDE, frames]], dtype=float),
        "nframes": float(frames),
        **changes,
    }
    path = root / "labels" / f"{name}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {key: value for key, value in content.items() if key not in without})
    return path


def pictures(root, name, frames):
    """frames/NAME: grey, brighter from frame to frame, with a white patch."""
    folder = root / "frames" / name
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, frames + 1):
        pixels = np.full((HIGH, WIDE, 3), 5 * number, dtype=np.uint8)
        pixels[WHITE_PX] = 255
        Image.fromarray(pixels).save(folder / f"{number:06d}.jpg", quality=95)


def empty_pictures(root, name, frames):
    """Files by the names of pictures, with nothing in them: pair lists need no more."""
    folder = root / "frames" / name
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, frames + 1):
        (folder / f"{number:06d}.jpg").touch()


def read(root):
    return datasets.get("penn", root)


def numbers(ids):
    return [int(frame[-6:]) for frame in ids]


def pairs_of(dataset, split, partition):
    """(reference, target) by video, in the list's order."""
    found = {}
    for pair in dataset.pair_list(split, partition, SIZE_PX).pairs:
        assert group_of(pair.reference) == group_of(pair.target)
        found.setdefault(group_of(pair.target), []).append((pair.reference, pair.target))
    return found


def bench(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert "Traceback" not in result.output
    return result


# ---- a tree made by hand


# joints of 0001's first frame: (x, y, visibility) as in the file, and 0-based as expected
JOINTS = [
    ((11, 6, 1), (10, 5)),
    ((1, 1, 1), (0, 0)),
    ((128, 32, 1), (127, 31)),
    ((128.5, 20, 1), None),
    ((20, 32.5, 1), None),
    ((0.5, 20, 1), None),
    ((20, 0, 1), None),
    ((40, 20, 0), None),
    ((0.75, 0.75, 1), None),
    ((0.75, 0.75, 0), None),
    ((33.5, 12.25, 1), (32.5, 11.25)),
    ((70, 9, 1), (69, 8)),
    ((NAN, 9, 1), None),
]
# boxes of 0001's frames: x1 y1 x2 y2 as in the file, and as expected
BOXES = [
    ((11, 6, 20, 15), (10, 5, 20, 15)),
    ((1, 1, 128, 32), (0, 0, 128, 32)),
    ((-4, -3, 140, 40), (0, 0, 128, 32)),
    ((0, 0, 0, 0), None),
    ((50, 20, 10, 5), None),
    ((10, 20, 50, 5), None),
    ((200, 5, 220, 20), None),
    ((10.4, 5.6, 20.2, 15.2), (9.4, 4.6, 20.2, 15.2)),
    ((7, 8, 7, 8), (6, 7, 7, 8)),
    ((NAN, 1, 5, 5), None),
    ((100, 2, 128, 31), (99, 1, 128, 31)),
    ((3, 4, 110, 30), (2, 3, 110, 30)),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Five videos of which twelve frames can be used; each has its own trap. Not to be changed."""
    root = tmp_path_factory.mktemp("hand") / "Penn_Action"
    frame, joint = np.mgrid[:12, :13]
    x, y, visibility = 5.0 + 8 * joint, 6.0 + joint + frame, np.ones((12, 13), dtype=np.uint8)
    x[0], y[0], visibility[0] = np.array([given for given, _ in JOINTS]).T
    boxes = np.array([given for given, _ in BOXES], dtype=float)
    label(root, "0001", x=x, y=y, visibility=visibility, bbox=boxes)
    label(root, "0002", train=-1.0, bbox=np.tile([3.0, 4.0, 110.0, 30.0], (9, 1)))
    label(root, "0003", 14, nframes=15.0, y=np.full((13, 13), 7.0))
    label(root, "0004", train=0.0)
    label(root, "0005", bbox=np.zeros((0, 0)))
    for name, count in (("0001", 12), ("0002", 12), ("0003", 12), ("0004", 15), ("0005", 12)):
        pictures(root, name, count)
    (root / "frames" / "0001" / "Thumbs.db").write_bytes(b"x")
    (root / "tools").mkdir()
    (root / "README").write_text("Penn Action")
    return root


def test_ids_are_the_files_of_the_shortest_count(tree):
    index = read(tree).index
    expected = [f"{video:04d}/{number:06d}" for video in range(1, 6) for number in range(1, 13)]
    assert list(index.ids) == expected
    assert index.images == tuple(f"frames/{name}.jpg" for name in expected)
    assert index.joints.shape == (60, 13, 2) and index.joints.dtype == index.boxes.dtype == np.float32
    assert index.masks is None and index.annotated_px is None


def test_joints_are_from_0_and_missing_where_hidden_outside_or_filled(tree):
    joints = read(tree).index.joints
    np.testing.assert_array_equal(joints[0], [expected or (NAN, NAN) for _, expected in JOINTS])
    # the other frames of 0001 are plain: (5 + 8 j, 6 + j + f) in the file
    for frame in (1, 11):
        np.testing.assert_array_equal(joints[frame], [(4 + 8 * j, 5 + j + frame) for j in range(13)])
    np.testing.assert_array_equal(joints[24:36, :, 1], np.full((12, 13), 6.0))


def test_boxes_are_from_0_end_exclusive_cut_to_the_picture_or_none(tree):
    boxes = read(tree).index.boxes
    np.testing.assert_allclose(boxes[:12], [expected or (NAN,) * 4 for _, expected in BOXES], rtol=1e-6)
    np.testing.assert_array_equal(boxes[12:21], np.tile([2, 3, 110, 30], (9, 1)))
    assert np.isnan(boxes[21:24]).all(), "frames without a row"
    assert np.isnan(boxes[48:60]).all(), "no row at all"


def test_what_disagrees_is_noted(tree):
    notes = read(tree).index.notes
    assert len(notes) == 5
    for start, words in (
        ("video 0001:", ("5 of 12 frames have no usable box",)),
        ("video 0002:", ("3 of 12 frames have no usable box",)),
        ("video 0003: lengths", ("nframes 15, x 14, y 13, visibility 14, images 12", "the first 12 frames")),
        ("video 0004: lengths", ("nframes 12", "images 15", "the first 12 frames")),
        ("video 0005:", ("12 of 12 frames have no usable box",)),
    ):
        (note,) = [note for note in notes if note.startswith(start)]
        assert all(word in note for word in words), note


def test_frames_at_another_size_keep_their_place(tree):
    dataset = read(tree)
    frames = dataset.frames(SIZE_PX)
    assert frames.ids == dataset.frame_ids() and frames.groups == tuple(name[:4] for name in frames.ids)
    assert frames.info.name == "penn" and frames.info.skeleton is PENN13 and frames.info.size_px == SIZE_PX
    assert frames.info.box_source == "annotation" and frames.info.mask_source == "joints"
    assert frames.images.shape == (60, 64, 64, 3) and set(np.unique(frames.masks)) == {0, 1}

    first = frames.joints[frames.index("0001/000001")]
    scaled = {0: (4.75, 10.5), 1: (-0.25, 0.5), 2: (63.25, 62.5), 10: (16.0, 23.0), 11: (34.25, 16.5)}
    np.testing.assert_allclose(first, [scaled.get(j, (NAN, NAN)) for j in range(13)], atol=1e-5)

    for number, box in {
        1: (5, 10, 10, 30),
        2: (0, 0, 64, 64),
        3: (0, 0, 64, 64),
        # around the joints x 4 … 100, y 8 … 20 and a tenth of their height, .15 above: (3, 6, 102, 22)
        4: (1, 12, 51, 44),
        8: (4, 8, 11, 32),
        9: (3, 14, 7, 22),  # at least 4 px a side
        11: (49, 2, 64, 62),
    }.items():
        np.testing.assert_array_equal(frames.boxes[frames.index(f"0001/{number:06d}")], box)

    for name in ("0001/000001", "0002/000007", "0004/000012"):
        picture = frames.images[frames.index(name)].astype(int)
        assert picture[34:46, 50:54].min() > 230 and picture[34:46, 2:44].max() < 5 * int(name[-6:]) + 12
    for x, y in frames.joints[frames.index("0002/000004")].round().astype(int):
        assert frames.masks[frames.index("0002/000004")][y, x]


def test_sizes_and_masks_are_other_versions_of_the_dataset(tree):
    dataset = read(tree)
    assert dataset.mask_sources()[0] == "joints"
    versions = {read(tree).fingerprint(SIZE_PX), dataset.fingerprint((32, 32))}
    versions.add(datasets.get("penn", tree, "box").fingerprint(SIZE_PX))
    assert len(versions) == 3 and dataset.fingerprint(SIZE_PX) in versions
    with pytest.raises(UserError, match="1:1"):
        dataset.info((64, 32))


def test_pairs_have_names_that_are_safe_as_files(tree):
    pair = read(tree).pair_list("official", "test", SIZE_PX).pairs[0]
    reference, target = pair.reference, pair.target
    assert pair.id == f"{reference.replace('/', '_')}__{target[-6:]}" and reference[:4] in ("0002", "0004")
    assert read(tree).person(reference) is None


def test_the_folder_is_found_by_the_archives_name_by_ours_and_itself(tree, tmp_path):
    assert read(tree).folder == read(tree.parent).folder == tree
    (tmp_path / "penn").symlink_to(tree)
    assert read(tmp_path).available() == (True, "") and read(tmp_path).index.ids == read(tree).index.ids


# ---- splits, from labels alone


def flag(video):
    """Of the 30 videos below: 20 train, and both values that are in use for test."""
    return 1.0 if video % 3 else (-1.0 if video % 2 else 0.0)


def write_labels(root, skipped=()):
    for video in range(1, 31):
        if video not in skipped:
            label(root, f"{video:04d}", 17 + 2 * video, train=flag(video))


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """30 videos of 19 to 77 frames, no pictures. Not to be changed."""
    root = tmp_path_factory.mktemp("labels")
    write_labels(root)
    return root


def test_24_frames_of_a_video_are_used_spread_over_its_length(labels):
    frames = {}
    for name in read(labels).frame_ids():
        frames.setdefault(group_of(name), []).append(int(name[-6:]))
    assert frames["0001"] == list(range(1, 20))
    gaps = np.diff(frames["0030"])
    assert len(gaps) == 23 and frames["0030"][0] == 1 and frames["0030"][-1] == 77 and set(gaps) == {3, 4}


def test_only_frames_with_five_joints_count(tmp_path):
    few, enough = np.ones((40, 13)), np.ones((24, 13))
    few[::2, 4:] = 0  # four joints
    few[1::2, 5:] = 0  # five
    enough[1::2, 4:] = 0
    label(tmp_path, "0001", 40, visibility=few)
    label(tmp_path, "0002", 24, visibility=enough)
    enough[22, 4:] = 0
    label(tmp_path, "0003", 24, visibility=enough)
    frames = read(tmp_path).frame_ids()
    assert numbers(name for name in frames if name[:4] == "0001") == list(range(2, 41, 2))
    assert {group_of(name) for name in frames} == {"0001", "0002"}, "eleven frames are too few, twelve are not"
    assert [count.found for count in read(tmp_path).counts()] == [3, 3, 2]


def test_official_is_by_video_and_flag_with_val_from_training_videos(labels):
    dataset = read(labels)
    videos = {part: {group_of(name) for name in dataset.partitions("official")[part]} for part in PARTS}
    assert videos["test"] == {f"{video:04d}" for video in range(1, 31) if flag(video) != 1}
    assert len(videos["test"]) == 10 and len(videos["train"]) == 18 and len(videos["val"]) == 2
    assert not videos["train"] & videos["val"] and not videos["test"] & (videos["train"] | videos["val"])
    for shared in overlap(dataset.partitions("official"), dataset.person):
        assert (shared.frames, shared.groups, shared.persons) == (0, 0, None)
    for part, count in (("train", 25), ("val", 2), ("test", 4)):
        found = pairs_of(dataset, "official", part)
        assert set(found) == videos[part] and {len(pairs) for pairs in found.values()} == {count}


def test_a_tenth_of_the_training_videos_validates_and_at_least_one(tmp_path):
    for video in range(1, 25):
        label(tmp_path, f"{video:04d}", 14, train=1.0 if video % 6 == 0 else -1.0)
    parts = read(tmp_path).partitions("official")
    videos = {part: {group_of(name) for name in parts[part]} for part in PARTS}
    assert [len(videos[part]) for part in PARTS] == [3, 1, 20]
    assert videos["train"] | videos["val"] == {"0006", "0012", "0018", "0024"}


def test_mrnet_like_draws_25_2_and_2_pairs_of_every_video_and_shares_no_frame(labels):
    dataset = read(labels)
    parts = {part: set(dataset.partitions("mrnet-like")[part]) for part in PARTS}
    for part, count in (("train", 25), ("val", 2), ("test", 2)):
        found = pairs_of(dataset, "mrnet-like", part)
        assert len(found) == 30 and {len(pairs) for pairs in found.values()} == {count}
        assert {frame for pairs in found.values() for pair in pairs for frame in pair} <= parts[part]
    assert not parts["train"] & parts["val"] and not parts["train"] & parts["test"] and not parts["val"] & parts["test"]
    assert {name: sum(frame[:4] == "0030" for frame in parts[name]) for name in PARTS} == {
        "train": 18,
        "val": 3,
        "test": 3,
    }
    for shared in overlap(dataset.partitions("mrnet-like"), dataset.person):
        assert (shared.frames, shared.groups, shared.persons) == (0, 30, None), "leakage is told"


@pytest.mark.parametrize("split", ["official", "mrnet-like"])
def test_pairs_are_distinct_and_at_least_five_frames_apart(labels, split):
    for part in PARTS:
        pairs = read(labels).pair_list(split, part, SIZE_PX).pairs
        assert len({pair.id for pair in pairs}) == len(pairs) == len({(p.reference, p.target) for p in pairs})
        assert min(abs(int(p.reference[-6:]) - int(p.target[-6:])) for p in pairs) >= 5
    backward = [p.reference > p.target for p in read(labels).pair_list(split, "train", SIZE_PX).pairs]
    assert 0.4 < np.mean(backward) < 0.6, "both directions are drawn"


def test_a_video_too_short_for_all_its_pairs_gives_none(tmp_path):
    """Twelve frames in a row hold 25 training pairs five frames apart for few draws of the held-out ones."""
    for video in range(1, 41):
        label(tmp_path, f"{video:04d}", 12 + video % 4)
    dataset = read(tmp_path)
    found = {part: Counter({v: len(p) for v, p in pairs_of(dataset, "mrnet-like", part).items()}) for part in PARTS}
    assert found["train"].keys() == found["val"].keys() == found["test"].keys()
    assert set(found["train"].values()) == {25} and set(found["val"].values()) == set(found["test"].values()) == {2}
    assert found["train"].keys() >= {f"{video:04d}" for video in range(3, 41, 4)}, "fifteen frames are enough"
    assert len(found["train"]) < 40
    assert {group_of(name) for name in dataset.partitions("mrnet-like").train} == set(found["train"])


def test_other_videos_do_not_change_a_videos_pairs(labels, tmp_path):
    gone = {2, 3, 11, 29}
    write_labels(tmp_path, skipped=gone)
    label(tmp_path, "2000", 50)
    whole, part = read(labels), read(tmp_path)
    for split, partition in (("mrnet-like", "train"), ("mrnet-like", "val"), ("mrnet-like", "test"),
                             ("official", "test")):  # fmt: skip
        before, after = pairs_of(whole, split, partition), pairs_of(part, split, partition)
        after.pop("2000", None)
        assert after == {video: pairs for video, pairs in before.items() if int(video) not in gone}
    before, after = pairs_of(whole, "official", "train"), pairs_of(part, "official", "train")
    stayed = before.keys() & after.keys()
    assert len(stayed) >= 14 and all(before[video] == after[video] for video in stayed)


@pytest.mark.parametrize(
    ("split", "starts"),
    [
        ("official", ("554a1c14de", "ab6f3c74ef", "d2fe881c11")),
        ("mrnet-like", ("7c3305bbd1", "43ae5efdea", "89361f5ada")),
    ],
)
def test_pair_lists_are_fixed(labels, split, starts):
    """A change of these hashes makes every stored result incomparable: it needs a new version of the rules."""
    lists = [read(labels).pair_list(split, part, SIZE_PX) for part in PARTS]
    assert tuple(pairs.hash[:10] for pairs in lists) == starts
    assert {pairs.version for pairs in lists} == {1}
    assert lists == [read(labels).pair_list(split, part, (128, 128)) for part in PARTS]


def all_hashes(root):
    dataset = read(root)
    return [dataset.pair_list(split, part, SIZE_PX).hash for split in ("official", "mrnet-like") for part in PARTS]


def test_pair_lists_are_the_same_with_and_without_pictures(labels, tmp_path):
    alone = all_hashes(labels)
    write_labels(tmp_path)
    (tmp_path / "frames").mkdir()
    assert all_hashes(tmp_path) == alone
    for video in range(1, 31):
        empty_pictures(tmp_path, f"{video:04d}", 17 + 2 * video)
    for litter in ("Thumbs.db", "._000001.jpg", "000999.txt", "copy of 000999.jpg"):
        (tmp_path / "frames" / "0001" / litter).touch()
    assert all_hashes(tmp_path) == alone and not read(tmp_path).index.notes
    (tmp_path / "frames" / "0002" / "000010.jpg").unlink()
    for path in (tmp_path / "frames" / "0003").iterdir():
        path.unlink()
    assert all_hashes(tmp_path) == alone, "what is missing is to be named, not to change the list"
    (tmp_path / "frames" / "0030" / "000077.jpg").unlink()
    assert all_hashes(tmp_path) != alone
    assert any("video 0030" in note and "images 76" in note for note in read(tmp_path).index.notes)


def test_the_command_writes_lists_from_labels_alone(labels, tmp_path):
    done = bench("data", "pairs", "penn", "--split", "mrnet-like", "--data-root", labels, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "train: 750 pairs of " in done.output and "test: 60 pairs of " in done.output
    assert "train and test share frames: 0, groups: 30, persons: unknown" in done.output
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == [f"penn-mrnet-like-{p}.csv" for p in sorted(PARTS)]


# ---- the authors' own pairs


def authors_pairs(root, ending=""):
    """Three training pairs a video and one of test, of frames that our rules pass over too."""

    def name(video, number):
        return f"{video:04d}_{number:06d}{ending}"

    train = [[name(v, 2 * n), name(v, 2 * n + 1)] for n in range(1, 4) for v in range(1, 31)]
    content = {"train": train, "test": [[name(v, 17), name(v, 1)] for v in range(30, 0, -1)]}
    (root / "pair_split.json").write_text(json.dumps(content))
    return {part: [tuple(f"{n[:4]}/{n[5:11]}" for n in pair) for pair in content[part]] for part in ("train", "test")}


def test_mrnet_needs_the_authors_own_file(labels):
    for ask in (lambda d: d.pair_list("mrnet", "test", SIZE_PX), lambda d: d.partitions("mrnet")):
        with pytest.raises(UserError) as raised:
            ask(read(labels))
        for word in (str(labels / "pair_split.json"), "MR-Net authors' own", "mrnet-like"):
            assert word in str(raised.value)


@pytest.mark.parametrize("ending", ["", ".jpg"])
def test_mrnet_is_the_authors_file_less_val(tmp_path, ending):
    write_labels(tmp_path)
    before = all_hashes(tmp_path)
    given = authors_pairs(tmp_path, ending)
    dataset = read(tmp_path)
    lists = {part: [(p.reference, p.target) for p in dataset.pair_list("mrnet", part, SIZE_PX).pairs] for part in PARTS}
    assert lists["test"] == given["test"]
    held = {group_of(target) for _, target in lists["val"]}
    assert len(held) == 2, "a twentieth of 30 videos"
    assert lists["train"] == [pair for pair in given["train"] if group_of(pair[0]) not in held]
    assert lists["val"] == [pair for pair in given["train"] if group_of(pair[0]) in held]
    place = dataset.index.ids.index("0030/000002")
    np.testing.assert_array_equal(dataset.index.joints[place, 0], (4, 6))
    assert all_hashes(tmp_path) == before, "the other splits stay as they are"


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (["0001_000001", "0001_000099"], ("names 0001_000099", "no frame")),
        (["0077_000001", "0001_000001"], ("names 0077_000001", "no frame")),
        (["0001_000000", "0001_000001"], ("'0001_000000'", "0001_000001")),
        (["0001", "0001_000001"], ("'0001'", "0001_000001")),
        (["0001_000001"], ("train[0]", "two names")),
        (["0001_000001", 7], ("train[0]", "two names")),
    ],
)
def test_wrong_names_in_the_authors_file_are_told(tmp_path, pair, words):
    label(tmp_path, "0001", 20)
    (tmp_path / "pair_split.json").write_text(json.dumps({"train": [pair], "test": []}))
    with pytest.raises(UserError) as raised:
        read(tmp_path).pair_list("mrnet", "train", SIZE_PX)
    assert all(word in str(raised.value) for word in ("pair_split.json", *words)), raised.value


# ---- what cannot be read


def refused(root, *words):
    with pytest.raises(UserError) as raised:
        read(root).pair_list("official", "train", SIZE_PX)
    for word in (str(root / "labels"), *words):
        assert word in str(raised.value), raised.value


@pytest.mark.parametrize("name", VARIABLES)
def test_a_missing_variable_is_named_with_those_that_are_there(tmp_path, name):
    label(tmp_path, "0001", without=(name,))
    others = [other for other in VARIABLES if other != name]
    refused(tmp_path, "0001.mat", f"no variable {name}; it holds", *others)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": np.ones((12, 12))}, ("x is float64 (12, 12)", "frames × 13")),
        ({"y": np.ones((13, 12))}, ("y is float64 (13, 12)", "frames × 13")),
        ({"x": "left"}, ("x is <U", "numbers")),
        ({"y": np.ones((12, 13)) * 1j}, ("y is complex128", "numbers")),
        ({"visibility": np.ones((12, 14))}, ("visibility is ", "(12, 14)")),
        ({"visibility": {"a": 1.0}}, ("visibility is ", "numbers")),
        ({"bbox": np.ones((12, 3))}, ("bbox is ", "(12, 3)", "frames × 4")),
        ({"bbox": "none"}, ("bbox is ", "numbers")),
        ({"dimensions": np.ones((1, 1))}, ("dimensions is ", "3 number(s)")),
        ({"dimensions": np.array([[np.nan, 5, 5]])}, ("dimensions is ", "3 number(s)")),
        ({"dimensions": np.array([[0, 5, 5]])}, ("dimensions 0×5", "at least 1")),
        ({"nframes": "twelve"}, ("nframes is ", "1 number(s)")),
        ({"nframes": np.nan}, ("nframes is ", "1 number(s)")),
        ({"nframes": -3.0}, ("nframes -3", "at least 1")),
        ({"nframes": np.zeros((0, 0))}, ("nframes is ", "1 number(s)")),
        ({"train": "yes"}, ("train is ", "1 number(s)")),
    ],
)
def test_a_wrong_shape_or_type_is_named_with_the_variable(tmp_path, changes, words):
    label(tmp_path, "0001")
    label(tmp_path, "0002", **changes)
    refused(tmp_path, "0002.mat", *words)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.99])
def test_a_truncated_label_is_named(tmp_path, share):
    path = label(tmp_path, "0001")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refused(tmp_path, "0001.mat")
    done = bench("data", "pairs", "penn", "--data-root", tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == 2 and "0001.mat" in done.output.replace("\n", "")
    assert not (tmp_path / "out").exists()


def test_text_and_folders_that_are_called_mat_are_named(tmp_path):
    label(tmp_path, "0001")
    (tmp_path / "labels" / "0002.mat").write_text("<html>404</html>\n" * 20)
    refused(tmp_path, "0002.mat", "not a readable MATLAB file", "Get the file again")
    (tmp_path / "labels" / "0002.mat").unlink()
    (tmp_path / "labels" / "0002.mat").mkdir()
    refused(tmp_path, "0002.mat", "not a readable MATLAB file")


def test_what_lies_beside_the_labels_is_passed_over(tmp_path):
    label(tmp_path, "0001", 30)
    alone = read(tmp_path).index.digest
    (tmp_path / "labels" / "._0001.mat").write_bytes(b"beside")
    (tmp_path / "labels" / "Thumbs.db").write_bytes(b"beside")
    assert read(tmp_path).index.digest == alone


def test_labels_without_a_usable_video_are_refused(tmp_path):
    label(tmp_path, "0001", 11)
    with pytest.raises(UserError, match="no video in .* has 12 usable frames"):
        read(tmp_path).frame_ids()
    (tmp_path / "labels" / "0001.mat").unlink()
    with pytest.raises(UserError, match=r"holds no \.mat file") as raised:
        read(tmp_path).frame_ids()
    assert "https://" in str(raised.value)


def test_bad_pictures_are_named(tmp_path):
    label(tmp_path, "0001", 20)
    pictures(tmp_path, "0001", 20)
    folder = tmp_path / "frames" / "0001"
    one, other = folder / "000005.jpg", folder / "000009.jpg"
    whole = one.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not a picture\n", b""):
        one.write_bytes(damaged)
        with pytest.raises(UserError, match="is not a readable image") as raised:
            read(tmp_path).frames(SIZE_PX)
        assert str(one) in str(raised.value)
    one.unlink()
    other.unlink()
    with pytest.raises(UserError, match="2 files are missing") as raised:
        read(tmp_path).frames(SIZE_PX)
    for word in ("frames/0001/000005.jpg", "frames/0001/000009.jpg", str(tmp_path), "bench data check penn"):
        assert word in str(raised.value)
    done = bench("data", "check", "penn", "--data-root", tmp_path)
    assert done.exit_code == 2 and "2 problems" in done.output and "000009.jpg" in done.output.replace("\n", "")


def test_missing_folders_say_what_to_get_and_where_to_put_it(tmp_path):
    dataset = read(tmp_path)
    available, reason = dataset.available()
    assert not available and str(tmp_path / "penn") in reason.partition("\n")[0]
    for word in (
        f"Put into {tmp_path / 'penn'}: labels/ and frames/",
        "https://dreamdragon.github.io/PennAction/",
        "--data-root DIR",
        "bench data synth --like penn",
    ):
        assert word in reason
    label(tmp_path, "0001", 20)
    dataset = read(tmp_path)
    assert dataset.available()[1].startswith(f"penn lacks frames in {tmp_path}")
    with pytest.raises(UserError, match="penn lacks frames"):
        dataset.frames(SIZE_PX)
    (tmp_path / "other" / "frames").mkdir(parents=True)
    with pytest.raises(UserError, match="labels is not in"):
        read(tmp_path / "other").pair_list("official", "test", SIZE_PX)


def test_a_wrong_data_root_ends_with_2(tmp_path):
    wrong = tmp_path / "nowhere"
    for command in (("data", "pairs", "penn"), ("data", "check", "penn"), ("data", "fetch", "penn"),
                    ("run", "--methods", "copy", "--dataset", "penn")):  # fmt: skip
        done = bench(*command, "--data-root", wrong)
        assert done.exit_code == 2 and str(wrong) in done.output.replace("\n", ""), command
        assert "bench data" in done.output


# ---- drawn people


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A set of drawn people and what was drawn, by video."""
    root, renderings = tmp_path_factory.mktemp("drawn") / "set", {}
    render_clip = drawn_penn.render_clip

    def kept(clip, seed, index):
        renderings[f"{index + 1:04d}"] = list(render_clip(clip, seed, index))
        return renderings[f"{index + 1:04d}"]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(drawn_penn, "render_clip", kept)
        layouts.write("penn", root, size=drawn_penn.PennSize(4, 2, 14, 16))
    return root, renderings


def test_drawn_joints_are_where_they_were_drawn(drawn):
    root, renderings = drawn
    index, on_person = read(root).index, []
    assert len(index) > 80
    for name, joints in zip(index.ids, index.joints, strict=True):
        rendering = renderings[name[:4]][int(name[-6:]) - 1]
        truth = [rendering.joints[joint] for joint in PENN13.joints]
        seen = np.array([joint.seen for joint in truth])
        there = np.isfinite(joints[:, 0])
        assert not there[[joint.hidden for joint in truth]].any()
        places = np.array([(joint.x, joint.y) for joint in truth])
        offset = joints[there & seen] - places[there & seen]
        assert np.abs(offset).max(initial=0) < 3 and np.mean(there[seen]) > 0.8
        near = binary_dilation(rendering.mask, iterations=3)
        on_person += [near[int(y), int(x)] for x, y in joints[there].round()]
    assert np.mean(on_person) > 0.97
    shift = np.nanmean(np.concatenate([
        index.joints[row] - [
            (j.x, j.y) for j in (renderings[name[:4]][int(name[-6:]) - 1].joints[joint] for joint in PENN13.joints)
        ]
        for row, name in enumerate(index.ids)
    ]), axis=0)  # fmt: skip
    assert np.abs(shift).max() < 0.1, "no half pixel to any side"


def test_drawn_boxes_hold_the_person_and_traps_are_noted(drawn):
    root, renderings = drawn
    index = read(root).index
    for name, box in zip(index.ids, index.boxes, strict=True):
        rendering = renderings[name[:4]][int(name[-6:]) - 1]
        if np.isfinite(box).all():
            high, wide = rendering.mask.shape
            left, top, right, bottom = rendering.box()
            margin = (left - 3, top - 3, right + 3, bottom + 3)
            np.testing.assert_array_equal(box, np.clip(margin, 0, (wide, high, wide, high)))
    unboxed = Counter(name[:4] for name, box in zip(index.ids, index.boxes, strict=True) if np.isnan(box).any())
    assert unboxed == {f"{drawn_penn.INVERTED_VIDEO:04d}": 1, f"{drawn_penn.SHORT_BOXES_VIDEO:04d}": 3}
    notes = " ".join(index.notes)
    assert "video 0003: 1 of" in notes and "video 0004: 3 of" in notes and "video 0006: lengths disagree" in notes
    filler = np.array([name[:4] == f"{drawn_penn.FILLER_VIDEO:04d}" for name in index.ids])
    assert np.isnan(index.joints[filler]).any() and np.nanmin(index.joints[filler]) > 0
    outside = np.array([name[:4] == f"{drawn_penn.OUTSIDE_VIDEO:04d}" for name in index.ids])
    ankles = PENN13.joints.index("left_ankle"), PENN13.joints.index("right_ankle")
    assert np.isnan(index.joints[outside][:, ankles]).any()


def test_drawn_frames_can_be_decoded_and_paired(drawn):
    root, renderings = drawn
    dataset = read(root)
    frames = dataset.frames(SIZE_PX)
    for row in range(0, len(frames), 17):
        name = frames.ids[row]
        rendering = renderings[name[:4]][int(name[-6:]) - 1]
        expected = np.asarray(Image.fromarray(rendering.image).resize((64, 64), Image.Resampling.BICUBIC), dtype=int)
        assert np.abs(frames.images[row] - expected).mean() < 4
        assert frames.masks[row].any()
    videos = {group_of(name) for name in frames.ids}
    assert len(videos) == 6 and {part: len(pairs_of(dataset, "official", part)) for part in PARTS} == {
        "train": 3,
        "val": 1,
        "test": 2,
    }


# ---- the action, which is a pair's category


def test_the_category_of_a_drawn_frame_is_its_videos_action(drawn):
    dataset = read(drawn[0])
    told = {name[:4]: dataset.category(name) for name in dataset.frame_ids()}
    # whosoever reads the file for himself finds the same word
    assert told == {name: str(loadmat(dataset.folder / "labels" / f"{name}.mat")["action"][0]) for name in told}
    assert len(told) == 6 and len(set(told.values())) > 1


def test_a_video_without_an_action_has_no_category_and_the_same_digest(tmp_path):
    label(tmp_path, "0001")
    label(tmp_path, "0002", without=("action",))
    label(tmp_path, "0003", action="  ")
    named, unnamed, blank = (read_video(tmp_path / "labels" / f"000{n}.mat", None) for n in (1, 2, 3))
    assert (named.action, unnamed.action, blank.action) == ("squats", None, None)
    assert named.digest == unnamed.digest == blank.digest
    with pytest.raises(UserError, match=r"action is \[7\]; one name is needed"):
        read_video(label(tmp_path, "0004", action=7), None)


def test_a_set_without_categories_tells_none():
    assert datasets.get("synthetic").category("red-1/0001") is None
