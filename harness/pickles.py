"""Foreign pickles: plain containers, numbers and numpy arrays are read, nothing else, so that a file runs no code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import UserError


class _PlainUnpickler(pickle.Unpickler):
    """Admits what numpy's own arrays and scalars name; numpy 2 moved the module, old files keep the old name."""

    def find_class(self, module: str, name: str) -> Any:
        core = module.replace("numpy._core", "numpy.core")
        admitted = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy.core.multiarray", "scalar"): _scalar,
            ("_codecs", "encode"): _latin1,
        }
        if (core, name) not in admitted:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no numpy array")
        return admitted[core, name]


def _reconstruct(*arguments: Any) -> Any:
    """numpy's array constructor for pickles, wherever the installed numpy keeps it."""
    return np.empty(0).__reduce__()[0](*arguments)


def _scalar(dtype: np.dtype, data: bytes | str) -> Any:
    if dtype.hasobject:
        raise pickle.UnpicklingError("it holds a number that is an object")
    return np.frombuffer(data.encode("latin1") if isinstance(data, str) else data, dtype)[0]


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes for Python 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {encoding}")
    return text.encode("latin1")


def load_arrays(path: Path) -> dict[str, Any]:
    """The nested dict of arrays in the pickle at `path`. Raises UserError if it holds or names anything else."""
    content = _load(path, "numpy arrays")
    _check(content, path)
    return content


def load_poses(path: Path) -> dict[str, np.ndarray]:
    """Joints (K, 2) float64, (x, y), by name, from a pickle of arrays or lists, written by Python 2 or 3.

    UserError for a file that holds or names anything else, naming the entry.
    """
    content = _load(path, "lists and numpy arrays of numbers")
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}; a dict from names to joints is needed")
    poses = {}
    for name, values in content.items():
        try:
            joints = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise UserError(f"{path}: {name!r} holds no joints: {error}") from error
        if not isinstance(name, str) or joints.ndim != 2 or joints.shape[1] != 2:
            raise UserError(f"{path}: {name!r} holds {joints.shape}; joints × (x, y) are needed")
        poses[name] = joints
    return poses


def _load(path: Path, expected: str) -> Any:
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file, encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, LookupError, TypeError, ValueError) as error:
        raise UserError(f"{path} was not opened: {error}. Only pickles of {expected} are read") from error


def _check(node: Any, path: Path) -> None:
    if isinstance(node, dict):
        for child in node.values():
            _check(child, path)
    elif not isinstance(node, np.ndarray) or node.dtype.hasobject:
        raise UserError(f"{path} holds a {type(node).__name__}; only nested dicts of numpy arrays are read")
