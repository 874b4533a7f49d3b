"""DeepFill v1: networks equal to the release's, its losses and turns, what it hides, and files of its checkpoints."""

import math
from dataclasses import replace

import numpy as np
import parity_tf
import pytest
import torch
from method_checks import assert_resumes_exactly

from methods import attention, cards, deepfill, registry, released
from methods.base import Batch, Condition, FitContext, TrainingSchedule
from methods.card import DatasetInfo, supports
from methods.tf_layers import same_padding
from mrnet.skeletons import PENN13

SIZE_PX = 32
SMALL = {"width": 4, "critic_turns": 2}
HOLES = {128: (36, 90, 24, 82), 256: (68, 186, 56, 178)}  # rows and columns of the fixtures' holes, end-exclusive
HE_TOLERANCE = 1e-3
"""With the larger gain the attention's softmax is nearly a choice, which small differences move: 3e-4 measured."""
BF16_TOLERANCE, BF16_MEAN_TOLERANCE = 0.25, 0.02
"""Largest and mean difference of bf16 autocast to fp32, of values in [-1, 1]."""


def info_of(size_px=(SIZE_PX, SIZE_PX), has_masks=True):
    return DatasetInfo("toy", tuple(size_px), PENN13, has_masks, "joints")


def method_of(size_px=(SIZE_PX, SIZE_PX), has_masks=True, **parameters):
    return registry.build("deepfill", info_of(size_px, has_masks), {**SMALL, **parameters})


class Pairs:
    """Scenes of one slanted wave each, with a bright square, the person, before it."""

    info = info_of()

    def __len__(self):
        return 16

    def batch(self, indices):
        rows, columns = torch.meshgrid(torch.arange(SIZE_PX), torch.arange(SIZE_PX), indexing="ij")
        images, masks, boxes = [], [], []
        for index in indices:
            wave = torch.sin((rows + columns) / 3 + index) * 0.5
            image = torch.stack([wave, -wave, wave * 0.3])
            x, y = 4 + index % 5, 6 + index % 7
            image[:, y : y + 8, x : x + 6] = 0.95
            mask = torch.zeros(1, SIZE_PX, SIZE_PX)
            mask[:, y : y + 8, x : x + 6] = 1
            images.append(image)
            masks.append(mask)
            boxes.append(torch.tensor([x, y, x + 6, y + 8], dtype=torch.float32))
        joints = torch.full((len(images), len(PENN13), 2), torch.nan)
        stacked = [torch.stack(parts) for parts in (images, masks, boxes)]
        condition = Condition(stacked[0], stacked[1], joints, stacked[2], joints, stacked[2], PENN13)
        return Batch(condition, stacked[0], stacked[1])


def context_of(folder, steps, stop=lambda: False, learning_rate=1e-3, every=2):
    folder.mkdir(exist_ok=True)
    schedule = TrainingSchedule(steps, batch_size=4, learning_rate=learning_rate, checkpoint_every=every)
    return FitContext(folder, 0, schedule, None, device="cpu", precision="fp32", stop=stop)


def program_of(method):
    torch.manual_seed(0)
    network = method._build()
    schedule = TrainingSchedule(4, batch_size=4, learning_rate=1e-3)
    return network, method._program(network, schedule, None, torch.device("cpu"))


def made_of(program, batch=None):
    torch.manual_seed(3)
    return program.phase_at(0).make(batch or Pairs().batch(range(4)))


# Parity -------------------------------------------------------------------------------------------------------------


def check_generator(side, count, he):
    fixture, network = f"deepfill_v1_{side}", deepfill.DeepFill(32)
    sheet, names = parity_tf.sheet("deepfill", fixture), deepfill.released_names(network)
    parity_tf.check_names(sheet["variables"], network.state_dict(), names)
    assert sum(value.numel() for value in network.parameters()) == sheet["params"]
    filled = {
        name: released.from_tensorflow(value) for name, value in parity_tf.variables(sheet["variables"], he).items()
    }
    network.load_state_dict(released.renamed(filled, names))
    image = parity_tf.to_nchw(parity_tf.uniform(f"{fixture}:img", (2, side, side, 3)))[:count]
    top, bottom, left, right = HOLES[side]
    hole = torch.zeros(count, 1, side, side)
    hole[:, :, top:bottom, left:right] = 1
    with torch.inference_mode():
        outputs = network(image, hole)
    for key, output in zip(("x1", "x2"), outputs, strict=True):
        key = ("he_" if he else "") + key + ("" if side == 128 else "_s4")
        tolerance = HE_TOLERANCE if he else parity_tf.TOLERANCE
        parity_tf.check_output("deepfill", fixture, key, output.permute(0, 2, 3, 1), tolerance)


@pytest.mark.parametrize("he", [False, True])
def test_the_generator_equals_the_releases(he):
    check_generator(128, 2, he)


@pytest.mark.slow
@pytest.mark.parametrize("he", [False, True])
def test_the_generator_equals_the_releases_at_256(he):
    check_generator(256, 2, he)


def test_the_critics_equal_the_releases():
    sheet, critics = parity_tf.sheet("deepfill", "discriminators"), deepfill.Critics((256, 256), 32)
    ours = {"discriminator_local": "local", "discriminator_global": "whole"}
    assert sum(value.numel() for value in critics.parameters()) == sheet["params"]
    names = {}
    for theirs in sheet["variables"]:
        scope, leaf = theirs.removeprefix("discriminator/").rsplit("/", 1)
        part, _, layer = scope.partition("/")
        leaf = {"kernel": "weight", "bias": "bias"}[leaf]
        if layer:
            names[theirs] = f"{ours[part]}.features.{int(layer[-1]) - 1}.{leaf}"
        else:
            names[theirs] = f"{ {'dout_local_fc': 'local', 'dout_global_fc': 'whole'}[part] }.judge.{leaf}"
    parity_tf.check_names(sheet["variables"], critics.state_dict(), names)
    filled = {name: released.from_tensorflow(value) for name, value in parity_tf.variables(sheet["variables"]).items()}
    critics.load_state_dict(released.renamed(filled, names))
    with torch.inference_mode():
        for key, shape, critic, expected in (
            ("deepfill:dlocal", (4, 128, 128, 3), critics.local, "out_local"),
            ("deepfill:dglobal", (4, 256, 256, 3), critics.whole, "out_global"),
        ):
            found = critic(parity_tf.to_nchw(parity_tf.uniform(key, shape)))
            np.testing.assert_allclose(found.numpy(), np.ravel(sheet[expected]), rtol=0, atol=2e-6)


def test_the_discount_equals_the_releases():
    with np.load(parity_tf.REFERENCE / "deepfill.npz") as kept:
        found = deepfill.discount((128, 128), torch.device("cpu")).numpy()
        np.testing.assert_allclose(found, kept["discount_128"], rtol=1e-5)
    assert found[0, 64] == 1 and found[127, 64] == np.float32(0.9)


def test_nearest_resizing_takes_the_releases_pixels():
    for sizes, indices in parity_tf.sheet("deepfill", "nearest_align_corners_source_index").items():
        side, wanted = map(int, sizes.split("->"))
        assert attention.nearest_indices(side, wanted).tolist() == indices


@pytest.mark.parametrize("sizes", [(8, 3, 1, 1), (8, 3, 2, 1), (7, 5, 2, 1), (8, 5, 2, 1), (16, 3, 1, 4), (1, 5, 2, 1)])
def test_same_padding_gives_a_ceiling_of_outputs_and_the_odd_pixel_behind(sizes):
    side, kernel, stride, dilation = sizes
    before, behind = same_padding(*sizes)
    assert (side + before + behind - (kernel - 1) * dilation - 1) // stride + 1 == math.ceil(side / stride)
    assert behind - before in (0, 1)


# Attention ----------------------------------------------------------------------------------------------------------


def attention_by_loops(features, hole, fuse):
    """One sample (C, h, w), one hole (H, W): patch by patch, in NumPy."""
    channels, height, width = features.shape
    rows = [math.floor(i * (height - 1) / (height // 2 - 1) + 0.5) for i in range(height // 2)]
    columns = [math.floor(i * (width - 1) / (width // 2 - 1) + 0.5) for i in range(width // 2)]
    small, seen = features[:, rows][:, :, columns], hole[rows][:, columns]
    h, w = seen.shape
    around, seen_around = np.pad(small, ((0, 0), (1, 1), (1, 1))), np.pad(seen, 1)
    places = [(y, x) for y in range(h) for x in range(w)]
    patches = np.array([around[:, y : y + 3, x : x + 3].ravel() for y, x in places])
    scores = patches @ (patches / np.maximum(np.linalg.norm(patches, axis=1, keepdims=True), 1e-4)).T
    if fuse:
        for key in (lambda y, x: y * w + x, lambda y, x: x * h + y):
            order = sorted(range(len(places)), key=lambda place: key(*places[place]))
            ordered = np.pad(scores[np.ix_(order, order)], 1)
            n = len(order)
            summed = ordered[:n, :n] + ordered[1 : n + 1, 1 : n + 1] + ordered[2:, 2:]
            scores[np.ix_(order, order)] = summed
    known = np.array([not seen_around[y : y + 3, x : x + 3].any() for y, x in places])
    weights = np.exp(10 * scores * known - (10 * scores * known).max(axis=1, keepdims=True))
    weights = weights / weights.sum(axis=1, keepdims=True) * known
    padded = np.pad(features, ((0, 0), (1, 1), (1, 1)))
    result = np.zeros_like(padded)
    for query, (y, x) in enumerate(places):
        for value, (v, u) in enumerate(places):
            patch = padded[:, 2 * v : 2 * v + 4, 2 * u : 2 * u + 4]
            result[:, 2 * y : 2 * y + 4, 2 * x : 2 * x + 4] += weights[query, value] * patch / 4
    return result[:, 1:-1, 1:-1]


@pytest.mark.parametrize("fuse", [True, False])
def test_attention_puts_each_place_together_from_known_patches(fuse):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, 3, 8, 12, generator=generator) * 0.3
    hole = torch.zeros(2, 1, 8, 12)
    hole[0, :, 2:5, 3:6], hole[1, :, 4:8, 0:4] = 1, 1
    found = attention.contextual_attention(features, hole, fuse)
    for sample in range(2):
        expected = attention_by_loops(features[sample].double().numpy(), hole[sample, 0].numpy(), fuse)
        np.testing.assert_allclose(found[sample].numpy(), expected, rtol=0, atol=1e-5)


# Losses and turns ---------------------------------------------------------------------------------------------------


def test_the_random_box_is_half_of_each_side_and_its_hole_within_it():
    torch.manual_seed(0)
    boxes, holes = deepfill.random_boxes(400, (64, 32), torch.device("cpu"))
    assert (boxes[:, 2] - boxes[:, 0]).eq(16).all() and (boxes[:, 3] - boxes[:, 1]).eq(32).all()
    assert boxes[:, 0].min() == 0 and boxes[:, 2].max() == 31 and boxes[:, 3].max() == 63
    heights, widths = holes.amax(dim=3).sum(dim=(1, 2)), holes.amax(dim=2).sum(dim=(1, 2))
    assert set(heights.tolist()) == {32, 30, 28, 26, 24} and set(widths.tolist()) == {16, 14, 12}
    for (left, top, right, bottom), hole in zip(boxes[:20].tolist(), holes, strict=False):
        assert hole.sum() == hole[:, top:bottom, left:right].sum() > 0


def test_nothing_of_the_person_reaches_the_network_or_counts():
    network, program = program_of(method_of())
    batch = Pairs().batch(range(4))
    changed = batch.condition.image + batch.condition.mask * 0.04
    other = replace(batch, condition=replace(batch.condition, image=changed))
    made, same = made_of(program, batch), made_of(program, other)
    assert torch.equal(made.coarse, same.coarse) and torch.equal(made.fine, same.fine)
    person = batch.condition.mask.bool().expand_as(made.image)
    assert torch.equal(made.completed[person], made.image[person])
    assert (made.painted * batch.condition.mask).sum() == 0 and made.painted.sum() > 0
    losses = [deepfill.reconstruction(painting) for painting in (made, same)]
    assert all(torch.equal(losses[0][name], losses[1][name]) for name in ("l1", "known"))
    assert torch.equal(made.image, batch.condition.image.flip(1))


@pytest.mark.parametrize("has_masks", [False, True])
def test_where_a_mask_is_empty_the_persons_box_is_hidden(has_masks):
    _, program = program_of(method_of(has_masks=has_masks))
    batch = Pairs().batch(range(4))
    blank = replace(batch, condition=replace(batch.condition, mask=torch.zeros_like(batch.condition.mask)))
    assert torch.equal(made_of(program, blank).blind, made_of(program_of(method_of())[1], batch).blind)


def test_the_reconstruction_is_the_releases_where_there_is_no_person():
    torch.manual_seed(0)
    image, coarse, fine = (torch.rand(2, 3, 16, 16) * 2 - 1 for _ in range(3))
    boxes = torch.tensor([[2, 4, 10, 12], [8, 0, 16, 8]])
    blind = torch.zeros(2, 1, 16, 16)
    blind[0, :, 5:11, 3:9], blind[1, :, 1:7, 9:15] = 1, 1
    made = deepfill.Painting(image, coarse, fine, fine, torch.ones(2, 1, 16, 16), blind, blind, boxes)
    terms = deepfill.reconstruction(made)
    decay = np.array([[max(0.9 ** min(i, 8 - i), 0.9 ** min(j, 8 - j)) for j in range(8)] for i in range(8)])
    expected, known = 0.0, 0.0
    for share, painted in ((1.2, coarse), (1.0, fine)):
        error = (image - painted).abs().double().numpy()
        local = np.stack([error[n, :, t:b, left:r] for n, (left, t, r, b) in enumerate(boxes.tolist())])
        expected += share * (local * decay).mean()
        known += share * (error * (1 - blind.numpy())).mean() / (1 - blind.numpy()).mean()
    assert float(terms["l1"]) == pytest.approx(expected, rel=1e-5)
    assert float(terms["known"]) == pytest.approx(known, rel=1e-5)


def test_the_penalty_is_the_slopes_distance_from_one_over_the_painted_pixels():
    slopes = torch.tensor([[1.0, 2.0], [3.0, 4.0]])

    class Linear(torch.nn.Module):
        def forward(self, images):
            return (images * slopes).flatten(1).sum(dim=1)

    painted = torch.tensor([[1.0, 0.0], [1.0, 0.0]]).expand(1, 1, 2, 2)
    real, generated = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    found = deepfill.gradient_penalty(Linear(), real, generated, painted)
    assert float(found) == pytest.approx((math.sqrt(3 * (1 + 9)) - 1) ** 2, rel=1e-6)


def test_losses_are_the_weighted_sums_of_their_terms():
    _, program = program_of(method_of())
    made = made_of(program)
    critic, _, painter = program.phase_at(0).turns
    total, terms = painter.loss(made)
    expected = 0.001 * terms["gan"] + 1.2 * terms["l1"] + 1.2 * terms["known"]
    assert float(total.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    critics = program.networks["critics"]
    judged = critics.whole(made.completed).mean() + critics.local(made.local(made.completed)).mean()
    assert float(terms["gan"].detach()) == pytest.approx(-float(judged.detach()), rel=1e-5)
    total, terms = critic.loss(made)
    whole = critics.whole(made.completed).mean() - critics.whole(made.image).mean()
    local = critics.local(made.local(made.completed)).mean() - critics.local(made.local(made.image)).mean()
    assert float(terms["critic_whole"].detach()) == pytest.approx(float(whole.detach()), rel=1e-4, abs=1e-6)
    assert float(terms["critic_local"].detach()) == pytest.approx(float(local.detach()), rel=1e-4, abs=1e-6)
    expected = whole + local + 10 * (terms["penalty_whole"] + terms["penalty_local"])
    assert float(total.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_the_critics_take_their_turns_before_the_painter_and_each_follows_its_own_loss():
    network, program = program_of(method_of(critic_turns=3))
    turns = program.phase_at(0).turns
    assert [turn.name for turn in turns] == ["critics"] * 3 + ["painter"]
    assert len(list(program.optimizers)) == 2
    for turn, learner in ((turns[0], program.networks["critics"]), (turns[-1], network)):
        assert turn.optimizer.defaults["betas"] == (0.5, 0.9)
        own = {id(value) for group in turn.optimizer.param_groups for value in group["params"]}
        assert own == {id(value) for value in learner.parameters()}
    made = made_of(program)
    turns[0].loss(made)[0].backward()
    assert all(value.grad is None for value in network.parameters())
    turns[-1].loss(made)[0].backward()
    assert all(value.grad is not None for value in network.parameters())


def test_weights_start_as_the_releases():
    network = deepfill.DeepFill(32)
    for layer in (network.coarse.conv6, network.fine.allconv11):
        fan_in, fan_out = layer.in_channels * 9, layer.out_channels * 9
        reach = math.sqrt(6 / (fan_in + fan_out))
        assert float(layer.weight.detach().abs().max()) == pytest.approx(reach, rel=0.01)
        assert not layer.bias.any()


# Training and synthesis ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    method = method_of(width=8, critic_turns=1)
    method.fit(Pairs(), context_of(tmp_path_factory.mktemp("trained"), steps=120, learning_rate=3e-3, every=100))
    return method


def test_it_learns_to_paint_the_scene_over_the_person(trained):
    condition = Pairs().batch(range(8)).condition
    image = trained.synthesize(condition).image
    rows, columns = torch.meshgrid(torch.arange(SIZE_PX), torch.arange(SIZE_PX), indexing="ij")
    waves = torch.stack([torch.sin((rows + columns) / 3 + index) * 0.5 for index in range(8)])
    scenes = torch.stack([waves, -waves, waves * 0.3], dim=1)
    person = condition.mask.bool().expand_as(image)
    error = (image - scenes)[person].abs().mean()
    grey = scenes[person].abs().mean()  # of painting nothing
    assert error < 0.75 * grey


def test_outside_the_persons_box_the_reference_stays_bit_for_bit(trained):
    condition = Pairs().batch([0, 3]).condition
    image = trained.synthesize(condition).image
    inside = torch.zeros(2, 1, SIZE_PX, SIZE_PX, dtype=torch.bool)
    for sample, (left, top, right, bottom) in enumerate(condition.box.int().tolist()):
        inside[sample, :, top:bottom, left:right] = True
    outside = ~inside.expand_as(image)
    assert torch.equal(image[outside], condition.image[outside])
    assert not torch.isclose(image[~outside], condition.image[~outside]).any()


def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    assert_resumes_exactly(method_of, Pairs(), context_of, tmp_path, steps=5, interrupted_after=3)


def test_bf16_in_channels_last_is_near_fp32(trained):
    network, condition = trained._network, Pairs().batch(range(8)).condition
    image = condition.image.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        exact = network(image, condition.mask)[1]
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(image, condition.mask)[1].float()
    difference = (rounded - exact).abs()
    assert 0 < difference.max() < BF16_TOLERANCE and difference.mean() < BF16_MEAN_TOLERANCE


@pytest.mark.parametrize("size_px", [(128, 128), (128, 64), (256, 256), (256, 176)])
def test_sizes(size_px):
    assert supports(cards.DEEPFILL, info_of(size_px)) == (True, "")
    method = method_of(size_px, width=2)
    network, program = program_of(method)
    height, width = size_px
    joints = torch.full((1, len(PENN13), 2), torch.nan)
    box = torch.tensor([[8.0, 16.0, 40.0, 64.0]])
    image, mask = torch.rand(1, 3, height, width), torch.zeros(1, 1, height, width)
    condition = Condition(image, mask, joints, box, joints, box, PENN13)
    made = program.phase_at(0).make(Batch(condition, image, mask))
    assert made.fine.shape == image.shape
    total, _ = program.phase_at(0).turns[0].loss(made)
    assert total.isfinite()


def test_a_size_that_does_not_fit_is_refused():
    fits, reason = supports(cards.DEEPFILL, info_of((100, 64)))
    assert not fits and reason == "deepfill needs sides divisible by 8; toy is 100×64"


@pytest.mark.parametrize(
    "parameters, words",
    [
        ({"width": 5}, r"deepfill\.width is an even number from 2.*got 5"),
        ({"critic_turns": 0}, r"deepfill\.critic_turns is at least 1, got 0"),
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        program_of(method_of(**parameters))


# Files of the release -----------------------------------------------------------------------------------------------

EXTRAS = (
    "discriminator/discriminator_local/conv1/kernel",
    "inpaint_net/conv1/kernel/Adam_1",
    "beta1_power",
    "global_step",
)


def released_file(path, network, change=lambda variables: None):
    """An .npz file of what a checkpoint of the release holds, weights from the network."""
    state = network.state_dict()
    variables = {}
    for theirs, ours in deepfill.released_names(network).items():
        values = state[ours].numpy()
        variables[theirs] = values.transpose(2, 3, 1, 0) if values.ndim == 4 else values
    variables |= {name: np.ones(2, np.float32) for name in EXTRAS}
    change(variables)
    np.savez(path, **variables)
    return path


def test_a_released_checkpoint_loads_strictly(tmp_path):
    torch.manual_seed(4)
    network, method = deepfill.DeepFill(4), method_of()
    method.load_released(released_file(tmp_path / "deepfill.npz", network))
    loaded = method._network.cpu().state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in network.state_dict().items())
    names = deepfill.released_names(network)
    assert names["inpaint_net/allconv13_upsample/allconv13_upsample_conv/kernel"] == "fine.allconv13_upsample.weight"
    assert names["inpaint_net/pmconv9/bias"] == "matched.pmconv9.bias"


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda variables: variables.update({"inpaint_net/conv99/kernel": np.zeros(2)}), "not of this network.*conv99"),
        (lambda variables: variables.pop("inpaint_net/xconv3/bias"), r"missing: painting\.xconv3\.bias"),
        (lambda variables: variables.update({"inpaint_net/conv1/bias": np.zeros(9)}), "of another shape: coarse.conv1"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(change, words, tmp_path):
    path = released_file(tmp_path / "deepfill.npz", deepfill.DeepFill(4), change)
    with pytest.raises(ValueError, match=words):
        method_of().load_released(path)


# Persons that fill the hole, rounding, and attention's own fixture --------------------------------------------------


def filled_by_persons(count):
    """Four pairs, the first `count` of which show nothing but the person."""
    batch = Pairs().batch(range(4))
    mask = batch.condition.mask.clone()
    mask[:count] = 1
    return replace(batch, condition=replace(batch.condition, mask=mask))


@pytest.mark.parametrize("count", [1, 4])
def test_where_the_person_fills_the_hole_gradients_stay_finite(count):
    _, program = program_of(method_of())
    made = made_of(program, filled_by_persons(count))
    assert not made.painted[:count].any() and bool(made.painted.any()) == (count < 4)
    for turn in program.phase_at(0).turns[-2:]:
        own = [value for group in turn.optimizer.param_groups for value in group["params"]]
        gradients = torch.autograd.grad(turn.loss(made)[0], own, retain_graph=True)
        assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_sample_with_nothing_painted_adds_nothing_to_the_penalty():
    torch.manual_seed(0)
    critic, real, generated = (
        deepfill.Critic((16, 16), (2, 2, 2, 2)),
        torch.rand(2, 3, 16, 16),
        torch.rand(2, 3, 16, 16),
    )
    painted = torch.zeros(2, 1, 16, 16)
    painted[0, :, 4:12, 4:12] = 1
    torch.manual_seed(1)
    both = deepfill.gradient_penalty(critic, real, generated, painted)
    torch.manual_seed(1)
    alone = deepfill.gradient_penalty(critic, real[:1], generated[:1], painted[:1])
    assert float(both.detach()) == pytest.approx(float(alone.detach()) / 2, rel=1e-5)


def test_it_trains_in_bf16(tmp_path):
    method, context = method_of(), context_of(tmp_path / "bf16", steps=3)
    start = {name: value.clone() for name, value in program_of(method)[0].state_dict().items()}
    method.fit(Pairs(), replace(context, precision="bf16"))
    state = method._network.state_dict()
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in state.values())
    assert all(not torch.equal(value, start[name]) for name, value in state.items())


@pytest.mark.parametrize("key, fuse", [("ca_fuse", True), ("ca_nofuse", False)])
def test_attention_equals_the_releases(key, fuse):
    features = parity_tf.to_nchw(parity_tf.uniform("deepfill:ca_f", (2, 16, 16, 8)))
    hole = torch.zeros(2, 1, 16, 16)
    hole[:, :, 6:10, 4:12] = 1  # the fixture does not say which; of all boxes at half size this one alone fits
    with np.load(parity_tf.REFERENCE / "deepfill.npz") as kept:
        found = attention.contextual_attention(features, hole, fuse).permute(0, 2, 3, 1)
        np.testing.assert_allclose(found.numpy(), kept[key], rtol=0, atol=5e-6)


def test_the_penalty_is_taken_at_a_random_place_of_each_sample():
    class Squares(torch.nn.Module):  # its slope is the image itself
        def forward(self, images):
            return images.square().flatten(1).sum(dim=1) / 2

    real, generated, painted = torch.zeros(2, 3, 2, 2), torch.ones(2, 3, 2, 2), torch.ones(2, 1, 2, 2)
    torch.manual_seed(5)
    found = float(deepfill.gradient_penalty(Squares(), real, generated, painted).detach())
    torch.manual_seed(5)
    lengths = torch.rand(2, 1, 1, 1).flatten() * math.sqrt(12)
    assert lengths[0] != lengths[1]
    assert found == pytest.approx(float((lengths - 1).square().mean()), rel=1e-5)


def test_the_box_is_rounded_outwards_cut_at_the_border_and_filled_in_the_releases_order_of_colours(trained):
    condition = Pairs().batch([0, 3]).condition
    box = torch.tensor([[4.6, 6.2, 9.1, 13.5], [20.4, -3.0, 40.0, 8.0]])
    image = trained.synthesize(replace(condition, box=box)).image
    hole = torch.zeros(2, 1, SIZE_PX, SIZE_PX)
    hole[0, :, 6:14, 4:10], hole[1, :, 0:8, 20:32] = 1, 1
    with torch.inference_mode():
        blue_first = trained._network(condition.image[:, [2, 1, 0]], hole)[1]
    expected = torch.where(hole.bool(), blue_first[:, [2, 1, 0]], condition.image)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-5)
    assert torch.equal(image[~hole.bool().expand_as(image)], condition.image[~hole.bool().expand_as(image)])
