"""Payloads on their own: what a materializer writes and reads, without a record, for testing materializers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from runlore.values.materializer import Materializer


class MemoryWriter:
    """Keeps what a materializer writes; implements `runlore.values.materializer.Writer`."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.tree: dict[str, io.BytesIO] = {}
        self.folders: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append to the single payload."""
        self.parts.append(bytes(data))

    def file(self, name: str, *, executable: bool = False) -> BinaryIO:
        """Open a file of a tree; what was written is kept when it is closed. That it is executable is not."""
        file = _KeptFile()
        self.tree[name] = file
        return file

    def folder(self, name: str = "") -> None:
        """Note an empty folder of a tree, which then holds no payload."""
        self.folders.append(name)

    def reader(self, folder: Path) -> PayloadReader:
        """Return a reader of what was written; ``folder`` is an empty one that it may use."""
        for name in self.folders:
            (folder / name).mkdir(parents=True, exist_ok=True)
        if self.tree or self.folders:
            return PayloadReader(folder, {name: file.getvalue() for name, file in self.tree.items()}, None)
        return PayloadReader(folder, {}, b"".join(self.parts))


class _KeptFile(io.BytesIO):
    def close(self) -> None:
        self.flush()


class PayloadReader:
    """Hands out a payload or a tree; implements `runlore.values.materializer.Reader`."""

    def __init__(self, folder: Path, tree: dict[str, bytes], payload: bytes | None) -> None:
        self._folder = folder
        self._tree = tree
        self._payload = payload
        self.size = len(payload) if payload is not None else sum(len(data) for data in tree.values())

    def read(self) -> bytes:
        """Return the whole single payload."""
        if self._payload is None:
            raise FileNotFoundError("The materializer wrote a tree of files, not a single payload.")
        return self._payload

    def path(self) -> Path:
        """Return a file holding the payload, or a folder holding the tree."""
        for name, data in self._tree.items():
            target = self._folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if self._payload is None:
            return self._folder
        (self._folder / "payload").write_bytes(self._payload)
        return self._folder / "payload"

    def files(self) -> Sequence[str]:
        """Return the names of the tree's files, sorted."""
        return sorted(self._tree)

    def file(self, name: str) -> bytes:
        """Return one file of the tree."""
        return self._tree[name]


def round_trip(materializer: Materializer, value: Any, folder: Path) -> Any:
    """Save ``value`` and load it again; ``folder`` is an empty one that the reader may use."""
    writer = MemoryWriter()
    materializer.save(value, writer)
    return materializer.load(writer.reader(folder))
