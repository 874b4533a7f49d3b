"""Telea: the person painted over by OpenCV's fast marching inpainting (Telea, 2004). The inpainter that learns nothing.

Like every inpainter it answers with the reference whose person box is filled from around it: the scene without the
person, and all outside the box as it was.
"""

from __future__ import annotations

import numpy as np
import torch

from methods.base import Condition, Method, Synthesis
from methods.cards import TELEA
from methods.views import crop_windows

RADIUS_PX = 3.0
"""How far around a pixel its neighbours are looked at; OpenCV's own examples use 3."""

_GREY_LEVELS = 255


class TeleaMethod(Method):
    """OpenCV's `INPAINT_TELEA` over the reference's person box."""

    card = TELEA

    def synthesize(self, condition: Condition) -> Synthesis:
        windows, _ = crop_windows(condition)
        filled = [_filled(image, window) for image, window in zip(condition.image.cpu(), windows.tolist(), strict=True)]
        return Synthesis(image=torch.stack(filled).to(condition.image.device))


def _filled(image: torch.Tensor, window: list[int]) -> torch.Tensor:
    """One image (3, H, W) in [-1, 1] with the window's pixels, xyxy, inpainted; the mean colour where nothing is left
    around the window."""
    import cv2

    left, top, right, bottom = window
    levels = ((image.permute(1, 2, 0).numpy() + 1) * (_GREY_LEVELS / 2)).round().clip(0, _GREY_LEVELS)
    if (left, top, right, bottom) == (0, 0, levels.shape[1], levels.shape[0]):
        return image.mean(dim=(1, 2), keepdim=True).expand_as(image).clone()  # OpenCV would give the image back
    hole = np.zeros(levels.shape[:2], dtype=np.uint8)
    hole[top:bottom, left:right] = 1
    painted = cv2.inpaint(np.ascontiguousarray(levels.astype(np.uint8)), hole, RADIUS_PX, cv2.INPAINT_TELEA)
    result = image.clone()
    inside = torch.from_numpy(painted[top:bottom, left:right].astype(np.float32)).permute(2, 0, 1)
    result[:, top:bottom, left:right] = inside * (2 / _GREY_LEVELS) - 1
    return result
