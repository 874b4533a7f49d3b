"""PN-GAN: the released networks, losses and order, MR-Net's RoI loss on top, and the authors' files."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from parity import check_names_and_counts, check_output, competitor, competitor_inputs, filled_state, macs
from safetensors import safe_open
from torch import nn
from torchvision.models import vgg16
from torchvision.ops import roi_pool

from methods import cards, pn_gan, registry
from methods.base import MODEL, Batch, Condition, FitContext, TrainingSchedule
from methods.card import DatasetInfo, supports
from mrnet.perceptual import PerceptualNetwork
from mrnet.skeletons import PENN13

SIZES = ("128x128", "256x128")
RELEASED_WIDTH, RELEASED_BLOCKS = 64, 9
DISCRIMINATOR_NAMES = {"0": "conv1.conv", "2": "conv2.conv", "5": "conv3.conv", "8": "conv4.conv", "11": "dis.conv"}

SMALL = {"width": 4, "blocks": 2}
SIZE_PX = (64, 64)
SCHEDULE = TrainingSchedule(steps=5, batch_size=4, learning_rate=1e-3, weight_decay=1e-5, checkpoint_every=2)

BF16_TOLERANCE, BF16_MEAN_TOLERANCE = 0.1, 0.01
"""Largest and mean difference of an image in [-1, 1] under bfloat16 autocast, at full width and with weights as they
start; measured on a CPU over four starts: 0.057 to 0.070, and 0.0050 to 0.0058."""


def info(size_px=SIZE_PX):
    return DatasetInfo("toy", size_px, PENN13, False, "joints")


class Pairs:
    """A bright square on grey, whose joints lie at its corners and middle; it moves from reference to target."""

    def __init__(self, size_px=SIZE_PX):
        self.info = info(size_px)

    def __len__(self):
        return 16

    def frame(self, seed):
        height, width = self.info.size_px
        rng = np.random.Generator(np.random.PCG64(seed))
        x, y = (int(rng.integers(12, side - 12)) for side in (width, height))
        image = torch.full((3, height, width), -0.5)
        mask = torch.zeros(1, height, width)
        image[:, y - 8 : y + 8, x - 8 : x + 8] = torch.tensor([0.9, 0.1, -0.9])[:, None, None]
        mask[:, y - 8 : y + 8, x - 8 : x + 8] = 1
        joints = torch.tensor([[x, y]]) + 8 * (torch.from_numpy(rng.random((len(PENN13), 2), dtype=np.float32)) * 2 - 1)
        return image, mask, joints, torch.tensor([x - 8.0, y - 8.0, x + 8.0, y + 8.0])

    def batch(self, indices):
        reference = [torch.stack(parts) for parts in zip(*(self.frame(index) for index in indices), strict=True)]
        target = [torch.stack(parts) for parts in zip(*(self.frame(index + 100) for index in indices), strict=True)]
        return Batch(Condition(*reference, target[2], target[3], PENN13), target[0], target[1])


class RandomVGG:
    """Weights of the right shapes; what VGG learned does not matter here."""

    def state_dict(self, asset):
        assert asset == "vgg16"
        return {f"features.{name}": value for name, value in random_features().state_dict().items()}


def random_features():
    torch.manual_seed(0)
    return vgg16(weights=None).features.eval()


def method(size_px=SIZE_PX, **parameters):
    return registry.build("pn_gan", info(size_px), {**SMALL, **parameters})


def program(**parameters):
    """The method, its generator and how it learns, with one batch made."""
    built = method(**parameters)
    torch.manual_seed(0)
    network = built._build()
    return built, network, built._program(network, SCHEDULE, RandomVGG(), torch.device("cpu"))


def made(learning, indices=(0, 1)):
    """The phase, a batch and what the phase makes of it."""
    (phase,) = learning.phases
    batch = Pairs().batch(indices)
    return phase, batch, phase.make(batch)


def number(value):
    return float(value.detach())


def fitted(folder, steps=5, stop=None, size_px=SIZE_PX, **parameters):
    built = method(size_px, **parameters)
    context = FitContext(folder, 0, replace(SCHEDULE, steps=steps), RandomVGG(), device="cpu", precision="fp32")
    built.fit(Pairs(size_px), context if stop is None else replace(context, stop=stop))
    return built


def log(folder):
    with (folder / "train.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# ---- the released networks


def generator_names():
    """{our name: the authors'}, entry by entry."""
    names = pn_gan.released_names(RELEASED_BLOCKS)
    return {ours + leaf: theirs + leaf for theirs, ours in names.items() for leaf in ("weight", "bias")}


def discriminator_names():
    return {
        f"{ours}.{leaf}": f"{theirs}.{leaf}"
        for ours, theirs in DISCRIMINATOR_NAMES.items()
        for leaf in ("weight", "bias")
    }


def released(fixture, network, names):
    """The network filled by the rule for the authors' names."""
    state = filled_state(competitor(fixture)["state_dict"])
    network.load_state_dict({ours: state[names[ours]] for ours in network.state_dict()})
    return network.eval()


def full_generator():
    return registry.build("pn_gan", info(), {})._build()


def full_discriminator():
    return pn_gan.discriminator(RELEASED_WIDTH)


@pytest.mark.parametrize("size", SIZES)
def test_the_generator_is_the_released_one(size):
    fixture = f"pngan_{size}_G"
    network = released(fixture, full_generator(), generator_names())
    check_names_and_counts(fixture, network, generator_names())
    given = competitor_inputs(fixture)
    with torch.inference_mode():
        check_output(fixture, network(given["image"], given["pose"]))
    assert macs(network, given["image"], given["pose"]) == competitor(fixture)["macs_per_sample_conv_linear"]


@pytest.mark.parametrize("size", SIZES)
def test_the_discriminator_is_the_released_one(size):
    fixture = f"pngan_{size}_D"
    network = released(fixture, full_discriminator(), discriminator_names())
    check_names_and_counts(fixture, network, discriminator_names())
    (judged,) = competitor_inputs(fixture).values()
    with torch.inference_mode():
        check_output(fixture, network(judged).squeeze(1))
    assert macs(network, judged) == competitor(fixture)["macs_per_sample_conv_linear"]


def test_training_has_the_discriminator_of_the_card():
    _, network, learning = program(width=8)
    assert learning.networks["generator"] is network
    judge = learning.networks["discriminator"]
    assert {name: value.shape for name, value in judge.state_dict().items()} == {
        name: value.shape for name, value in pn_gan.discriminator(8).state_dict().items()
    }
    assert judge(torch.zeros(1, 3, 64, 64)).shape == (1, 1, 2, 2)


@pytest.mark.parametrize("build", [full_generator, full_discriminator])
def test_weights_start_as_pytorch_starts_them(build):
    torch.manual_seed(0)
    for layer in build().modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            bound = 1 / math.sqrt(layer.weight[0].numel())  # uniform
            assert layer.weight.abs().max() <= bound
            assert abs(layer.weight.detach().std() / (bound / math.sqrt(3)) - 1) < 0.05
            assert layer.bias is None or layer.bias.abs().max() <= bound


# ---- what it is fed


def test_the_generator_sees_the_reference_and_a_picture_of_the_target_pose():
    built = method((128, 64))
    condition = Pairs((128, 64)).batch([0, 1]).condition
    joints = torch.full_like(condition.target_joints, math.nan)
    joints[:, 3] = torch.tensor([20.0, 90.0])  # one joint alone: a disc
    image, picture = built._inputs(replace(condition, target_joints=joints))
    assert torch.equal(image, condition.image)
    assert picture.shape == (2, 3, 128, 64)
    drawn = (picture > -1).any(dim=1)
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(64), indexing="ij")
    disc = (rows - 90) ** 2 + (columns - 20) ** 2 <= 2**2  # 1/64 of the height
    assert torch.equal(drawn, disc.expand(2, -1, -1))
    assert picture.max() == 1


def test_limbs_are_two_sixty_fourths_of_the_height_wide():
    built = method((256, 256))
    condition = Pairs((256, 256)).batch([0]).condition
    a, b = PENN13.edges[0]
    joints = torch.full_like(condition.target_joints, math.nan)
    joints[0, a], joints[0, b] = torch.tensor([40.0, 100.0]), torch.tensor([200.0, 100.0])
    _, picture = built._inputs(replace(condition, target_joints=joints))
    assert int((picture[0, :, :, 120] > -1).any(dim=0).sum()) == 9  # 4 px to both sides of the row


def test_training_and_answer_feed_image_first_then_picture():
    built, network, learning = program()
    _, batch, result = made(learning)
    image, picture = built._inputs(batch.condition)
    weight, bias = (network.encoder[1].state_dict()[name] for name in ("weight", "bias"))
    seen = []
    network.encoder[1].register_forward_hook(lambda layer, given, output: seen.append((given[0], output)))
    answer = built._answer(network, batch.condition).image
    ((padded, output),) = seen
    assert torch.equal(padded[..., 3:-3, 3:-3], torch.cat([image, picture], dim=1))
    torch.testing.assert_close(output, nn.functional.conv2d(padded, weight, bias))
    torch.testing.assert_close(answer, result.generated)
    torch.testing.assert_close(network(image, picture), answer)
    assert answer.shape == (2, 3, *SIZE_PX)
    assert answer.abs().max() <= 1


# ---- losses, turns, optimisers


def test_the_generators_loss_is_least_squares_and_ten_times_l1():
    built, _, learning = program()
    phase, batch, result = made(learning)
    total, terms = phase.turns[0].loss(result)
    judged = learning.networks["discriminator"](result.generated).detach().numpy().astype(np.float64)
    difference = (result.generated.detach() - batch.target).numpy().astype(np.float64)
    adversarial, l1 = np.mean((judged - 1) ** 2), np.abs(difference).mean()
    assert set(terms) == {"adversarial", "l1"}
    np.testing.assert_allclose([number(terms["adversarial"]), number(terms["l1"])], [adversarial, l1], rtol=1e-5)
    np.testing.assert_allclose(number(total), adversarial + 10 * l1, rtol=1e-5)


def test_lambda_l1_weighs_the_l1():
    phase, _, result = made(program(lambda_l1=3.0)[2])
    total, terms = phase.turns[0].loss(result)
    np.testing.assert_allclose(number(total), number(terms["adversarial"] + 3 * terms["l1"]), rtol=1e-6)


def test_the_discriminators_loss_is_not_halved_and_takes_the_source_for_real():
    _, _, learning = program()
    phase, batch, result = made(learning)
    total, terms = phase.turns[1].loss(result)
    judge = learning.networks["discriminator"]
    with torch.no_grad():
        judged, real = (judge(image).numpy().astype(np.float64) for image in (result.generated, batch.condition.image))
    np.testing.assert_allclose(number(terms["judged_generated"]), np.mean(judged**2), rtol=1e-5)
    np.testing.assert_allclose(number(terms["judged_real"]), np.mean((real - 1) ** 2), rtol=1e-5)
    np.testing.assert_allclose(number(total), np.mean(judged**2) + np.mean((real - 1) ** 2), rtol=1e-5)


def test_each_turn_trains_its_own_network_and_the_generator_goes_first():
    _, network, learning = program()
    phase, _, result = made(learning)
    assert [turn.name for turn in phase.turns] == ["generator", "discriminator"]
    for turn, trained in zip(phase.turns, (network, learning.networks["discriminator"]), strict=True):
        assert isinstance(turn.optimizer, torch.optim.Adam)
        (group,) = turn.optimizer.param_groups
        assert list(map(id, group["params"])) == list(map(id, trained.parameters()))
        assert group["betas"] == (0.5, 0.999)
        assert (group["lr"], group["weight_decay"], group["fused"]) == (1e-3, 1e-5, True)
    of_generator, of_discriminator = (turn.loss(result)[0] for turn in phase.turns)
    own = torch.autograd.grad(of_generator, list(network.parameters()), retain_graph=True)
    assert all(gradient is not None for gradient in own)
    assert any(gradient.abs().max() > 0 for gradient in own)
    through_images = torch.autograd.grad(of_discriminator, list(network.parameters()), allow_unused=True)
    assert all(gradient is None for gradient in through_images)


def test_the_adversarial_term_reaches_the_generator():
    _, network, learning = program(lambda_l1=0.0)
    phase, _, result = made(learning)
    phase.turns[0].loss(result)[0].backward(inputs=list(network.parameters()))
    assert network.decoder[7].weight.grad.abs().max() > 0


def hand_roi(generated, batch):
    """Mean over five taps of the mean squared difference of what RoI pooling finds in the target's box."""
    features, taps, sizes = random_features(), (3, 8, 15, 22, 29), (30, 30, 15, 7, 4)
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    pooled = []
    for image in (generated, batch.target):
        x, found = ((image + 1) / 2 - mean) / std, []
        for index, layer in enumerate(features):
            x = layer(x)
            if index in taps:
                boxes = [(box - torch.tensor([0, 0, 1, 1]))[None] for box in batch.condition.target_box]
                found.append(roi_pool(x.clone(), boxes, sizes[taps.index(index)], x.shape[-1] / image.shape[-1]))
        pooled.append(found)
    return np.mean([float((a - b).square().mean()) for a, b in zip(*pooled, strict=True)])


def test_the_roi_loss_is_that_of_mrnet_on_the_targets_box():
    phase, batch, result = made(program(roi_loss="vgg16")[2])
    total, terms = phase.turns[0].loss(result)
    with torch.no_grad():
        expected = hand_roi(result.generated, batch)
    assert set(terms) == {"adversarial", "l1", "roi"}
    np.testing.assert_allclose(number(terms["roi"]), expected, rtol=1e-4)
    weighted = number(terms["adversarial"] + 10 * terms["l1"]) + 0.05 * expected
    np.testing.assert_allclose(number(total), weighted, rtol=1e-6)


def test_lambda_roi_weighs_the_roi_loss():
    phase, _, result = made(program(roi_loss="vgg16", lambda_roi=100.0)[2])
    total, terms = phase.turns[0].loss(result)
    np.testing.assert_allclose(
        number(total), number(terms["adversarial"] + 10 * terms["l1"] + 100 * terms["roi"]), rtol=1e-6
    )


def test_the_roi_loss_reaches_the_generator_alone_and_keeps_no_graph_of_the_target(monkeypatch):
    _, network, learning = program(roi_loss="vgg16")
    phase, batch, result = made(learning)
    seen, forward = [], PerceptualNetwork.forward

    def watched(self, image):
        seen.append((torch.equal(image, batch.target), torch.is_grad_enabled(), self))
        return forward(self, image)

    monkeypatch.setattr(PerceptualNetwork, "forward", watched)
    _, terms = phase.turns[0].loss(result)
    assert sorted(seen_[:2] for seen_ in seen) == [(False, True), (True, False)]
    assert not any(parameter.requires_grad for parameter in seen[0][2].parameters())
    assert not seen[0][2].training
    gradients = torch.autograd.grad(terms["roi"], [network.decoder[7].weight])
    assert gradients[0].abs().max() > 0


# ---- training


def test_training_lowers_the_loss_and_logs_every_term(tmp_path):
    fitted(tmp_path, steps=40)
    rows = log(tmp_path)
    assert list(rows[0]) == [
        *("step", "learning_rate", "seconds"),
        *("generator", "adversarial", "l1", "discriminator", "judged_generated", "judged_real"),
    ]
    l1 = [float(row["l1"]) for row in rows]
    judged = [float(row["discriminator"]) for row in rows]
    assert np.mean(l1[-5:]) < 0.6 * np.mean(l1[:5])
    assert np.mean(judged[-5:]) < 0.8 * np.mean(judged[:5])


def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir(), parts.mkdir()
    expected = fitted(whole)
    asked = iter([False, False, True])
    with pytest.raises(KeyboardInterrupt):
        fitted(parts, stop=lambda: next(asked))
    resumed = fitted(parts)
    for name, value in expected._network.state_dict().items():
        assert torch.equal(value, resumed._network.state_dict()[name]), name
    assert [row["discriminator"] for row in log(parts)] == [row["discriminator"] for row in log(whole)]


def test_only_the_generator_is_saved_and_comes_back(tmp_path):
    (tmp_path / "training").mkdir()
    trained = fitted(tmp_path / "training", steps=2)
    trained.save(tmp_path)
    with safe_open(tmp_path / MODEL, framework="pt") as file:
        assert set(file.keys()) == set(pn_gan.Generator(**SMALL).state_dict())
    again = method()
    again.load(tmp_path)
    condition = Pairs().batch([3, 5]).condition
    assert torch.equal(trained.synthesize(condition).image, again.synthesize(condition).image)


def test_an_image_does_not_depend_on_its_batch(tmp_path):
    trained = fitted(tmp_path, steps=2)
    whole = trained.synthesize(Pairs().batch(range(4)).condition).image
    for index in range(4):
        alone = trained.synthesize(Pairs().batch([index]).condition).image
        assert torch.allclose(whole[index], alone[0], atol=1e-5)


def test_bfloat16_channels_last_stays_near_float32():
    torch.manual_seed(0)
    built = registry.build("pn_gan", info(), {})
    network = built._build().eval()
    condition = Pairs().batch([0, 1]).condition
    with torch.inference_mode():
        exact = built._answer(network, condition).image
        network = network.to(memory_format=torch.channels_last)
        torch.testing.assert_close(built._answer(network, condition).image, exact, atol=1e-4, rtol=0)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = built._answer(network, condition).image.float()
    difference = (rounded - exact).abs()
    assert 0 < difference.max() < BF16_TOLERANCE
    assert difference.mean() < BF16_MEAN_TOLERANCE


def test_losses_are_float32_under_bfloat16():
    learning = program(roi_loss="vgg16")[2]
    with torch.autocast("cpu", torch.bfloat16):
        phase, _, result = made(learning)
        assert result.generated.dtype == torch.bfloat16
        for turn in phase.turns:
            total, terms = turn.loss(result)
            assert {total.dtype, *(term.dtype for term in terms.values())} == {torch.float32}


# ---- the authors' files


@pytest.fixture(scope="module")
def authors_state():
    """By the authors' names, at the full width, filled by the rule."""
    return filled_state(competitor("pngan_128x128_G")["state_dict"])


def written(path, state):
    """A file as the authors' program writes it: PyTorch before zip files, a dictionary round the state."""
    optimizer = {"state": {}, "param_groups": [{"lr": 2e-4, "betas": (0.5, 0.999), "params": [140, 141]}]}
    content = {"epoch": 20, "state_dict": state, "optimizer": optimizer}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return path


def old_statistics():
    """What instance norms of PyTorch 0.3 leave in a file."""
    return {
        f"{unit}.norm.{name}": torch.zeros(64)
        for unit in ("conv1", "res3.conv2", "deconv2")
        for name in ("running_mean", "running_var", "num_batches_tracked")
    }


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_released_file_loads_and_old_statistics_are_passed_over(authors_state, tmp_path, prefix):
    state = {prefix + name: value for name, value in (authors_state | old_statistics()).items()}
    loaded = registry.build("pn_gan", info((128, 128)), {})
    loaded.load_released(written(tmp_path / "G_20.pkl", state))
    given = competitor_inputs("pngan_128x128_G")
    device = next(loaded._network.parameters()).device
    with torch.inference_mode():
        output = loaded._network(given["image"].to(device), given["pose"].to(device)).cpu()
    check_output("pngan_128x128_G", output)
    answer = loaded.synthesize(Pairs((128, 128)).batch([0]).condition)
    assert answer.image.shape == (1, 3, 128, 128)


def changed(state, gone=(), **new):
    return {name: value for name, value in state.items() if name not in gone} | new


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: changed(state, gone=["res4.conv2.conv.bias"]), r"missing: blocks\.3\.branch\.3\.bias"),
        (lambda state: state | {"conv5.conv.weight": torch.zeros(1)}, r"not of this network: conv5\.conv\.weight"),
        (
            lambda state: state | {"res10.conv1.conv.weight": torch.zeros(256, 256, 3, 3)},
            r"not of this network: res10\.conv1\.conv\.weight",
        ),
        (
            lambda state: state | {"conv1.conv.weight": torch.zeros(64, 3, 7, 7)},
            r"of another shape: encoder\.1\.weight \(64, 3, 7, 7\) for \(64, 6, 7, 7\)",
        ),
        (lambda state: state | {"deconv1.conv.bias": torch.zeros(3)}, r"not of this network: decoder\.7\.bias"),
        (
            lambda state: state | {f"conv1.norm.{name}": torch.ones(64) for name in ("weight", "running_mean")},
            r"not of this network: conv1\.norm\.weight, conv1\.norm\.running_mean",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_told_what_does_not(authors_state, tmp_path, change, told):
    path = written(tmp_path / "G_20.pkl", change(authors_state))
    with pytest.raises(ValueError, match=told):
        registry.build("pn_gan", info(), {}).load_released(path)


def test_the_discriminators_file_is_refused(tmp_path):
    path = written(tmp_path / "D_20.pkl", filled_state(competitor("pngan_128x128_D")["state_dict"]))
    with pytest.raises(ValueError, match=r"not of this network: conv4\.conv\.weight"):
        registry.build("pn_gan", info(), {}).load_released(path)


# ---- sizes and parameters


@pytest.mark.parametrize("size_px", [(56, 56), (128, 128), (128, 64), (256, 256), (256, 176)])
def test_sizes_it_can_train_at(size_px, tmp_path):
    assert supports(cards.PN_GAN, info(size_px)) == (True, "")
    trained = fitted(tmp_path, steps=1, size_px=size_px)
    assert trained.synthesize(Pairs(size_px).batch([0]).condition).image.shape == (1, 3, *size_px)


@pytest.mark.parametrize(
    ("size_px", "reason"),
    [((52, 64), "at least 56 px"), ((64, 52), "at least 56 px"), ((130, 64), "divisible by 4")],
)
def test_sizes_it_cannot(size_px, reason):
    fits, told = supports(cards.PN_GAN, info(size_px))
    assert not fits
    assert reason in told


def test_the_least_side_is_what_the_discriminator_needs():
    judge = pn_gan.discriminator(4)
    assert judge(torch.zeros(1, 3, 56, 56)).shape == (1, 1, 1, 1)
    for size_px in ((55, 56), (56, 55), (52, 64)):
        with pytest.raises(RuntimeError, match="[Kk]ernel size"):
            judge(torch.zeros(1, 3, *size_px))


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"width": 0}, r"pn_gan\.width is at least 1, got 0"),
        ({"blocks": 0}, r"pn_gan\.blocks is at least 1, got 0"),
        ({"lambda_l1": -1.0}, r"pn_gan\.lambda_l1 is a finite number of at least 0, got -1\.0"),
        ({"lambda_l1": math.nan}, r"pn_gan\.lambda_l1 .* got nan"),
        ({"lambda_roi": math.inf}, r"pn_gan\.lambda_roi is a finite number of at least 0, got inf"),
        ({"roi_loss": "vgg11"}, r"pn_gan\.roi_loss is one of '', 'vgg16', 'vgg19', got 'vgg11'"),
    ],
)
def test_illegal_parameters_are_told_with_the_valid_ones(parameters, told):
    with pytest.raises(ValueError, match=told):
        method(**parameters)._build()
