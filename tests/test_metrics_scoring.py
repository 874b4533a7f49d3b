"""Scoring: one row a pair, one image a target, no number that depends on the batch, errors that name the pair."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from natural_images import Pairs, crops, described, noisy

from harness.errors import UserError
from harness.metrics import sets
from harness.metrics.features import build_extractor, describe
from harness.metrics.protocol import load_protocol
from harness.metrics.scoring import score
from harness.weights import WeightStore

PROTOCOL = load_protocol("offline-v1")
# what needs no weights
PLAIN = load_protocol("offline-v1", ["pairs=[psnr, ssim, m_ssim, box_ssim]", "sets=null"])


@pytest.fixture
def empty_store(tmp_path):
    return WeightStore(tmp_path / "weights", tmp_path / "extra")


@pytest.fixture(scope="module")
def pairs():
    """12 pairs of 10 different targets: pairs 3 and 7 share one, 5 and 11 another."""
    targets = crops(12)
    targets[7], targets[11] = targets[3], targets[5]
    return Pairs.of(noisy(targets), targets)


@pytest.fixture(scope="module")
def scores(pairs, weights):
    return score(pairs, PROTOCOL, weights, progress=False)


def test_a_row_a_pair_and_every_metric(pairs, scores):
    assert list(scores.pairs.columns) == ["pair", "group", *PROTOCOL.pairs]
    assert list(scores.pairs["pair"]) == pairs.ids
    assert set(scores.pairs["group"]) == {"track0", "track1"}
    assert np.isfinite(scores.pairs[list(PROTOCOL.pairs)].to_numpy()).all()
    assert set(scores.sets) == set(PROTOCOL.metric_keys) - set(PROTOCOL.pairs)
    assert scores.skipped == {}


def test_sets_hold_one_image_a_target_that_of_the_lowest_pair(pairs, scores, weights):
    network = build_extractor("efficientnet-lite0", weights.path("efficientnet_lite0"))
    kept = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10]
    made, logits = described([pairs.generated_images[i] for i in kept], network)
    real, _ = described([pairs.targets[i] for i in kept], network)
    expected = sets.set_values(made, logits, real, PROTOCOL.sets)
    assert scores.sets == expected
    assert {value.n for value in scores.sets.values()} == {10}
    assert all(value.marked_small for value in scores.sets.values())


@pytest.mark.parametrize("workers", [1, 5])
def test_the_number_of_workers_changes_no_bit(pairs, scores, weights, workers):
    again = score(pairs, PROTOCOL, weights, workers=workers, progress=False)
    pd.testing.assert_frame_equal(again.pairs, scores.pairs, check_exact=True)
    assert again.sets == scores.sets


def test_of_two_pairs_with_one_target_the_lower_stands_even_if_the_higher_is_seen_first(weights):
    target, (first, second) = crops(1)[0], noisy(np.stack([crops(1)[0]] * 2))
    with sets.SetPass(PROTOCOL.sets, weights, "cpu", None) as set_pass:
        later, earlier = set_pass.look(1, second, target), set_pass.look(0, first, target)
        set_pass.add(earlier)
        set_pass.add(later)
        expected = describe(first, set_pass._network, "cpu").features
        np.testing.assert_array_equal(set_pass._generated.read([0])[0, :1280], expected)
        assert set_pass._generated.count == 1


def test_images_of_two_sizes_are_refused(weights):
    targets = [*crops(3), crops(1, 40)[0]]
    mixed = Pairs.of(targets, targets).but(masks=[None] * 4, boxes=[None] * 4)
    with pytest.raises(UserError, match="several sizes"):
        score(mixed, PROTOCOL, weights, progress=False)


def test_every_image_is_read_once(pairs, weights):
    reads = Counter()

    class Counting(Pairs):
        def generated(self, index):
            reads["generated", index] += 1
            return super().generated(index)

        def target(self, index):
            reads["target", index] += 1
            return super().target(index)

    score(Counting(**vars(pairs)), PROTOCOL, weights, progress=False)
    assert len(reads) == 24 and set(reads.values()) == {1}


def test_a_pairs_values_do_not_depend_on_the_other_pairs(pairs, scores, weights):
    protocol = PROTOCOL.model_copy(update={"sets": None})
    few = [8, 2]
    alone = score(
        Pairs(*([column[i] for i in few] for column in vars(pairs).values())), protocol, weights, progress=False
    )
    expected = scores.pairs.iloc[few][list(PROTOCOL.pairs)].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.pairs[list(PROTOCOL.pairs)], expected, check_exact=True)


def test_targets_are_described_once_when_a_cache_is_given(pairs, scores, weights, tmp_path, monkeypatch):
    counts = Counter()

    def counting(image, *rest):
        counts[image.tobytes()] += 1
        return describe(image, *rest)

    monkeypatch.setattr(sets, "describe", counting)
    for _ in range(2):
        found = score(pairs, PROTOCOL, weights, workers=1, progress=False, feature_cache=tmp_path)
        assert found.sets == scores.sets
    assert [counts[target.tobytes()] for target in pairs.targets] == [1] * 12
    assert [counts[image.tobytes()] for image in pairs.generated_images] == [2] * 7 + [0] + [2] * 3 + [0]
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".rows"]


def test_equal_images_are_perfect(weights):
    targets = crops(4)
    found = score(Pairs.of(targets, targets), PROTOCOL.model_copy(update={"sets": None}), weights, progress=False)
    means = found.pairs[list(PROTOCOL.pairs)].mean()
    assert means["psnr"] == 100
    assert means[["ssim", "m_ssim", "box_ssim"]].to_numpy() == pytest.approx(1)
    assert means[["lpips", "box_lpips"]].to_numpy() == pytest.approx(0, abs=1e-9)


def test_few_images_leave_the_undefined_out_and_say_so(weights):
    targets = crops(3)
    found = score(Pairs.of(noisy(targets), targets), PROTOCOL, weights, progress=False)
    assert set(found.sets) == {"fd_efficientnet_lite0"}
    assert set(found.skipped) == {"kd_efficientnet_lite0", "is_efficientnet_lite0"}


def test_missing_weights_stop_before_any_work(pairs, empty_store):
    class Untouchable(Pairs):
        def target(self, index):
            raise AssertionError("read")

    with pytest.raises(UserError, match="bench weights fetch alexnet inception_v3_fid"):
        score(Untouchable(**vars(pairs)), load_protocol("std-v1"), empty_store, progress=False)


def test_without_masks_or_boxes_their_metrics_are_left_out_with_the_reason(pairs, empty_store):
    found = score(pairs.but(masks=[None] * 12, boxes=[None] * 12), PLAIN, empty_store, progress=False)
    assert list(found.pairs.columns) == ["pair", "group", "psnr", "ssim"]
    assert found.skipped == {"m_ssim": "no pair has a mask", "box_ssim": "no pair has a box"}


def one_changed(values, index, value):
    return [value if i == index else old for i, old in enumerate(values)]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("masks", np.ones((32, 32), bool), "pair clip_0004: the mask is 32×32, the image 64×64"),
        ("masks", None, "pair clip_0004: has no mask, which other pairs have"),
        ("boxes", None, "pair clip_0004: has no box, which other pairs have"),
        ("boxes", np.array([70.0, 0, 90, 9]), "pair clip_0004: the box .* holds no pixel"),
        ("generated_images", np.zeros((60, 64, 3), np.uint8), "pair clip_0004: the generated image is 60×64"),
        ("generated_images", np.zeros((64, 64, 3), np.float32), "pair clip_0004: .*uint8 is needed"),
    ],
)
def test_what_is_wrong_with_a_pair_is_said(pairs, empty_store, column, value, message):
    broken = pairs.but(**{column: one_changed(getattr(pairs, column), 4, value)})
    with pytest.raises(UserError, match=message):
        score(broken, PLAIN, empty_store, progress=False)


def test_m_ssim_leaves_out_pairs_with_an_empty_mask(pairs, empty_store):
    """Nobody was found on the target: that is so for every method, and no method's fault."""
    whole = score(pairs, PLAIN, empty_store, progress=False).pairs
    masks = one_changed(pairs.masks, 4, np.zeros((64, 64), bool))
    found = score(pairs.but(masks=masks), PLAIN, empty_store, progress=False).pairs
    assert np.isnan(found["m_ssim"][4]) and found["ssim"].equals(whole["ssim"])
    assert found["m_ssim"].drop(4).equals(whole["m_ssim"].drop(4))


def test_m_ssim_is_left_out_where_every_mask_is_empty(pairs, empty_store):
    found = score(pairs.but(masks=[np.zeros((64, 64), bool)] * 12), PLAIN, empty_store, progress=False)
    assert "m_ssim" not in found.pairs and found.skipped == {"m_ssim": "every mask is empty"}


def test_ids_given_twice_and_empty_sets_are_refused(pairs, empty_store):
    with pytest.raises(UserError, match="more than once: clip_0000"):
        score(pairs.but(ids=one_changed(pairs.ids, 4, "clip_0000")), PLAIN, empty_store, progress=False)
    with pytest.raises(UserError, match="no pair to score"):
        score(Pairs([], [], [], [], []), PLAIN, empty_store, progress=False)


def test_the_callers_torch_settings_survive(pairs, weights):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        score(pairs, PROTOCOL.model_copy(update={"sets": None}), weights, progress=False)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
