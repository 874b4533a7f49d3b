"""Foreign pickles: nested dicts of numpy arrays are read and nothing else, so that opening a file runs no code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import UserError

# what numpy's own arrays name in a pickle; numpy 2 moved the module, old files keep the old name
_ADMITTED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): None,
    ("numpy._core.multiarray", "_reconstruct"): None,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no numpy array")
        return _ADMITTED[module, name] or _reconstruct()


def _reconstruct() -> Any:
    """numpy's array constructor for pickles, wherever the installed numpy keeps it."""
    return np.empty(0).__reduce__()[0]


def load_arrays(path: Path) -> dict[str, Any]:
    """The nested dict of arrays in the pickle at `path`. Raises UserError if it holds or names anything else."""
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"{path} was not opened: {error}. Only pickles of numpy arrays are read") from error
    _check(content, path)
    return content


def _check(node: Any, path: Path) -> None:
    if isinstance(node, dict):
        for child in node.values():
            _check(child, path)
    elif not isinstance(node, np.ndarray) or node.dtype.hasobject:
        raise UserError(f"{path} holds a {type(node).__name__}; only nested dicts of numpy arrays are read")
