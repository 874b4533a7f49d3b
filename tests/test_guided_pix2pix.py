"""Guided-Pix2Pix: equal to the release, learns by the released losses in their order, comes back from files."""

import csv
import math
from dataclasses import replace

import numpy as np
import parity
import pytest
import torch
from safetensors.torch import load_file
from test_mrnet_method import INFO, Pairs

from methods import cards, encoding, guided_pix2pix, registry, training
from methods.base import Batch, Condition, FitContext, TrainingSchedule
from methods.card import DatasetInfo, supports
from methods.guided_pix2pix import Made, discriminator_loss, generator_loss
from mrnet import checkpoint
from mrnet.skeletons import OPENPOSE18, PENN13

SMALL = {"width": 4, "blocks": 2}
SCHEDULE = TrainingSchedule(steps=5, batch_size=4, learning_rate=2e-3, weight_decay=1e-5, checkpoint_every=2)
CPU = torch.device("cpu")
BF16_MEAN_TOLERANCE, BF16_MOST_TOLERANCE = 0.02, 0.25  # of pixels in [−1, 1]; measured: 0.011 and 0.12
BF16_LOSS_TOLERANCE = 0.05  # of a step's terms, absolute; measured: 0.022

FIXTURES = ["penn128", pytest.param("fashion256", marks=pytest.mark.slow)]
SKELETONS = {"penn128": PENN13, "fashion256": OPENPOSE18}


class Nothing:
    """No pretrained network is needed."""

    def state_dict(self, asset):
        raise AssertionError(f"{asset} asked for")


def built(info=INFO, **parameters):
    return registry.build("guided_pix2pix", info, {**SMALL, **parameters})


def context(folder, stop=lambda: False, steps=SCHEDULE.steps):
    schedule = replace(SCHEDULE, steps=steps)
    return FitContext(folder, seed=0, schedule=schedule, weights=Nothing(), device="cpu", precision="fp32", stop=stop)


def fitted(folder, steps=SCHEDULE.steps, **parameters):
    method = built(**parameters)
    method.fit(Pairs(), context(folder, steps=steps))
    return method


def program_of(method):
    torch.manual_seed(0)
    network = method._build()
    return network, method._program(network, SCHEDULE, Nothing(), CPU)


def release_info(fixture):
    height, width = parity.competitor(f"gp2p_{fixture}_G")["output"]["shape"][2:]
    return DatasetInfo(fixture, (height, width), SKELETONS[fixture], True, "joints")


def released_generator(fixture):
    """The default network, filled by the fixture's rule under the authors' names."""
    method = registry.build("guided_pix2pix", release_info(fixture), {})
    with torch.device("meta"):
        network = method._build()
    shapes = parity.competitor(f"gp2p_{fixture}_G")["state_dict"]
    network = network.to_empty(device="cpu")
    checkpoint.load_state(network, method._renamed(parity.filled_state(shapes)), fixture)
    return network.eval()


def authors_state(network):
    """The network's state as the authors' program names it."""
    starts = {ours: theirs for theirs, ours in guided_pix2pix.RELEASED_NAMES.items()}

    def theirs(name):
        start = next((start for start in starts if name.startswith(start)), "")
        return starts.get(start, "") + name.removeprefix(start)

    return {theirs(name): value.clone() for name, value in network.state_dict().items()}


# Equal to the release ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", FIXTURES)
def test_the_generator_computes_what_the_released_one_does(fixture):
    network = released_generator(fixture)
    inputs = list(parity.competitor_inputs(f"gp2p_{fixture}_G").values())
    with torch.inference_mode():
        parity.check_output(f"gp2p_{fixture}_G", network(*inputs))
    assert parity.macs(network, *inputs) == parity.competitor(f"gp2p_{fixture}_G")["macs_per_sample_conv_linear"]


@pytest.mark.parametrize("fixture", FIXTURES)
def test_the_discriminator_computes_what_the_released_one_does(fixture):
    network = parity.fill(guided_pix2pix.PatchDiscriminator(len(SKELETONS[fixture]), 64)).eval()
    inputs = list(parity.competitor_inputs(f"gp2p_{fixture}_D").values())
    with torch.inference_mode():
        parity.check_output(f"gp2p_{fixture}_D", network(*inputs))
    assert parity.macs(network, *inputs) == parity.competitor(f"gp2p_{fixture}_D")["macs_per_sample_conv_linear"]


@pytest.mark.parametrize("fixture", ["penn128", "fashion256"])
def test_names_and_counts_are_the_releases(fixture):
    with torch.device("meta"):
        generator = registry.build("guided_pix2pix", release_info(fixture), {})._build()
        discriminator = guided_pix2pix.PatchDiscriminator(len(SKELETONS[fixture]), 64)
    names = dict(zip(generator.state_dict(), authors_state(generator), strict=True))
    parity.check_names_and_counts(f"gp2p_{fixture}_G", generator, names)
    parity.check_names_and_counts(f"gp2p_{fixture}_D", discriminator)


def test_features_are_normalised_by_unbiased_variance_over_space():
    features = np.random.default_rng(0).normal(size=(2, 3, 2, 3)).astype(np.float32) * 1e-2
    for sample in range(2):
        for channel in range(3):
            plane = features[sample, channel].astype(np.float64)
            expected = (plane - plane.sum() / 6) / math.sqrt(((plane - plane.sum() / 6) ** 2).sum() / 5 + 1e-5)
            ours = guided_pix2pix.normalised(torch.from_numpy(features))[sample, channel]
            np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_statistics_are_float32_whatever_the_features_are():
    features = (torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0)) + 20).bfloat16()
    ours = guided_pix2pix.normalised(features)
    assert ours.dtype == torch.bfloat16
    exact = guided_pix2pix.normalised(features.float())
    torch.testing.assert_close(ours.float(), exact, rtol=2**-8, atol=0)  # nothing but the last rounding


def test_one_branchs_features_scale_and_shift_the_others():
    layer = guided_pix2pix.FeatureTransformation(2)
    x, other = torch.randn(2, 2, 4, 4), torch.randn(2, 2, 4, 4)
    with torch.no_grad():
        for bottleneck, value in ((layer.alpha, 3.0), (layer.beta, -0.5)):
            bottleneck[2].weight.zero_()
            bottleneck[2].bias.fill_(value)
        torch.testing.assert_close(layer(x, other), 3 * guided_pix2pix.normalised(x) - 0.5)
    assert layer.alpha[0].out_channels == 100


def test_the_start_is_the_releases():
    network, program = program_of(built(width=16))
    for learner in (network, program.networks["discriminator"]):
        for name, value in learner.named_parameters():
            if name.endswith("bias"):
                assert not value.any(), name
            elif value.numel() > 4000:
                assert abs(float(value.detach().std()) - 0.02) < 0.002, name
                assert abs(float(value.detach().mean())) < 0.002, name


# Losses and turns ----------------------------------------------------------------------------------------------------


class Judge:
    """Gives fixed judgements in turn and keeps what it was shown."""

    def __init__(self, *judgements):
        self.judgements, self.shown = [torch.tensor(values) for values in judgements], []

    def __call__(self, x):
        self.shown.append(x)
        return self.judgements[len(self.shown) - 1]


def made():
    given = torch.full((1, 4, 2, 2), 7.0)
    generated = torch.tensor([0.5, -0.5, 1.0])[None, :, None, None].repeat(1, 1, 2, 2).requires_grad_()
    return Made(given, generated, torch.tensor([0.0, 0.0, -1.0])[None, :, None, None].repeat(1, 1, 2, 2))


def test_the_discriminators_loss_is_half_the_sum_of_both_least_squares():
    judge, step = Judge([3.0, 1.0], [2.0, 4.0]), made()
    total, terms = discriminator_loss(judge, step)
    assert {name: float(term) for name, term in terms.items()} == {"judged_generated": 5.0, "judged_real": 5.0}
    assert float(total) == 0.5 * ((9 + 1) / 2 + (1 + 9) / 2)
    first, second = judge.shown
    assert torch.equal(first, torch.cat([step.given, step.generated], dim=1))
    assert torch.equal(second, torch.cat([step.given, step.target], dim=1))
    assert not first.requires_grad


def test_generated_and_real_are_judged_against_0_and_1():
    total, terms = discriminator_loss(Judge([2.0], [0.5]), made())
    assert float(terms["judged_generated"]) == 4.0
    assert float(terms["judged_real"]) == 0.25
    assert float(total) == 2.125


def test_the_generators_loss_is_least_squares_to_real_and_weighted_l1():
    judge, step = Judge([3.0, 0.0]), made()
    total, terms = generator_loss(judge, step, lambda_l1=10.0)
    assert terms["adversarial"].item() == (4 + 1) / 2
    assert terms["reconstruction"].item() == pytest.approx((0.5 + 0.5 + 2.0) / 3)
    assert total.item() == pytest.approx(2.5 + 10 * 1.0)
    assert judge.shown[0].requires_grad
    assert torch.equal(judge.shown[0], torch.cat([step.given, step.generated], dim=1))


def test_the_cards_weight_of_l1_is_the_releases_and_reaches_the_loss():
    assert cards.GUIDED_PIX2PIX.parameters["lambda_l1"] == 100.0
    _, program = program_of(built(lambda_l1=100.0, flip=False))
    with torch.no_grad():
        step = program.phases[0].make(Pairs().batch([0, 1]))
        total, terms = program.phases[0].turns[1].loss(step)
    assert float(total) == pytest.approx(float(terms["adversarial"] + 100 * terms["reconstruction"]))


def test_the_discriminator_has_its_turn_first_and_each_turn_its_own_network():
    network, program = program_of(built())
    assert program.networks["generator"] is network
    (phase,) = program.phases
    assert [turn.name for turn in phase.turns] == ["discriminator", "generator"]
    step = phase.make(Pairs().batch([0, 1]))
    learners = [program.networks[turn.name] for turn in phase.turns]
    phase.turns[0].loss(step)[0].backward()
    assert all(parameter.grad is not None for parameter in learners[0].parameters())
    assert all(parameter.grad is None for parameter in network.parameters())
    for turn, learner in zip(phase.turns, learners, strict=True):
        (group,) = turn.optimizer.param_groups
        assert [id(parameter) for parameter in group["params"]] == [id(parameter) for parameter in learner.parameters()]
        assert (group["betas"], group["lr"], group["weight_decay"]) == ((0.9, 0.999), 2e-3, 1e-5)
        assert isinstance(turn.optimizer, torch.optim.Adam)


def test_the_generators_turn_sees_the_discriminator_after_its_own():
    _, program = program_of(built(flip=False))
    (phase,) = program.phases
    batch, fabric = Pairs().batch([0, 1]), training.make_fabric("cpu", "fp32")
    with torch.no_grad():
        step = phase.make(batch)
    values = training._one_step(phase, batch, fabric, 0)
    with torch.no_grad():
        after = phase.turns[1].loss(step)[1]["adversarial"]
    assert values["adversarial"] == pytest.approx(float(after), rel=1e-5)


def test_all_learns_but_the_one_transformation_that_is_never_used():
    network, program = program_of(built(lambda_l1=1.0))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    training._one_step(program.phases[0], Pairs().batch([0, 1]), training.make_fabric("cpu", "fp32"), 0)
    still = {name for name, value in network.state_dict().items() if torch.equal(value, before[name])}
    assert still == {name for name in before if name.startswith("image_to_guide.3.")}
    assert len(still) == 8


# What goes in --------------------------------------------------------------------------------------------------------


def lopsided(size_px=(32, 32)):
    """Four pairs whose joints lie each elsewhere, one of them missing, of noise left and right."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return torch.rand(*shape, generator=generator) * 2 - 1

    def joints():
        points = (drawn(4, len(PENN13), 2) + 1) / 2 * torch.tensor([size_px[1] - 1, size_px[0] - 1])
        points[:, 5] = math.nan
        return points.round()

    box = torch.tensor([[2.0, 2.0, 20.0, 20.0]]).repeat(4, 1)
    mask = torch.ones(4, 1, *size_px)
    condition = Condition(drawn(4, 3, *size_px), mask, joints(), box, joints(), box, PENN13)
    return Batch(condition, drawn(4, 3, *size_px), mask)


def test_the_guide_is_the_targets_pose_a_channel_a_joint_missing_ones_empty():
    condition = lopsided().condition
    image, guide = built()._inputs(condition)
    assert torch.equal(image, condition.image)
    assert guide.shape == (4, 13, 32, 32)
    assert guide.unique().tolist() == [-1.0, 1.0]
    assert (guide[:, 5] == -1).all()
    for joint in (0, 7, 12):
        x, y = condition.target_joints[1, joint].int().tolist()
        assert guide[1, joint, y, x] == 1
        assert (guide[1, joint] == 1).sum() <= 49  # a disc of radius 4


def test_the_network_is_fed_the_reference_and_the_guide():
    condition, method = lopsided().condition, built()
    network, program = program_of(method)
    guide = encoding.solid_maps(condition.target_joints, (32, 32))
    with torch.inference_mode():
        torch.testing.assert_close(method._answer(network, condition).image, network(condition.image, guide))


@pytest.mark.parametrize("flip", [True, False])
def test_pairs_are_mirrored_whole_by_a_coin_and_no_joint_changes_its_channel(flip):
    _, program = program_of(built(flip=flip))
    batch = lopsided()
    plain = torch.cat(
        [batch.condition.image, encoding.solid_maps(batch.condition.target_joints, (32, 32)), batch.target], dim=1
    )
    seen = set()
    for seed in range(4):
        torch.manual_seed(seed)
        with torch.no_grad():
            step = program.phases[0].make(batch)
        for before, after in zip(plain, torch.cat([step.given, step.target], dim=1), strict=True):
            mirrored = not torch.equal(after, before)
            seen.add(mirrored)
            assert torch.equal(after, before.flip(-1) if mirrored else before)
    assert seen == ({True, False} if flip else {False})


def test_the_generated_image_is_made_once_from_what_the_discriminator_is_shown():
    network, program = program_of(built())
    calls = []
    network.register_forward_hook(lambda *of: calls.append(of))
    torch.manual_seed(1)
    training._one_step(program.phases[0], lopsided(), training.make_fabric("cpu", "fp32"), 0)
    assert len(calls) == 1
    (_, (image, guide), out), *_ = calls
    assert image.shape == out.shape == (4, 3, 32, 32)
    torch.manual_seed(1)
    step = program.phases[0].make(lopsided())
    assert torch.equal(step.given, torch.cat([image, guide], dim=1))


@pytest.mark.parametrize("size_px", [(128, 128), (128, 64), (256, 256), (256, 176), (32, 32)])
def test_it_works_at_the_fields_sizes(size_px):
    info = DatasetInfo("sized", size_px, PENN13, True, "joints")
    assert supports(cards.GUIDED_PIX2PIX, info) == (True, "")
    method = built(info, width=2, blocks=1)
    network, program = program_of(method)
    batch = lopsided(size_px)
    training._one_step(program.phases[0], batch, training.make_fabric("cpu", "fp32"), 0)
    with torch.inference_mode():
        assert method._answer(network, batch.condition).image.shape == (4, 3, *size_px)


@pytest.mark.parametrize(("size_px", "reason"), [((132, 64), "divisible by 8"), ((24, 32), "at least 32 px")])
def test_sizes_it_cannot_work_at_are_refused_with_the_reason(size_px, reason):
    fits, why = supports(cards.GUIDED_PIX2PIX, DatasetInfo("odd", size_px, PENN13, True, "joints"))
    assert not fits
    assert reason in why


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"width": 0}, "guided_pix2pix.width is at least 1, got 0"),
        ({"blocks": -1}, "guided_pix2pix.blocks is at least 1, got -1"),
        ({"lambda_l1": -0.5}, "guided_pix2pix.lambda_l1 is a number not below 0, got -0.5"),
        ({"lambda_l1": math.nan}, "guided_pix2pix.lambda_l1 .* got nan"),
    ],
)
def test_impossible_parameters_are_refused_by_name(parameters, told):
    with pytest.raises(ValueError, match=told):
        built(**parameters)._build()


# Training, files -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return fitted(folder, steps=60, flip=False), folder


def test_training_lowers_the_loss_and_logs_every_term(trained):
    _, folder = trained
    with (folder / "train.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    losses = ["discriminator", "judged_generated", "judged_real", "generator", "adversarial", "reconstruction"]
    assert list(rows[0])[3:] == losses
    first, last = (np.mean([float(row["reconstruction"]) for row in part]) for part in (rows[:5], rows[-5:]))
    assert last < 0.6 * first


def test_reference_and_pose_decide_the_image():
    torch.manual_seed(0)
    method = built(width=16)
    network, condition = parity.fill(method._build()).eval(), lopsided().condition
    moved = replace(condition, target_joints=condition.target_joints + 3)
    darker = replace(condition, image=condition.image - 0.5)
    with torch.inference_mode():
        plain, *others = (method._answer(network, given).image for given in (condition, moved, darker))
    assert all((other - plain).abs().max() > 0.5 for other in others)


def test_an_image_does_not_depend_on_its_batch(trained):
    method, _ = trained
    whole = method.synthesize(Pairs().batch(range(4)).condition).image
    for index in range(4):
        alone = method.synthesize(Pairs().batch([index]).condition).image
        torch.testing.assert_close(whole[index], alone[0], rtol=0, atol=1e-5)


def test_save_and_load_give_the_same_images_from_the_generator_alone(trained, tmp_path):
    method, _ = trained
    method.save(tmp_path)
    assert set(load_file(tmp_path / "model.safetensors")) == set(method._build().state_dict())
    again = built()
    again.load(tmp_path)
    condition = Pairs().batch([3, 5]).condition
    assert torch.equal(method.synthesize(condition).image, again.synthesize(condition).image)


def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    whole = fitted(tmp_path / "whole")
    asked = iter([False, False, True])
    with pytest.raises(KeyboardInterrupt):
        built().fit(Pairs(), context(tmp_path / "halves", stop=lambda: next(asked)))
    resumed = fitted(tmp_path / "halves")
    for name, value in whole._network.state_dict().items():
        assert torch.equal(value, resumed._network.state_dict()[name]), name


def test_bf16_is_near_fp32():
    torch.manual_seed(0)
    method = built(width=16)
    network, condition = parity.fill(method._build()).eval(), lopsided().condition
    with torch.inference_mode():
        exact = method._answer(network, condition).image
        network = network.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = method._answer(network, training.condition_to(condition, CPU)).image
    assert exact.std() > 0.2
    difference = (rounded.float() - exact).abs()
    assert 0 < difference.mean() < BF16_MEAN_TOLERANCE
    assert difference.max() < BF16_MOST_TOLERANCE


def test_a_step_in_bf16_has_the_losses_of_fp32():
    values = []
    for precision in ("fp32", "bf16"):
        _, program = program_of(built())
        torch.manual_seed(0)
        values.append(training._one_step(program.phases[0], lopsided(), training.make_fabric("cpu", precision), 0))
    assert values[1] == pytest.approx(values[0], rel=0, abs=BF16_LOSS_TOLERANCE)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_released_file_old_or_new_loads_strictly(prefix, tmp_path):
    torch.manual_seed(3)
    method = built()
    network = method._build()
    state = authors_state(network)
    for norm, channels in (("resnet.0.conv_block.2", 32), ("resnet.1.conv_block.6", 32), ("pre_decoder.1", 16)):
        state |= {f"{norm}.running_mean": torch.zeros(channels), f"{norm}.running_var": torch.ones(channels)}
    torch.save({prefix + name: value for name, value in state.items()}, tmp_path / "latest_net_G.pth")
    method.load_released(tmp_path / "latest_net_G.pth")
    condition = lopsided().condition
    with torch.inference_mode():
        expected = method._answer(network.eval(), condition).image
    torch.testing.assert_close(method.synthesize(condition).image, expected, rtol=0, atol=1e-5)


def test_a_released_file_that_does_not_fit_is_an_error_that_lists_what(tmp_path):
    method = built()
    state = authors_state(method._build())
    for change, told in (
        (lambda: state.pop("bottleneck_beta_4.2.bias"), "missing: image_to_guide.3.beta.2.bias"),
        (lambda: state.update({"conv4.weight": torch.zeros(1)}), "not of this network: conv4.weight"),
        (lambda: state.update({"decoder.1.bias": torch.zeros(4)}), r"another shape: decoder.1.bias \(4,\) for \(3,\)"),
    ):
        change()
        torch.save(state, tmp_path / "latest_net_G.pth")
        with pytest.raises(ValueError, match=told):
            method.load_released(tmp_path / "latest_net_G.pth")
