"""`bench protocols show`: no constant of a protocol is hidden, however it is nested."""

from __future__ import annotations

import pytest
import yaml
from pydantic import Field
from small_run import PROTOCOL
from typer.testing import CliRunner

from benchmarks import ROOT
from harness import config
from harness.cli import app
from harness.config import Strict
from harness.metrics.base import METRICS
from harness.metrics.constants import Constant, Section, constants, sections, shown
from harness.metrics.protocol import load_protocol


class Kernel(Strict):
    """k(x, y) = x·y."""

    degree: int = Field(description="of the polynomial")


class Judge(Strict):
    name: str
    thresholds: tuple[float, ...] = Field(description="of the box")


class Nested(Strict):
    """A model like a protocol.

    More of it.
    """

    name: str
    kernel: Kernel
    absent: Kernel | None = Field(None, description="null: not computed")
    judges: tuple[Judge, ...]
    spreads: dict[str, float]
    on: bool = True


MODEL = Nested(
    name="n", kernel=Kernel(degree=3), judges=(Judge(name="a", thresholds=(0.1, 2.0)),), spreads={"ankle": 0.089}
)


def told(*arguments, code=0):
    done = CliRunner().invoke(app, ["protocols", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.output


def leaves(value, path=""):
    """Every value of plain data by its path, counted on its own."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        value = {str(place): item for place, item in enumerate(value)}
    if isinstance(value, dict):
        return {key: leaf for name, inner in value.items() for key, leaf in leaves(inner, f"{path}.{name}").items()}
    return {path.strip("."): value}


def test_sections_follow_the_model_and_each_value_is_in_one():
    assert sections(MODEL) == [
        Section(
            "", "A model like a protocol.",
            (Constant("name", "n", ""), Constant("absent", None, "null: not computed"), Constant("on", True, "")),
        ),
        Section("kernel", "k(x, y) = x·y.", (Constant("kernel.degree", 3, "of the polynomial"),)),
        Section("judges", "", ()),
        Section(
            "judges.0", "",
            (Constant("judges.0.name", "a", ""), Constant("judges.0.thresholds", (0.1, 2.0), "of the box")),
        ),
        Section("spreads", "", (Constant("spreads.ankle", 0.089, ""),)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"), (True, "yes"), (False, "no"), (255.0, "255"), (0.01, "0.01"), (1e-6, "1e-06"), (3, "3"),
        ((0.1, 2.0), "0.1, 2"), ((), "none"), ("alex", "alex"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_values_read_as_in_the_file(value, text):
    assert shown(value) == text


@pytest.mark.parametrize("name", config.names("protocols"))
def test_every_constant_of_a_shipped_protocol_is_printed(name, empty_home):
    text, protocol = told("show", name), load_protocol(name)
    assert protocol.hash in text
    for path, value in leaves(yaml.safe_load((ROOT / "protocols" / f"{name}.yaml").read_text())).items():
        assert path in constants(protocol)
        lines = [line for line in text.splitlines() if path in ("name", "version", "title") or line.startswith(path)]
        assert any(shown(value) in line for line in lines), path
    for key in protocol.metric_keys:
        assert METRICS[key].label in text and METRICS[key].definition in text
    for weights in protocol.assets():
        assert f"bench weights fetch {weights}" in text, "an empty home has none"


def test_weights_at_hand_are_told_with_their_place(empty_home, tmp_path):
    (tmp_path / "alexnet.ckpt").write_bytes(b"")
    assert f"here: {tmp_path / 'alexnet.ckpt'}" in told("show", "offline-v1", "--weights-dir", tmp_path)


def test_a_file_of_the_users_own_is_shown_too(tmp_path):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(PROTOCOL))
    text = told("show", tmp_path / "mine.yaml")
    assert "pairs-only version 1" in text and "none are needed" in text
    assert "sets none null: no set metrics" in " ".join(text.split())


def test_an_unknown_protocol_is_told_with_the_known_ones():
    assert "std-v1" in told("show", "std", code=2)


def test_list_is_the_same_as_bench_list_protocols():
    assert told("list") == CliRunner().invoke(app, ["list", "protocols"]).output
