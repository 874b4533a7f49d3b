"""The store: folders by key, what is there, locks."""

import threading
import time

import pytest
from test_records import RECORD

from harness import store
from harness.locks import locked
from harness.store import Store
from mrnet import files


def test_records_are_found_by_dataset_and_protocol(tmp_path):
    results = Store(tmp_path)
    for dataset in ("footage", "penn"):
        folder = results.cell_folder(dataset, "mrnet", "0123456789abcdef")
        RECORD.model_copy(update={"dataset": dataset}).write(store.record_path(folder, "offline-v1"))
    assert len(results.records()) == 2
    ((path, record),) = results.records(dataset="penn", protocol="offline-v1")
    assert record.dataset == "penn" and path.parent.name == "mrnet-0123456789ab"
    assert results.records(protocol="std-v1") == []


def test_a_record_counts_as_done_under_its_own_score_key_alone(tmp_path):
    RECORD.write(store.record_path(tmp_path, "offline-v1"))
    assert store.has_record(tmp_path, "offline-v1", RECORD.score_key)
    assert not store.has_record(tmp_path, "offline-v1", "other")
    assert not store.has_record(tmp_path, "std-v1", RECORD.score_key)


def test_pairs_of_two_sizes_lie_apart(tmp_path):
    results = Store(tmp_path)
    folders = [
        results.pairs_folder("d", "h" * 64, size_px, fingerprint * 64)
        for size_px in ((64, 64), (32, 32))
        for fingerprint in "fg"
    ]
    assert len(set(folders)) == 4


def test_missing_images_ignore_unfinished_files(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.png", ".b.png.x.tmp"):
        (tmp_path / "images" / name).touch()
    assert store.missing_images(tmp_path, ["a", "b"]) == ["b"]


def test_a_held_folder_makes_another_wait_and_say_so(tmp_path):
    waited, order = threading.Event(), []

    def second():
        with store.held(tmp_path, lambda reason: waited.set()):
            order.append("second")

    with store.held(tmp_path, lambda reason: None):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_emptying_a_folder_keeps_its_locks(tmp_path):
    with store.held(tmp_path, lambda reason: None):
        (tmp_path / "images").mkdir()
        (tmp_path / "done.json").touch()
        store.empty(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {store.LOCK, store.CHILD_LOCK}


def test_emptying_takes_the_marks_of_completeness_first(tmp_path, monkeypatch):
    """Killed in the middle, an emptied folder must not look done."""
    for name in ("done.json", "record-p.json", "model.safetensors", "scores/p.json", "scores/p.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(store.Path, "iterdir", lambda folder: iter(()))
    store.empty(tmp_path)
    monkeypatch.undo()
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"model.safetensors", "p.parquet"}


def test_holding_a_folder_removes_what_a_killed_process_left(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("done.json", "images/a.png"):
        with pytest.raises(KeyboardInterrupt), files.replacing(tmp_path / name) as temporary:
            temporary.touch()
            kept = temporary.rename(temporary.with_suffix(".kept"))
            raise KeyboardInterrupt
        kept.rename(temporary)
    assert len(files.leftovers(tmp_path)) == len(files.leftovers(tmp_path / "images")) == 1
    with store.held(tmp_path, lambda reason: None):
        assert not files.leftovers(tmp_path) and not files.leftovers(tmp_path / "images")


def test_a_child_that_outlived_its_run_is_waited_for(tmp_path):
    reasons = []

    def second():
        with store.held(tmp_path, reasons.append):
            pass

    with locked(tmp_path / store.CHILD_LOCK):
        thread = threading.Thread(target=second)
        thread.start()
        while not reasons:
            time.sleep(0.01)
        assert store.is_running(tmp_path)
    thread.join(10)
    assert "earlier run's process" in reasons[0] and not store.is_running(tmp_path)
