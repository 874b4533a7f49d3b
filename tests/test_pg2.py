"""PG²: networks equal to the release's, its losses and order of training, and files of its checkpoints."""

import csv
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import parity_tf
import pytest
import torch
import torch.nn.functional as F

from methods import augmentation, cards, encoding, pg2, registry, residual_unet
from methods.base import Batch, Condition, FitContext, TrainingSchedule
from methods.card import DatasetInfo, supports
from methods.tf_layers import SameConv
from mrnet.skeletons import OPENPOSE18, PENN13

CONFIGURATIONS = {
    "pg2_market128x64": ("market", (128, 64)),
    "pg2_256cfg_at128x128": ("fashion", (128, 128)),
    "pg2_256x256": ("fashion", (256, 256)),
}
DISCRIMINATORS = {"dcgan_disc_128x64": (128, 64), "dcgan_disc_256": (256, 256)}
POSE_BOUND = 0.8  # of the fixtures' inputs
SIZE_PX = 32
WIDTH = 4
BF16_TOLERANCE, BF16_MEAN_TOLERANCE = 0.1, 0.015
"""Largest and mean difference of bf16 autocast to fp32, in standard deviations of the answer; 0.05 to 0.07 and 0.007
measured."""


def info_of(size_px=(SIZE_PX, SIZE_PX), skeleton=PENN13):
    return DatasetInfo("toy", tuple(size_px), skeleton, True, "joints")


def method_of(size_px=(SIZE_PX, SIZE_PX), skeleton=PENN13, **parameters):
    return registry.build("pg2", info_of(size_px, skeleton), {"width": WIDTH, "stage1_steps": 2, **parameters})


def schedule_of(steps=4, **changes):
    return replace(TrainingSchedule(steps=steps, batch_size=4, learning_rate=1e-3, checkpoint_every=1), **changes)


def program_of(method, seed=0, **schedule):
    torch.manual_seed(seed)
    network = method._build()
    return network, method._program(network, schedule_of(**schedule), None, torch.device("cpu"))


class Pairs:
    """A bright square on grey that moves to where the target's joints are."""

    info = info_of()

    def __len__(self):
        return 16

    def frame(self, seed):
        rng = np.random.Generator(np.random.PCG64(seed))
        x, y = rng.integers(6, SIZE_PX - 6, size=2)
        image = torch.full((3, SIZE_PX, SIZE_PX), -0.5)
        mask = torch.zeros(1, SIZE_PX, SIZE_PX)
        image[:, y - 4 : y + 4, x - 4 : x + 4] = torch.tensor([0.9, 0.1, -0.9])[:, None, None]
        mask[:, y - 4 : y + 4, x - 4 : x + 4] = 1
        joints = torch.from_numpy(rng.integers(-4, 5, size=(len(PENN13), 2))).float() + torch.tensor([float(x), y])
        joints[0] = float("nan")
        return image, mask, joints, torch.tensor([x - 4.0, y - 4.0, x + 4.0, y + 4.0])

    def batch(self, indices):
        reference = [torch.stack(parts) for parts in zip(*(self.frame(index) for index in indices), strict=True)]
        target = [torch.stack(parts) for parts in zip(*(self.frame(index + 100) for index in indices), strict=True)]
        condition = Condition(*reference, target[2], target[3], PENN13)
        return Batch(condition, target[0], target[1])


# The networks are the release's ---------------------------------------------------------------------------------------


def released_variables(fixture):
    sheet = parity_tf.sheet("pg2", fixture)
    return {**sheet["variables_G1"], **sheet["variables_G2"]}


def full_width(fixture):
    variant, size_px = CONFIGURATIONS[fixture]
    return registry.build("pg2", info_of(size_px, OPENPOSE18), {"variant": variant})


@pytest.mark.parametrize("fixture", CONFIGURATIONS)
def test_names_shapes_and_counts_are_the_releases(fixture):
    method = full_width(fixture)
    with torch.device("meta"):
        network = method._build()
        variables = {name: torch.empty(shape) for name, shape in released_variables(fixture).items()}
        renamed = method._renamed(variables)
    state = network.state_dict()
    parity_tf.check_names(released_variables(fixture), state, pg2.released_names(network))
    assert {name: value.shape for name, value in renamed.items()} == {name: v.shape for name, v in state.items()}
    counts = [sum(value.numel() for value in part.parameters()) for part in (network.coarse, network.difference)]
    assert counts == list(parity_tf.sheet("pg2", fixture)["params"].values())


def check_generator(fixture, prefix, stride):
    """prefix, stride: of the fixture's outputs, "" or "he_" and "" or "_s2"."""
    method = full_width(fixture)
    with torch.device("meta"):
        network = method._build()
    variables = parity_tf.variables(released_variables(fixture), he=bool(prefix))
    network.load_state_dict(method._renamed(variables), assign=True)
    image, pose = parity_tf.sheet("pg2", fixture)["inputs"]
    image = parity_tf.uniform(image["key"], image["shape"])
    pose = parity_tf.signs(pose["key"], pose["shape"], POSE_BOUND)
    codes = []
    network.coarse.squeeze.register_forward_hook(lambda layer, given, code: codes.append(code))
    with torch.inference_mode():
        coarse, difference = network(parity_tf.to_nchw(image), parity_tf.to_nchw(pose))
    for name, output in (("out1", coarse), ("diff", difference)):
        parity_tf.check_output("pg2", fixture, f"{prefix}{name}{stride}", output.permute(0, 2, 3, 1))
    parity_tf.check_output("pg2", fixture, f"{prefix}z", codes[0])


@pytest.mark.parametrize("fixture", ["pg2_market128x64", "pg2_256cfg_at128x128"])
def test_generator_gives_the_releases_numbers(fixture):
    check_generator(fixture, "he_", "_s2")


@pytest.mark.slow
@pytest.mark.parametrize("fixture", ["pg2_market128x64", "pg2_256cfg_at128x128"])
def test_generator_gives_the_releases_numbers_with_faint_weights(fixture):
    check_generator(fixture, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "he_"])
def test_generator_gives_the_releases_numbers_at_256(prefix):
    check_generator("pg2_256x256", prefix, "_s4")


def discriminator_names(network):
    """{the release's: ours}."""
    names, number = {}, 0
    for name, layer in network.features.named_children():
        if isinstance(layer, torch.nn.Conv2d):
            number += 1
            names |= {f"Discriminator.{number}.Filters": f"features.{name}.weight"}
            names |= {f"Discriminator.{number}.Biases": f"features.{name}.bias"}
        elif isinstance(layer, torch.nn.BatchNorm2d):
            names |= {f"Discriminator.BN{number}.scale": f"features.{name}.weight"}
            names |= {f"Discriminator.BN{number}.offset": f"features.{name}.bias"}
    return {**names, "Discriminator.Output.W": "judge.weight", "Discriminator.Output.b": "judge.bias"}


@pytest.mark.parametrize("fixture", DISCRIMINATORS)
@pytest.mark.parametrize("training", [True, False])
def test_discriminator_gives_the_releases_logits(fixture, training):
    sheet = parity_tf.sheet("pg2", fixture)
    network = residual_unet.Discriminator(DISCRIMINATORS[fixture], width=128).train(training)
    names = discriminator_names(network)
    parity_tf.check_names(sheet["variables"], network.state_dict(), names)
    assert sum(parameter.numel() for parameter in network.parameters()) == sheet["params"]
    he = training
    variables = parity_tf.variables(sheet["variables"], he)
    network.load_state_dict({names[name]: pg2.released.from_tensorflow(value) for name, value in variables.items()})
    with torch.inference_mode():
        logits = network(parity_tf.to_nchw(parity_tf.uniform(sheet["input_key"], sheet["input_shape"])))
    np.testing.assert_allclose(logits.numpy(), sheet["output_he" if he else "output"], rtol=0, atol=2e-5)


@pytest.mark.parametrize("kernel, before, after", [(3, 0, 1), (5, 1, 2)])
def test_strided_convolutions_pad_as_tensorflow_does(kernel, before, after):
    layer = SameConv(1, 1, kernel, stride=2)
    with torch.no_grad():
        layer.bias.zero_()
        layer.weight.zero_()
        layer.weight[0, 0, 0, 0] = 1
    image = torch.arange(1.0, 65).reshape(1, 1, 8, 8)
    padded = F.pad(image, (before, after, before, after))
    assert torch.equal(layer(image), padded[:, :, 0:8:2, 0:8:2])
    assert layer(image).shape == (1, 1, 4, 4)


@pytest.mark.parametrize("size_px", [(128, 128), (128, 64), (256, 256), (64, 64), (32, 32), (32, 64)])
@pytest.mark.parametrize("variant", ["market", "fashion"])
def test_sizes(size_px, variant):
    assert supports(cards.PG2, info_of(size_px)) == (True, "")
    method = method_of(size_px, variant=variant, width=2)
    network, program = program_of(method)
    with torch.inference_mode():
        coarse, difference = network(torch.zeros(1, 3, *size_px), torch.zeros(1, len(PENN13), *size_px))
        logits = program.networks["discriminator"](torch.zeros(2, 3, *size_px))
    assert coarse.shape == difference.shape == (1, 3, *size_px)
    assert logits.shape == (2,)


@pytest.mark.parametrize("size_px", [(256, 176), (96, 64), (16, 16)])
def test_sizes_that_cannot_be_are_refused(size_px):
    fits, reason = supports(cards.PG2, info_of(size_px))
    assert not fits and f"{size_px[0]}×{size_px[1]}" in reason


def test_start_weights_are_glorot_uniform_and_those_of_the_discriminator_uniform():
    method = method_of(width=16)
    network, program = program_of(method)
    for name, layer in network.named_modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            cells = layer.weight[0, 0].numel()
            limit = (6 / (cells * (layer.weight.shape[0] + layer.weight.shape[1]))) ** 0.5
            assert 0.8 * limit < layer.weight.abs().max() <= limit, name
            assert not layer.bias.any(), name
    assert network.coarse.encoder[1]["block"][0].weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    discriminator = program.networks["discriminator"]
    for layer in discriminator.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.06)
            assert 0.9 < layer.weight.abs().max() / (0.02 * 3**0.5) <= 1
            assert not layer.bias.any()


# Inputs and answers ---------------------------------------------------------------------------------------------------


def spy(method, batch_or_condition, coarse=0.0, difference=0.0):
    """The image and pose that a stand-in network is given, and the answer to constant images."""
    given = {}

    def network(image, pose):
        given.update(image=image, pose=pose)
        return torch.full_like(image, coarse), torch.full_like(image, difference)

    return given, method._answer(network, batch_or_condition)


def test_the_network_sees_the_reference_and_the_targets_discs():
    condition = Pairs().batch(range(3)).condition
    given, _ = spy(method_of(), condition)
    assert torch.equal(given["image"], condition.image)
    assert given["pose"].shape == (3, len(PENN13), SIZE_PX, SIZE_PX)
    assert (given["pose"][:, 0] == -1).all()  # a missing joint
    x, y = (int(value) for value in condition.target_joints[1, 5])
    assert given["pose"][1, 5, y, x] == given["pose"][1, 5, y, x + 4] == 1
    assert given["pose"][1, 5, y, x + 5] == given["pose"][1, 5, y + 3, x + 3] == -1
    assert set(given["pose"].unique().tolist()) == {-1.0, 1.0}


def test_answers_are_clamped_sums_and_the_coarse_image_is_the_first_pass():
    condition = Pairs().batch([0]).condition
    _, synthesis = spy(method_of(), condition, coarse=1.5, difference=-1.0)
    assert len(synthesis.passes) == 2
    assert (synthesis.passes[0] == 1).all() and (synthesis.passes[1] == 0.5).all()
    assert torch.equal(synthesis.image, synthesis.passes[1])
    _, synthesis = spy(method_of(), condition, coarse=-1.0, difference=-1.0)
    assert (synthesis.image == -1).all()


def seeded(work, seed=1):
    """With a seed whose coins fall on both sides."""
    torch.manual_seed(seed)
    return work()


def test_training_sees_the_same_inputs_mirrored_by_the_toss_of_a_coin():
    batch = Pairs().batch(range(6))
    flipped = seeded(lambda: augmentation.randomly_flipped(batch, swap_sides=True))
    moved = [not torch.equal(a, b) for a, b in zip(flipped.target, batch.target, strict=True)]
    assert any(moved) and not all(moved)
    for flip, expected in ((True, flipped), (False, batch)):
        method = method_of(flip=flip)
        network, _ = program_of(method)
        pose = encoding.solid_maps(expected.condition.target_joints, (SIZE_PX, SIZE_PX))
        coarse = network.coarse(torch.cat([expected.condition.image, pose], dim=1))
        mask = encoding.limb_mask(expected.condition.target_joints, PENN13, (SIZE_PX, SIZE_PX), radius_px=4)
        for make in (method._made_coarse, method._made_refined):
            made = seeded(lambda make=make, network=network: make(network, batch))
            assert torch.equal(made.target, expected.target)
            assert torch.equal(made.mask, mask)
        made = seeded(lambda method=method, network=network: method._made_coarse(network, batch))
        assert torch.allclose(made.coarse, coarse, atol=1e-6)


# Losses and turns -----------------------------------------------------------------------------------------------------


def test_masked_l1_is_a_mean_over_the_whole_image():
    image = torch.tensor([0.0, 1.0, 2.0, 4.0]).reshape(1, 1, 2, 2).expand(1, 3, 2, 2)
    target = torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 1, 2, 2).expand(1, 3, 2, 2)
    mask = torch.tensor([1.0, 1.0, 1.0, 0.0]).reshape(1, 1, 2, 2)
    l1, masked_l1 = pg2.pose_l1(image, target, mask)
    assert l1 == pytest.approx((1 + 0 + 2 + 4) / 4)
    assert masked_l1 == pytest.approx((1 + 0 + 2) / 4)


def softplus(values):
    return float(np.log1p(np.exp(np.asarray(values, dtype=np.float64))).mean())


def test_the_discriminator_weighs_target_reference_and_generated_image():
    target, source, generated = [1.0, -2.0], [0.5, 3.0], [-1.0, 0.25]
    logits = pg2.Judged(*map(torch.tensor, (target, source, generated)))
    total, terms = pg2.discriminator_loss(logits)
    real, fakes = softplus([-value for value in target]), (softplus(source), softplus(generated))
    assert [float(term) for term in terms.values()] == pytest.approx([real, *fakes])
    assert float(total) == pytest.approx(0.5 * real + 0.25 * fakes[0] + 0.25 * fakes[1])


def test_stage_one_is_the_coarse_networks_loss_alone():
    method = method_of(flip=False)
    network, program = program_of(method)
    (turn,) = program.phase_at(0).turns
    batch = Pairs().batch(range(4))
    made = program.phase_at(0).make(batch)
    total, terms = turn.loss(made)
    error = (made.coarse - batch.target).abs()
    mask = encoding.limb_mask(batch.condition.target_joints, PENN13, (SIZE_PX, SIZE_PX), radius_px=4)
    assert total.item() == pytest.approx((error.mean() + (error * mask).mean()).item(), rel=1e-5)
    assert list(terms) == ["coarse_l1", "coarse_masked_l1"]
    assert owns(turn, network.coarse)
    assert not made.mask.all() and made.mask.any()


def owns(turn, network):
    own = [id(parameter) for group in turn.optimizer.param_groups for parameter in group["params"]]
    return own == [id(parameter) for parameter in network.parameters()]


ORDERS = {"market": ("target", "source", "coarse", "generated"), "fashion": ("target", "generated", "source")}


@pytest.mark.parametrize("variant", ORDERS)
def test_stage_two_against_a_hand_computation(variant):
    method = method_of(flip=False, variant=variant, lambda_l1=7.0)
    network, program = program_of(method)
    discriminator = program.networks["discriminator"]
    difference_turn, discriminator_turn = program.phase_at(2).turns
    assert (difference_turn.name, discriminator_turn.name) == ("difference", "discriminator")
    assert owns(difference_turn, network.difference) and owns(discriminator_turn, discriminator)

    batch = Pairs().batch(range(4))
    image = batch.condition.image
    with torch.no_grad():
        coarse, difference = network(image, method._pose(batch.condition))
        images = {"target": batch.target, "source": image, "coarse": coarse, "generated": coarse + difference}
        images = {name: images[name] for name in ORDERS[variant]}
        logits = discriminator(torch.cat(list(images.values()))).chunk(len(images))
        judged = dict(zip(images, (values.tolist() for values in logits), strict=True))
        error = (coarse + difference - batch.target).abs()
        mask = encoding.limb_mask(batch.condition.target_joints, PENN13, (SIZE_PX, SIZE_PX))

    seen = []
    discriminator.register_forward_hook(lambda layer, given, logits: seen.append(given[0]))
    made = program.phase_at(2).make(batch)
    total, terms = difference_turn.loss(made)
    assert list(terms) == ["gan", "l1", "masked_l1"]
    gan = softplus([-value for value in judged["generated"]])
    assert terms["gan"].item() == pytest.approx(gan, rel=1e-4)
    assert total.item() == pytest.approx(gan + 7 * float(error.mean() + (error * mask).mean()), rel=1e-4)
    total, _ = discriminator_turn.loss(made)
    expected = 0.5 * softplus([-value for value in judged["target"]])
    expected += 0.25 * softplus(judged["source"]) + 0.25 * softplus(judged["generated"])
    assert total.item() == pytest.approx(expected, rel=1e-4)
    for given in seen:
        assert torch.allclose(given, torch.cat(list(images.values())), atol=1e-5)
    assert seen[0].requires_grad and not seen[1].requires_grad


def test_who_gets_gradients():
    method = method_of(flip=False)
    network, program = program_of(method)
    discriminator = program.networks["discriminator"]
    difference_turn, discriminator_turn = program.phase_at(2).turns
    made = program.phase_at(2).make(Pairs().batch(range(4)))

    def reached(part):
        return [parameter.grad is not None and bool(parameter.grad.any()) for parameter in part.parameters()]

    discriminator_turn.loss(made)[0].backward()
    assert not any(reached(network)) and any(reached(discriminator))
    difference_turn.loss(made)[0].backward()
    assert all(reached(network.difference)) and not any(reached(network.coarse))

    with_gan = network.difference.last.weight.grad.clone()
    network.zero_grad()
    made = program.phase_at(2).make(Pairs().batch(range(4)))
    _, terms = difference_turn.loss(made)
    (10 * (terms["l1"] + terms["masked_l1"])).backward()
    assert not torch.allclose(with_gan, network.difference.last.weight.grad, rtol=1e-3)  # the discriminator teaches


def test_training_does_not_clamp():
    method = method_of(flip=False)
    network, program = program_of(method)
    with torch.no_grad():
        network.coarse.last.bias.fill_(5)
    batch = Pairs().batch(range(2))
    assert program.phase_at(0).make(batch).coarse.max() > 3
    assert program.phase_at(2).make(batch).generated.max() > 3


def test_optimisers_have_the_released_betas_and_the_schedules_rate_and_decay():
    _, program = program_of(method_of(), learning_rate=3e-5, weight_decay=1e-4)
    groups = [group for optimizer in program.optimizers for group in optimizer.param_groups]
    assert len(groups) == 3
    for group in groups:
        assert (group["betas"], group["lr"], group["weight_decay"]) == ((0.5, 0.999), 3e-5, 1e-4)
        assert group["fused"]
    assert len({id(optimizer) for optimizer in program.optimizers}) == 3


# Training -------------------------------------------------------------------------------------------------------------


def context_of(folder, **changes):
    schedule = schedule_of(**changes)
    return FitContext(folder, seed=0, schedule=schedule, weights=None, device="cpu", precision="fp32")


def fitted(folder, parameters=None, **schedule):
    method = method_of(**(parameters or {}))
    method.fit(Pairs(), context_of(folder, **schedule))
    return method


def rows(folder):
    with (folder / "train.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_stages_follow_each_other_and_the_second_leaves_the_first_alone(tmp_path):
    short = fitted(tmp_path / "short", steps=3)._network
    longer = fitted(tmp_path / "long", steps=5)._network
    assert all(map(torch.equal, short.coarse.parameters(), longer.coarse.parameters()))
    assert not any(map(torch.equal, short.difference.parameters(), longer.difference.parameters()))
    table = rows(tmp_path / "long")
    assert [bool(row["coarse"]) for row in table] == [True, True, False, False, False]
    assert [bool(row["discriminator"]) for row in table] == [False, False, True, True, True]


def test_stage_one_leaves_the_difference_network_as_it_started():
    method = method_of(stage1_steps=3, flip=False)
    network, program = program_of(method)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    (turn,) = program.phase_at(2).turns
    total, _ = turn.loss(program.phase_at(2).make(Pairs().batch(range(4))))
    total.backward()
    turn.optimizer.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith("coarse.")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    parameters = {"width": 8, "stage1_steps": 15}
    return fitted(folder, parameters, steps=80, learning_rate=4e-3, checkpoint_every=100), folder


def test_training_lowers_the_losses_of_both_stages(trained):
    coarse = [float(row["coarse"]) for row in rows(trained[1]) if row["coarse"]]
    assert np.mean(coarse[-3:]) < 0.5 * coarse[0]
    batch = Pairs().batch(range(16))
    coarse, refined = (
        float((image - batch.target).abs().mean()) for image in trained[0].synthesize(batch.condition).passes
    )
    assert refined < 0.85 * coarse


def test_the_pose_decides_where_the_person_appears(trained):
    batch = Pairs().batch([0])
    moved = replace(batch.condition, target_joints=batch.condition.target_joints * 0 + SIZE_PX / 2)
    assert not torch.allclose(
        trained[0].synthesize(batch.condition).image, trained[0].synthesize(moved).image, atol=0.05
    )


def test_an_image_does_not_depend_on_its_batch(trained):
    whole = trained[0].synthesize(Pairs().batch(range(4)).condition)
    assert len(whole.passes) == 2 and torch.equal(whole.passes[1], whole.image)
    for index in range(4):
        alone = trained[0].synthesize(Pairs().batch([index]).condition).image
        assert torch.allclose(whole.image[index], alone[0], atol=1e-5)


def test_only_the_generator_is_saved_and_comes_back(trained, tmp_path):
    trained[0].save(tmp_path)
    again = method_of(width=8, stage1_steps=15)
    again.load(tmp_path)
    condition = Pairs().batch([3, 5]).condition
    assert torch.equal(trained[0].synthesize(condition).image, again.synthesize(condition).image)
    assert all(name.startswith(("coarse.", "difference.")) for name in again._network.state_dict())
    with pytest.raises(ValueError, match="shape"):
        method_of(width=4).load(tmp_path)


@pytest.mark.parametrize("interrupted_after", [1, 2, 4])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(interrupted_after, tmp_path):
    whole = fitted(tmp_path / "whole", steps=6)
    done = []

    def on_step(step, steps, terms):
        done.append(step)

    context = context_of(tmp_path / "broken", steps=6)
    broken = replace(context, on_step=on_step, stop=lambda: len(done) >= interrupted_after)
    with pytest.raises(KeyboardInterrupt):
        method_of().fit(Pairs(), broken)
    resumed = fitted(tmp_path / "broken", steps=6)
    state = resumed._network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in whole._network.state_dict().items())
    logged = [[{**row, "seconds": ""} for row in rows(tmp_path / name)] for name in ("whole", "broken")]
    assert logged[0] == logged[1]


def test_bf16_in_channels_last_is_near_fp32(trained):
    network, batch = trained[0]._network, Pairs().batch(range(8))
    pose = trained[0]._pose(batch.condition)
    with torch.inference_mode():
        exact = sum(network(batch.condition.image, pose))
        image = batch.condition.image.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = sum(network(image, pose)).float()
    difference = (rounded - exact).abs() / exact.std()
    assert 0 < difference.max() < BF16_TOLERANCE
    assert difference.mean() < BF16_MEAN_TOLERANCE


def test_losses_are_float32_under_bf16():
    _, program = program_of(method_of(flip=False))
    batch = Pairs().batch(range(4))
    with torch.autocast("cpu", torch.bfloat16):
        for step in (0, 2):
            phase = program.phase_at(step)
            made = phase.make(batch)
            for turn in phase.turns:
                total, terms = turn.loss(made)
                assert all(value.dtype == torch.float32 for value in (total, *terms.values()))
    assert made.generated.dtype == torch.float32


# Parameters -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters, words",
    [
        ({"variant": "markt"}, r"pg2\.variant is 'market' or 'fashion', got 'markt'"),
        ({"width": 3}, r"pg2\.width is an even number from 2.*got 3"),
        ({"width": 0}, r"pg2\.width .*got 0"),
        ({"lambda_l1": -1.0}, r"pg2\.lambda_l1 is a number from 0, got -1"),
        ({"lambda_l1": float("nan")}, r"pg2\.lambda_l1 .*got nan"),
        ({"stage1_steps": 0}, r"pg2\.stage1_steps is at least 1, got 0"),
        (
            {"stage1_steps": 4},
            r"pg2\.stage1_steps is 4 and the schedule has 4 .*below 4, or train for more than 4",
        ),
        ({"stage1_steps": 22000}, r"pg2\.stage1_steps is 22000 and the schedule has 4 steps.*stage 2"),
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        program_of(method_of(**parameters), steps=4)


# Files of the release -------------------------------------------------------------------------------------------------


EXTRAS = {
    "Discriminator.1.Filters": (5, 5, 3, 2),
    "Discriminator.BN2.scale": (4,),
    "Discriminator.Output.W/Adam_1": (16, 1),
    "Pose_AE/G/Conv/weights/Adam": (3, 3, 16, 4),
    "Pose_AE/G/Conv/weights/Adam_1": (3, 3, 16, 4),
    "UAEnoFC/G/Conv_3/biases/Adam_1": (4,),
    "beta1_power": (),
    "beta2_power_2": (),
    "step": (),
    "global_step": (),
    "g_lr": (),
    "d_lr": (),
}


def released_arrays(network, names):
    """The network's weights in TensorFlow's layout. names: {the release's variable: our parameter}."""
    state, axes = network.state_dict(), {4: (2, 3, 1, 0), 2: (1, 0)}
    values = {theirs: state[ours].numpy() for theirs, ours in names.items()}
    return {name: value.transpose(axes[value.ndim]) if value.ndim in axes else value for name, value in values.items()}


def released_file(path, network, change=lambda variables: None):
    """An .npz file of all that a checkpoint of the release holds, weights from the network."""
    variables = released_arrays(network, pg2.released_names(network))
    variables |= {name: np.ones(shape, np.float32) for name, shape in EXTRAS.items()}
    change(variables)
    np.savez(path, **variables)
    return path


@pytest.fixture
def network():
    torch.manual_seed(5)
    network = method_of()._build()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return network


def test_a_released_checkpoint_loads_strictly_without_what_training_left_in_it(network, tmp_path):
    method = method_of()
    method.load_released(released_file(tmp_path / "pg2.npz", network))
    loaded = method._network.cpu().state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in network.state_dict().items())
    assert not method._network.training
    assert method.synthesize(Pairs().batch([0]).condition).image.shape == (1, 3, SIZE_PX, SIZE_PX)


def test_names_are_numbers_in_order_of_creation(network):
    names = pg2.released_names(network)
    assert names["Pose_AE/G/Conv/weights"] == "coarse.first.0.weight"
    assert names["Pose_AE/G/Conv_3/biases"] == "coarse.encoder.0.down.0.bias"
    assert names["Pose_AE/G/fully_connected_1/weights"] == "coarse.expand.weight"
    assert names["UAEnoFC/G/Conv/biases"] == "difference.first.0.bias"


@pytest.mark.parametrize(
    "foreign",
    ["Pose_AE/G/Conv_99/weights", "Pose_AE/G/Conv/weights/RMSProp", "DiscriminatorX", "ID_AE/G/Conv/weights", "steps"],
)
def test_a_foreign_variable_is_refused_by_name(network, foreign, tmp_path):
    path = released_file(tmp_path / "pg2.npz", network, lambda variables: variables.update({foreign: np.zeros(2)}))
    with pytest.raises(ValueError, match="not of this network") as error:
        method_of().load_released(path)
    assert foreign.rsplit("/", 1)[-1] in str(error.value)


def test_a_lacking_and_a_misshapen_variable_are_refused_by_name(network, tmp_path):
    path = released_file(tmp_path / "lacking.npz", network, lambda variables: variables.pop("UAEnoFC/G/Conv_1/biases"))
    with pytest.raises(ValueError, match=r"missing: difference\.encoder\.0\.block\.0\.bias"):
        method_of().load_released(path)
    with pytest.raises(ValueError, match=r"of another shape: coarse\.first\.0\.weight \(4, 16"):
        method_of(skeleton=OPENPOSE18).load_released(released_file(tmp_path / "penn.npz", network))
    fashion = method_of(variant="fashion")
    with pytest.raises(ValueError, match="difference"):
        fashion.load_released(released_file(tmp_path / "market.npz", network))


def test_reading_the_names_draws_no_random_numbers(network):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    method_of()._renamed(SimpleNamespace(items=lambda: ()))
    assert torch.equal(torch.rand(1), expected)
