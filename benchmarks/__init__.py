"""Data shipped with the package: protocols, presets, datasets. No code but this path."""

from pathlib import Path

ROOT = Path(__file__).parent
