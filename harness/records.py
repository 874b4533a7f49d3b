"""The result schema: one record is one cell's result under one protocol, a JSON file every field of which is explained.

A record of another schema version is refused, never guessed at. Infinite values (the PSNR of two equal images) are
written as the strings "Infinity" and "-Infinity", so that the file stays plain JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UserError
from mrnet import files

SCHEMA_VERSION = 2

UNVERIFIED = "unverified images"
"""The origin of images that others made: nothing says with what, or that no target was looked at."""


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings", populate_by_name=True)


class MetricValue(_Plain):
    """One metric over a cell's pairs."""

    mean: float = Field(description="mean over pairs (pair metrics), or the set's value (set metrics)")
    low: float | None = Field(
        None,
        description="lower end of the 95 % bootstrap interval over groups (videos or persons), drawn whole; "
        "null with fewer than ten groups, and for set metrics",
    )
    high: float | None = Field(None, description="upper end of the same interval")
    groups: int | None = Field(
        None, description="groups of the pairs the value is made of, which the interval is over; null for set metrics"
    )
    std: float | None = Field(None, description="spread over subsets or parts, for set metrics that have one")
    n: int = Field(description="pairs (pair metrics) or images (set metrics) the value is made of")
    small: bool = Field(False, description="a distance between sets too small for it: marked, never bold")


class Budget(_Plain):
    """What training cost."""

    samples: int = Field(description="training pairs seen, with repeats: steps × batch size")
    steps: int = Field(description="optimiser steps")
    batch_size: int = Field(description="pairs a step")
    seconds: float = Field(description="wall-clock seconds of training, all resumed parts together")
    tuning_trials: int = Field(
        0, description="earlier trainings with other parameters that were looked at before this one"
    )


class Cost(_Plain):
    """What synthesis cost, measured on the machine that made the images."""

    parameters: int | None = Field(description="numbers in the networks; null where the method names none")
    multiply_adds: int | None = Field(
        description="of convolutions and matrix products, for one image at the dataset's size; null where there is none"
    )
    latency_s: float = Field(description="median seconds for one pair, after a warm-up")
    batch_latency_s: float = Field(description="median seconds for `batch` pairs at once")
    batch: int = Field(description="pairs in the larger batch")
    peak_mb: float | None = Field(
        description="memory for `batch` pairs beyond the loaded method, MB of 2^20 bytes; null where it is not known"
    )
    device: str = Field(description="device that synthesized")
    threads: int = Field(description="CPU threads")
    load: float | None = Field(description="the machine's 1-minute load after measuring; above `threads`: it was busy")


class Git(_Plain):
    """The state of the code's repository."""

    commit: str = Field(description="commit hash of HEAD")
    dirty_hash: str | None = Field(None, description="SHA-256 of the uncommitted changes, null for a clean tree")


class Leakage(_Plain):
    """What two partitions of a split share: how far a test may be a test of memory."""

    first: str = Field(description="`train` or `val`")
    second: str = Field(description="`val` or `test`")
    frames: int = Field(description="frames in both")
    groups: int = Field(description="groups (clips, videos, garments, persons) with frames in both")
    persons: int | None = Field(description="persons with frames in both; null where the dataset names nobody")


class Measurement(_Plain):
    """What every record holds: numbers, what they were computed with, and from which code."""

    schema_version: int = Field(SCHEMA_VERSION, alias="schema", description="version of this schema")
    protocol: str = Field(description="name of the protocol")
    protocol_hash: str = Field(description="hash of the protocol's constants")
    size_px: tuple[int, int] = Field(description="(height, width) of every image, pixels")
    n: int = Field(description="pairs scored")
    missing: int = Field(0, description="pairs without a usable image: 0 unless leaving them out was allowed")
    metrics: dict[str, MetricValue] = Field(description="value of every metric of the protocol, by metric key")
    skipped: dict[str, str] = Field(
        default_factory=dict, description="metrics of the protocol that these pairs do not allow, with the reason"
    )
    by_group: dict[str, dict[str, float]] = Field(
        description="mean of every pair metric, by group (track, video or person)"
    )
    weights: dict[str, str] = Field(description="SHA-256 of every pretrained asset used, in training and in scoring")
    target_box_source: str | None = Field(
        description="where person boxes come from: `annotation`, `joints`, `mask`; null where there are none"
    )
    git: Git | None = Field(description="code state; null outside a git checkout")
    versions: dict[str, str] = Field(description="versions of Python and of the packages that shape numbers")
    device: str = Field(description="device that trained and synthesized")
    threads: int = Field(description="CPU threads")
    durations_s: dict[str, float] = Field(description="wall-clock seconds of each stage: train, synthesize, score")
    command: str = Field(description="the command line")
    origin: str = Field("ours", description="`ours`, `released weights`, `weights from a file` or `unverified images`")
    created: str = Field(description="UTC time, ISO 8601")

    def write(self, path: Path) -> None:
        """Write the record so that it is there whole or not at all."""
        files.write_text(path, self.model_dump_json(by_alias=True, indent=1) + "\n")


class PartRecord(_Plain):
    """A trained part of a wrapper."""

    training_key: str = Field(description="key of the part's trained model")
    budget: Budget = Field(description="what its training cost")


class Completeness(_Plain):
    """What of images made elsewhere lacks, was not looked for, or is to be taken with care."""

    missing_images: tuple[str, ...] = Field(description="targets, or pairs by their ids, without an image")
    unusable: dict[str, str] = Field(description="images that cannot be scored, with the reason; part of `missing`")
    extra: tuple[str, ...] = Field(description="images without a target, which were not scored")
    lossy: tuple[str, ...] = Field(description="scored images and targets in a lossy format: it changes every number")

    @property
    def lacking(self) -> int:
        """How many targets have no image that could be scored."""
        return len(self.missing_images) + len(self.unusable)


class Imported(Completeness):
    """Where a cell's images come from that were made elsewhere (`bench import`)."""

    folder: str = Field(description="the folder of images, as named on the command line")
    convention: str = Field(description="how its files were named: a convention's name, or the user's pattern")
    images_sha256: str = Field(description="hash of pair ids and pixels of the images that were scored")


class Record(Measurement):
    """The result of one cell under one protocol."""

    method: str = Field(description="name of the method or control")
    title: str = Field(description="the method's display name")
    parameters: dict[str, object] = Field(description="every parameter of the method, defaults included")
    dataset: str = Field(description="name of the dataset")
    split: str = Field(description="name of the split")
    partition: str = Field("test", description="what the pairs are of; `val`: to choose by, no result")
    preset: str | None = Field(description="training preset; null for what is not trained (controls)")
    overrides: tuple[str, ...] = Field((), description="`--set` changes to the preset; none for what is not trained")
    seed: int | None = Field(description="training seed; null for what has none")
    pair_list_hash: str = Field(description="hash of the test pair list")
    leakage: tuple[Leakage, ...] = Field((), description="what the partitions of the split share")
    mask_source: str | None = Field(
        None,
        description="where person masks come from: `annotated`, `prepared`, or the segmenter; null if not recorded",
    )
    pairs: str = Field(description="folder under results/pairs that holds the test pairs, their frames and poses")
    train_pair_list_hash: str | None = Field(
        None, description="hash of the training pair list, where training frames were used"
    )
    dataset_fingerprint: str = Field(
        description="hash of sources, annotations, reader version, size and filter; never of pixels"
    )
    cost: Cost | None = Field(
        None, description="what synthesis cost; null for controls, foreign programs and images made elsewhere"
    )
    budget: Budget | None = Field(
        description="what training cost; null where nothing was trained; a wrapper's is its inner method's"
    )
    training_key: str | None = Field(
        None, description="key of the trained model, of a wrapper's inner method; null where nothing was trained"
    )
    parts: dict[str, PartRecord] = Field({}, description="of a wrapper whose inpainter is trained too: all trainings")
    given_weights: str | None = Field(None, description="SHA-256 of the file of weights used in place of a training")
    imported: Imported | None = Field(None, description="of images made elsewhere: what was there; null for all others")
    cell_key: str = Field(description="key of the cell's images")
    score_key: str = Field(description="key of the cell's scores")
    dtype: str = Field(description="precision of training: `fp32` or `bf16`")
    privileged: bool = Field(description="made from the target: a ceiling, never ranked")
    ranked: bool = Field(description="whether the row may be ranked; false for smoke presets and privileged rows")
    settled: bool = Field(
        True, description="false where the preset says that the method does not train to a stable state at its budget"
    )
    scene_only: bool = Field(False, description="its images show the scene without the person: never ranked")
    remarks: tuple[str, ...] = Field((), description="what the method's card says of these parameters")


class FolderRecord(Completeness, Measurement):
    """The result of `bench score`: a folder of images against a folder of targets, matched by file name."""

    generated: str = Field(description="the folder of images, as named on the command line")
    target: str = Field(description="the folder of targets")
    mask: str | None = Field(description="the folder of the targets' person masks; null where none was given")
    generated_hash: str = Field(description="hash of names and bytes of the images that were scored")
    target_hash: str = Field(description="hash of names and bytes of their targets")
    mask_hash: str | None = Field(description="hash of names and bytes of their masks; null where there are none")


Found = TypeVar("Found", bound=Measurement)


def read_record(path: Path) -> Record:
    """Read a record. UserError for what is not one, or is of another schema version."""
    return _read(path, lambda data: Record.model_validate(data))


def read_any_record(path: Path) -> Record | FolderRecord:
    """Read the record of a cell or of `bench score`, told apart by what it holds. UserError as `read_record`."""
    return _read(path, lambda data: (Record if "method" in data else FolderRecord).model_validate(data))


def _read(path: Path, validated: Callable[[dict], Found]) -> Found:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        version = data.get("schema")
        if version != SCHEMA_VERSION:
            raise UserError(
                f"{path} has schema {version}; this version of bench reads schema {SCHEMA_VERSION}. "
                "Remove the record-*.json files of that results folder's cells and give the commands that made them "
                "(`bench run`, `bench import`) again: models and images are kept, and so are scores that still hold"
            )
        return validated(data)
    except (json.JSONDecodeError, AttributeError, ValidationError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a record: {error}. Remove it and run the same `bench run` again") from error
