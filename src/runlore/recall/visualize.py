"""Visualize: pictures of a value, shown where the user is looking."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from runlore.errors import AlreadyExists
from runlore.model.artifact import Picture
from runlore.recall.page import fragment_of, page_of


def show(
    title: str, pictures: Sequence[Picture], path: str | os.PathLike[str] | None, *, overwrite: bool
) -> Path | None:
    """Show pictures in a notebook or a browser, or write them to a file and return its path."""
    if path is not None:
        target = Path(path)
        if target.exists() and not overwrite:
            raise AlreadyExists(f"{target} is already there; choose another path or pass overwrite=True.")
        target.write_text(page_of(title, pictures), encoding="utf-8", errors="replace")
        return target
    if _in_notebook():
        from IPython.display import HTML, display

        display(HTML(fragment_of(title, pictures)))  # type: ignore[no-untyped-call]
        return None
    written = _write(page_of(title, pictures))
    if sys.stdout.isatty() and sys.stdin.isatty():
        import webbrowser

        webbrowser.open(written.as_uri())
    return written


def _write(page: str) -> Path:
    handle, name = tempfile.mkstemp(prefix="runlore-", suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
        file.write(page)
    return Path(name)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    if shell is None:
        return False
    running = shell.get_ipython()
    return running is not None and "IPKernelApp" in running.config
