"""The judges of pose: on real footage and made pictures, and keypoint R-CNN with a stand-in and weights made here."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import fetched_or_skipped

from harness.assets import ASSETS
from harness.blazepose import SIDE_PX, Region
from harness.errors import UserError
from harness.metrics import judges
from harness.metrics.pose import Found
from harness.segmenter import Subject
from harness.weights import WeightStore
from mrnet.skeletons import BLAZEPOSE33, COCO17, FOOTAGE18

BOX = np.array([10.0, 10.0, 50.0, 110.0])


# ---- cards and building


def test_cards_name_their_assets_and_what_they_annotated():
    for name, card in judges.JUDGES.items():
        assert card.name == name and card.title and card.version >= 1 and set(card.assets) <= set(ASSETS)
    assert judges.card("blazepose").annotated == ("footage",) and judges.card("keypoint_rcnn").annotated == ()
    with pytest.raises(UserError, match="Did you mean 'blazepose'"):
        judges.build("blaze_pose", WeightStore())


@pytest.mark.parametrize("name", judges.JUDGES)
def test_missing_weights_are_named_with_the_command(empty_home, name):
    with pytest.raises(UserError, match=f"bench weights fetch {name}"):
        judges.build(name, WeightStore())


def test_judges_are_looked_up_without_torch():
    script = (
        "import sys; import harness.metrics.judges\n"
        "assert not {'torch', 'torchvision', 'ai_edge_litert', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


class Everywhere(judges.Judge):
    """Finds every joint in the picture's upper left corner."""

    card = judges.card("keypoint_rcnn")

    def find(self, subject):
        return Found(dict.fromkeys(COCO17.joints, np.zeros(2)), 0.9)


def test_joints_outside_the_picture_are_excluded_and_counted():
    wanted = np.zeros((17, 2))
    wanted[[2, 5]] = (-0.6, 3), (10, 63.6)
    wanted[3] = (-0.5, 0)
    scores = Everywhere().scores(Subject(None, wanted, BOX, COCO17, (64, 48)))
    assert (scores.joints, scores.excluded, scores.pck_01) == (15, 2, 1)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("box", [(10, 20, 34, 36), (0, 0, 48, 64), (20, 50, 48, 64)])
def test_points_come_back_to_the_pixel_they_lie_on(box, turns):
    """The middle of a pixel of what was cut is the 0-based centre of that pixel of the picture."""
    image = np.zeros((64, 48, 3), dtype=np.uint8)
    image[58, 30] = 255
    image[30, 20] = 255
    region = Region.around(np.array(box), turns)
    rows, columns = np.nonzero(region.cut(image)[..., 0])
    edges = (np.stack([columns, rows], axis=1) + 0.5) * SIDE_PX / region.side
    found = {tuple(point) for point in region.points_back(edges).round(6)}
    assert found and found <= {(30, 58), (20, 30)}


# ---- BlazePose on the footage


@pytest.fixture(scope="module")
def blazepose():
    store = WeightStore()
    fetched_or_skipped(lambda: store.fetch(["blazepose"]))
    return judges.build("blazepose", store)


def footage_subjects(footage, side_px, step, images=None):
    frames = footage.frames((side_px, side_px))
    rows = range(0, len(frames.ids), step)
    images = [frames.images[row] for row in rows] if images is None else [images] * len(rows)
    return [
        Subject(image, frames.joints[row], frames.boxes[row], FOOTAGE18, (side_px, side_px))
        for image, row in zip(images, rows, strict=True)
    ]


def test_real_targets_score_high_and_noise_near_0(footage, blazepose):
    real = [blazepose.scores(subject) for subject in footage_subjects(footage, 128, step=24)]
    assert np.mean([one.pck_02 for one in real]) > 0.9 and np.mean([one.oks for one in real]) > 0.75
    assert np.mean([one.score for one in real]) > 0.9
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    for image in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        made = [blazepose.scores(subject) for subject in footage_subjects(footage, 128, step=60, images=image)]
        assert max(one.pck_02 for one in made) == 0 and max(one.score for one in made) < 0.1


def test_another_frame_of_the_clip_scores_between_them(footage, blazepose):
    """So the value tells poses apart, not only persons from noise."""
    frames = footage.frames((128, 128))
    pck = []
    for row in range(0, 400, 40):
        clip, place = divmod(row, 100)
        image = frames.images[clip * 100 + (place + 50) % 100]
        subject = Subject(image, frames.joints[row], frames.boxes[row], FOOTAGE18, (128, 128))
        pck.append(blazepose.scores(subject).pck_01)
    assert 0.05 < np.mean(pck) < 0.6


def test_half_the_size_is_judged_less_well(footage, blazepose):
    means = [
        np.mean([blazepose.scores(subject).pck_01 for subject in footage_subjects(footage, side_px, step=24)])
        for side_px in (128, 64)
    ]
    assert means[1] < means[0] - 0.03


def test_a_picture_on_its_side_is_judged_as_well(footage, blazepose):
    """Turned pictures and joints: the judge sees the same square, so the joints move with it."""
    subject = footage_subjects(footage, 128, step=300)[0]
    x, y = subject.joints.T
    left, top, right, bottom = subject.box
    lying = Subject(
        np.ascontiguousarray(np.rot90(subject.image)), np.stack([y, 127 - x], axis=1),
        np.array([top, 128 - right, bottom, 128 - left]), FOOTAGE18, (128, 128),
    )  # fmt: skip
    upright, turned = blazepose.find(subject).points, blazepose.find(lying).points
    moved = np.array([(127 - turned[name][1], turned[name][0]) for name in BLAZEPOSE33.joints])
    assert np.linalg.norm(moved - [upright[name] for name in BLAZEPOSE33.joints], axis=1).max() < 3


def test_no_number_depends_on_the_number_of_threads(footage, blazepose):
    subjects = footage_subjects(footage, 64, step=80)
    alone = [blazepose.scores(subject) for subject in subjects]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(blazepose.scores, subjects * 2)) == alone * 2


def test_what_blazepose_cannot_look_at_is_refused(blazepose):
    image, joints = np.zeros((64, 48, 3), dtype=np.uint8), np.full((17, 2), 20.0)
    with pytest.raises(ValueError, match="expected an image"):
        blazepose.scores(Subject(image, joints, BOX, COCO17, (32, 32)))
    with pytest.raises(UserError, match="the person's box is"):
        blazepose.scores(Subject(image, joints, np.full(4, np.nan), COCO17, (64, 48)))


# ---- keypoint R-CNN, with a stand-in or weights made here


def test_the_person_whose_box_overlaps_the_targets_best_is_the_one():
    boxes = np.array([[0, 0, 48, 64], [12, 12, 30, 40], [12, 12, 14, 14]])
    assert judges.best_overlap(boxes, np.array([10, 10, 30, 40])) == 1
    assert judges.best_overlap(boxes, np.array([0, 0, 40, 64])) == 0
    assert judges.best_overlap(boxes[1:], np.array([40, 50, 48, 64])) is None
    assert judges.best_overlap(boxes[1:], np.array([30, 12, 48, 64])) is None, "an edge in common is no overlap"
    assert judges.best_overlap(np.zeros((0, 4)), np.array([0, 0, 1, 1])) is None


def test_keypoint_rcnn_takes_sure_persons_only(monkeypatch):
    keypoints = torch.stack([torch.full((17, 3), float(person)) for person in range(4)])
    answer = {
        "boxes": torch.tensor([[0, 0, 9, 9], [10, 10, 50, 60], [10, 10, 50, 62], [10, 10, 50, 62]]).float(),
        "labels": torch.tensor([1, 1, 1, 2]),
        "scores": torch.tensor([0.99, 0.75, 0.4, 0.9]),
        "keypoints": keypoints,
    }
    judge = judges.KeypointRCNN(WeightStore(), "cpu")
    monkeypatch.setitem(vars(judge), "_network", lambda images: [answer])
    image, joints = np.zeros((64, 64, 3), dtype=np.uint8), np.ones((17, 2))
    found = judge.find(Subject(image, joints, np.array([10, 10, 50, 62]), COCO17, (64, 64)))
    assert found.score == 0.75 and np.array_equal(found.points["left_ankle"], (1, 1)) and len(found.points) == 17
    nobody = judge.find(Subject(image, joints, np.array([55, 0, 64, 9]), COCO17, (64, 64)))
    assert nobody == Found({}, 0.0)


def made_weights(folder, monkeypatch, category, leave_out=()):
    """A store whose keypoint R-CNN sees `category` everywhere; tensors of one repeated number take no room."""
    from torchvision.models.detection import keypointrcnn_resnet50_fpn

    with torch.device("meta"):
        shapes = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict()
    tensors = {
        name: torch.full((1,) * value.ndim, float(name.endswith("running_var")), dtype=value.dtype).expand(value.shape)
        for name, value in shapes.items()
        if name not in leave_out
    }
    bias = torch.zeros(shapes["roi_heads.box_predictor.cls_score.bias"].shape)
    bias[category] = 10
    tensors["roi_heads.box_predictor.cls_score.bias"] = bias
    folder.mkdir()
    file = folder / ASSETS["keypoint_rcnn"].filename
    torch.save(tensors, file)
    prefix = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    monkeypatch.setitem(ASSETS, "keypoint_rcnn", replace(ASSETS["keypoint_rcnn"], sha256=prefix))
    return WeightStore(extra_dir=folder)


def small_keypoint_rcnn(store):
    """The judge, made fast: pictures are not enlarged to 800 px, and few regions are looked at."""
    judge = judges.build("keypoint_rcnn", store)
    network = judge._network
    network.transform.min_size = (64,)
    network.rpn._post_nms_top_n["testing"], network.roi_heads.detections_per_img = 50, 3
    assert not network.training
    return judge


def test_keypoint_rcnn_runs_and_loads_its_weights_strictly(empty_home, tmp_path, monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    subject = Subject(image, np.full((17, 2), 20.0), np.array([0, 0, 48, 64]), COCO17, (64, 48))
    judge = small_keypoint_rcnn(made_weights(tmp_path / "person", monkeypatch, category=1))
    found = judge.find(subject)
    assert tuple(found.points) == COCO17.joints and found.score > 0.99
    where = np.stack(list(found.points.values()))
    assert where.dtype == np.float64 and np.isfinite(where).all() and (where >= 0).all() and (where <= 64).all()
    again = judge.find(subject)
    assert again.score == found.score
    assert all(np.array_equal(again.points[name], found.points[name]) for name in found.points)

    nobody = small_keypoint_rcnn(made_weights(tmp_path / "background", monkeypatch, category=0)).scores(subject)
    assert (nobody.pck_02, nobody.oks, nobody.score, nobody.joints) == (0, 0, 0, 17)

    damaged = made_weights(tmp_path / "damaged", monkeypatch, category=1, leave_out=["backbone.body.conv1.weight"])
    with pytest.raises(RuntimeError, match="Missing key"):
        small_keypoint_rcnn(damaged)
