"""PoseWarp: geometry and networks equal to the release's, losses and phases, missing joints, files of its weights."""

import csv
from dataclasses import replace
from functools import cache

import numpy as np
import parity_tf
import pytest
import torch
import torch.nn.functional as F
import torchvision
from method_checks import assert_resumes_exactly

from methods import augmentation, cards, limb_layers, posewarp, registry, released, tf_layers
from methods.base import Batch, Condition, FitContext, TrainingSchedule
from methods.card import DatasetInfo, supports
from mrnet.perceptual import PerceptualNetwork
from mrnet.skeletons import BBC7, FOOTAGE18, MPII14, PENN13

SIZE_PX = 64
SMALL = {"width": 4, "gan_steps": 2, "warm_up_steps": 1, "perceptual_network": "vgg16", "augment": False}
FAINT = 1e-3
"""Tolerance, in standard deviations, where the fixture's values hardly vary, or where coordinates of 256 px, rounded to
float32, move a warp: 6e-4 measured."""
BF16_TOLERANCE, BF16_MEAN_TOLERANCE = 0.1, 0.01
"""Largest and mean difference of bf16 autocast to fp32, of values in [-1, 1]."""
PART_NAMES = ("unet/conv", "_delta", "bg_tgt", "fg_tgt", "fg_mask")


class RandomVGG:
    """Weights of the right shapes, made once; what VGG learned does not matter here."""

    @staticmethod
    @cache
    def state_dict(asset):
        torch.manual_seed(0)
        features = getattr(torchvision.models, asset)(weights=None).features
        return {f"features.{name}": value for name, value in features.state_dict().items()}


def info_of(size_px=(SIZE_PX, SIZE_PX), skeleton=PENN13):
    return DatasetInfo("toy", tuple(size_px), skeleton, True, "joints")


def method_of(size_px=(SIZE_PX, SIZE_PX), skeleton=PENN13, **parameters):
    return registry.build("posewarp", info_of(size_px, skeleton), {**SMALL, **parameters})


class Pairs:
    """A coloured stick figure that stands elsewhere in the target, before one grey scene."""

    info = info_of()

    def __len__(self):
        return 16

    def _frame(self, seed):
        rng = np.random.Generator(np.random.PCG64(seed))
        x, y = rng.integers(8, SIZE_PX - 8), rng.integers(8, SIZE_PX - 20)
        offsets = {"head": (0, -4), "shoulder": (3, 0), "elbow": (4, 4), "wrist": (5, 8), "hip": (2, 8)}
        offsets |= {"knee": (3, 12), "ankle": (3, 16)}
        joints = []
        for name in PENN13.joints:
            side, _, part = name.rpartition("_")
            dx, dy = offsets[part]
            joints.append((x + dx * {"left": 1, "right": -1, "": 0}[side], y + dy))
        image, mask = torch.full((3, SIZE_PX, SIZE_PX), -0.2), torch.zeros(1, SIZE_PX, SIZE_PX)
        image[:, y - 5 : y + 17, x - 3 : x + 4] = torch.tensor([0.9, 0.2, -0.7])[:, None, None]
        mask[:, y - 5 : y + 17, x - 3 : x + 4] = 1
        box = torch.tensor([x - 5, y - 5, x + 6, y + 17], dtype=torch.float32)
        return image, mask, torch.tensor(joints, dtype=torch.float32), box

    def batch(self, indices):
        reference = [torch.stack(parts) for parts in zip(*(self._frame(index) for index in indices), strict=True)]
        target = [torch.stack(parts) for parts in zip(*(self._frame(index + 100) for index in indices), strict=True)]
        condition = Condition(*reference, target[2], target[3], PENN13)
        return Batch(condition, target[0], target[1])


def context_of(folder, steps, stop=lambda: False, learning_rate=1e-3, every=2):
    folder.mkdir(exist_ok=True)
    schedule = TrainingSchedule(steps, batch_size=2, learning_rate=learning_rate, checkpoint_every=every)
    return FitContext(folder, 0, schedule, RandomVGG(), device="cpu", precision="fp32", stop=stop)


def program_of(method, steps=4):
    torch.manual_seed(0)
    network = method._build()
    method._measured_on = Pairs().batch(range(4)).condition.image
    schedule = TrainingSchedule(steps, batch_size=4, learning_rate=1e-3)
    return network, method._program(network, schedule, RandomVGG(), torch.device("cpu"))


def sheet():
    return parity_tf.sheet("posewarp", "posewarp")


def fixture_joints():
    return [torch.tensor(sheet()["joints"][key]) for key in ("joints_src", "joints_tgt")]


def kept(key):
    with np.load(parity_tf.REFERENCE / "posewarp.npz") as arrays:
        return arrays[f"posewarp/{key}"]


def check_values(key, values):
    """Values in the fixture's layout, without statistics, thinned as the fixture."""
    found = np.ascontiguousarray(values.numpy()).reshape(-1)[:: sheet()["every"][key]]
    return np.abs(found - kept(key).reshape(-1)).max()


# Parity -------------------------------------------------------------------------------------------------------------


def test_limb_masks_and_pose_maps_equal_the_releases():
    source, target = fixture_joints()
    masks = limb_layers.limb_masks(source, target, (256, 256)).permute(0, 2, 3, 1)[:, ::4, ::4]
    assert check_values("limb_masks_s4", masks) < 1e-6
    maps = limb_layers.half_size_pose(source, (256, 256)).permute(0, 2, 3, 1)[:, ::2, ::2]
    assert check_values("heat_src_s2", maps) < 1e-6


def test_limb_transforms_equal_the_releases():
    source, target = fixture_joints()
    found = limb_layers.limb_transforms(source, target).permute(0, 2, 3, 1).numpy()
    assert np.abs(found - kept("trans")[..., 1:]).max() < 5e-5


def test_the_sampler_and_the_doubling_equal_the_releases():
    image = parity_tf.to_nchw(parity_tf.uniform("posewarp:unit_im", (1, 9, 9, 2)))
    transform = torch.tensor([[[1.1, -0.2, -1.5], [0.2, 0.9, 2.25]]])
    assert np.abs(limb_layers.warped(image, transform).permute(0, 2, 3, 1).numpy() - kept("unit_warp")).max() < 5e-6
    assert np.abs(limb_layers.doubled(image).permute(0, 2, 3, 1).numpy() - kept("unit_upsample")).max() < 1e-6


def keras_names():
    """{the fixture's layer: our layer}, both in order of creation."""
    theirs = [name.rpartition("/")[0] for name in sheet()["variables"] if name.endswith("/kernel")]
    return dict(zip(theirs, posewarp.layer_names(), strict=True))


@pytest.mark.parametrize("he", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_generator_equals_the_releases(he):
    network, variables = posewarp.PoseWarp(128), parity_tf.variables(sheet()["variables"], he)
    leaves = {"kernel": "weight", "bias": "bias"}
    names = {name: f"{keras_names()[name.rpartition('/')[0]]}.{leaves[name.rpartition('/')[2]]}" for name in variables}
    parity_tf.check_names(sheet()["variables"], network.state_dict(), names)
    assert sum(value.numel() for value in network.parameters()) == sheet()["params"]["generator"]
    network.load_state_dict({names[name]: released.from_tensorflow(value) for name, value in variables.items()})
    image = parity_tf.to_nchw(parity_tf.uniform("posewarp:src", (2, 256, 256, 3)))
    with torch.inference_mode():
        layers = network(image, *fixture_joints())
    outputs = {
        "y_s2": (layers.image, parity_tf.TOLERANCE),
        "mask_src_s4": (layers.masks, parity_tf.TOLERANCE),
        "bg_tgt_s4": (layers.background, parity_tf.TOLERANCE),
        "fg_stack_s8": (layers.moved_limbs, FAINT),
        "fg_tgt_s4": (layers.foreground, FAINT),
        "fg_mask_s4": (layers.foreground_mask, FAINT),
    }
    for key, (output, tolerance) in outputs.items():
        key = f"he_{key}" if he else key
        parity_tf.check_output("posewarp", "posewarp", key, output.permute(0, 2, 3, 1), tolerance)


def test_the_discriminator_equals_the_releases():
    shapes = dict(sheet()["discriminator"])
    shapes |= {name.replace("kernel", "bias"): shape[-1:] for name, shape in shapes.items()}
    network, state = posewarp.Discriminator((256, 256), 64), {}
    for name, value in parity_tf.variables(shapes).items():
        _, layer, leaf = name.split("/")
        kind, number = ("convs" if layer.startswith("conv") else "dense"), layer[-1]
        state[f"{kind}.{number}.{'weight' if leaf == 'kernel' else 'bias'}"] = released.from_tensorflow(value)
    network.load_state_dict(state)
    assert sum(value.numel() for value in network.parameters()) == sheet()["params"]["discriminator"]
    image = parity_tf.to_nchw(parity_tf.uniform("posewarp:src", (2, 256, 256, 3)))
    poses = torch.cat([limb_layers.half_size_pose(joints, (256, 256)) for joints in fixture_joints()], dim=1)
    with torch.inference_mode():
        judged = network(image, poses).sigmoid()
    np.testing.assert_allclose(judged.numpy(), np.ravel(sheet()["disc_output"]), rtol=0, atol=2e-6)


# Geometry -----------------------------------------------------------------------------------------------------------


def test_a_transform_takes_each_limbs_target_joints_to_its_reference_joints():
    source, target = fixture_joints()
    transforms = limb_layers.limb_transforms(source, target)
    for index, limb in enumerate(limb_layers.LIMBS[:-1]):
        places = torch.cat([target[:, list(limb)], torch.ones(2, 2, 1)], dim=2)
        assert torch.allclose(places @ transforms[:, index].transpose(1, 2), source[:, list(limb)], atol=1e-3)
    turn = transforms[:, -1, :, :2]  # of the torso, a similarity: no shear
    assert torch.allclose(turn[:, 0, 0], turn[:, 1, 1]) and torch.allclose(turn[:, 0, 1], -turn[:, 1, 0])


def test_a_joint_at_or_beyond_the_border_has_no_pose_map():
    joints = torch.full((1, 14, 2), 20.0)
    joints[0, :5] = torch.tensor([[0.0, 9.0], [9.0, -1.0], [62.0, 9.0], [9.0, 80.0], [torch.nan, torch.nan]])
    maps = limb_layers.half_size_pose(joints, (64, 64))
    assert not maps[:, :5].any() and maps[:, 5:].amax(dim=(2, 3)).eq(1).all()


@pytest.mark.parametrize("which", [0, 1])
def test_a_limb_with_a_missing_joint_in_either_pose_has_no_layer_and_the_rest_is_as_before(which):
    poses = fixture_joints()
    whole = limb_layers.limb_masks(*poses, (64, 64)), limb_layers.limb_transforms(*poses)
    poses[which][0, 3] = torch.nan  # right elbow: limbs 1 and 2
    masks, transforms = limb_layers.limb_masks(*poses, (64, 64)), limb_layers.limb_transforms(*poses)
    assert not masks[0, 1:3].any() and torch.equal(transforms[0, 1:3], torch.eye(2, 3).expand(2, 2, 3))
    rest = [0, *range(3, 10)]
    assert torch.equal(masks[0, rest], whole[0][0, rest]) and torch.equal(transforms[0, rest], whole[1][0, rest])
    assert torch.equal(masks[1], whole[0][1])


def test_an_image_is_made_without_any_joint_at_all():
    method = method_of()
    torch.manual_seed(0)
    method._take(method._build())
    condition = Pairs().batch([0, 1]).condition
    nothing = torch.full_like(condition.joints, torch.nan)
    answer = method.synthesize(replace(condition, joints=nothing, target_joints=nothing))
    assert answer.image.isfinite().all() and answer.masks.isfinite().all()


def test_the_neck_is_made_of_the_shoulders():
    condition = Pairs().batch([0]).condition
    joints, _ = method_of()._poses(condition)
    left, right = (condition.joints[:, PENN13.joints.index(f"{side}_shoulder")] for side in ("left", "right"))
    assert torch.equal(joints[:, MPII14.joints.index("neck")], (left + right) / 2)
    assert torch.equal(joints[:, 2], right)


def test_autocast_moves_no_limb_and_no_pair_by_a_fraction_of_a_pixel():
    source, target = fixture_joints()
    places = torch.arange(256.0).expand(1, 1, 256, 256)
    images = torch.cat([places, places.mT], dim=1).expand(10, -1, -1, -1)  # each pixel its own x and y

    def found():
        torch.manual_seed(0)
        transforms = limb_layers.limb_transforms(source, target)
        moved = augmentation.randomly_moved(Pairs().batch(range(4)))
        return transforms, limb_layers.warped(images, transforms[0]), moved.condition.joints, moved.target

    exact = found()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = found()
    assert all(torch.equal(a, b) for a, b in zip(exact, rounded, strict=True))


def test_the_start_is_glorots_with_biases_of_zero():
    torch.manual_seed(0)
    for network in (posewarp.PoseWarp(32), posewarp.Discriminator((64, 64), 16)):
        for layer in tf_layers.weighted(network):
            outgoing, incoming = layer.weight.shape[:2]
            limit = (6 / ((incoming + outgoing) * layer.weight[0, 0].numel())) ** 0.5
            assert 0.9 * limit < layer.weight.abs().max() <= limit and not layer.bias.any()


# Losses and phases --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arch, layers", [("vgg19", 12), ("vgg16", 10)])
def test_the_feature_loss_against_a_computation_by_hand(arch, layers):
    torch.manual_seed(1)
    state, measured = RandomVGG().state_dict(arch), torch.rand(3, 3, 32, 32) * 2 - 1
    loss = posewarp.FeatureLoss(arch, state, measured, torch.device("cpu"))
    network = PerceptualNetwork(arch, state)
    modules = [torch.nn.AvgPool2d(2) if isinstance(layer, torch.nn.MaxPool2d) else layer for layer in network.features]

    def features(images):
        mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
        x, found = ((images + 1) / 2 - mean) / std, []
        for layer in modules:
            x = layer(x).clone()
            if isinstance(layer, torch.nn.ReLU):
                found.append(x)
        return found[:layers]

    image, target = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    terms = []
    for a, b, over in zip(features(image), features(target), features(measured), strict=True):
        deviation = over.transpose(0, 1).flatten(1).std(dim=1, correction=0)
        least = 0.1 / (255 * (0.229 + 0.224 + 0.225) / 3)
        terms.append(((a - b).abs() / (deviation + least)[:, None, None]).mean())
    assert float(loss(image, target)) == pytest.approx(float(torch.stack(terms).mean()), rel=2e-4)
    assert len(loss.network.taps) == layers and not any(value.requires_grad for value in loss.parameters())


def test_the_discriminator_joins_late_learns_first_and_each_turn_has_its_own_parameters():
    network, program = program_of(method_of(gan_steps=8, warm_up_steps=5), steps=12)
    names = [[turn.name for turn in program.phase_at(step).turns] for step in range(12)]
    assert names == [["generator"]] * 4 + [["discriminator"]] * 5 + [["discriminator", "generator"]] * 3
    assert len(list(program.optimizers)) == 2
    made = program.phase_at(11).make(Pairs().batch(range(2)))
    judge, painter = program.phase_at(11).turns
    judge.loss(made)[0].backward()
    assert all(value.grad is None for value in network.parameters())
    painter.loss(made)[0].backward()
    assert all(value.grad is not None for value in network.parameters())
    assert all(optimizer.defaults["betas"] == (0.9, 0.999) for optimizer in program.optimizers)


def test_losses_of_the_second_phase_are_the_weighted_sums():
    method = method_of(lambda_gan=0.3, gan_steps=8)
    _, program = program_of(method, steps=12)
    made = program.phase_at(11).make(Pairs().batch(range(2)))
    judge, painter = program.phase_at(11).turns
    discriminator = program.networks["discriminator"]
    generated, real = discriminator(made.image, made.poses), discriminator(made.target, made.poses)
    total, terms = painter.loss(made)
    assert float(terms["gan"].detach()) == pytest.approx(float(F.softplus(-generated).mean().detach()), rel=1e-5)
    assert float(total.detach()) == pytest.approx(float((terms["features"] + 0.3 * terms["gan"]).detach()), rel=1e-6)
    first, _ = program.phase_at(0).turns[0].loss(made)
    assert float(first.detach()) == pytest.approx(float(terms["features"].detach()), rel=1e-6)
    features = posewarp.FeatureLoss("vgg16", RandomVGG().state_dict("vgg16"), method._measured_on, torch.device("cpu"))
    seen = features(made.image.flip(1), made.target.flip(1))  # RGB
    assert float(first.detach()) == pytest.approx(float(seen.detach()), rel=1e-5)
    expected = (F.softplus(-real).mean() + F.softplus(generated).mean()) / 2
    assert float(judge.loss(made)[0].detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_networks_see_bgr_and_the_answer_is_rgb():
    method = method_of()
    torch.manual_seed(0)
    method._take(method._build())
    batch = Pairs().batch([0])
    joints, target_joints = method._poses(batch.condition)
    with torch.inference_mode():
        layers = method._network(batch.condition.image.flip(1), joints, target_joints)
    answer = method.synthesize(batch.condition)
    assert torch.allclose(answer.image, layers.image.flip(1), atol=1e-6)
    assert torch.allclose(answer.masks, layers.masks, atol=1e-6)
    assert torch.allclose(answer.masks.sum(dim=1), torch.ones(1, SIZE_PX, SIZE_PX)) and answer.masks.shape[1] == 11
    made = method._made(method._network, batch)
    assert torch.equal(made.target, batch.target.flip(1))


# Augmentation -------------------------------------------------------------------------------------------------------


def test_moved_pairs_keep_joints_on_what_they_marked():
    height, width = 64, 48
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    spot = torch.tensor([20.0, 30.0])
    blob = torch.exp(-((columns - spot[0]) ** 2 + (rows - spot[1]) ** 2) / 8)
    image = (blob * 2 - 1).expand(8, 3, height, width)
    joints = spot.expand(8, len(PENN13), 2)
    box = torch.tensor([[18.0, 28.0, 22.0, 32.0]]).expand(8, 4)
    condition = Condition(image, (blob > 0.5).float().expand(8, 1, -1, -1), joints, box, joints, box, PENN13)
    torch.manual_seed(0)
    moved = augmentation.randomly_moved(Batch(condition, image, condition.mask))
    weight = (moved.condition.image[:, 0] + 1).clamp(min=0.1) - 0.1
    total = weight.sum(dim=(1, 2))
    found = torch.stack([(weight * columns).sum(dim=(1, 2)) / total, (weight * rows).sum(dim=(1, 2)) / total], dim=1)
    assert (found - moved.condition.joints[:, 0]).abs().max() < 0.3
    assert torch.equal(moved.condition.joints, moved.condition.target_joints)
    assert torch.equal(moved.condition.image, moved.target)
    assert (moved.condition.joints[:, 0] - spot).abs().amax(dim=1).min() > 0.5
    assert moved.condition.image.abs().max() <= 1 and set(moved.target_mask.unique().tolist()) <= {0.0, 1.0}
    centres = (moved.condition.box[:, :2] + moved.condition.box[:, 2:]) / 2
    assert (centres - moved.condition.joints[:, 0]).abs().max() < 1.0


def test_each_pair_is_moved_and_dimmed_in_its_own_way():
    grey = torch.full((8, 3, 64, 64), 0.5)
    joints, box = torch.full((8, len(PENN13), 2), 32.0), torch.tensor([[30.0, 30.0, 35.0, 35.0]]).expand(8, 4)
    condition = Condition(grey, torch.ones(8, 1, 64, 64), joints, box, joints, box, PENN13)
    torch.manual_seed(0)
    moved = augmentation.randomly_moved(Batch(condition, grey, condition.mask))
    low, high = augmentation.MOVED_INTENSITIES
    middles = moved.target[:, 0, 32, 32]
    assert len(set(middles.tolist())) == 8 and len({tuple(xy) for xy in moved.condition.joints[:, 0].tolist()}) == 8
    assert 0.5 * low - 1e-5 < middles.min() < middles.max() < 0.5 * high + 1e-5


@pytest.mark.parametrize("augment", [True, False])
def test_training_pairs_are_mirrored_with_sides_swapped_then_moved_where_asked_for(augment):
    method, batch = method_of(augment=augment), Pairs().batch(range(4))
    network = method._build()
    torch.manual_seed(3)
    made = method._made(network, batch)
    expected = batch
    if augment:
        torch.manual_seed(3)
        expected = augmentation.randomly_moved(augmentation.randomly_flipped(batch, swap_sides=True))
    poses = [limb_layers.half_size_pose(joints, (SIZE_PX, SIZE_PX)) for joints in method._poses(expected.condition)]
    assert torch.equal(made.target, expected.target.flip(1)) and torch.equal(made.poses, torch.cat(poses, dim=1))
    assert torch.equal(made.target, batch.target.flip(1)) == (not augment)


# Training -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    method = method_of(width=8, gan_steps=5)
    method.fit(Pairs(), context_of(folder, steps=36, learning_rate=6e-3, every=100))
    return method, folder


def test_training_lowers_the_feature_loss_and_moves_the_person(trained):
    method, folder = trained
    with (folder / "train.csv").open() as file:
        losses = [float(row["generator"]) for row in csv.DictReader(file) if row["generator"]]
    assert np.mean(losses[-5:]) < 0.7 * losses[0]
    batch = Pairs().batch(range(8))

    def error(image):
        return ((image - batch.target).abs() * batch.target_mask).sum() / batch.target_mask.sum()

    assert error(method.synthesize(batch.condition).image) < 0.9 * error(batch.condition.image)


def test_an_image_does_not_depend_on_its_batch(trained):
    method, _ = trained
    whole = method.synthesize(Pairs().batch(range(4)).condition)
    for index in range(4):
        alone = method.synthesize(Pairs().batch([index]).condition)
        assert torch.allclose(whole.image[index], alone.image[0], atol=1e-5)
        assert torch.allclose(whole.masks[index], alone.masks[0], atol=1e-5)


@pytest.mark.parametrize("count, expected", [(3, [0, 1, 2]), (127, list(range(0, 127, 2)))])
def test_deviations_are_measured_on_references_all_over_the_training_pairs(count, expected, tmp_path, monkeypatch):
    class Asked(Exception):
        pass

    class Data(Pairs):
        def __len__(self):
            return count

        def batch(self, indices):
            assert indices == expected
            return super().batch(indices)

    def measured(arch, state, images, device):
        assert torch.equal(images, Pairs().batch(expected).condition.image)
        raise Asked

    monkeypatch.setattr(posewarp, "FeatureLoss", measured)
    with pytest.raises(Asked):
        method_of().fit(Data(), context_of(tmp_path / "asked", steps=4))


def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    def build():
        return method_of(gan_steps=6, warm_up_steps=3, augment=True)

    # the second phase begins before, the discriminator's steps alone end after the interruption
    assert_resumes_exactly(build, Pairs(), context_of, tmp_path, steps=8, interrupted_after=3)


def test_bf16_in_channels_last_is_near_fp32(trained):
    method, _ = trained
    condition = Pairs().batch(range(8)).condition
    poses = method._poses(condition)
    image = condition.image.flip(1).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        exact = method._network(image, *poses).image
        with torch.autocast("cpu", torch.bfloat16):
            rounded = method._network(image, *poses).image
    difference = (rounded.float() - exact).abs()
    assert rounded.dtype == torch.float32
    assert 0 < difference.max() < BF16_TOLERANCE and difference.mean() < BF16_MEAN_TOLERANCE


# What it takes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_px", [(128, 128), (128, 64), (256, 256)])
def test_sizes(size_px):
    assert supports(cards.POSEWARP, info_of(size_px)) == (True, "")
    method = method_of(size_px)
    torch.manual_seed(0)
    method._take(method._build())
    joints = torch.rand(1, len(PENN13), 2) * min(size_px)
    image = torch.rand(1, 3, *size_px)
    box = torch.tensor([[0.0, 0.0, 20.0, 20.0]])
    answer = method.synthesize(Condition(image, image[:, :1], joints, box, joints, box, PENN13))
    assert answer.image.shape == image.shape
    discriminator = posewarp.Discriminator(size_px, 2)
    poses = torch.zeros(1, 28, size_px[0] // 2, size_px[1] // 2)
    assert discriminator(image, poses).shape == (1,)


def test_what_cannot_be_is_refused_with_the_reason():
    assert supports(cards.POSEWARP, info_of((256, 176)))[1].startswith("posewarp needs sides divisible by 32")
    fits, reason = supports(cards.POSEWARP, info_of(skeleton=BBC7))
    assert not fits and "left_hip" in reason and "bbc has" not in reason
    assert supports(cards.POSEWARP, info_of(skeleton=FOOTAGE18)) == (True, "")


@pytest.mark.parametrize(
    "parameters, words",
    [
        ({"width": 6}, r"posewarp\.width is a multiple of 4.*got 6"),
        ({"perceptual_network": "alexnet"}, r"posewarp\.perceptual_network is 'vgg19' or 'vgg16', got 'alexnet'"),
        ({"gan_steps": 4}, r"posewarp\.gan_steps.*from 0 to 3, got 4"),
        ({"gan_steps": -1}, r"posewarp\.gan_steps.*got -1"),
        ({"gan_steps": 2, "warm_up_steps": 2}, r"posewarp\.warm_up_steps.*from 0 to 1, below.*got 2"),
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        program_of(method_of(**parameters))


# Files of the release -----------------------------------------------------------------------------------------------


def released_file(path, network, first=1, change=lambda variables: None):
    """An .npz file with Keras's names, numbered from `first`."""
    state, variables = network.state_dict(), {}
    for number, layer in enumerate(posewarp.layer_names(), start=first):
        scope = f"conv2d_{number}/conv2d_{number}"
        variables[f"{scope}/kernel:0"] = state[f"{layer}.weight"].numpy().transpose(2, 3, 1, 0)
        variables[f"{scope}/bias:0"] = state[f"{layer}.bias"].numpy()
    change(variables)
    np.savez(path, **variables)
    return path


@pytest.mark.parametrize("first", [1, 38])
def test_a_released_file_loads_strictly_whatever_number_keras_had_come_to(first, tmp_path):
    torch.manual_seed(4)
    network, method = posewarp.PoseWarp(4), method_of()
    method.load_released(released_file(tmp_path / "posewarp.npz", network, first))
    loaded = method._network.cpu().state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda v: v.update({"conv2d_99/kernel:0": np.zeros(2)}), r"52 convolutions, conv2d_N; the file has 53"),
        (lambda v: v.update({"dense_1/kernel:0": np.zeros(2)}), "not of this network.*dense_1"),
        (lambda v: v.pop("conv2d_3/conv2d_3/bias:0"), r"missing: cutting\.convs\.2\.bias"),
        (lambda v: v.update({"conv2d_1/conv2d_1/bias:0": np.zeros(9)}), r"of another shape: cutting\.convs\.0\.bias"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(change, words, tmp_path):
    path = released_file(tmp_path / "posewarp.npz", posewarp.PoseWarp(4), change=change)
    with pytest.raises(ValueError, match=words):
        method_of().load_released(path)
