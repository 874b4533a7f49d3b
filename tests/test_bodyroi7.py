"""BodyROI7: networks equal to the release's, its regions, losses and turns, and files of its checkpoints."""

import csv
from dataclasses import replace

import numpy as np
import parity_tf
import pytest
import torch
import torch.nn.functional as F
from method_checks import assert_resumes_exactly
from test_pg2 import Pairs, released_arrays

from methods import bodyroi7, cards, encoding, registry, released
from methods.base import TRAIN_LOG, FitContext, TrainingSchedule
from methods.card import DatasetInfo, supports
from mrnet.skeletons import BBC7, COCO17, FOOTAGE18, MPII14, OPENPOSE18, PENN13

SIZE_PX = 32
WIDTH = 4
BF16_TOLERANCE, BF16_MEAN_TOLERANCE = 0.1, 0.015
"""Largest and mean difference of bf16 autocast to fp32, in standard deviations of the answer; 0.08 and 0.005
measured."""
BF16_LOSS_TOLERANCE = 0.02  # of fp32's, relative, over three steps of training; 0.006 measured
FIXTURES = {"bodyroi7_fgbg_128x64": (128, 64), "bodyroi7_fgbg_128x128": (128, 128)}
POSE_BOUND = 0.8  # of the fixtures' inputs
LOSSES = ("generator", "gan", "l1", "discriminator", "judged_generated", "judged_real")


def info_of(size_px=(SIZE_PX, SIZE_PX), skeleton=PENN13):
    return DatasetInfo("toy", tuple(size_px), skeleton, True, "joints")


def method_of(size_px=(SIZE_PX, SIZE_PX), skeleton=PENN13, **parameters):
    return registry.build("bodyroi7", info_of(size_px, skeleton), {"width": WIDTH, **parameters})


def context_of(folder, steps, stop=lambda: False, learning_rate=1e-3, precision="fp32"):
    folder.mkdir(exist_ok=True)
    schedule = TrainingSchedule(steps, batch_size=4, learning_rate=learning_rate, checkpoint_every=2)
    return FitContext(folder, 0, schedule, None, device="cpu", precision=precision, stop=stop)


def program_of(method):
    torch.manual_seed(0)
    network = method._build()
    schedule = TrainingSchedule(4, batch_size=4, learning_rate=1e-3)
    return network, method._program(network, schedule, None, torch.device("cpu"))


def ready(method):
    torch.manual_seed(0)
    method._take(method._build())
    return method


# Parity -------------------------------------------------------------------------------------------------------------


def fixture_inputs(fixture):
    sheet, (height, width) = parity_tf.sheet("bodyroi7", fixture), FIXTURES[fixture]
    image = parity_tf.to_nchw(parity_tf.uniform(f"{fixture}:x", (2, height, width, 3)))
    pose = parity_tf.to_nchw(parity_tf.signs(f"{fixture}:pose", (2, height, width, 18), POSE_BOUND))
    mask = torch.zeros(2, 1, height, width)
    mask[0, :, height // 10 : height * 9 // 10, width // 5 : width * 4 // 5] = 1
    mask[1, :, height // 5 :, width // 8 : width * 3 // 4] = 1
    boxes = torch.tensor(sheet["boxes"]).float()[..., [1, 0, 3, 2]]
    return image, bodyroi7.Parts(mask, boxes, torch.tensor(sheet["visibility"]).float()), pose


def check_networks(fixture, he):
    sheet = parity_tf.sheet("bodyroi7", fixture)
    network = bodyroi7.BodyROI7(18, FIXTURES[fixture], 128)
    names = bodyroi7.released_names(network)
    parity_tf.check_names(sheet["variables"], network.state_dict(), names)
    counted = [sum(value.numel() for value in part.parameters()) for part in (network.appearance, network.generator)]
    assert counted == [sheet["params"]["Encoder"], sheet["params"]["ID_AE"]]
    variables = parity_tf.variables(sheet["variables"], he)
    filled = {name: released.from_tensorflow(value) for name, value in variables.items()}
    network.load_state_dict(released.renamed(filled, names))
    image, parts, pose = fixture_inputs(fixture)
    gain, found = "he_" if he else "", {}

    def keep_output(layer, name):
        layer.register_forward_hook(lambda layer, given, output: found.update({name: output}))

    keep_output(network.appearance, "emb")
    keep_output(network.generator.squeeze, "z")
    network.appearance.foreground.register_forward_pre_hook(lambda layer, given: found.update(cut=given[0]))
    with torch.inference_mode():
        generated = network(image, parts, pose).permute(0, 2, 3, 1)
    for name in ("emb", "z"):
        parity_tf.check_output("bodyroi7", fixture, f"{gain}{name}", found[name])
    key = next(key for key in sheet["every"] if key in (f"{gain}G", f"{gain}G_s2"))
    parity_tf.check_output("bodyroi7", fixture, key, generated)
    if not he:
        check_cut(sheet, fixture, found["cut"].unflatten(0, (2, bodyroi7.REGIONS)))


def check_cut(sheet, fixture, cut):
    """The first 8 channels of the first and the last region, the latter's every other row and column, are as cut
    by the release.

    cut: (B, 7, C, 48, 48).
    """
    with np.load(parity_tf.REFERENCE / "bodyroi7.npz") as thinned:
        for region, key, stride in ((0, "roi0_c0_7", 1), (6, "roi6_c0_7_s2", 2)):
            values = cut[:, region, :8, ::stride, ::stride].permute(0, 2, 3, 1).reshape(-1)[:: sheet["every"][key]]
            difference = np.abs(values.numpy() - thinned[f"{fixture}/{key}"]).max()
            assert difference / sheet["stats"][f"roi{region}"]["std"] < parity_tf.TOLERANCE, key


@pytest.mark.parametrize("he", [False, True])
def test_the_networks_equal_the_releases(he):
    check_networks("bodyroi7_fgbg_128x64", he)


@pytest.mark.slow
@pytest.mark.parametrize("he", [False, True])
def test_the_networks_equal_the_releases_at_128x128(he):
    check_networks("bodyroi7_fgbg_128x128", he)


PREPROCESSING = parity_tf.sheet("bodyroi7", "preprocessing")


@pytest.mark.parametrize("case", PREPROCESSING["cases"], ids=lambda case: f"{case['H']}x{case['W']}_{case['person']}")
def test_masks_pose_maps_and_regions_are_the_releases(case):
    size_px, label = (case["H"], case["W"]), f"{case['H']}x{case['W']}_{case['person']}"
    people = [[point or [float("nan")] * 2 for point in person] for person in PREPROCESSING["joints_xy"]]
    joints = torch.tensor([people[case["person"]]]) * torch.tensor([float(case["x_scale"]), 1.0])
    method = method_of(size_px, OPENPOSE18)
    parts = method._parts(replace(Pairs().batch([0]).condition, joints=joints, skeleton=OPENPOSE18))
    pose = method._pose(joints)[0].permute(1, 2, 0)  # (H, W, 18)
    with np.load(parity_tf.REFERENCE / "bodyroi7.npz") as thinned:
        for name, found in (("mask_r7", parts.mask), ("pose_r4", pose > 0)):
            packed = np.packbits(found.contiguous().numpy().astype(bool).reshape(-1))
            np.testing.assert_array_equal(packed, thinned[f"preprocessing/{name}_{label}"])
    assert pose.unique().tolist() == [-1, 1]
    if case["bbox7_market_r6"]:  # the fixture has the Market rule at 128×64 alone
        assert parts.boxes[0][:, [1, 0, 3, 2]].tolist() == case["bbox7_market_r6"]
        assert parts.visible[0].tolist() == case["vis7"]


def test_start_weights_are_glorot_uniform_and_those_of_the_discriminator_uniform():
    network, program = program_of(method_of(width=16))
    for name, layer in network.named_modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            limit = (6 / (layer.weight[0, 0].numel() * sum(layer.weight.shape[:2]))) ** 0.5
            assert 0.8 * limit < layer.weight.abs().max() <= limit, name
            assert not layer.bias.any(), name
    for layer in program.networks["discriminator"].modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            assert 0.9 < layer.weight.abs().max() / (0.02 * 3**0.5) <= 1
            assert not layer.bias.any()


# Regions ------------------------------------------------------------------------------------------------------------


def test_regions_are_sampled_as_crop_and_resize_does():
    maps = torch.rand(1, 2, 12, 10, generator=torch.Generator().manual_seed(0))
    box = [2, 3, 7, 11]  # xyxy
    boxes = torch.tensor([box] * 7, dtype=torch.float32)[None]
    found = bodyroi7.regions(maps, boxes)[0, 0].numpy()
    assert found.shape == (2, 48, 48)
    padded = np.pad(maps[0].double().numpy(), ((0, 0), (0, 1), (0, 1)))
    for row, column in ((0, 0), (47, 47), (13, 30)):
        y = 3 / 12 * 11 + row * (11 - 3) / 12 * 11 / 47
        x = 2 / 10 * 9 + column * (7 - 2) / 10 * 9 / 47
        i, j = int(y), int(x)
        a, b = y - i, x - j
        expected = (1 - a) * ((1 - b) * padded[:, i, j] + b * padded[:, i, j + 1])
        expected += a * ((1 - b) * padded[:, i + 1, j] + b * padded[:, i + 1, j + 1])
        np.testing.assert_allclose(found[:, row, column], expected, atol=1e-5)


def test_a_region_that_is_not_visible_has_a_code_of_zeros():
    network, method = bodyroi7.BodyROI7(13, (SIZE_PX, SIZE_PX), 8), method_of()
    condition = Pairs().batch([0, 1]).condition
    parts = method._parts(condition)
    visible = parts.visible.clone()
    visible[0, 4] = 0
    with torch.inference_mode():
        whole = network.appearance(condition.image, parts)
        without = network.appearance(condition.image, parts._replace(visible=visible))
    assert not without[0, 8:10].any() and whole[0, 8:10].any()  # two numbers a region
    kept = [*range(8), *range(10, 22)]
    assert torch.equal(without[0, kept], whole[0, kept]) and torch.equal(without[1], whole[1])


def test_without_any_joint_no_region_is_seen_and_all_is_background():
    method = ready(method_of())
    condition = Pairs().batch([0, 1]).condition
    missing = torch.full_like(condition.joints, float("nan"))
    condition = replace(condition, joints=missing, target_joints=missing)
    parts = method._parts(condition)
    assert not parts.visible.any() and not parts.mask.any()
    assert (parts.boxes == torch.tensor([0.0, 0.0, 1.0, 1.0])).all()
    with torch.inference_mode():
        code = method._network.appearance(condition.image, parts)
    assert not code[:, : bodyroi7.REGIONS].any() and code[:, bodyroi7.REGIONS :].any()  # one number a region at width 4
    assert method.synthesize(condition).image.isfinite().all()


def test_a_region_shrinks_to_the_joints_a_sample_has():
    condition = Pairs().batch([0]).condition
    joints = torch.full_like(condition.joints, float("nan"))
    joints[0, PENN13.joints.index("left_elbow")] = torch.tensor([40.0, 60.0])
    parts = method_of((128, 64))._parts(replace(condition, joints=joints))
    assert parts.visible[0].tolist() == [0, 1, 0, 1, 0, 0, 0]  # upper body and left arm
    assert parts.boxes[0, 3].tolist() == parts.boxes[0, 1].tolist() == [30, 50, 50, 70]


@pytest.mark.parametrize("skeleton", [OPENPOSE18, PENN13, FOOTAGE18, COCO17, MPII14])
def test_regions_follow_the_joints_by_name(skeleton):
    places = {name: (3.0 + index, 40.0 + 2 * index) for index, name in enumerate(OPENPOSE18.joints)}
    places["head"] = (9.0, 20.0)
    joints = torch.tensor([places[name] for name in skeleton.joints])[None]
    condition = replace(Pairs().batch([0]).condition, joints=joints, skeleton=skeleton)
    method = method_of((128, 64), skeleton)
    parts = method._parts(condition)
    assert parts.visible.eq(1).all()
    xs, ys = zip(*(places[name] for name in ("left_shoulder", "left_elbow", "left_wrist")), strict=True)
    assert parts.boxes[0, 3].tolist() == [max(0, min(xs) - 6), min(ys) - 6, max(xs) + 6, max(ys) + 6]
    highest = places["nose" if "nose" in skeleton.joints else "head"][1]
    assert parts.boxes[0, 0, 1] == highest - 6
    expected = encoding.limb_mask(joints, skeleton, (128, 64), 7)
    assert torch.equal(parts.mask, expected)


# Losses and turns ---------------------------------------------------------------------------------------------------


def test_it_reconstructs_the_reference_from_the_reference_alone():
    method = method_of()
    network, _ = program_of(method)
    batch = Pairs().batch(range(3))
    made = method._made(network, batch)
    noise = replace(batch, target=torch.rand_like(batch.target))
    moved = replace(noise, condition=replace(noise.condition, target_joints=torch.zeros(3, len(PENN13), 2)))
    assert torch.equal(made.image, batch.condition.image)
    assert torch.equal(method._made(network, moved).generated, made.generated)
    pose = encoding.solid_maps(batch.condition.joints, (SIZE_PX, SIZE_PX))
    expected = network(batch.condition.image, method._parts(batch.condition), pose)
    assert torch.equal(made.generated, expected)


def test_synthesis_takes_the_references_parts_in_the_targets_pose_and_clips():
    method = ready(method_of())
    with torch.no_grad():
        method._network.generator.last.weight.mul_(1000)
    condition = Pairs().batch([0, 2]).condition
    image = method.synthesize(condition).image
    pose = encoding.solid_maps(condition.target_joints, (SIZE_PX, SIZE_PX))
    with torch.inference_mode():
        expected = method._network(condition.image, method._parts(condition), pose)
    assert expected.abs().max() > 1 and torch.allclose(image, expected.clamp(-1, 1), atol=1e-4)


def test_losses_against_a_computation_by_hand():
    _, program = program_of(method_of(lambda_l1=7.0))
    made = program.phase_at(0).make(Pairs().batch(range(4)))
    generator, judge = program.phase_at(0).turns
    discriminator = program.networks["discriminator"]
    real, generated = discriminator(made.image), discriminator(made.generated)
    total, terms = generator.loss(made)
    l1 = (made.generated - made.image).abs().mean()
    assert float(total.detach()) == pytest.approx(float((F.softplus(-generated).mean() + 7 * l1).detach()), rel=1e-5)
    expected = (F.softplus(generated).mean() + F.softplus(-real).mean()) / 2
    assert float(judge.loss(made)[0].detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    assert cards.BODYROI7.parameters["lambda_l1"] == 20


def test_the_generator_goes_first_and_each_turn_has_its_own_parameters():
    network, program = program_of(method_of())
    turns = program.phase_at(0).turns
    assert [turn.name for turn in turns] == ["generator", "discriminator"]
    for turn, learner in zip(turns, (network, program.networks["discriminator"]), strict=True):
        assert turn.optimizer.defaults["betas"] == (0.5, 0.999)
        own = {id(value) for group in turn.optimizer.param_groups for value in group["params"]}
        assert own == {id(value) for value in learner.parameters()}
    made = program.phase_at(0).make(Pairs().batch(range(4)))
    turns[1].loss(made)[0].backward()
    assert all(value.grad is None for value in network.parameters())
    assert all(value.grad is not None for value in program.networks["discriminator"].parameters())
    for term in turns[0].loss(made)[1].values():  # each by itself teaches the encoder and the generator
        gradients = torch.autograd.grad(term, list(network.parameters()), retain_graph=True)
        assert all(gradient.isfinite().all() for gradient in gradients)


# Training -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    method = method_of(width=8)
    method.fit(Pairs(), context_of(tmp_path_factory.mktemp("trained"), steps=80, learning_rate=3e-3))
    return method


def test_it_learns_to_reconstruct(trained):
    condition = Pairs().batch(range(8)).condition
    own_pose = replace(condition, target_joints=condition.joints)

    def error(method):
        return float((method.synthesize(own_pose).image - condition.image).abs().mean())

    assert error(trained) < 0.5 * error(ready(method_of(width=8)))


def test_the_pose_decides_and_an_image_does_not_depend_on_its_batch(trained):
    condition = Pairs().batch(range(4)).condition
    whole = trained.synthesize(condition).image
    moved = replace(condition, target_joints=condition.target_joints.flip(0))
    assert not torch.allclose(whole, trained.synthesize(moved).image, atol=0.05)
    for index in range(4):
        alone = trained.synthesize(Pairs().batch([index]).condition).image
        assert torch.allclose(whole[index], alone[0], atol=1e-5)


def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    assert_resumes_exactly(method_of, Pairs(), context_of, tmp_path, steps=5, interrupted_after=3)


def test_bf16_in_channels_last_is_near_fp32(trained):
    condition = Pairs().batch(range(8)).condition
    inputs = trained._parts(condition), trained._pose(condition.target_joints)
    with torch.inference_mode():
        exact = trained._network(condition.image, *inputs)
        with torch.autocast("cpu", torch.bfloat16):
            image = condition.image.to(memory_format=torch.channels_last)
            rounded = trained._network(image, *inputs).float()
    difference = (rounded - exact).abs() / exact.std()
    assert 0 < difference.max() < BF16_TOLERANCE and difference.mean() < BF16_MEAN_TOLERANCE


def test_training_in_bf16_is_near_fp32(tmp_path):
    rows = []
    for precision in ("fp32", "bf16"):
        method_of(width=8).fit(Pairs(), context_of(tmp_path / precision, steps=3, precision=precision))
        with (tmp_path / precision / TRAIN_LOG).open() as log:
            rows.append([[float(row[name]) for name in LOSSES] for row in csv.DictReader(log)])
    difference = np.abs(np.array(rows[1]) / np.array(rows[0]) - 1)
    assert rows[0] != rows[1] and difference.max() < BF16_LOSS_TOLERANCE


# What it takes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_px", [(128, 128), (128, 64), (256, 256)])
def test_sizes(size_px):
    assert supports(cards.BODYROI7, info_of(size_px)) == (True, "")
    method = ready(method_of(size_px))
    condition = Pairs().batch([0]).condition
    height, width = size_px
    condition = replace(condition, image=torch.rand(1, 3, height, width), mask=torch.zeros(1, 1, height, width))
    assert method.synthesize(condition).image.shape == (1, 3, height, width)


def test_what_cannot_be_is_refused_with_the_reason():
    fits, reason = supports(cards.BODYROI7, info_of(skeleton=BBC7))
    assert not fits and "bodyroi7 needs the joints" in reason and "left_knee" in reason
    assert supports(cards.BODYROI7, info_of(skeleton=FOOTAGE18)) == (True, "")
    assert "height of 8 times a power of two" in supports(cards.BODYROI7, info_of((256, 176)))[1]


@pytest.mark.parametrize(
    "parameters, words",
    [
        ({"width": 6}, r"bodyroi7\.width is a multiple of 4.*got 6"),
        ({"width": 0}, r"bodyroi7\.width .*got 0"),
        ({"lambda_l1": -1.0}, r"bodyroi7\.lambda_l1 is a number from 0, got -1"),
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        program_of(method_of(**parameters))


# Files of the release -----------------------------------------------------------------------------------------------


def test_a_released_checkpoint_loads_strictly(tmp_path):
    torch.manual_seed(4)
    method = method_of()
    network = method._build()
    variables = released_arrays(network, bodyroi7.released_names(network))
    extras = ("Discriminator.1.Filters", "Encoder/G_encoder/Conv/weights/Adam_1", "beta1_power", "step")
    np.savez(tmp_path / "bodyroi7.npz", **variables, **{name: np.ones(2, np.float32) for name in extras})
    method.load_released(tmp_path / "bodyroi7.npz")
    loaded = method._network.cpu().state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in network.state_dict().items())
    assert bodyroi7.released_names(network)["Encoder/G_encoder/fully_connected_1/weights"] == (
        "appearance.background.code.weight"
    )


@pytest.mark.parametrize(
    "foreign, lacking, words",
    [
        ("PoseAE/fully_connected/weights", None, "not of this network.*PoseAE"),
        (None, "ID_AE/G/Conv_2/biases", r"missing: generator\.encoder\.0\.block\.2\.bias"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(foreign, lacking, words, tmp_path):
    method = method_of()
    network = method._build()
    variables = released_arrays(network, bodyroi7.released_names(network))
    if foreign:
        variables[foreign] = np.zeros(2)
    if lacking:
        del variables[lacking]
    np.savez(tmp_path / "bodyroi7.npz", **variables)
    with pytest.raises(ValueError, match=words):
        method.load_released(tmp_path / "bodyroi7.npz")
