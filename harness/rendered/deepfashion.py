"""DeepFashion's In-shop set in PATN's layout: `fashion_data/{train,test}`, lists, csv files spelled `fasion-resize-…`.

256×176 pictures of models on white, named by joining the parts of the original path: of
`fashion/WOMEN/Blouses_Shirts/id_00001234/01_1_front.jpg` becomes `fashionWOMENBlouses_Shirtsid0000123401_1front.jpg`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.progress import track
from harness.rendered import patn
from harness.rendered.draw import Style, View, render
from harness.rendered.motion import FASHION_POSES
from harness.rendered.people import CATALOGUE, Person, draw_person
from harness.rendered.writing import Counts, stream, write_jpeg

TOP = "fashion_data"


@dataclass(frozen=True)
class DeepFashionSize:
    """Garments (one model each) of the two parts."""

    train_garments: int = field(default=14, metadata={"least": 2})
    test_garments: int = field(default=8, metadata={"least": 2})


SIZE = DeepFashionSize()

_SIZE_PX = (256, 176)
_WHITE = 252
_VIEWS = ("1front", "2side", "3back", "4full", "7additional")
_YAWS = {"1front": 0.0, "2side": 75.0, "3back": 180.0, "4full": 8.0, "7additional": 25.0}
_VIEWS_A_GARMENT = (3, 4)
_YAW_SPREAD = 7.0
_FULL_BODY_PX, _CROPPED_BODY_PX = (228.0, 236.0), (310.0, 350.0)  # the latter are cut above the ankles
_CROWN_PX = (10.0, 18.0)
_FIRST_ID, _ID_STEP = 1000, (3, 90)
_DETECTOR_ERROR_PX = 0.8
_STYLE = Style(supersampling=3, noise=1.0, fingers=True, shadow=False)
_CATEGORIES = {
    "t-shirt": ("Tees_Tanks", "Blouses_Shirts"), "long": ("Blouses_Shirts", "Sweaters"), "vest": ("Tees_Tanks",),
    "jacket": ("Jackets_Coats", "Cardigans"), "dress": ("Dresses",),
}  # fmt: skip
_MEN_CATEGORIES = {"t-shirt": ("Tees_Tanks",), "long": ("Shirts_Polos", "Sweaters"), "jacket": ("Jackets_Vests",)}


def write(top: Path, seed: int, size: DeepFashionSize = SIZE) -> Counts:
    """Fill the folder `top`."""
    counts = Counts()
    steps = stream(seed, "ids").integers(*_ID_STEP, size.train_garments + size.test_garments)
    ids = (_FIRST_ID + np.cumsum(steps)).tolist()
    for part, numbers in (("train", ids[: size.train_garments]), ("test", ids[size.train_garments :])):
        found: dict[str, patn.Found] = {}
        for number in track(numbers, f"rendering {TOP}, {part}"):
            found |= _write_garment(top / part, number, seed)
        pairs = patn.ordered_pairs(found, garment_of)
        (top / f"{part}.lst").write_text("".join(f"{name}\n" for name in sorted(found)), encoding="utf-8")
        annotation = patn.annotation_text(patn.shuffled(found, stream(seed, "rows", part)))
        (top / f"fasion-resize-annotation-{part}.csv").write_text(annotation, encoding="utf-8")
        (top / f"fasion-resize-pairs-{part}.csv").write_text(patn.pairs_text(pairs), encoding="utf-8")
        counts.update({f"{part} images": len(found), f"{part} pairs": len(pairs)})
    return counts


def garment_of(name: str) -> str:
    """What the views of a garment share of their names: all before the last underscore."""
    return name.rpartition("_")[0]


def _write_garment(folder: Path, number: int, seed: int) -> dict[str, patn.Found]:
    """The views of one garment on one model; joints by file name."""
    random = stream(seed, "garment", number)
    model = draw_person(random, CATALOGUE)
    chosen = random.permutation(len(_VIEWS))[: random.integers(_VIEWS_A_GARMENT[0], _VIEWS_A_GARMENT[1] + 1)]
    white = np.full((*_SIZE_PX, 3), _WHITE, np.uint8)
    prefix = _prefix(model, number, random)
    found = {}
    for index in np.sort(chosen):
        view = _VIEWS[index]
        body_px = random.uniform(*(_FULL_BODY_PX if view == "4full" else _CROPPED_BODY_PX))
        x, crown = _SIZE_PX[1] / 2 + random.normal(0, 4), random.uniform(*_CROWN_PX)
        pose = FASHION_POSES[random.integers(len(FASHION_POSES))]
        if random.random() < 0.5:
            pose = pose.mirrored()
        yaw = _YAWS[view] * random.choice([-1, 1]) + random.normal(0, _YAW_SPREAD)
        rendering = render(model, pose, View(float(yaw), 0.0, body_px, (x, crown + body_px)), white, random, _STYLE)
        name = f"{prefix}_{view}.jpg"
        write_jpeg(folder / name, rendering.image, quality=95)
        found[name] = patn.detect(rendering, random, _DETECTOR_ERROR_PX)
    return found


def _prefix(model: Person, number: int, random: np.random.Generator) -> str:
    """Everything of the name before the view."""
    men = not model.build.bust and model.top in _MEN_CATEGORIES
    category = random.choice((_MEN_CATEGORIES if men else _CATEGORIES)[model.top])
    return f"fashion{'MEN' if men else 'WOMEN'}{category}id{number:08d}{random.integers(1, 5):02d}"
