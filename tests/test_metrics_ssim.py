"""SSIM against scikit-image, and what M-SSIM and box-SSIM mean."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from natural_images import crops, noisy, person_mask
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from harness.errors import UserError
from harness.metrics.protocol import load_protocol
from harness.metrics.regions import box_slices, mean_over_box, mean_over_mask
from harness.metrics.ssim import ssim, ssim_in_range

CONSTANTS = load_protocol("offline-v1").ssim


def by_the_formula(x, y):
    """The SSIM map of one channel, written out; `reflect` of scipy is d c b a | a b c d | d c b a."""

    def blur(image):
        return gaussian_filter(image, 1.5, truncate=3.5, mode="reflect")

    x, y = x.astype(float), y.astype(float)
    mean_x, mean_y = blur(x), blur(y)
    variance_x, variance_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance * (2 * covariance + c2) / (variance_x + variance_y + c2)


def by_scikit_image(generated, target, data_range=255):
    value, maps = structural_similarity(
        target,
        generated,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=data_range,
        channel_axis=2,
        full=True,
    )
    return value, maps.mean(axis=2)


@pytest.mark.parametrize("size_px", [(64, 64), (11, 11), (11, 40), (99, 64), (37, 53)])
@pytest.mark.parametrize("data_range", [255, 81.5])
def test_value_and_map_are_scikit_images(size_px, data_range):
    height, width = size_px
    for target, generated in zip(crops(3, 99), crops(3, 99, seed=1), strict=True):
        x, y = generated[:height, :width], target[:height, :width]
        value, values = by_scikit_image(x, y, data_range)
        found = ssim_in_range(x, y, CONSTANTS, data_range)
        assert found.value == pytest.approx(value, abs=1e-9)
        np.testing.assert_allclose(found.map, values, rtol=0, atol=1e-9)


def test_flat_and_extreme_images_are_scikit_images_too():
    flat = [np.full((20, 20, 3), value, np.uint8) for value in (0, 1, 128, 255)]
    checks = (np.indices((20, 20)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    for x in (*flat, checks):
        for y in (*flat, checks, 255 - checks):
            value, values = by_scikit_image(x, y)
            found = ssim(x, y, CONSTANTS)
            assert found.value == pytest.approx(value, abs=1e-6)
            np.testing.assert_allclose(found.map, values, rtol=0, atol=1e-6)


def test_a_map_is_the_callers_own_and_threads_do_not_share_their_work():
    images = list(zip(crops(16), crops(16, seed=1), strict=True))
    alone = [ssim(x, y, CONSTANTS) for x, y in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: ssim(*pair, CONSTANTS), images * 4))
    for index, found in enumerate(together):
        assert found.value == alone[index % 16].value
        np.testing.assert_array_equal(found.map, alone[index % 16].map)


@pytest.mark.parametrize("data_range", [0.0, -1.0, float("nan")])
def test_a_range_of_nothing_is_refused_and_gives_no_nan(data_range):
    flat = np.full((16, 16, 3), 7, np.uint8)
    with pytest.raises(UserError, match="data range above 0"):
        ssim_in_range(flat, flat, CONSTANTS, data_range)


def test_the_map_is_full_size_symmetrically_padded_and_its_inner_mean_is_the_value():
    target, generated = crops(1)[0], noisy(crops(1))[0]
    found = ssim(generated, target, CONSTANTS)
    expected = np.mean([by_the_formula(target[..., c], generated[..., c]) for c in range(3)], axis=0)
    np.testing.assert_allclose(found.map, expected, atol=1e-9)
    assert found.map[5:-5, 5:-5].mean() == pytest.approx(found.value, abs=1e-9)


def test_an_identical_person_scores_1_in_any_region():
    image, mask = crops(1)[0], person_mask()
    found = ssim(image, image, CONSTANTS)
    assert found.value == pytest.approx(1)
    assert mean_over_mask(found.map, mask) == pytest.approx(1)
    assert mean_over_box(found.map, [10, 10, 50, 60]) == pytest.approx(1)


def test_noise_behind_the_person_leaves_m_ssim_nearly_unchanged_and_noise_on_the_person_does_not():
    image, mask = crops(1)[0], person_mask()
    noise = noisy(crops(1), strength=60)[0]
    behind = ssim(np.where(mask[..., None], image, noise), image, CONSTANTS)
    on = ssim(np.where(mask[..., None], noise, image), image, CONSTANTS)
    # what changes is the rim, where the window reaches over the outline
    assert mean_over_mask(behind.map, mask) > 0.85 > 0.6 > behind.value
    assert mean_over_mask(on.map, mask) < 0.5 < on.value


def test_whole_frame_averaging_cannot_return():
    """A person replaced by noise on an unchanged background is a failure, not 0.9 (metrics.md, finding 1)."""
    image = crops(1)[0]
    mask = np.zeros((64, 64), bool)
    mask[24:40, 28:36] = True
    found = ssim(np.where(mask[..., None], noisy(image, strength=150), image), image, CONSTANTS)
    assert found.value > 0.9
    assert mean_over_mask(found.map, mask) < 0.35


def test_a_box_is_the_pixels_it_touches_end_exclusive_and_clipped():
    assert box_slices(np.array([2.0, 3.0, 5.0, 7.0]), (20, 10)) == (slice(3, 7), slice(2, 5))
    assert box_slices(np.array([2.5, 3.9, 5.1, 7.0]), (20, 10)) == (slice(3, 7), slice(2, 6))
    assert box_slices(np.array([-4.0, -1.0, 50.0, 60.0]), (20, 10)) == (slice(0, 20), slice(0, 10))


@pytest.mark.parametrize(
    ("box", "message"),
    [([12.0, 0, 20, 5], "holds no pixel"), ([3, 3, 3, 9], "holds no pixel"), ([np.nan, 0, 5, 5], "four finite")],
)
def test_a_box_without_pixels_is_refused(box, message):
    with pytest.raises(UserError, match=message):
        mean_over_box(np.ones((20, 10)), np.array(box))


def test_a_mask_of_another_size_or_without_a_pixel_is_refused():
    with pytest.raises(UserError, match="mask is 32×32, the image 64×64"):
        mean_over_mask(np.ones((64, 64)), np.ones((32, 32), bool))
    with pytest.raises(UserError, match="mask is empty"):
        mean_over_mask(np.ones((64, 64)), np.zeros((64, 64), np.uint8))


def test_a_mask_of_255_is_the_same_mask():
    values = np.random.default_rng(0).random((64, 64))
    mask = person_mask()
    assert mean_over_mask(values, mask.astype(np.uint8) * 255) == mean_over_mask(values, mask)


def test_an_image_smaller_than_the_window_is_refused():
    small = crops(1, size_px=10)[0]
    with pytest.raises(UserError, match="10×10; SSIM needs 11 px"):
        ssim(small, small, CONSTANTS)
