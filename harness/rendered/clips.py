"""Clips of one person who does one of Penn Action's actions in one place: what `penn` and `prepared` are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.rendered.draw import Rendering, Style, View, render
from harness.rendered.motion import ACTIONS, Action
from harness.rendered.people import SPORT, Person, draw_person
from harness.rendered.places import draw_place
from harness.rendered.writing import stream

_SIZES_PX = ((240, 320), (270, 360), (224, 398), (300, 240), (252, 336), (272, 361))
_OUTDOORS = ("field", "field", "street")
_PLACE_OF = {"squats": ("room",), "push_ups": ("room",), "sit_ups": ("room",), "strumming_guitar": ("room", "street")}
_LYING = ("push_ups", "sit_ups")
_BODY_SHARE, _LYING_SHARE = (0.58, 0.68), 0.66  # upright height of the frame's height; lying, of the width
_GROUND_SHARE = 0.93
_ZOOMED_BODY, _ZOOMED_GROUND = 0.98, 1.06  # feet below the picture's edge
_PITCH = 7.0
_CYCLES = (1.2, 2.2)  # repetitions of a cyclic action in a clip
_SWAY_PX = 0.7
_STYLE = Style(supersampling=2, noise=2.5)


@dataclass(frozen=True)
class Clip:
    """What a clip shows. size_px: (height, width). yaw: degrees the person is turned to the picture's right."""

    action_name: str
    person: Person
    size_px: tuple[int, int]
    yaw: float
    frames: int
    zoomed: bool

    @property
    def action(self) -> Action:
        return ACTIONS[self.action_name]

    @property
    def viewpoint(self) -> str:
        """Penn Action's coarse word for the yaw."""
        turned = (self.yaw + 180) % 360 - 180
        if abs(turned) <= 50:
            return "front"
        if abs(turned) >= 130:
            return "back"
        return "right" if turned > 0 else "left"


def draw_clip(seed: int, index: int, frames: tuple[int, int], zoomed: bool = False) -> Clip:
    """The clip with a number, of frames[0] to frames[1] frames; actions and frame sizes take turns.

    zoomed: filmed from so near that feet are cut off.
    """
    random = stream(seed, "clip", index)
    name = tuple(ACTIONS)[index % len(ACTIONS)]
    return Clip(
        action_name=name,
        person=draw_person(random, SPORT),
        size_px=_SIZES_PX[index % len(_SIZES_PX)],
        yaw=float(random.choice(ACTIONS[name].best_yaws) + random.normal(0, 6)),
        frames=int(random.integers(frames[0], frames[1] + 1)),
        zoomed=zoomed,
    )


def render_clip(clip: Clip, seed: int, index: int) -> Iterator[Rendering]:
    """The frames of a clip in order."""
    random = stream(seed, "film", index)
    height, width = clip.size_px
    place = draw_place(random, str(random.choice(_PLACE_OF.get(clip.action_name, _OUTDOORS))), clip.size_px)
    lying = clip.action_name in _LYING
    body_px = min(random.uniform(*_BODY_SHARE) * height, 0.75 * width)
    if lying:
        body_px = min(_LYING_SHARE * width, height)
    ground = _GROUND_SHARE
    if clip.zoomed:
        body_px, ground = _ZOOMED_BODY * height, _ZOOMED_GROUND
    x = width * random.uniform(0.45, 0.55)
    cycles = random.uniform(*_CYCLES) if clip.action.cyclic else 1.0
    start = random.random() if clip.action.cyclic else 0.0
    sway = np.cumsum(random.normal(0, _SWAY_PX / 2, (clip.frames, 2)), axis=0).clip(-3, 3)
    for pose, (dx, dy) in zip(clip.action.at(start + np.linspace(0, cycles, clip.frames)), sway, strict=True):
        view = View(clip.yaw, _PITCH, body_px, (x + dx, ground * height + dy))
        yield render(clip.person, pose, view, place, random, _STYLE, prop=clip.action.prop, anchor=clip.action.anchor)
