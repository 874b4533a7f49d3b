"""Scoring: one row a pair, one image a target, no number that depends on the batch, errors that name the pair."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from natural_images import Pairs, crops, described, noisy

from harness.errors import UserError
from harness.metrics import set_pass, sets
from harness.metrics.features import build_extractor, describe
from harness.metrics.fid import frechet_distance
from harness.metrics.protocol import load_protocol
from harness.metrics.scoring import score
from harness.metrics.set_pass import SetPass
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
    return Pairs.whole(noisy(targets), targets)


@pytest.fixture(scope="module")
def scores(pairs, weights):
    return score(pairs, PROTOCOL, weights, workers=1, progress=False)


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
    rows = {"efficientnet-lite0": sets.SetRows(made, logits, real)}
    expected = sets.set_values(rows, PROTOCOL.sets)
    assert scores.sets == expected
    assert {value.n for value in scores.sets.values()} == {10}
    assert all(value.marked_small for value in scores.sets.values())


def test_the_number_of_workers_changes_no_bit(pairs, scores, weights):
    again = score(pairs, PROTOCOL, weights, workers=5, progress=False)
    pd.testing.assert_frame_equal(again.pairs, scores.pairs, check_exact=True)
    assert again.sets == scores.sets


def test_of_two_pairs_with_one_target_the_lower_stands_even_if_the_higher_is_seen_first(weights):
    target, (first, second) = crops(1)[0], noisy(np.stack([crops(1)[0]] * 2))
    with SetPass(PROTOCOL.sets, weights, "cpu", None) as seen:
        later, earlier = seen.look(1, second, target), seen.look(0, first, target)
        seen.add(0, earlier)
        seen.add(1, later)
        (stream,) = seen._streams
        expected = describe(first, stream._network, "cpu").features
        np.testing.assert_array_equal(stream._generated.read([0])[0, :1280], expected)
        assert stream._generated.count == 1


def test_where_every_pair_stands_targets_repeat_and_the_order_is_that_of_the_ids(pairs, weights):
    """Without a shuffle the score's parts are cut in that order, and the last incomplete batch is left out."""
    changes = ["sets.population=pairs", "sets.score.seed=null", "sets.score.splits=3", "sets.precision_recall=null"]
    protocol = load_protocol("offline-v1", ["pairs=[psnr]", "sets.frechet.whole_batches_of=5", *changes])
    ordered = score(pairs, protocol, weights, progress=False)
    assert [value.n for value in ordered.sets.values()] == [12, 10, 12]
    turned = score(pairs.only(range(11, -1, -1)), protocol, weights, progress=False)
    assert turned.sets == ordered.sets
    network = build_extractor("efficientnet-lite0", weights.path("efficientnet_lite0"))
    made, logits = described(pairs.generated_images[:10], network)
    real, _ = described(pairs.targets[:10], network)
    assert ordered.sets["fd_efficientnet_lite0"].value == frechet_distance(made, real)
    logits = torch.from_numpy(described(pairs.generated_images, network)[1]).double()
    probabilities = logits.softmax(1).reshape(3, 4, -1)
    mean = probabilities.mean(1, keepdim=True)
    expected = (probabilities * (probabilities / mean).log()).sum(2).mean(1).exp().mean()
    assert ordered.sets["is_efficientnet_lite0"].value == pytest.approx(float(expected), rel=1e-9)


def test_images_of_two_sizes_are_refused(weights):
    targets = [*crops(3), crops(1, 40)[0]]
    mixed = Pairs.of(targets, targets).but(masks=[None] * 4, boxes=[None] * 4)
    with pytest.raises(UserError, match="several sizes"):
        score(mixed, PROTOCOL, weights, progress=False)


def test_every_image_is_read_once(pairs, weights):
    reads = Counter()

    class Counting(Pairs):
        def sample(self, index):
            reads[index] += 1
            return super().sample(index)

    score(Counting(**vars(pairs)), load_protocol("offline-v1", ["pairs=[psnr, ssim]"]), weights, progress=False)
    assert len(reads) == 12 and set(reads.values()) == {1}


def test_a_pairs_values_do_not_depend_on_the_other_pairs(pairs, scores, weights):
    protocol = PROTOCOL.model_copy(update={"sets": None})
    few = [8, 2]
    alone = score(pairs.only(few), protocol, weights, progress=False)
    expected = scores.pairs.iloc[few][list(PROTOCOL.pairs)].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.pairs[list(PROTOCOL.pairs)], expected, check_exact=True)


def test_targets_are_described_once_when_a_cache_is_given(pairs, scores, weights, tmp_path, monkeypatch):
    counts = Counter()

    def counting(image, *rest):
        counts[image.tobytes()] += 1
        return describe(image, *rest)

    monkeypatch.setattr(set_pass, "describe", counting)
    sets_alone = load_protocol("offline-v1", ["pairs=[psnr]"])
    for _ in range(2):
        found = score(pairs, sets_alone, weights, workers=1, progress=False, feature_cache=tmp_path)
        assert found.sets == scores.sets
    assert [counts[target.tobytes()] for target in pairs.targets] == [1] * 12
    assert [counts[image.tobytes()] for image in pairs.generated_images] == [2] * 7 + [0] + [2] * 3 + [0]
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".rows"]


def test_equal_images_are_perfect(weights):
    targets = crops(4)
    found = score(Pairs.whole(targets, targets), PROTOCOL.model_copy(update={"sets": None}), weights, progress=False)
    means = found.pairs[list(PROTOCOL.pairs)].mean()
    assert means["psnr"] == 100
    assert means[["ssim", "m_ssim", "box_ssim", "bg_ssim", "id_target"]].to_numpy() == pytest.approx(1)
    keys = ["lpips", "m_lpips", "box_lpips", "bg_lpips", "lpips_vgg", "copy_rate"]
    assert means[keys].to_numpy() == pytest.approx(0, abs=1e-9)


def test_who_returns_the_reference_copies_in_every_pair(weights):
    protocol = load_protocol("offline-v1", ["pairs=[copy_rate, id_reference, id_target]", "sets=null"])
    pairs = Pairs.whole(noisy(crops(4)), crops(4))
    copied = score(pairs.but(generated_images=pairs.references), protocol, weights, progress=False).pairs
    assert copied["copy_rate"].tolist() == [1] * 4
    assert copied["id_reference"].to_numpy() == pytest.approx(1) and (copied["id_target"] < 0.999).all()
    assert not score(pairs, protocol, weights, progress=False).pairs["copy_rate"].any()


def test_few_images_leave_the_undefined_out_and_say_so(weights):
    targets = crops(3)
    found = score(Pairs.whole(noisy(targets), targets), PROTOCOL, weights, progress=False)
    assert set(found.sets) == {"fd_efficientnet_lite0"}
    stems = ("kd", "is", "precision", "recall")
    assert set(found.skipped) == {f"{stem}_efficientnet_lite0" for stem in stems}


def test_missing_weights_stop_before_any_work(pairs, empty_store):
    class Untouchable(Pairs):
        def sample(self, index):
            raise AssertionError("read")

    wanted = "bench weights fetch alexnet vgg16 efficientnet_lite0 blazepose inception_v3_fid"
    with pytest.raises(UserError, match=wanted):
        score(Untouchable(**vars(pairs)), load_protocol("std-v1"), empty_store, progress=False)


def test_weights_of_what_these_pairs_do_not_allow_are_not_asked_for(pairs, empty_store):
    """Two folders of images have no joints and no references, so that nobody needs to fetch a judge for them."""
    protocol = load_protocol("offline-v1", ["pairs=[psnr, pck_02, id_target]", "sets=null"])
    found = score(pairs.but(references=None, joints=None), protocol, empty_store, progress=False)
    assert list(found.pairs.columns) == ["pair", "group", "psnr"]
    assert found.skipped == {"pck_02": "the pairs have no joints", "id_target": "the pairs have no reference"}


def test_metrics_that_hang_on_weights_at_hand_are_left_out_with_the_command_that_brings_them(pairs, empty_store):
    protocol = load_protocol("offline-v1", ["pairs=[psnr]", "where_available=[id_target_dinov2]", "sets=null"])
    found = score(pairs, protocol, empty_store, progress=False)
    assert found.skipped == {"id_target_dinov2": "no weights. Run: bench weights fetch dinov2_vits14"}


def test_without_masks_or_boxes_their_metrics_are_left_out_with_the_reason(pairs, empty_store):
    found = score(pairs.but(masks=[None] * 12, boxes=[None] * 12), PLAIN, empty_store, progress=False)
    assert list(found.pairs.columns) == ["pair", "group", "psnr", "ssim"]
    assert found.skipped == {"m_ssim": "the pairs have no mask", "box_ssim": "the pairs have no box"}


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
    assert "m_ssim" not in found.pairs and found.skipped == {"m_ssim": "M-SSIM applies to no pair"}


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


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_images_have_a_number_for_every_pair_metric(weights, value):
    """Black, grey and white answers, and black targets: nothing divides by what is not there."""
    targets = crops(2)
    targets[1] = 0
    protocol = PROTOCOL.model_copy(update={"sets": None})
    found = score(Pairs.whole(np.full_like(targets, value), targets), protocol, weights, progress=False)
    assert np.isfinite(found.pairs[list(PROTOCOL.pairs)].to_numpy()).all() and not found.skipped
    assert found.pairs["pck_02"].tolist() == [0, 0], "a person who is not found has every joint wrong"
    if value == 0:
        assert found.pairs.loc[1, ["ssim", "lpips", "psnr"]].tolist() == pytest.approx([1, 0, 100], abs=1e-9)


def test_the_metrics_of_others_scripts_refuse_a_flat_image_and_name_the_pair(empty_store):
    protocol = load_protocol("patn-2019", ["sets=null"])
    black = Pairs.whole(np.zeros_like(crops(2)), crops(2))
    with pytest.raises(UserError, match="pair clip_0000: SSIM needs a data range above 0"):
        score(black, protocol, empty_store, progress=False)


def test_the_keypoint_mask_is_drawn_where_the_protocol_says_so_and_the_stored_one_elsewhere(empty_store):
    pairs = Pairs.whole(noisy(crops(2)), crops(2))
    protocol = load_protocol("mrnet-2020", ["pairs=[m_ssim_script, m_ssim_text]", "sets=null"])
    stored = score(pairs, protocol, empty_store, progress=False).pairs
    drawn = score(pairs.but(dataset="market", masks=[None] * 2), protocol, empty_store, progress=False).pairs
    assert (stored["m_ssim_script"] != drawn["m_ssim_script"]).all()
    other = [np.zeros_like(mask) for mask in pairs.masks]
    again = score(pairs.but(dataset="market", masks=other), protocol, empty_store, progress=False).pairs
    pd.testing.assert_frame_equal(again, drawn)
