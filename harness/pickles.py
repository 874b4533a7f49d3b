"""Foreign pickles: plain containers, numbers and numpy arrays are read, nothing else, so that a file runs no code."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import UserError

_NUMBERS = "iuf"  # numpy's kinds: whole numbers and fractions
_DTYPE = re.compile(r"[<>=|]?[biufc]\d{1,2}")
_BYTE_ORDERS = "<>=|"

_DAMAGED = (
    pickle.UnpicklingError, EOFError, AttributeError, ImportError, LookupError, TypeError, ValueError,
    ArithmeticError, MemoryError, RecursionError,
)  # fmt: skip
"""What Python raises for bytes that are no pickle, and for a pickle with a wrong byte."""


class _PlainUnpickler(pickle.Unpickler):
    """Admits what numpy's own arrays and scalars name; numpy 2 moved the module, old files keep the old name.

    What it gets are stand-ins: inside numpy's own objects a pickle sets what it likes, and one flag ends the process.
    """

    def find_class(self, module: str, name: str) -> Any:
        core = module.replace("numpy._core", "numpy.core")
        admitted = {
            ("numpy", "ndarray"): _Array,
            ("numpy", "dtype"): _Dtype,
            ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy.core.multiarray", "scalar"): _scalar,
            ("numpy.core.numeric", "_frombuffer"): _from_buffer,
            ("_codecs", "encode"): _latin1,
        }
        if (core, name) not in admitted:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no numpy array")
        return admitted[core, name]


class _Dtype:
    """A type of numbers: its code, and the byte order of its state."""

    def __init__(self, code: str, align: bool = False, copy: bool = False):
        if not _DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"it holds values of the type {code}")
        self.numpy = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] not in _BYTE_ORDERS:
            raise pickle.UnpicklingError(f"it has numbers in the byte order {state[1]}")
        self.numpy = self.numpy.newbyteorder(state[1])


class _Array:
    """An array, once its state is set."""

    numpy = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        shape, dtype, columns_first, data = state[-4:]
        self.numpy = _numbers(data, dtype).reshape(shape, order="F" if columns_first else "C")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy, dtype)


def _reconstruct(*arguments: Any) -> _Array:
    return _Array()


def _from_buffer(data: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
    """As protocol 5 writes an array."""
    array = _Array()
    array.numpy = _numbers(data, dtype).reshape(shape, order=order)
    return array


def _scalar(dtype: _Dtype, data: bytes | str) -> np.generic:
    return _numbers(data, dtype)[0]


def _numbers(data: bytes | str, dtype: _Dtype) -> np.ndarray:
    """Python 2's bytes come as text."""
    raw = data.encode("latin1") if isinstance(data, str) else bytes(data)
    return np.frombuffer(raw, dtype.numpy).copy()


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes for Python 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {encoding}")
    return text.encode("latin1")


def load_arrays(path: Path) -> dict[str, Any]:
    """The nested dict of arrays in the pickle at `path`. Raises UserError if it holds or names anything else."""
    content = _load(path, "numpy arrays")
    try:
        return _arrays(content, path)
    except RecursionError as error:
        raise UserError(f"{path} holds dicts without end; only nested dicts of numpy arrays are read") from error


def load_poses(path: Path) -> dict[str, np.ndarray]:
    """Joints (K, 2) float64, (x, y), by name, from a pickle of arrays or lists, written by Python 2 or 3.

    UserError for a file that holds or names anything else, naming the entry.
    """
    content = _load(path, "lists and numpy arrays of numbers")
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}; a dict from names to joints is needed")
    poses = {}
    for name, values in content.items():
        if not isinstance(name, str):
            raise UserError(f"{path}: {name!r} is no name of a picture")
        try:
            joints = np.asarray(values)
        except (TypeError, ValueError) as error:
            raise UserError(f"{path}: {name!r} holds no joints: {error}") from error
        if joints.dtype.kind not in _NUMBERS or joints.ndim != 2 or joints.shape[1] != 2:
            raise UserError(
                f"{path}: {name!r} holds {joints.dtype} of shape {joints.shape}; joints × (x, y), numbers, are needed"
            )
        poses[name] = joints.astype(np.float64)
    return poses


def _load(path: Path, expected: str) -> Any:
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file, encoding="latin1").load()
    except (OSError, *_DAMAGED) as error:
        raise UserError(f"{path} was not opened: {error}. Only pickles of {expected} are read") from error


def _arrays(node: Any, path: Path) -> Any:
    if isinstance(node, dict):
        return {name: _arrays(child, path) for name, child in node.items()}
    if not isinstance(node, _Array):
        raise UserError(f"{path} holds a {type(node).__name__}; only nested dicts of numpy arrays are read")
    return node.numpy
