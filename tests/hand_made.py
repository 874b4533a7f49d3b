"""Files of the field's datasets made by hand, by none of this project's code: csv, JPEG, and Python 2's pickles."""

import json
import struct

import numpy as np
from PIL import Image

HEADER = "name:keypoints_y:keypoints_x"
MISSING = (-1, -1)


def annotation_line(name, joints):
    """A line of a PATN annotation csv: rows first, then columns; joints are (x, y)."""
    return f"{name}: {json.dumps([y for _, y in joints])}: {json.dumps([x for x, _ in joints])}"


def write_annotations(path, rows):
    """An annotation csv of joints by image name."""
    path.write_text("\n".join([HEADER, *(annotation_line(*row) for row in rows.items())]) + "\n")


def write_pairs(path, pairs):
    path.write_text("\n".join(["from,to", *(",".join(pair) for pair in pairs)]) + "\n")


def picture(height, width, seed):
    """(height, width, 3) uint8: smooth, and different at every place, so that a flip or a shift is seen."""
    rows, columns = np.mgrid[0:height, 0:width]
    down, across = rows / height, columns / width
    waves = np.sin(9 * across + 5 * down + seed), np.cos(4 * across - 7 * down + seed)
    channels = [0.7 * across + 0.1 * waves[0], 0.7 * down + 0.1 * waves[1], 0.4 + 0.2 * waves[0] * waves[1]]
    return np.clip(255 * (np.stack(channels, axis=-1) + 0.1), 0, 255).astype(np.uint8)


def write_picture(path, height, width, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(height, width, seed)).save(path, format="JPEG", quality=95)


def replace_line(path, number, text):
    """Write `text` in place of the line with that number, from 1; None takes it out."""
    lines = path.read_text().splitlines()
    lines[number - 1 : number] = [] if text is None else [text]
    path.write_text("\n".join(lines) + "\n")


# ---- pickles as Python 2.7 with numpy 1.x wrote them, opcode by opcode


def py2_text(data):
    """SHORT_BINSTRING or BINSTRING: Python 2's str, any bytes."""
    return (b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + struct.pack("<i", len(data))) + data


def _py2_int(number):
    return b"K" + bytes([number]) if 0 <= number < 256 else b"J" + struct.pack("<i", number)


def _py2_dtype(dtype):
    state = _py2_int(3) + py2_text(b"<") + b"NNN" + _py2_int(-1) + _py2_int(-1) + _py2_int(0)
    return b"cnumpy\ndtype\n" + py2_text(dtype.str[1:].encode()) + _py2_int(0) + _py2_int(1) + b"\x87R(" + state + b"tb"


def py2_array(array):
    """cPickle's protocol 2 of a two-dimensional, little-endian array."""
    rows, columns = array.shape
    made = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + _py2_int(0) + b"\x85" + py2_text(b"b") + b"\x87R"
    )
    shape = _py2_int(rows) + _py2_int(columns) + b"\x86"
    return made + b"(" + _py2_int(1) + shape + _py2_dtype(array.dtype) + b"\x89" + py2_text(array.tobytes()) + b"tb"


def py2_scalar(value):
    """cPickle's protocol 2 of a numpy number."""
    return b"cnumpy.core.multiarray\nscalar\n" + _py2_dtype(value.dtype) + py2_text(value.tobytes()) + b"\x86R"


def py2_list(items):
    return b"](" + b"".join(items) + b"e"


def py2_float(value):
    return b"G" + struct.pack(">d", value)


def py2_pickle(entries):
    """The whole file: a dict of already pickled values by name."""
    return b"\x80\x02}(" + b"".join(py2_text(name.encode()) + value for name, value in entries.items()) + b"u."


def py2_text_pickle(name, array):
    """Protocol 0, the default of Python 2: a dict of one array, in lines of text."""
    raw = repr(array.tobytes())[1:]  # Python 2's repr of a str is ours of bytes, less the b
    dtype = f"cnumpy\ndtype\np8\n(S'{array.dtype.str[1:]}'\np9\nI0\nI1\ntp10\nRp11\n"
    dtype += "(I3\nS'<'\np12\nNNNI-1\nI-1\nI0\ntp13\nb"
    made = "cnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n"
    state = f"(I1\n(I{array.shape[0]}\nI{array.shape[1]}\ntp14\n{dtype}I00\nS{raw}\np15\ntp16\nb"
    return f"(dp0\nS'{name}'\np1\n{made}{state}s.".encode("latin1")
