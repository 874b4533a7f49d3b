"""The argument list of a foreign program, as plain data: checked, its files found, and hashed for keys. No torch.

A list of words goes to the program as it stands: no shell reads it, so that blanks, `;` and `$` mean themselves.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence

_CHUNK_BYTES = 1 << 20


def located(words: Sequence[object], parameter: str) -> list[str]:
    """The words, with every path that is meant from the current folder made absolute.

    A word is a path if it is the name of a file, or has a slash and is the name of a folder; the first word without a
    slash is looked for on PATH. parameter: what an error calls the list.
    Raises ValueError for an empty list, a word that is no text, and a program that is not there.
    """
    if not words or not all(isinstance(word, str) and word for word in words):
        raise ValueError(
            f"{parameter} is the argument list of a program, one text a word, for example "
            f"[python3, generate.py, '{{in}}', '{{out}}']; got {words!r}"
        )
    program, *rest = map(str, words)
    if os.sep in program:
        program = os.path.abspath(program)
    if shutil.which(program) is None:
        raise ValueError(f"{parameter}: there is no program {program}{'' if os.sep in program else ' on PATH'}")
    return [program, *(os.path.abspath(word) if _is_path(word) else word for word in rest)]


def _is_path(word: str) -> bool:
    return os.path.isfile(word) or (os.sep in word and os.path.isdir(word))


def file_hashes(words: Sequence[str]) -> dict[str, str]:
    """SHA-256 of every file among the words, by word."""
    return {word: _sha256_of(word) for word in words if os.path.isfile(word)}


def _sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
