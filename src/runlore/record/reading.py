"""Where a materializer reads: an inline payload, a blob, or a tree. Everything handed out has been verified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runlore.errors import NotFound, ValueUnloadable
from runlore.model.suggest import did_you_mean
from runlore.record.blobs.port import Blobs
from runlore.record.blobs.tree import Tree
from runlore.values.payload import InlineReader

__all__ = ["BlobReader", "InlineReader", "TreeReader"]


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

    __slots__ = ("_blobs", "_digest", "_files", "_folders", "size")

    def __init__(self, blobs: Blobs, digest: str, tree: Tree) -> None:
        self._blobs = blobs
        self._digest = digest
        self._files = {file.name: file for file in tree.files}
        self._folders = tree.folders
        self.size = sum(file.size for file in tree.files)

    def read(self) -> bytes:
        raise ValueUnloadable("This value is a folder of files; it has no single payload.")

    def path(self) -> Path:
        return self._blobs.folder(
            self._digest,
            {name: file.digest for name, file in self._files.items()},
            folders=self._folders,
            executables=[name for name, file in self._files.items() if file.executable],
        )

    def files(self) -> Sequence[str]:
        return sorted(self._files)

    def file(self, name: str) -> bytes:
        found = self._files.get(name)
        if found is None:
            raise NotFound(f"There is no file {name!r}.{did_you_mean(name, sorted(self._files))}")
        return self._blobs.read(found.digest)
