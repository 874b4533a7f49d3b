"""Rendered people: the drawing keeps its promises, and every layout is what the field's readers expect on disk."""

import hashlib
import json
import pickle
import re
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat

from harness.errors import UserError
from harness.rendered import bbc, deepfashion, market, patn, penn, prepared
from harness.rendered.clips import draw_clip, render_clip
from harness.rendered.draw import Style, View, render
from harness.rendered.layouts import LIKE, write
from harness.rendered.motion import ACTIONS, Pose, signing, walking
from harness.rendered.people import CATALOGUE, SPORT, STREET, draw_person
from harness.rendered.places import PLACES, draw_place
from harness.rendered.solids import NOBODY, Solid, cast
from harness.rendered.writing import scaled, stream
from mrnet.skeletons import BBC7, OPENPOSE18, PENN13

SMALL = {
    "penn": penn.PennSize(train_videos=4, test_videos=2, least_frames=8, most_frames=10),
    "bbc": bbc.BbcSize(tracked_frames=5, manual_frames=5),
    "market": market.MarketSize(train_people=5, test_people=5, distractors=3, junk=4, test_pairs=12),
    "prepared": prepared.PreparedSize(videos=4, frames=5, train_pairs=4, test_pairs=2),
    "deepfashion": deepfashion.DeepFashionSize(train_garments=3, test_garments=2),
}
LAYOUTS = {"penn": penn, "bbc": bbc, "market": market, "prepared": prepared, "deepfashion": deepfashion}
TOPS = {like: layout.TOP for like, layout in LAYOUTS.items()}
STILL = Style(noise=0.0, shadow=False)


def random(number=0):
    return np.random.default_rng(number)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Top folder of a small set in each layout, and the counts the writers gave."""
    root = tmp_path_factory.mktemp("rendered")
    counts = {like: write(like, root / like, size=SMALL[like]) for like in LIKE}
    return {like: root / like / TOPS[like] for like in LIKE}, counts


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def size_px(path):
    with Image.open(path) as image:
        return image.height, image.width, image.mode


# --- solids


def test_a_solid_is_the_hull_of_the_ellipsoids_on_its_way():
    """Depths equal the nearest of many ellipsoids put side by side, for any direction, taper and flattening."""
    for number in range(8):
        draw = random(number)
        axes = np.linalg.qr(draw.normal(size=(3, 3)))[0]
        ends = draw.uniform((20, 20, -20), (44, 44, 20), (2, 3))
        sizes, shape = tuple(draw.uniform(5, 12, 2)), (1.0, 0.6, 0.4)
        whole = cast([Solid(*ends, sizes, axes, shape, 0.0, "skin")], (64, 64))
        pieces = []
        for share in np.linspace(0, 1, 400):
            place, size = ends[0] + share * (ends[1] - ends[0]), sizes[0] + share * (sizes[1] - sizes[0])
            pieces.append(Solid(place, place, (size, size), axes, shape, 0.0, "skin"))
        many = cast(pieces, (64, 64))
        covered = whole.owner != NOBODY, many.owner != NOBODY
        both = covered[0] & covered[1]
        assert both.sum() > 100 and (covered[0] != covered[1]).mean() < 0.002
        # at the rim, depth changes without bound from pixel to pixel, and 400 pieces are too few
        assert np.quantile(np.abs(whole.depth[both] - many.depth[both]), 0.98) < 0.1


def test_nearer_solids_cover_farther_ones_in_any_order():
    places = np.array([(8.0, 8.0, 0.0), (8.0, 8.0, 9.0)])
    balls = [Solid(place, place, (4, 4), np.eye(3), (1, 1, 1), 0, "skin") for place in places]
    assert cast(balls, (16, 16)).owner[8, 8] == 1
    assert cast(balls[::-1], (16, 16)).owner[8, 8] == 0


# --- a frame


@pytest.mark.parametrize("yaw", [0, 70, 180, -120])
def test_masks_are_the_pixels_the_person_covers_at_least_half(yaw):
    """On black and on white grounds a pixel differs by the share the ground has in it."""
    person, view = draw_person(random(3), STREET), View(yaw, 5, 110, (60, 124))
    frames = [
        render(person, walking(1.0), view, np.full((130, 120, 3), grey, np.uint8), random(), STILL) for grey in (0, 255)
    ]
    ground = frames[1].image[..., 0].astype(int) - frames[0].image[..., 0]
    clear = np.abs(ground - 127.5) > 1.5  # but for rounding
    assert (frames[0].mask == (ground < 128))[clear].all()
    assert 0.08 < frames[0].mask.mean() < 0.4


def test_things_in_hands_are_seen_but_are_no_part_of_the_mask():
    person, view = draw_person(random(1), SPORT), View(0, 5, 100, (80, 130))
    ground = np.full((150, 160, 3), 128, np.uint8)
    pose = ACTIONS["strumming_guitar"].keys[0][1]
    without, with_it = (render(person, pose, view, ground, random(), STILL, prop=prop) for prop in ("", "guitar"))
    assert not (with_it.mask & ~without.mask).any()
    assert (without.mask & ~with_it.mask).sum() > 50
    seen = (with_it.image != 128).any(axis=2)
    assert (seen & ~with_it.mask).sum() > 300


@pytest.mark.parametrize("name", ACTIONS)
def test_seen_joints_lie_on_the_person(name):
    clip = draw_clip(7, list(ACTIONS).index(name), (10, 10))
    inside = [
        frame.mask[round(joint.y), round(joint.x)]
        for frame in render_clip(clip, 7, list(ACTIONS).index(name))
        for joint in (frame.joints[joint] for joint in PENN13.joints)
        if joint.seen
    ]
    assert len(inside) > 60
    assert np.mean(inside) > 0.97


def test_joints_behind_the_body_are_hidden():
    person, ground = draw_person(random(2), CATALOGUE), np.zeros((200, 120, 3), np.uint8)

    def joints(yaw, pose):
        return render(person, pose, View(yaw, 0, 180, (60, 190)), ground, random(), STILL).joints

    hands_behind = Pose(left_hand=(-0.25, -0.8, -0.35), right_hand=(-0.25, -0.8, -0.35))
    assert joints(0, hands_behind)["left_wrist"].hidden
    assert not joints(180, hands_behind)["left_wrist"].hidden
    assert joints(180, Pose())["nose"].hidden and not joints(0, Pose())["nose"].hidden
    # who looks to the picture's right shows the right side of the body
    side = joints(90, Pose())
    assert side["left_shoulder"].hidden and side["left_hip"].hidden
    assert not side["right_shoulder"].hidden and not side["right_hip"].hidden


def test_left_is_the_persons_left():
    """Seen from the front, the left hand is on the picture's right."""
    person, ground = draw_person(random(2), SPORT), np.zeros((120, 120, 3), np.uint8)
    front, back = (
        render(person, Pose(), View(yaw, 0, 100, (60, 115)), ground, random(), STILL).joints for yaw in (0, 180)
    )
    for part in ("shoulder", "wrist", "hip", "ankle", "eye"):
        assert front[f"left_{part}"].x > front[f"right_{part}"].x
        assert back[f"left_{part}"].x < back[f"right_{part}"].x


def test_joints_outside_the_frame_say_so():
    person, ground = draw_person(random(2), SPORT), np.zeros((100, 120, 3), np.uint8)
    joints = render(person, Pose(), View(0, 0, 150, (60, 155)), ground, random(), STILL).joints
    assert not joints["left_ankle"].inside and joints["left_ankle"].y > 99
    assert joints["nose"].inside and joints["nose"].seen


def shirt_colour(person, pose, yaw):
    """Median colour around the middle of the trunk."""
    ground = np.zeros((200, 160, 3), np.uint8)
    frame = render(person, pose, View(yaw, 5, 180, (80, 190)), ground, random(), STILL)
    corners = np.array([(frame.joints[name].x, frame.joints[name].y) for name in ("left_shoulder", "right_hip")])
    x, y = np.rint(corners.mean(axis=0)).astype(int)
    patch = frame.image[y - 14 : y + 14, x - 10 : x + 10][frame.mask[y - 14 : y + 14, x - 10 : x + 10]]
    return np.median(patch, axis=0)


def test_people_keep_their_colours_and_differ_in_them():
    spread_within, colours = [], []
    for number in range(8):
        person = draw_person(random(100 + number), SPORT)
        seen = np.array([shirt_colour(person, Pose(), yaw) for yaw in (-20, 0, 20)])
        spread_within.append(np.abs(seen - seen.mean(axis=0)).mean())
        colours.append(seen.mean(axis=0))
    between = np.abs(np.array(colours)[:, None] - np.array(colours)).mean(axis=2)[np.triu_indices(8, 1)]
    assert np.mean(spread_within) < 8
    assert np.mean(between) > 4 * np.mean(spread_within)
    assert draw_person(random(5), STREET) == draw_person(random(5), STREET)
    assert draw_person(random(5), STREET) != draw_person(random(6), STREET)


# --- motion and places


def test_poses_survive_their_vector_and_mirror_twice():
    pose = ACTIONS["tennis_serve"].keys[1][1]
    assert Pose.of_vector(pose.vector()) == pose
    assert pose.mirrored().mirrored() == pose != pose.mirrored()


@pytest.mark.parametrize("name", ACTIONS)
def test_actions_move_smoothly_and_cyclic_ones_close(name):
    action = ACTIONS[name]
    vectors = np.stack([pose.vector() for pose in action.at(np.linspace(0, 1, 61))])
    keys = np.stack([pose.vector() for _, pose in action.keys])
    assert (vectors <= keys.max(axis=0) + 1e-9).all() and (vectors >= keys.min(axis=0) - 1e-9).all()
    assert np.abs(np.diff(vectors, axis=0)).max() < 20  # degrees, the fastest twist of a swing
    if action.cyclic:
        np.testing.assert_allclose(vectors[0], vectors[-1], atol=1e-9)


def test_signers_move_their_hands():
    hands = np.array([pose.right_hand for pose in signing(random(4), 60)])
    assert len(hands) == 60
    assert hands.std(axis=0).max() > 0.15


@pytest.mark.parametrize("kind", PLACES)
def test_places_fill_the_frame(kind):
    place = draw_place(random(1), kind, (90, 120))
    assert place.shape == (90, 120, 3) and place.dtype == np.uint8
    assert place.std() > 5 and (place == draw_place(random(1), kind, (90, 120))).all()


# --- writing


def test_what_is_written_is_asked_for_right(tmp_path):
    with pytest.raises(UserError, match="Did you mean .penn."):
        write("pen", tmp_path / "new")
    for scale in (0, -1, float("inf"), float("nan")):
        with pytest.raises(UserError, match="above 0 and at most"):
            write("penn", tmp_path / "new", scale=scale)
    with pytest.raises(UserError, match="seed"):
        write("penn", tmp_path / "new", seed=-1)
    (tmp_path / "mine.txt").write_text("keep me")
    (tmp_path / penn.TOP).mkdir()
    with pytest.raises(UserError, match="is there already"):
        write("penn", tmp_path)
    (tmp_path / penn.TOP).rmdir()
    with pytest.raises(UserError, match="is a file"):
        write("penn", tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_set_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(deepfashion.patn, "pairs_text", full)
    with pytest.raises(OSError, match="no space"):
        write("deepfashion", tmp_path, size=deepfashion.DeepFashionSize(1, 1))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("like", ["penn", "market", "deepfashion", "prepared"])
def test_the_same_seed_gives_the_same_bytes(like, sets, tmp_path):
    tops, counts = sets
    assert write(like, tmp_path, size=SMALL[like]) == counts[like]
    assert hashes(tmp_path / TOPS[like]) == hashes(tops[like])


def test_another_seed_gives_other_people(sets, tmp_path):
    write("prepared", tmp_path, seed=1, size=SMALL["prepared"])
    first, other = (folder / "Images" / "img" for folder in (sets[0]["prepared"], tmp_path / prepared.TOP))
    assert (first / "0001_000001.jpg").read_bytes() != (other / "0001_000001.jpg").read_bytes()


def test_people_do_not_change_with_the_size_of_a_set():
    size = scaled(penn.SIZE, 0.25)
    assert (size.train_videos, size.test_videos, size.least_frames) == (4, 2, 16)
    assert draw_clip(0, 3, (8, 10)).person == draw_clip(0, 3, (26, 40)).person
    assert stream(0, "clip", 1).random() != stream(0, "clip", 2).random()


# --- layouts


def test_penn_is_as_penn_action(sets):
    tops, counts = sets
    top = tops["penn"]
    assert sorted(path.name for path in top.iterdir()) == ["README", "frames", "labels"]
    videos = sorted(path.stem for path in (top / "labels").glob("*.mat"))
    assert videos == [f"{number:04d}" for number in range(1, 7)] == sorted(p.name for p in (top / "frames").iterdir())
    assert counts["penn"] == {"labels": 6, "frames": len(list(top.glob("frames/*/*.jpg")))}
    sizes = set()
    for number, video in enumerate(videos, start=1):
        label = loadmat(top / "labels" / f"{video}.mat")
        frames = sorted((top / "frames" / video).iterdir())
        assert [path.name for path in frames] == [f"{index:06d}.jpg" for index in range(1, len(frames) + 1)]
        count = int(label["nframes"][0, 0])
        assert len(frames) == count - (number == penn.LOST_FRAME_VIDEO)
        assert label["action"][0] in ACTIONS and label["pose"][0] in ("front", "back", "left", "right")
        assert label["train"].shape == (1, 1) and label["train"][0, 0] == (1 if number <= 4 else -1)
        assert label["x"].shape == label["y"].shape == label["visibility"].shape == (count, 13)
        assert label["x"].dtype == label["bbox"].dtype == np.float64 and label["visibility"].dtype == np.uint8
        height, width, mode = size_px(frames[0])
        assert label["dimensions"].tolist() == [[height, width, count]] and mode == "RGB"
        assert label["bbox"].shape == (count - 3 * (number == penn.SHORT_BOXES_VIDEO), 4)
        sizes.add((height, width))
    assert len(sizes) > 3
    assert b"Created" not in (top / "labels" / "0001.mat").read_bytes()[:128]


def test_penn_shows_the_traps_users_report(sets):
    labels = {number: loadmat(sets[0]["penn"] / "labels" / f"{number:04d}.mat") for number in range(1, 7)}
    filler = labels[penn.FILLER_VIDEO]
    hidden = filler["visibility"] == 0
    assert hidden.any() and (filler["x"][hidden] == penn.FILLER).all() and (filler["y"][hidden] == penn.FILLER).all()
    inverted = labels[penn.INVERTED_VIDEO]["bbox"]
    assert ((inverted[:, 2] < inverted[:, 0]) & (inverted[:, 3] < inverted[:, 1])).sum() == 1
    outside = labels[penn.OUTSIDE_VIDEO]
    assert (outside["y"] > outside["dimensions"][0, 0]).any()
    guessed = labels[1]
    assert (guessed["x"][guessed["visibility"] == 0] > 1).all()  # hidden joints have a place all the same


def test_penn_boxes_hold_the_seen_joints(sets):
    label = loadmat(sets[0]["penn"] / "labels" / "0001.mat")
    seen = label["visibility"] == 1
    x1, y1, x2, y2 = label["bbox"].T[:, :, None]
    assert ((label["x"] >= x1) & (label["x"] <= x2))[seen].all()
    assert ((label["y"] >= y1) & (label["y"] <= y2))[seen].all()


def test_bbc_is_as_bbc_pose(sets):
    tops, counts = sets
    top = tops["bbc"]
    videos = loadmat(top / "code" / "bbcpose.mat")["bbcpose"]
    assert videos.shape == (1, 92) and videos.dtype.names == bbc.FIELDS
    parts = [str(video["type"][0]) for video in videos[0]]
    assert parts[:20] == ["train"] * 10 + ["val"] * 5 + ["test"] * 5 and set(parts[20:]) == {"train"}
    assert {str(video["source"][0]) for video in videos[0][:20]} == {"buehler11"}
    assert {str(video["source"][0]) for video in videos[0][20:]} != {"buehler11"}
    assert sorted(path.name for path in top.iterdir()) == sorted([*map(str, range(1, 21)), "code"])
    gaps, shared = set(), 0
    for number, video in enumerate(videos[0][:20], start=1):
        tracked = video["train_frames"]
        assert tracked.shape == (1, 5) and tracked.dtype == np.float64 and video["train_joints"].shape == (2, 7, 5)
        frames = {int(frame) for frame in tracked[0]}
        gaps |= {b - a for a, b in pairwise(sorted(frames))}
        if parts[number - 1] == "train":
            assert video["test_frames"].size == video["test_joints"].size == 0
        else:
            assert video["test_frames"].shape == (1, 5) and video["test_joints"].shape == (2, 7, 5)
            both = frames & {int(frame) for frame in video["test_frames"][0]}
            for frame in both:
                found = video["train_joints"][..., tracked[0].tolist().index(frame)]
                by_hand = video["test_joints"][..., video["test_frames"][0].tolist().index(frame)]
                assert 0 < np.abs(found - by_hand).max() < 60 and np.median(np.abs(found - by_hand)) < 5
            shared += len(both)
            frames |= {int(frame) for frame in video["test_frames"][0]}
        assert {path.name for path in (top / str(number)).iterdir()} == {f"{frame}.jpg" for frame in frames}
        assert size_px(next((top / str(number)).iterdir())) == (202, 360, "RGB")
    assert shared and max(gaps) > 1
    assert counts["bbc"]["videos"] == 20 and counts["bbc"]["frames"] == len(list(top.glob("*/*.jpg")))


def test_bbc_joints_are_the_signers_in_bbc_order(sets):
    """A signer looks at us: the left shoulder is on the picture's right, the head above both."""
    assert bbc.JOINTS[1:] == BBC7.joints[1:] and BBC7.joints[0] == "head"
    video = loadmat(sets[0]["bbc"] / "code" / "bbcpose.mat")["bbcpose"][0, 17]
    joints = dict(zip(BBC7.joints, video["test_joints"].swapaxes(0, 1), strict=True))
    head, right, left = joints["head"], joints["right_shoulder"], joints["left_shoulder"]
    assert (left[0] > right[0] + 20).all()
    assert (head[1] < left[1]).all() and (head[1] < right[1]).all()


def test_bbc_background_moves_and_the_backdrop_stays(sets):
    frames = sorted((sets[0]["bbc"] / "1").iterdir(), key=lambda path: int(path.stem))
    first, last = (np.asarray(Image.open(path)).astype(int) for path in (frames[0], frames[-1]))
    change = np.abs(first - last).mean(axis=2)
    assert change[:, :120].mean() > 3 * change[:, -12:].mean()


def read_annotation(path):
    lines = path.read_text().splitlines()
    assert lines[0] == "name:keypoints_y:keypoints_x"
    found = {}
    for line in lines[1:]:
        name, y, x = line.split(": ")
        found[name] = np.array([json.loads(x), json.loads(y)])
        assert found[name].shape == (2, 18) and found[name].dtype == int
        assert ((found[name][0] == -1) == (found[name][1] == -1)).all()
    return found


def read_pairs(path):
    lines = path.read_text().splitlines()
    assert lines[0] == "from,to"
    return [tuple(line.split(",")) for line in lines[1:]]


def complete(places):
    needed = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
    return all(places[0, OPENPOSE18.joints.index(name)] >= 0 for name in needed)


def all_ordered_pairs(found, person_of):
    good = [name for name, places in found.items() if complete(places) and person_of(name) not in ("-1", "0000")]
    return {(a, b) for a in good for b in good if a != b and person_of(a) == person_of(b)}


def person_of(name):
    return name.split("_")[0]


def test_market_is_as_market_1501(sets):
    tops, counts = sets
    top = tops["market"]
    folders = ("bounding_box_train", "bounding_box_test", "query")
    names = {folder: sorted(path.name for path in (top / folder).glob("*.jpg")) for folder in folders}
    for folder, found in names.items():
        assert found and all(size_px(top / folder / name) == (128, 64, "RGB") for name in found)
        assert all(re.fullmatch(r"(-1|\d{4})_c[1-6]s\d_\d{6}_\d\d\.jpg", name) for name in found)
        assert counts["market"][folder] == len(found)
    people = {folder: {person_of(name) for name in found} for folder, found in names.items()}
    assert people["bounding_box_test"] == people["query"] | {"-1", "0000"}
    assert len(people["bounding_box_train"]) == 5 == len(people["query"])
    assert not people["bounding_box_train"] & people["query"]
    assert (top / "bounding_box_test" / "Thumbs.db").is_file()
    for part in ("train", "test"):
        found = read_annotation(top / f"market-annotation-{part}.csv")
        assert sorted(found) == names[f"bounding_box_{part}"] and list(found) != sorted(found)
        places = np.stack(list(found.values()))
        assert places.min() == -1 and places[:, 0].max() < 64 and places[:, 1].max() < 128


def test_market_pairs_follow_the_fields_rule(sets):
    top = sets[0]["market"]
    found = {part: read_annotation(top / f"market-annotation-{part}.csv") for part in ("train", "test")}
    train, test = (read_pairs(top / f"market-pairs-{part}.csv") for part in ("train", "test"))
    assert len(set(train)) == len(train) and set(train) == all_ordered_pairs(found["train"], person_of)
    assert len(set(test)) == len(test) == 12 and set(test) < all_ordered_pairs(found["test"], person_of)
    assert {person_of(a) for a, _ in test} < {person_of(name) for name in found["test"]} - {"-1", "0000"}


def test_on_some_images_nobody_is_found_and_on_some_no_hips():
    draw = random(0)
    person = draw_person(draw, STREET)
    frame = render(person, walking(0.4), View(0, 12, 110, (32, 122)), np.zeros((128, 64, 3), np.uint8), draw, STILL)
    found = [market._found(frame, draw) for _ in range(200)]
    assert 2 < sum(places == patn.NOTHING for places in found) < 30
    hips = [OPENPOSE18.joints.index(f"{side}_hip") for side in ("left", "right")]
    assert sum(places != patn.NOTHING and all(places[hip][0] == -1 for hip in hips) for places in found) > 3


def test_detected_joints_lie_on_the_person(sets):
    """Where a detector found a nose there is skin or hair, not the white of the catalogue."""
    top = sets[0]["deepfashion"]
    hits = []
    for name, places in read_annotation(top / "fasion-resize-annotation-train.csv").items():
        image = np.asarray(Image.open(top / "train" / name)).astype(int)
        hits += [image[y, x].min() < 235 for x, y in places.T if x >= 0]
    assert len(hits) > 80 and np.mean(hits) > 0.95


def test_deepfashion_is_as_the_field_prepares_it(sets):
    tops, counts = sets
    top = tops["deepfashion"]
    for part in ("train", "test"):
        names = sorted(path.name for path in (top / part).iterdir())
        assert (top / f"{part}.lst").read_text().splitlines() == names
        assert all(size_px(top / part / name) == (256, 176, "RGB") for name in names)
        assert all(re.fullmatch(r"fashion(WO)?MEN[A-Z]\w+id\d{10}_[1-7][a-z]+\.jpg", name) for name in names)
        found = read_annotation(top / f"fasion-resize-annotation-{part}.csv")
        assert sorted(found) == names
        pairs = read_pairs(top / f"fasion-resize-pairs-{part}.csv")
        assert set(pairs) == all_ordered_pairs(found, deepfashion.garment_of)
        assert counts["deepfashion"][f"{part} pairs"] == len(pairs) > 4
        corner = np.asarray(Image.open(top / part / names[0]))[:8, :8]
        assert corner.min() > 240


def test_prepared_is_as_mrnets_loader_reads_it(sets):
    tops, counts = sets
    top = tops["prepared"]
    poses = pickle.loads((top / "Label" / "pose_label.pkl").read_bytes(), encoding="latin1")
    names = sorted(path.stem for path in (top / "Images" / "img").iterdir())
    assert sorted(poses) == names == sorted(path.stem for path in (top / "Images" / "seg").iterdir())
    assert all(name.count("_") == 1 for name in names) and len(names) == 20
    values, sizes, inside = set(), set(), []
    for name in names:
        assert type(poses[name]) is list and all(type(joint) is list and len(joint) == 2 for joint in poses[name])
        mask = np.asarray(Image.open(top / "Images" / "seg" / f"{name}.bmp"))
        assert mask.shape == (128, 128) and mask.any() and len(np.unique(mask)) == 2
        values |= set(np.unique(mask).tolist())
        sizes.add(size_px(top / "Images" / "img" / f"{name}.jpg")[:2])
        joints = np.array(poses[name], dtype=float)
        assert joints.shape == (13, 2) and ((joints == -1).all(axis=1) | (joints > -0.5).all(axis=1)).all()
        inside += [mask[round(y), round(x)] != 0 for x, y in joints if x != -1]
    assert values == {0, 1, 255} and (256, 256) in sizes and len(sizes) > 1
    assert np.mean(inside) > 0.9
    split = json.loads((top / "Label" / "pair_split.json").read_text())
    assert len(split["train"]) == 16 == counts["prepared"]["train pairs"] and len(split["test"]) == 8
    for source, target in split["train"] + split["test"]:
        assert source in poses and target in poses and source != target and source[:4] == target[:4]
    assert not {tuple(pair) for pair in split["train"]} & {tuple(pair) for pair in split["test"]}


def test_the_pickle_names_nothing_but_plain_types(sets):
    class Plain(pickle.Unpickler):
        def find_class(self, module, name):
            raise AssertionError(f"{module}.{name}")

    with (sets[0]["prepared"] / "Label" / "pose_label.pkl").open("rb") as file:
        assert file.read(2) == b"\x80\x02"
        file.seek(0)
        assert Plain(file).load()
