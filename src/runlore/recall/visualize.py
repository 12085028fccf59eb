"""Visualize: pictures of a value, shown where the user is looking."""

from __future__ import annotations

import html
import os
import sys
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runlore.recall.decoding import decode
from runlore.values.materializer import Picture

if TYPE_CHECKING:
    from runlore.recall.version import ArtifactVersion


def visualize(version: ArtifactVersion) -> Path | None:
    """Show pictures of ``version`` in a notebook or a browser, or write them to a file and return its path."""
    page = page_of(version.pathspec, pictures_of(version))
    if _in_notebook():
        from IPython.display import HTML, display

        display(HTML(page))  # type: ignore[no-untyped-call]
        return None
    path = _write(page)
    if sys.stdout.isatty() and sys.stdin.isatty():
        import webbrowser

        webbrowser.open(path.as_uri())
    return path


def pictures_of(version: ArtifactVersion) -> Sequence[Picture]:
    """What the materializer draws; for a collection, the pictures of each element in turn."""
    from runlore.values.registry import by_name

    if version.is_collection:
        return [picture for position in range(len(version)) for picture in pictures_of(version[position])]
    if decode(version.content.meta).get("pictures") is False:  # whoever saved it said so
        return ()
    return by_name(version.materializer).pictures(version.load())


def page_of(title: str, pictures: Sequence[Picture]) -> str:
    """One self-contained HTML page."""
    body = "\n".join(_drawn(picture) for picture in pictures) or "<p>This kind of value has no pictures.</p>"
    heading = html.escape(title)
    return f"<!doctype html><meta charset='utf-8'><title>{heading}</title><h1>{heading}</h1>\n{body}\n"


def _drawn(picture: Picture) -> str:
    if picture.kind == "image" or (picture.kind == "plot" and picture.media_type):
        data = b64encode(picture.data).decode()
        media = html.escape(picture.media_type or "image/png", quote=True)
        return f"<img alt='{html.escape(picture.name, quote=True)}' src='data:{media};base64,{data}'>"
    text = picture.data.decode("utf-8", errors="replace")
    if picture.kind == "html":
        # a frame without scripts: the picture may show strings that came from anywhere
        document = html.escape(text, quote=True)
        return f"<iframe sandbox style='width:100%;height:40em;border:0' srcdoc='{document}'></iframe>"
    return f"<pre>{html.escape(text)}</pre>"


def _write(page: str) -> Path:
    handle, name = tempfile.mkstemp(prefix="runlore-", suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(page)
    return Path(name)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    if shell is None:
        return False
    running = shell.get_ipython()
    return running is not None and "IPKernelApp" in running.config
