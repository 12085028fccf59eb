"""Payload at hand: bytes in memory as something that a materializer reads or writes."""

from __future__ import annotations

import atexit
import io
import os
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast

from runlore.errors import NotFound, ValueUnloadable, ValueUnstorable
from runlore.model.suggest import did_you_mean

_scratch_guard = threading.Lock()


class InlineReader:
    """A verified payload that is at hand."""

    __slots__ = ("_digest", "_payload", "size")

    def __init__(self, payload: bytes, digest: str) -> None:
        self._payload = payload
        self._digest = digest
        self.size = len(payload)

    def read(self) -> bytes:
        return self._payload

    def path(self) -> Path:
        """A file in a private folder that lives as long as this process."""
        with _scratch_guard:
            place = lasting_folder() / self._digest.partition(":")[2]
            if not place.exists():
                draft = place.with_suffix(".new")
                draft.write_bytes(self._payload)
                draft.chmod(0o444)
                os.replace(draft, place)
        return place

    def files(self) -> Sequence[str]:
        return ()

    def file(self, name: str) -> bytes:
        raise NotFound(f"There is no file {name!r}: this value is a single payload.")


class InlineTreeReader:
    """Verified files that are at hand, such as those of a value inside a container."""

    __slots__ = ("_files", "size")

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = {_checked(name): data for name, data in files.items()}
        self.size = sum(map(len, files.values()))

    def read(self) -> bytes:
        raise ValueUnloadable("This value is a folder of files; it has no single payload.")

    def path(self) -> Path:
        """A private folder that lives as long as this process."""
        import tempfile

        place = Path(tempfile.mkdtemp(dir=_scratch(os.getpid())))
        for name, data in self._files.items():
            file = place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(0o444)
        return place

    def files(self) -> Sequence[str]:
        return sorted(self._files)

    def file(self, name: str) -> bytes:
        found = self._files.get(name)
        if found is None:
            raise NotFound(f"There is no file {name!r}.{did_you_mean(name, sorted(self._files))}")
        return found


class InlineWriter:
    """Keeps in memory what a materializer writes, such as a value inside another one."""

    def __init__(self) -> None:
        #: The single payload.
        self.data = bytearray()
        self.files: dict[str, _File] = {}
        self.is_tree = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += memoryview(data).cast("B") if memoryview(data).nbytes else b""

    def file(self, name: str, *, executable: bool = False) -> BinaryIO:
        self.is_tree = True
        file = self.files[name] = _File()
        return cast(BinaryIO, file)

    def folder(self, name: str = "") -> None:
        if name:
            raise ValueUnstorable("a value with empty folders cannot lie inside a container")
        self.is_tree = True


class _File(io.BytesIO):
    """A file of a tree; what was written is there when it is closed."""

    content: bytes = b""

    def close(self) -> None:
        if not self.closed:
            self.content = self.getvalue()
        super().close()


def _checked(name: str) -> str:
    """Refuse a name that leads out of the folder, wherever the payload may come from."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or ":" in parts[0] or "\0" in name:
        raise ValueUnloadable(f"A file of this value is called {name!r}, which is no name inside a folder.")
    return name


def lasting_folder() -> Path:
    """Return a private folder that lives as long as this process."""
    return _scratch(os.getpid())


@cache
def _scratch(pid: int) -> Path:
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="runlore-"))

    def remove() -> None:
        if os.getpid() == pid:  # a forked child inherits the hook, not the folder
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
