"""Running `bench` on the synthetic set with small methods; a preset and protocols that need no downloaded weights."""

from __future__ import annotations

from pathlib import Path

import yaml
from typer.testing import CliRunner, Result

from harness.cli import app

PLUGIN = Path(__file__).parent / "small_methods.py"

PRESET = {
    "name": "tests",
    "description": "for tests",
    "size_px": [32, 32],
    "methods": {
        name: {"schedule": {"steps": 3, "batch_size": 2, "learning_rate": 0.1}}
        for name in ("tiny", "scene", "looped", "broken", "killed", "hangs", "picky")
    },
}

PROTOCOL = {
    "name": "pairs-only",
    "version": 1,
    "title": "pair metrics that need no weights",
    "pairs": ["psnr", "m_ssim"],
    "psnr": {"data_range": 255, "cap_db": 100},
    "ssim": {"data_range": 255, "sigma": 1.5, "k1": 0.01, "k2": 0.03},
    "lpips": {"net": "alex", "version": "0.1", "min_side_px": 32},
}


def arguments(folder: Path, methods: str, *more: str, protocol: dict | None = None) -> list[str]:
    """The arguments of `bench run` into `folder`/results, of the named methods alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tests.yaml").write_text(yaml.safe_dump(PRESET))
    (folder / "protocol.yaml").write_text(yaml.safe_dump(protocol or PROTOCOL))
    given = ["--methods", methods, "--dataset", "synthetic", "--plugin", PLUGIN, "--preset", folder / "tests.yaml"]
    given += ["--protocol", folder / "protocol.yaml", "--results", folder / "results"]
    return ["run", "--no-controls", *map(str, given), *more]


def bench(folder: Path, methods: str, *more: str, protocol: dict | None = None) -> Result:
    """Run `bench run` in this process; its trainings and learned cells are child processes."""
    return CliRunner().invoke(app, arguments(folder, methods, *more, protocol=protocol))
