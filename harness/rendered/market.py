"""Market-1501's layout and the PATN protocol's csv files beside it: 128×64 crops of walkers seen by six cameras.

Besides the people to train and test on there are background boxes (`0000`), boxes that hold a part of somebody (`-1`),
images on which the detector found nobody or no hips, and a Thumbs.db. Test pairs are a sample, so that not every test
person is in one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.progress import track
from harness.rendered import patn
from harness.rendered.draw import Rendering, Style, View, render
from harness.rendered.motion import walking
from harness.rendered.people import STREET, Person, draw_person
from harness.rendered.places import draw_place
from harness.rendered.writing import Counts, stream, write_jpeg

TOP = "Market-1501-v15.09.15"


@dataclass(frozen=True)
class MarketSize:
    """People of the two parts, boxes without a person (0000) and with a bad one (-1), test pairs in the sample."""

    train_people: int = field(default=24, metadata={"least": 3})
    test_people: int = field(default=20, metadata={"least": 4})
    distractors: int = field(default=10, metadata={"least": 2})
    junk: int = field(default=10, metadata={"least": 2})
    test_pairs: int = field(default=60, metadata={"least": 6})


SIZE = MarketSize()

DISTRACTOR, JUNK = "0000", "-1"
_SIZE_PX = (128, 64)
_CAMERAS = 6
_STREET_PX = (190, 420)  # what a camera sees; crops are cut from it
_IMAGES, _CAMERAS_A_PERSON = (4, 6), (2, 4)
_ID_STEP = (2, 34)
_BODY_PX, _NEAR_BODY_PX, _NEAR_SHARE = (106.0, 116.0), (128.0, 142.0), 0.12
_FEET_PX, _NEAR_FEET_PX = (120.0, 125.0), (134.0, 146.0)
_JUNK_BODY_PX, _JUNK_FEET_PX = (150.0, 210.0), (120.0, 230.0)
_PITCH = 12.0
_YAW_SPREAD, _OFF_CENTRE_PX = 10.0, 2.0
_NOBODY_FOUND, _NO_HIPS = 0.05, 0.07  # shares of the images
_JUNK_NOBODY_FOUND = 0.5
_DETECTOR_ERROR_PX = 0.6
_THUMBS = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)  # an OLE header, as Windows leaves it


@dataclass(frozen=True)
class _Camera:
    number: int
    street: np.ndarray
    style: Style


@dataclass(frozen=True)
class _Walker:
    """A person, and the cameras that see it with the yaw each sees it at."""

    number: int
    person: Person
    seen_by: tuple[tuple[_Camera, float], ...]


def write(top: Path, seed: int, size: MarketSize = SIZE) -> Counts:
    """Fill the folder `top`."""
    cameras = [_draw_camera(seed, number) for number in range(1, _CAMERAS + 1)]
    ids = np.cumsum(stream(seed, "ids").integers(*_ID_STEP, size.train_people + size.test_people))
    trains = np.sort(stream(seed, "parts").permutation(ids)[: size.train_people])
    tests = [number for number in ids if number not in trains]
    counts = Counts()

    found = {}
    for number in track(trains, f"rendering {TOP}, training"):
        for name, rendering, random in _images(seed, _walker(seed, int(number), cameras)):
            write_jpeg(top / "bounding_box_train" / name, rendering.image)
            found[name] = _found(rendering, random)
    _write_lists(top, "train", found, patn.ordered_pairs(found, _person_of), seed, counts)
    counts["bounding_box_train"] = len(found)

    found = {}
    for number in track(tests, f"rendering {TOP}, test"):
        walker = _walker(seed, int(number), cameras)
        for name, rendering, random in _images(seed, walker):
            write_jpeg(top / "bounding_box_test" / name, rendering.image)
            found[name] = _found(rendering, random)
        for name, rendering in _queries(seed, walker):
            write_jpeg(top / "query" / name, rendering.image)
            counts["query"] += 1
    for name, rendering, places in _bad_boxes(seed, size, cameras):
        write_jpeg(top / "bounding_box_test" / name, rendering.image)
        found[name] = places
    _write_lists(top, "test", found, _sample(found, size.test_pairs, seed), seed, counts)
    counts["bounding_box_test"] = len(found)
    (top / "bounding_box_test" / "Thumbs.db").write_bytes(_THUMBS)
    return counts


def _draw_camera(seed: int, number: int) -> _Camera:
    random = stream(seed, "camera", number)
    gains = tuple((random.uniform(0.88, 1.08) * random.uniform(0.96, 1.04, 3)).tolist())
    style = Style(supersampling=3, noise=float(random.uniform(1, 2.5)), gains=gains)
    return _Camera(number, draw_place(random, "street", _STREET_PX), style)


def _walker(seed: int, number: int, cameras: list[_Camera]) -> _Walker:
    random = stream(seed, "person", number)
    person = draw_person(random, STREET)
    count = random.integers(_CAMERAS_A_PERSON[0], _CAMERAS_A_PERSON[1] + 1)
    seen_by = np.sort(random.choice(_CAMERAS, count, replace=False))
    return _Walker(number, person, tuple((cameras[index], float(random.uniform(-180, 180))) for index in seen_by))


def _images(seed: int, walker: _Walker) -> Iterator[tuple[str, Rendering, np.random.Generator]]:
    """Name and picture of each box of a person, cameras in turn, and the random numbers of its detection."""
    random = stream(seed, "walk", walker.number)
    for index in range(random.integers(_IMAGES[0], _IMAGES[1] + 1)):
        camera, yaw = walker.seen_by[index % len(walker.seen_by)]
        yield _name(f"{walker.number:04d}", camera, random), _box(walker.person, camera, yaw, random), random


def _queries(seed: int, walker: _Walker) -> Iterator[tuple[str, Rendering]]:
    """One more box of each camera that sees a person."""
    random = stream(seed, "query", walker.number)
    for camera, yaw in walker.seen_by:
        name = _name(f"{walker.number:04d}", camera, random, drawn_by_hand=True)
        yield name, _box(walker.person, camera, yaw, random)


def _name(person: str, camera: _Camera, random: np.random.Generator, drawn_by_hand: bool = False) -> str:
    sequence, frame = random.integers(1, 7), random.integers(1, 120_000)
    box = 0 if drawn_by_hand else random.integers(1, 9)
    return f"{person}_c{camera.number}s{sequence}_{frame:06d}_{box:02d}.jpg"


def _box(person: Person, camera: _Camera, yaw: float, random: np.random.Generator) -> Rendering:
    """A walker who fills the box, at times so near that the feet are cut off."""
    near = random.random() < _NEAR_SHARE
    body_px = random.uniform(*(_NEAR_BODY_PX if near else _BODY_PX))
    feet_px = random.uniform(*(_NEAR_FEET_PX if near else _FEET_PX))
    x = _SIZE_PX[1] / 2 + random.normal(0, _OFF_CENTRE_PX)
    view = View(yaw + random.normal(0, _YAW_SPREAD), _PITCH, body_px, (x, feet_px))
    return render(person, walking(random.uniform(0, 2 * math.pi)), view, _crop(camera, random), random, camera.style)


def _crop(camera: _Camera, random: np.random.Generator) -> np.ndarray:
    """A piece of the street as large as a box."""
    height, width = _SIZE_PX
    top, left = random.integers(20, _STREET_PX[0] - height), random.integers(0, _STREET_PX[1] - width)
    return camera.street[top : top + height, left : left + width]


def _found(rendering: Rendering, random: np.random.Generator) -> patn.Found:
    """The detector's joints; on some images nobody, on some no hips."""
    fate = random.random()
    found = patn.detect(rendering, random, _DETECTOR_ERROR_PX)
    if fate < _NOBODY_FOUND:
        return patn.NOTHING
    return patn.without(found, ("left_hip", "right_hip")) if fate < _NOBODY_FOUND + _NO_HIPS else found


def _bad_boxes(seed: int, size: MarketSize, cameras: list[_Camera]) -> Iterator[tuple[str, Rendering, patn.Found]]:
    """Boxes of the street (0000) and boxes that cut somebody badly (-1)."""
    random = stream(seed, "bad")
    for kind, count in ((DISTRACTOR, size.distractors), (JUNK, size.junk)):
        for _ in range(count):
            camera = cameras[random.integers(_CAMERAS)]
            person = draw_person(random, STREET)
            x = _SIZE_PX[1] * (random.choice([-1.5, 2.5]) if kind == DISTRACTOR else random.choice([0.1, 0.9]))
            yaw, body_px, feet_px = (float(random.uniform(*r)) for r in ((-180, 180), _JUNK_BODY_PX, _JUNK_FEET_PX))
            view = View(yaw, _PITCH, body_px, (x, feet_px))
            pose = walking(random.uniform(0, 2 * math.pi))
            rendering = render(person, pose, view, _crop(camera, random), random, camera.style)
            found = patn.detect(rendering, random, _DETECTOR_ERROR_PX)
            nobody = kind == DISTRACTOR or random.random() < _JUNK_NOBODY_FOUND
            yield _name(kind, camera, random), rendering, patn.NOTHING if nobody else found


def _person_of(name: str) -> str:
    return name.split("_")[0]


def _sample(found: dict[str, patn.Found], count: int, seed: int) -> list[tuple[str, str]]:
    """A sample of the pairs of test people; the last of them never gets one, as happens to some in the real sample."""
    good = {name: places for name, places in found.items() if _person_of(name) not in (DISTRACTOR, JUNK)}
    left_out = max(_person_of(name) for name in good)
    pairs = [pair for pair in patn.ordered_pairs(good, _person_of) if _person_of(pair[0]) != left_out]
    order = stream(seed, "sample").permutation(len(pairs))[:count]
    return [pairs[index] for index in order]


def _write_lists(
    top: Path,
    part: str,
    found: dict[str, patn.Found],
    pairs: list[tuple[str, str]],
    seed: int,
    counts: Counts,
) -> None:
    annotation = patn.annotation_text(patn.shuffled(found, stream(seed, "rows", part)))
    (top / f"market-annotation-{part}.csv").write_text(annotation, encoding="utf-8")
    (top / f"market-pairs-{part}.csv").write_text(patn.pairs_text(pairs), encoding="utf-8")
    counts.update({f"{part} pairs": len(pairs), f"{part} annotations": len(found)})
