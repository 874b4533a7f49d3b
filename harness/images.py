"""The one map between image tensors in [-1, 1] and uint8 PNG files: u = round((x + 1) · 127.5), x = u / 127.5 - 1."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UserError
from mrnet import files

if TYPE_CHECKING:
    import PIL.Image
    from torch import Tensor

LOSSLESS = (".png", ".bmp", ".tif", ".tiff")
LOSSY = (".jpg", ".jpeg", ".webp")
"""Endings of the image files that are read."""

Box = tuple[float, float, float, float]

_LOSSY_FORMATS = ("JPEG", "MPO", "WEBP")  # whatever the file is called

_HALF_RANGE = 127.5
_BUFFER = re.compile(r"<_io\.BytesIO object at \w+>")

_UNREADABLE = (OSError, SyntaxError, ValueError)
"""What PIL raises for files that are missing, damaged or no images."""


def to_uint8(tensor: Tensor) -> np.ndarray:
    """(…, 3, H, W) float in [-1, 1] to (…, H, W, 3) uint8; values outside are clamped, never stretched.

    Raises ValueError for a value that is not finite or a wrong shape.
    """
    import torch

    if tensor.ndim < 3 or tensor.shape[-3] != 3:
        raise ValueError(f"expected (…, 3, H, W), got {tuple(tensor.shape)}")
    values = tensor.detach().to("cpu", torch.float32)
    if not torch.isfinite(values).all():
        raise ValueError("an image holds a value that is not finite")
    scaled = ((values + 1) * _HALF_RANGE).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(scaled.movedim(-3, -1).numpy())


def from_uint8(array: np.ndarray) -> Tensor:
    """(…, H, W, 3) uint8 to (…, 3, H, W) float32 in [-1, 1]; `to_uint8` gives the same bytes back."""
    import torch

    if array.dtype != np.uint8 or array.ndim < 3 or array.shape[-1] != 3:
        raise ValueError(f"expected (…, H, W, 3) uint8, got {array.shape} {array.dtype}")
    values = torch.from_numpy(np.array(array)).movedim(-1, -3).contiguous().float()
    return values.div_(_HALF_RANGE).sub_(1)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write an (H, W, 3) uint8 image so that `path` never holds a part of it."""
    from PIL import Image

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected (H, W, 3) uint8, got {image.shape} {image.dtype}")
    with files.replacing(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG")


def read_image(path: Path, size_px: tuple[int, int] | None = None) -> np.ndarray:
    """An 8-bit RGB image as (H, W, 3) uint8; `size_px` is the expected (height, width).

    Raises UserError for a missing or damaged file, another mode than RGB, or another size.
    """
    pixels, mode, _ = _read(path)
    if mode != "RGB":
        raise UserError(f"{path} is a {mode} image; 8-bit RGB is needed")
    return _of_size(path, pixels, size_px)


def read_upright(path: Path) -> np.ndarray:
    """A picture of any 8-bit mode as (H, W, 3) uint8 RGB, turned as its EXIF orientation says.

    UserError as `read_image`, and for pictures with transparent parts: what they hide is nobody's picture.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            _check_8_bit(path, image)
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data and np.array(upright.convert("RGBA"))[..., 3].min() < np.iinfo("u1").max:
                raise UserError(f"{path} has transparent parts; give it a background")
            return np.array(upright.convert("RGB"))
    except (*_UNREADABLE, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def read_bytes(path: Path) -> bytes:
    """A file's bytes. UserError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def decoded(path: Path, data: bytes) -> np.ndarray:
    """The 8-bit image in `data`, (H, W, 3) uint8 RGB, of any mode without transparency. path: for the error's text.

    UserError for what is truncated or no image.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_8_bit(path, image)
            return np.array(image.convert("RGB"))
    except (*_UNREADABLE, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def resized(image: np.ndarray, size_px: tuple[int, int], box: Box | None = None) -> np.ndarray:
    """An (h, w, 3) uint8 image at (height, width), by PIL's bicubic filter, which antialiases; as it is if it fits.

    box: the part of it to take, xyxy in pixels, fractions allowed.
    """
    from PIL import Image

    if image.shape[:2] == tuple(size_px) and box is None:
        return image
    return np.asarray(Image.fromarray(image).resize(size_px[::-1], Image.Resampling.BICUBIC, box=box))


def resized_mask(mask: np.ndarray, size_px: tuple[int, int], box: Box | None = None) -> np.ndarray:
    """An (h, w) mask of {0, 1} at (height, width), uint8: a pixel is person if at least half of its area is."""
    from PIL import Image

    if mask.shape == tuple(size_px) and box is None:
        return mask.astype(np.uint8)
    share = Image.fromarray(mask.astype(np.float32)).resize(size_px[::-1], Image.Resampling.BOX, box=box)
    return (np.asarray(share) >= 0.5).astype(np.uint8)


def read_mask(path: Path, size_px: tuple[int, int] | None = None) -> np.ndarray:
    """A person mask as (H, W) uint8 in {0, 1}: 1 where the file is not black (0, or palette entry 0).

    Raises UserError as `read_image`, for a lossy file (its black is not quite black) and for colours.
    """
    pixels, mode, kind = _read(path)
    if path.suffix.lower() in LOSSY or kind in _LOSSY_FORMATS:
        raise UserError(f"{path} is in a lossy format, in which black is not quite black; a mask is a PNG or BMP")
    if pixels.ndim == 3:
        if mode != "RGB" or (pixels != pixels[..., :1]).any():
            raise UserError(f"{path} is a {mode} image; a mask has one channel or three equal ones, and no alpha")
        pixels = pixels[..., 0]
    return _of_size(path, (pixels != 0).astype(np.uint8), size_px)


def _read(path: Path) -> tuple[np.ndarray, str, str | None]:
    """Pixels of an image file, PIL's mode and the name of its format."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            _check_8_bit(path, image)
            return np.array(image), image.mode, image.format
    except (*_UNREADABLE, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def _check_8_bit(path: Path, image: PIL.Image.Image) -> None:
    """PIL reads 16-bit colours as 8 bits, and the first frame of several, without a word."""
    deep = image.mode.startswith(("I", "F")) or any(";16" in str(tile[3]) for tile in image.tile)
    if deep:
        raise UserError(f"{path} has more than 8 bits a channel; an 8-bit image is needed")
    if getattr(image, "n_frames", 1) > 1:
        raise UserError(f"{path} has {image.n_frames} frames; a single image is needed")


def _unreadable(path: Path, error: Exception) -> UserError:
    if isinstance(error, FileNotFoundError):
        return UserError(f"no image at {path}")
    return UserError(f"{path} is not a readable image: {_BUFFER.sub('the file', str(error))}")


def _of_size(path: Path, pixels: np.ndarray, size_px: tuple[int, int] | None) -> np.ndarray:
    if size_px is not None and pixels.shape[:2] != tuple(size_px):
        found, wanted = pixels.shape[:2], tuple(size_px)
        raise UserError(f"{path} is {found[0]}×{found[1]}; {wanted[0]}×{wanted[1]} is needed")
    return pixels
