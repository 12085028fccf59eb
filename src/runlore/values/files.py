"""Files: local files and folders into a materializer's writer, a writer as a file, scratch folders for libraries."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from runlore.errors import ValueUnstorable
from runlore.values.materializer import Writer

#: Bytes that are copied at a time.
_CHUNK = 4 << 20
_OPENED = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Entry(NamedTuple):
    """Something in a folder that is to be stored."""

    #: Relative to the folder, with ``/``.
    name: str
    #: Where it really is; no link.
    path: Path
    #: A folder that holds nothing, not a file.
    empty: bool
    #: Its owner may execute it.
    executable: bool
    #: In bytes.
    size: int


class WriterFile:
    """A materializer's single payload as the file object that a library writes to, from front to back."""

    closed = False

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def write(self, data: Any) -> int:
        """Append, and return how many bytes were appended: all."""
        view = memoryview(data)
        # bytes go on as they are, so that few are kept without a copy; an empty view cannot be cast
        self._writer.write(data if type(data) is bytes else view.cast("B") if view.nbytes else b"")
        return view.nbytes

    def flush(self) -> None:
        """Do nothing: the writer decides when bytes are durable."""

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    def readable(self) -> bool:
        """Return that it cannot be read."""
        return False

    def seekable(self) -> bool:
        """Return that there is no way back."""
        return False

    def close(self) -> None:
        """Take nothing more."""
        self.closed = True


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
    copy_file(path, writer.write)


def take_folder(folder: Path, writer: Writer, *, exact: bool = False) -> None:
    """Write every file under ``folder`` as a file of a tree, under its name relative to ``folder``.

    With ``exact``, empty folders and which files can be executed are kept as well. A link counts as what it leads to.
    Raises `ValueUnstorable` for one that leads out of the folder, and for what is neither a file nor a folder; nothing
    has been published then.
    """
    writer.folder()
    for entry in list(entries(folder)):  # all of them, so that what is refused is refused before a file is written
        if not entry.empty:
            with writer.file(entry.name, executable=exact and entry.executable) as made:
                copy_file(entry.path, made.write)
        elif exact and entry.name:
            writer.folder(entry.name)


def entries(folder: Path) -> Iterator[Entry]:
    """Yield the files and empty folders under ``folder``, by name; raises as `take_folder` does."""
    try:
        top = folder.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ValueUnstorable(f"The folder {folder} cannot be read: {error}.") from error
    return _walk(top, "", (), top)


def _walk(folder: Path, name: str, above: tuple[Path, ...], top: Path) -> Iterator[Entry]:
    found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    if not found:
        yield Entry(name, folder, True, False, 0)
    for entry in found:
        path = _target(Path(entry.path), top) if entry.is_symlink() else Path(entry.path)
        inner = f"{name}/{entry.name}" if name else entry.name
        info = os.stat(path, follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode):
            if path in (*above, folder):
                raise ValueUnstorable(f"{entry.path} is a link to a folder that it lies in. Leave it out.")
            yield from _walk(path, inner, (*above, folder), top)
        elif stat.S_ISREG(info.st_mode):
            yield Entry(inner, path, False, bool(info.st_mode & stat.S_IXUSR), info.st_size)
        else:
            raise ValueUnstorable(_strange(entry.path))


def _target(link: Path, top: Path) -> Path:
    try:
        target = link.resolve(strict=True)
    except FileNotFoundError:
        raise ValueUnstorable(f"{link} is a link to {os.readlink(link)}, which does not exist. Leave it out.") from None
    except (OSError, RuntimeError) as error:  # a ring of links
        raise ValueUnstorable(f"{link} is a link that leads nowhere: {error}. Leave it out.") from error
    if not target.is_relative_to(top) and not _is_shown(target, top):
        raise ValueUnstorable(
            f"{link} is a link to {target}, outside of the folder that is to be stored. Copy the file into the "
            "folder, or leave the link out."
        )
    return target


def _is_shown(target: Path, top: Path) -> bool:
    """Whether a link leads to a blob of the store whose folder of a tree this is: a folder loaded before."""
    trees = next((parent for parent in top.parents if parent.name == "trees"), None)
    digits = target.name
    return (
        trees is not None
        and target.parent.parent == trees.parent / "sha256"
        and len(digits) == 64
        and digits.startswith(target.parent.name)
    )


def copy_file(path: Path, write: Callable[[memoryview], object]) -> None:
    """Hand the content of a local file to ``write``, piece by piece. Raises `ValueUnstorable` if it is no file."""
    try:
        descriptor = os.open(os.path.realpath(path), _OPENED | _NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # swapped for a link, or a socket
            raise ValueUnstorable(_strange(path)) from error
        raise ValueUnstorable(f"The file {path} cannot be read: {error}.") from error
    with open(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueUnstorable(_strange(path))
        buffer = memoryview(bytearray(min(_CHUNK, os.fstat(descriptor).st_size + 1)))
        while count := file.readinto(buffer):
            write(buffer[:count])


def _strange(path: str | Path) -> str:
    return f"{path} is neither a file nor a folder, and cannot be stored. Leave it out."
