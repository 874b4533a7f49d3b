"""Handing out pages and taking answers in, over a local network or on this machine alone.

Nobody can reach anything but a page whose code he has, and nobody can read or change an answer. Answers are written
whole, under names of their own, and never over another.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.study.answers import MOST_BYTES, parsed
from harness.study.packet import MANIFEST, PAGES
from mrnet import files

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

INSTALL = "the server needs two packages more: `pip install 'mrnet-bench[serve]'`"
EVERYWHERE = "0.0.0.0"
MOST_FILES = 20
"""Submissions one participant may make: a page sends once, and perhaps again."""


def read_manifest(packet: Path) -> dict[str, str]:
    """The participants' codes and the hashes of their pages. UserError where the folder is no packet."""
    path = packet / MANIFEST
    try:
        participants = json.loads(path.read_text(encoding="utf-8"))["participants"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{packet} is no packet: {path} cannot be read ({error}); `bench study make` writes one"
        ) from error
    return dict(participants)


def app(packet: Path, answers: Path) -> Starlette:
    """The server's application. UserError for what is no packet, and where starlette is not installed."""
    try:
        from starlette.applications import Starlette
        from starlette.responses import HTMLResponse, PlainTextResponse
        from starlette.routing import Route
    except ImportError as error:
        raise UserError(INSTALL) from error
    pages = read_manifest(packet)

    async def page(request: Request) -> Response:
        code = request.path_params["code"]
        if code not in pages:
            return PlainTextResponse("There is no such page.", 404)
        return HTMLResponse((packet / PAGES / f"{code}.html").read_text(encoding="utf-8"), headers=_PRIVATE)

    async def take(request: Request) -> Response:
        code = request.path_params["code"]
        if code not in pages:
            return PlainTextResponse("There is no such page.", 404)
        content = await _limited(request)
        if content is None:
            return PlainTextResponse(f"Answers have at most {MOST_BYTES:,} bytes.", 413)
        try:
            found = parsed(content)
        except ValueError as error:
            return PlainTextResponse(str(error), 422)
        if found.participant != code or found.page != pages[code]:
            return PlainTextResponse("These are not answers to this page.", 422)
        if not keep(answers, code, content):
            return PlainTextResponse("This page has been sent often enough.", 429)
        return PlainTextResponse("Taken.", 201)

    return Starlette(routes=[Route("/{code}", page, methods=["GET"]), Route("/{code}", take, methods=["POST"])])


_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


async def _limited(request: Request) -> bytes | None:
    """The body, or None as soon as it is too large: it is never held whole."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            return None
    return content


def keep(answers: Path, code: str, content: bytes) -> bool:
    """Write a submission under the participant's next free name; False where he has sent `MOST_FILES` already."""
    answers.mkdir(parents=True, exist_ok=True)
    for number in range(1, MOST_FILES + 1):
        path = answers / f"{code}-{number}.json"
        if path.exists():
            if path.read_bytes() == content:
                return True  # sent twice: it is here
            continue
        files.write_bytes(path, content)
        return True
    return False


def serve(packet: Path, answers: Path, host: str, port: int) -> None:
    """Serve until interrupted; prints each page's address. UserError as `app`, and for an address that is not free."""
    application = app(packet, answers)
    try:
        import uvicorn
    except ImportError as error:
        raise UserError(INSTALL) from error
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise UserError(f"cannot listen at {host}:{port}: {error.strerror}; choose with --host and --port") from error
    reached = socket.gethostname() if host == EVERYWHERE else host
    for code in read_manifest(packet):
        print(f"http://{reached}:{port}/{code}", flush=True)
    config = uvicorn.Config(application, log_level="warning", server_header=False)
    with listening:
        uvicorn.Server(config).run(sockets=[listening])
