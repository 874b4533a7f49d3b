"""One HTML file that needs no other: a template with its style and script inside, and data as JSON.

A content security policy keeps out every script but the page's own; all text is escaped by the template.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup


def rendered(folder: Path, **values: object) -> str:
    """The page of a folder's `page.html`, `page.css` and `page.js`.

    The template sees the values, and `style`, `script` and their hashes for its policy, `style_hash`, `script_hash`.
    """
    import jinja2

    style, script = _source(folder / "page.css"), _source(folder / "page.js")
    options = {"autoescape": True, "undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    own = {
        "style": _as_it_is(style),
        "script": _as_it_is(script),
        "style_hash": _hash(style),
        "script_hash": _hash(script),
    }
    return jinja2.Environment(**options).from_string(_source(folder / "page.html")).render(**own, **values)


def as_json(data: object) -> Markup:
    """Data as compact JSON."""
    return json_text(json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def json_text(written: str) -> Markup:
    """JSON that cannot end the script element it stands in."""
    for mark in "<>&\u2028\u2029":
        written = written.replace(mark, f"\\u{ord(mark):04x}")
    return _as_it_is(written)


@cache
def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _as_it_is(source: str) -> Markup:
    from markupsafe import Markup

    return Markup(source)


def _hash(source: str) -> str:
    """The hash by which the content security policy knows a script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")
