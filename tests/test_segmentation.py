"""Person masks where a dataset ships none: drawn from joints and box, or found by a network."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
import torch
from conftest import fetched_or_skipped

from harness import neural_masks, segmentation
from harness.assets import ASSETS
from harness.blazepose import Region, quarter_turns
from harness.body_mask import mask_of_joints, named_points
from harness.errors import UserError
from harness.neural_masks import choose
from harness.segmenter import Subject
from harness.weights import WeightStore
from methods.encoding import keypoint_mask
from mrnet.skeletons import BBC7, COCO17, FOOTAGE18, OPENPOSE18, PENN13, Skeleton

SIZE_PX = (64, 48)
MISSING = (np.nan, np.nan)


def a_skeleton(*names):
    return Skeleton("made", names, (), ())


SIGNER = np.array([[24, 8], [14, 40], [34, 40], [12, 30], [36, 30], [30, 20], [18, 20]], dtype=np.float64)


def overlap(a, b):
    a, b = a > 0, b > 0
    return (a & b).sum() / (a | b).sum()


@pytest.fixture
def store(empty_home):
    """A store without a file."""
    return WeightStore()


@pytest.fixture(scope="module")
def blazepose():
    """BlazePose with its real weights."""
    store = WeightStore()
    fetched_or_skipped(lambda: store.fetch(["blazepose"]))
    return segmentation.build("blazepose", store)


# ---- cards, provenance, building


def test_every_segmenter_has_a_card_whose_assets_are_known():
    assert set(segmentation.SEGMENTERS) == {"joints", "keypoint", "box", "blazepose", "maskrcnn"}
    for name, card in segmentation.SEGMENTERS.items():
        assert card.name == name and card.title and card.version >= 1 and set(card.assets) <= set(ASSETS)
        assert card.sees_image == bool(card.assets) == (name in ("blazepose", "maskrcnn"))


def test_what_draws_needs_no_weights(store):
    assert segmentation.provenance("joints", store) == {"segmenter": "joints", "version": 1, "assets": {}}
    for name in ("joints", "keypoint", "box"):
        built = segmentation.build(name, store)
        assert built.card is segmentation.card(name) and built.provenance == segmentation.provenance(name, store)


@pytest.mark.parametrize(("name", "asset"), [("maskrcnn", "maskrcnn_v2"), ("blazepose", "blazepose")])
def test_missing_weights_are_named_with_the_command(store, name, asset):
    for ask in (segmentation.build, segmentation.provenance):
        with pytest.raises(UserError, match=f"bench weights fetch {asset}"):
            ask(name, store)


def test_mask_rcnn_does_not_fall_back_to_the_first_version(store, tmp_path, monkeypatch):
    place(tmp_path, monkeypatch, "maskrcnn_v1", b"first version")
    with pytest.raises(UserError, match="maskrcnn_v2"):
        segmentation.build("maskrcnn", WeightStore(extra_dir=tmp_path))


def test_an_unknown_name_gets_a_suggestion(store):
    for ask in (lambda: segmentation.card("mask_rcnn"), lambda: segmentation.build("mask_rcnn", store)):
        with pytest.raises(UserError, match="Did you mean 'maskrcnn'"):
            ask()


def test_cards_are_read_without_torch():
    script = (
        "import sys; import harness.segmentation, harness.mask_cache, harness.neural_masks\n"
        "assert not {'torch', 'torchvision', 'ai_edge_litert', 'skimage'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# ---- drawn masks


def test_the_joints_segmenter_draws_the_body(store):
    joints = np.random.default_rng(0).uniform(5, 40, (13, 2))
    found = segmentation.build("joints", store).mask(Subject(None, joints, np.zeros(4), PENN13, SIZE_PX))
    assert np.array_equal(found, mask_of_joints(joints, PENN13, SIZE_PX)) and found.any()


def test_the_box_segmenter_fills_whole_pixels_of_the_frame(store):
    box = segmentation.build("box", store)
    found = box.mask(Subject(None, np.zeros((13, 2)), np.array([10.2, -3, 20.5, 8]), PENN13, SIZE_PX))
    assert found.dtype == np.uint8 and found.shape == SIZE_PX and found.sum() == 11 * 8
    assert found[:8, 10:21].all()


def test_the_keypoint_segmenter_gives_the_fields_mask(store):
    joints = np.full((13, 2), np.nan, dtype=np.float32)
    joints[PENN13.joints.index("left_elbow")], joints[PENN13.joints.index("left_wrist")] = (10, 20), (30, 20)
    found = segmentation.build("keypoint", store).mask(Subject(None, joints, np.zeros(4), PENN13, SIZE_PX))
    assert found.dtype == np.uint8 and found.shape == SIZE_PX and set(np.unique(found)) == {0, 1}
    assert found[20, 10:31].all() and not found[40:].any()
    expected = keypoint_mask(torch.from_numpy(joints[None]), PENN13, SIZE_PX)
    assert np.array_equal(found, expected[0, 0].numpy())


def test_without_hips_a_trunk_hangs_from_the_shoulders_to_the_edge_of_the_frame():
    found = mask_of_joints(SIGNER, BBC7, SIZE_PX)
    assert found[20:39, 20:29].all(), "1.6 shoulder widths of 12 px, below shoulders at row 20"
    assert not found[48:].any()
    low = mask_of_joints(SIGNER + (0, 30), BBC7, SIZE_PX)
    assert low[50:, 20:29].all()


def test_hips_that_are_only_missing_are_not_made_up():
    joints = np.full((13, 2), np.nan)
    names = ("head", "left_shoulder", "right_shoulder")
    for name in names:
        joints[PENN13.joints.index(name)] = SIGNER[BBC7.joints.index(name)]
    assert not mask_of_joints(joints, PENN13, SIZE_PX)[30:].any()


@pytest.mark.parametrize("missing", ["left_shoulder", "right_shoulder", "head", "left_wrist"])
def test_a_body_without_hips_may_lack_any_joint(missing):
    joints = SIGNER.copy()
    joints[BBC7.joints.index(missing)] = np.nan
    assert mask_of_joints(joints, BBC7, SIZE_PX).any()


@pytest.mark.parametrize("seen", ["left_ear", "right_ear", "nose"])
def test_a_head_seen_from_a_side_is_drawn_near_the_bodys_axis(seen):
    """One ear lies beside the head's middle: the disc around it would miss half of the head."""
    where = {"left_shoulder": (38, 30), "right_shoulder": (26, 30), "left_hip": (36, 50), "right_hip": (28, 50)}
    where[seen] = {"left_ear": (36, 20), "right_ear": (28, 20), "nose": (35, 20)}[seen]
    joints = np.full((18, 2), np.nan)
    for name, point in where.items():
        joints[OPENPOSE18.joints.index(name)] = point
    head = named_points(joints, OPENPOSE18)["head"]
    assert np.allclose(head, ((where[seen][0] + 32) / 2, 20)), "halfway to the axis x = 32"
    lying = named_points(joints[:, ::-1], OPENPOSE18)["head"]
    assert np.allclose(lying, head[::-1]), "whatever way the body points"
    rows, columns = np.nonzero(mask_of_joints(joints, OPENPOSE18, SIZE_PX)[:18])
    assert abs(columns.mean() - 32) < abs(where[seen][0] - 32)


@pytest.mark.parametrize(
    ("points", "head"),
    [
        (((20, 10), (16, 8), (26, 8)), (21, 8)),
        (((20, 10), (16, 8), MISSING), (16, 8)),
        ((MISSING, MISSING, (26, 8)), (26, 8)),
        (((20, 10), MISSING, MISSING), (20, 10)),
        ((MISSING, MISSING, MISSING), None),
    ],
)
@pytest.mark.parametrize("skeleton", [OPENPOSE18, COCO17])
def test_without_a_head_joint_the_ears_or_else_the_nose_give_it(skeleton, points, head):
    joints = np.full((len(skeleton), 2), np.nan)
    joints[[skeleton.joints.index(name) for name in ("nose", "left_ear", "right_ear")]] = points
    found = named_points(joints, skeleton).get("head")
    assert found is None if head is None else np.array_equal(found, head)


def test_a_missing_head_is_not_made_up():
    joints = np.ones((18, 2))
    joints[FOOTAGE18.joints.index("head")] = np.nan
    assert "head" not in named_points(joints, FOOTAGE18)


def test_heads_between_the_ears_are_as_good_as_annotated_ones(footage):
    frames = footage.frames((128, 128))
    without = a_skeleton(*(name for name in FOOTAGE18.joints if name != "head"))
    assert FOOTAGE18.joints[0] == "head"
    overlaps = [
        overlap(mask_of_joints(joints[1:], without, (128, 128)), mask)
        for mask, joints in zip(frames.masks[::16], frames.joints[::16], strict=True)
    ]
    assert np.mean(overlaps) > 0.79


# ---- which of several persons


def persons(*boxes, size_px=SIZE_PX):
    masks = np.zeros((len(boxes), *size_px), dtype=bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return masks


NO_BOX = np.array([0, 0, 48, 64])


def test_the_largest_person_that_holds_half_of_the_joints_is_chosen():
    masks = persons((0, 0, 10, 10), (0, 0, 20, 20), (20, 20, 48, 64))
    joints = np.array([[2, 2], [5, 5], [30, 30], [40, 2]], dtype=np.float64)
    assert choose(masks, joints, NO_BOX) == 1
    assert choose(masks[::-1], joints, NO_BOX) == 1
    assert choose(masks[[0, 2]], joints, NO_BOX) == 0


def test_a_person_with_fewer_than_half_of_the_joints_is_not_chosen():
    joints = np.array([[2, 2], [30, 30], [40, 40]], dtype=np.float64)
    assert choose(persons((0, 0, 10, 10)), joints, NO_BOX) is None
    assert choose(persons(), joints, NO_BOX) is None
    assert choose(persons((0, 0, 0, 0)), joints, NO_BOX) is None


def test_missing_joints_and_joints_outside_the_picture_do_not_count():
    joints = np.array([[2, 2], MISSING, [500, 2], [-7, 3]])
    assert choose(persons((0, 0, 10, 10)), joints, NO_BOX) == 0


def test_joints_lie_on_pixel_centres():
    masks = persons((10, 10, 11, 11))
    assert choose(masks, np.array([[10.4, 9.6]]), NO_BOX) == 0 and choose(masks, np.array([[10.6, 10]]), NO_BOX) is None
    corner = persons((47, 63, 48, 64))
    assert choose(corner, np.array([[47.5, 63.5]]), NO_BOX) == 0, "the frame's very edge is its last pixel"


def test_without_joints_the_box_decides():
    masks = persons((0, 0, 40, 40), (20, 20, 30, 30))
    nobody = np.full((13, 2), np.nan)
    assert choose(masks, nobody, np.array([18, 18, 32, 32])) == 1
    assert choose(masks, nobody, NO_BOX) == 0
    assert choose(masks, nobody, np.array([41, 41, 48, 48])) is None


# ---- Mask R-CNN, with weights made here


def place(folder, monkeypatch, name, content):
    """Put `content` into `folder` as the file of the asset `name`, under the hash it has."""
    folder.mkdir(exist_ok=True)
    (folder / ASSETS[name].filename).write_bytes(content)
    monkeypatch.setitem(ASSETS, name, replace(ASSETS[name], sha256=hashlib.sha256(content).hexdigest()[:8]))


def made_weights(folder, monkeypatch, category, leave_out=()):
    """A store whose Mask R-CNN sees `category` everywhere: all weights are 0, and only that class's biases are not.

    Tensors of one repeated number take no room in the file.
    """
    from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

    with torch.device("meta"):
        shapes = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None).state_dict()
    tensors = {
        name: torch.full((1,) * value.ndim, float(name.endswith("running_var")), dtype=value.dtype).expand(value.shape)
        for name, value in shapes.items()
        if name not in leave_out
    }
    bias = torch.zeros(shapes["roi_heads.box_predictor.cls_score.bias"].shape)
    bias[category] = 10
    tensors["roi_heads.box_predictor.cls_score.bias"] = bias
    tensors["roi_heads.mask_predictor.mask_fcn_logits.bias"] = torch.full(bias.shape, 5.0)
    torch.save(tensors, folder / "made.pth")
    place(folder / "mine", monkeypatch, "maskrcnn_v2", (folder / "made.pth").read_bytes())
    return WeightStore(extra_dir=folder / "mine")


def small_mask_rcnn(store):
    """The segmenter, made fast: pictures are not enlarged to 800 px, and few regions are looked at."""
    segmenter = segmentation.build("maskrcnn", store)
    network, _ = segmenter._network
    network.transform.min_size = (64,)
    network.rpn._post_nms_top_n["testing"], network.roi_heads.detections_per_img = 50, 5
    assert not network.training
    return segmenter


def test_mask_rcnn_finds_persons_and_nothing_else(empty_home, tmp_path, monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (*SIZE_PX, 3), dtype=np.uint8)
    joints = np.array([[20.0, 20.0], [24.0, 40.0]])
    person = small_mask_rcnn(made_weights(tmp_path, monkeypatch, category=1))
    seen = person.persons(image)
    assert seen.dtype == bool and seen.shape[1:] == SIZE_PX and len(seen) > 1
    found = person.mask(Subject(image, joints, NO_BOX, PENN13, SIZE_PX))
    assert found.dtype == np.uint8 and np.array_equal(found, seen[choose(seen, joints, NO_BOX)])
    assert found[20, 20] or found[40, 24]
    assert np.array_equal(person.mask(Subject(image, joints, NO_BOX, PENN13, SIZE_PX)), found)
    with pytest.raises(ValueError, match="expected an image"):
        person.mask(Subject(None, joints, NO_BOX, PENN13, SIZE_PX))
    with pytest.raises(ValueError, match="expected an image"):
        person.mask(Subject(image, joints, NO_BOX, PENN13, (32, 32)))

    bicycle = small_mask_rcnn(made_weights(tmp_path, monkeypatch, category=2))
    empty = bicycle.mask(Subject(image, joints, NO_BOX, PENN13, SIZE_PX))
    assert empty.shape == SIZE_PX and empty.dtype == np.uint8 and not empty.any()
    assert bicycle.provenance["assets"] != person.provenance["assets"]


def test_mask_rcnn_loads_its_weights_strictly(empty_home, tmp_path, monkeypatch):
    store = made_weights(tmp_path, monkeypatch, category=1, leave_out=["backbone.body.conv1.weight"])
    with pytest.raises(RuntimeError, match="Missing key"):
        small_mask_rcnn(store)


# ---- BlazePose


@pytest.mark.parametrize(
    ("above", "turns"), [((0, -9), 0), ((9, 0), 1), ((0, 9), 2), ((-9, 0), 3), ((3, -9), 0), ((9, 3), 1), ((0, 0), 0)]
)
@pytest.mark.parametrize("pair", ["hip shoulder", "shoulder head"])
def test_turns_bring_a_body_upright(pair, above, turns):
    """Image coordinates: y grows downwards."""
    low, high = pair.split()
    joints = np.full((13, 2), np.nan)
    for name in PENN13.joints:
        if name.endswith(low):
            joints[PENN13.joints.index(name)] = (20, 20)
        elif name.endswith(high):
            joints[PENN13.joints.index(name)] = np.add((20, 20), above)
    assert quarter_turns(joints, PENN13) == turns


def test_a_body_of_unknown_direction_is_not_turned():
    assert quarter_turns(np.full((13, 2), np.nan), PENN13) == 0


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("box", [(10, 20, 20, 36), (0, 0, 48, 64), (40, 2, 48, 60), (0, 60, 48, 64)])
def test_what_is_cut_comes_back_to_its_place(turns, box):
    image = np.random.default_rng(1).integers(0, 256, (*SIZE_PX, 3), dtype=np.uint8)
    region = Region.around(np.array(box, dtype=np.float32), turns)
    part = region.cut(image)
    assert part.shape == (region.side, region.side, 3)
    assert region.side == int(np.ceil(1.25 * max(box[2] - box[0], box[3] - box[1])))
    back = region.put_back(part[..., 0] > 127, SIZE_PX)
    left, top, right, bottom = box
    assert np.array_equal(back[top:bottom, left:right], image[top:bottom, left:right, 0] > 127)
    assert back.sum() <= (image[..., 0] > 127).sum(), "nothing of the padding, nothing around the region"


def test_a_lying_body_is_shown_upright(store, monkeypatch):
    """The network, here a stand-in, sees the head of a body that lies with its head to the right on top."""
    image = np.zeros((*SIZE_PX, 3), dtype=np.uint8)
    image[28:36, 32:40] = 255  # the head
    joints = np.full((13, 2), np.nan)
    for name, point in {"head": (36, 32), "left_hip": (12, 32), "right_hip": (12, 30)}.items():
        joints[PENN13.joints.index(name)] = point
    segmenter = neural_masks.BlazePose(store, {})
    shown = []

    def run(part):
        shown.append(part)
        return 0.9, np.where(part[..., 0] > 0.5, 5, -5).astype(np.float32)

    monkeypatch.setattr(segmenter, "_run", run)
    found = segmenter.mask(Subject(image, joints, np.array([8, 24, 40, 40]), PENN13, SIZE_PX))
    assert shown[0].shape == (256, 256, 3) and shown[0].dtype == np.float32 and shown[0].max() == 1
    rows, columns = np.nonzero(shown[0][..., 0] > 0.5)
    assert rows.mean() < 100 and abs(columns.mean() - 127.5) < 10
    assert overlap(found, image[..., 0]) > 0.9


def test_blazepose_meets_the_annotated_masks(footage, blazepose):
    """Which BlazePose itself drew, before they were corrected: this holds the geometry, not the network's worth."""
    frames = footage.frames((128, 128))
    overlaps = []
    for row in range(0, len(frames.ids), 25):
        image, joints, box = frames.images[row], frames.joints[row], frames.boxes[row]
        found = blazepose.mask(Subject(image, joints, box, FOOTAGE18, (128, 128)))
        assert found.dtype == np.uint8
        overlaps.append(overlap(found, frames.masks[row]))
    assert np.mean(overlaps) > 0.88 and min(overlaps) > 0.6


def test_blazepose_finds_nobody_in_noise(blazepose):
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    found = blazepose.mask(Subject(noise, np.full((13, 2), np.nan), np.array([30, 10, 60, 80]), PENN13, (90, 120)))
    assert found.shape == (90, 120) and not found.any()


def test_blazepose_may_be_called_from_several_threads(footage, blazepose):
    frames = footage.frames((128, 128))
    rows = range(0, len(frames.ids), 60)
    found = {}

    def work(row, key):
        arguments = frames.images[row], frames.joints[row], frames.boxes[row]
        found[key] = blazepose.mask(Subject(*arguments, FOOTAGE18, (128, 128)))

    threads = [Thread(target=work, args=(row, (row, turn))) for turn in range(2) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for row in rows:
        work(row, row)
        assert np.array_equal(found[row, 0], found[row]) and np.array_equal(found[row, 1], found[row])
