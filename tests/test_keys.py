"""Keys: the same data gives the same key everywhere, and every input that shapes a result is in its key."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from harness import keys

TRAINING = {
    "method": "mrnet",
    "card_version": 1,
    "parameters": {"width": 32, "non_local": True},
    "dataset_fingerprint": "f" * 64,
    "split": "video",
    "train_pair_list_hash": "p" * 64,
    "size_px": (64, 64),
    "schedule": {"steps": 700, "learning_rate": 1e-3, "checkpoint_every": 100},
    "precision": "auto",
    "seed": 0,
    "assets": {"vgg16": "a" * 64},
    "view": None,
}
OTHER = {
    "method": "pg2",
    "card_version": 2,
    "parameters": {"width": 16, "non_local": True},
    "dataset_fingerprint": "e" * 64,
    "split": "camera",
    "train_pair_list_hash": "q" * 64,
    "size_px": (64, 48),
    "schedule": {"steps": 701, "learning_rate": 1e-3, "checkpoint_every": 100},
    "precision": "fp32",
    "seed": 1,
    "assets": {"vgg16": "b" * 64},
    "view": "crop",
}


def test_a_key_is_the_sha256_of_canonical_json():
    text = '{"a":"é","b":[1,2.5,null]}'
    assert keys.digest({"b": [1, 2.5, None], "a": "é"}) == hashlib.sha256(text.encode()).hexdigest()


def test_a_key_is_the_same_in_another_process_and_for_another_order():
    turned = {name: TRAINING[name] for name in reversed(TRAINING)}
    script = f"from harness import keys; print(keys.training_key(**{turned!r}))"
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == keys.training_key(**TRAINING)


@pytest.mark.parametrize("name", sorted(TRAINING))
def test_every_input_changes_the_training_key(name):
    assert keys.training_key(**{**TRAINING, name: OTHER[name]}) != keys.training_key(**TRAINING)


def test_how_often_a_checkpoint_is_written_does_not_change_the_training_key():
    schedule = {**TRAINING["schedule"], "checkpoint_every": 7}
    assert keys.training_key(**{**TRAINING, "schedule": schedule}) == keys.training_key(**TRAINING)


def test_every_input_changes_the_cell_key_and_the_protocol_the_score_key():
    cell = {
        "source": "s", "dataset": "footage", "split": "video", "preset": "quick",
        "test_pair_list_hash": "p", "dataset_fingerprint": "f", "size_px": (64, 64),
    }  # fmt: skip
    key = keys.cell_key(**cell)
    others = [keys.cell_key(**{**cell, name: (1, 2) if name == "size_px" else "other"}) for name in cell]
    assert len({key, *others}) == len(cell) + 1
    assert keys.score_key(key, "a") != keys.score_key(key, "b")


def test_what_is_not_plain_data_has_no_key():
    with pytest.raises(ValueError):
        keys.digest({"a": float("nan")})
    with pytest.raises(TypeError):
        keys.digest({"a": object()})
