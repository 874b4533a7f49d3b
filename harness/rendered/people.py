"""Who is rendered: build, skin, hair and clothes of a person, drawn once by seed and the same in every frame."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.rendered.textures import HEAD_HALF_HEIGHT, Colour, Material

_SKINS: tuple[Colour, ...] = (
    (246, 214, 190), (236, 196, 166), (224, 178, 142), (205, 155, 115), (176, 124, 86), (140, 94, 62), (104, 68, 46),
    (80, 54, 40),
)  # fmt: skip
_HAIRS: tuple[Colour, ...] = (
    (32, 26, 24), (58, 40, 28), (92, 60, 36), (142, 96, 52), (205, 168, 104), (128, 58, 32), (150, 148, 146),
)  # fmt: skip
_DARK_HAIRS = 3  # the first of them go with every skin
_LIGHT_SKINS = 4
_DENIMS: tuple[Colour, ...] = ((58, 78, 118), (38, 48, 74), (96, 118, 152))
_DULLS: tuple[Colour, ...] = ((40, 40, 46), (84, 82, 84), (120, 104, 82), (178, 160, 128), (60, 66, 52), (30, 36, 62))

_TOP_PATTERNS = ("plain", "stripes", "bars", "checks", "logo", "halves", "dots", "buttons")
TOPS = ("t-shirt", "long", "vest", "jacket", "dress")
BOTTOMS = ("trousers", "jeans", "shorts", "skirt", "sport")
HAIR_STYLES = ("short", "cropped", "bob", "long", "tail", "bun", "cap")
_MENS_STYLES = ("short", "cropped", "short", "cap")
BAGS = ("none", "backpack", "shoulder")


@dataclass(frozen=True)
class Build:
    """Proportions, factors of the average (1)."""

    shoulders: float
    hips: float
    waist: float
    limbs: float
    legs: float
    head: float
    bust: float


@dataclass(frozen=True)
class Person:
    """An identity. sleeve, leg: how far cloth covers arm and leg, 0 to 1 (elbow or knee at ½). materials: by part."""

    build: Build
    hair_style: str
    top: str
    bottom: str
    sleeve: float
    leg: float
    bag: str
    materials: dict[str, Material]

    def colour(self, part: str) -> Colour:
        """The base colour of a part: skin, hair, top, bottom, shoe, …"""
        return self.materials[part].colours[0]


@dataclass(frozen=True)
class Wardrobe:
    """What may be worn: tops, bottoms, bags, caps. bright: colourful tops only, no dull ones."""

    tops: Sequence[str]
    bottoms: Sequence[str]
    bags: Sequence[str] = ("none",)
    bright: bool = True
    caps: bool = True


SPORT = Wardrobe(("t-shirt", "vest", "long"), ("shorts", "sport", "shorts", "trousers"))
STREET = Wardrobe(TOPS, BOTTOMS, BAGS)
STUDIO = Wardrobe(("long", "jacket", "t-shirt"), ("trousers",), bright=False, caps=False)
CATALOGUE = Wardrobe(TOPS, ("trousers", "jeans", "skirt", "shorts"), caps=False)


def draw_person(random: np.random.Generator, wardrobe: Wardrobe) -> Person:
    """A new person, dressed from a wardrobe."""
    female = bool(random.random() < 0.5)
    top = str(random.choice([top for top in wardrobe.tops if female or top != "dress"]))
    bottom = str(random.choice([bottom for bottom in wardrobe.bottoms if female or bottom != "skirt"]))
    if top == "dress":
        bottom = "skirt"
    styles = [style for style in (HAIR_STYLES if female else _MENS_STYLES) if wardrobe.caps or style != "cap"]
    style = str(random.choice(styles))
    sleeve = {"t-shirt": random.uniform(0.22, 0.42), "vest": 0.0, "dress": random.choice([0.0, 0.3, 1.0])}.get(top, 1.0)
    leg = {"shorts": random.uniform(0.3, 0.45), "skirt": 0.0}.get(bottom, 1.0)
    build = _draw_build(random, female)
    return Person(
        build=build,
        hair_style=style,
        top=top,
        bottom=bottom,
        sleeve=float(sleeve),
        leg=float(leg),
        bag=str(random.choice(wardrobe.bags)),
        materials=_draw_materials(random, build, top, bottom, wardrobe.bright),
    )


def _draw_build(random: np.random.Generator, female: bool) -> Build:
    stout = random.normal(0, 0.07)
    return Build(
        shoulders=random.normal(0.93 if female else 1.05, 0.025) + 0.3 * stout,
        hips=random.normal(1.04 if female else 0.97, 0.025) + 0.6 * stout,
        waist=random.normal(0.9 if female else 1.02, 0.03) + stout,
        limbs=random.normal(0.92 if female else 1.04, 0.03) + 0.7 * stout,
        legs=random.normal(1.0, 0.02),
        head=random.normal(1.0, 0.02),
        bust=float(female),
    )


def _draw_materials(
    random: np.random.Generator, build: Build, top: str, bottom: str, bright: bool
) -> dict[str, Material]:
    """By part. A face has its colours in the order `textures` gives them meaning."""
    female, head_size = bool(build.bust), build.head
    skin_index = int(random.integers(len(_SKINS)))
    skin = _jitter(random, _SKINS[skin_index], 6)
    hair = _jitter(random, _HAIRS[random.integers(len(_HAIRS) if skin_index < _LIGHT_SKINS else _DARK_HAIRS)], 8)
    cloth = _bright(random) if bright or random.random() < 0.5 else _dull(random)
    accent = _contrast(random, cloth)
    if top == "jacket":
        colours = (cloth, accent, _scaled(cloth, 0.5))
        top_material = Material(colours, "open_front", random.uniform(0.014, 0.03), folds=0.09)
        sleeve_pattern = "plain"
    else:
        pattern = str(random.choice(_TOP_PATTERNS))
        top_material = Material((cloth, accent), pattern, random.uniform(0.024, 0.042), folds=0.08)
        sleeve_pattern = pattern if pattern in ("stripes", "checks", "dots", "bars") else "plain"
    bottom_material = _draw_bottom(random, bottom, top_material if top == "dress" else None)
    shoe = _jitter(random, ((32, 30, 32), (226, 224, 220), (110, 74, 48), (190, 40, 44))[random.integers(4)], 10)
    lips = _scaled(_mix(skin, (170, 50, 60), 0.55 if female else 0.3), 0.9)
    bearded = not female and random.random() < 0.25
    face = (skin, (244, 242, 238), (52, 38, 30), _scaled(hair, 0.75), lips, _mix(hair, skin, 0.4))
    cap = _bright(random)
    return {
        "skin": Material((skin,), gloss=0.06),
        "face": Material(face, "bearded_face" if bearded else "face", head_size * HEAD_HALF_HEIGHT, gloss=0.05),
        "hair": Material((hair, _scaled(hair, 0.82)), "strands", gloss=0.12),
        "cap": Material((cap, _contrast(random, cap)), folds=0.02),
        "top": top_material,
        "sleeve": Material((cloth, accent), sleeve_pattern, top_material.size, folds=0.1),
        "bottom": bottom_material,
        "shoe": Material((shoe, (235, 233, 228) if sum(shoe) < 500 else (90, 90, 96)), "sole", 0.024, gloss=0.12),
        "sock": Material((_jitter(random, (228, 228, 226), 12),)),
        "bag": Material((_bright(random), (40, 40, 44)), "stripes", 0.1, folds=0.04, gloss=0.05),
        "strap": Material(((52, 46, 42),)),
    }  # fmt: skip


def _draw_bottom(random: np.random.Generator, bottom: str, dress: Material | None) -> Material:
    if dress is not None:
        pattern = dress.pattern if dress.pattern in ("stripes", "checks", "dots") else "plain"
        return Material(dress.colours, pattern, dress.size, folds=0.12)
    if bottom == "jeans":
        base = _jitter(random, _DENIMS[random.integers(len(_DENIMS))], 8)
        return Material((base, _mix(base, (205, 214, 226), 0.5)), "jeans", folds=0.09)
    base = _bright(random) if bottom in ("shorts", "skirt", "sport") else _dull(random)
    return Material((base, _contrast(random, base)), "side_band" if bottom == "sport" else "plain", 0.03, folds=0.1)


def _bright(random: np.random.Generator) -> Colour:
    """A colour of dyed cloth."""
    hue, saturation, value = random.random(), random.uniform(0.2, 0.78), random.uniform(0.3, 0.92)
    return tuple(255 * channel for channel in colorsys.hsv_to_rgb(hue, saturation, value))


def _dull(random: np.random.Generator) -> Colour:
    return _jitter(random, _DULLS[random.integers(len(_DULLS))], 10)


def _contrast(random: np.random.Generator, colour: Colour) -> Colour:
    """Much lighter or much darker."""
    goal = (245, 243, 236) if sum(colour) < 3 * 135 else (28, 28, 40)
    return _jitter(random, _mix(colour, goal, 0.75), 12)


def _jitter(random: np.random.Generator, colour: Colour, spread: float) -> Colour:
    return tuple(np.clip(np.add(colour, random.normal(0, spread / 2, 3)), 0, 255).tolist())


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    return tuple((1 - share) * x + share * y for x, y in zip(a, b, strict=True))


def _scaled(colour: Colour, factor: float) -> Colour:
    return tuple(factor * channel for channel in colour)
