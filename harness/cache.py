"""Decoded, resized frames on disk as memory-mapped uint8: a folder is there whole or not at all."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness import locks, paths
from harness.errors import UserError
from mrnet import files

SOURCE = "source.json"
"""In a cache folder of files of the user's: where they lie and how masks were made."""


def folder(dataset: str, fingerprint: str, size_px: tuple[int, int]) -> Path:
    """Where a dataset's frames of one fingerprint and (height, width) are cached."""
    height, width = size_px
    return paths.home() / "cache" / dataset / f"{fingerprint[:16]}-{height}x{width}"


def open_or_build(target: Path, build: Callable[[Path], None]) -> Path:
    """The cache folder `target`, filled by `build(temporary folder)` if it is not there.

    The temporary folder gets its name only once `build` has returned, so an interrupted build leaves nothing that is
    taken for whole; a lock keeps two processes from building the same folder. Raises UserError if it cannot be written.
    """
    if target.is_dir():
        return target
    with locks.building(target):
        if not target.is_dir():
            with files.new_folder(target) as temporary:
                build(temporary)
    return target


def create_array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """A new uint8 array on disk, to be filled and flushed. OSError where the disk has no room for it."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    # a mapped file is sparse until written, and writing past a full disk ends the process without a word
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def open_array(path: Path, shape: tuple[int, ...], dtype: type[np.generic] = np.uint8) -> np.memmap:
    """A cached array, memory-mapped and read-only. Raises UserError if it is missing, damaged or of another shape."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"damaged cache {path}: {error}. Remove {path.parent} and run again") from error
    if array.shape != shape or array.dtype != dtype:
        wanted = np.dtype(dtype)
        raise UserError(f"{path} holds {array.dtype} {array.shape}, expected {wanted} {shape}. Remove {path.parent}")
    return array


def read_row(array: np.ndarray, row: int) -> np.ndarray:
    """A copy of `array[row]`, read from the file where `open_array` gave the array.

    A page of a mapped array that was once looked at counts as this process's memory; who goes through all rows once
    would in the end hold the file. Raises UserError for a file cut off meanwhile.
    """
    if not (isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.flags.c_contiguous):
        return np.array(array[row])
    found = np.empty(array.shape[1:], dtype=array.dtype)
    with open(array.filename, "rb", buffering=0) as file:
        file.seek(array.offset + range(len(array))[row] * found.nbytes)
        if file.readinto(memoryview(found).cast("B")) != found.nbytes:
            raise UserError(f"damaged cache {array.filename}: it was cut off. Remove its folder and run again")
    return found
