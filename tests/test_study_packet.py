"""A packet: blinded pages, lossless pictures, a key apart that the packet commits to, and texts of one's own."""

import base64
import csv
import hashlib
import io
import json
import re

import numpy as np
import pytest
import yaml
from PIL import Image
from small_study import METHODS, packet_of, study_store
from typer.testing import CliRunner

from harness.cli import app
from harness.report import stored
from harness.report.select import Selection
from harness.study.design import REAL, Kind, Task
from harness.study.key import KEY, LEFT, read_key
from harness.study.packet import MOST_PAGE_MB, Plan, key_folder, make
from harness.study.source import Source
from harness.study.texts import SHIPPED, load_texts


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return packet_of(tmp_path_factory.mktemp("study"))


def data_of(packet, participant):
    words = (packet / "pages" / f"{participant.code}.html").read_text(encoding="utf-8")
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', words, re.DOTALL)
    return json.loads(found)


def pixels(uri):
    kind, _, data = uri.partition(";base64,")
    assert kind == "data:image/webp"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert not picture.info.get("exif") and not picture.info.get("xmp") and not picture.info.get("icc_profile")
        return np.asarray(picture)


def test_pages_name_no_method_pair_or_clip(made):
    packet, key = made
    public = [*(packet / "pages").iterdir(), *(packet / "sheets").iterdir(), packet / "study.json"]
    secret = {*METHODS, *key.titles.values(), *key.pairs, "cam0", REAL + '"', "check", "repeat", key.comparison}
    for path in public:
        words = path.read_text(encoding="utf-8")
        words = re.sub(r"data:image/webp;base64,[\w+/=]*", "", words)
        words = re.sub(r"<(script|style)>.*?</\1>", "", words, flags=re.DOTALL)
        assert not [it for it in secret if it in words.replace('type="checkbox"', "").replace('class="check"', "")], (
            path
        )
        assert not set(path.stem) & set("_"), "a name is opaque"
    assert not list(packet.rglob(KEY))


def test_pictures_are_the_stored_pixels_and_stand_where_the_key_says(made):
    packet, key = made
    store, entries = stored(packet.parent / "results")
    source = Source(store, entries, Selection())
    for participant in key.participants[:2]:
        data = data_of(packet, participant)
        shown = {name: places for task in data["tasks"] for name, places in task["questions"]}
        assert list(shown) == [it.id for it in participant.questions]
        for question in participant.questions:
            found = [pixels(data["images"][place]) for place in shown[question.id]]
            if question.kind is Kind.CHECK:
                continue
            target = source.target(question.pair)
            stand_in = target if question.task is Task.SHARPNESS else source.reference(question.pair)
            made_image = stand_in if question.method == REAL else source.image(question.method, question.pair)
            expected = [made_image]
            if question.task is not Task.SHARPNESS:
                expected = [made_image, target] if question.fake == LEFT else [target, made_image]
            assert all(np.array_equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


def test_checks_are_obvious(made):
    packet, key = made
    seen = set()
    for participant in key.participants:
        data = data_of(packet, participant)
        shown = {name: places for task in data["tasks"] for name, places in task["questions"]}
        for question in participant.questions:
            if question.kind is not Kind.CHECK:
                assert question.expected is None
                continue
            pictures = [pixels(data["images"][place]).astype(int) for place in shown[question.id]]
            seen.add((question.task, question.expected))
            if question.task is Task.SHARPNESS:
                roughness = np.abs(np.diff(pictures[0], axis=0)).mean()
                assert roughness < 20, "smooth, where the store's noise is not"
            elif question.task is Task.ACCURACY:
                same = np.array_equal(*pictures)
                assert same if question.expected == "yes" else np.array_equal(pictures[0], pictures[1][::-1])
            else:
                assert question.expected == question.fake and not np.array_equal(*pictures)
    assert {task for task, _ in seen} == set(Task)


def test_pictures_lie_in_an_order_that_tells_nothing(made):
    packet, key = made
    first, second = (data_of(packet, participant)["images"] for participant in key.participants[:2])
    both = [uri for uri in first if uri in set(second)]
    assert both != [uri for uri in second if uri in set(first)]


def test_the_key_lies_apart_and_the_packet_commits_to_it(made):
    packet, key = made
    path = key_folder(packet) / KEY
    assert path.parent != packet and packet not in path.parents
    assert path.stat().st_mode & 0o077 == 0, "only its owner reads it"
    manifest = json.loads((packet / "study.json").read_text())
    assert manifest["key_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_key(path)[0] == key
    assert manifest["participants"] == {it.code: it.page_sha256 for it in key.participants}
    assert set(key.metrics) >= {"m_ssim", "box_lpips"} and set(key.metrics["m_ssim"]) == set(METHODS)
    assert set(key.metrics["m_ssim"]["mrnet"]) == set(key.pairs)


def test_controls_and_ablations_are_no_methods_unless_named(made, tmp_path):
    assert list(made[1].titles) == sorted(METHODS)
    store, entries = stored(study_store(tmp_path / "results"))
    assert "copy" in Source(store, entries, Selection(methods=("copy", "mrnet"))).titles


def test_a_sheet_numbers_the_questions_as_the_page_does(made):
    packet, key = made
    participant = key.participants[0]
    lines = list(csv.DictReader((packet / "sheets" / f"{participant.code}.csv").open(encoding="utf-8")))
    assert [(int(line["number"]), line["id"]) for line in lines] == [
        (number, question.id) for number, question in enumerate(participant.questions, 1)
    ]
    assert {line["answer"] for line in lines} == {""}


def command(folder, *more):
    words = ["study", "make", "--records", folder / "results", "--out", folder / "packet", *more]
    return CliRunner().invoke(app, [str(word) for word in words])


def test_texts_are_the_researchers_own(tmp_path):
    study_store(tmp_path / "results")
    words = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    words["consent"] = "First <b>part</b>.\n\nSecond part, {minutes} minutes."
    words["sharpness"]["question"] = "Klar?"
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
    result = command(tmp_path, "--participants", 1, "--images", 4, "--texts", tmp_path / "mine.yaml")
    assert result.exit_code == 0, result.output
    (page,) = (tmp_path / "packet" / "pages").iterdir()
    text = page.read_text(encoding="utf-8")
    assert "<b>part" not in text and "Klar?" in text and "Second part, 2 minutes." in text
    del words["agree"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
    result = command(tmp_path, "--out", tmp_path / "other", "--texts", tmp_path / "mine.yaml")
    assert result.exit_code == 2 and "mine.yaml" in result.output and "agree" in result.output


def test_what_cannot_be_made_is_said_and_nothing_is_written(tmp_path):
    study_store(tmp_path / "results")
    result = command(tmp_path, "--images", 99)
    assert result.exit_code == 2 and "99 of 24 pairs with an image of every method" in result.output
    result = command(tmp_path, "--methods", "copi")
    assert result.exit_code == 2 and "copi" in result.output
    assert not (tmp_path / "packet").exists() and not (tmp_path / "packet-key").exists()
    (tmp_path / "packet").mkdir()
    result = command(tmp_path)
    assert result.exit_code == 2 and "a packet is made once" in result.output


def test_an_interrupted_packet_leaves_nothing_behind(tmp_path, monkeypatch):
    store, entries = stored(study_store(tmp_path / "results"))
    sheets = []

    def interrupted(participant):
        sheets.append(participant)
        if len(sheets) == 2:
            raise KeyboardInterrupt
        return ""

    monkeypatch.setattr("harness.study.packet._sheet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(Source(store, entries, Selection()), Plan(3, 4), load_texts(None), tmp_path / "packet")
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_a_page_too_large_for_a_phone_is_refused(tmp_path, monkeypatch):
    study_store(tmp_path / "results")
    monkeypatch.setattr("harness.study.packet.MOST_PAGE_MB", 0.01)
    result = command(tmp_path, "--images", 4)
    assert result.exit_code == 2 and "does not open on a phone" in result.output
    assert not (tmp_path / "packet").exists() and MOST_PAGE_MB == 15


def test_the_same_seeds_give_the_same_bytes(made, tmp_path):
    packet, _ = made
    again, _ = packet_of(tmp_path)
    for path in packet.rglob("*"):
        if path.is_file():
            assert (again / path.relative_to(packet)).read_bytes() == path.read_bytes()
