"""What surfaces look like: a material is two colours and a pattern, painted by place on the body part.

Coordinates are in body heights: u across the part (towards the person's left), v along it (up the trunk and the head,
down a limb), w to its front. A pattern is a function of these alone, so that it moves with the body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
"""RGB, 0 to 255."""


@dataclass(frozen=True)
class Material:
    """colours: base first, then what the pattern needs. folds: how much light varies over it, as cloth does.

    gloss: strength of highlights. size: of the pattern, body heights.
    """

    colours: tuple[Colour, ...]
    pattern: str = "plain"
    size: float = 0.03
    folds: float = 0.0
    gloss: float = 0.0


def paint(material: Material, local: np.ndarray) -> np.ndarray:
    """Colours (N, 3) float32 at places (N, 3) = (u, v, w) of a material."""
    colours = np.asarray(material.colours, np.float32)
    share = _PATTERNS[material.pattern](local, material.size)
    if share.dtype == np.intp:  # an index into the colours
        return colours[share]
    return colours[0] + share[:, None] * (colours[min(1, len(colours) - 1)] - colours[0])


def folds(local: np.ndarray) -> np.ndarray:
    """Light and shade of creases, (N,) about 0 within ±1."""
    u, v, w = (local * 2 * np.pi).T
    return (np.sin(11 * v + 7 * np.sin(9 * u)) + np.sin(23 * u - 13 * v + 4 * w) + np.sin(31 * v + 17 * w)) / 3


# --- patterns: (places, size) to shares of the second colour (N,) float32, or colour indices (N,) intp


def _plain(local: np.ndarray, size: float) -> np.ndarray:
    return np.zeros(len(local), np.float32)


def _stripes(local: np.ndarray, size: float) -> np.ndarray:
    """Around the part."""
    return (np.mod(local[:, 1] / size, 1) < 0.45).astype(np.float32)


def _bars(local: np.ndarray, size: float) -> np.ndarray:
    """Down the part."""
    return (np.mod(local[:, 0] / size, 1) < 0.35).astype(np.float32)


def _checks(local: np.ndarray, size: float) -> np.ndarray:
    """Tartan: both, half mixed."""
    return (_stripes(local, size) + (np.mod(local[:, 0] / size, 1) < 0.45)) / np.float32(2)


def _dots(local: np.ndarray, size: float) -> np.ndarray:
    u, v = (np.mod(local[:, axis] / size, 1) - 0.5 for axis in (0, 1))
    return (u * u + v * v < 0.3**2).astype(np.float32)


_LOGO_HEIGHT, _BACK_HEIGHT = 0.215, 0.2  # above the pelvis


def _logo(local: np.ndarray, size: float) -> np.ndarray:
    """A badge on the chest, a broad bar on the back."""
    u, v, w = local.T
    front = (w > 0) & (u**2 + (v - _LOGO_HEIGHT) ** 2 < size**2)
    back = (w < 0) & (np.abs(u) < 1.6 * size) & (np.abs(v - _BACK_HEIGHT) < 0.6 * size)
    return (front | back).astype(np.float32)


def _halves(local: np.ndarray, size: float) -> np.ndarray:
    """Upper part in the second colour."""
    return (local[:, 1] > 5 * size).astype(np.float32)


def _open_front(local: np.ndarray, size: float) -> np.ndarray:
    """A jacket whose front shows the shirt below it (second colour), with a dark edge (third)."""
    edge = np.abs(local[:, 0]) - size
    front = local[:, 2] > 0
    return np.where(front & (edge < 0), 1, np.where(front & (edge < 0.005), 2, 0)).astype(np.intp)


def _buttons(local: np.ndarray, size: float) -> np.ndarray:
    """A shirt's front edge and buttons."""
    u, v, w = local.T
    edge = (w > 0) & (np.abs(u - 0.008) < 0.0015)
    button = (w > 0) & (u**2 + (np.mod(v, 0.04) - 0.02) ** 2 < 0.004**2)
    return (edge | button).astype(np.float32)


def _jeans(local: np.ndarray, size: float) -> np.ndarray:
    """Washed out to the front of the thighs, with a seam at the side."""
    u, v, w = local.T
    wash = np.clip(w / 0.06, 0, 1) * np.exp(-(((v - 0.12) / 0.1) ** 2)) * 0.8
    return np.where(np.abs(w) < 0.002, 0.9, wash).astype(np.float32)


def _side_band(local: np.ndarray, size: float) -> np.ndarray:
    """Sports trousers: a band down the outer and inner side."""
    return (np.abs(local[:, 2]) < 0.3 * size).astype(np.float32)


def _strands(local: np.ndarray, size: float) -> np.ndarray:
    u, v, w = local.T
    return (0.5 + 0.5 * np.sin(700 * u + 260 * w + 9 * np.sin(60 * v))).astype(np.float32)


def _sole(local: np.ndarray, size: float) -> np.ndarray:
    """A shoe: a sole in the second colour."""
    return (local[:, 2] < -0.35 * size).astype(np.float32)


HEAD_HALF_HEIGHT = 0.066
"""Of an average head, body heights."""
HEAD_ACROSS, HEAD_DEEP = 0.75, 0.86
"""Half axes of a head, in half heights of it."""

# the face, in half axes of the head
_EYE_U, _EYE_V, _EYE_SIZE = 0.42, 0.04, (0.19, 0.1)
_IRIS, _BROW, _MOUTH = 0.1, (0.24, 0.25, 0.05), (-0.55, 0.32, 0.065)
_WHITE_INDEX, _IRIS_INDEX, _BROW_INDEX, _MOUTH_INDEX, _BEARD_INDEX = range(1, 6)  # 0 is skin


def _face(local: np.ndarray, size: float, bearded: bool = False) -> np.ndarray:
    """Eyes, brows and a mouth on skin; size: half the height of the head. Colours in the order of the indices above."""
    u, v, w = (local / (HEAD_ACROSS * size, size, HEAD_DEEP * size)).T
    front = w > 0
    index = np.zeros(len(local), np.intp)
    if bearded:
        jaw = (v < -0.42 - 0.2 * np.clip(w, -0.2, 1)) & (w > -0.3)
        moustache = front & (np.abs(v + 0.44) < 0.04) & (np.abs(u) < 0.3)
        index[jaw | moustache] = _BEARD_INDEX
    across = np.abs(u) - _EYE_U
    index[front & ((across / _EYE_SIZE[0]) ** 2 + ((v - _EYE_V) / _EYE_SIZE[1]) ** 2 < 1)] = _WHITE_INDEX
    index[front & (across**2 + (v - _EYE_V) ** 2 < _IRIS**2)] = _IRIS_INDEX
    brow_v, brow_width, brow_height = _BROW
    index[front & (np.abs(across) < brow_width) & (np.abs(v - brow_v + 0.2 * across**2) < brow_height)] = _BROW_INDEX
    mouth_v, mouth_width, mouth_height = _MOUTH
    index[front & (np.abs(u) < mouth_width) & (np.abs(v - mouth_v - 0.3 * u**2) < mouth_height)] = _MOUTH_INDEX
    return index


def _bearded_face(local: np.ndarray, size: float) -> np.ndarray:
    return _face(local, size, bearded=True)


_PATTERNS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "plain": _plain,
    "stripes": _stripes,
    "bars": _bars,
    "checks": _checks,
    "dots": _dots,
    "logo": _logo,
    "halves": _halves,
    "open_front": _open_front,
    "buttons": _buttons,
    "jeans": _jeans,
    "side_band": _side_band,
    "strands": _strands,
    "sole": _sole,
    "face": _face,
    "bearded_face": _bearded_face,
}
