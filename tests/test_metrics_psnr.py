"""PSNR against scikit-image, and its conventions."""

import numpy as np
import pytest
from natural_images import crops, noisy
from skimage.metrics import peak_signal_noise_ratio

from harness.metrics.protocol import load_protocol
from harness.metrics.psnr import psnr

CONSTANTS = load_protocol("offline-v1").psnr


def test_agrees_with_scikit_image():
    for target, generated in zip(crops(6), crops(6, seed=1), strict=True):
        expected = peak_signal_noise_ratio(target, generated, data_range=255)
        assert psnr(generated, target, CONSTANTS) == pytest.approx(expected, abs=1e-6)


def test_equal_images_have_the_cap_and_nothing_exceeds_it():
    image = crops(1)[0]
    assert psnr(image, image.copy(), CONSTANTS) == 100


def test_the_range_is_255_whatever_the_images_contrast():
    dark = (crops(1)[0] // 8).astype(np.uint8)
    error = noisy(dark, strength=2)
    mse = np.mean((dark.astype(float) - error) ** 2)
    assert psnr(error, dark, CONSTANTS) == pytest.approx(10 * np.log10(255**2 / mse))
