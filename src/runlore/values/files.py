"""Files: local files and folders into a materializer's writer, and scratch folders for libraries that write by path."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runlore.errors import ValueUnstorable
from runlore.values.materializer import Writer

#: Bytes that are copied at a time.
_CHUNK = 1 << 20


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A private folder for a library that writes or reads by path; gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="runlore-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def take_file(path: Path, writer: Writer) -> None:
    """Write the content of a local file as the single payload."""
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            writer.write(chunk)


def take_folder(folder: Path, writer: Writer) -> None:
    """Write every file under ``folder`` as a file of a tree, under its name relative to ``folder``.

    A link counts as what it leads to. Raises `ValueUnstorable` for one that leads out of the folder, and for what is
    neither a file nor a folder; nothing has been published then.
    """
    top = folder.resolve()
    for path in _walk(top, top, ()):
        with path.open("rb", buffering=0) as file, writer.file(path.relative_to(top).as_posix()) as made:
            shutil.copyfileobj(file, made, _CHUNK)


def _walk(folder: Path, top: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if entry.is_symlink():
            target = path.resolve()
            if not target.is_relative_to(top):
                raise ValueUnstorable(
                    f"{path} is a link to {target}, outside of the folder that is to be stored. Copy the file into the "
                    "folder, or leave the link out."
                )
            if target.is_dir() and target in (*above, folder):
                raise ValueUnstorable(f"{path} is a link to a folder that it lies in. Leave it out.")
        if entry.is_dir():
            yield from _walk(path, top, (*above, folder))
        elif entry.is_file():
            yield path
        else:
            raise ValueUnstorable(f"{path} is neither a file nor a folder, and cannot be stored. Leave it out.")
