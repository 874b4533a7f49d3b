"""MR-Net's losses: equations by hand, the authors' numbers, frozen features, and boxes the right way round."""

from functools import lru_cache

import parity
import pytest
import torch
from torchvision.models import vgg

from mrnet.losses import (
    ROI_SIZES,
    MRNetLoss,
    PerceptualLoss,
    RoIPerceptualLoss,
    WeightedReconstructionLoss,
    box_masks,
)
from mrnet.network import MRNet
from mrnet.perceptual import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PAPER_TAPS,
    RELEASED_PERCEPTUAL_TAPS,
    RELEASED_ROI_TAPS,
    PerceptualNetwork,
)

LOSS_RTOL = 1e-4
TRAIN_LOSS_RTOL = 1e-4
FLOAT64_RTOL = 1e-5
LAMBDA1, LAMBDA2 = 5.0, 1.0  # of the fixture's training step
NO_GRADIENT = 1e-6  # of the largest norm: biases in front of a batch norm, zero but for rounding


@lru_cache
def vgg_state(arch):
    return parity.vgg_state(arch)


def network(arch="vgg16", taps=PAPER_TAPS, normalise=True):
    return PerceptualNetwork(arch, vgg_state(arch), taps, normalise)


def batch(passes=3, count=2, size_px=(32, 32), seed=0):
    generator = torch.Generator().manual_seed(seed)

    def image():
        return 2 * torch.rand((count, 3, *size_px), generator=generator) - 1

    boxes = torch.tensor([[4.0, 2.0, 20.0, 30.0]]).repeat(count, 1)
    return [image() for _ in range(passes)], image(), boxes, boxes + 2


# --- eq. (2)


def test_box_masks_end_before_the_last_corner():
    mask = box_masks(torch.tensor([[1.0, 2.0, 3.0, 5.0]]), (6, 4))
    assert mask.shape == (1, 1, 6, 4)
    assert mask[0, 0].nonzero().tolist() == [[2, 1], [2, 2], [3, 1], [3, 2], [4, 1], [4, 2]]


def test_reconstruction_weights_the_absolute_error_by_both_boxes():
    target = torch.zeros(1, 3, 4, 4)
    image = torch.full((1, 3, 4, 4), 0.5)
    reference, wanted = torch.tensor([[0.0, 0.0, 2.0, 4.0]]), torch.tensor([[1.0, 0.0, 2.0, 4.0]])
    # 8 of 16 pixels in the reference's box, 4 in the target's
    expected = 0.5**2 + 0.5 * (8 + 4) / 16
    assert WeightedReconstructionLoss()(image, target, reference, wanted) == pytest.approx(expected)
    assert WeightedReconstructionLoss(released=True)(image, target, reference, wanted) == pytest.approx(0.5)


# --- the perceptual network


@pytest.mark.parametrize(("arch", "cfg"), [("vgg16", "D"), ("vgg19", "E")])
def test_taps_equal_torchvisions_layers(arch, cfg):
    """Index of each tap in torchvision's `features`."""
    indices = {"vgg16": (3, 8, 15, 22, 29), "vgg19": (3, 8, 15, 24, 33)}[arch]
    layers = vgg.make_layers(vgg.cfgs[cfg])
    layers.load_state_dict({k.removeprefix("features."): v for k, v in vgg_state(arch).items()})
    image = batch()[1]
    normalised = ((image + 1) / 2 - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[
        :, None, None
    ]
    found = network(arch)(image)
    assert tuple(found) == PAPER_TAPS
    for tap, index in zip(PAPER_TAPS, indices, strict=True):
        torch.testing.assert_close(found[tap], layers[: index + 1](normalised))


def test_a_tap_before_the_relu_is_not_overwritten_by_it():
    found = network(taps=("conv1_2", "relu1_2"))(batch()[1])
    assert found["conv1_2"].min() < 0
    torch.testing.assert_close(found["relu1_2"], found["conv1_2"].relu())


@pytest.mark.parametrize(
    ("arch", "change", "message"),
    [
        ("vgg16", lambda state: state.pop("features.28.bias"), "not those of vgg16"),
        ("vgg16", lambda state: state.update({"encoder.0.weight": torch.zeros(1)}), "foreign entries: encoder"),
        ("vgg16", lambda state: state.update({"features.0.weight": torch.zeros(1)}), "not those of vgg16"),
        ("vgg11", lambda state: None, "unknown perceptual network 'vgg11'; valid: vgg16, vgg19"),
    ],
)
def test_weights_load_strictly(arch, change, message):
    state = dict(vgg_state("vgg16"))
    change(state)
    with pytest.raises(ValueError, match=message):
        PerceptualNetwork(arch, state)


def test_classifier_weights_are_passed_over_and_unknown_taps_are_errors():
    PerceptualNetwork("vgg16", {**vgg_state("vgg16"), "classifier.0.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="vgg16 has no taps.*relu9_9"):
        network(taps=("relu9_9",))


def test_network_is_frozen_and_only_the_image_gets_a_gradient():
    loss = MRNetLoss(network()).train()
    passes, target, reference, wanted = batch()
    passes[0].requires_grad_()
    loss(passes, target, reference, wanted)[0].backward()
    assert passes[0].grad.abs().sum() > 0
    assert not loss.network.training
    assert not loss.network.features.training
    assert all(not p.requires_grad and p.grad is None for p in loss.parameters())


# --- eqs. (1), (3), (4)


def test_target_features_are_computed_once_a_batch_and_without_a_graph():
    loss = MRNetLoss(network())
    sizes, graphs = [], []

    def note(module, given, output):
        sizes.append(len(given[0]))
        graphs.append(output["relu1_2"].requires_grad)

    loss.network.register_forward_hook(note)
    passes, target, reference, wanted = batch(passes=3, count=2)
    for image in passes:
        image.requires_grad_()
    loss(passes, target, reference, wanted)
    assert sorted(zip(sizes, graphs, strict=True)) == [(2, False), (6, True)]


def test_total_is_the_weighted_sum_and_each_term_the_mean_over_passes():
    loss = MRNetLoss(network(), lambda1=0.3, lambda2=0.7)
    passes, target, reference, wanted = batch()
    total, terms = loss(passes, target, reference, wanted)
    expected = terms["reconstruction"] + 0.3 * terms["perceptual"] + 0.7 * terms["roi"]
    torch.testing.assert_close(total, expected)
    assert terms["total"] == total
    single = [loss([image], target, reference, wanted)[1] for image in passes]
    for name, value in terms.items():
        torch.testing.assert_close(value, torch.stack([each[name] for each in single]).mean(), rtol=1e-5, atol=1e-7)
    assert all(
        float(value) == pytest.approx(0, abs=1e-9) for value in loss([target], target, reference, wanted)[1].values()
    )


def test_terms_with_no_weight_are_not_computed():
    passes, target, reference, wanted = batch()
    assert set(MRNetLoss(None, 0, 0)(passes, target, reference, wanted)[1]) == {"reconstruction", "total"}
    assert "roi" not in MRNetLoss(network(), lambda2=0)(passes, target, reference, wanted)[1]
    with pytest.raises(ValueError, match="need a perceptual network"):
        MRNetLoss(None)
    with pytest.raises(ValueError, match="also use.*relu5_3"):
        MRNetLoss(network(taps=PAPER_TAPS[:4]))


@pytest.mark.parametrize("transposed", [False, True])
def test_roi_loss_sees_the_box_and_nothing_else(transposed):
    """Behind two 3×3 convolutions the gradient may reach two pixels beyond the box; the released box lies elsewhere."""
    features = network(taps=("relu1_2",))
    roi = RoIPerceptualLoss(("relu1_2",), ROI_SIZES[:1], transposed)
    passes, target, _, _ = batch(passes=1, count=1, size_px=(64, 64))
    image = passes[0].requires_grad_()
    x1, y1, x2, y2 = 40, 8, 58, 20
    pooled = [roi.pool(features(given), torch.tensor([[x1, y1, x2, y2]]), 64) for given in (image, target)]
    roi(*pooled).backward()
    touched = image.grad.abs().sum(dim=(0, 1)) > 0
    rows, columns = (slice(x1, x2), slice(y1, y2)) if transposed else (slice(y1, y2), slice(x1, x2))
    reach = torch.zeros(64, 64, dtype=torch.bool)
    reach[rows.start - 2 : rows.stop + 2, columns.start - 2 : columns.stop + 2] = True
    assert touched[rows, columns].float().mean() > 0.9
    assert not touched[~reach].any()


def test_bfloat16_gives_nearly_the_same_loss():
    loss = MRNetLoss(network(), lambda1=1, lambda2=1)
    given = batch()
    exact = loss(*given)[1]
    with torch.autocast("cpu", torch.bfloat16):
        rough = loss(*given)[1]
    for name, value in exact.items():
        assert rough[name].dtype == torch.float32
        assert float(rough[name]) == pytest.approx(float(value), rel=0.03)


# --- the authors' numbers


@lru_cache(maxsize=2)
def generated(dataset, train):
    module = parity.fill(MRNet.released(parity.POSE_CHANNELS[dataset])).train(train)
    with torch.inference_mode():
        return module(*parity.inputs(dataset)[:4])


@pytest.mark.parametrize(("dataset", "mode"), [("penn", "eval"), ("market", "eval"), ("market", "train")])
def test_losses_equal_the_authors(dataset, mode):
    passes, target = generated(dataset, mode == "train"), parity.inputs(dataset)[4]
    expected = parity.losses(dataset)[mode]
    boxes, height_px = parity.boxes_px(dataset), target.shape[-2]
    features = network("vgg19", (*RELEASED_PERCEPTUAL_TAPS, *RELEASED_ROI_TAPS), normalise=False)
    with torch.inference_mode():
        of_target = features(target)
        for number, image in enumerate(passes):
            plain = WeightedReconstructionLoss(released=True)(image, target, boxes, boxes)
            assert float(plain) == pytest.approx(expected["l1_per_pass"][number], rel=LOSS_RTOL)
            found = features(image)
            for variant, per_pass in expected["per_pass_per_layer"].items():
                taps = RELEASED_PERCEPTUAL_TAPS if "post_relu" in variant else RELEASED_ROI_TAPS
                for layer, (tap, size) in enumerate(zip(taps, ROI_SIZES, strict=True)):
                    if variant.startswith("perceptual"):
                        value = PerceptualLoss((tap,))(found, of_target)
                    else:
                        roi = RoIPerceptualLoss((tap,), (size,), transposed="released_box" in variant)
                        value = roi(roi.pool(found, boxes, height_px), roi.pool(of_target, boxes, height_px))
                    assert float(value) == pytest.approx(per_pass[number][layer], rel=LOSS_RTOL), (variant, tap)


def released_step(dataset, dtype):
    """Network, optimiser and a function that gives the total and the terms, as in the fixture's training step."""
    module = parity.fill(MRNet.released(parity.POSE_CHANNELS[dataset])).train().to(dtype)
    loss = MRNetLoss.released(vgg_state("vgg19"), LAMBDA1, LAMBDA2).to(dtype)
    *given, target = (part.to(dtype) for part in parity.inputs(dataset))
    boxes = parity.boxes_px(dataset)
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-4, weight_decay=1e-5)
    return module, optimizer, lambda: loss(module(*given), target, boxes, boxes)


def check_terms(terms, expected, rtol):
    for ours, theirs in {"reconstruction": "l1", "perceptual": "perceptual", "roi": "roi", "total": "total"}.items():
        assert float(terms[ours]) == pytest.approx(expected[theirs], rel=rtol), ours


def test_training_forward_equals_the_authors():
    """Losses with batch statistics, and the running statistics that one training forward leaves behind."""
    expected = parity.losses("market")["train_step_released"]
    module, _, loss = released_step("market", torch.float32)
    with torch.no_grad():
        check_terms(loss()[1], expected["losses_before_step1_and_before_step2"][0], TRAIN_LOSS_RTOL)
    state = module.state_dict()
    for name, (mean, std) in expected["running_stats_mean_std_after_step1"].items():
        values = state[name].double()
        assert float(values.mean()) == pytest.approx(mean, rel=1e-4, abs=1e-5), name
        assert float(values.std(correction=0)) == pytest.approx(std, rel=1e-4, abs=1e-5), name


@pytest.mark.parametrize("dataset", ["market", pytest.param("penn", marks=pytest.mark.slow)])
def test_gradients_and_first_step_equal_the_authors_in_float64(dataset):
    expected = parity.losses(dataset)["train_step_released_float64"]
    module, optimizer, loss = released_step(dataset, torch.float64)
    total, terms = loss()
    check_terms(terms, expected["losses_before_step1_and_before_step2"][0], FLOAT64_RTOL)
    total.backward()
    gradients = expected["grad_l2norm_and_sum_at_step1"]
    largest = max(norm for norm, _ in gradients.values())
    parameters = dict(module.named_parameters())
    assert set(parameters) == set(gradients)
    for name, (norm, whole) in gradients.items():
        if norm > NO_GRADIENT * largest:
            gradient = parameters[name].grad
            assert float(gradient.norm()) == pytest.approx(norm, rel=FLOAT64_RTOL), name
            assert float(gradient.sum()) == pytest.approx(whole, rel=FLOAT64_RTOL, abs=FLOAT64_RTOL * norm), name
    optimizer.step()
    with torch.no_grad():
        check_terms(loss()[1], expected["losses_before_step1_and_before_step2"][1], FLOAT64_RTOL)


def test_features_are_shared_by_the_terms():
    """Perceptual and RoI terms of one batch read one forward of the perceptual network."""
    loss = MRNetLoss.released(vgg_state("vgg19"), LAMBDA1, LAMBDA2)
    calls = []
    loss.network.features[0].register_forward_hook(lambda *_: calls.append(1))
    loss(*batch())
    assert len(calls) == 2  # the passes together, and their targets
