"""The csv files of the PATN protocol, for Market-1501 and DeepFashion: what a detector found, and pairs."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from harness.rendered.draw import Joint, Rendering
from mrnet.skeletons import OPENPOSE18

JOINTS = OPENPOSE18.joints
MISSING = -1
_NEEDED = ("right_hip", "left_hip", "right_shoulder", "left_shoulder")

Found = tuple[tuple[int, int], ...]
"""18 (x, y), whole pixels from 0, -1 twice where nothing was found."""

NOTHING: Found = ((MISSING, MISSING),) * len(JOINTS)

# how often a detector finds a joint that is seen, and one that the body itself hides
_FINDS_SEEN = 0.985
_FINDS_HIDDEN = {"shoulder": 0.93, "hip": 0.93, "neck": 0.95, "knee": 0.8, "ankle": 0.7, "elbow": 0.55, "wrist": 0.35}


def detect(rendering: Rendering, random: np.random.Generator, error_px: float) -> Found:
    """What a detector makes of a picture: a little wrong, whole pixels."""
    height, width = rendering.mask.shape

    def find(name: str, joint: Joint) -> tuple[int, int]:
        dx, dy = random.normal(0, error_px, 2)
        chance = _FINDS_HIDDEN.get(name.split("_")[-1], 0.0) if joint.hidden else _FINDS_SEEN
        if not joint.inside or random.random() > chance:
            return (MISSING, MISSING)
        return int(np.clip(round(joint.x + dx), 0, width - 1)), int(np.clip(round(joint.y + dy), 0, height - 1))

    return tuple(find(name, rendering.joints[name]) for name in JOINTS)


def without(found: Found, names: Sequence[str]) -> Found:
    """The same with some joints missing."""
    return tuple((MISSING, MISSING) if name in names else place for name, place in zip(JOINTS, found, strict=True))


def annotation_text(found: Mapping[str, Found]) -> str:
    """The annotation csv: a colon between the columns, y before x."""
    rows = [
        f"{name}: {json.dumps([y for _, y in places])}: {json.dumps([x for x, _ in places])}"
        for name, places in found.items()
    ]
    return "\n".join(["name:keypoints_y:keypoints_x", *rows]) + "\n"


def pairs_text(pairs: Sequence[tuple[str, str]]) -> str:
    """The pairs csv."""
    return "\n".join(["from,to", *(f"{source},{target}" for source, target in pairs)]) + "\n"


def ordered_pairs(found: Mapping[str, Found], person_of: Callable[[str], str]) -> list[tuple[str, str]]:
    """All ordered pairs of two images of a person on which both hips and both shoulders were found."""
    images = defaultdict(list)
    for name, places in found.items():
        if all(places[JOINTS.index(joint)][0] != MISSING for joint in _NEEDED):
            images[person_of(name)].append(name)
    return [pair for names in images.values() for pair in itertools.permutations(names, 2)]


def shuffled(found: Mapping[str, Found], random: np.random.Generator) -> dict[str, Found]:
    """In no order, as the distributed files are."""
    names = list(found)
    return {names[index]: found[names[index]] for index in random.permutation(len(names))}
