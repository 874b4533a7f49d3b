"""DVG equals the MR-Net authors' rendering, learns with their loss, and takes their files."""

import csv
from dataclasses import replace
from functools import cache

import numpy as np
import parity
import pytest
import torch
from torch import nn

from methods import cards, registry
from methods.base import Batch, Condition, FitContext, TrainingSchedule
from methods.card import DatasetInfo, supports
from methods.dvg import DVG, DVGMethod
from mrnet.network import MRNet
from mrnet.skeletons import BBC7, OPENPOSE18, PENN13

FIXTURES = ("dvg_bbc", "dvg_market", "dvg_penn")
RELEASED_WIDTH = 32
SIZE_PX = 32
INFO = DatasetInfo("toy", (SIZE_PX, SIZE_PX), PENN13, False, "joints")
SMALL = {"width": 4, "perceptual_network": "vgg16"}

RELUS = {"vgg16": (3, 8, 13, 20, 27), "vgg19": (3, 8, 13, 22, 31)}
"""relu1_2, relu2_2, relu3_2, relu4_2, relu5_2 in torchvision's `features`."""

BF16_MEAN_ATOL, BF16_MAX_ATOL = 0.005, 0.06
"""How far images in [-1, 1] may move under bf16 autocast, channels-last.

Measured on the three fixtures: mean 0.0020 to 0.0030, largest 0.016 to 0.027 (AMD EPYC with AVX-512 bf16, with and
without oneDNN)."""


class Pairs:
    """A square on a dark ground; in the target it is where the target's joints are, in the reference elsewhere."""

    info = INFO

    def __len__(self):
        return 8

    def frame(self, seed):
        x, y = np.random.Generator(np.random.PCG64(seed)).integers(6, SIZE_PX - 6, size=2)
        image = torch.full((3, SIZE_PX, SIZE_PX), -0.5)
        image[:, y - 4 : y + 4, x - 4 : x + 4] = torch.tensor([0.9, 0.1, -0.9])[:, None, None]
        joints = torch.tensor([float(x), float(y)]).repeat(len(PENN13), 1)
        joints[0] = float("nan")
        return image, joints

    def batch(self, indices):
        references, before = (torch.stack(parts) for parts in zip(*map(self.frame, indices), strict=True))
        targets, after = (torch.stack(p) for p in zip(*(self.frame(i + 100) for i in indices), strict=True))
        no_mask = torch.zeros(len(references), 1, SIZE_PX, SIZE_PX)
        box = torch.tensor([0.0, 0.0, SIZE_PX, SIZE_PX]).repeat(len(references), 1)
        return Batch(Condition(references, no_mask, before, box, after, box, PENN13), targets, no_mask)


@cache
def vgg(arch):
    return parity.vgg_state(arch)


class RandomVGG:
    """Features of VGG by the fixtures' rule; records what is asked for."""

    def __init__(self):
        self.asked = []

    def state_dict(self, asset):
        self.asked.append(asset)
        return vgg(asset)


def built(info=INFO, **parameters):
    return registry.build("dvg", info, {**SMALL, **parameters})


def schedule(**changes):
    return TrainingSchedule(**{"steps": 3, "batch_size": 4, "learning_rate": 2e-3, "checkpoint_every": 2, **changes})


def fit(method, folder, **changes):
    context = FitContext(folder, 0, schedule(), RandomVGG(), device="cpu", precision="fp32")
    method.fit(Pairs(), replace(context, **changes))
    return method


def program_of(method, network=None, **changes):
    torch.manual_seed(0)
    network = network or method._build()
    return network, method._program(network, schedule(**changes), RandomVGG(), torch.device("cpu"))


def loss_of(program, batch):
    (phase,) = program.phases
    (turn,) = phase.turns
    return turn.loss(phase.make(batch))


def images_of(fixture, network):
    pose, person, background, _, _ = parity.inputs(fixture.removeprefix("dvg_"))
    with torch.inference_mode():
        return network(pose, person + background)


def released_network(fixture):
    return DVG(parity.POSE_CHANNELS[fixture.removeprefix("dvg_")], RELEASED_WIDTH)


# The network --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", FIXTURES)
def test_the_network_is_the_released_one(fixture):
    network = parity.fill(released_network(fixture)).eval()
    parity.check_names_and_counts(fixture, network)
    parity.check_output(fixture, images_of(fixture, network))


@pytest.mark.parametrize("fixture", FIXTURES)
def test_it_costs_what_the_release_costs(fixture):
    pose, person, background, _, _ = parity.inputs(fixture.removeprefix("dvg_"))
    counted = parity.macs(released_network(fixture).eval(), pose, person + background)
    assert counted == parity.competitor(fixture)["macs_per_sample_conv_linear"]


def test_the_cards_parameters_are_the_releases():
    assert dict(cards.DVG.parameters) == {"width": RELEASED_WIDTH, "lambda1": 5.0, "perceptual_network": "vgg19"}


@pytest.mark.parametrize("fixture", FIXTURES)
def test_the_cards_parameters_build_the_released_network(fixture):
    skeleton = {"dvg_bbc": BBC7, "dvg_market": OPENPOSE18, "dvg_penn": PENN13}[fixture]
    parity.check_names_and_counts(fixture, registry.build("dvg", replace(INFO, skeleton=skeleton), {})._build())


def test_it_starts_as_pytorch_starts_convolutions_and_norms():
    torch.manual_seed(0)
    network = released_network("dvg_penn")
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 15
    for layer in convolutions:
        bound = layer.weight[0].numel() ** -0.5  # uniform within 1 / sqrt(fan-in), weight and bias
        assert layer.weight.abs().max() <= bound
        assert float(layer.weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.03)
        assert layer.bias.abs().max() <= bound
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert torch.equal(norm.weight, torch.ones_like(norm.weight))
            assert torch.equal(norm.bias, torch.zeros_like(norm.bias))
            assert (norm.eps, norm.momentum) == (1e-5, 0.1)


@pytest.mark.parametrize("fixture", FIXTURES)
def test_bf16_autocast_in_channels_last_stays_near_fp32(fixture):
    network = parity.fill(released_network(fixture)).eval()
    exact = images_of(fixture, network)
    network.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = images_of(fixture, network)
    assert rounded.dtype == torch.bfloat16
    difference = (rounded.float() - exact).abs()
    assert 0 < difference.mean() < BF16_MEAN_ATOL
    assert difference.max() < BF16_MAX_ATOL


@pytest.mark.parametrize("size_px", [(128, 128), (128, 64), (256, 256), (256, 176)])
def test_sizes_it_takes(size_px):
    info = replace(INFO, size_px=size_px)
    assert supports(cards.DVG, info) == (True, "")
    method = built(info, width=1)
    method._network = method._build().eval()
    condition = Pairs().batch([0, 1]).condition
    whole = replace(condition, image=torch.rand(2, 3, *size_px) * 2 - 1)
    answer = method.synthesize(whole)
    assert answer.image.shape == (2, 3, *size_px)
    assert answer.image.abs().max() <= 1
    assert answer.passes == () and answer.masks is None


@pytest.mark.parametrize(
    ("size_px", "reason"),
    [((100, 64), "divisible by 16; toy is 100×64"), ((64, 16), "at least 32 px; toy is 64×16")],
)
def test_sizes_it_refuses(size_px, reason):
    fits, why = supports(cards.DVG, replace(INFO, size_px=size_px))
    assert not fits and reason in why


# What it is fed -----------------------------------------------------------------------------------------------------


def fed(network, run):
    """What the encoder got while `run` ran."""
    seen = []
    handle = network.encoder_conv.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    run()
    handle.remove()
    (only,) = seen
    return only


def test_it_sees_discs_at_the_targets_joints_and_the_whole_reference():
    info = replace(INFO, size_px=(64, 32))  # radius 5 px at 128 px, so 2.5 px here
    method = built(info)
    batch = Pairs().batch([0, 1])
    target = torch.full((2, len(PENN13), 2), float("nan"))
    for joint in range(len(PENN13) - 1):  # the last one is missing
        target[:, joint] = torch.tensor([2.0 + 2 * joint, 4.0 + 4 * joint])
    image, ones = torch.rand(2, 3, 64, 32) * 2 - 1, torch.ones(2, 1, 64, 32)
    condition = replace(batch.condition, image=image, mask=0 * ones, target_joints=target)
    network, program = program_of(method)
    trained = fed(network, lambda: loss_of(program, Batch(condition, image, ones)))
    tested = fed(network, lambda: method._answer(network.eval(), condition))
    assert torch.equal(trained, tested)

    maps, reference = trained[:, : len(PENN13)], trained[:, len(PENN13) :]
    assert torch.equal(reference, image)
    row, column = torch.meshgrid(torch.arange(64), torch.arange(32), indexing="ij")
    for joint in range(len(PENN13) - 1):
        disc = (column - (2 + 2 * joint)) ** 2 + (row - (4 + 4 * joint)) ** 2 <= 2.5**2
        assert torch.equal(maps[0, joint], disc.float())
    assert not maps[:, -1].any()


def test_neither_mask_nor_boxes_nor_the_references_pose_matter():
    method = built()
    method._network = method._build().eval()
    condition = Pairs().batch([0, 1]).condition
    other = replace(
        condition,
        mask=1 - condition.mask,
        joints=condition.joints + 3,
        box=condition.box / 2,
        target_box=condition.target_box / 2,
    )
    image = method.synthesize(condition).image
    assert torch.equal(image, method.synthesize(other).image)
    moved = replace(condition, target_joints=condition.target_joints + 3)
    assert not torch.equal(image, method.synthesize(moved).image)


def test_an_image_does_not_depend_on_its_batch():
    method = built()
    method._network = parity.fill(method._build()).eval()
    condition = Pairs().batch(range(4)).condition
    whole = method.synthesize(condition).image
    for index in range(4):
        alone = method.synthesize(Pairs().batch([index]).condition).image
        assert torch.allclose(whole[index], alone[0], atol=1e-5)


# How it learns ------------------------------------------------------------------------------------------------------


def by_hand(arch, image, target):
    """Mean absolute error, and the mean over five layers of mean squared differences of VGG on images as they are."""
    from torchvision.models import vgg as torchvision_vgg

    features = torchvision_vgg.make_layers(torchvision_vgg.cfgs[{"vgg16": "D", "vgg19": "E"}[arch]])
    features.load_state_dict({name.removeprefix("features."): value for name, value in vgg(arch).items()})
    distances = []
    one, other = image, target
    for index, layer in enumerate(features[: RELUS[arch][-1] + 1]):
        layer.inplace = False
        one, other = layer(one), layer(other)
        if index in RELUS[arch]:
            distances.append(((one - other) ** 2).mean())
    return (image - target).abs().mean(), sum(distances) / len(distances)


@pytest.mark.parametrize(("arch", "lambda1"), [("vgg16", 5.0), ("vgg19", 0.5), ("vgg16", 0.0)])
def test_the_loss_is_the_releases_without_its_roi_term(arch, lambda1):
    method = built(perceptual_network=arch, lambda1=lambda1)
    network, program = program_of(method)
    network.eval()  # so that a second run gives the same image
    batch = Pairs().batch([0, 1])
    total, terms = loss_of(program, batch)
    with torch.no_grad():
        image = method._answer(network, batch.condition).image
        l1, perceptual = by_hand(arch, image, batch.target)
    total = float(total.detach())
    assert float(terms["reconstruction"]) == pytest.approx(float(l1), rel=1e-5)
    assert total == pytest.approx(float(l1 + lambda1 * perceptual), rel=1e-4)
    assert set(terms) == {"total", "reconstruction", *(["perceptual"] if lambda1 else [])}
    if lambda1:
        assert float(terms["perceptual"]) == pytest.approx(float(perceptual), rel=1e-4)


def test_the_gradient_is_that_of_the_loss_by_hand():
    method = built()
    network, program = program_of(method)
    network.eval()
    batch = Pairs().batch([0, 1])
    weight = network.decoder_conv.conv7[1].weight
    (ours,) = torch.autograd.grad(loss_of(program, batch)[0], weight)
    l1, perceptual = by_hand("vgg16", method._answer(network, batch.condition).image, batch.target)
    (expected,) = torch.autograd.grad(l1 + 5 * perceptual, weight)
    assert torch.allclose(ours, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_one_adam_trains_the_whole_network_and_nothing_else():
    method = built()
    network, program = program_of(method, learning_rate=3e-4, weight_decay=1e-5)
    assert program.networks == {"network": network}
    (optimizer,) = program.optimizers
    assert type(optimizer) is torch.optim.Adam
    (group,) = optimizer.param_groups
    assert {id(parameter) for parameter in group["params"]} == {id(parameter) for parameter in network.parameters()}
    assert group["betas"] == (0.9, 0.999)
    assert (group["lr"], group["weight_decay"], group["fused"]) == (3e-4, 1e-5, True)
    total, _ = loss_of(program, Pairs().batch([0, 1]))
    total.backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    assert not any(parameter.requires_grad for parameter in method._objective(RandomVGG()).parameters())


def test_a_step_shows_the_batch_to_every_norm_once():
    method = built()
    network, program = program_of(method)
    loss_of(program, Pairs().batch([0, 1]))
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert [int(norm.num_batches_tracked) for norm in norms] == [1] * 15


def test_the_perceptual_network_is_the_one_asked_for():
    source = RandomVGG()
    for arch in ("vgg16", "vgg19"):
        built(perceptual_network=arch)._objective(source)
    assert source.asked == ["vgg16", "vgg19"]


def test_training_lowers_the_loss_and_logs_its_terms(tmp_path):
    method = fit(built(lambda1=0.1), tmp_path, schedule=schedule(steps=40))
    with (tmp_path / "train.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["step", "learning_rate", "seconds", "total", "reconstruction", "perceptual"]
    for term in ("total", "reconstruction", "perceptual"):
        values = [float(row[term]) for row in rows]
        assert np.mean(values[-4:]) < 0.6 * np.mean(values[:4])
    batch = Pairs().batch(range(8))
    untrained = built()
    torch.manual_seed(0)
    untrained._network = untrained._build().eval()

    def error(image):
        return (image - batch.target).abs().mean()

    assert error(method.synthesize(batch.condition).image) < 0.5 * error(untrained.synthesize(batch.condition).image)


def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path):
    def interrupt(done, steps, terms):
        if done == 3:  # one step behind the checkpoint
            raise KeyboardInterrupt

    longer = schedule(steps=5)
    whole = fit(built(), tmp_path / "whole", schedule=longer)
    with pytest.raises(KeyboardInterrupt):
        fit(built(), tmp_path / "broken", schedule=longer, on_step=interrupt)
    resumed = fit(built(), tmp_path / "broken", schedule=longer)
    state = resumed._network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in whole._network.state_dict().items())


# Files and parameters -----------------------------------------------------------------------------------------------


def test_only_the_generator_is_saved_and_comes_back(tmp_path):
    from safetensors import safe_open

    method = fit(built(), tmp_path / "training")
    method.save(tmp_path)
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert set(file.keys()) == set(method._network.state_dict())
    again = built()
    again.load(tmp_path)
    condition = Pairs().batch([3, 5]).condition
    assert torch.equal(method.synthesize(condition).image, again.synthesize(condition).image)
    with pytest.raises(ValueError, match="of another shape"):
        built(width=8).load(tmp_path)


def released_state(network):
    """A file of the release: the network under `model.`, beside it the 16 convolutions of its VGG-19."""
    features = {name.removeprefix("features."): value for name, value in vgg("vgg19").items()}
    return {
        **{f"model.{name}": value for name, value in network.state_dict().items()},
        **{f"vgg_layers.{name}": value for name, value in features.items()},
    }


def as_today(state):
    return state


def without_counts(state):
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


def of_data_parallel(state):
    return {f"module.{name}": value for name, value in state.items()}


def of_the_bare_network(state):
    old = without_counts(state)
    return {f"module.{n.removeprefix('model.')}": v for n, v in old.items() if not n.startswith("vgg_layers.")}


@pytest.mark.parametrize("quirk", [as_today, without_counts, of_data_parallel, of_the_bare_network])
@pytest.mark.parametrize("zipped", [True, False])
def test_released_files_of_any_age_load(tmp_path, quirk, zipped):
    theirs = parity.fill(DVG(len(PENN13), SMALL["width"])).eval()
    state = released_state(theirs)
    assert len(state) == 105 + 32
    path = tmp_path / "penn_200.pt"
    torch.save(quirk(state), path, _use_new_zipfile_serialization=zipped)
    method = built()
    method.load_released(path)
    loaded = method._network.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in theirs.state_dict().items())
    condition = Pairs().batch([0, 1]).condition
    with torch.inference_mode():
        expected = theirs(*method._inputs(condition))
    assert torch.allclose(method.synthesize(condition).image, expected, atol=1e-5)


def test_files_that_do_not_fit_are_errors_that_name_the_entries(tmp_path):
    good = released_state(DVG(len(PENN13), SMALL["width"]))
    first, last = "model.encoder_conv.conv1.1.weight", "model.decoder_conv.conv7.2.bias"
    lacking = {name: value for name, value in good.items() if name != last}
    cases = {
        "foreign entries optimizer.step": {**good, "optimizer.step": torch.zeros(1)},
        "not of this network: encoder_conv.conv9.0.weight": {**good, "model.encoder_conv.conv9.0.weight": good[first]},
        "missing: decoder_conv.conv7.2.bias": lacking,
        r"of another shape: encoder_conv.conv1.1.weight \(4, 2, 5, 5\) for \(4, 16, 5, 5\)": {
            **good,
            first: torch.zeros(4, 2, 5, 5),
        },
        "no entry starts with model. or module.": {n: v for n, v in good.items() if n.startswith("vgg_layers.")},
    }
    for message, state in cases.items():
        torch.save(state, tmp_path / "penn_200.pt")
        method = built()
        with pytest.raises(ValueError, match=message):
            method.load_released(tmp_path / "penn_200.pt")
        assert method._network is None


def test_a_file_of_mrnet_is_refused(tmp_path):
    other = MRNet.released(len(PENN13), passes=1, two_path=False)
    torch.save({f"model.{name}": value for name, value in other.state_dict().items()}, tmp_path / "penn_200.pt")
    with pytest.raises(ValueError, match="not of this network: background_encoder"):
        registry.build("dvg", INFO, {}).load_released(tmp_path / "penn_200.pt")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("width", 0, "dvg.width is at least 1, got 0"),
        ("lambda1", -0.5, "dvg.lambda1 is finite and not negative, got -0.5"),
        ("lambda1", float("nan"), "dvg.lambda1 is finite and not negative, got nan"),
        ("lambda1", float("inf"), "dvg.lambda1 is finite and not negative, got inf"),
        ("perceptual_network", "vgg11", "dvg.perceptual_network is 'vgg19' or 'vgg16', got 'vgg11'"),
    ],
)
def test_illegal_parameters_are_errors_that_say_what_is_valid(name, value, message):
    with pytest.raises(ValueError, match=message):
        DVGMethod(INFO, {**cards.DVG.parameters, name: value})._build()
