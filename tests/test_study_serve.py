"""The server: a page for who has its code, answers kept whole and never over others, and nothing else."""

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from small_study import answers_of, packet_of
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import UserError
from harness.study import serve
from harness.study.answers import MOST_BYTES, read

testclient = pytest.importorskip("starlette.testclient")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return packet_of(tmp_path_factory.mktemp("study"), participants=2, images=6)


@pytest.fixture
def client(made, tmp_path):
    return testclient.TestClient(serve.app(made[0], tmp_path / "answers"))


def test_a_code_gets_its_page_and_nothing_else_is_there(made, client):
    packet, key = made
    code = key.participants[0].code
    page = client.get(f"/{code}")
    assert page.status_code == 200 and page.text == (packet / "pages" / f"{code}.html").read_text(encoding="utf-8")
    assert page.headers["cache-control"] == "no-store"
    for path in ("/", "/study.json", "/key.json", "/../packet-key/key.json", f"/{code}.html", "/pages", "/answers",
                 f"/{code}/answers", "/%2e%2e%2fpacket-key%2fkey.json", "/README.md"):  # fmt: skip
        assert client.get(path).status_code in (404, 405), path


def test_answers_are_taken_kept_as_sent_and_scored(made, client, tmp_path):
    _, key = made
    for participant in key.participants:
        body = json.dumps(answers_of(participant)).encode()
        assert client.post(f"/{participant.code}", content=body).status_code == 201
        assert (tmp_path / "answers" / f"{participant.code}-1.json").read_bytes() == body
    assert len(set(read(key, tmp_path / "answers").frame["participant"])) == 2


def test_what_was_sent_is_never_written_over(made, client, tmp_path):
    participant = made[1].participants[0]
    first = json.dumps(answers_of(participant)).encode()
    second = json.dumps(answers_of(participant, started=None)).encode()
    for body in (first, first, second):
        assert client.post(f"/{participant.code}", content=body).status_code == 201
    kept = sorted((tmp_path / "answers").iterdir())
    assert [path.read_bytes() for path in kept] == [first, second], "the same twice is one"
    for number in range(serve.MOST_FILES):
        body = json.dumps(answers_of(participant, started=str(number))).encode()
        last = client.post(f"/{participant.code}", content=body).status_code
    assert last == 429 and len(list((tmp_path / "answers").iterdir())) == serve.MOST_FILES


def test_bad_oversized_and_foreign_submissions_are_refused(made, client, tmp_path):
    first, second = made[1].participants
    other = json.dumps(answers_of(second)).encode()
    assert client.post(f"/{first.code}", content=other).status_code == 422, "another's answers"
    assert client.post(f"/{first.code}", content=b"{").status_code == 422
    edited = json.dumps(answers_of(first, page="0" * 64)).encode()
    assert client.post(f"/{first.code}", content=edited).status_code == 422
    assert client.post(f"/{first.code}", content=b" " * (MOST_BYTES + 1)).status_code == 413
    assert client.post("/nobody", content=other).status_code == 404
    assert client.put(f"/{first.code}", content=other).status_code == 405
    assert not (tmp_path / "answers").exists()


def test_what_is_no_packet_is_refused(tmp_path):
    with pytest.raises(UserError, match="is no packet"):
        serve.app(tmp_path, tmp_path / "answers")


@pytest.fixture
def served(made, tmp_path):
    """`bench study serve` as its own process; (process, its first address)."""
    command = [sys.executable, "-m", "harness.cli", "study", "serve", str(made[0]), "--answers", str(tmp_path / "in")]
    process = subprocess.Popen([*command, "--port", str(free_port())], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    yield process, process.stdout.readline().decode().strip()
    process.kill()
    process.communicate()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_the_command_serves_until_it_is_interrupted(made, served, tmp_path):
    process, address = served
    participant = made[1].participants[0]
    assert address.endswith(participant.code)
    request = urllib.request.Request(address, data=json.dumps(answers_of(participant)).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status == 201
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(address.rpartition("/")[0] + "/key.json", timeout=30)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    assert len(list((tmp_path / "in").iterdir())) == 1 and b"Traceback" not in process.stderr.read()


def test_a_port_that_is_taken_is_said(made, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["study", "serve", str(made[0]), "--port", str(taken.getsockname()[1])]
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and "choose with --host and --port" in result.output
