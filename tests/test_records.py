"""Records: every field explained, written whole, read back equal; another schema is refused."""

import json

import pytest

from harness.errors import UserError
from harness.records import SCHEMA_VERSION, Budget, FolderRecord, Git, MetricValue, Record, read_record

RECORD = Record(
    method="mrnet", title="MR-Net", parameters={"width": 32}, dataset="footage", split="video", size_px=(64, 64),
    preset="quick", seed=0, protocol="offline-v1", protocol_hash="h", n=2,
    metrics={"psnr": MetricValue(mean=float("inf"), low=20.0, high=float("inf"), n=2)}, by_group={"a": {"psnr": 20.0}},
    pair_list_hash="p", pairs="footage-p", dataset_fingerprint="f", weights={"vgg16": "w"}, target_box_source="joints",
    budget=Budget(samples=8, steps=2, batch_size=4, seconds=1.5), cell_key="c", score_key="s",
    git=Git(commit="g"), versions={"torch": "2"}, device="cpu", dtype="bf16", threads=2, durations_s={"train": 1.5},
    command="bench run", privileged=False, ranked=True, created="2026-01-01T00:00:00+00:00",
)  # fmt: skip


def test_a_record_comes_back_equal_also_with_infinite_values(tmp_path):
    RECORD.write(tmp_path / "record.json")
    assert read_record(tmp_path / "record.json") == RECORD
    assert json.loads((tmp_path / "record.json").read_text())["schema"] == SCHEMA_VERSION
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize("model", [Record, FolderRecord, MetricValue, Budget, Git])
def test_every_field_is_explained(model):
    assert not [name for name, field in model.model_fields.items() if not field.description]


def test_another_schema_is_refused_and_says_what_to_do(tmp_path):
    path = tmp_path / "record.json"
    path.write_text(json.dumps({**json.loads(RECORD.model_dump_json(by_alias=True)), "schema": 1}))
    with pytest.raises(UserError, match="schema 1;.*Remove the record-.*images are kept"):
        read_record(path)


@pytest.mark.parametrize("text", ["{", "[]", f'{{"schema": {SCHEMA_VERSION}}}'])
def test_what_is_no_record_is_refused(tmp_path, text):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(UserError, match="is not a record"):
        read_record(path)
