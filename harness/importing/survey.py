"""What of a pair list a folder of images made elsewhere holds: every file is looked at once, nothing is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.datasets.base import Dataset
from harness.errors import UserError
from harness.image_folders import list_images
from harness.images import LOSSY, read_image
from harness.importing.conventions import Convention
from harness.pairs import PairList
from harness.progress import track
from harness.records import Completeness

OPTION = "IMAGES"


@dataclass(frozen=True)
class Survey:
    """files, digests: the file, and the SHA-256 of the generated image's pixels, of every pair that can be scored."""

    files: dict[str, Path]
    digests: dict[str, str]
    completeness: Completeness

    @property
    def sha256(self) -> str:
        """Hash over pair ids and pixels, in the pairs' order: however the images were stored."""
        text = "".join(f"{pair}\t{digest}\n" for pair, digest in self.digests.items())
        return hashlib.sha256(text.encode()).hexdigest()


def survey(folder: Path, convention: Convention, dataset: Dataset, pairs: PairList, size_px: tuple[int, int]) -> Survey:
    """Match a folder with a pair list by the convention, and read every matched file.

    UserError for a folder as in `image_folders.list_images`, for names that fit two pairs or two files, and where no
    name fits. Files of another size, or that cannot be read, are told in the completeness by pair.
    """
    images = list_images(folder, OPTION)
    matched = _match(images, convention, dataset, pairs)
    if not matched:
        expected = convention.names(dataset, pairs.pairs[0])[0]
        raise UserError(
            f"no image of {folder} is named as convention {convention.name} names the pairs of {dataset.name}: "
            f"{expected}.png or the like was looked for, {next(iter(images.values())).name} is there"
        )
    digests, unusable = {}, {}
    for pair, name in track(matched.items(), "reading images", len(matched)):
        try:
            digests[pair] = digest(generated(images[name], convention, size_px))
        except UserError as error:
            unusable[pair] = str(error)
    files = {pair: images[matched[pair]] for pair in digests}
    return Survey(
        files=files,
        digests=digests,
        completeness=Completeness(
            missing_images=tuple(pair.id for pair in pairs.pairs if pair.id not in matched),
            unusable=unusable,
            extra=tuple(sorted(images.keys() - set(matched.values()))),
            lossy=tuple(path.name for path in files.values() if path.suffix.lower() in LOSSY),
        ),
    )


def generated(path: Path, convention: Convention, size_px: tuple[int, int]) -> np.ndarray:
    """The generated image in a file, (H, W, 3) uint8, cut from its strip. UserError as `images.read_image`."""
    height, width = size_px
    try:
        strip = read_image(path, (height, width * convention.panels))
    except UserError as error:
        if convention.panels == 1:
            raise
        raise UserError(f"{error} ({convention.panels} pictures of {height}×{width} side by side)") from error
    return np.ascontiguousarray(strip[:, convention.panel * width : (convention.panel + 1) * width])


def digest(image: np.ndarray) -> str:
    """SHA-256 of an image's pixels."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def _match(images: dict[str, Path], convention: Convention, dataset: Dataset, pairs: PairList) -> dict[str, str]:
    """The name of the file of every pair that has one, by pair id, in the list's order."""
    matched: dict[str, str] = {}
    taken: dict[str, str] = {}
    for pair in pairs.pairs:
        names = [name for name in convention.names(dataset, pair) if name in images]
        if len(names) > 1:
            raise UserError(f"{OPTION}: {' and '.join(images[name].name for name in names)} are both of pair {pair.id}")
        for name in names:
            if name in taken:
                raise UserError(
                    f"{OPTION}: {images[name].name} fits two pairs, {taken[name]} and {pair.id}; convention "
                    f"{convention.name} cannot tell them apart. Rename the files to PAIR_ID.png: --convention pairs"
                )
            matched[pair.id], taken[name] = name, pair.id
    return matched
