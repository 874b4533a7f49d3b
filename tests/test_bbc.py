"""BBC-Pose: joints and frames of a tree made by hand from the facts, splits, refusals, drawn signers."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat
from scipy.ndimage import binary_dilation
from typer.testing import CliRunner

from harness import datasets
from harness.cli import app
from harness.errors import UserError
from harness.pairs import group_of, overlap
from harness.rendered import bbc as drawn_bbc
from harness.rendered import layouts
from mrnet.skeletons import BBC7

PARTS = ("train", "val", "test")
SIZE_PX = (64, 64)
HIGH, WIDE = 32, 128  # to 64×64: x is halved, y is doubled
NAN = np.nan
FIELDS = ("videoName", "type", "source", "train_frames", "train_joints", "test_frames", "test_joints")
NOTHING = np.zeros((0, 0))  # a field that was never set
TRACKED, MANUAL, SINGLE = [40, 7, 3, 101, 12, 9, 77, 55, 60, 31], [7, 12, 300, 12345], 2


@pytest.fixture(autouse=True)
def home(empty_home):
    return empty_home


def kind(video):
    return "train" if video <= 10 else "val" if video <= 15 else "test"


def joints(video, frames, more=0.0):
    """(2, 7, N) MATLAB pixels: joint j of frame n of video v lies at (10 + 4 j + v, 3 + 2 j + n % 7), plus `more`."""
    number, joint = np.meshgrid(frames, np.arange(7))
    return np.stack([10 + 4 * joint + video + more, 3 + 2 * joint + number % 7 + more]).astype(float)


def entry(video, tracked=None, manual=None, **changes):
    """A video of the struct array, by field."""
    tracked = TRACKED if tracked is None else tracked
    manual = (MANUAL if manual is None else manual) if kind(video) != "train" else []
    return {
        "videoName": f"signer{video}",
        "type": kind(video),
        "source": "buehler11",
        "train_frames": np.array([tracked], dtype=float),
        "train_joints": joints(video, tracked),
        "test_frames": np.array([manual], dtype=float) if manual else NOTHING,
        "test_joints": joints(video, manual, more=0.5) if manual else NOTHING,
        **changes,
    }


def write_mat(root, entries, count=92, name="code/bbcpose.mat", fields=FIELDS):
    """bbcpose.mat: the videos given, and of the extended set up to `count` what no reader should look at."""
    extended = {**dict.fromkeys(fields, np.ones((3, 3))), "videoName": "extended", "type": "train", "source": "other"}
    array = np.empty((1, count), dtype=[(field, object) for field in fields])
    for place, video in enumerate([*entries, *[extended] * count][:count]):
        array[0, place] = tuple(video[field] for field in fields)
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"bbcpose": array})
    return path


def write_videos(root, **changed):
    """bbcpose.mat of 20 videos; the entry of video 16 is changed by `v16={…}`."""
    return write_mat(root, [entry(video, **changed.get(f"v{video}", {})) for video in range(1, 21)])


def pictures(root, video, frames):
    """Grey by the video's number, with a white patch at x 96 … 111, y 16 … 23."""
    (root / str(video)).mkdir(parents=True, exist_ok=True)
    for number in frames:
        pixels = np.full((HIGH, WIDE, 3), 5 * video, dtype=np.uint8)
        pixels[16:24, 96:112] = 255
        Image.fromarray(pixels).save(root / str(video) / f"{number}.jpg", quality=95)


def read(root):
    return datasets.get("bbc", root)


def numbers(ids, video):
    return {int(frame.split("/")[1]) for frame in ids if group_of(frame) == str(video)}


def where(video, frame, more=0.0):
    """The (7, 2) joints of a frame, from 0."""
    return [(9 + 4 * j + video + more, 2 + 2 * j + frame % 7 + more) for j in range(7)]


def bench(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert "Traceback" not in result.output
    return result


# ---- a tree made by hand


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Twenty videos with tiny pictures; 2 has one tracked frame and 12 one manual one. Not to be changed."""
    root = tmp_path_factory.mktemp("hand") / "bbcpose"
    lost = joints(1, TRACKED)
    lost[:, 2, TRACKED.index(9)] = NAN
    lost[0, 3, TRACKED.index(9)] = 0
    lost[1, 4, TRACKED.index(9)] = -5
    lost[0, 5, TRACKED.index(9)] = np.inf
    lost[0, 6, TRACKED.index(9)] = 500  # beside the picture
    write_videos(
        root,
        v1={"train_joints": lost},
        # as MATLAB stores a last dimension of one
        v2={"train_frames": float(SINGLE), "train_joints": joints(2, [SINGLE])[..., 0]},
        v12={"test_frames": float(SINGLE), "test_joints": joints(12, [SINGLE], more=0.5)[..., 0]},
    )
    for video in range(1, 21):
        pictures(root, video, {*TRACKED, *MANUAL, SINGLE})
    return root


def test_frames_are_numbered_as_their_files(tree):
    dataset = read(tree)
    index = dataset.index
    assert index.images == tuple(f"{name}.jpg" for name in index.ids) and "1/101" in index.ids
    assert all((tree / name).is_file() for name in index.images)
    places = [tuple(map(int, name.split("/"))) for name in index.ids]
    assert places == sorted(set(places)) and {video for video, _ in places} == set(range(1, 21))
    assert index.boxes is None and index.masks is None and index.joints.dtype == np.float32
    assert [(count.what, count.found) for count in dataset.counts()] == [
        ("videos", 20),
        ("train videos", 10),
        ("val videos", 5),
        ("test videos", 5),
        ("tracked frames", 19 * len(TRACKED) + 1),
        ("manually labelled frames", 9 * len(MANUAL) + 1),
    ]


def test_joints_are_from_0_and_the_manual_ones_where_there_are_two(tree):
    index = read(tree).index
    by_id = dict(zip(index.ids, index.joints, strict=True))
    for video in (3, 10):
        for frame in TRACKED:
            np.testing.assert_array_equal(by_id[f"{video}/{frame}"], where(video, frame))
    np.testing.assert_array_equal(by_id["2/2"], where(2, SINGLE))
    np.testing.assert_array_equal(by_id["12/2"], where(12, SINGLE, more=0.5))
    for video in (11, 16, 20):
        for frame in MANUAL:
            np.testing.assert_array_equal(by_id[f"{video}/{frame}"], where(video, frame, more=0.5))
        tracked = numbers(index.ids, video) - set(MANUAL)
        assert tracked and tracked < set(TRACKED)
        for frame in tracked:
            np.testing.assert_array_equal(by_id[f"{video}/{frame}"], where(video, frame))


def test_joints_that_are_no_place_are_missing(tree):
    index = read(tree).index
    expected = np.array(where(1, 9), dtype=float)
    expected[2:6] = NAN
    expected[6, 0] = 499
    np.testing.assert_array_equal(index.joints[index.ids.index("1/9")], expected)
    frames = read(tree).frames(SIZE_PX)
    shown = np.isfinite(frames.joints[frames.index("1/9")])
    assert shown.tolist() == [[True] * 2] * 2 + [[False] * 2] * 5, "the picture ends before 500"


def test_frames_at_another_size_keep_their_place(tree):
    dataset = read(tree)
    frames = dataset.frames(SIZE_PX)
    assert frames.ids == dataset.frame_ids() and frames.groups == tuple(name.split("/")[0] for name in frames.ids)
    assert frames.info.skeleton is BBC7 and frames.info.box_source == "joints" and frames.info.mask_source == "joints"
    row = frames.index("3/7")  # joints x 12 … 36, y 2 … 14
    np.testing.assert_allclose(
        frames.joints[row], [((12 + 4 * j + 0.5) / 2 - 0.5, (2 + 2 * j + 0.5) * 2 - 0.5) for j in range(7)], atol=1e-5
    )
    # around them a tenth of their height, .15 above: (11, 0, 38, 16) in the stored picture
    np.testing.assert_array_equal(frames.boxes[row], (5, 0, 19, 32))
    assert set(np.unique(frames.masks)) == {0, 1}
    for x, y in frames.joints[row].round().astype(int):
        assert frames.masks[row][y, x]
    for name in ("1/7", "20/12345"):
        picture = frames.images[frames.index(name)].astype(int)
        grey = 5 * int(group_of(name))
        assert picture[34:46, 50:54].min() > 230 and np.abs(picture[34:46, 2:44] - grey).max() < 12


def test_left_and_right_are_the_signers():
    assert BBC7.joints == (
        "head", "right_wrist", "left_wrist", "right_elbow", "left_elbow", "right_shoulder", "left_shoulder",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["code/bbcpose.mat", "bbcpose_extbbcpose_code_1.0/bbcpose.mat", "bbcpose.mat"])
@pytest.mark.parametrize("folder", ["bbc", "bbcpose", "bbcpose_data_1.0", "."])
def test_the_folders_are_found_by_the_archives_names_and_by_ours(tmp_path, name, folder):
    entries = [entry(video) for video in range(1, 21)]
    write_mat(tmp_path / folder, entries, name=name)
    for video in range(1, 21):
        (tmp_path / folder / str(video)).mkdir()
    dataset = read(tmp_path)
    assert dataset.folder == tmp_path / folder and dataset.available() == (True, "")
    np.testing.assert_array_equal(dataset.index.joints[dataset.index.ids.index("3/7")], where(3, 7))


@pytest.mark.parametrize("count", [20, 21, 92])
def test_only_the_first_twenty_videos_are_bbc_pose(tmp_path, count):
    write_mat(tmp_path, [entry(video) for video in range(1, 21)], count)
    assert {group_of(name) for name in read(tmp_path).frame_ids()} == {str(video) for video in range(1, 21)}


# ---- splits, from the .mat alone


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Twenty videos of 1,000 tracked frames with gaps, and 200 manual ones in ten of them; no pictures."""
    root = tmp_path_factory.mktemp("long")
    tracked, manual = [2 * n + 1 for n in range(1000)], [3 * n + 1 for n in range(200)]
    write_mat(root, [entry(video, tracked, manual) for video in range(1, 21)])
    return root


def check_each_frame_is_one_target(dataset, split):
    for part in PARTS:
        pairs = dataset.pair_list(split, part, SIZE_PX).pairs
        assert sorted(pair.target for pair in pairs) == sorted(dataset.partitions(split)[part])
        assert all(group_of(p.reference) == group_of(p.target) and p.reference != p.target for p in pairs)
        assert {pair.reference for pair in pairs} <= set(dataset.partitions(split)[part])
        assert len({pair.id for pair in pairs}) == len(pairs)


def test_official_is_by_video_and_tests_on_every_manual_frame(long):
    dataset = read(long)
    parts = dataset.partitions("official")
    assert {part: len(parts[part]) for part in PARTS} == {"train": 9340, "val": 1000, "test": 1000}
    for part in PARTS:
        for video in range(1, 21):
            found = numbers(parts[part], video)
            if part != kind(video):
                assert not found
            elif part == "train":
                assert len(found) == 934 and found <= set(range(1, 2001, 2))
            else:
                assert found == set(range(1, 601, 3))
    check_each_frame_is_one_target(dataset, "official")
    for shared in overlap(parts, dataset.person):
        assert (shared.frames, shared.groups, shared.persons) == (0, 0, None)


def test_mrnet_like_has_the_papers_counts_and_shares_no_frame(long):
    dataset = read(long)
    parts = dataset.partitions("mrnet-like")
    assert {part: len(parts[part]) for part in PARTS} == {"train": 14_942, "val": 800, "test": 3_736}
    assert len({*parts.train, *parts.val, *parts.test}) == 14_942 + 800 + 3_736
    for video in range(1, 21):
        found = {part: numbers(parts[part], video) for part in PARTS}
        assert len(found["train"]) in (747, 748) and len(found["val"]) == 40 and len(found["test"]) in (186, 187)
        assert found["train"] | found["val"] | found["test"] <= set(range(1, 2001, 2)), "tracked frames"
        assert np.ptp(list(found["test"])) > 1800, "spread over the video"
    check_each_frame_is_one_target(dataset, "mrnet-like")
    for shared in overlap(parts, dataset.person):
        assert (shared.frames, shared.groups, shared.persons) == (0, 20, None), "leakage is told"


def test_short_videos_keep_the_proportions(tmp_path):
    write_mat(tmp_path, [entry(video, list(range(5, 5 + 40 * video + 20))) for video in range(1, 21)])
    dataset = read(tmp_path)
    parts = dataset.partitions("mrnet-like")
    for video in range(1, 21):
        count = 40 * video + 20
        for part, share in (("train", 14_942), ("val", 800), ("test", 3_736)):
            assert -2 < len(numbers(parts[part], video)) - count * share / 19_478 < 0.5
    assert len({*parts.train, *parts.val, *parts.test}) == sum(len(parts[part]) for part in PARTS)
    check_each_frame_is_one_target(dataset, "mrnet-like")


@pytest.mark.parametrize(
    ("split", "starts"),
    [
        ("official", ("81df70dda9", "5473c49590", "ea8ec18f01")),
        ("mrnet-like", ("8dbc9834b5", "cfbf9328ee", "72d7636d2c")),
    ],
)
def test_pair_lists_are_fixed(long, split, starts):
    """A change of these hashes makes every stored result incomparable: it needs a new version of the rules."""
    lists = [read(long).pair_list(split, part, SIZE_PX) for part in PARTS]
    assert tuple(pairs.hash[:10] for pairs in lists) == starts
    assert {pairs.version for pairs in lists} == {1}
    assert lists == [read(long).pair_list(split, part, (128, 128)) for part in PARTS]


def lists_of(root):
    dataset = read(root)
    return {
        (split, part): [(pair.reference, pair.target) for pair in dataset.pair_list(split, part, SIZE_PX).pairs]
        for split in ("official", "mrnet-like")
        for part in PARTS
    }


def test_pair_lists_need_no_picture_and_no_other_video(tree, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "bbcpose.mat").write_bytes((tree / "code" / "bbcpose.mat").read_bytes())
    before = lists_of(tree)
    assert lists_of(tmp_path) == before
    write_videos(
        tmp_path,
        v2={"train_frames": float(SINGLE), "train_joints": joints(2, [SINGLE])[..., 0]},
        v12={"test_frames": float(SINGLE), "test_joints": joints(12, [SINGLE])[..., 0]},
        v9={"tracked": [*TRACKED, 500, 501]},
        v19={"manual": [4, 5, 6]},
    )
    after = lists_of(tmp_path)
    assert after != before
    for place in before:
        kept = [[p for p in found[place] if group_of(p[0]) not in ("9", "19")] for found in (before, after)]
        assert kept[0] == kept[1]


def test_a_single_frame_makes_no_pair(tree):
    lists = lists_of(tree)
    assert not [pair for pairs in lists.values() for pair in pairs if "2/2" in pair or "12/2" in pair]
    assert "12/2" in read(tree).partitions("official").val


def test_the_command_writes_lists_from_the_mat_alone(long, tmp_path):
    done = bench("data", "pairs", "bbc", "--split", "mrnet-like", "--data-root", long, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "train: 14942 pairs of 14942 frames, 14942 distinct targets" in done.output
    assert "test: 3736 pairs of 3736 frames" in done.output
    assert "train and test share frames: 0, groups: 20, persons: unknown" in done.output


# ---- what cannot be read


def refused(root, *words):
    with pytest.raises(UserError) as raised:
        read(root).frame_ids()
    for word in ("bbcpose.mat", *words):
        assert word in str(raised.value), raised.value


@pytest.mark.parametrize(
    ("video", "changes", "words"),
    [
        (3, {"train_joints": joints(3, TRACKED)[:, :6]}, ("train_joints", "(2, 6, 10)", "(2, 7, 10) is needed")),
        (3, {"train_joints": joints(3, TRACKED).swapaxes(0, 1)}, ("train_joints", "(7, 2, 10)")),
        (3, {"train_joints": joints(3, TRACKED[1:])}, ("train_joints", "(2, 7, 9) for 10 frames")),
        (3, {"train_joints": joints(3, [1])[..., 0]}, ("train_joints", "(2, 7) for 10 frames")),
        (3, {"train_joints": "none"}, ("train_joints is <U",)),
        (3, {"train_joints": joints(3, TRACKED) * 1j}, ("train_joints is complex",)),
        (3, {"train_joints": NOTHING}, ("train_joints", "(0, 0)")),
        (3, {"train_frames": NOTHING}, ("train_joints", "for 0 frames")),
        (3, {"train_frames": np.array(["a"] * 10, dtype=object)}, ("train_frames is ", "numbers")),
        (3, {"train_frames": np.array([[NAN, *TRACKED[1:]]])}, ("train_frames is nan", "numbers of frames")),
        (3, {"train_frames": -np.array([TRACKED])}, ("train_frames is -40", "numbers of frames")),
        (13, {"test_joints": joints(13, MANUAL)[:1]}, ("test_joints", "(1, 7, 4)", "(2, 7, 4) is needed")),
        (17, {"test_joints": NOTHING}, ("test_joints", "(0, 0) for 4 frames")),
        (17, {"test_frames": NOTHING, "test_joints": NOTHING}, ("test_joints", "for 0 frames")),
        (17, {"type": "testing"}, ("type is 'testing'", "train, val or test")),
        (17, {"type": NOTHING}, ("type is ''", "train, val or test")),
    ],
)
def test_a_wrong_shape_or_type_is_named_with_video_and_field(tmp_path, video, changes, words):
    write_videos(tmp_path, **{f"v{video}": changes})
    refused(tmp_path, f"video {video}", *words)


@pytest.mark.parametrize("field", ["type", "train_frames", "train_joints", "test_frames", "test_joints"])
def test_a_missing_field_is_named(tmp_path, field):
    fields = tuple(name for name in FIELDS if name != field)
    write_mat(tmp_path, [entry(video) for video in range(1, 21)], fields=fields)
    refused(tmp_path, field)


def test_a_mat_without_the_struct_is_refused(tmp_path):
    path = write_videos(tmp_path)
    savemat(path, {"results": np.ones((2, 7, 5))})
    refused(tmp_path, "no variable bbcpose", "it holds results")
    savemat(path, {"bbcpose": np.ones((2, 7, 5))})
    refused(tmp_path, "bbcpose is float64 (2, 7, 5)", "a struct of 20 videos")
    savemat(path, {"bbcpose": "see the other file"})
    refused(tmp_path, "a struct of 20 videos")
    write_mat(tmp_path, [entry(video) for video in range(1, 20)], count=19)
    refused(tmp_path, "(1, 19)", "a struct of 20 videos")


def test_a_mat_without_frames_is_refused(tmp_path):
    none = {"train_frames": np.zeros((1, 0)), "train_joints": np.zeros((2, 7, 0))}
    none |= {"test_frames": np.zeros((1, 0)), "test_joints": np.zeros((2, 7, 0))}
    write_videos(tmp_path, **{f"v{video}": none for video in range(1, 21)})
    refused(tmp_path, "no video has frames")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_truncated_mat_is_named_and_ends_with_2(tmp_path, share):
    path = write_videos(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refused(tmp_path, str(path))
    done = bench("data", "pairs", "bbc", "--data-root", tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == 2 and str(path) in done.output.replace("\n", "")
    assert not (tmp_path / "out").exists()


def test_text_that_is_called_mat_is_named(tmp_path):
    path = write_videos(tmp_path)
    path.write_text("<html>404</html>\n" * 20)
    refused(tmp_path, str(path), "not a readable MATLAB file", "Get the file again")


def test_bad_pictures_are_named(tmp_path):
    write_videos(tmp_path)
    for video in range(1, 21):
        pictures(tmp_path, video, {*TRACKED, *MANUAL})
    one, other = tmp_path / "4" / "77.jpg", tmp_path / "16" / "12345.jpg"
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
    for word in ("4/77.jpg", "16/12345.jpg", str(tmp_path), "bench data check bbc"):
        assert word in str(raised.value)
    done = bench("data", "check", "bbc", "--data-root", tmp_path)
    assert done.exit_code == 2 and "2 problems" in done.output and str(other) in done.output.replace("\n", "")


def test_missing_folders_say_what_to_get_and_where_to_put_it(tmp_path):
    available, reason = read(tmp_path).available()
    assert not available and str(tmp_path / "bbc") in reason.partition("\n")[0]
    for word in ("https://www.robots.ox.ac.uk/~vgg/data/pose/", "bbcpose_data_1.0.zip", "code/bbcpose.mat",
                 "--data-root DIR", "bench data synth --like bbc"):  # fmt: skip
        assert word in reason
    with pytest.raises(UserError, match=r"code/bbcpose\.mat .*is not in"):
        read(tmp_path).pair_list("official", "test", SIZE_PX)
    write_videos(tmp_path)
    for video in range(1, 20):
        (tmp_path / str(video)).mkdir()
    assert read(tmp_path).available()[1].startswith(f"bbc lacks 20 in {tmp_path}\n")
    with pytest.raises(UserError, match="bbc lacks 20"):
        read(tmp_path).frames(SIZE_PX)


def test_a_wrong_data_root_ends_with_2(tmp_path):
    wrong = tmp_path / "nowhere"
    for command in (("data", "pairs", "bbc"), ("data", "check", "bbc"), ("data", "fetch", "bbc"),
                    ("run", "--methods", "copy", "--dataset", "bbc")):  # fmt: skip
        done = bench(*command, "--data-root", wrong)
        assert done.exit_code == 2 and str(wrong) in done.output.replace("\n", ""), command
        assert "bench data" in done.output


# ---- drawn signers


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A set of drawn signers, and what was drawn for each frame by its id."""
    root, renderings = tmp_path_factory.mktemp("drawn") / "set", []
    render = drawn_bbc.render

    def kept(*arguments):
        renderings.append(render(*arguments))
        return renderings[-1]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(drawn_bbc, "render", kept)
        layouts.write("bbc", root, size=drawn_bbc.BbcSize(tracked_frames=5, manual_frames=3))
    # frames were drawn in order of video and number
    files = sorted(root.rglob("*.jpg"), key=lambda path: (int(path.parent.name), int(path.stem)))
    ids = [f"{path.parent.name}/{path.stem}" for path in files]
    return root, dict(zip(ids, renderings, strict=True))


def test_drawn_joints_are_where_they_were_drawn(drawn):
    root, renderings = drawn
    index, parts = read(root).index, read(root).partitions("official")
    assert len(parts.train) == 50 and len(parts.val) == len(parts.test) == 15
    offsets, on_person = {"tracked": [], "manual": []}, []
    for name, found in zip(index.ids, index.joints, strict=True):
        truth = [renderings[name].joints["face" if joint == "head" else joint] for joint in BBC7.joints]
        manual = name in parts.val or name in parts.test
        offsets["manual" if manual else "tracked"].append(found - [(joint.x, joint.y) for joint in truth])
        if manual:
            near = binary_dilation(renderings[name].mask, iterations=3)
            on_person += [near[int(y), int(x)] for x, y in found.round()]
    assert np.isfinite(index.joints).all() and np.mean(on_person) > 0.97
    assert np.abs(offsets["manual"]).max() < 2.5, "the tracker's would be off by more"
    assert np.abs(np.mean(offsets["manual"], axis=(0, 1))).max() < 0.1, "no half pixel to any side"
    assert np.percentile(np.abs(offsets["tracked"]), 90) < 4 and np.std(offsets["tracked"]) > 1


def test_drawn_frames_that_are_tracked_too_take_the_manual_joints(drawn):
    root, _ = drawn
    entries = loadmat(root / drawn_bbc.TOP / "code" / "bbcpose.mat")["bbcpose"][0]
    assert len(entries) == 92
    index, both = read(root).index, 0
    for video in range(11, 21):
        given = entries[video - 1]
        tracked, manual = (given[f"{name}_frames"].ravel().astype(int) for name in ("train", "test"))
        both += len({*tracked} & {*manual})
        for place, number in enumerate(manual):
            found = index.joints[index.ids.index(f"{video}/{number}")]
            np.testing.assert_allclose(found, given["test_joints"][:, :, place].T - 1, rtol=1e-6)
    assert both >= 10


def test_drawn_frames_can_be_decoded(drawn):
    root, renderings = drawn
    frames = read(root).frames(SIZE_PX)
    for row in range(0, len(frames), 13):
        rendering = renderings[frames.ids[row]]
        expected = np.asarray(Image.fromarray(rendering.image).resize((64, 64), Image.Resampling.BICUBIC), dtype=int)
        assert np.abs(frames.images[row] - expected).mean() < 4 and frames.masks[row].any()
        left, top, right, bottom = frames.boxes[row]
        shown = frames.joints[row]
        assert (shown >= (left - 0.5, top - 0.5)).all() and (shown <= (right - 0.5, bottom - 0.5)).all()
