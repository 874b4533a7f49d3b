"""The store: folders by key, what is there, locks."""

import threading

from test_records import RECORD

from harness import store
from harness.store import Store


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
    assert results.pairs_folder("d", "h" * 64, (64, 64)) != results.pairs_folder("d", "h" * 64, (32, 32))


def test_missing_images_ignore_unfinished_files(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.png", ".b.png.x.tmp"):
        (tmp_path / "images" / name).touch()
    assert store.missing_images(tmp_path, ["a", "b"]) == ["b"]


def test_a_held_folder_makes_another_wait_and_say_so(tmp_path):
    waited, order = threading.Event(), []

    def second():
        with store.locked(tmp_path, waited.set):
            order.append("second")

    with store.locked(tmp_path, lambda: None):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_emptying_a_folder_keeps_its_lock(tmp_path):
    with store.locked(tmp_path, lambda: None):
        (tmp_path / "images").mkdir()
        (tmp_path / "done.json").touch()
        store.empty(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {store.LOCK}
