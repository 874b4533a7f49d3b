"""Market-1501: a tree made by hand, the field's real csv files, and drawn people."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hand_made import MISSING, replace_line, write_annotations, write_pairs, write_picture
from PIL import Image
from typer.testing import CliRunner

from harness import datasets
from harness.cli import app
from harness.datasets import patn_csv
from harness.errors import UserError
from harness.pairs import PairList, group_of, overlap
from harness.rendered import market as rendered
from harness.rendered import patn
from harness.rendered.layouts import write

REAL = Path(__file__).parents[2] / "shared" / "data" / "market1501-protocol"
SIZE_PX = (128, 64)

# nose, neck, right arm, left arm, right leg, left leg, right eye, left eye, right ear, left ear; (x, y)
BODY = (
    (31, 20), (32, 31), (24, 32), (21, 50), (20, 64), (40, 33), (43, 49), (42, 66),
    (27, 68), (26, 92), (25, 119), (37, 69), (38, 93), (39, 118), (30, 21), (33, 22), (29, 23), (35, 24),
)  # fmt: skip
RIGHT_SHOULDER, LEFT_SHOULDER, RIGHT_HIP, LEFT_HIP = 2, 5, 8, 11
NEEDED = (RIGHT_SHOULDER, LEFT_SHOULDER, RIGHT_HIP, LEFT_HIP)
NOBODY = (MISSING,) * 18

TORSO_ONLY = tuple(place if joint in NEEDED else MISSING for joint, place in enumerate(BODY))


def lacking(*joints):
    return tuple(MISSING if joint in joints else place for joint, place in enumerate(BODY))


def moved(right, down):
    """The body elsewhere, each frame's its own."""
    return tuple((x + right, y + down) for x, y in BODY)


TRAIN = {
    "0007_c3s1_000008_01.jpg": BODY,  # the only one of a person: a frame without a pair
    "0002_c1s1_000551_01.jpg": moved(3, -2),
    "0002_c1s1_000451_03.jpg": moved(-4, 1),
    "0002_c6s2_000776_00.jpg": TORSO_ONLY,
    "0002_c2s1_000301_01.jpg": lacking(RIGHT_SHOULDER),
    "0002_c2s1_000302_01.jpg": lacking(LEFT_SHOULDER),
    "0002_c2s1_000303_01.jpg": lacking(RIGHT_HIP),
    "0002_c2s1_000304_01.jpg": lacking(LEFT_HIP),
    "0002_c2s1_000305_01.jpg": NOBODY,
    "1488_c5s3_071737_01.jpg.jpg": BODY,
    "1488_c5s3_071737_01.jpg": moved(1, 1),
    "0000_c1s1_000001_01.jpg": BODY,
    "0000_c1s1_000001_02.jpg": BODY,
    "-1_c1s1_000002_01.jpg": BODY,
    "-1_c1s1_000002_02.jpg": BODY,
}
TEST = {
    "-1_c5s3_086412_11.jpg": BODY,
    "-1_c5s3_086412_12.jpg": BODY,
    "0000_c1s1_000151_01.jpg": BODY,
    "0000_c1s1_000151_02.jpg": moved(1, 0),
    "0001_c1s1_001051_00.jpg": moved(0, 2),
    "0001_c2s1_000301_00.jpg": moved(2, 0),
    "0001_c3s1_000551_00.jpg": lacking(LEFT_HIP),  # the test pairs are what their file says, whatever the rule
    "0001_c4s1_000551_00.jpg": moved(2, 2),  # in no pair, but its person is tested
    "0003_c1s6_015971_00.jpg": moved(5, 0),  # nobody tests this person: validation
    "0003_c3s3_064744_00.jpg": moved(0, 5),
    "0003_c4s6_015641_00.jpg": lacking(RIGHT_HIP, 0),
    "0005_c1s1_001351_00.jpg": BODY,
    "0005_c4s2_029001_00.jpg": BODY,
}
PAIRS = [
    ("0001_c2s1_000301_00.jpg", "0001_c1s1_001051_00.jpg"),
    ("0001_c1s1_001051_00.jpg", "0001_c3s1_000551_00.jpg"),
    ("0005_c4s2_029001_00.jpg", "0005_c1s1_001351_00.jpg"),
    ("0001_c3s1_000551_00.jpg", "0001_c1s1_001051_00.jpg"),
]
USABLE_TRAIN = {
    "0002": ["c1s1_000451_03", "c1s1_000551_01", "c6s2_000776_00"],
    "0007": ["c3s1_000008_01"],
    "1488": ["c5s3_071737_01", "c5s3_071737_01.jpg"],
}
VAL = ("0003/c1s6_015971_00", "0003/c3s3_064744_00")


@pytest.fixture(autouse=True)
def home(empty_home):
    return empty_home


def write_csv(root):
    root.mkdir(parents=True, exist_ok=True)
    write_annotations(root / "market-annotation-train.csv", TRAIN)
    write_annotations(root / "market-annotation-test.csv", TEST)
    write_pairs(root / "market-pairs-test.csv", PAIRS)
    return root


def write_tree(root, names=("bounding_box_train", "bounding_box_test")):
    """Every picture its own; junk and distractors too, and what Windows left."""
    write_csv(root)
    for folder, images in zip(names, (TRAIN, TEST), strict=True):
        for seed, name in enumerate(images):
            write_picture(root / folder / name, *SIZE_PX, seed=seed + 100 * (folder == names[1]))
        (root / folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(60))
    write_picture(root / "query" / "0001_c1s1_001051_00.jpg", *SIZE_PX)
    return root


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The raw folders; not to be changed."""
    return write_tree(tmp_path_factory.mktemp("market") / "Market-1501-v15.09.15").parent


@pytest.fixture
def csv_only(tmp_path):
    return write_csv(tmp_path / "csv")


def file_name(frame):
    return frame.replace("/", "_", 1) + ".jpg"


def bench(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "Traceback" not in done.output
    return done


def refused(root, *words, ask="test"):
    """That the pair list of a partition is refused in these words."""
    with pytest.raises(UserError) as raised:
        dataset = datasets.get("market", root)
        dataset.pair_list("patn", ask, SIZE_PX)
        assert dataset.index is None, "nothing was refused"
    for word in words:
        assert word in str(raised.value), str(raised.value)


# ---- by hand


def test_training_pairs_are_all_ordered_pairs_of_whole_torsos(csv_only):
    pairs = datasets.get("market", csv_only).pair_list("patn", "train", SIZE_PX)
    expected = [
        (f"{person}/{a}", f"{person}/{b}")
        for person, frames in USABLE_TRAIN.items()
        for a in frames
        for b in frames
        if a != b
    ]
    assert len(expected) == 8
    assert [(pair.reference, pair.target) for pair in pairs.pairs] == expected
    assert pairs.pairs[0].id == "0002_c1s1_000451_03__c1s1_000551_01"
    assert len({pair.id for pair in pairs.pairs}) == 8


def test_frames_of_the_partitions(csv_only):
    parts = datasets.get("market", csv_only).partitions("patn")
    assert parts.train == tuple(f"{person}/{frame}" for person, frames in USABLE_TRAIN.items() for frame in frames)
    assert parts.val == VAL
    assert parts.test == (
        "0001/c2s1_000301_00", "0001/c1s1_001051_00", "0001/c3s1_000551_00",
        "0005/c4s2_029001_00", "0005/c1s1_001351_00",
    )  # fmt: skip


def test_test_pairs_are_those_of_the_file_in_its_order(csv_only):
    pairs = datasets.get("market", csv_only).pair_list("patn", "test", SIZE_PX)
    expected = [tuple(name[:-4].replace("_", "/", 1) for name in pair) for pair in PAIRS]
    assert [(pair.reference, pair.target) for pair in pairs.pairs] == expected


def test_validation_shares_nobody_with_training_or_test(csv_only):
    dataset = datasets.get("market", csv_only)
    val = dataset.pair_list("patn", "val", SIZE_PX)
    assert [(pair.reference, pair.target) for pair in val.pairs] == [VAL, VAL[::-1]]
    for shared in overlap(dataset.partitions("patn"), dataset.person):
        assert (shared.frames, shared.groups, shared.persons) == (0, 0, 0)


def test_persons_and_groups_are_the_first_part_of_the_name(csv_only):
    dataset = datasets.get("market", csv_only)
    assert {dataset.person(name) for name in dataset.frame_ids()} == {"0001", "0002", "0003", "0005", "0007", "1488"}
    assert all(dataset.person(name) == group_of(name) for name in dataset.frame_ids())


def test_minus_one_in_one_list_alone_is_missing(csv_only):
    joints = [*BODY[:3], (-1, 50), (21, -1), *BODY[5:]]
    write_annotations(csv_only / "market-annotation-train.csv", {**TRAIN, "0007_c3s1_000008_01.jpg": joints})
    index = datasets.get("market", csv_only).index
    found = index.joints[index.ids.index("0007/c3s1_000008_01")]
    assert np.isnan(found[3:5]).all() and np.isfinite(np.delete(found, [3, 4], axis=0)).all()


def test_the_order_of_rows_does_not_matter(csv_only, tmp_path):
    other = write_csv(tmp_path / "other")
    for part, rows in (("train", TRAIN), ("test", TEST)):
        write_annotations(other / f"market-annotation-{part}.csv", dict(reversed(rows.items())))
    for part in ("train", "val", "test"):
        here, there = (datasets.get("market", root).pair_list("patn", part, SIZE_PX) for root in (csv_only, other))
        assert here.hash == there.hash


def test_windows_line_ends_and_byte_order_marks_do_not_matter(csv_only, tmp_path):
    other = write_csv(tmp_path / "other")
    for path in other.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    for part in ("train", "val", "test"):
        here, there = (datasets.get("market", root).pair_list("patn", part, SIZE_PX) for root in (csv_only, other))
        assert here == there


def test_joints_are_x_before_y_and_missing_ones_nan(csv_only):
    index = datasets.get("market", csv_only).index
    joints = dict(zip(index.ids, index.joints, strict=True))
    np.testing.assert_array_equal(joints["0002/c1s1_000451_03"], np.array(moved(-4, 1)))
    torso = joints["0002/c6s2_000776_00"]
    assert np.flatnonzero(np.isfinite(torso).all(axis=1)).tolist() == sorted(NEEDED)
    assert np.isnan(torso).sum() == 2 * 14
    assert torso[RIGHT_SHOULDER].tolist() == [24, 32] and torso[LEFT_HIP].tolist() == [37, 69]


@pytest.mark.parametrize("names", [("bounding_box_train", "bounding_box_test"), ("train", "test")])
@pytest.mark.parametrize("top", ["", "market", "market_data", "Market-1501-v15.09.15"])
def test_both_names_of_the_folders_in_every_place(tmp_path, names, top):
    root = write_tree(tmp_path / "data" / top, names)
    dataset = datasets.get("market", tmp_path / "data")
    assert dataset.folder == root and dataset.available() == (True, "")
    assert {str(Path(name).parent) for name in dataset.index.images} == set(names)
    assert all((root / name).is_file() for name in dataset.index.images)


def test_frames_are_exactly_those_of_the_files(tree):
    dataset = datasets.get("market", tree)
    frames = dataset.frames(SIZE_PX)
    assert frames.ids == dataset.index.ids and len(frames) == 6 + 2 + 5
    assert frames.groups == tuple(name.split("/")[0] for name in frames.ids)
    top = tree / "Market-1501-v15.09.15"
    for name, folder in {
        "0002_c1s1_000551_01.jpg": "bounding_box_train",
        "1488_c5s3_071737_01.jpg.jpg": "bounding_box_train",
        "1488_c5s3_071737_01.jpg": "bounding_box_train",
        "0001_c3s1_000551_00.jpg": "bounding_box_test",
        "0003_c3s3_064744_00.jpg": "bounding_box_test",
    }.items():
        row = frames.index(name[:-4].replace("_", "/", 1))
        with Image.open(top / folder / name) as image:
            np.testing.assert_array_equal(frames.images[row], np.asarray(image))
        expected = np.array({**TRAIN, **TEST}[name], dtype=np.float32)
        expected[(expected == -1).any(axis=1)] = np.nan
        np.testing.assert_array_equal(frames.joints[row], expected)


def test_boxes_and_masks_follow_the_joints(tree):
    """The box by hand: rows 20 to 119 are 99 px; a tenth of it around, 15 % above, whole pixels, inside."""
    frames = datasets.get("market", tree).frames(SIZE_PX)
    row = frames.index("0007/c3s1_000008_01")
    assert frames.boxes[row].tolist() == [10, 5, 54, 128]  # columns 20 to 43
    assert set(np.unique(frames.masks)) == {0, 1} and frames.masks.shape == (13, 128, 64)
    for x, y in BODY:
        assert frames.masks[row, y, x] == 1
    assert frames.masks[row, :12].sum() == 0 and frames.masks[row, :, :8].sum() == 0
    assert 0.1 < frames.masks[row].mean() < 0.5
    boxed = datasets.get("market", tree, "box").frames(SIZE_PX)
    expected = np.zeros(SIZE_PX, np.uint8)
    expected[5:128, 10:54] = 1
    np.testing.assert_array_equal(boxed.masks[row], expected)


def test_frames_at_half_the_size(tree):
    frames = datasets.get("market", tree).frames((64, 32))
    row = frames.index("0007/c3s1_000008_01")
    with Image.open(tree / "Market-1501-v15.09.15/bounding_box_train/0007_c3s1_000008_01.jpg") as image:
        np.testing.assert_array_equal(frames.images[row], np.asarray(image.resize((32, 64), Image.Resampling.BICUBIC)))
    np.testing.assert_allclose(frames.joints[row], (np.array(BODY) + 0.5) / 2 - 0.5, atol=1e-5)
    assert frames.boxes[row].tolist() == [5, 2, 27, 64]
    assert frames.info.size_px == (64, 32) and frames.info.skeleton.name == "openpose18"


def test_larger_copies_of_the_images_keep_their_joints(tmp_path):
    """Re-identification code enlarges Market to 256×128; joints stay in the 128×64 frame."""
    root = write_tree(tmp_path / "market")
    for path in root.glob("bounding_box_*/*.jpg"):
        with Image.open(path) as image:
            image.resize((128, 256)).save(path, format="JPEG")
    frames = datasets.get("market", tmp_path).frames(SIZE_PX)
    np.testing.assert_allclose(frames.joints[frames.index("0007/c3s1_000008_01")], np.array(BODY), atol=1e-4)


def test_images_of_another_shape_are_refused(tmp_path):
    root = write_tree(tmp_path / "market")
    path = root / "bounding_box_test" / "0001_c1s1_001051_00.jpg"
    write_picture(path, 128, 128)
    with pytest.raises(UserError, match="is 128×128; its joints are given for 128×64") as raised:
        datasets.get("market", tmp_path).frames(SIZE_PX)
    assert str(path) in str(raised.value)
    done = bench("data", "check", "market", "--data-root", tmp_path)
    assert done.exit_code == 2 and "128×128" in done.output


def test_grey_and_palette_images_are_read_and_other_files_named(tmp_path):
    root = write_tree(tmp_path / "market")
    folder = root / "bounding_box_test"
    grey, palette, text = ("0001_c1s1_001051_00.jpg", "0001_c2s1_000301_00.jpg", "0001_c3s1_000551_00.jpg")
    for name, mode, kind in ((grey, "L", "JPEG"), (palette, "P", "PNG")):
        with Image.open(folder / name) as image:
            image.convert(mode).save(folder / name, format=kind)
    frames = datasets.get("market", tmp_path).frames(SIZE_PX)
    for name in (grey, palette):
        with Image.open(folder / name) as image:
            expected = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(frames.images[frames.index(name[:-4].replace("_", "/", 1))], expected)
    (folder / text).write_text("<html>sign in to download</html>")
    with pytest.raises(UserError, match="not a readable image") as raised:
        datasets.get("market", tmp_path).frames(SIZE_PX)
    assert str(folder / text) in str(raised.value)
    (folder / text).unlink()
    (root / "bounding_box_train" / "0007_c3s1_000008_01.jpg").unlink()
    with pytest.raises(UserError, match="2 files are missing") as raised:
        datasets.get("market", tmp_path).frames(SIZE_PX)
    assert text in str(raised.value) and "bounding_box_train/0007_c3s1_000008_01.jpg" in str(raised.value)


def test_images_that_no_pair_uses_are_not_needed(tmp_path):
    root = write_tree(tmp_path / "market")
    for name in ("-1_c5s3_086412_11.jpg", "0000_c1s1_000151_01.jpg", "0001_c4s1_000551_00.jpg"):
        (root / "bounding_box_test" / name).unlink()
    assert len(datasets.get("market", tmp_path).frames(SIZE_PX)) == 13


def test_check_counts_images_pairs_junk_and_nobody(tree):
    done = bench("data", "check", "market", "--data-root", tree)
    assert done.exit_code == 0, done.output
    for line in (
        "images in bounding_box_train: 15 found, 12,936 published",
        "images in bounding_box_test: 13 found, 19,732 published",
        "images in query: 1 found, 3,368 published",
        "training pairs by the rule: 8 found, 263,632 published",
        "test pairs: 4 found, 12,000 published",
        "distinct targets of test pairs: 3 found, 7,264 published",
        "annotated images on which nobody was found: 1",
        "annotated distractors (0000) and junk (-1): 8",
    ):
        assert line in done.output, done.output


# ---- `bench data pairs` from annotation files alone


def test_pairs_need_nothing_but_the_csv_files(csv_only, tmp_path):
    done = bench("data", "pairs", "market", "--data-root", csv_only, "--partition", "train", "--out", tmp_path)
    written = PairList.read(tmp_path / "market-patn-train.csv")
    assert done.exit_code == 0, done.output
    assert f"train: 8 pairs of 5 frames, 5 distinct targets, sha256 {written.hash}" in done.output
    assert "train and test share frames: 0, groups: 0, persons: 0" in done.output


def test_training_pairs_need_nothing_but_the_training_csv(csv_only, tmp_path):
    whole = datasets.get("market", csv_only).pair_list("patn", "train", SIZE_PX).hash
    for name in ("market-annotation-test.csv", "market-pairs-test.csv"):
        (csv_only / name).unlink()
    done = bench("data", "pairs", "market", "--data-root", csv_only, "--partition", "train", "--out", tmp_path)
    assert done.exit_code == 0 and f"train: 8 pairs of 5 frames, 5 distinct targets, sha256 {whole}" in done.output
    assert "what the partitions share is not known" in done.output
    assert "market-pairs-test.csv is not in" in done.output


@pytest.mark.parametrize("name", ["market-annotation-train.csv", "market-annotation-test.csv", "market-pairs-test.csv"])
def test_a_missing_csv_says_what_to_get_and_where_to_put_it(csv_only, tmp_path, name):
    (csv_only / name).unlink()
    done = bench("data", "pairs", "market", "--data-root", csv_only, "--out", tmp_path / "lists")
    output = done.output.replace("\n", " ")
    assert done.exit_code == 2
    for words in (name, "github.com/tengteng95/Pose-Transfer", str(csv_only), "bench data check market"):
        assert words in output, output


# ---- the field's own files


@pytest.fixture(scope="module")
def real():
    """The reader of the real csv files, where they are; they are not ours to ship."""
    if not REAL.is_dir():
        pytest.skip(f"needs the protocol's csv files in {REAL}")
    return datasets.get("market", REAL)


@pytest.fixture(scope="module")
def real_lists(real):
    return {part: real.pair_list("patn", part, SIZE_PX) for part in ("train", "val", "test")}


def literal_rows(part):
    """Name, rows and columns of the real file's lines, taken apart by hand."""
    for line in (REAL / f"market-annotation-{part}.csv").read_text().split("\n")[1:]:
        if line:
            name, down, across = line.split(":")
            yield name, *([int(word) for word in column.strip(" []").split(",")] for column in (down, across))


def test_real_training_pairs_are_263_632(real, real_lists):
    of_person = {}
    for name, down, across in literal_rows("train"):
        whole = all(down[joint] != -1 and across[joint] != -1 for joint in (2, 5, 8, 11))
        if whole and name[:2] != "-1" and name[:4] != "0000":
            of_person.setdefault(name.split("_")[0], []).append(name)
    assert sum(len(names) * (len(names) - 1) for names in of_person.values()) == 263_632
    pairs = real_lists["train"]
    assert len(pairs) == 263_632 == len({pair.id for pair in pairs.pairs})
    assert Counter(pair.target for pair in pairs.pairs) == Counter(
        {name[:-4].replace("_", "/", 1): len(names) - 1 for names in of_person.values() for name in names
         if len(names) > 1}
    )  # fmt: skip
    assert all(group_of(pair.reference) == group_of(pair.target) for pair in pairs.pairs)


def test_real_test_pairs_are_12_000_of_7_264_targets(real_lists):
    with (REAL / "market-pairs-test.csv").open(newline="") as file:
        rows = [(row["from"], row["to"]) for row in csv.DictReader(file)]
    assert len(rows) == 12_000 and len({target for _, target in rows}) == 7_264
    pairs = real_lists["test"]
    assert len(pairs) == 12_000 and len(pairs.targets) == 7_264
    assert [(file_name(pair.reference), file_name(pair.target)) for pair in pairs.pairs] == rows


def test_real_validation_shows_nobody_of_training_and_test(real_lists):
    persons = {
        part: {group_of(frame) for pair in pairs.pairs for frame in (pair.reference, pair.target)}
        for part, pairs in real_lists.items()
    }
    assert len(real_lists["val"]) > 500 and not persons["val"] & (persons["train"] | persons["test"])
    assert not persons["val"] & {"0000", "-1"}


def test_real_joints_are_those_of_the_lines(real):
    found = dict(zip(real.index.ids, real.index.joints, strict=True))
    checked = 0
    for part in ("train", "test"):
        for name, down, across in literal_rows(part):
            frame = name[:-4].replace("_", "/", 1)
            if frame in found:
                expected = np.array([across, down], dtype=float).T
                expected[(expected == -1).any(axis=1)] = np.nan
                np.testing.assert_array_equal(found[frame], expected)
                checked += 1
    assert checked == len(found) > 20_000


# ---- drawn people


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The root of a drawn set, and what was drawn: pictures and detected joints by name."""
    root, pictures, joints = tmp_path_factory.mktemp("drawn"), {}, {}
    with pytest.MonkeyPatch.context() as patched:
        save, text = rendered.write_jpeg, patn.annotation_text
        patched.setattr(
            rendered, "write_jpeg", lambda path, image: pictures.update({path.name: image}) or save(path, image)
        )
        patched.setattr(patn, "annotation_text", lambda found: joints.update(found) or text(found))
        size = rendered.MarketSize(train_people=4, test_people=5, distractors=2, junk=2, test_pairs=10)
        write("market", root, size=size)
    return root, pictures, joints


def test_drawn_people_are_read_as_they_were_drawn(drawn):
    root, pictures, joints = drawn
    dataset = datasets.get("market", root)
    frames = dataset.frames(SIZE_PX)
    assert len(frames) > 20
    for frame, image, found in zip(frames.ids, frames.images, frames.joints, strict=True):
        name = file_name(frame)
        assert np.abs(image.astype(int) - pictures[name]).mean() < 6, "a JPEG of the drawing"
        expected = np.array(joints[name], dtype=np.float32)
        expected[(expected == -1).any(axis=1)] = np.nan
        np.testing.assert_array_equal(found, expected)


def test_drawn_pairs_follow_the_rule(drawn):
    _, _, joints = drawn
    dataset = datasets.get("market", drawn[0])
    whole = {name for name, places in joints.items() if all(places[joint] != (-1, -1) for joint in NEEDED)}
    persons = {
        part: {dataset.person(name) for name in dataset.partitions("patn")[part]} for part in ("train", "val", "test")
    }
    assert all(persons.values()) and "0000" not in set().union(*persons.values())
    for part in ("train", "val"):
        usable = {name for name in whole if name.split("_")[0] in persons[part]}
        expected = {(a, b) for a in usable for b in usable if a != b and a.split("_")[0] == b.split("_")[0]}
        pairs = dataset.pair_list("patn", part, SIZE_PX).pairs
        names = [(file_name(pair.reference), file_name(pair.target)) for pair in pairs]
        assert set(names) == expected and len(names) == len(expected)


# ---- bad input

NAMED = "0007_c3s1_000008_01.jpg"  # line 2 of the training annotations
LIST = "[" + ", ".join(["7"] * 18) + "]"
SHORT = "[" + ", ".join(["7"] * 17) + "]"


@pytest.mark.parametrize(
    ("number", "text", "words"),
    [
        (1, "name:keypoints_x:keypoints_y", ("name:keypoints_y:keypoints_x are needed", "keypoints_x:keypoints_y'")),
        (1, "name,keypoints_y,keypoints_x", ("name,keypoints_y,keypoints_x",)),
        (1, None, ("name:keypoints_y:keypoints_x are needed",)),
        (2, f"{NAMED}: {LIST}", ("2 columns",)),
        (2, f"{NAMED}: {LIST}: {LIST}: {LIST}", ("4 columns",)),
        (2, f"{NAMED}: {SHORT}: {LIST}", ("keypoints_y", "18 numbers")),
        (2, f"{NAMED}: {LIST}: {SHORT}", ("keypoints_x", "18 numbers")),
        (2, f"{NAMED}: {LIST}: [7, 7", ("keypoints_x", "no JSON list")),
        (2, f"{NAMED}: {LIST}: " + "[" * 100_000, ("keypoints_x", "no JSON list")),
        (2, f"{NAMED}: {LIST}: 7", ("keypoints_x", "18 numbers")),
        (2, f"{NAMED}: " + LIST.replace("7", '"7"', 1) + f": {LIST}", ("keypoints_y", '["7"')),
        (2, f"{NAMED}: {LIST}: " + LIST.replace("7", "true", 1), ("keypoints_x", "[true")),
        (2, f"{NAMED}: {LIST}: " + LIST.replace("7", "null", 1), ("keypoints_x", "[null")),
        (2, f"{NAMED}: {LIST}: " + LIST.replace("7", "NaN", 1), ("keypoints_x", "[NaN")),
        (2, f"{NAMED}: {LIST}: " + LIST.replace("7", "Infinity", 1), ("keypoints_x", "[Infinity")),
        (2, f"{NAMED}: {LIST}: " + LIST.replace("7", "1" * 400, 1), ("keypoints_x", "18 numbers")),
        (2, f": {LIST}: {LIST}", ("name is empty",)),
        (4, f"{NAMED}: {LIST}: {LIST}", (NAMED, "line 2 already")),
        (3, "", ("1 columns",)),
    ],
)
def test_wrong_annotations_name_file_and_line(csv_only, number, text, words):
    path = csv_only / "market-annotation-train.csv"
    replace_line(path, number, text)
    refused(csv_only, f"{path}, line {number}: ", *words, ask="train")


def test_annotations_of_something_else_are_refused(csv_only):
    path = csv_only / "market-annotation-train.csv"
    name = "fashionWOMENDressesid0000000202_1front.jpg"
    replace_line(path, 3, f"{name}: {LIST}: {LIST}")
    refused(csv_only, str(path), name, "0002_c1s1_000451_03.jpg", ask="train")
    path.write_bytes(b"\xff\xfe\x00n")
    refused(csv_only, str(path), ask="train")
    path.write_text("")
    refused(csv_only, f"{path}, line 1", ask="train")


@pytest.mark.parametrize(
    ("number", "text", "words"),
    [
        (1, "source,target", ("from,to are needed", "source,target")),
        (1, "to,from", ("from,to are needed",)),
        (1, None, ("from,to are needed",)),
        (3, "0001_c2s1_000301_00.jpg", ("1 columns",)),
        (3, "a.jpg,b.jpg,c.jpg", ("3 columns",)),
        (3, "", ("1 columns",)),
        (3, "0001_c2s1_000301_00.jpg,0001_c9s1_000301_00.jpg", ("0001_c9s1_000301_00.jpg is not annotated in",)),
        (3, "0001_c2s1_000301_00,0001_c1s1_001051_00", ("0001_c2s1_000301_00 is not annotated in",)),
        (3, "0001_c1s1_001051_00.jpg,0005_c1s1_001351_00.jpg", ("show two persons", "0005_c1s1_001351_00.jpg")),
        (3, "0001_c1s1_001051_00.jpg,0001_c1s1_001051_00.jpg", ("are one image",)),
        (3, "0000_c1s1_000151_01.jpg,0000_c1s1_000151_02.jpg", ("no person",)),
        (3, "-1_c5s3_086412_11.jpg,-1_c5s3_086412_12.jpg", ("no person",)),
        (5, ",".join(PAIRS[0]), ("pair of line 2",)),
    ],
)  # fmt: skip
def test_wrong_pairs_name_file_and_line(csv_only, number, text, words):
    path = csv_only / "market-pairs-test.csv"
    replace_line(path, number, text)
    refused(csv_only, f"{path}, line {number}: ", *words)


def test_a_copied_annotation_file_is_noticed(csv_only):
    """The field's own script writes training pairs from the test file if it is copied as it stands."""
    (csv_only / "market-annotation-train.csv").write_text((csv_only / "market-annotation-test.csv").read_text())
    refused(csv_only, "market-annotation-train.csv", "market-annotation-test.csv", "0001/c1s1_001051_00")


@pytest.mark.parametrize("command", [("pairs",), ("check",)])
def test_wrong_files_end_the_command_with_2(csv_only, tmp_path, command):
    replace_line(csv_only / "market-annotation-test.csv", 4, f"0001_c1s1_001051_00.jpg: {SHORT}: {LIST}")
    out = () if command == ("check",) else ("--out", tmp_path / "lists")
    done = bench("data", *command, "market", "--data-root", write_tree_beside(csv_only), *out)
    assert done.exit_code == 2
    assert "market-annotation-test.csv, line 4: keypoints_y" in done.output.replace("\n", " ").replace("  ", " ")


def write_tree_beside(root):
    for folder in ("bounding_box_train", "bounding_box_test"):
        (root / folder).mkdir()
    return root


def test_files_without_a_row_end_in_a_sentence(csv_only):
    (csv_only / "market-pairs-test.csv").write_text("from,to\n")
    refused(csv_only, "market-pairs-test.csv has no row")
    write_annotations(csv_only / "market-annotation-train.csv", {})
    refused(csv_only, "market-annotation-train.csv has no row", ask="train")


def test_the_reader_of_the_csv_keeps_their_order(csv_only):
    found = patn_csv.read_annotations(csv_only / "market-annotation-train.csv")
    assert found.names == tuple(TRAIN) and found.joints.shape == (15, 18, 2)
    assert patn_csv.read_pairs(csv_only / "market-pairs-test.csv") == tuple(PAIRS)
