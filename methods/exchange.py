"""The folder through which a foreign program gets pairs and gives images: plain files, no target, no name.

in/pairs.csv            id, image, mask, joints: a row a pair, paths from `in`; mask is empty where there are none
in/images/<id>.png      the reference, 8-bit RGB
in/masks/<id>.png       its person mask, 8-bit grey, 255 = person
in/joints/<id>.json     both poses and boxes in pixels, 0-based pixel centres, null = missing; boxes xyxy, end-exclusive
out/<id>.png            expected: 8-bit RGB of the same size

An id is a hash of what the pair shows the program, so it tells nothing more than that, is the same in every run, and
puts the pairs in an order of its own.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import struct
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from methods.base import Condition
from methods.card import DatasetInfo

_ID_LETTERS = 16
_HALF_RANGE = 127.5
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">8s8xIIBB")  # signature, IHDR: width, height, bits a channel, kind of colour
_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}
_RGB = 2


class BadImage(Exception):
    """An image that lacks or is not as asked for; the text says how."""


class Exchange:
    """An exchange folder in an empty folder."""

    def __init__(self, folder: Path, info: DatasetInfo):
        self.inputs, self.outputs = folder / "in", folder / "out"
        self._info = info
        for path in (self.outputs, self.inputs / "images", self.inputs / "masks", self.inputs / "joints"):
            path.mkdir(parents=True)

    def add(self, condition: Condition) -> str:
        """Write the files of one pair; its id."""
        pixels = ((condition.image[0].cpu().float() + 1) * _HALF_RANGE).round().clamp(0, 255).to(torch.uint8)
        picture = _png(np.ascontiguousarray(pixels.movedim(0, -1).numpy()))
        mask = b""
        if self._info.has_masks:
            mask = _png((condition.mask[0, 0].cpu().numpy() > 0).astype(np.uint8) * 255)
        poses = json.dumps(self._poses(condition), indent=1).encode()
        name = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in (picture, mask, poses))).hexdigest()
        name = name[:_ID_LETTERS]
        (self.inputs / "images" / f"{name}.png").write_bytes(picture)
        (self.inputs / "joints" / f"{name}.json").write_bytes(poses)
        if mask:
            (self.inputs / "masks" / f"{name}.png").write_bytes(mask)
        return name

    def list_pairs(self, names: list[str]) -> None:
        """Write `pairs.csv`: every id once."""
        with (self.inputs / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "image", "mask", "joints"))
            for name in sorted(set(names)):
                mask = f"masks/{name}.png" if self._info.has_masks else ""
                writer.writerow((name, f"images/{name}.png", mask, f"joints/{name}.json"))

    def image(self, name: str) -> Tensor:
        """The image given for a pair, (1, 3, H, W) in [-1, 1]. Raises BadImage."""
        path = self.outputs / f"{name}.png"
        if path.is_symlink() or not path.is_file():
            raise BadImage(f"out/{path.name} is missing")
        data = path.read_bytes()
        wrong = _header_problem(data, self._info.size_px)
        if wrong:
            raise BadImage(f"out/{path.name} {wrong}")
        try:
            with Image.open(io.BytesIO(data)) as opened:
                pixels = np.array(opened.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise BadImage(f"out/{path.name} is damaged or only half written") from error
        return torch.from_numpy(pixels).movedim(-1, 0)[None].contiguous().float().div_(_HALF_RANGE).sub_(1)

    def unasked(self, names: list[str]) -> list[str]:
        """Names in `out` that nobody asked for."""
        return sorted({path.name for path in self.outputs.iterdir()} - {f"{name}.png" for name in names})

    def _poses(self, condition: Condition) -> dict[str, object]:
        joints = condition.skeleton.joints
        ends = {
            "reference": (condition.joints, condition.box),
            "target": (condition.target_joints, condition.target_box),
        }
        poses: dict[str, object] = {"height_px": self._info.size_px[0], "width_px": self._info.size_px[1]}
        for end, (points, box) in ends.items():
            named = dict(zip(joints, map(_plain, points[0]), strict=True))
            poses[end] = {"joints": named, "box": _plain(box[0])}
        return poses


def _plain(values: Tensor) -> list[float] | None:
    """Numbers, or None where one is missing."""
    return [float(value) for value in values] if bool(values.isfinite().all()) else None


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def _header_problem(data: bytes, size_px: tuple[int, int]) -> str:
    """What a file's first bytes tell against it, before anything is decoded; nothing where it is as asked for."""
    if not data.startswith(_SIGNATURE) or len(data) < _HEADER.size:
        return "is no PNG"
    _, width, height, bits, colour = _HEADER.unpack(data[: _HEADER.size])
    if (colour, bits) != (_RGB, 8):
        return f"is {_COLOURS.get(colour, 'of no known colour')} with {bits} bits; 8-bit RGB is needed"
    if (height, width) != tuple(size_px):
        return f"is {height}×{width}; {size_px[0]}×{size_px[1]} is needed"
    return ""
