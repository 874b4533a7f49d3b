"""What is said of a folder of images that is not whole, by `bench score` and `bench import` alike."""

from __future__ import annotations

from harness.errors import lines, some
from harness.records import Completeness


def cautions(found: Completeness, scored: int, what: str) -> list[str]:
    """What a reader of the numbers must know, one sentence each. what: `target` or `pair`, as an image answers."""
    told = []
    if found.lacking:
        told.append(
            f"{found.lacking} of {found.lacking + scored} {what}s have no usable image and are in no mean: "
            f"{some((*found.missing_images, *found.unusable))}"
        )
        told.extend(found.unusable.values())
    if found.extra:
        told.append(f"{len(found.extra)} images have no {what} and were not scored: {some(found.extra)}")
    if found.lossy:
        told.append(f"{len(found.lossy)} files are in a lossy format, which changes every number: {some(found.lossy)}")
    return told


def refusal(found: Completeness, usable: int, what: str, where: str) -> str:
    """Why a set that is not whole is refused: everything that lacks, by name. where: the folder of images."""
    parts = [f"{found.lacking} of {found.lacking + usable} {what}s have no usable image in {where}"]
    if found.missing_images:
        parts.append(f"missing: {some(found.missing_images)}")
    if found.unusable:
        parts.append(f"unusable:\n{lines(found.unusable.values())}")
    if found.extra:
        parts.append(f"without a {what}: {some(found.extra)}")
    if usable:
        parts.append("Make them, or score the rest with --allow-missing: the record then counts and names what lacks")
    return "\n".join(parts)
