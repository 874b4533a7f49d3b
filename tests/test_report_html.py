"""The HTML report: the tables' numbers and words, all text escaped, nothing from outside."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from report_store import add, demo_store, keep_scores, pair_list, record, write_one, write_pairs

from harness import page_file
from harness.report import html
from harness.report.table import PLUMBING

HOSTILE = "</script><img src=x onerror=\"document.title='taken'\"> & 'quotes' <b>"


class Reader(HTMLParser):
    """Tags with their attributes, and the text of each element of interest."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


def page_of(root, **layout):
    return write_one(root, formats=("html",), **layout).files["html"].read_text(encoding="utf-8")


def data_of(page):
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(found)


def scored_store(root):
    """MR-Net beside the copy, with values by pair."""
    pairs = pair_list()
    write_pairs(root, pairs)
    for method, better in (("mrnet", 0.1), ("copy", 0.0)):
        result = record(method, pairs, better)
        groups = [it.id.split("_")[0] for it in pairs.pairs]
        frame = pd.DataFrame({"pair": [it.id for it in pairs.pairs], "group": groups})
        frame["m_ssim"] = np.linspace(0.1, 0.9, len(frame)) * (1 if method == "mrnet" else -1)
        frame["lpips"] = [None, *np.linspace(0.2, 0.4, len(frame) - 1)]
        keep_scores(add(root, result, pairs), result, frame)
    return root


def test_the_page_has_the_tables_numbers_marks_legend_and_footer(tmp_path):
    store = demo_store(tmp_path)
    reader = read(page_of(store))
    words = "".join(reader.text)
    for part in ("MR-Net", "Copy", "0.500 [0.490, 0.510]", "M-SSIM ↑", "Protocol: offline-v1, hash"):
        assert part in words
    values = [attributes["data-value"] for tag, attributes in reader.tags if tag == "td"]
    assert "0.5" in values and all(value == "" or float(value) is not None for value in values)
    assert [attributes for tag, attributes in reader.tags if tag == "th" and attributes.get("aria-sort") == "none"]


def test_all_text_is_escaped_and_data_cannot_end_its_script(tmp_path):
    pairs = pair_list()
    write_pairs(tmp_path, pairs)
    add(tmp_path, record("mrnet", pairs, title=HOSTILE, command=HOSTILE, remarks=(HOSTILE,)), pairs)
    page = page_of(tmp_path)
    reader = read(page)
    assert not [tag for tag, attributes in reader.tags if tag == "img" and attributes.get("src") == "x"]
    assert not [attributes for _, attributes in reader.tags if any(name.startswith("on") for name in attributes)]
    assert HOSTILE in "".join(reader.text), "it is shown as it is"
    assert data_of(page)["rows"][0]["label"] == HOSTILE


def test_nothing_comes_from_outside_and_the_policy_forbids_it(tmp_path):
    page = page_of(demo_store(tmp_path))
    reader = read(page)
    outside = [
        value
        for _, attributes in reader.tags
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action") and not value.startswith(("data:", "#"))
    ]
    assert outside == []
    (policy,) = [it["content"] for tag, it in reader.tags if tag == "meta" and "http-equiv" in it]
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy


def test_the_same_records_give_the_same_bytes(tmp_path):
    store = scored_store(tmp_path / "results")
    first, second = (write_one(store, tmp_path / name, formats=("html",)).files["html"] for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_values_are_those_of_the_pair_and_what_is_missing_is_null(tmp_path):
    data = data_of(page_of(scored_store(tmp_path)))
    labels = [label for label, *_ in data["metrics"]]
    assert labels[:2] == ["M-SSIM", "LPIPS"], "the main table's metrics first"
    ours = data["rows"][0]["values"]
    pairs = [pair for pair, _ in data["pairs"]]
    assert pairs == [pair.id for pair in pair_list().pairs]
    assert ours[0][0] == 0.1 and ours[0][-1] == 0.9
    assert ours[1][0] is None and ours[1][1] == 0.2


def test_pictures_are_lossless_and_in_the_pairs_order(tmp_path):
    import base64
    import io

    from PIL import Image

    from harness.images import read_image
    from harness.store import image_path

    store = scored_store(tmp_path)
    data = data_of(page_of(store))
    content = data["rows"][0]["images"].removeprefix("data:image/webp;base64,")
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))
    width, height = data["size"]
    (cell,) = store.glob("cells/footage/mrnet*")
    for place, (pair, _) in enumerate(data["pairs"]):
        top, left = place // data["across"] * height, place % data["across"] * width
        tile = sheet[top : top + height, left : left + width]
        np.testing.assert_array_equal(tile, read_image(image_path(cell, pair), (height, width)))


def test_a_plumbing_check_leaks_no_number(tmp_path):
    pairs = pair_list()
    write_pairs(tmp_path, pairs)
    result = record("mrnet", pairs, preset="smoke", ranked=False)
    frame = pd.DataFrame({"pair": [it.id for it in pairs.pairs], "group": "a", "m_ssim": 0.123456})
    keep_scores(add(tmp_path, result, pairs), result, frame)
    page = page_of(tmp_path)
    reader = read(page)
    assert PLUMBING in "".join(reader.text)
    results = read(page[page.index('id="table-1"') : page.index('id="viewer"')])
    assert {attributes["data-value"] for tag, attributes in results.tags if tag == "td"} == {""}
    assert data_of(page)["metrics"] == [] and "0.1234" not in page


def test_where_pairs_are_too_many_a_draw_of_them_is_shown_and_it_says_so(tmp_path, monkeypatch):
    height, width = 32, 24
    monkeypatch.setattr(html, "MOST_PIXELS", height * width * 9 * 5)
    monkeypatch.setattr(html, "LEAST_PAIRS", 4)
    page = page_of(demo_store(tmp_path))
    shown = len(data_of(page)["pairs"])
    assert 4 <= shown < 10 and f"{shown} of 10 pairs" in page


def test_a_missing_image_is_told_as_such(tmp_path):
    store = scored_store(tmp_path)
    pair = pair_list().pairs[3]
    (path,) = store.glob(f"cells/footage/mrnet*/images/{pair.id}.png")
    path.unlink()
    found = {row["label"]: row["missing"] for row in data_of(page_of(store))["rows"]}
    assert found == {"MR-Net": [3], "Copy": []}


@pytest.mark.parametrize("kept", [0, 4])
def test_pairs_of_which_no_image_is_kept_are_left_out_and_it_says_so(tmp_path, kept):
    store = scored_store(tmp_path)
    for pair in pair_list().pairs[kept:]:
        for path in store.glob(f"cells/footage/*/images/{pair.id}.png"):
            path.unlink()
    page = page_of(store)
    assert [pair for pair, _ in data_of(page)["pairs"]] == [pair.id for pair in pair_list().pairs[:kept]]
    assert f"{kept} of 10 pairs. Images of the other {10 - kept} are not in the results folder." in page


@pytest.mark.parametrize("mark", ["</script>", "<!--", "\u2028"])
def test_no_mark_that_html_or_javascript_reads_stands_in_the_data(mark):
    written = str(page_file.as_json({"a": mark}))
    assert mark not in written and json.loads(written) == {"a": mark}
