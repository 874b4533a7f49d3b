"""MATLAB files: the variables that a reader needs, or a sentence that names the file and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.errors import UserError, some


def load(path: Path, variables: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Any]:
    """The variables of a .mat file as scipy gives them, and those of `optional` that it has.

    UserError for a missing or damaged file, and for a variable that is missing and not optional.
    """
    from scipy.io import loadmat, whosmat

    wanted = list(variables)
    try:
        with path.open("rb") as file:
            found = loadmat(file, variable_names=[*wanted, *optional])
            lacking = [name for name in wanted if name not in found]
            there = [name for name, _, _ in whosmat(file)] if lacking else []
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}") from error
    except Exception as error:  # a damaged file makes scipy's reader raise nearly anything
        raise UserError(
            f"{path} is not a readable MATLAB file: {type(error).__name__}: {error}. Get the file again"
        ) from error
    if lacking:
        raise UserError(f"{path} has no variable {', '.join(lacking)}; it holds {some(there) or 'nothing'}")
    return found
