"""Folders of images made elsewhere, matched by file name: what can be scored, and everything that cannot, by name.

An image's name is its path inside the folder without the ending, so that `a/01.png` answers `a/01.jpg`; the folder
inside (`a`) is its group. Hidden files (`.DS_Store`) are the system's and not looked at. Targets and masks must be
whole; of the generated images those that lack or cannot be used are told apart and counted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.boxes import box_of_mask
from harness.errors import UserError, lines, some
from harness.fetch import sha256_of
from harness.images import LOSSLESS, LOSSY, read_image, read_mask
from harness.metrics.base import Need
from harness.metrics.sample import Sample
from harness.progress import track

FOLDER_OFFERS: frozenset[Need] = frozenset({"mask", "box"})
"""What the pairs of folders bring to the metrics, where there are masks."""


@dataclass(frozen=True)
class Survey:
    """Which pairs of two folders can be scored. Names are sorted.

    names: pairs to score. size_px: (height, width) of all of them. missing: targets without an image.
    boxes: (4,) xyxy of every mask, pixels, end-exclusive; empty where there are no masks.
    unusable: images that cannot be scored, with the reason. extra: images without a target.
    lossy: files among those to score, of both folders, in a lossy format.
    """

    generated: dict[str, Path]
    target: dict[str, Path]
    mask: dict[str, Path] | None
    names: tuple[str, ...]
    size_px: tuple[int, int]
    boxes: dict[str, np.ndarray]
    missing: tuple[str, ...]
    unusable: dict[str, str]
    extra: tuple[str, ...]
    lossy: tuple[str, ...]

    def hash(self, side: dict[str, Path]) -> str:
        """SHA-256 over names and file contents of the scored pairs' images on one side."""
        digest = hashlib.sha256()
        for name in self.names:
            digest.update(f"{name}\t{sha256_of(side[name])}\n".encode())
        return digest.hexdigest()


class FolderPairs:
    """The pairs of a survey: the metrics' `ScoringSet`. Boxes are those of the masks."""

    dataset = ""
    skeleton = None

    def __init__(self, survey: Survey):
        self._survey = survey
        self.offers = frozenset() if survey.mask is None else FOLDER_OFFERS

    def __len__(self) -> int:
        return len(self._survey.names)

    def pair_id(self, index: int) -> str:
        return self._survey.names[index]

    def group(self, index: int) -> str:
        return self.pair_id(index).rpartition("/")[0]

    def sample(self, index: int) -> Sample:
        survey, name = self._survey, self.pair_id(index)
        return Sample(
            generated=read_image(survey.generated[name], survey.size_px),
            target=read_image(survey.target[name], survey.size_px),
            mask=None if survey.mask is None else read_mask(survey.mask[name], survey.size_px),
            box=survey.boxes.get(name),
        )


def list_images(folder: Path, option: str) -> dict[str, Path]:
    """The images of a folder and its subfolders by name. option: the command's, for the messages.

    UserError for a folder that is not there, is empty, holds a file that is no image, or two images of one name.
    """
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"{option} {folder} {found}; a folder of images is needed")
    seen = [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    links = [str(path.relative_to(folder)) for path in seen if path.is_symlink() and not path.is_file()]
    if links:
        raise UserError(
            f"{option} {folder} holds links to folders or to nothing, which are not followed: {some(links)}"
        )
    paths = [path for path in seen if path.is_file()]
    if not paths:
        raise UserError(f"{option} {folder} is empty; a folder of images ({', '.join(LOSSLESS)}) is needed")
    unnamed = [ascii(path.name) for path in paths if not _is_text(path)]
    if unnamed:
        raise UserError(f"{option} {folder} holds files whose names are no UTF-8 text: {some(unnamed)}. Rename them")
    foreign = [str(path.relative_to(folder)) for path in paths if path.suffix.lower() not in LOSSLESS + LOSSY]
    if foreign:
        raise UserError(
            f"{option} {folder} holds what is no image ({', '.join(LOSSLESS + LOSSY)}): {some(foreign)}. Move it away"
        )
    images: dict[str, Path] = {}
    for path in paths:
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in images:
            raise UserError(f"{option} {folder} has two images of one name: {images[name].name} and {path.name}")
        images[name] = path
    return images


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def survey(generated: Path, target: Path, mask: Path | None = None) -> Survey:
    """Match two folders, and the targets' masks, and read every file once.

    UserError for a folder as in `list_images`, names without a single match, and targets or masks that lack, cannot be
    read or are not all of one size: without them there is nothing to score against.
    """
    images, targets = list_images(generated, "--generated"), list_images(target, "--target")
    masks = None if mask is None else list_images(mask, "--mask")
    matched = sorted(images.keys() & targets.keys())
    if not matched:
        raise UserError(
            f"no image of {generated} has the name of one of {target}: {next(iter(images))} there, "
            f"{next(iter(targets))} here. Names must be equal, but for the ending"
        )
    size_px = _check_targets(target, targets)
    boxes = {} if masks is None else _boxes(mask, masks, targets, size_px)
    unusable = {}
    for name in track(matched, "reading images"):
        try:
            read_image(images[name], size_px)
        except UserError as error:
            unusable[name] = str(error)
    names = tuple(name for name in matched if name not in unusable)
    return Survey(
        generated=images,
        target=targets,
        mask=masks,
        names=names,
        size_px=size_px,
        boxes=boxes,
        missing=tuple(sorted(targets.keys() - images.keys())),
        unusable=unusable,
        extra=tuple(sorted(images.keys() - targets.keys())),
        lossy=tuple(str(side[n]) for side in (images, targets) for n in names if side[n].suffix.lower() in LOSSY),
    )


def _check_targets(folder: Path, targets: dict[str, Path]) -> tuple[int, int]:
    """The (height, width) of all targets."""
    sizes: dict[tuple[int, int], list[str]] = {}
    problems = []
    for name, path in track(targets.items(), "reading targets", len(targets)):
        try:
            sizes.setdefault(read_image(path).shape[:2], []).append(name)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError(f"{len(problems)} targets cannot be used:\n" + lines(problems))
    if len(sizes) > 1:
        told = [f"{h}×{w}: {len(names)}, such as {names[0]}" for (h, w), names in sorted(sizes.items())]
        raise UserError(f"the targets in {folder} are not all of one size:\n" + lines(told))
    return next(iter(sizes))


def _boxes(
    folder: Path, masks: dict[str, Path], targets: dict[str, Path], size_px: tuple[int, int]
) -> dict[str, np.ndarray]:
    """The box of every target's mask."""
    boxes: dict[str, np.ndarray] = {}
    problems = [f"{name}: no mask" for name in targets if name not in masks]
    for name in track([name for name in targets if name in masks], "reading masks"):
        try:
            box = box_of_mask(read_mask(masks[name], size_px))
        except UserError as error:
            problems.append(str(error))
            continue
        if box is None:
            problems.append(f"{name}: the mask is empty: no pixel belongs to the person")
        else:
            boxes[name] = box
    if problems:
        raise UserError(
            f"{len(problems)} of {len(targets)} targets have no usable mask in {folder}:\n"
            f"{lines(problems)}\nA mask is a lossless image of the target's size, not black where the person is"
        )
    return boxes
