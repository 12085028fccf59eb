"""Where a materializer reads: an inline payload, a blob, or a tree. Everything handed out has been verified."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from runlore.errors import NotFound, ValueUnloadable
from runlore.model.suggest import did_you_mean
from runlore.record.blobs.port import Blobs
from runlore.record.blobs.tree import File

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
            place = _scratch(os.getpid()) / self._digest.partition(":")[2]
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


class BlobReader:
    """One blob."""

    __slots__ = ("_blobs", "_digest", "size")

    def __init__(self, blobs: Blobs, digest: str, size: int) -> None:
        self._blobs = blobs
        self._digest = digest
        self.size = size

    def read(self) -> bytes:
        return self._blobs.read(self._digest)

    def path(self) -> Path:
        return self._blobs.path(self._digest)

    def files(self) -> Sequence[str]:
        return ()

    def file(self, name: str) -> bytes:
        raise NotFound(f"There is no file {name!r}: this value is a single payload.")


class TreeReader:
    """A tree of blobs."""

    __slots__ = ("_blobs", "_digest", "_files", "size")

    def __init__(self, blobs: Blobs, digest: str, files: Sequence[File]) -> None:
        self._blobs = blobs
        self._digest = digest
        self._files = {file.name: file for file in files}
        self.size = sum(file.size for file in files)

    def read(self) -> bytes:
        raise ValueUnloadable("This value is a folder of files; it has no single payload.")

    def path(self) -> Path:
        return self._blobs.folder(self._digest, {name: file.digest for name, file in self._files.items()})

    def files(self) -> Sequence[str]:
        return sorted(self._files)

    def file(self, name: str) -> bytes:
        found = self._files.get(name)
        if found is None:
            raise NotFound(f"There is no file {name!r}.{did_you_mean(name, sorted(self._files))}")
        return self._blobs.read(found.digest)


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
