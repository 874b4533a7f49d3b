"""Where data, caches and weights live: `BENCH_HOME`, or the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The folder of everything `bench` fetches or caches."""
    given = os.environ.get("BENCH_HOME")
    return Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("mrnet-bench"))
