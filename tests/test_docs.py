"""What the documentation shows is run as it stands there; every built-in method has its page."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from harness.cli import app
from harness.presets import given_parameters
from methods import cards
from methods.card import MethodCard

DOCS = Path(__file__).parents[1] / "docs"
BUILTIN = sorted(card.name for card in vars(cards).values() if isinstance(card, MethodCard) and card.learns)
MOST_LINES = 40


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_method_of_add_a_method_keeps_the_contract_and_runs_beside_the_controls(tmp_path, monkeypatch, empty_home):
    source = blocks("add-a-method.md", "python")[0]
    assert len(source.splitlines()) <= MOST_LINES
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text(source)
    check, run = blocks("add-a-method.md", "bash")[0].replace("\\\n", " ").strip().splitlines()
    done = CliRunner().invoke(app, shlex.split(check)[1:])
    assert done.exit_code == 0, done.output
    assert "BROKEN" not in done.output and "sees nothing of the target" in done.output
    # LPIPS is another test's matter: no weights are needed here
    (tmp_path / "pairs-only.yaml").write_text(PROTOCOL)
    done = CliRunner().invoke(app, [*shlex.split(run)[1:], "--protocol", "pairs-only.yaml", "--limit", "4"])
    assert done.exit_code == 0, done.output
    report = next((tmp_path / "results" / "report").glob("*.md")).read_text()
    assert "| Plain |" in report and "| Copy of the reference |" in report


PROTOCOL = """
name: pairs-only
version: 1
title: pair metrics that need no weights
pairs: [psnr, m_ssim]
psnr: {data_range: 255, cap_db: 100}
ssim: {data_range: 255, sigma: 1.5, k1: 0.01, k2: 0.03}
lpips: {net: alex, version: "0.1", min_side_px: 32}
"""


@pytest.mark.parametrize("name", [name for name in BUILTIN if name not in ("mrnet", "command")])
def test_every_competitor_has_its_page(name):
    page = (DOCS / "methods" / f"{name}.md").read_text()
    assert "not verified here" in page
    assert f"bench weights import {name} " in page and f"--weights {name}=" in page


def test_the_page_on_foreign_programs_shows_what_runs(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text(blocks("foreign-programs.md", "yaml")[0])
    check, run = blocks("foreign-programs.md", "bash")[0].strip().splitlines()
    preset, results = str(tmp_path / "mine.yaml"), str(tmp_path / "results")
    words = [preset if word == "mine.yaml" else word for word in shlex.split(run)[1:]]
    monkeypatch.chdir(DOCS.parent)
    done = CliRunner().invoke(app, [*words, "--results", results, "--plan"])
    assert done.exit_code == 0 and "command: images, scores, record" in done.output
    given = given_parameters("command", None, [shlex.split(check)[-1]])["program"]
    assert given == given_parameters("command", preset, [])["program"]
    for others in yaml.safe_load_all(blocks("foreign-programs.md", "yaml")[1].replace("\nprogram", "\n---\nprogram")):
        assert {"{in}", "{out}"} <= set(re.findall(r"{\w+}", " ".join(others["program"])))
