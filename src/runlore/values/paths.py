"""Paths as values of their own: what a step returns as a ``Path`` is the file or folder that it leads to.

A path inside a container, and a parameter, stays a value (`docs/design/codec.md`, "Files and folders").
"""

from __future__ import annotations

import itertools
import mimetypes
import stat
import wave
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values.files import copy_file, entries, take_folder
from runlore.values.materializer import Materializer, Picture, Reader, Writer

#: Files of up to so many bytes are shown whole.
_SHOWN = 150_000
#: So many names of a folder are shown.
_LISTED = 200
_TEXTS = {".html": "html", ".htm": "html", ".md": "markdown", ".csv": "csv", ".json": "json"}


class PathMaterializer(Materializer):
    """Stores the file that a path leads to, under its own name. Loading gives a path to a read-only file."""

    name = "path"

    def takes(self, value: Any) -> bool:
        return isinstance(value, Path) and not _is_folder(value)

    def save(self, value: Any, writer: Writer) -> None:
        _refuse_absent(value)
        if not value.is_file():
            raise ValueUnstorable(f"{value} is neither a file nor a folder, so it has no content to store.")
        with writer.file(value.name, executable=bool(value.stat().st_mode & stat.S_IXUSR)) as made:
            copy_file(value, made.write)

    def load(self, reader: Reader) -> Any:
        names = reader.files()
        if len(names) != 1:
            raise ValueUnloadable(f"A file was stored, and there are {len(names)}.")
        return reader.path() / names[0]

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``name``, ``size`` in bytes, ``media_type`` by the ending if it is known.

        Of sound in a wav file ``duration`` in seconds, ``rate`` in frames per second, ``channels``.
        """
        found: dict[str, Any] = {"name": value.name, "size": value.stat().st_size}
        media_type = _media_type(value)
        if media_type is not None:
            found["media_type"] = media_type
        if value.suffix.lower() == ".wav":
            with suppress(wave.Error, EOFError, OSError, ZeroDivisionError), wave.open(str(value), "rb") as sound:
                rate = sound.getframerate()
                found.update(duration=sound.getnframes() / rate, rate=rate, channels=sound.getnchannels())
        return found

    def pictures(self, value: Any) -> Sequence[Picture]:
        """An image as itself, sound and video in a player, tables and texts as what they are; nothing above 150 kB."""
        if value.stat().st_size > _SHOWN:
            return ()
        media_type = _media_type(value) or ""
        kind, _, _ = media_type.partition("/")
        text = _TEXTS.get(value.suffix.lower())
        if text is not None:
            return (Picture(kind=text, data=value.read_bytes(), name=value.name),)
        if kind == "image":
            return (Picture(kind="image", data=value.read_bytes(), name=value.name, media_type=media_type),)
        if kind in ("audio", "video"):
            source = b64encode(value.read_bytes()).decode()
            player = f'<{kind} controls src="data:{media_type};base64,{source}"></{kind}>'
            return (Picture(kind="html", data=player.encode(), name=value.name),)
        return ()


class FolderMaterializer(Materializer):
    """Stores the folder that a path leads to, as a tree of blobs. Loading gives a path to a read-only folder."""

    name = "folder"

    def takes(self, value: Any) -> bool:
        return isinstance(value, Path) and _is_folder(value)

    def save(self, value: Any, writer: Writer) -> None:
        _refuse_absent(value)
        take_folder(value, writer, exact=True)

    def load(self, reader: Reader) -> Any:
        return reader.path()

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``name``, ``files`` (how many) and ``size`` of all in bytes."""
        sizes = [entry.size for entry in entries(value) if not entry.empty]
        return {"name": value.name, "files": len(sizes), "size": sum(sizes)}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The names and sizes of the first 200 files."""
        files = itertools.islice((entry for entry in entries(value) if not entry.empty), _LISTED)
        rows = ['"{}",{}'.format(file.name.replace('"', '""'), file.size) for file in files]
        return (Picture(kind="csv", data="\n".join(["name,size", *rows, ""]).encode(), name="files"),)


def _is_folder(path: Path) -> bool:
    with suppress(OSError):  # one that may not be looked at; `PathMaterializer` says so
        return path.is_dir()
    return False


def _refuse_absent(path: Path) -> None:
    try:
        path.lstat()
    except PermissionError as error:
        raise ValueUnstorable(f"{path} cannot be looked at: {error}.") from error
    except OSError:
        raise ValueUnstorable(
            f"{path} does not exist, and a Path that is returned or saved stands for its file or folder. Write that "
            "first. If the path itself is the result, return str(path), or annotate the output as pathlib.PurePath."
        ) from None


def _media_type(path: Path) -> str | None:
    return mimetypes.guess_type(path.name)[0]
