"""What a number was made with: code state, package versions, machine. Quiet where git is absent."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import sys
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.records import Git

CODE_ROOT = Path(__file__).resolve().parents[1]
"""The folder that holds the import packages: a checkout, or site-packages."""

PACKAGES = (
    "mrnet-bench",
    "torch",
    "torchvision",
    "lightning-fabric",
    "numpy",
    "pillow",
    "torch-fidelity",
    "lpips",
    "av",
)
_CODE_SUFFIXES = (".py", ".yaml", ".toml")


def git_state(root: Path = CODE_ROOT) -> Git | None:
    """Commit and hash of uncommitted changes (tracked files, and new code files), or None without git or a checkout."""
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    try:
        import git
    except ImportError:
        return None
    try:
        # not searched upwards: an installed package may lie inside somebody else's checkout
        with git.Repo(root) as repository:
            commit = repository.head.commit.hexsha
            difference = repository.git.diff("HEAD", "--no-ext-diff", "--binary").encode("utf-8", "surrogateescape")
            untracked = sorted(name for name in repository.untracked_files if name.endswith(_CODE_SUFFIXES))
    except (git.exc.GitError, OSError, ValueError):
        # no executable, no repository, no commit yet, or a repository that git refuses to trust
        return None
    changes = hashlib.sha256(difference)
    for name in untracked:
        path = root / name
        if path.is_file():
            changes.update(name.encode() + b"\0" + path.read_bytes())
    return Git(commit=commit, dirty_hash=changes.hexdigest() if difference or untracked else None)


def code_digest(plugins: Iterable[Path] = ()) -> str:
    """SHA-256 of all that may change a number on this machine: our sources, plugins, packages. With or without git."""
    sources = [path for package in ("mrnet", "methods", "harness") for path in (CODE_ROOT / package).rglob("*.py")]
    content = hashlib.sha256(repr(sorted(versions().items())).encode())
    for path in (*sorted(sources), *plugins):
        content.update(path.name.encode() + b"\0" + path.read_bytes())
    return content.hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape numbers; absent ones are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def device() -> str:
    """The device that `auto` means here: `cuda: <name>` or `cpu: <name>`. Imports torch."""
    import torch

    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.get_device_name()}"
    return f"cpu: {_cpu_name()}"


def _cpu_name() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_threads() -> int:
    """Threads a heavy child gets: OMP_NUM_THREADS where the user set it, else the cores this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def command_line() -> str:
    """The command line as typed, with the program's path left out."""
    return shlex.join(["bench", *sys.argv[1:]])


def now() -> str:
    """The time, UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
