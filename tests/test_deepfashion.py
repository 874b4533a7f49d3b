"""DeepFashion in PATN's naming: a tree made by hand, and drawn models."""

import numpy as np
import pytest
from hand_made import MISSING, replace_line, write_annotations, write_pairs, write_picture
from PIL import Image
from typer.testing import CliRunner

from harness import datasets
from harness.cli import app
from harness.errors import UserError
from harness.pairs import group_of, overlap
from harness.rendered import deepfashion as rendered
from harness.rendered import patn
from harness.rendered.layouts import write

SIZE_PX = (256, 176)

BODY = (
    (88, 40), (89, 62), (70, 63), (62, 100), (58, 130), (108, 64), (116, 101), (120, 131),
    (76, 132), (74, 180), (72, 230), (102, 133), (104, 181), (106, 231), (84, 36), (92, 35), (79, 39), (98, 38),
)  # fmt: skip
BLOUSE = "fashionWOMENBlouses_Shirtsid00001234"
DENIM = "fashionMENDenimid00000080"
TEES = "fashionWOMENTees_Tanksid00000705"
DRESS = "fashionWOMENDressesid00000002"


def moved(right, down):
    return tuple((x + right, y + down) for x, y in BODY)


TRAIN = {
    f"{BLOUSE}01_1front.jpg": BODY,
    f"{BLOUSE}01_7additional.jpg": moved(5, -3),
    f"{BLOUSE}02_1front.jpg": moved(1, 1),
    f"{DENIM}01_1front.jpg": moved(-6, 2),
    f"{DENIM}01_4full.jpg": tuple(MISSING if joint > 13 else place for joint, place in enumerate(moved(2, 2))),
    f"{TEES}02_1front.jpg": BODY,
    f"{TEES}02_2side.jpg": moved(3, 3),
    f"{TEES}02_3back.jpg": (MISSING,) * 18,  # in no pair
}
TEST = {f"{DRESS}02_3back.jpg": moved(0, 4), f"{DRESS}02_1front.jpg": moved(-1, 0), f"{DRESS}03_1front.jpg": BODY}
TRAIN_PAIRS = [
    (f"{BLOUSE}01_1front.jpg", f"{BLOUSE}01_7additional.jpg"),
    (f"{BLOUSE}01_7additional.jpg", f"{BLOUSE}01_1front.jpg"),
    (f"{DENIM}01_4full.jpg", f"{DENIM}01_1front.jpg"),
    (f"{TEES}02_2side.jpg", f"{TEES}02_1front.jpg"),
]
TEST_PAIRS = [
    (f"{DRESS}02_1front.jpg", f"{DRESS}02_3back.jpg"),
    (f"{DRESS}02_3back.jpg", f"{DRESS}02_1front.jpg"),
]


def frame(name):
    """`…id00001234/01_1front`: the eight digits end the garment."""
    cut = name.index("id0000") + 10
    return f"{name[:cut]}/{name[cut:-4]}"


@pytest.fixture(autouse=True)
def home(empty_home):
    return empty_home


def write_csv(root, spelling="fasion"):
    root.mkdir(parents=True, exist_ok=True)
    for part, rows, pairs in (("train", TRAIN, TRAIN_PAIRS), ("test", TEST, TEST_PAIRS)):
        write_annotations(root / f"{spelling}-resize-annotation-{part}.csv", rows)
        write_pairs(root / f"{spelling}-resize-pairs-{part}.csv", pairs)
    return root


def write_tree(root, spelling="fasion"):
    write_csv(root, spelling)
    for part, rows in (("train", TRAIN), ("test", TEST)):
        for seed, name in enumerate(rows):
            write_picture(root / part / name, *SIZE_PX, seed=seed)
        (root / f"{part}.lst").write_text("".join(f"{name}\n" for name in rows))
        (root / part / "Thumbs.db").write_bytes(bytes(60))
    return root


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Not to be changed."""
    return write_tree(tmp_path_factory.mktemp("deepfashion") / "fashion_data").parent


@pytest.fixture
def csv_only(tmp_path):
    return write_csv(tmp_path / "csv")


def opened(root, masks=None):
    return datasets.get("deepfashion", root, masks)


def bench(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "Traceback" not in done.output
    return done


def refused(root, *words):
    with pytest.raises(UserError) as raised:
        opened(root).frames(SIZE_PX)
    for word in words:
        assert word in str(raised.value), str(raised.value)


def listed(dataset, part):
    return [(pair.reference, pair.target) for pair in dataset.pair_list("patn", part, SIZE_PX).pairs]


# ---- by hand


def test_pairs_are_those_of_the_files_with_validation_taken_out_by_garment(csv_only):
    dataset = opened(csv_only)
    train, val, test = (listed(dataset, part) for part in ("train", "val", "test"))
    assert test == [(frame(a), frame(b)) for a, b in TEST_PAIRS]
    assert sorted(train + val) == sorted((frame(a), frame(b)) for a, b in TRAIN_PAIRS)
    garments = [{group_of(name) for pair in pairs for name in pair} for pairs in (train, val)]
    assert len(garments[0]) == 2 and len(garments[1]) == 1 and not garments[0] & garments[1]
    assert dataset.pair_list("patn", "test", SIZE_PX).pairs[0].id == f"{DRESS}_02_1front__02_3back"
    for shared in overlap(dataset.partitions("patn"), dataset.person):
        assert (shared.frames, shared.groups, shared.persons) == (0, 0, 0)


def test_names_with_underscores_in_the_category_keep_their_garment(csv_only):
    dataset = opened(csv_only)
    assert set(dataset.frame_ids()) == {frame(name) for pair in (*TRAIN_PAIRS, *TEST_PAIRS) for name in pair}
    assert {group_of(name) for name in dataset.frame_ids()} == {BLOUSE, DENIM, TEES, DRESS}
    assert dataset.person(f"{BLOUSE}/01_1front") == BLOUSE


def test_frames_are_exactly_those_of_the_files(tree):
    frames = opened(tree).frames(SIZE_PX)
    assert len(frames) == 8 and frames.images.shape == (8, 256, 176, 3) and frames.info.skeleton.name == "openpose18"
    for part, rows in (("train", TRAIN), ("test", TEST)):
        for name in rows:
            if frame(name) not in frames.ids:
                assert name in (f"{BLOUSE}02_1front.jpg", f"{TEES}02_3back.jpg", f"{DRESS}03_1front.jpg")
                continue
            row = frames.index(frame(name))
            assert frames.groups[row] == frame(name).split("/")[0]
            with Image.open(tree / "fashion_data" / part / name) as image:
                np.testing.assert_array_equal(frames.images[row], np.asarray(image))
            expected = np.array(rows[name], dtype=np.float32)
            expected[(expected == -1).any(axis=1)] = np.nan
            np.testing.assert_array_equal(frames.joints[row], expected)


def test_boxes_and_masks_follow_the_joints(tree):
    """By hand: rows 35 to 231 are 196 px: 29.4 above, 19.6 around; columns 58 to 120."""
    frames = opened(tree).frames(SIZE_PX)
    row = frames.index(f"{BLOUSE}/01_1front")
    assert frames.boxes[row].tolist() == [38, 6, 141, 252]
    assert set(np.unique(frames.masks)) == {0, 1}
    assert all(frames.masks[row, y, x] for x, y in BODY)
    boxed = opened(tree, "box").frames(SIZE_PX)
    expected = np.zeros(SIZE_PX, np.uint8)
    expected[6:252, 38:141] = 1
    np.testing.assert_array_equal(boxed.masks[row], expected)


def test_frames_at_half_the_size(tree):
    dataset = opened(tree)
    assert dataset.fitted((256, 256)) == SIZE_PX
    frames = dataset.frames((128, 88))
    np.testing.assert_allclose(
        frames.joints[frames.index(f"{BLOUSE}/01_1front")], (np.array(BODY) + 0.5) / 2 - 0.5, atol=1e-4
    )


@pytest.mark.parametrize("spelling", ["fasion", "fashion"])
@pytest.mark.parametrize("top", ["", "deepfashion", "fashion_data"])
def test_both_spellings_in_every_place(tmp_path, spelling, top):
    root = write_csv(tmp_path / "data" / top, spelling)
    for part in ("train", "test"):
        (root / part).mkdir()
    dataset = opened(tmp_path / "data")
    assert dataset.folder == root and dataset.available() == (True, "")
    assert len(listed(dataset, "test")) == 2


def test_uncropped_images_are_refused_and_other_sizes_of_the_crop_are_not(tmp_path):
    """Joints are those of the crop from column 40 of the 256×256 picture: on the whole picture they are wrong."""
    root = write_tree(tmp_path / "fashion_data")
    path = root / "test" / f"{DRESS}02_1front.jpg"
    write_picture(path, 512, 352)
    frames = opened(tmp_path).frames(SIZE_PX)
    np.testing.assert_allclose(frames.joints[frames.index(frame(path.name))], moved(-1, 0), atol=1e-4)
    write_picture(path, 256, 256)
    refused(tmp_path, f"{path} is 256×256", "256×176")
    done = bench("data", "check", "deepfashion", "--data-root", tmp_path)
    assert done.exit_code == 2 and "256×256" in done.output


def test_missing_grey_and_foreign_images(tmp_path):
    root = write_tree(tmp_path / "fashion_data")
    names = [f"{DRESS}02_1front.jpg", f"{DRESS}02_3back.jpg"]
    with Image.open(root / "test" / names[0]) as image:
        image.convert("L").save(root / "test" / names[0])
    frames = opened(tmp_path).frames(SIZE_PX)
    image = frames.images[frames.index(frame(names[0]))]
    assert (image == image[..., :1]).all() and image.std() > 10
    (root / "test" / names[1]).write_bytes(b"GIF89a, it says")
    refused(tmp_path, str(root / "test" / names[1]), "not a readable image")
    (root / "test" / names[1]).unlink()
    refused(tmp_path, "1 files are missing", f"test/{names[1]}")


def test_repeated_pairs_are_used_once(csv_only):
    path = csv_only / "fasion-resize-pairs-test.csv"
    write_pairs(path, [*TEST_PAIRS, TEST_PAIRS[0]])
    assert listed(opened(csv_only), "test") == [(frame(a), frame(b)) for a, b in TEST_PAIRS]


# ---- drawn models


def test_drawn_models_are_read_as_they_were_drawn(tmp_path, monkeypatch):
    pictures, joints, save, text = {}, {}, rendered.write_jpeg, patn.annotation_text
    monkeypatch.setattr(
        rendered,
        "write_jpeg",
        lambda path, image, **more: pictures.update({path.name: image}) or save(path, image, **more),
    )
    monkeypatch.setattr(patn, "annotation_text", lambda found: joints.update(found) or text(found))
    write("deepfashion", tmp_path, size=rendered.DeepFashionSize(train_garments=3, test_garments=2))
    dataset = opened(tmp_path)
    frames = dataset.frames(SIZE_PX)
    assert len(frames) > 6 and len(set(frames.groups)) >= 3
    files = {frame(name): name for name in joints}
    for name, image, found in zip(frames.ids, frames.images, frames.joints, strict=True):
        assert np.abs(image.astype(int) - pictures[files[name]]).mean() < 6
        expected = np.array(joints[files[name]], dtype=np.float32)
        expected[(expected == -1).any(axis=1)] = np.nan
        np.testing.assert_array_equal(found, expected)
    for part in ("train", "val", "test"):
        assert all(group_of(a) == group_of(b) for a, b in listed(dataset, part))


# ---- bad input

SHORT = "[" + ", ".join(["7"] * 17) + "]"
LIST = "[" + ", ".join(["7"] * 18) + "]"


@pytest.mark.parametrize(
    ("name", "number", "text", "words"),
    [
        ("annotation-train", 1, "name,y,x", ("name:keypoints_y:keypoints_x are needed",)),
        ("annotation-test", 3, f"{DRESS}02_1front.jpg: {LIST}: {SHORT}", ("keypoints_x", "18 numbers")),
        ("annotation-test", 3, f"{DRESS}02_3back.jpg: {LIST}: {LIST}", ("line 2 already",)),
        ("pairs-train", 1, "from;to", ("from,to are needed",)),
        ("pairs-train", 3, f"{BLOUSE}01_1front.jpg", ("1 columns",)),
        ("pairs-test", 2, f"{DRESS}02_1front.jpg,{DRESS}09_1front.jpg", (f"{DRESS}09_1front.jpg is not annotated",)),
        ("pairs-test", 3, f"{BLOUSE}01_1front.jpg,{DRESS}02_1front.jpg", (f"{BLOUSE}01_1front.jpg is not annotated",)),
    ],
)
def test_wrong_files_name_file_and_line(csv_only, tmp_path, name, number, text, words):
    path = csv_only / f"fasion-resize-{name}.csv"
    replace_line(path, number, text)
    refused(csv_only, f"{path}, line {number}: ", *words)
    done = bench("data", "pairs", "deepfashion", "--data-root", csv_only, "--out", tmp_path / "lists")
    assert done.exit_code == 2 and words[0] in done.output


def test_names_of_another_set_are_refused(csv_only):
    name = "0002_c1s1_000451_03.jpg"
    replace_line(csv_only / "fasion-resize-annotation-test.csv", 3, f"{name}: {LIST}: {LIST}")
    write_pairs(csv_only / "fasion-resize-pairs-test.csv", [(name, f"{DRESS}02_3back.jpg")])
    refused(csv_only, "fasion-resize-annotation-test.csv", name, "fashionWOMENBlouses_Shirtsid0000123401_1front.jpg")


def test_copied_files_are_noticed(csv_only):
    for kind in ("annotation", "pairs"):
        source = csv_only / f"fasion-resize-{kind}-train.csv"
        (csv_only / f"fasion-resize-{kind}-test.csv").write_text(source.read_text())
    refused(csv_only, "annotation-train.csv", "annotation-test.csv", "both annotate", BLOUSE)


@pytest.mark.parametrize("name", ["annotation-train", "annotation-test", "pairs-train", "pairs-test"])
def test_a_missing_csv_says_what_to_get_and_where_to_put_it(csv_only, name):
    (csv_only / f"fasion-resize-{name}.csv").unlink()
    refused(csv_only, f"fasion-resize-{name}.csv", f"not in {csv_only}", "https://github.com/tengteng95/Pose-Transfer")
