"""What the conventions of the field's scripts do to a number, in words and in figures (metrics.md §0)."""

import numpy as np
import pytest
from natural_images import crops, person_mask
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from harness.errors import UserError
from harness.metrics.lpips import Lpips
from harness.metrics.masked_ssim import boxed_masked_ssim, grown, masked_ssim
from harness.metrics.protocol import load_protocol
from harness.metrics.regions import mean_outside, mean_over_mask
from harness.metrics.sample import Sample, prepared, stretched
from harness.metrics.ssim import ssim

STANDARD, SCRIPT = load_protocol("std-v1"), load_protocol("mrnet-2020")


@pytest.fixture(scope="module")
def target():
    return crops(1, 128)[0]


def small_person():
    """An ellipse of 2.9 % of a frame of 128×128, and its box."""
    rows, columns = np.mgrid[:128, :128] - 63.5
    mask = (rows / 24) ** 2 + (columns / 6.3) ** 2 <= 1
    inside = np.argwhere(mask)
    (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0) + 1
    return mask, np.array([left, top, right, bottom], dtype=np.float32)


def test_over_the_whole_frame_a_person_of_noise_scores_above_nine_tenths_over_its_mask_nothing(target):
    mask, box = small_person()
    noise = np.random.default_rng(0).integers(0, 256, target.shape, dtype=np.uint8)
    generated = np.where(mask[..., None], noise, target)
    assert 0.028 < mask.mean() < 0.03
    assert masked_ssim(generated, target, mask, SCRIPT.ssim) > 0.9
    over_mask = mean_over_mask(ssim(generated, target, STANDARD.ssim).map, mask)
    assert abs(over_mask) < 0.1
    inside_box = boxed_masked_ssim(generated, target, mask, box, SCRIPT.ssim, SCRIPT.masked_ssim)
    assert inside_box < 0.5, "the two of the paper's definitions are far apart"


def test_a_blurred_image_wins_ssim_and_not_lpips(target, weights):
    """Against the same picture shifted by two pixels, which looks right and is not where it should be."""
    blurred = np.rint(gaussian_filter(target.astype(float), (2, 2, 0))).astype(np.uint8)
    shifted = np.roll(target, 2, axis=1)
    lpips = Lpips(weights.state_dict("alexnet"), STANDARD.lpips)
    assert ssim(blurred, target, STANDARD.ssim).value > ssim(shifted, target, STANDARD.ssim).value
    assert lpips(blurred, target).value > lpips(shifted, target).value


def test_stretching_hides_an_error_of_contrast(target):
    pale = np.rint(target * 0.6 + 40).astype(np.uint8)
    plain = ssim(pale, target, STANDARD.ssim).value
    assert ssim(stretched(pale), stretched(target), STANDARD.ssim).value > plain + 0.02


def test_the_generated_images_own_range_changes_the_number_and_is_scikit_images(target):
    pale = np.rint(target * 0.6 + 40).astype(np.uint8)
    value = ssim(pale, target, SCRIPT.ssim).value
    span = float(pale.max()) - float(pale.min())
    expected = structural_similarity(
        target, pale, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=span, channel_axis=2
    )
    assert value == pytest.approx(expected, abs=1e-6)
    assert value < ssim(pale, target, STANDARD.ssim).value - 0.001


def test_a_masked_image_that_is_black_is_an_error_where_scripts_give_nan(target):
    mask, _ = small_person()
    with pytest.raises(UserError, match="range"):
        masked_ssim(np.zeros_like(target), target, mask, SCRIPT.ssim)
    with pytest.raises(UserError, match="mask is empty"):
        masked_ssim(target, target, np.zeros_like(mask), SCRIPT.ssim)
    with pytest.raises(UserError, match="must be equal"):
        masked_ssim(target, target, mask[:64], SCRIPT.ssim)


def test_a_mask_stored_as_255_is_a_mask_of_ones(target):
    mask = person_mask(128)
    value = masked_ssim(stretched(target), target, mask, SCRIPT.ssim)
    assert masked_ssim(stretched(target), target, mask.astype(np.uint8) * 255, SCRIPT.ssim) == value


def test_the_masked_value_is_scikit_images_on_masked_images(target):
    mask, _ = small_person()
    generated = np.roll(target, 3, axis=0)
    masked = generated * mask[..., None]
    expected = structural_similarity(
        target * mask[..., None], masked, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=float(masked.max()) - float(masked.min()), channel_axis=2,
    )  # fmt: skip
    assert masked_ssim(generated, target, mask, SCRIPT.ssim) == pytest.approx(expected, abs=1e-6)


def test_a_box_narrower_than_the_window_grows_about_its_middle_and_stays_inside():
    assert grown((slice(50, 60), slice(10, 14)), 11, (128, 64)) == (slice(50, 61), slice(7, 18))
    assert grown((slice(0, 3), slice(61, 64)), 11, (128, 64)) == (slice(0, 11), slice(53, 64))
    assert grown((slice(5, 60), slice(0, 64)), 11, (128, 64)) == (slice(5, 60), slice(0, 64))


def test_stretching_moves_the_least_to_0_and_the_greatest_to_255_and_truncates():
    image = np.array([[[10, 20, 21]]], dtype=np.uint8)
    assert stretched(image).tolist() == [[[0, 231, 255]]]  # 10 / 11 of 255 is 231.8
    assert not stretched(np.full((4, 4, 3), 9, dtype=np.uint8)).any()


def test_a_white_square_moves_positions_along(target):
    narrow = target[:, :80]
    joints = np.array([[3.0, 5.0], [np.nan, np.nan]], dtype=np.float32)
    box = np.array([2, 4, 30, 100], dtype=np.float32)
    mask = np.ones((128, 80), dtype=bool)
    sample = Sample(narrow, narrow, mask, box, narrow, box, joints)
    assert prepared(sample, load_protocol("patn-2019").images, "market") is sample
    squared = prepared(sample, load_protocol("patn-2019").images, "deepfashion")
    assert squared.target.shape == (128, 128, 3) and (squared.target[:, :24] == 255).all()
    assert (squared.target[:, 24:104] == narrow).all() and (squared.generated[:, 104:] == 255).all()
    assert squared.box.tolist() == [26, 4, 54, 100] and squared.joints[0].tolist() == [27, 5]
    assert np.isnan(squared.joints[1]).all() and squared.mask.sum() == mask.sum()


def test_outside_both_boxes_is_the_background():
    values = np.arange(16.0).reshape(4, 4)
    left, right = np.array([0, 0, 2, 4]), np.array([3, 0, 4, 4])
    assert mean_outside(values, (left, right)) == values[:, 2].mean()
    assert np.isnan(mean_outside(values, (left, np.array([2, 0, 4, 4]))))
