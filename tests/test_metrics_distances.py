"""Kernel and Fréchet distance, inception score, precision and recall against torch-fidelity, and by hand.

torch-fidelity is given float64, so that only the way of computing differs.
"""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from harness.errors import UserError
from harness.metrics import fid, kid, precision_recall
from harness.metrics import inception_score as scores
from harness.metrics.inception_score import inception_score
from harness.metrics.protocol import load_protocol

SETS = load_protocol("offline-v1").sets


def features(n, width, seed=0, shift=0.0):
    """(n, width) features as a network's are: not below 0, unequal in spread, mixed."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(width, width)) / np.sqrt(width)
    return np.maximum(rng.normal(shift, 1, (n, width)) * np.linspace(0.1, 2, width) @ mixing + 0.3, 0)


def frechet_by_torch_fidelity(first, second):
    sides = (fid_features_to_statistics(torch.from_numpy(side)) for side in (first, second))
    return fid_statistics_to_metric(*sides, verbose=False)[KEY_METRIC_FID]


@pytest.mark.parametrize(("n", "m", "width"), [(300, 300, 24), (40, 40, 64), (40, 300, 64), (2, 2, 8), (64, 64, 64)])
def test_frechet_is_torch_fidelitys_with_more_images_than_numbers_and_with_fewer(monkeypatch, n, m, width):
    """Theirs takes roots of eigenvalues that rounding moved off 0: half of the digits are left of each such root."""
    monkeypatch.setattr(fid, "BLOCK_ROWS", 48)
    first, second = features(n, width), features(m, width, seed=1, shift=0.3)
    expected = frechet_by_torch_fidelity(first, second)
    assert fid.frechet_distance(first, second) == pytest.approx(expected, rel=1e-5)


def test_frechet_of_diagonal_gaussians_is_the_formula():
    """Two numbers, four images at ±a and ±b: mean 0, covariance diag(2a², 2b²) / 3."""
    corners = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    first, second = corners * [3, 1], corners * [1, 5] + [10, 0]
    expected = 10**2 + 2 / 3 * ((3 - 1) ** 2 + (1 - 5) ** 2)
    assert fid.frechet_distance(first, second) == pytest.approx(expected, rel=1e-12)


def test_frechet_of_a_set_and_itself_is_0_and_never_below():
    for side in (features(300, 24), features(20, 64)):
        side.flags.writeable = False  # features are looked at, not worked in
        assert 0 <= fid.frechet_distance(side, side) < 1e-9


def test_sets_of_one_picture_over_and_over_have_defined_distances():
    first, second = np.full((12, 5), 1.0), np.full((12, 5), 3.0)
    assert fid.frechet_distance(first, second) == pytest.approx(5 * 4)
    # (1·1 + 1)³ and (9 + 1)³ within, (3 + 1)³ between
    value, std = kid.kernel_distance(first, second, SETS.kernel)
    assert (value, std) == (pytest.approx(1000 * (8 + 1000 - 2 * 64)), pytest.approx(0, abs=1e-6))
    assert precision_recall.precision_recall(first, second) == (0, 0)
    assert precision_recall.precision_recall(first, first) == (1, 1)
    assert inception_score(np.full((12, 5), 7.0), SETS.score) == (pytest.approx(1), pytest.approx(0, abs=1e-12))


def kernel_by_torch_fidelity(first, second, constants):
    found = kid_features_to_metric(
        *(torch.from_numpy(side) for side in (first, second)),
        kid_subsets=constants.subsets,
        kid_subset_size=kid.subset_size(min(len(first), len(second)), constants),
        kid_kernel="poly",
        kid_kernel_poly_degree=constants.degree,
        kid_kernel_poly_gamma=None,
        kid_kernel_poly_coef0=constants.coef0,
        rng_seed=constants.seed,
        verbose=False,
    )
    return 1000 * found["kernel_inception_distance_mean"], 1000 * found["kernel_inception_distance_std"]


@pytest.mark.parametrize(
    ("n", "m", "changes"), [(90, 90, {}), (90, 131, {"degree": 2}), (4, 4, {}), (90, 90, {"max_subset_size": 20})]
)
@pytest.mark.parametrize("block_rows", [1024, 32])
def test_kernel_distance_is_torch_fidelitys_subset_by_subset(monkeypatch, n, m, changes, block_rows):
    monkeypatch.setattr(kid, "BLOCK_ROWS", block_rows)
    constants = SETS.kernel.model_copy(update=changes)
    first, second = features(n, 16), features(m, 16, seed=1, shift=0.2)
    expected, spread = kernel_by_torch_fidelity(first, second, constants)
    found = kid.kernel_distance(first, second, constants)
    assert found.value == pytest.approx(expected, rel=1e-6)
    assert found.std == pytest.approx(spread, rel=1e-6)


@pytest.mark.parametrize(("n", "splits"), [(100, 10), (103, 10), (10, 10), (57, 1)])
@pytest.mark.parametrize("spread", [1.0, 40.0])
def test_inception_score_is_torch_fidelitys(monkeypatch, n, splits, spread):
    monkeypatch.setattr(scores, "BLOCK_ROWS", 16)
    logits = np.random.default_rng(0).normal(0, spread, (n, 30)).astype(np.float32)
    expected = isc_features_to_metric(torch.from_numpy(logits), splits=splits, shuffle=True, rng_seed=2020)
    found = inception_score(logits, SETS.score.model_copy(update={"splits": splits}))
    assert found.value == pytest.approx(expected["inception_score_mean"], rel=1e-6)
    assert found.std == pytest.approx(expected["inception_score_std"], rel=1e-6, abs=1e-9)


def test_a_class_of_probability_0_leaves_the_inception_score_defined():
    """exp(-2000) is 0 in floating point, and 0 · log 0 counts as 0: two sure classes, half of the images each: 2."""
    logits = np.zeros((8, 3))
    logits[:4, 0] = logits[4:, 1] = 2000
    assert inception_score(logits, SETS.score.model_copy(update={"splits": 1})).value == pytest.approx(2)


@pytest.mark.parametrize("neighbourhood", [1, 3])
@pytest.mark.parametrize("save_cpu_ram", [False, True])
def test_precision_and_recall_are_torch_fidelitys(monkeypatch, neighbourhood, save_cpu_ram):
    monkeypatch.setattr(precision_recall, "BLOCK_ROWS", 64)
    generated, target = features(150, 12) * 0.8, features(210, 12, seed=1)
    expected = prc_features_to_metric(
        torch.from_numpy(generated),
        torch.from_numpy(target),
        prc_neighborhood=neighbourhood,
        prc_batch_size=1000,
        save_cpu_ram=save_cpu_ram,
        verbose=False,
    )
    found = precision_recall.precision_recall(generated, target, neighbourhood)
    assert found.precision == pytest.approx(expected["precision"], abs=1e-6)
    assert found.recall == pytest.approx(expected["recall"], abs=1e-6)
    assert 0 < found.recall < found.precision < 1


def test_precision_and_recall_by_hand():
    """Balls to the nearest neighbour; of the targets 0, 1, 2, 10 they have radii 1, 1, 1 and 8. The rims count."""
    target, generated = (np.array(places, float)[:, None] for places in ([0, 1, 2, 10], [-1.0, -1.5, 2.5, 3]))
    found = precision_recall.precision_recall(generated, target, neighbourhood=1)
    # -1.5 alone is in no target's ball; the generated balls reach 0.5 far and hold 2 alone
    assert found == (3 / 4, 1 / 4)


@pytest.mark.parametrize(
    ("metric", "least"),
    [
        (lambda a, b: fid.frechet_distance(a, b), 2),
        (lambda a, b: kid.kernel_distance(a, b, SETS.kernel), 4),
        (lambda a, b: precision_recall.precision_recall(a, b), 4),
        (lambda a, b: inception_score(a, SETS.score), 10),
    ],
)
def test_too_few_images_or_other_features_are_refused_and_never_give_a_number(metric, least):
    enough, few = features(least, 8), features(least - 1, 8)
    metric(enough, enough)
    with pytest.raises(UserError, match=f"needs at least {least} images a set"):
        metric(few, enough)
    bad = enough.copy()
    bad[least - 1, 0] = np.inf
    with pytest.raises(UserError, match=f"image {least - 1} .* NaN or infinity"):
        metric(bad, enough)
    if least != 10:
        with pytest.raises(UserError, match="features of one extractor"):
            metric(enough, features(least, 9))
