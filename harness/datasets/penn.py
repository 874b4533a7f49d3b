"""Penn Action: `frames/0001/000001.jpg`, `labels/0001.mat` (Zhang, Zhu, Derpanis, ICCV 2013).

Coordinates in the files are MATLAB's, 1-based. A joint is missing where it is not visible or not in the picture: the
files hold a guess or a filler (such as 0.75) there. Rows of `x`, `y`, `visibility`, the number `nframes` and the number
of the last image of a video may disagree; the least of them counts. `bbox` may have fewer rows, or hold no box: those
frames take theirs from the joints.
"""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import Field

from harness import config
from harness.config import Strict
from harness.datasets import pair_split
from harness.datasets.frames import Partitions
from harness.datasets.index import Count, FrameIndex
from harness.datasets.on_disk import OnDisk
from harness.datasets.penn_labels import Video, read_video
from harness.datasets.splits import Part, drawn_pairs, evenly, held_out, seeded
from harness.errors import UserError
from harness.pairs import group_of
from harness.progress import track
from mrnet.skeletons import PENN13

_PUBLISHED_VIDEOS = 2326
_PARTS_OF_A_VIDEO = 3


class Official(Strict):
    """The split by the `train` flag."""

    val_share: float = Field(gt=0, lt=1)
    pairs: dict[str, int]


class PerVideo(Strict):
    """A split within every video."""

    pairs: dict[str, int]


class Rules(Strict):
    """`benchmarks/datasets/penn.yaml`, where each is explained."""

    version: int
    selected_frames: int = Field(ge=2)
    least_joints: int = Field(ge=1)
    least_frames: int = Field(ge=2 * _PARTS_OF_A_VIDEO)
    apart_frames: int = Field(ge=1)
    seed: int
    official: Official
    mrnet_like: PerVideo


class PennAction(OnDisk):
    """Penn Action. Its own box annotation is the person box; who is on a video, nobody says."""

    name = "penn"
    title = "Penn Action: 2,326 videos of 15 actions, 13 joints"
    licence = "no licence given; cite the paper, do not redistribute frames"
    citation = "Penn Action (Zhang, Zhu, Derpanis, ICCV 2013)"
    splits = ("official", "mrnet-like", "mrnet")
    default_split = "official"
    skeleton = PENN13
    reader_version = 1
    parts = (("labels",), ("frames",))
    folder_names = ("Penn_Action",)
    box_source = "annotation"
    layout = "labels/ and frames/"
    sources = (
        "Penn Action (about 3 GB) is on https://dreamdragon.github.io/PennAction/, without a form: Penn_Action.tar.gz. "
        "Where its links are dead, ask the authors named there."
    )

    def read(self) -> FrameIndex:
        ids, joints, boxes, digests = [], [], [], []
        extra = self._authors_frames
        for name, video in self.videos.items():
            digests.append([name, video.digest])
            numbers = sorted({*self._selected(video), *(n for n in extra.get(name, ()) if n < len(video.joints))})
            ids += [frame_id(name, number) for number in numbers]
            joints.append(video.joints[numbers])
            boxes.append(video.boxes[numbers])
        if not ids:
            raise UserError(f"penn: no video in {self.folder} has {self.rules.least_frames} usable frames")
        return FrameIndex(
            ids=tuple(ids),
            images=tuple(f"frames/{name}.jpg" for name in ids),
            joints=np.concatenate(joints).astype(np.float32),
            boxes=np.concatenate(boxes).astype(np.float32),
            digest=hashlib.sha256(repr((self.rules, digests)).encode()).hexdigest(),
            notes=tuple(note for video in self.videos.values() for note in video.notes),
        )

    @cached_property
    def rules(self) -> Rules:
        return config.load("datasets", "penn", Rules)

    @cached_property
    def videos(self) -> dict[str, Video]:
        """Every labelled video by name, in order."""
        # a name that starts with a dot is what some systems lay beside a file
        paths = sorted(path for path in self.part("labels").glob("*.mat") if not path.name.startswith("."))
        if not paths:
            raise UserError(f"penn: {self.part('labels')} holds no .mat file.\n{self.instructions}")
        found = track(paths, "reading labels of Penn Action")
        return {path.stem: read_video(path, self._last_image(path.stem)) for path in found}

    def category(self, frame_id: str) -> str | None:
        """The video's action, such as `squats`."""
        return self.videos[group_of(frame_id)].action

    def notes(self) -> tuple[str, ...]:
        return self.index.notes

    def _last_image(self, video: str) -> int | None:
        """The number of a video's last image, counted from 1; None where there is none: that is no shorter video.

        Not how many there are: a file that is missing in between is to be named, not to shorten the video.
        """
        folder = self.folder / "frames" / video
        names = os.listdir(folder) if folder.is_dir() else ()
        return max((int(name[:-4]) for name in names if name.endswith(".jpg") and name[:-4].isdecimal()), default=None)

    def _selected(self, video: Video) -> list[int]:
        """Places of the frames that the rules choose; none of a video that is left out."""
        visible = np.isfinite(video.joints[..., 0]).sum(axis=1)
        usable = np.flatnonzero(visible >= self.rules.least_joints)
        if len(usable) < self.rules.least_frames:
            return []
        return usable[evenly(len(usable), self.rules.selected_frames)].tolist()

    @cached_property
    def _authors_frames(self) -> dict[str, set[int]]:
        """Frames that MR-Net's own pair_split.json names, by video, where it lies in the folder."""
        path = self.folder / pair_split.FILE
        if not path.is_file():
            return {}
        frames: dict[str, set[int]] = {}
        for pairs in pair_split.read(path).values():
            for name in {name for pair in pairs for name in pair}:
                video, number = _authors_name(path, name)
                frames.setdefault(video, set()).add(number)
        return frames

    @property
    def pairs_version(self) -> int:
        return self.rules.version

    def divide(self, split: str, partition: str) -> Part:
        if split == "mrnet":
            return self._authors[partition]
        return (self._official if split == "official" else self._per_video)[partition]

    def _chosen(self) -> dict[str, list[int]]:
        chosen = {name: self._selected(video) for name, video in self.videos.items()}
        return {name: numbers for name, numbers in chosen.items() if numbers}

    @cached_property
    def _official(self) -> dict[str, Part]:
        rules, chosen = self.rules.official, self._chosen()
        training = [name for name in chosen if self.videos[name].trains]
        validating = held_out(training, rules.val_share, self.rules.seed)

        def partition(name: str) -> str:
            if not self.videos[name].trains:
                return "test"
            return "val" if name in validating else "train"

        return self._split({name: {partition(name): numbers} for name, numbers in chosen.items()}, rules.pairs)

    @cached_property
    def _per_video(self) -> dict[str, Part]:
        cut = {name: self._cut(name, numbers) for name, numbers in self._chosen().items()}
        return self._split(cut, self.rules.mrnet_like.pairs)

    def _cut(self, video: str, numbers: list[int]) -> dict[str, list[int]]:
        """A video's frames by partition: of each third one tests, one validates, the others train."""
        random = seeded(self.rules.seed, "cut", video)
        test, val = [], []
        for third in np.array_split(np.array(numbers), _PARTS_OF_A_VIDEO):
            one, other = random.choice(third, size=2, replace=False).tolist()
            test.append(one)
            val.append(other)
        held = {*test, *val}
        return {"train": [number for number in numbers if number not in held], "val": val, "test": test}

    def _split(self, cut: dict[str, dict[str, list[int]]], counts: dict[str, int]) -> dict[str, Part]:
        """cut: frame numbers by video and partition. counts: pairs of a video, by partition.

        A video gives all its pairs or, if it is too short for them, none: every video weighs the same.
        """
        frames: dict[str, list[str]] = {name: [] for name in Partitions.NAMES}
        pairs: dict[str, list[tuple[str, str]]] = {name: [] for name in Partitions.NAMES}
        for video, parts in cut.items():
            drawn = {
                name: drawn_pairs(numbers, counts[name], self.rules.apart_frames, seeded(self.rules.seed, name, video))
                for name, numbers in parts.items()
            }
            if any(len(drawn[name]) < counts[name] for name in drawn):
                continue
            for name, numbers in parts.items():
                ids = [frame_id(video, number) for number in numbers]
                frames[name] += ids
                pairs[name] += [(ids[reference], ids[target]) for reference, target in drawn[name]]
        return {name: Part(tuple(frames[name]), tuple(pairs[name])) for name in frames}

    @cached_property
    def _authors(self) -> dict[str, Part]:
        path = self.folder / pair_split.FILE
        if not path.is_file():
            raise UserError(
                f"split mrnet is not there: it needs the MR-Net authors' own {path} (Label/pair_split.json of their "
                "prepared Penn_Action); which pairs they drew is not public. Split mrnet-like follows their counts"
            )
        known = set(self.index.ids)

        def ours(name: str) -> str:
            video, number = _authors_name(path, name)
            if frame_id(video, number) not in known:
                raise UserError(f"{path} names {name}, which is no frame of {self.folder}")
            return frame_id(video, number)

        named = {
            part: [(ours(reference), ours(target)) for reference, target in pairs]
            for part, pairs in pair_split.read(path).items()
        }
        return pair_split.with_val(named["train"], named["test"], group_of)

    def counts(self) -> list[Count]:
        trains = sum(video.trains for video in self.videos.values())
        return [
            Count("videos", len(self.videos), _PUBLISHED_VIDEOS),
            Count("training videos by the `train` flag", trains),
            Count("videos with enough usable frames", len(self._chosen())),
        ]


def frame_id(video: str, number: int) -> str:
    """`0001/000001`; number: 0-based, as the id and the file are not."""
    return f"{video}/{number + 1:06d}"


def _authors_name(path: Path, name: str) -> tuple[str, int]:
    """Video and 0-based frame number of a name such as `0001_000001`."""
    video, _, number = name.replace("/", "_").rpartition("_")
    if not video or not number.isdecimal() or int(number) < 1:
        raise UserError(f"{path} names {name!r}; a frame of Penn Action is called like 0001_000001")
    return video, int(number) - 1
