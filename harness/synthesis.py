"""A method's image of one pair, held to the contract: shape, finite, in [-1, 1] (DESIGN §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness import images
from methods.base import Synthesis, SynthesisFailed

if TYPE_CHECKING:
    from torch import Tensor

    from methods.base import Condition, Method

RANGE_TOLERANCE = 1e-2
"""How far past [-1, 1] rounding may carry a method's output."""


class ContractBroken(Exception):
    """A method's image is not what the contract asks for; the text says how."""


def answer(method: Method, condition: Condition) -> Synthesis:
    """What the method gives for a condition. ContractBroken where that is no Synthesis with an image of floats."""
    try:
        found = method.synthesize(condition)
    except SystemExit as error:
        raise ContractBroken("synthesize calls sys.exit") from error
    except SynthesisFailed as error:
        raise ContractBroken(str(error)) from error
    return checked(found)


def checked(found: object) -> Synthesis:
    """What a method gave. ContractBroken where it is no Synthesis with an image of floats."""
    from torch import Tensor

    if not isinstance(found, Synthesis):
        raise ContractBroken(f"synthesize gave a {type(found).__name__}; a methods.base.Synthesis is needed")
    if not isinstance(found.image, Tensor) or not found.image.is_floating_point():
        kind = found.image.dtype if isinstance(found.image, Tensor) else type(found.image).__name__
        raise ContractBroken(f"synthesize gave an image of {kind}; a tensor of floats is needed")
    return found


def problem(image: Tensor, count: int, size_px: tuple[int, int]) -> str | None:
    """What is wrong with a method's images, in words; None where nothing is.

    image: what `synthesize` gave for `count` pairs of (height, width) pixels: (count, 3, H, W), finite, in [-1, 1].
    """
    wanted = (count, 3, *size_px)
    if tuple(image.shape) != wanted:
        return f"synthesize gave shape {tuple(image.shape)}, expected {wanted}"
    if not bool(image.isfinite().all()):
        return "synthesize gave values that are not finite"
    peak = float(image.abs().max())
    if peak > 1 + RANGE_TOLERANCE:
        return f"images are expected in [-1, 1], found a value of magnitude {peak:.4g}"
    return None


def person_of(masks: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of a pair's `Synthesis.masks` (1, K, H, W): white where the reference is not background."""
    person = (1 - masks[0, 0]).clamp(0, 1)
    return images.to_uint8((2 * person - 1).expand(3, -1, -1))


def image_of(method: Method, condition: Condition) -> np.ndarray:
    """(H, W, 3) uint8, the method's image for a condition of one pair. Raises ContractBroken."""
    return pixels_of(method, answer(method, condition))


def pixels_of(method: Method, found: Synthesis) -> np.ndarray:
    """(H, W, 3) uint8 of what a method gave for one pair. Raises ContractBroken."""
    image = checked(found).image
    wrong = problem(image, 1, method.info.size_px)
    if wrong is not None:
        raise ContractBroken(f"{method.card.name}: {wrong}")
    return images.to_uint8(image[0])
