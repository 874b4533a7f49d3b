"""Pose pickles of every age are read, and none runs code."""

import pickle
import pickletools
import random
from collections import OrderedDict

import numpy as np
import pytest
from hand_made import py2_array, py2_float, py2_list, py2_pickle, py2_scalar, py2_text, py2_text_pickle

from harness.errors import UserError
from harness.pickles import load_arrays, load_poses

JOINTS = np.array([[1.5, 2.0], [-1.0, -1.0], [127.25, 63.0]])


def read(tmp_path, content):
    """The poses of a pickle given as bytes."""
    path = tmp_path / "pose_label.pkl"
    path.write_bytes(content)
    return load_poses(path)


def refused(tmp_path, content, *words):
    with pytest.raises(UserError) as raised:
        read(tmp_path, content)
    for word in (str(tmp_path / "pose_label.pkl"), *words):
        assert word in str(raised.value), str(raised.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "make",
    [
        np.ndarray.tolist,
        lambda joints: tuple(map(tuple, joints.tolist())),
        np.ndarray.copy,
        np.asfortranarray,
        lambda joints: joints.astype(np.float32),
        lambda joints: joints.astype(">f4"),
        list,
        lambda joints: [[np.float32(x), np.float64(y)] for x, y in joints],
    ],
    ids=["lists", "tuples", "array", "columns first", "float32", "big-endian", "list of arrays", "numpy scalars"],
)
def test_lists_arrays_and_scalars_of_every_protocol(tmp_path, protocol, make):
    found = read(tmp_path, pickle.dumps({"0001_000001": make(JOINTS)}, protocol))
    assert list(found) == ["0001_000001"] and found["0001_000001"].dtype == np.float64
    np.testing.assert_array_equal(found["0001_000001"], JOINTS)


@pytest.mark.parametrize("dtype", ["<i4", "<i8", "<f4", "<f8"])
@pytest.mark.parametrize("count", [3, 18], ids=["short string", "long string"])
def test_arrays_of_python_2(tmp_path, dtype, count):
    """Raw bytes above 127 in strings, which only latin1 reads."""
    array = (np.arange(2 * count).reshape(count, 2) * 37 - 300).astype(dtype)
    content = py2_pickle({"0001_000001": py2_array(array)})
    assert any(op.name.endswith("BINSTRING") for op, _, _ in pickletools.genops(content))
    np.testing.assert_array_equal(read(tmp_path, content)["0001_000001"], array)


def test_lists_of_python_2_and_its_numpy_numbers(tmp_path):
    rows = [py2_list([py2_float(x), py2_scalar(np.float64(y))]) for x, y in JOINTS]
    np.testing.assert_array_equal(read(tmp_path, py2_pickle({"a": py2_list(rows)}))["a"], JOINTS)


def test_the_text_protocol_of_python_2(tmp_path):
    np.testing.assert_array_equal(read(tmp_path, py2_text_pickle("0001_000001", JOINTS))["0001_000001"], JOINTS)


def test_a_python_that_writes_for_python_2_says_codecs_encode(tmp_path):
    content = pickle.dumps({"a": JOINTS}, protocol=2)
    assert b"_codecs" in content
    np.testing.assert_array_equal(read(tmp_path, content.replace(b"numpy._core", b"numpy.core"))["a"], JOINTS)


def code(module, name, argument):
    """A pickle that calls module.name(argument), hidden in a pose."""
    call = f"c{module}\n{name}\n".encode() + py2_text(str(argument).encode()) + b"\x85R"
    return py2_pickle({"0001_000001": py2_list([py2_list([call, py2_float(1.0)])])})


@pytest.mark.parametrize(
    ("module", "name", "argument"),
    [
        ("os", "system", "touch {marker}"),
        ("posix", "system", "touch {marker}"),
        ("subprocess", "getoutput", "touch {marker}"),
        ("builtins", "eval", "open({marker!r}, 'w')"),
        ("__builtin__", "eval", "open({marker!r}, 'w')"),
        ("builtins", "exec", "open({marker!r}, 'w')"),
        ("pickle", "loads", "x"),
        ("numpy", "load", "{marker}"),
        ("numpy", "fromfile", "{marker}"),
        ("numpy.core.multiarray", "fromfile", "{marker}"),
        ("harness.pickles", "Path", "{marker}"),
        ("torch", "load", "{marker}"),
        ("_codecs", "lookup", "latin1"),
    ],
)
def test_what_a_pickle_names_is_refused_and_not_run(tmp_path, module, name, argument):
    marker = tmp_path / "ran"
    refused(tmp_path, code(module, name, argument.format(marker=str(marker))), f"it names {module}.{name}")
    assert not marker.exists()


def test_the_code_of_these_tests_would_run(tmp_path):
    """So that the test above does not pass on a pickle that is merely broken."""
    marker = tmp_path / "ran"
    pickle.loads(code("builtins", "eval", f"open({str(marker)!r}, 'w').write('') or 1.0"))
    assert marker.exists()


@pytest.mark.parametrize("opcode", [b"i", b"o"], ids=["INST", "OBJ"])
def test_old_opcodes_for_objects_name_classes_too(tmp_path, opcode):
    marker = str(tmp_path / "ran").encode()
    arguments = b"V" + marker + b"\nVw\n"
    call = {b"i": b"(" + arguments + b"iio\nopen\n", b"o": b"(cio\nopen\n" + arguments + b"o"}[opcode]
    refused(tmp_path, call + b".", "io.open")
    assert not (tmp_path / "ran").exists()


def test_attributes_of_what_is_admitted_are_not_reached(tmp_path):
    """Protocol 4 takes dotted names apart by itself."""
    content = b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93."
    refused(tmp_path, content, "numpy.ndarray.tofile")


def test_a_pickle_does_not_reach_into_numpy(tmp_path):
    """numpy's own types take any state from a pickle, and are one for the whole process."""
    flags = np.dtype("f8").flags
    content = py2_pickle({"a": py2_array(JOINTS)})
    meddling = content.replace(b"J\xff\xff\xff\xffK\x00tb", b"J\xff\xff\xff\xffK\x3ftb")
    assert meddling != content
    np.testing.assert_array_equal(read(tmp_path, meddling)["a"], JOINTS)
    assert np.dtype("f8").flags == flags


@pytest.mark.parametrize("encoding", ["utf-8", "rot13", "zip"])
def test_no_codec_but_latin1(tmp_path, encoding):
    call = b"c_codecs\nencode\n" + b"X\x01\x00\x00\x00a" + py2_text(encoding.encode()) + b"\x86R"
    refused(tmp_path, py2_pickle({"a": call}), encoding)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([[1, 2]], ("holds a list", "dict")),
        ("text", ("holds a str",)),
        ({"a": "text"}, ("'a'", "<U4")),
        ({"a": [["1", "2"]]}, ("'a'", "numbers")),
        ({"fine": [[1, 2]], "b": [[1, "x"]]}, ("'b'",)),
        ({"a": [[None, 1]]}, ("'a'", "numbers")),
        ({"a": [[True, False]]}, ("'a'", "numbers")),
        ({"a": [[1, 2], [3]]}, ("'a'", "no joints")),
        ({"a": [1, 2]}, ("'a'", "(2,)", "joints × (x, y)")),
        ({"a": [[1, 2, 1]]}, ("'a'", "(1, 3)", "joints × (x, y)")),
        ({"a": np.zeros((2, 13))}, ("'a'", "(2, 13)")),
        ({"a": np.array([[1j, 2]])}, ("'a'", "complex128")),
        ({"a": [[10**400, 1]]}, ("'a'", "numbers")),
        ({"a": {"x": 1}}, ("'a'",)),
        ({7: [[1, 2]]}, ("7", "no name")),
        ({b"a": [[1, 2]]}, ("b'a'", "no name")),
        (OrderedDict(a=[[1, 2]]), ("collections.OrderedDict",)),
        ({"a": np.array([[{}, 1]], dtype=object)}, ("type O8",)),
        ({"a": np.array([["1", "2"]])}, ("type U1",)),
    ],
)
def test_a_pickle_of_something_else_names_the_entry(tmp_path, content, words):
    refused(tmp_path, pickle.dumps(content), *words)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"a": [[1, 2]]}', b"\x80\x02", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\x80\x63.", b"."]
)
def test_what_is_no_pickle_is_said(tmp_path, content):
    refused(tmp_path, content, "was not opened", "Only pickles of lists and numpy arrays")


def test_a_dict_that_holds_itself_ends_in_a_sentence(tmp_path):
    poses, arrays = [], {}
    poses.append(poses)
    arrays["a"] = arrays
    refused(tmp_path, pickle.dumps({"a": poses}), "'a'")
    path = tmp_path / "arrays.ckpt"
    path.write_bytes(pickle.dumps(arrays))
    with pytest.raises(UserError, match=r"arrays\.ckpt"):
        load_arrays(path)


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_end_in_a_sentence_whatever_byte_is_wrong(tmp_path):
    """Cut short anywhere, or with a few bytes changed: read, or refused, but never another error."""
    chosen = random.Random(0)
    whole = [
        py2_pickle({"0001_000001": py2_array(JOINTS), "b": py2_list([py2_list([py2_float(1), py2_float(2)])])}),
        pickle.dumps({"0001_000001": JOINTS, "b": [[np.float64(1), 2]]}, 5),
        py2_text_pickle("0001_000001", JOINTS),
    ]
    path = tmp_path / "pose_label.pkl"
    outcomes = set()
    for content in whole:
        cut = [content[:end] for end in range(len(content))]
        for _ in range(700):
            changed = bytearray(content)
            for _ in range(chosen.choice([1, 1, 2, 4])):
                changed[chosen.randrange(len(changed))] = chosen.randrange(256)
            cut.append(bytes(changed))
        for damaged in cut:
            path.write_bytes(damaged)
            try:
                load_poses(path)
                outcomes.add("read")
            except UserError as error:
                assert str(path) in str(error)
                outcomes.add("refused")
    assert outcomes == {"read", "refused"}
