"""Authors' checkpoints: read whatever their age and wrapping, refused clearly where they are something else."""

import io

import numpy as np
import pytest
import torch
from torch import nn

from methods import released
from mrnet import checkpoint

WEIGHT = torch.arange(6.0).reshape(2, 3)
STATE = {"a.weight": WEIGHT, "a.bias": torch.tensor([1.0, 2.0])}


def same(read, state):
    return list(read) == list(state) and all(torch.equal(read[name], value) for name, value in state.items())


def written(folder, content, zipped=True, name="net.pth"):
    torch.save(content, folder / name, _use_new_zipfile_serialization=zipped)
    return folder / name


def wrapped(state):
    return {f"module.{name}": value for name, value in state.items()}


# What is read -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        STATE,
        wrapped(STATE),
        {"epoch": 20, "state_dict": STATE, "optimizer": {"state": {0: {"step": 3}}, "param_groups": []}},
        {"epoch": 20, "state_dict": wrapped(STATE)},
    ],
    ids=["plain", "wrapped", "nested", "nested and wrapped"],
)
def test_state_dictionaries_of_any_wrapping_and_age_are_read(tmp_path, content, zipped):
    assert same(released.read(written(tmp_path, content, zipped)), STATE)


def test_the_wrappers_prefix_goes_only_where_all_have_it_and_only_once(tmp_path):
    mixed = {"module.a": WEIGHT, "b": WEIGHT}
    assert same(released.read(written(tmp_path, mixed)), mixed)
    twice = {"module.module.a": WEIGHT, "module.b.module.c": WEIGHT}
    assert same(released.read(written(tmp_path, twice)), {"module.a": WEIGHT, "b.module.c": WEIGHT})


def test_a_module_called_state_dict_is_no_nesting(tmp_path):
    state = {"state_dict": WEIGHT, "other": WEIGHT}
    assert same(released.read(written(tmp_path, state)), state)


def test_arrays_by_name_are_read(tmp_path):
    arrays = {"G/Conv/weights": np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4), "step": np.array(7)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "pg2.npz", **arrays)
        read = released.read(tmp_path / "pg2.npz")
        assert same(read, {name: torch.from_numpy(value) for name, value in arrays.items()})
        assert read["G/Conv/weights"].dtype == torch.float32 and read["step"].shape == ()


# What is refused ----------------------------------------------------------------------------------------------------


class Code:
    def __reduce__(self):
        return print, ("a file must not run",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path, capsys, zipped):
    path = written(tmp_path, {"a": Code()}, zipped)
    with pytest.raises(ValueError, match=r"cannot read the released weights .*net\.pth"):
        released.read(path)
    np.savez(tmp_path / "net.npz", a=np.array([Code()], dtype=object))
    with pytest.raises(ValueError, match=r"cannot read the released weights .*net\.npz"):
        released.read(tmp_path / "net.npz")
    assert "must not run" not in capsys.readouterr().out


def whole_npz():
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.random.default_rng(0).random(1000))
    return stream.getvalue()


def damaged_npz(at):
    """Zeros over 50 bytes: late in the stream only its checksum tells, early it cannot be decompressed at all."""
    whole = bytearray(whole_npz())
    whole[at : at + 50] = bytes(50)
    return bytes(whole)


def array_alone():
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def of_words():
    stream = io.BytesIO()
    np.savez(stream, a=np.array(["words"]))
    return stream.getvalue()


BYTES = {
    "absent": None,
    "text": b"not weights at all",
    "cut short": whole_npz()[:600],
    "array alone": array_alone(),
    "of words": of_words(),
}


@pytest.mark.parametrize("name", ["net.pth", "net.npz"])
@pytest.mark.parametrize("content", BYTES.values(), ids=BYTES)
def test_unreadable_files_are_errors_that_name_them(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"cannot read the released weights .*{name}"):
        released.read(tmp_path / name)


@pytest.mark.parametrize("name", ["net.pth", "net.npz"])
def test_a_folder_is_an_error_that_names_it(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=f"cannot read the released weights .*{name}"):
        released.read(tmp_path / name)


@pytest.mark.parametrize("name", ["net.pth", "net.npz"])
@pytest.mark.parametrize("content", [b"", damaged_npz(1000)], ids=["empty", "damaged"])
def test_empty_and_damaged_files_are_errors_that_name_them(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"cannot read the released weights .*{name}"):
        released.read(tmp_path / name)


def test_an_archive_that_cannot_be_decompressed_is_an_error_that_names_it(tmp_path):
    (tmp_path / "net.npz").write_bytes(damaged_npz(100))
    with pytest.raises(ValueError, match=r"cannot read the released weights .*net\.npz"):
        released.read(tmp_path / "net.npz")


@pytest.mark.parametrize("content", [{}, [WEIGHT], WEIGHT, None, {"state_dict": {}}, 3])
def test_what_is_no_state_dictionary_is_an_error(tmp_path, content):
    with pytest.raises(ValueError, match=r"net\.pth holds no state dictionary"):
        released.read(written(tmp_path, content))


def test_an_archive_of_nothing_is_an_error(tmp_path):
    np.savez(tmp_path / "net.npz")
    with pytest.raises(ValueError, match=r"net\.npz holds no state dictionary"):
        released.read(tmp_path / "net.npz")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({**STATE, "epoch": 3, "lr": 0.1}, "epoch, lr"),
        ({"state_dict": 3}, "state_dict"),
        ({"state": {}, "param_groups": []}, "state, param_groups"),
        ({f"n{index}": index for index in range(9)}, "n0, n1, n2, n3, n4$"),
    ],
)
def test_what_is_no_tensor_is_named(tmp_path, content, named):
    with pytest.raises(ValueError, match=rf"net\.pth holds what is no tensor with a name: {named}"):
        released.read(written(tmp_path, content))


def test_names_that_are_no_words_are_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"net\.pth"):
        released.read(written(tmp_path, {0: WEIGHT, 1: WEIGHT}))


# Names and old files ------------------------------------------------------------------------------------------------


def test_names_change_by_the_first_line_that_fits_and_strangers_keep_theirs():
    state = {"conv1.weight": 1, "conv10.weight": 2, "x.conv1.bias": 3}
    assert released.renamed(state, {"conv10.": "last.", "conv1": "first"}) == {
        "first.weight": 1,
        "last.weight": 2,
        "x.conv1.bias": 3,
    }
    assert released.renamed({"ab": 1}, {"a": "z", "ab": "y"}) == {"zb": 1}


def of_both_norms():
    return nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.InstanceNorm2d(4), nn.BatchNorm2d(4), nn.BatchNorm2d(4, track_running_stats=False)
    )


def as_of_old(network):
    """What PyTorch 0.3 wrote: no counts of batches, statistics for instance norms too."""
    state = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    return {**state, "1.running_mean": torch.ones(4), "1.running_var": torch.ones(4)}


def test_old_files_load_strictly(tmp_path):
    torch.manual_seed(0)
    theirs, ours = of_both_norms(), of_both_norms()
    nn.init.normal_(theirs[2].running_mean)
    path = written(tmp_path, wrapped(as_of_old(theirs)), zipped=False)
    state = released.modernised(released.read(path), ours)
    checkpoint.load_state(ours, state, str(path))
    assert same(ours.state_dict(), theirs.state_dict())
    assert state["2.num_batches_tracked"] == 0


def test_counts_that_are_there_stay_and_nothing_else_is_added_or_lost():
    network = of_both_norms()
    network[2].num_batches_tracked.fill_(5)
    state = network.state_dict()
    counted = {**state, "1.num_batches_tracked": torch.tensor(5)}  # instance norms of PyTorch 0.4 counted as well
    assert same(released.modernised(counted, network), state)
    strange = {**state, "9.running_mean": torch.ones(4), "1.weight": torch.ones(4), "0.running_var": torch.ones(4)}
    assert same(released.modernised(strange, network), strange)
    with pytest.raises(ValueError, match="not of this network: 9.running_mean, 1.weight, 0.running_var"):
        checkpoint.load_state(network, released.modernised(strange, network), "net.pth")


def test_a_batch_norms_statistics_are_never_made_up():
    network = of_both_norms()
    lacking = {name: value for name, value in network.state_dict().items() if name != "2.running_var"}
    with pytest.raises(ValueError, match="missing: 2.running_var"):
        checkpoint.load_state(network, released.modernised(lacking, network), "net.pth")


# TensorFlow's layouts -----------------------------------------------------------------------------------------------


def test_a_convolution_of_tensorflow_computes_the_same_in_our_layout():
    rng = np.random.default_rng(0)
    image, kernel = rng.random((2, 7, 6, 3)), rng.standard_normal((3, 2, 3, 5))  # NHWC and HWIO
    expected = np.zeros((2, 5, 5, 5))
    for row in range(5):
        for column in range(5):
            window = image[:, row : row + 3, column : column + 2]  # (N, 3, 2, I)
            expected[:, row, column] = np.tensordot(window, kernel, axes=([1, 2, 3], [0, 1, 2]))
    weight = released.from_tensorflow(torch.from_numpy(kernel))
    assert weight.shape == (5, 3, 3, 2) and weight.is_contiguous()
    ours = nn.functional.conv2d(torch.from_numpy(image.transpose(0, 3, 1, 2).copy()), weight)
    np.testing.assert_allclose(ours.numpy().transpose(0, 2, 3, 1), expected, atol=1e-12)


def test_a_dense_layer_of_tensorflow_computes_the_same_in_our_layout():
    rng = np.random.default_rng(0)
    values, matrix = rng.random((4, 3)), rng.standard_normal((3, 5))
    weight = released.from_tensorflow(torch.from_numpy(matrix))
    assert weight.shape == (5, 3) and weight.is_contiguous()
    ours = nn.functional.linear(torch.from_numpy(values), weight)
    np.testing.assert_allclose(ours.numpy(), values @ matrix, atol=1e-12)


@pytest.mark.parametrize("shape", [(), (4,)])
def test_biases_of_tensorflow_stay_as_they_are(shape):
    bias = torch.rand(shape)
    assert torch.equal(released.from_tensorflow(bias), bias)


def test_two_entries_for_one_place_are_refused():
    with pytest.raises(ValueError, match=r"two entries become a\.weight; one of them is b\.weight"):
        released.renamed({"a.weight": WEIGHT, "b.weight": WEIGHT}, {"b.": "a."})
