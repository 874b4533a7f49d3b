"""MATLAB files: the variables that a reader needs, or a sentence that names the file and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.errors import UserError


def load(path: Path, variables: Iterable[str]) -> dict[str, Any]:
    """The variables of a .mat file as scipy gives them. UserError for a missing or damaged file or variable."""
    from scipy.io import loadmat

    wanted = list(variables)
    try:
        found = loadmat(path, variable_names=wanted)
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}") from error
    except Exception as error:  # a damaged file makes scipy's reader raise nearly anything
        raise UserError(
            f"{path} is not a readable MATLAB file: {type(error).__name__}: {error}. Get the file again"
        ) from error
    lacking = [name for name in wanted if name not in found]
    if lacking:
        there = ", ".join(name for name in found if not name.startswith("__")) or "nothing"
        raise UserError(f"{path} has no variable {', '.join(lacking)}; it holds {there}")
    return found
