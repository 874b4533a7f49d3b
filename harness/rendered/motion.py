"""How rendered people move: poses given by where hands and feet reach, keyframes of actions, signing, walking.

A pose says where each wrist is seen from its shoulder, and each ankle from its hip, as (out, up, ahead) in lengths of
the stretched limb: out is away from the body's midline, so that the same numbers serve left and right. Elbows and knees
follow (`harness.rendered.skeleton`). The keyframes are data and make this file long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

Reach = tuple[float, float, float]


@dataclass(frozen=True)
class Pose:
    """A posture. Angles in degrees, positive: lean and nod forward, the others towards the person's own left.

    lean, side, twist: of the trunk against the legs. turn: of the whole body about the vertical. tip: of the whole body
    from standing forward (90 = lying on the belly). nod, look: of the head against the chest.
    tool: where a thing in the hands points, (left, up, ahead). lift: of the lowest point above ground, body heights.
    """

    left_hand: Reach = (0.14, -0.96, 0.08)
    right_hand: Reach = (0.14, -0.96, 0.08)
    left_foot: Reach = (0.06, -0.99, 0.0)
    right_foot: Reach = (0.06, -0.99, 0.0)
    tool: Reach = (0.0, 1.0, 0.0)
    lean: float = 0.0
    side: float = 0.0
    twist: float = 0.0
    turn: float = 0.0
    tip: float = 0.0
    nod: float = 0.0
    look: float = 0.0
    lift: float = 0.0

    def vector(self) -> np.ndarray:
        """All numbers in the order of the fields, (23,)."""
        return np.hstack([getattr(self, field.name) for field in fields(self)])

    @classmethod
    def of_vector(cls, vector: np.ndarray) -> Pose:
        """The pose whose `vector` this is."""
        values, start = {}, 0
        for field in fields(cls):
            width = np.size(field.default)
            part = vector[start : start + width]
            values[field.name] = tuple(part.tolist()) if width > 1 else float(part[0])
            start += width
        return cls(**values)

    def mirrored(self) -> Pose:
        """The same posture with left and right exchanged."""
        return replace(
            self,
            left_hand=self.right_hand,
            right_hand=self.left_hand,
            left_foot=self.right_foot,
            right_foot=self.left_foot,
            tool=(-self.tool[0], *self.tool[1:]),
            side=-self.side,
            twist=-self.twist,
            turn=-self.turn,
            look=-self.look,
        )


@dataclass(frozen=True)
class Action:
    """A movement. keys: (time in [0, 1], pose); cyclic ones return to the first pose at time 1.

    prop: what is in the hands (`harness.rendered.props`), or "". anchor: the joints whose mean stays in place.
    best_yaws: from where it is filmed, degrees the person is turned to the picture's right.
    """

    keys: tuple[tuple[float, Pose], ...]
    cyclic: bool = False
    prop: str = ""
    anchor: tuple[str, ...] = ("left_ankle", "right_ankle")
    best_yaws: tuple[float, ...] = (0.0, 35.0, -35.0)

    def at(self, times: Sequence[float]) -> list[Pose]:
        """The poses at times in [0, 1] (cyclic: any time), smooth and never beyond the keyframes."""
        from scipy.interpolate import PchipInterpolator

        keys = [*self.keys, (1.0, self.keys[0][1])] if self.cyclic else list(self.keys)
        if self.cyclic:  # one key more at either side, so that the seam is as smooth as the rest
            keys = [(keys[-2][0] - 1, keys[-2][1]), *keys, (1 + keys[1][0], keys[1][1])]
        curve = PchipInterpolator([time for time, _ in keys], np.stack([pose.vector() for _, pose in keys]))
        wrapped = np.mod(times, 1.0) if self.cyclic else np.clip(times, 0.0, 1.0)
        return [Pose.of_vector(vector) for vector in curve(wrapped)]


_STAND = Pose()
_WIDE = replace(_STAND, left_foot=(0.2, -0.96, 0.0), right_foot=(0.2, -0.96, 0.0))
_BENT = replace(_WIDE, left_foot=(0.26, -0.9, 0.02), right_foot=(0.26, -0.9, 0.02), lean=18)

_SQUATS = Action(
    keys=(
        (0.0, replace(_WIDE, left_hand=(-0.05, -0.25, 0.93), right_hand=(-0.05, -0.25, 0.93))),
        (
            0.5,
            replace(
                _WIDE,
                left_foot=(0.3, -0.52, 0.12), right_foot=(0.3, -0.52, 0.12), lean=36, nod=-22,
                left_hand=(-0.05, 0.05, 0.98), right_hand=(-0.05, 0.05, 0.98),
            ),
        ),
    ),
    cyclic=True,
    best_yaws=(40.0, -55.0, 75.0),
)  # fmt: skip

_JUMPING_JACKS = Action(
    keys=(
        (0.0, _STAND),
        (
            0.25,
            replace(
                _STAND,
                left_hand=(0.95, -0.1, 0.0), right_hand=(0.95, -0.1, 0.0),
                left_foot=(0.25, -0.95, 0.0), right_foot=(0.25, -0.95, 0.0), lift=0.05,
            ),
        ),
        (
            0.5,
            replace(
                _STAND,
                left_hand=(0.18, 0.96, 0.0), right_hand=(0.18, 0.96, 0.0),
                left_foot=(0.45, -0.88, 0.0), right_foot=(0.45, -0.88, 0.0),
            ),
        ),
        (
            0.75,
            replace(
                _STAND,
                left_hand=(0.95, 0.0, 0.0), right_hand=(0.95, 0.0, 0.0),
                left_foot=(0.25, -0.95, 0.0), right_foot=(0.25, -0.95, 0.0), lift=0.05,
            ),
        ),
    ),
    cyclic=True,
    best_yaws=(0.0, 20.0, 180.0),
)  # fmt: skip

_GOLF_ADDRESS = replace(
    _BENT, lean=34, nod=18, left_hand=(-0.28, -0.74, 0.42), right_hand=(-0.36, -0.8, 0.4), tool=(0.0, -0.85, 0.55)
)
_GOLF_SWING = Action(
    keys=(
        (0.0, _GOLF_ADDRESS),
        (0.12, _GOLF_ADDRESS),
        (
            0.38,
            replace(
                _BENT, lean=26, twist=-78, look=62, nod=18,
                left_hand=(-0.62, 0.3, 0.55), right_hand=(-0.02, 0.38, 0.38), tool=(-0.5, 0.2, -0.9),
            ),
        ),
        (0.58, replace(_GOLF_ADDRESS, twist=8, tool=(0.15, -0.9, 0.5))),
        (
            0.72,
            replace(
                _BENT, lean=20, twist=52, turn=18, look=-30,
                left_hand=(-0.05, -0.2, 0.75), right_hand=(-0.5, -0.2, 0.82), tool=(0.5, 0.2, 0.8),
            ),
        ),
        (
            1.0,
            replace(
                _WIDE, lean=2, twist=70, turn=42, look=-15, right_foot=(0.05, -0.9, -0.3),
                left_hand=(0.05, 0.42, 0.2), right_hand=(-0.62, 0.4, 0.42), tool=(-0.5, 0.1, -0.9),
            ),
        ),
    ),
    prop="club",
    best_yaws=(0.0, 15.0, -30.0),
)  # fmt: skip

_TENNIS_SERVE = Action(
    keys=(
        (
            0.0,
            replace(
                _WIDE, turn=-40, left_hand=(-0.25, -0.35, 0.6), right_hand=(-0.3, -0.4, 0.55), tool=(0.1, 0.6, 0.8)
            ),
        ),
        (
            0.3,
            replace(
                _BENT, turn=-45, lean=-4, nod=-20, left_hand=(0.05, 0.93, 0.3), right_hand=(0.55, -0.35, -0.35),
                tool=(-0.5, -0.1, -0.9),
            ),
        ),
        (
            0.48,
            replace(
                _BENT, turn=-45, lean=-12, side=-10, nod=-28, left_hand=(0.1, 0.9, 0.25), right_hand=(0.52, 0.25, -0.3),
                tool=(0.2, 0.9, -0.3),
            ),
        ),
        (
            0.66,
            replace(
                _STAND, turn=-5, lean=10, side=12, nod=-25, lift=0.05, left_hand=(-0.3, -0.25, 0.4),
                right_hand=(0.05, 0.98, 0.2), tool=(0.1, 1.0, 0.2),
            ),
        ),
        (
            0.82,
            replace(
                _STAND, turn=25, lean=34, left_foot=(0.1, -0.93, 0.25), right_foot=(0.1, -0.75, -0.55),
                left_hand=(0.0, -0.45, 0.2), right_hand=(-0.45, -0.25, 0.8), tool=(0.3, -0.6, 0.7),
            ),
        ),
        (
            1.0,
            replace(
                _STAND, turn=30, lean=28, left_foot=(0.1, -0.95, 0.1), right_foot=(0.1, -0.85, -0.4),
                left_hand=(0.2, -0.6, 0.2), right_hand=(-0.66, -0.62, 0.3), tool=(0.7, -0.6, -0.2),
            ),
        ),
    ),
    prop="racquet",
    best_yaws=(0.0, 40.0, 180.0),
)  # fmt: skip

_BASEBALL_PITCH = Action(
    keys=(
        (0.0, replace(_STAND, turn=-55, look=45, left_hand=(-0.3, -0.15, 0.42), right_hand=(-0.36, -0.15, 0.42))),
        (
            0.28,
            replace(
                _STAND, turn=-70, look=55, lean=-4, left_foot=(0.05, -0.42, 0.4),
                left_hand=(-0.3, -0.05, 0.42), right_hand=(-0.36, -0.05, 0.42),
            ),
        ),
        (
            0.5,
            replace(
                _STAND, turn=-55, look=50, left_foot=(0.62, -0.72, 0.1), right_foot=(0.32, -0.82, -0.05),
                left_hand=(0.88, 0.12, 0.25), right_hand=(0.8, -0.05, -0.35),
            ),
        ),
        (
            0.64,
            replace(
                _STAND, turn=-10, twist=15, lean=18, left_foot=(0.2, -0.78, 0.5), right_foot=(0.15, -0.82, -0.42),
                left_hand=(0.05, -0.3, 0.35), right_hand=(0.42, 0.62, 0.3),
            ),
        ),
        (
            0.78,
            replace(
                _STAND, twist=35, lean=42, nod=-20, left_foot=(0.12, -0.82, 0.42), right_foot=(0.15, -0.76, -0.55),
                left_hand=(0.1, -0.35, -0.1), right_hand=(-0.1, -0.1, 0.95),
            ),
        ),
        (
            1.0,
            replace(
                _STAND, twist=45, lean=55, nod=-30, left_foot=(0.12, -0.86, 0.3), right_foot=(0.25, -0.8, -0.4),
                left_hand=(0.3, -0.4, -0.3), right_hand=(-0.55, -0.75, 0.3),
            ),
        ),
    ),
    prop="ball",
    best_yaws=(0.0, 45.0, 90.0),
)  # fmt: skip

_BAT_READY = replace(
    _BENT, twist=-38, look=55, left_hand=(-0.62, 0.08, 0.34), right_hand=(0.0, 0.08, 0.3), tool=(0.1, 1.0, -0.45)
)
_BASEBALL_SWING = Action(
    keys=(
        (0.0, _BAT_READY),
        (0.35, replace(_BAT_READY, twist=-52, left_foot=(0.2, -0.82, 0.2), tool=(0.35, 0.9, -0.5))),
        (
            0.58,
            replace(
                _BENT, twist=25, turn=10, look=-5, left_foot=(0.38, -0.88, 0.05), right_foot=(0.3, -0.86, -0.1),
                left_hand=(-0.15, -0.3, 0.8), right_hand=(-0.38, -0.33, 0.78), tool=(-0.15, 0.0, 1.0),
            ),
        ),
        (
            0.74,
            replace(
                _BENT, twist=62, turn=25, look=-40, left_foot=(0.38, -0.9, 0.05), right_foot=(0.25, -0.82, -0.28),
                left_hand=(0.0, 0.0, 0.7), right_hand=(-0.55, 0.0, 0.72), tool=(0.9, 0.3, 0.4),
            ),
        ),
        (
            1.0,
            replace(
                _WIDE, twist=75, turn=38, look=-45, right_foot=(0.2, -0.85, -0.3),
                left_hand=(0.08, 0.3, 0.25), right_hand=(-0.62, 0.28, 0.42), tool=(0.4, 0.2, -0.9),
            ),
        ),
    ),
    prop="bat",
    best_yaws=(0.0, 30.0, -35.0),
)  # fmt: skip

_BOWLING = Action(
    keys=(
        (0.0, replace(_STAND, left_hand=(-0.25, -0.35, 0.45), right_hand=(-0.28, -0.3, 0.45))),
        (
            0.3,
            replace(
                _STAND, lean=12, left_foot=(0.05, -0.95, -0.2), right_foot=(0.05, -0.94, 0.25),
                left_hand=(0.25, -0.5, 0.6), right_hand=(0.08, -0.85, 0.45),
            ),
        ),
        (
            0.55,
            replace(
                _STAND, lean=30, twist=-15, nod=-15, left_foot=(0.05, -0.92, 0.3), right_foot=(0.05, -0.9, -0.3),
                left_hand=(0.6, -0.5, 0.4), right_hand=(0.15, -0.4, -0.88),
            ),
        ),
        (
            0.78,
            replace(
                _STAND, lean=42, nod=-28, left_foot=(0.02, -0.7, 0.35), right_foot=(-0.15, -0.72, -0.6),
                left_hand=(0.8, -0.3, 0.0), right_hand=(0.0, -0.95, 0.25),
            ),
        ),
        (
            1.0,
            replace(
                _STAND, lean=30, nod=-20, left_foot=(0.02, -0.72, 0.32), right_foot=(-0.15, -0.74, -0.58),
                left_hand=(0.8, -0.35, 0.0), right_hand=(-0.12, 0.55, 0.78),
            ),
        ),
    ),
    prop="bowl",
    best_yaws=(60.0, -70.0, 140.0),
)  # fmt: skip

_ROPE = replace(_STAND, left_hand=(0.38, -0.6, 0.25), right_hand=(0.38, -0.6, 0.25))
_JUMP_ROPE = Action(
    keys=(
        (0.0, replace(_ROPE, left_foot=(0.06, -0.94, 0.0), right_foot=(0.06, -0.94, 0.0), tool=(0, -1, 0))),
        (0.25, replace(_ROPE, lift=0.03, left_hand=(0.42, -0.55, 0.2), tool=(0, 0, -1))),
        (0.5, replace(_ROPE, lift=0.06, right_hand=(0.42, -0.52, 0.2), tool=(0, 1, 0))),
        (0.75, replace(_ROPE, lift=0.03, tool=(0, 0, 1))),
    ),
    cyclic=True,
    prop="rope",
    best_yaws=(0.0, 30.0, -40.0),
)

_GUITAR = replace(
    _WIDE, nod=14, look=18, left_hand=(0.42, -0.28, 0.62), right_hand=(-0.42, -0.62, 0.36), tool=(1.0, 0.4, 0.12)
)
_STRUMMING_GUITAR = Action(
    keys=(
        (0.0, _GUITAR),
        (0.3, replace(_GUITAR, right_hand=(-0.34, -0.72, 0.38), side=3)),
        (0.5, replace(_GUITAR, left_hand=(0.3, -0.32, 0.62), nod=6)),
        (0.75, replace(_GUITAR, right_hand=(-0.34, -0.7, 0.38), side=-3, left_hand=(0.34, -0.3, 0.62))),
    ),
    cyclic=True,
    prop="guitar",
    best_yaws=(0.0, 25.0, -25.0),
)

_TENNIS_FOREHAND = Action(
    keys=(
        (0.0, replace(_BENT, left_hand=(-0.25, -0.45, 0.55), right_hand=(-0.3, -0.5, 0.5), tool=(0.1, 0.5, 0.8))),
        (
            0.35,
            replace(
                _BENT, twist=-55, look=45, left_hand=(0.2, -0.2, 0.7), right_hand=(0.72, -0.15, -0.1),
                tool=(-0.2, 0.6, -0.7),
            ),
        ),
        (
            0.6,
            replace(
                _BENT, twist=5, left_foot=(0.2, -0.9, 0.25), right_foot=(0.2, -0.88, -0.25),
                left_hand=(0.35, -0.3, 0.3), right_hand=(0.5, -0.25, 0.78), tool=(-0.75, 0.0, 0.5),
            ),
        ),
        (
            0.8,
            replace(
                _BENT, twist=48, left_foot=(0.2, -0.9, 0.2), right_foot=(0.2, -0.86, -0.3),
                left_hand=(0.3, -0.2, 0.1), right_hand=(-0.3, 0.15, 0.85), tool=(0.3, 0.8, 0.5),
            ),
        ),
        (
            1.0,
            replace(
                _WIDE, twist=60, left_hand=(0.2, -0.3, 0.3), right_hand=(-0.72, 0.28, 0.3), tool=(0.4, 0.3, -0.9),
            ),
        ),
    ),
    prop="racquet",
    best_yaws=(0.0, 30.0, 165.0),
)  # fmt: skip

_BAR_LOW = replace(
    _WIDE, left_foot=(0.26, -0.6, 0.1), right_foot=(0.26, -0.6, 0.1), lean=52, nod=-30,
    left_hand=(0.12, -0.97, 0.22), right_hand=(0.12, -0.97, 0.22),
)  # fmt: skip
_RACK = replace(_WIDE, left_hand=(0.08, 0.02, 0.32), right_hand=(0.08, 0.02, 0.32))
_CLEAN_AND_JERK = Action(
    keys=(
        (0.0, _BAR_LOW),
        (0.1, _BAR_LOW),
        (0.28, replace(_WIDE, lean=8, left_hand=(0.18, -0.7, 0.32), right_hand=(0.18, -0.7, 0.32))),
        (0.4, replace(_RACK, left_foot=(0.3, -0.6, 0.1), right_foot=(0.3, -0.6, 0.1), lean=14)),
        (0.58, _RACK),
        (0.7, replace(_RACK, left_foot=(0.25, -0.88, 0.04), right_foot=(0.25, -0.88, 0.04), lean=4)),
        (
            0.82,
            replace(
                _STAND, left_foot=(0.1, -0.8, 0.45), right_foot=(0.1, -0.82, -0.45),
                left_hand=(0.2, 0.97, 0.05), right_hand=(0.2, 0.97, 0.05),
            ),
        ),
        (1.0, replace(_WIDE, left_hand=(0.2, 0.97, 0.05), right_hand=(0.2, 0.97, 0.05))),
    ),
    prop="barbell",
    best_yaws=(0.0, 30.0, -40.0),
)  # fmt: skip

_PUSH_UPS = Action(
    keys=(
        (0.0, Pose(left_hand=(0.22, 0.0, 0.95), right_hand=(0.22, 0.0, 0.95), tip=67, nod=-25)),
        (0.5, Pose(left_hand=(0.38, -0.1, 0.42), right_hand=(0.38, -0.1, 0.42), tip=82, nod=-30)),
    ),
    cyclic=True,
    anchor=("left_ankle", "right_ankle", "left_wrist", "right_wrist"),
    best_yaws=(70.0, -75.0, 60.0),
)

_KNEES_UP = Pose(left_foot=(0.08, -0.62, 0.0), right_foot=(0.08, -0.62, 0.0), tip=-90)
_SIT_UPS = Action(
    keys=(
        (0.0, replace(_KNEES_UP, left_hand=(0.05, 0.42, 0.12), right_hand=(0.05, 0.42, 0.12), lean=4)),
        (0.5, replace(_KNEES_UP, left_hand=(-0.05, -0.25, 0.6), right_hand=(-0.05, -0.25, 0.6), lean=68, nod=14)),
    ),
    cyclic=True,
    anchor=("left_ankle", "right_ankle", "pelvis", "pelvis"),
    best_yaws=(80.0, -80.0, 65.0),
)

ACTIONS: dict[str, Action] = {
    "squats": _SQUATS,
    "golf_swing": _GOLF_SWING,
    "jumping_jacks": _JUMPING_JACKS,
    "tennis_serve": _TENNIS_SERVE,
    "baseball_pitch": _BASEBALL_PITCH,
    "strumming_guitar": _STRUMMING_GUITAR,
    "bowling": _BOWLING,
    "push_ups": _PUSH_UPS,
    "tennis_forehand": _TENNIS_FOREHAND,
    "jump_rope": _JUMP_ROPE,
    "baseball_swing": _BASEBALL_SWING,
    "clean_and_jerk": _CLEAN_AND_JERK,
    "sit_ups": _SIT_UPS,
}
"""Thirteen of Penn Action's fifteen actions, by their names there. Right-handed; `Pose.mirrored` gives the other."""

_STEP, _KNEE_LIFT, _ARM_SWING = 0.36, 0.16, 0.34


def walking(phase: float) -> Pose:
    """One posture of a walk. phase: radians, 2π for two steps."""

    def foot(phase: float) -> Reach:
        return (0.03, -0.97 + _KNEE_LIFT * max(0.0, math.cos(phase)), _STEP * math.sin(phase))

    def hand(phase: float) -> Reach:
        return (0.1, -0.93, 0.12 - _ARM_SWING * math.sin(phase))

    return Pose(
        left_foot=foot(phase),
        right_foot=foot(phase + math.pi),
        left_hand=hand(phase),
        right_hand=hand(phase + math.pi),
        lean=3.0,
        twist=7.0 * math.sin(phase),
    )


# where signs are made, seen from the signing hand's own shoulder
_SIGN_PLACES: tuple[Reach, ...] = (
    (-0.22, -0.55, 0.5),
    (-0.3, -0.3, 0.48),
    (-0.1, -0.3, 0.62),
    (-0.26, 0.08, 0.42),
    (0.0, 0.3, 0.42),
    (0.2, -0.2, 0.55),
    (0.1, 0.2, 0.5),
    (0.3, -0.5, 0.4),
    (-0.34, -0.12, 0.4),
)
_HANDS_AT_REST: Reach = (-0.22, -0.74, 0.34)
_RESTS, _BOTH_HANDS = 0.12, 0.45  # shares of signs
_SIGN_JITTER = 0.06
_FRAMES_A_SIGN = (4, 9)


def signing(random: np.random.Generator, frames: int) -> list[Pose]:
    """The postures of a signer, one a frame: the right hand leads, the left joins in, waits or does its own part."""
    keys, time = [], 0
    while time <= frames + _FRAMES_A_SIGN[1]:
        lead = _SIGN_PLACES[random.integers(len(_SIGN_PLACES))]
        if random.random() < _RESTS:
            right = left = _HANDS_AT_REST
        elif random.random() < _BOTH_HANDS:
            right = left = lead
        else:
            right, left = lead, random.choice([_HANDS_AT_REST, _SIGN_PLACES[0], _SIGN_PLACES[2]])
        right, left = (np.add(place, random.normal(0, _SIGN_JITTER, 3)) for place in (right, left))
        look, side, nod = random.normal(0, (9.0, 2.0, 5.0))
        pose = Pose(
            left_hand=tuple(left.tolist()),
            right_hand=tuple(right.tolist()),
            look=float(look),
            side=float(side),
            nod=float(nod),
            twist=float(look) / 3,
        )
        keys.append((time, pose))
        time += int(random.integers(*_FRAMES_A_SIGN))
    length = keys[-1][0]
    action = Action(tuple((time / length, pose) for time, pose in keys))
    return action.at([frame / length for frame in range(frames)])


FASHION_POSES: tuple[Pose, ...] = (
    Pose(left_hand=(0.22, -0.93, 0.05), right_hand=(0.2, -0.94, 0.05)),
    Pose(left_hand=(0.02, -0.56, 0.1), right_hand=(0.2, -0.94, 0.06), side=-4, left_foot=(0.16, -0.97, 0.04)),
    Pose(left_hand=(0.02, -0.56, 0.1), right_hand=(0.02, -0.56, 0.1), right_foot=(0.18, -0.97, 0.05)),
    Pose(left_hand=(0.2, -0.94, 0.1), right_hand=(-0.2, 0.2, 0.3), nod=6, look=10),
    Pose(left_hand=(0.15, -0.9, 0.2), right_hand=(0.18, -0.92, -0.1), left_foot=(0.0, -0.96, 0.22), twist=6),
    Pose(left_hand=(-0.3, -0.5, 0.32), right_hand=(-0.2, -0.56, 0.3), side=3),
)
"""How models stand for the catalogue."""
