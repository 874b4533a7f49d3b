"""PATN equals its release: networks, start, losses, order of turns, pose maps, files; and it learns and resumes."""

import math

import parity
import pytest
import torch
import torch.nn.functional as F

from methods import cards, registry
from methods.base import Batch, Condition, FitContext, TrainingSchedule
from methods.card import DatasetInfo, supports
from methods.layers import NORMS
from methods.patn import Discriminator, Generator, HistoryPool
from methods.schedule import learning_rate_at
from mrnet.perceptual import IMAGENET_MEAN, IMAGENET_STD
from mrnet.skeletons import OPENPOSE18, PENN13

SIZE_PX = (32, 40)
INFO = DatasetInfo("toy", SIZE_PX, PENN13, True, "joints")
JOINTS = len(PENN13)
SMALL = {"width": 4, "blocks": 2, "pool": 4, "perceptual_network": "vgg16"}
SCHEDULE = TrainingSchedule(steps=5, batch_size=2, learning_rate=1e-3, checkpoint_every=2)

BF16_TOLERANCE, BF16_MEAN_TOLERANCE = 0.4, 0.02
"""Largest and mean difference that bf16 autocast in channels-last may make to an image in [-1, 1] of a network by the
fill rule, whose values saturate (standard deviation 0.6 to 0.85): measured 0.25 and 0.0115 with batch norm, 0.089 and
0.0095 with instance norm. Networks as started, or trained for 60 steps: at most 0.073 and 0.01 (instance norm)."""

LOSS_BF16_TOLERANCE = 5e-3
"""Largest relative difference that bf16 may make to a turn's loss; 8.5e-4 measured."""

CHANNELS_LAST_TOLERANCE = 1e-4
"""Largest difference that channels-last alone may make in float32; 2.5e-5 measured."""

FIXTURES = {"market": ("batch", (128, 64)), "fashion": ("instance", (256, 176))}
PARTS = {"G": None, "D_PB": 18 + 3, "D_PP": 3 + 3}


class Pairs:
    """A coloured square at the joints, which lie within three pixels of its middle; one joint is missing."""

    info = INFO

    def __len__(self):
        return 16

    def frame(self, seed):
        generator = torch.Generator().manual_seed(seed)
        x, y = (int(torch.randint(6, side - 6, (), generator=generator)) for side in reversed(SIZE_PX))
        image = torch.full((3, *SIZE_PX), -0.5)
        mask = torch.zeros(1, *SIZE_PX)
        image[:, y - 4 : y + 4, x - 4 : x + 4] = torch.tensor([0.9, 0.1, -0.9])[:, None, None]
        mask[:, y - 4 : y + 4, x - 4 : x + 4] = 1
        joints = torch.tensor([float(x), float(y)]) + torch.randint(-3, 4, (JOINTS, 2), generator=generator)
        joints[0] = math.nan
        return image, mask, joints, torch.tensor([x - 4.0, y - 4.0, x + 4.0, y + 4.0])

    def batch(self, indices):
        reference = [torch.stack(parts) for parts in zip(*(self.frame(index) for index in indices), strict=True)]
        target = [torch.stack(parts) for parts in zip(*(self.frame(index + 100) for index in indices), strict=True)]
        condition = Condition(*reference, target[2], target[3], PENN13)
        return Batch(condition, target[0], target[1])


class RandomVGG:
    def state_dict(self, asset):
        return parity.vgg_state(asset)


def built(info=INFO, **parameters):
    return registry.build("patn", info, {**SMALL, **parameters})


def context(folder, schedule=SCHEDULE, **options):
    return FitContext(folder, seed=0, schedule=schedule, weights=RandomVGG(), device="cpu", precision="fp32", **options)


def fitted(folder, schedule=SCHEDULE, **parameters):
    method = built(**parameters)
    method.fit(Pairs(), context(folder, schedule))
    return method


def program_of(method, schedule=SCHEDULE):
    torch.manual_seed(0)
    return method._program(method._build(), schedule, RandomVGG(), torch.device("cpu"))


def quiet(program):
    """All networks in evaluation mode: no dropout, so that a value can be computed twice."""
    for network in program.networks.values():
        network.eval()
    return program


def turns_of(program):
    return {turn.name: turn for turn in program.phases[0].turns}


# Networks ------------------------------------------------------------------------------------------------------------


def released_network(data, part):
    norm = NORMS[FIXTURES[data][0]]
    return Generator(18, 64, 9, norm) if part == "G" else Discriminator(PARTS[part], 64, norm)


@pytest.mark.parametrize("data", FIXTURES)
@pytest.mark.parametrize("part", PARTS)
def test_names_shapes_counts_and_work_are_the_release_s(data, part):
    fixture = f"patn_{data}_{part}"
    with torch.device("meta"):
        network = released_network(data, part).eval()
        inputs = [torch.empty(entry["shape"]) for entry in parity.competitor(fixture)["inputs"]]
        assert parity.macs(network, *inputs) == parity.competitor(fixture)["macs_per_sample_conv_linear"]
    parity.check_names_and_counts(fixture, network)


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ("market", "G"),
        ("market", "D_PB"),
        ("market", "D_PP"),
        pytest.param("fashion", "G", marks=pytest.mark.slow),
        ("fashion", "D_PB"),
        ("fashion", "D_PP"),
    ],
)
def test_outputs_are_the_release_s(data, part):
    network = parity.fill(released_network(data, part)).eval()
    with torch.no_grad():
        output = network(*parity.competitor_inputs(f"patn_{data}_{part}").values())
    if data == "market" and part != "G":  # here the sigmoid is the loss's
        output = output.sigmoid()
    parity.check_output(f"patn_{data}_{part}", output)


def test_the_card_s_defaults_are_the_market_release():
    options = cards.PATN.parameters
    released = {"width": 64, "blocks": 9, "norm": "batch", "maps": "gaussian", "gan_loss": "cross_entropy"}
    released |= {"lambda_l1": 10.0, "lambda_perceptual": 10.0, "lambda_gan": 5.0, "pool": 50}
    assert dict(options) == {**released, "perceptual_network": "vgg19"}


@pytest.mark.parametrize("norm", NORMS)
def test_the_parameters_shape_the_networks(norm):
    method = built(norm=norm, width=6, blocks=3)
    program = program_of(method)
    generator = program.networks["generator"].model
    assert generator["stream1_down"][1].weight.shape == (6, 3, 7, 7)
    assert generator["stream2_down"][1].weight.shape == (6, 2 * JOINTS, 7, 7)
    assert len(generator["att"]) == 3
    for name, channels in (("discriminator_pb", 3 + JOINTS), ("discriminator_pp", 3 + 3)):
        assert program.networks[name].model[1].weight.shape == (6, channels, 7, 7)
    for name in ("generator", "discriminator_pb", "discriminator_pp"):
        assert {type(m) for m in program.networks[name].modules() if type(m) in NORMS.values()} == {NORMS[norm]}


def test_the_generator_starts_from_n_0_002_and_the_discriminators_as_pytorch_does():
    program = program_of(built(width=16))
    for network in program.networks.values():
        network.requires_grad_(False)
    for layer in program.networks["generator"].modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            assert layer.weight.std() == pytest.approx(0.02, rel=0.1)
            assert abs(layer.weight.mean()) < 0.002
    norms = [m for m in program.networks["generator"].modules() if isinstance(m, torch.nn.BatchNorm2d)]
    weights = torch.cat([norm.weight for norm in norms])
    assert weights.mean() == pytest.approx(1, abs=0.005)
    assert weights.std() == pytest.approx(0.02, rel=0.2)
    assert not any(norm.bias.any() for norm in norms)
    for name in ("discriminator_pp", "discriminator_pb"):
        for layer in program.networks[name].modules():
            if isinstance(layer, torch.nn.Conv2d):  # uniform with this bound
                bound = layer.weight[0].numel() ** -0.5
                assert layer.weight.abs().max() == pytest.approx(bound, rel=0.05)
            if isinstance(layer, torch.nn.BatchNorm2d):
                assert bool((layer.weight == 1).all())


def test_dropout_is_on_in_training_and_off_in_synthesis():
    program = program_of(built(norm="instance"))
    for name, dropouts in (("generator", 2 * 2), ("discriminator_pp", 3), ("discriminator_pb", 3)):
        network = program.networks[name].train()
        assert [m.p for m in network.modules() if isinstance(m, torch.nn.Dropout)] == [0.5] * dropouts
    made = [program.phases[0].make(Pairs().batch([0])).generated for _ in range(2)]
    assert not torch.equal(*made)
    quiet(program)
    made = [program.phases[0].make(Pairs().batch([0])).generated for _ in range(2)]
    assert torch.equal(*made)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size_px", [(128, 128), (128, 64), (256, 256), (256, 176)])
def test_sizes(norm, size_px):
    info = DatasetInfo("toy", size_px, OPENPOSE18, False, "joints")
    assert supports(cards.PATN, info) == (True, "")
    method = built(info, norm=norm)
    method._take(method._build())
    joints = torch.rand(1, 18, 2) * 60
    condition = Condition(
        torch.rand(1, 3, *size_px) * 2 - 1, torch.ones(1, 1, *size_px), joints, None, joints + 3, None, OPENPOSE18
    )
    image = method._answer(method._network, condition).image
    assert image.shape == (1, 3, *size_px)
    assert image.abs().max() <= 1


def test_sizes_that_do_not_fit_are_refused_with_the_reason():
    assert "divisible by 4" in supports(cards.PATN, DatasetInfo("toy", (128, 66), PENN13, True, "joints"))[1]
    assert "at least 32 px" in supports(cards.PATN, DatasetInfo("toy", (128, 28), PENN13, True, "joints"))[1]


@pytest.mark.parametrize("norm", NORMS)
def test_bf16_in_channels_last_stays_near_float32(norm):
    network = parity.fill(Generator(18, 16, 9, NORMS[norm])).eval()
    inputs = list(parity.competitor_inputs("patn_market_G").values())
    with torch.no_grad():
        exact = network(*inputs)
        network.to(memory_format=torch.channels_last)
        inputs = [value.to(memory_format=torch.channels_last) for value in inputs]
        assert (network(*inputs) - exact).abs().max() < CHANNELS_LAST_TOLERANCE
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(*inputs)
    assert rough.dtype == torch.bfloat16
    difference = (rough.float() - exact).abs()
    assert 0 < difference.max() < BF16_TOLERANCE
    assert difference.mean() < BF16_MEAN_TOLERANCE


def test_losses_under_bf16_are_float32_and_near():
    program = quiet(program_of(built(norm="instance", width=8)))
    make, totals = program.phases[0].make, []
    for rough in (False, True):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=rough):
            step = make(Pairs().batch([0, 1]))
            assert step.generated.dtype == torch.float32
            totals.append([turn.loss(step)[0] for turn in program.phases[0].turns])
    assert all(total.dtype == torch.float32 for total in totals[1])
    torch.testing.assert_close(*map(torch.stack, reversed(totals)), rtol=LOSS_BF16_TOLERANCE, atol=0)


# Inputs --------------------------------------------------------------------------------------------------------------


def by_hand_maps(joints, kind):
    """One pixel at a time."""
    height, width = SIZE_PX
    maps = torch.zeros(len(joints), joints.shape[1], height, width)
    for sample, pose in enumerate(joints.tolist()):
        for joint, (x, y) in enumerate(pose):
            if math.isnan(x) or math.isnan(y):
                continue
            if kind == "pixel":
                if 0 <= int(x) < width and 0 <= int(y) < height:
                    maps[sample, joint, int(y), int(x)] = 1
                continue
            for row in range(height):
                for column in range(width):
                    distance = (column - x) ** 2 + (row - y) ** 2
                    maps[sample, joint, row, column] = math.exp(-distance / (2 * 6**2))
    return maps


class Recorder(torch.nn.Module):
    """A network that keeps what it is fed."""

    def __init__(self):
        super().__init__()
        self.fed = None

    def forward(self, *inputs):
        self.fed = inputs
        return inputs[0]


@pytest.mark.parametrize("kind", ["gaussian", "pixel"])
def test_the_generator_sees_the_reference_and_both_poses(kind):
    condition = Pairs().batch([0, 1]).condition
    condition.joints[1, 3] = torch.tensor([7.8, 20.3])
    condition.joints[1, 4] = torch.tensor([40.0, 20.0])  # outside
    condition.target_joints[1, 5] = torch.tensor([3.0, math.nan])
    network = Recorder()
    built(maps=kind)._answer(network, condition)
    image, pose, target_pose = network.fed
    assert torch.equal(image, condition.image)
    torch.testing.assert_close(pose, by_hand_maps(condition.joints, kind), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(target_pose, by_hand_maps(condition.target_joints, kind), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", ["gaussian", "pixel"])
def test_training_feeds_what_synthesis_feeds(kind):
    batch = Pairs().batch([2, 3])
    method = built(maps=kind)
    program = quiet(program_of(method))
    made = program.phases[0].make(batch)
    answer = method._answer(program.networks["generator"], batch.condition).image
    torch.testing.assert_close(made.generated, answer, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(
        made.target_pose, by_hand_maps(batch.condition.target_joints, kind), atol=1e-6, rtol=1e-5
    )
    assert made.target_pose.is_contiguous(memory_format=torch.channels_last)  # as the images: no copies inside
    assert torch.equal(made.reference, batch.condition.image)
    assert torch.equal(made.target, batch.target)


def test_the_second_stream_takes_the_reference_s_pose_first():
    generator = parity.fill(Generator(2, 4, 1, NORMS["batch"])).eval()
    generator.model["stream2_down"] = spy = Recorder()
    image, pose, target_pose = torch.rand(1, 3, 8, 8), torch.rand(1, 2, 8, 8), torch.rand(1, 2, 8, 8)
    with pytest.raises(RuntimeError):  # the spy's answer is no pose stream
        generator(image, pose, target_pose)
    assert torch.equal(spy.fed[0], torch.cat([pose, target_pose], dim=1))


# Losses --------------------------------------------------------------------------------------------------------------


def relu1_2(image):
    state = parity.vgg_state("vgg16")
    x = (image * 0.5 + 0.5 - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    for layer in (0, 2):
        x = F.conv2d(x, state[f"features.{layer}.weight"], state[f"features.{layer}.bias"], padding=1).clamp(min=0)
    return x


GAN_BY_HAND = {
    "cross_entropy": lambda d, real: -(d.sigmoid() if real else 1 - d.sigmoid()).log().mean(),
    "least_squares": lambda d, real: ((d - (1.0 if real else 0.0)) ** 2).mean(),
}


@pytest.mark.parametrize("gan", GAN_BY_HAND)
def test_losses_and_their_weights(gan):
    hand = GAN_BY_HAND[gan]
    method = built(gan_loss=gan, lambda_l1=3.0, lambda_perceptual=7.0, lambda_gan=11.0)
    program = quiet(program_of(method))
    turns, batch = turns_of(program), Pairs().batch([0, 1])
    made = program.phases[0].make(batch)
    pose = by_hand_maps(batch.condition.target_joints, "gaussian")
    beside = {"pp": batch.condition.image, "pb": pose}

    def judged(name, image):
        return program.networks[f"discriminator_{name}"](torch.cat([image, beside[name]], dim=1))

    with torch.no_grad():
        total, terms = turns["generator"].loss(made)
        expected = {
            "l1": (made.generated - batch.target).abs().mean(),
            "perceptual": (relu1_2(made.generated) - relu1_2(batch.target)).abs().mean(),
            "gan_pb": hand(judged("pb", made.generated), True),
            "gan_pp": hand(judged("pp", made.generated), True),
        }
        assert set(terms) == set(expected)
        for name, value in expected.items():
            torch.testing.assert_close(terms[name], value, rtol=1e-4, atol=1e-6)
        whole = 3 * expected["l1"] + 7 * expected["perceptual"]
        whole += (11 * expected["gan_pb"] + 11 * expected["gan_pp"]) / 2
        torch.testing.assert_close(total, whole, rtol=1e-4, atol=1e-6)

        for name in beside:
            total, terms = turns[f"discriminator_{name}"].loss(made)
            whole = 0.5 * 11 * (hand(judged(name, batch.target), True) + hand(judged(name, made.generated), False))
            torch.testing.assert_close(total, whole, rtol=1e-4, atol=1e-6)
            assert terms == {}


def test_the_perceptual_network_is_the_one_asked_for():
    asked = []

    class Source:
        def state_dict(self, asset):
            asked.append(asset)
            return parity.vgg_state(asset)

    method = built(perceptual_network="vgg19")
    method._program(method._build(), SCHEDULE, Source(), torch.device("cpu"))
    assert asked == ["vgg19"]


def test_turns_optimisers_and_what_is_kept():
    schedule = TrainingSchedule(steps=1, batch_size=1, learning_rate=3e-4, weight_decay=0.125)
    program = program_of(built(), schedule)
    (phase,) = program.phases
    assert phase.until is None
    assert [turn.name for turn in phase.turns] == ["generator", "discriminator_pp", "discriminator_pb"]
    assert list(program.networks) == ["generator", "discriminator_pp", "discriminator_pb", "pool_pp", "pool_pb"]
    for turn in phase.turns:
        options = turn.optimizer.defaults
        assert type(turn.optimizer) is torch.optim.Adam
        assert options["fused"]
        assert (options["betas"], options["lr"], options["weight_decay"]) == ((0.5, 0.999), 3e-4, 0.125)
        own = [id(p) for group in turn.optimizer.param_groups for p in group["params"]]
        assert own == [id(p) for p in program.networks[turn.name].parameters()]


def test_who_learns_from_which_loss():
    program = program_of(built())
    for network in program.networks.values():
        network.train()
    turns, made = turns_of(program), program.phases[0].make(Pairs().batch([0, 1]))

    def reached(turn, name):
        parameters = list(program.networks[name].parameters())
        found = torch.autograd.grad(turns[turn].loss(made)[0], parameters, retain_graph=True, allow_unused=True)
        return {gradient is not None and bool(gradient.any()) for gradient in found}

    assert reached("generator", "generator") == {True}
    for name, other in (("discriminator_pp", "discriminator_pb"), ("discriminator_pb", "discriminator_pp")):
        assert reached(name, name) == {True}
        assert reached(name, other) == {False}
        assert reached(name, "generator") == {False}


def test_the_target_s_features_have_no_graph(monkeypatch):
    from mrnet.perceptual import PerceptualNetwork

    graphs, forward = [], PerceptualNetwork.forward

    def watched(self, image):
        graphs.append(torch.is_grad_enabled() and not any(p.requires_grad for p in self.parameters()))
        return forward(self, image)

    monkeypatch.setattr(PerceptualNetwork, "forward", watched)
    program = quiet(program_of(built()))
    turns_of(program)["generator"].loss(program.phases[0].make(Pairs().batch([0])))
    assert sorted(graphs) == [False, True]


# History pool --------------------------------------------------------------------------------------------------------


def numbered(*values):
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1)


def test_a_pool_first_fills_and_gives_back_what_came():
    pool = HistoryPool(3, 1, (1, 1))
    assert torch.equal(pool(numbered(1, 2)), numbered(1, 2))
    assert int(pool.count) == 2
    pool(numbered(3))
    assert torch.equal(pool.kept, numbered(1, 2, 3))
    assert int(pool.count) == 3


def test_a_full_pool_gives_and_replaces_an_old_one_half_of_the_time():
    pool, kept = HistoryPool(4, 1, (1, 1)), [0.0, 1.0, 2.0, 3.0]
    pool(numbered(*kept))
    torch.manual_seed(0)
    old_places = []
    for value in range(4, 1004):
        (given,) = pool(numbered(value)).flatten().tolist()
        if given != value:
            old_places.append(kept.index(given))
            kept[kept.index(given)] = float(value)
        assert pool.kept.flatten().tolist() == kept
    assert 450 < len(old_places) < 550
    assert all(old_places.count(place) > 90 for place in range(4))


def test_a_pool_draws_anew_for_each_of_a_batch():
    pool = HistoryPool(4, 1, (1, 1))
    pool(numbered(0, 1, 2, 3))
    torch.manual_seed(0)
    given = pool(numbered(*range(4, 104))).flatten()
    old = given != torch.arange(4, 104)
    assert 30 < int(old.sum()) < 70
    assert len(set(given.tolist())) == 100  # nothing is given twice


def test_a_pool_of_none_keeps_nothing_and_draws_nothing():
    pool = HistoryPool(0, 1, (1, 1))
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for _ in range(8):
        assert torch.equal(pool(numbered(1, 2)), numbered(1, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_discriminators_learn_from_their_own_pool_of_whole_inputs():
    program = quiet(program_of(built(pool=2, lambda_gan=1.0)))
    made = program.phases[0].make(Pairs().batch([0, 1]))
    for name, beside in (("pp", made.reference), ("pb", made.target_pose)):
        network, pool = program.networks[f"discriminator_{name}"], program.networks[f"pool_{name}"]
        loss = turns_of(program)[f"discriminator_{name}"].loss
        with torch.no_grad():
            loss(made)
            assert torch.equal(pool.kept, torch.cat([made.generated, beside], dim=1))
            pool.register_forward_hook(lambda _, given, answer: torch.full_like(answer, 0.25))
            judged = network(torch.cat([made.target, beside], dim=1)), network(torch.full_like(pool.kept, 0.25))
            hand = [GAN_BY_HAND["cross_entropy"](*pair) for pair in zip(judged, (True, False), strict=True)]
            torch.testing.assert_close(loss(made)[0], sum(hand) / 2)


@pytest.mark.parametrize("pool", [0, 3])
def test_the_pool_s_size_is_the_parameter(pool):
    networks = program_of(built(pool=pool)).networks
    assert networks["pool_pp"].kept.shape == (pool, 6, *SIZE_PX)
    assert networks["pool_pb"].kept.shape == (pool, 3 + JOINTS, *SIZE_PX)


# Training ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_training_lowers_the_loss_and_the_error_of_synthesis(norm, tmp_path):
    schedule = TrainingSchedule(steps=60, batch_size=4, learning_rate=2e-3)
    gan = {"batch": "cross_entropy", "instance": "least_squares"}[norm]
    trained = fitted(tmp_path, schedule, norm=norm, gan_loss=gan, width=8, blocks=1)
    header, *rows = (tmp_path / "train.csv").read_text().splitlines()
    terms = "generator,l1,perceptual,gan_pb,gan_pp,discriminator_pp,discriminator_pb"
    assert header == f"step,learning_rate,seconds,{terms}"
    l1 = [float(row.split(",")[header.split(",").index("l1")]) for row in rows]
    assert sum(l1[-5:]) < 0.5 * sum(l1[:5])
    batch, start = Pairs().batch(range(8)), built(norm=norm, width=8, blocks=1)
    start._take(start._build())
    errors = [(method.synthesize(batch.condition).image - batch.target).abs().mean() for method in (trained, start)]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("pool", [0, 2])
def test_a_resumed_training_is_the_uninterrupted_one(pool, tmp_path):
    whole = fitted(tmp_path / "whole", pool=pool)
    parted, seen = built(pool=pool), []
    with pytest.raises(KeyboardInterrupt):
        parted.fit(
            Pairs(),
            context(tmp_path / "parted", on_step=lambda step, *_: seen.append(step), stop=lambda: len(seen) == 3),
        )
    again = built(pool=pool)
    again.fit(Pairs(), context(tmp_path / "parted"))
    expected, found = whole._network.state_dict(), again._network.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    logs = [(tmp_path / name / "train.csv").read_text().splitlines() for name in ("whole", "parted")]
    without_seconds = [[row.split(",")[:2] + row.split(",")[3:] for row in log] for log in logs]
    assert without_seconds[0] == without_seconds[1]


def test_the_preset_s_schedule_is_the_release_s():
    schedule = TrainingSchedule(
        steps=87500, batch_size=32, learning_rate=2e-4, decay="linear", hold_steps=62250, stair_steps=125
    )
    for epoch in range(700):
        released = 2e-4 * (1 - max(0, epoch + 2 - 500) / 201)
        for step in (125 * epoch, 125 * epoch + 124):
            assert learning_rate_at(step, schedule) == pytest.approx(released, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("norm", "layer", "'batch' or 'instance'"),
        ("maps", "discs", "'gaussian' or 'pixel'"),
        ("gan_loss", "hinge", "'cross_entropy' or 'least_squares'"),
        ("perceptual_network", "alexnet", "'vgg16' or 'vgg19'"),
        ("width", 0, "at least 1"),
        ("blocks", 0, "at least 1"),
        ("pool", -1, "at least 0"),
        ("lambda_l1", -1.0, "at least 0"),
        ("lambda_perceptual", math.nan, "at least 0"),
        ("lambda_gan", -0.5, "at least 0"),
    ],
)
def test_illegal_parameters(name, value, told):
    with pytest.raises(ValueError, match=rf"patn\.{name} is {told}, got {value!r}"):
        built(**{name: value})._build()


# Files ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=list(NORMS))
def released(request):
    """A method, and a state as its authors' file of PyTorch 0.3 holds it."""
    method = built(norm=request.param)
    network = parity.fill(method._build())
    state = {name: value for name, value in network.state_dict().items() if "num_batches_tracked" not in name}
    if request.param == "instance":
        for name, module in network.named_modules():
            if isinstance(module, torch.nn.InstanceNorm2d):
                state[f"{name}.running_mean"] = torch.rand(module.num_features)
                state[f"{name}.running_var"] = torch.rand(module.num_features)
    return method, network.eval(), state


def test_a_released_file_is_loaded(released, tmp_path):
    method, network, state = released
    torch.save(state, tmp_path / "latest_net_netG.pth")
    method.load_released(tmp_path / "latest_net_netG.pth")
    condition = Pairs().batch([0, 1]).condition
    with torch.no_grad():
        expected = method._answer(network, condition).image
    torch.testing.assert_close(method.synthesize(condition).image, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("quirk", ["unknown", "missing", "misshapen"])
def test_a_file_that_does_not_fit_is_an_error_that_lists_why(released, quirk, tmp_path):
    method, _, state = released
    state, name = dict(state), "model.att.1.conv_block_stream2.6.weight"
    if quirk == "unknown":
        name = "model.att.9.conv_block_stream1.1.weight"
        state[name] = torch.zeros(1)
    elif quirk == "missing":
        del state[name]
    else:
        state[name] = state[name][:, :-1]
    torch.save(state, tmp_path / "netG.pth")
    with pytest.raises(ValueError, match=rf"{quirk if quirk == 'missing' else 'of '}.*{name}"):
        method.load_released(tmp_path / "netG.pth")


def test_the_other_data_set_s_file_is_refused(released, tmp_path):
    method, _, state = released
    torch.save(state, tmp_path / "netG.pth")
    other = built(norm={"batch": "instance", "instance": "batch"}[method.parameters["norm"]])
    with pytest.raises(ValueError, match="does not fit"):
        other.load_released(tmp_path / "netG.pth")


def test_only_the_generator_is_saved_and_gives_the_same_images(tmp_path):
    from safetensors import safe_open

    trained = fitted(tmp_path, TrainingSchedule(steps=1, batch_size=2, learning_rate=1e-3))
    trained.save(tmp_path)
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert set(file.keys()) == set(trained._network.state_dict())
    again = built()
    again.load(tmp_path)
    condition = Pairs().batch([3, 5]).condition
    assert torch.equal(trained.synthesize(condition).image, again.synthesize(condition).image)
