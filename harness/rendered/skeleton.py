"""From a pose to places in space: where the joints of a person are, and how trunk, head and limbs lie.

World axes: x to the left of a person who faces ahead, y up, z ahead; unit: the person's height. A frame is a (3, 3)
array whose rows are unit vectors across (to the person's left), along and to the front of a part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.rendered.motion import Pose
from harness.rendered.people import Build
from harness.rendered.textures import HEAD_HALF_HEIGHT

SIDES = ("left", "right")
_SIGN = {"left": 1.0, "right": -1.0}  # of x

TRUNK_LENGTH = 0.295  # middle of the pelvis to the base of the neck
_UPPER_ARM, _FOREARM = 0.172, 0.15
_THIGH, _SHANK, ANKLE_HEIGHT = 0.242, 0.236, 0.038
_SHOULDER_OUT, _SHOULDER_DOWN, _SHOULDER_RISE = 0.1, 0.026, 0.028
_HIP_OUT, _HIP_DOWN = 0.052, 0.02
_NECK_LENGTH = 0.036
_PELVIS_SHARE_OF_LEAN = 0.5  # the rest bends the spine
_HEEL_BACK, _TOE_AHEAD = 0.026, 0.1
_ELBOW_HINT, _KNEE_HINT = (0.55, -0.75, -0.5), (0.14, 0.0, 1.0)  # (out, up, ahead): where they bend to
_ALMOST_STRETCHED = 0.998

# places on the head, in its half height, along its frame; x by side
_FACE_PLACES = {"head": (0.0, 0.8, 0.0), "face": (0.0, 0.0, 0.0), "nose": (0.0, -0.2, 0.9)}
_FACE_SIDE_PLACES = {"eye": (0.29, 0.02, 0.76), "ear": (0.72, -0.05, -0.08)}


@dataclass(frozen=True)
class Skeleton3D:
    """joints: (3,) by name, with helpers (pelvis, neck_base, toes, heels). spine: (shares, 3, 3) frames and places at
    `SPINE_SHARES`. head, legs: frames. All in world axes, or the picture's after `seen`.
    """

    joints: dict[str, np.ndarray]
    spine_places: np.ndarray
    spine_frames: np.ndarray
    head_frame: np.ndarray
    leg_frame: np.ndarray
    tool: np.ndarray

    @property
    def chest(self) -> np.ndarray:
        """The frame at the shoulders."""
        return self.spine_frames[station_at(1.0)]

    def seen(self, view: np.ndarray, origin: np.ndarray) -> Skeleton3D:
        """The same, moved by -origin and turned by the matrix `view`."""
        return Skeleton3D(
            joints={name: view @ (place - origin) for name, place in self.joints.items()},
            spine_places=(self.spine_places - origin) @ view.T,
            spine_frames=self.spine_frames @ view.T,
            head_frame=self.head_frame @ view.T,
            leg_frame=self.leg_frame @ view.T,
            tool=view @ self.tool,
        )


SPINE_SHARES = np.concatenate([np.linspace(-0.12, 0.76, 14), np.linspace(0.8, 1.06, 13)])
"""Stations along the trunk: 0 is the middle of the pelvis, 1 the base of the neck. Denser where shoulders narrow."""


def station_at(share: float) -> int:
    """The station nearest to a share of the trunk."""
    return int(np.argmin(np.abs(SPINE_SHARES - share)))


def pose_skeleton(build: Build, pose: Pose, anchor: tuple[str, ...] = ("left_ankle", "right_ankle")) -> Skeleton3D:
    """Joints of a build in a pose, standing on the ground y = 0 with the mean of its `anchor` joints at x = z = 0."""
    body = _about_y(pose.turn) @ _about_x(pose.tip)
    trunk = body @ _about_y(pose.twist)
    frames = np.stack([_spine_frame(body, pose, share) for share in SPINE_SHARES])
    places = _spine_places(frames)
    chest = frames[station_at(1.0)]
    neck_base = _at_share(places, 1.0)
    joints = {"pelvis": np.zeros(3), "neck_base": neck_base}

    head = (trunk @ _lean_of(pose, 1.0) @ _about_y(pose.look) @ _about_x(pose.nod)).T
    half = HEAD_HALF_HEIGHT * build.head
    centre = neck_base + _NECK_LENGTH * (chest[1] + head[1]) / 2 + half * head[1]
    joints |= {name: centre + half * np.asarray(place) @ head for name, place in _FACE_PLACES.items()}

    pelvis = frames[station_at(0.0)]
    for side in SIDES:
        sign = _SIGN[side]
        joints |= {
            f"{side}_{part}": centre + half * (np.asarray(place) * (sign, 1, 1)) @ head
            for part, place in _FACE_SIDE_PLACES.items()
        }
        hand, foot = (np.asarray(getattr(pose, f"{side}_{end}")) * (sign, 1, 1) for end in ("hand", "foot"))
        rise = _SHOULDER_RISE * max(0.0, hand[1])
        shoulder = neck_base + np.array([sign * _SHOULDER_OUT * build.shoulders, rise - _SHOULDER_DOWN, 0]) @ chest
        hint = trunk @ (np.asarray(_ELBOW_HINT) * (sign, 1, 1))
        elbow, wrist = _two_bones(shoulder, trunk @ hand, (_UPPER_ARM, _FOREARM), hint)
        hip = np.array([sign * _HIP_OUT * build.hips, -_HIP_DOWN, 0]) @ pelvis
        lengths = (_THIGH * build.legs, _SHANK * build.legs)
        knee, ankle = _two_bones(hip, body @ foot, lengths, body @ (np.asarray(_KNEE_HINT) * (sign, 1, 1)))
        heel, toe = _foot(ankle, ankle - knee, body @ np.array([0.25 * sign, 0, 1]))
        parts = {"shoulder": shoulder, "elbow": elbow, "wrist": wrist, "hip": hip, "knee": knee, "ankle": ankle}
        joints |= {f"{side}_{part}": place for part, place in {**parts, "heel": heel, "toe": toe}.items()}
    joints["neck"] = (joints["left_shoulder"] + joints["right_shoulder"]) / 2

    skeleton = Skeleton3D(joints, places, frames, head, body.T, trunk @ np.asarray(pose.tool))
    return skeleton.seen(np.eye(3), _standing_point(joints, anchor, pose.lift))


# how far flesh reaches below a joint that may rest on the ground
_RESTING = {"toe": 0.018, "heel": 0.02, "wrist": 0.02, "knee": 0.04, "hip": 0.09, "shoulder": 0.05}


def _standing_point(joints: dict[str, np.ndarray], anchor: tuple[str, ...], lift: float) -> np.ndarray:
    """The point of the ground below the anchors' mean."""
    middle = np.mean([joints[name] for name in anchor], axis=0)
    lowest = min(joints[f"{side}_{part}"][1] - flesh for side in SIDES for part, flesh in _RESTING.items())
    return np.array([middle[0], lowest - lift, middle[2]])


def _spine_frame(body: np.ndarray, pose: Pose, share: float) -> np.ndarray:
    share = float(np.clip(share, 0, 1))
    return (body @ _about_y(pose.twist * share) @ _lean_of(pose, share)).T


def _lean_of(pose: Pose, share: float) -> np.ndarray:
    bend = pose.lean * (_PELVIS_SHARE_OF_LEAN + (1 - _PELVIS_SHARE_OF_LEAN) * share)
    return _about_x(bend) @ _about_z(pose.side * share)


def _spine_places(frames: np.ndarray) -> np.ndarray:
    """(stations, 3): each a step along the directions between; share 0 at the origin."""
    steps = np.diff(SPINE_SHARES)[:, None] * TRUNK_LENGTH * (frames[1:, 1] + frames[:-1, 1]) / 2
    places = np.vstack([np.zeros(3), np.cumsum(steps, axis=0)])
    return places - _at_share(places, 0.0)


def _at_share(places: np.ndarray, share: float) -> np.ndarray:
    return np.array([np.interp(share, SPINE_SHARES, places[:, axis]) for axis in range(3)])


def _two_bones(
    start: np.ndarray, reach: np.ndarray, lengths: tuple[float, float], hint: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middle joint and end of a limb that leaves `start` for `reach` (in lengths of the limb) and bends to `hint`."""
    first, second = lengths
    distance = float(np.linalg.norm(reach))
    direction = reach / distance
    distance = np.clip(distance * (first + second), abs(first - second) * 1.05, _ALMOST_STRETCHED * (first + second))
    aside = hint - (hint @ direction) * direction
    aside /= np.linalg.norm(aside)
    cosine = (first**2 + distance**2 - second**2) / (2 * first * distance)
    middle = start + first * (cosine * direction + math.sqrt(max(0.0, 1 - cosine**2)) * aside)
    return middle, start + distance * direction


def _foot(ankle: np.ndarray, shank: np.ndarray, ahead: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heel and toe of a foot that is about square to the shank and points ahead."""
    shank, ahead = shank / np.linalg.norm(shank), ahead / np.linalg.norm(ahead)
    forward = ahead - 0.8 * (ahead @ shank) * shank
    forward /= np.linalg.norm(forward)
    down = shank - (shank @ forward) * forward
    down *= ANKLE_HEIGHT * 0.55 / np.linalg.norm(down)
    return ankle - _HEEL_BACK * forward + down, ankle + _TOE_AHEAD * forward + down


def _about_x(degrees: float) -> np.ndarray:
    """Positive: up moves ahead."""
    c, s = _cos_sin(degrees)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(degrees: float) -> np.ndarray:
    """Positive: ahead moves left."""
    c, s = _cos_sin(degrees)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(degrees: float) -> np.ndarray:
    """Positive: up moves left."""
    c, s = _cos_sin(degrees)
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def _cos_sin(degrees: float) -> tuple[float, float]:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def view_matrix(yaw: float, pitch: float) -> np.ndarray:
    """World axes to the picture's (right, down, towards the viewer), for a person turned to the picture's right by yaw
    degrees (0 faces the viewer) and a camera that looks down by pitch degrees.
    """
    return np.diag([1.0, -1.0, 1.0]) @ _about_x(pitch) @ _about_y(yaw)
