"""Peak signal-to-noise ratio: 10 · log10(R² / MSE) over all RGB values, R = data_range (255), at most cap_db.

Computed by scikit-image. The cap gives two equal images a finite value, so that means stay finite.
"""

from __future__ import annotations

import numpy as np

from harness.metrics.protocol import PsnrConstants


def psnr(generated: np.ndarray, target: np.ndarray, constants: PsnrConstants) -> float:
    """PSNR in dB of two (H, W, 3) uint8 images of one size."""
    from skimage.metrics import peak_signal_noise_ratio

    if np.array_equal(generated, target):
        return constants.cap_db
    value = peak_signal_noise_ratio(target, generated, data_range=constants.data_range)
    return float(min(value, constants.cap_db))
