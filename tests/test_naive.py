"""The naive wrappers: what the inner method sees, what goes where in the image, what is trained and shared."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_run import PLUGIN, bench
from typer.testing import CliRunner

from harness.cli import app
from harness.datasets.synthetic import Synthetic
from harness.estimate import of_cell
from harness.pairs import PairData
from harness.plan import RunRequest, Status
from harness.records import read_record
from harness.resolve import resolve
from harness.runner import _Waiting
from harness.status import trainings
from harness.store import Store
from methods import registry
from methods.base import Condition, Method, Synthesis
from methods.card import MethodCard
from methods.naive import CropInpaint, UnionCrop
from methods.views import VIEWS, crop_windows, cut_batch, cut_condition, cut_data, paste, union_windows
from methods.wrapping import split_list
from mrnet.skeletons import FOOTAGE18

SIZE_PX = (32, 48)


def condition(**changes):
    """One pair whose reference person stands at the left and whose target stands at the right."""
    height, width = SIZE_PX
    values = {
        "image": torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1,
        "mask": torch.zeros(1, 1, height, width),
        "joints": torch.full((1, 2, 2), torch.nan),
        "box": torch.tensor([[4.0, 8.0, 16.0, 24.0]]),
        "target_joints": torch.full((1, 2, 2), torch.nan),
        "target_box": torch.tensor([[28.0, 4.0, 44.0, 28.0]]),
        "skeleton": FOOTAGE18,
    }
    return Condition(**{**values, **changes})


class Inner(Method):
    """Paints everything in one colour, or gives back what it sees."""

    card = MethodCard("inner", "Inner", "for tests", "", 2020, "MIT", 1, learns=False)

    def __init__(self, value=None):
        self.value = value

    def synthesize(self, condition):
        self.seen = condition
        image = condition.image if self.value is None else torch.full_like(condition.image, self.value)
        return Synthesis(image=image)


@pytest.fixture(scope="module")
def pairs():
    dataset = Synthetic()
    return PairData(dataset.frames((32, 32)), dataset.pair_list(dataset.default_split, "train", (32, 32)))


# ---- views


def test_windows_are_the_boxes_in_whole_pixels_inside_the_image():
    odd = condition(
        box=torch.tensor([[-3.0, 7.5, 15.2, 40.0]]),
        target_box=torch.tensor([[47.9, 31.9, 60.0, 60.0]]),
    )
    reference, target = crop_windows(odd)
    assert reference.tolist() == [[0, 7, 16, 32]] and target.tolist() == [[47, 31, 48, 32]]
    both = union_windows(odd)
    assert both[0].tolist() == both[1].tolist() == [[0, 7, 48, 32]]


@pytest.mark.parametrize("view", VIEWS)
def test_what_lies_at_a_joint_lies_there_in_the_cut_image(view):
    joint = torch.tensor([10.0, 15.0])
    rows, columns = torch.meshgrid(*(torch.arange(side).double() for side in SIZE_PX), indexing="ij")
    blob = torch.exp(-((columns - joint[0]) ** 2 + (rows - joint[1]) ** 2) / 4).float()
    image = (2 * blob - 1).expand(1, 3, *SIZE_PX)
    given = condition(image=image, joints=joint.expand(1, 2, 2).clone())
    cut = cut_condition(given, view)
    assert cut.image.shape == image.shape
    bright = (cut.image[0, 0] + 1).double()
    centre = torch.stack([(bright * columns).sum(), (bright * rows).sum()]) / bright.sum()
    assert torch.allclose(centre, cut.joints[0, 0].double(), atol=0.05)
    assert cut.target_joints.isnan().all()


def test_the_crop_view_fills_the_image_with_each_persons_box():
    whole = torch.tensor([[0.0, 0.0, 48.0, 32.0]])
    cut = cut_condition(condition(), "crop")
    assert torch.allclose(cut.box, whole) and torch.allclose(cut.target_box, whole)


def test_the_union_view_keeps_both_persons_places_in_one_window():
    cut = cut_condition(condition(), "union")
    # window 4..44 × 4..28: 1.2 times as wide, 4/3 as high
    assert torch.allclose(cut.box, torch.tensor([[0.0, 16 / 3, 14.4, 80 / 3]]))
    assert torch.allclose(cut.target_box, torch.tensor([[28.8, 0.0, 48.0, 32.0]]))


def test_the_target_pose_is_cut_by_the_targets_window():
    joints = torch.tensor([[[36.0, 16.0], [28.0, 4.0]]])
    cut = cut_condition(condition(target_joints=joints), "crop")
    # window 28..44 × 4..28, three times as wide, 4/3 as high; a pixel's centre lies half a pixel behind its edge
    assert torch.allclose(cut.target_joints, torch.tensor([[[25.0, 97 / 6], [1.0, 1 / 6]]]))
    assert cut.joints.isnan().all()


def test_masks_stay_zero_or_one_and_follow_the_image():
    mask = torch.zeros(1, 1, *SIZE_PX)
    mask[0, 0, 8:24, 4:10] = 1
    cut = cut_condition(condition(mask=mask), "crop").mask
    assert set(cut.unique().tolist()) == {0.0, 1.0}
    assert cut[..., :24].all() and not cut[..., 24:].any()


def test_a_training_batch_is_cut_like_its_condition_and_the_target_by_its_own_window(pairs):
    batch = pairs.batch([0, 5])
    cut = cut_batch(batch, "crop")
    assert torch.equal(cut.condition.image, cut_condition(batch.condition, "crop").image)
    left, top, right, bottom = crop_windows(batch.condition)[1][1].tolist()
    patch = batch.target[1:, :, top:bottom, left:right]
    expected = torch.nn.functional.interpolate(patch, (32, 32), mode="bilinear", antialias=True)
    assert torch.equal(cut.target[1:], expected)
    patch = batch.target_mask[1:, :, top:bottom, left:right]
    shown = torch.nn.functional.interpolate(patch, (32, 32), mode="bilinear", antialias=True) >= 0.5
    assert torch.equal(cut.target_mask[1:], shown.float())
    assert len(cut_data(pairs, "crop")) == len(pairs) and cut_data(pairs, "crop").info is pairs.info
    assert torch.equal(cut_data(pairs, "union").batch([3]).target, cut_batch(pairs.batch([3]), "union").target)
    assert cut_data(pairs, None) is pairs


def test_paste_changes_the_window_alone_and_scales_the_patch_to_it():
    image, patch = torch.zeros(1, 3, *SIZE_PX), torch.ones(1, 3, *SIZE_PX)
    result = paste(image, patch, torch.tensor([[4, 8, 16, 24]]))
    expected = torch.zeros_like(image)
    expected[..., 8:24, 4:16] = 1
    assert torch.allclose(result, expected, atol=1e-6) and result.max() <= 1 and not image.any()


# ---- wrappers


def test_union_crop_takes_the_window_from_the_inner_method_and_the_rest_from_the_reference():
    given, inner = condition(), Inner(0.25)
    image = UnionCrop(None, None, {}, (inner,)).synthesize(given).image
    inside = torch.zeros(SIZE_PX, dtype=torch.bool)
    inside[4:28, 4:44] = True
    assert (image[..., inside] - 0.25).abs().max() < 1e-6
    assert torch.equal(image[..., ~inside], given.image[..., ~inside])
    assert torch.equal(inner.seen.image, cut_condition(given, "union").image)


def test_crop_inpaint_pastes_the_person_over_the_inpainted_reference():
    given, inner, inpainter = condition(), Inner(0.25), Inner(-0.5)
    image = CropInpaint(None, None, {}, (inner, inpainter)).synthesize(given).image
    inside = torch.zeros(SIZE_PX, dtype=torch.bool)
    inside[4:28, 28:44] = True
    assert (image[..., inside] - 0.25).abs().max() < 1e-6 and image[..., ~inside].eq(-0.5).all()
    assert torch.equal(inner.seen.image, cut_condition(given, "crop").image)
    assert inpainter.seen is given


def test_telea_fills_the_box_as_opencv_does_and_leaves_the_rest():
    import cv2

    levels = np.random.default_rng(0).integers(0, 256, (*SIZE_PX, 3), dtype=np.uint8)
    given = condition(image=torch.from_numpy(levels).permute(2, 0, 1)[None] / 127.5 - 1)
    image = registry.build("telea", None, {}).synthesize(given).image
    hole = np.zeros(SIZE_PX, dtype=np.uint8)
    hole[8:24, 4:16] = 255
    expected = cv2.inpaint(levels, hole, 3, cv2.INPAINT_TELEA)
    found = ((image[0].permute(1, 2, 0) + 1) * 127.5).round().numpy().astype(np.uint8)
    assert np.array_equal(found, expected) and not np.array_equal(found, levels)
    assert torch.equal(image[..., :8, :], given.image[..., :8, :])


def test_telea_has_only_the_mean_colour_for_a_box_that_is_the_whole_image():
    given = condition(box=torch.tensor([[0.0, 0.0, 48.0, 32.0]]))
    image = registry.build("telea", None, {}).synthesize(given).image
    assert torch.allclose(image, given.image.mean(dim=(2, 3), keepdim=True).expand_as(image))


# ---- names


def test_a_list_of_methods_may_hold_commas_within_parentheses():
    assert split_list("a, crop-inpaint(b, telea),union-crop(c)") == ["a", "crop-inpaint(b, telea)", "union-crop(c)"]


def test_a_wrappers_card_is_made_of_its_parts():
    card = registry.card("crop-inpaint(patn, telea)")
    assert card.name == "crop-inpaint(patn,telea)" and card.title == "Crop-inpaint (PATN, Telea)"
    assert [part.label for part in card.parts] == ["crop-patn", "telea"]
    assert card.learns and card.parameters["patn"]["width"] == 64 and not card.scene_only
    assert card.assets(registry.resolve_parameters(card, {"patn": {"perceptual_network": "vgg16"}})) == ("vgg16",)


def test_a_card_says_what_stands_in_for_the_releases_vgg_and_so_does_its_wrapper():
    for name, key in (("posewarp", None), ("union-crop(posewarp)", "posewarp")):
        card = registry.card(name)
        for arch, said in (("vgg16", ("PoseWarp's loss on VGG-16's relu1_1",)), ("vgg19", ())):
            own = {"perceptual_network": arch}
            remarks = card.remarks_on(registry.resolve_parameters(card, {key: own} if key else own))
            assert len(remarks) == len(said) and all(map(str.startswith, remarks, said))


@pytest.mark.parametrize(
    "name, words",
    [
        ("crop(patn)", ("unknown wrapper 'crop'", "crop-inpaint, union-crop")),
        ("union-crop(patm)", ("unknown method 'patm'", "Did you mean 'patn'?")),
        ("union-crop(patn,telea)", ("expected union-crop(patn)",)),
        ("crop-inpaint(patn,telea,dvg)", ("expected crop-inpaint(patn) or crop-inpaint(patn,telea)",)),
        ("union-crop()", ("expected union-crop(patn)",)),
        ("crop-inpaint(patn,mrnet)", ("mrnet is no inpainter; deepfill, ", "telea are")),
        ("union-crop(telea)", ("telea shows no person",)),
        ("union-crop(command)", ("command is a program",)),
        ("union-crop(union-crop(patn))", ("one method in one wrapper",)),
        ("union-crop(patn", ("one method in one wrapper",)),
    ],
)
def test_a_wrapper_that_means_nothing_is_explained(name, words, tmp_path):
    result = CliRunner().invoke(app, ["run", "--methods", name, "--dataset", "synthetic", "--results", str(tmp_path)])
    assert result.exit_code == 2
    for word in words:
        assert word in " ".join(result.output.split())


def test_the_list_names_the_wrappers():
    listed = CliRunner().invoke(app, ["list", "methods"]).output
    assert "crop-inpaint(METHOD), or crop-inpaint(METHOD,INPAINTER): " in listed and "union-crop(METHOD): " in listed


# ---- through the command line


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("naive")
    result = bench(folder, "tiny,union-crop(tiny),crop-inpaint(tiny,telea),telea")
    assert result.exit_code == 0, result.output
    return folder


def records(folder):
    found = (folder / "results").glob("cells/synthetic/*/record-*.json")
    return {record.method: record for record in map(read_record, found)}


def test_each_view_is_a_training_of_its_own(finished):
    specs = [item.spec for item in trainings(Store(finished / "results"))]
    assert sorted(str(spec.view) for spec in specs) == ["None", "crop", "union"]
    assert len({spec.key for spec in specs}) == 3 and {spec.method for spec in specs} == {"tiny"}


def test_the_inner_method_learns_from_what_the_view_cuts(finished):
    (spec,) = [item for item in trainings(Store(finished / "results")) if item.spec.view == "crop"]
    learned = torch.tensor(json.loads((spec.folder / "mean.json").read_text()))
    dataset = Synthetic()
    train = PairData(dataset.frames((32, 32)), dataset.pair_list(dataset.default_split, "train", (32, 32)))
    everything = train.batch(range(len(train)))
    assert torch.allclose(learned, cut_batch(everything, "crop").target.mean(dim=0), atol=1e-6)
    assert not torch.allclose(learned, everything.target.mean(dim=0), atol=1e-2)


def test_records_of_wrappers_stand_on_the_same_pairs_and_name_their_budget(finished):
    found = records(finished)
    assert set(found) == {"tiny", "union-crop(tiny)", "crop-inpaint(tiny,telea)", "telea"}
    assert len({record.pair_list_hash for record in found.values()}) == 1
    wrapped = found["crop-inpaint(tiny,telea)"]
    assert wrapped.budget.samples == found["tiny"].budget.samples == 6
    assert wrapped.parameters == {"tiny": {"gain": 1.0}, "telea": {}} and wrapped.preset == "tests"
    assert wrapped.target_box_source == "joints" and found["telea"].budget is None
    names = {path.name.rpartition("-")[0] for path in (finished / "results/cells/synthetic").iterdir()}
    assert names == {"tiny", "union-crop.tiny", "crop-inpaint.tiny.telea", "telea"}


def test_wrapped_images_are_what_the_wrapper_makes_of_its_loaded_parts(finished):
    from harness.images import read_image, to_uint8

    dataset = Synthetic()
    pair_list = dataset.pair_list(dataset.default_split, "test", (32, 32))
    test = PairData(dataset.frames((32, 32)), pair_list)
    registry.load_plugin(PLUGIN)
    wrapper = registry.build("union-crop(tiny)", test.info, {})
    (model,) = [item.folder for item in trainings(Store(finished / "results")) if item.spec.view == "union"]
    wrapper.learners()["union-tiny"].load(model)
    (cell,) = (finished / "results/cells/synthetic").glob("union-crop.tiny-*")
    image = wrapper.synthesize(test.conditions([3])).image[0]
    assert np.array_equal(read_image(cell / "images" / f"{test.pair_id(3)}.png", (32, 32)), to_uint8(image))


def test_a_second_run_finds_nothing_to_do_and_another_wrapper_shares_the_parts(finished):
    again = bench(finished, "crop-inpaint( tiny , telea ),union-crop(tiny)", "--plan")
    assert "nothing to do" in again.output
    more = bench(finished, "crop-inpaint(tiny,scene)", "--plan")
    assert "cached  train tiny on crop windows seed 0" in more.output
    assert "to do   train scene seed 0" in more.output
    assert "to do   crop-inpaint(tiny,scene) seed 0" in more.output


def test_a_wrapper_with_two_trained_parts_records_both(finished):
    assert bench(finished, "crop-inpaint(tiny,scene)").exit_code == 0
    parts = records(finished)["crop-inpaint(tiny,scene)"].parts
    assert set(parts) == {"crop-tiny", "scene"} and len({part.training_key for part in parts.values()}) == 2
    (report,) = (finished / "results/report").glob("*.md")
    assert "crop-tiny 6 samples (3 steps × batch 2), " in report.read_text()
    assert "*the scene without the person" in report.read_text()
    assert records(finished)["telea"].scene_only and not records(finished)["telea"].ranked


def test_a_file_of_weights_fills_a_wrappers_inpainter_and_nothing_that_learns_on_cut_images(finished, tmp_path):
    from harness.resolve import load_plugins

    load_plugins((PLUGIN,))
    card = registry.card("crop-inpaint(looped,deepfill)")
    weights = tmp_path / "deepfill.safetensors"
    made = registry.build("deepfill", Synthetic().info((32, 32)), {"width": 4})
    made._take(made._build())
    made.save(tmp_path)
    (tmp_path / "model.safetensors").rename(weights)
    more = ("--set", "methods.deepfill.parameters.width=4", "--set", "methods.deepfill.parameters.critic_turns=1")
    result = bench(tmp_path, card.name, "--weights", f"deepfill={weights}", *more, "--limit", "2")
    assert result.exit_code == 0, result.output
    (written,) = records(tmp_path).values()
    assert written.origin == "weights from a file" and written.given_weights and written.budget.samples == 6
    specs = [item.spec for item in trainings(Store(tmp_path / "results"))]
    assert [(spec.method, spec.view) for spec in specs] == [("looped", "crop")]
    refused = bench(tmp_path, card.name, "--weights", f"looped={weights}", "--plan")
    assert refused.exit_code == 2 and "looped is not among --methods deepfill" in refused.output
    refused = bench(tmp_path, card.name, "--weights", f"{card.name}={weights}", "--plan")
    assert refused.exit_code == 2 and "A wrapper has none of its own" in refused.output


def test_a_cell_waits_for_all_its_trainings_and_is_given_up_with_any():
    def training(key):
        return SimpleNamespace(spec=SimpleNamespace(key=key), status=Status.TO_DO)

    a, b = training("a"), training("b")
    alone, both = SimpleNamespace(trainings=(a,)), SimpleNamespace(trainings=(a, b))
    plan = SimpleNamespace(trainings=(a, b), to_do=(alone, both, SimpleNamespace(trainings=())))
    waiting = _Waiting(plan)
    assert waiting.free == [plan.to_do[2]]
    assert waiting.freed(a) == [alone] and waiting.freed(b) == [both] and waiting.freed(b) == []
    waiting = _Waiting(plan)
    assert waiting.given_up(b) == [both] and waiting.freed(a) == [alone]


def test_a_plan_estimates_a_wrapper_by_its_parts():
    request = RunRequest(methods=("crop-inpaint(patn)",), dataset="synthetic", preset="quick", results=Path("none"))
    plan = resolve(request)
    seconds = sum(plan.preset.methods[name].seconds_per_image for name in ("patn", "deepfill"))
    expected = (seconds + plan.preset.seconds_per_score) * len(plan.test)
    assert of_cell(plan, plan.cells[0]).seconds == pytest.approx(expected)


def test_what_cannot_be_done_with_a_wrapper_is_said():
    lone = ["synthesize", "--method", "union-crop(patn)", "--image", "x", "--pose", "x", "--out", "x.png"]
    for words, said in ((lone, "is a wrapper"), (["check", "union-crop(patn)", "--preset", "quick"], "leave --preset")):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 2 and said in result.output, result.output


@pytest.mark.slow
def test_a_part_that_fails_fails_the_wrapper_and_nothing_else(tmp_path):
    result = bench(tmp_path, "union-crop(broken),union-crop(tiny)")
    assert result.exit_code == 1
    assert "union-crop(broken) seed 0: failed: its training failed" in " ".join(result.output.split())
    assert set(records(tmp_path)) == {"union-crop(tiny)"}


def test_models_that_a_wrapper_uses_are_not_cleaned_away(finished):
    result = CliRunner().invoke(app, ["clean", "--results", str(finished / "results"), "--yes"])
    assert "no cell uses this model" not in result.output


@pytest.mark.slow
def test_the_contract_holds_for_a_wrapper():
    result = CliRunner().invoke(app, ["check", "crop-inpaint(looped,telea)", "--plugin", str(PLUGIN)])
    assert result.exit_code == 0, result.output
    assert "0 broken" in result.output
