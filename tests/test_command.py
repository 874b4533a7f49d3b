"""A foreign program as a method: what it is given, what is taken from it, and that nothing of it is left running."""

import csv
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import PIL
import pytest
import torch
import yaml
from PIL import Image
from small_run import arguments, bench
from typer.testing import CliRunner

from harness import datasets, images
from harness.cli import app
from harness.pairs import PairData
from methods import guarded, registry
from methods.base import SynthesisFailed

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "paste_person.py"
SIZE_PX = (32, 32)
DEADLINE_S = 60

ECHO = """
import csv, shutil, sys
from pathlib import Path
rows = list(csv.DictReader(open("in/pairs.csv", newline="")))
def give(row):
    shutil.copy(Path("in") / row["image"], Path("out") / (row["id"] + ".png"))
"""
ALL = ECHO + "for row in rows: give(row)\n"
FIRST_THEN_SLEEP = """
import os, subprocess, time
give(rows[0])
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import signal, time;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)"])
Path(PIDS).write_text(f"{os.getpid()} {child.pid} {os.getcwd()}")
time.sleep(300)
"""


@pytest.fixture(scope="module")
def data():
    dataset = datasets.get("synthetic")
    return PairData(dataset.frames(SIZE_PX), dataset.pair_list("time", "test", SIZE_PX))


@pytest.fixture
def program(tmp_path):
    """Writes a script; the argument list that runs it, with the standard library alone."""

    def write(text, *words):
        path = tmp_path / "program.py"
        path.write_text(text)
        return [sys.executable, "-I", "-S", str(path), *words]

    return write


def method(words, info=None, **parameters):
    info = info or datasets.get("synthetic").info(SIZE_PX)
    return registry.build("command", info, {"program": words, **parameters})


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition):
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)


def spied(data, program, spy, target):
    """The folder OUT, to which `spy`, a program's lines, copies of the exchange folder what it sees for four pairs."""
    method(program(ALL + f"OUT = {str(target)!r}\n" + spy)).synthesize(data.conditions(range(4)))
    return target


def test_images_come_back_bit_equal_and_in_order(data, program):
    condition = data.conditions([5, 0, 3, 0])
    answer = method(program(ALL)).synthesize(condition)
    assert torch.equal(answer.image, condition.image)
    assert (images.to_uint8(answer.image) == images.to_uint8(condition.image)).all()


def test_what_the_program_is_given_is_the_condition(data, program, tmp_path):
    folder = spied(data, program, "shutil.copytree('in', OUT + '/in')", tmp_path) / "in"
    condition = data.conditions(range(4))
    rows = list(csv.DictReader((folder / "pairs.csv").open(newline="")))
    names = [row["id"] for row in rows]
    assert names == sorted(names) and len(names) == 4
    found = {}
    for row in rows:
        pixels = images.read_image(folder / row["image"], SIZE_PX)
        mask = np.array(Image.open(folder / row["mask"]))
        found[json.dumps(json.loads((folder / row["joints"]).read_text()))] = pixels, mask
    for index in range(4):
        (key,) = [key for key in found if np.allclose(joints(key, "target"), condition.target_joints[index],
                  equal_nan=True) and np.allclose(joints(key, "reference"), condition.joints[index],
                  equal_nan=True)]  # fmt: skip
        pixels, mask = found[key]
        assert (pixels == images.to_uint8(condition.image[index])).all()
        assert (mask == condition.mask[index, 0].numpy() * 255).all()
        poses = json.loads(key)
        assert poses["reference"]["box"] == condition.box[index].tolist()
        assert poses["target"]["box"] == condition.target_box[index].tolist()
        assert (poses["height_px"], poses["width_px"]) == SIZE_PX


def joints(poses, end):
    named = json.loads(poses)[end]["joints"]
    assert list(named) == list(datasets.get("synthetic").info(SIZE_PX).skeleton.joints)
    return np.array([[np.nan, np.nan] if point is None else point for point in named.values()])


def test_the_program_is_blind(data, program, monkeypatch, tmp_path):
    """Neither target pixels nor a name of dataset, frame, pair or group, in the files, paths or variables."""
    monkeypatch.setenv("BENCH_HOME", "/secret/synthetic")
    monkeypatch.setenv("PWD", "/secret/synthetic")
    spy = "import os, json; shutil.copytree('.', OUT + '/all');"
    spy += "json.dump([os.getcwd(), dict(os.environ)], open(OUT + '/all/told', 'w'))"
    folder = spied(data, program, spy, tmp_path)
    files = [path for path in (folder / "all").rglob("*") if path.is_file()]
    assert len(files) == 1 + 1 + 4 * 4
    told = b"\0".join(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() for path in files)
    pairs = data.pairs.pairs[:4]
    for name in ("synthetic", "secret", *(text for pair in pairs for text in (pair.id, pair.reference, pair.target))):
        assert name.encode() not in told, name
    given = {hash_of(path) for path in files if path.suffix == ".png" and path.parent.name == "images"}
    targets = {data.target_uint8(index).tobytes() for index in range(4)}
    references = {images.to_uint8(data.conditions([index]).image[0]).tobytes() for index in range(4)}
    assert given == references and not given & (targets - references)


def hash_of(path):
    return images.read_image(path).tobytes()


def test_no_shell_reads_the_arguments(data, program, tmp_path):
    words = ["two words", "; touch owned", "$HOME", "`id`", "*", "{in}:/in", "--out={out}"]
    said = tmp_path / "said.json"
    text = ALL + f"import json, os; json.dump([sys.argv[1:], os.getcwd()], open({str(said)!r}, 'w'))"
    method(program(text, *words)).synthesize(data.conditions([0]))
    heard, folder = json.loads(said.read_text())
    assert heard == [*words[:5], f"{folder}/in:/in", f"--out={folder}/out"]
    assert not Path(folder).exists()


RUINED = {
    "missing": ("", r"1 of 3 images are not usable: out/\w{16}.png is missing"),
    "no PNG": ("at(0).write_text('hello')", "is no PNG"),
    "half written": ("at(0).write_bytes(at(1).read_bytes()[:-80])", "is damaged or only half written"),
    "grey": ("at(0).write_bytes(FILES['grey'])", "is grey with 8 bits; 8-bit RGB is needed"),
    "RGBA": ("at(0).write_bytes(FILES['RGBA'])", "is RGBA with 8 bits"),
    "deep": ("at(0).write_bytes(FILES['deep'])", "is RGB with 16 bits"),
    "size": ("at(0).write_bytes(FILES['size'])", "is 31×32; 32×32 is needed"),
    "elsewhere": ("at(0).symlink_to(at(1).resolve())", "is missing"),
    "other name": ("Path('out/a.png').write_bytes(b'')", r"is missing; nobody asked for: out/a.png"),
    "exit code": (
        "print('all went wrong'); sys.exit(3)",
        "ended with exit code 3, after . s; its last lines: all",
    ),
    "crash": ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9"),
}


def png(mode, size=(32, 32)):
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", RUINED)
def test_bad_images_are_refused_with_a_sentence_and_good_ones_kept(kind, data, program):
    ruin, sentence = RUINED[kind]
    whole = png("RGB")
    files = {"grey": png("L"), "RGBA": png("RGBA"), "size": png("RGB", (32, 31))}
    files["deep"] = whole[:24] + b"\x10" + whole[25:]
    text = ECHO + f"FILES = {files!r}\nat = lambda i: Path('out') / (rows[i]['id'] + '.png')\n"
    words = program(f"{text}for row in rows[1:]: give(row)\n{ruin}\n")
    given = method(words).synthesize_all(data.conditions([index]) for index in range(3))
    kept = []
    with pytest.raises(SynthesisFailed, match=sentence):
        for place, answer in given:
            kept.append(place)
            assert torch.equal(answer.image, data.conditions([place]).image)
    assert len(kept) == 2


def test_at_the_time_limit_the_program_ends_with_its_children(data, program, tmp_path):
    words = program(ECHO + f"PIDS = {str(tmp_path / 'pids')!r}\n" + FIRST_THEN_SLEEP)
    kept = []
    with pytest.raises(SynthesisFailed, match=r"stopped at its time limit of 1 s .*1 of 2 images") as error:
        for place, _ in method(words, time_limit_s=1.0).synthesize_all(data.conditions([i]) for i in range(2)):
            kept.append(place)
    assert len(kept) == 1 and "deaf" in str(error.value)
    first, second, folder = (tmp_path / "pids").read_text().split()
    assert not running(first) and not running(second) and not Path(folder).exists()


def test_what_the_program_leaves_in_the_background_is_ended(data, program, tmp_path):
    background = "import subprocess; child = subprocess.Popen(['sleep', '300'])\n"
    text = f"{ALL}{background}Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))"
    method(program(text)).synthesize(data.conditions([0]))
    assert not running((tmp_path / "pid").read_text())


def test_killed_outright_this_process_leaves_neither_program_nor_folder(program, tmp_path):
    pids = tmp_path / "pids"
    words = program("rows = []; give = lambda row: 0\nimport sys\nfrom pathlib import Path\nrows = [0]\n"
                    f"PIDS = {str(pids)!r}\n" + FIRST_THEN_SLEEP)  # fmt: skip
    folder = tmp_path / "exchange"
    folder.mkdir()
    call = f"guarded.run({words!r}, Path({str(folder)!r}), 300, guarded.CappedLog(print, 100))"
    script = f"from pathlib import Path; from methods import guarded; {call}"
    asker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    wait_until(lambda: pids.is_file() and len(pids.read_text().split()) == 3)
    asker.kill()
    asker.wait()
    first, second, _ = pids.read_text().split()
    wait_until(lambda: not running(first) and not running(second) and not folder.exists())


def test_output_is_told_as_it_comes_and_only_so_much_of_it(data, program, caplog):
    text = ALL + "print('a' * 10, flush=True); print('b', end='\\r', file=sys.stderr, flush=True)\n"
    text += "for i in range(5000): print(f'line {i:05d}')\n"
    with caplog.at_level(logging.INFO):
        method(program(text), log_mb=0.001).synthesize(data.conditions([0]))
    said = [record.getMessage() for record in caplog.records]
    assert said[:3] == ["> aaaaaaaaaa", "> b", "> line 00000"]
    assert sum(len(line) - 1 for line in said[:-1]) <= 1000
    assert said[-1].startswith(f"{11 * 5000 + 11 + 2 - sum(len(line) - 1 for line in said[:-1])} bytes more")


def test_the_last_lines_are_kept_past_the_cap_and_a_line_without_end_is_cut():
    told = []
    log = guarded.CappedLog(told.append, 10)
    log.follow(io.BytesIO(b"x" * 100_000 + b"\nab\n\x1b[31mlast\xff\n"))
    assert told == [] and log.tail[-1].startswith("[31mlast") and max(map(len, log.tail)) <= 4096


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "is the argument list of a program"),
        (["python3", 3], "is the argument list of a program"),
        (["no-such-program"], "there is no program no-such-program on PATH"),
        (["./no-such-program"], "there is no program /"),
    ],
)
def test_a_wrong_argument_list_is_refused_at_the_door(words, reason, tmp_path):
    done = bench(tmp_path, "command", "--plan", "--set", f"methods.command.parameters.program={words}")
    assert done.exit_code == 2 and reason in done.output and "Traceback" not in done.output


def test_a_changed_script_is_another_row_and_another_time_limit_is_not(program, monkeypatch, tmp_path):
    def key(**parameters):
        card = registry.card("command")
        return registry.keyed_parameters(card, registry.resolve_parameters(card, parameters))

    words = program(ALL)
    monkeypatch.chdir(tmp_path)
    before = key(program=words)
    assert key(program=[*words[:3], "program.py"]) == before
    assert key(program=words, time_limit_s=5, log_mb=1.0) == before
    assert key(program=words, version="2") != before
    program(ALL + "# changed")
    assert key(program=words) != before


@pytest.fixture(scope="module")
def other_python(tmp_path_factory):
    """A Python of its own in which Pillow is all that is installed."""
    home = tmp_path_factory.mktemp("other")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    (site,) = home.glob("lib/python*/site-packages")
    pillow = Path(PIL.__file__).parent
    for part in (pillow, pillow.parent / "pillow.libs"):
        if part.exists():
            (site / part.name).symlink_to(part)
    return str(home / "bin" / "python")


def settings(*words):
    return "--set", f"methods.command.parameters.program={yaml.safe_dump(list(words), default_flow_style=True)}"


def test_the_other_python_has_pillow_alone(other_python):
    for name, code in (("PIL.Image", 0), ("torch", 1), ("numpy", 1), ("methods", 1), ("harness", 1), ("mrnet", 1)):
        words = [other_python, "-c", f"import {name}"]
        done = subprocess.run(words, cwd="/", env=guarded.environment(), capture_output=True)
        assert done.returncode == code, name


def test_the_example_runs_under_another_python_beside_a_control(other_python, tmp_path):
    more = ("--limit", "6", "--set", "methods.command.parameters.title=Cut and paste")
    done = bench(tmp_path, "command,copy", *more, *settings(other_python, str(EXAMPLE), "{in}", "{out}"))
    assert done.exit_code == 0, done.output
    (cell,) = tmp_path.glob("results/cells/synthetic/command-*")
    record = json.loads((cell / "record-pairs-only.json").read_text())
    assert (record["title"], record["n"], record["missing"]) == ("Cut and paste", 6, 0)
    assert "> 6/6" in (cell / "log.txt").read_text()
    copies = {path.name: path.read_bytes() for path in tmp_path.glob("results/cells/synthetic/copy-*/images/*.png")}
    # where both boxes are equal, a copy is what cutting and pasting gives
    assert sum(copies[path.name] != path.read_bytes() for path in (cell / "images").glob("*.png")) >= 3


def test_the_example_keeps_the_contract(other_python, empty_home):
    done = CliRunner().invoke(app, ["check", "command", *settings(other_python, str(EXAMPLE), "{in}", "{out}")])
    assert done.exit_code == 0, done.output
    assert "7 clauses hold, 0 broken" in done.output


def test_an_interrupted_run_leaves_no_process_and_goes_on_with_what_lacks(tmp_path):
    pids, asked, script = tmp_path / "pids", tmp_path / "asked", tmp_path / "program.py"
    text = ECHO + f"PIDS = {str(pids)!r}\nwith open({str(asked)!r}, 'a') as log: print(len(rows), file=log)\n"
    slow = FIRST_THEN_SLEEP.replace("signal.signal(signal.SIGTERM, signal.SIG_IGN); ", "").replace("\n", "\n    ")
    script.write_text(f"{text}if not Path(PIDS).exists():\n    {slow}\nfor row in rows: give(row)\n")
    words = arguments(tmp_path, "command", "--limit", "5", *settings(sys.executable, "-I", "-S", str(script)))
    command = [sys.executable, "-m", "harness.cli", *words]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: pids.is_file() and len(pids.read_text().split()) == 3)
    run.send_signal(signal.SIGINT)
    errors = run.communicate(timeout=DEADLINE_S)[1]
    assert run.returncode == 130 and "Traceback" not in errors, errors
    first, second, folder = pids.read_text().split()
    assert not running(first) and not running(second) and not os.path.exists(folder)
    (cell,) = tmp_path.glob("results/cells/synthetic/command-*")
    assert len(list((cell / "images").glob("*.png"))) == 1
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert asked.read_text().split() == ["5", "4"]


def test_a_failure_of_the_program_is_the_cells(tmp_path):
    script = tmp_path / "program.py"
    script.write_text("import sys; sys.exit('no weights found')")
    done = bench(tmp_path, "command", "--limit", "2", *settings(sys.executable, "-I", "-S", str(script)))
    assert done.exit_code == 1
    assert "ended with exit code 1" in done.output and "no weights found" in done.output
    assert "Traceback" not in done.output
