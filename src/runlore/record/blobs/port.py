"""The blob port: where bytes too large for a row live, named by their digest.

Promises, tested by `runlore.testing.blob_contract`:

* **Whole or absent.** A digest names either nothing or exactly the bytes that hash to it; half-written data is never
  visible under its name, whatever kills the writer.
* **Durable.** When `BlobWriter.commit` has returned in durable mode, the blob survives a power cut.
* **Write once.** Writing bytes that are already there is harmless and changes nothing.
* **Verified.** `read` and `path` raise `ArtifactMissing` or `ArtifactCorrupt` rather than hand out wrong bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol


class BlobWriter(Protocol):
    """A blob in the making."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append. The buffer may be reused when this returns."""

    def commit(self) -> tuple[str, int]:
        """Publish, and return digest (``sha256:…``) and size in bytes. Errors are final: nothing is published."""

    def abort(self) -> None:
        """Throw away what was written. Harmless after `commit`."""


class Blobs(ABC):
    """A store of immutable bytes."""

    #: Where it is, for people: a path or a URL.
    location: str
    #: Told the digest of a blob before it gets its name, and before one that is there is relied upon; see `claim`.
    claimed: Callable[[str], None] = staticmethod(lambda digest: None)

    @abstractmethod
    def writer(self, size: int | None = None) -> BlobWriter:
        """Begin a blob. ``size``, if known, lets the file system reserve space and fail early."""

    @abstractmethod
    def read(self, digest: str) -> bytes:
        """All bytes, verified."""

    @abstractmethod
    def path(self, digest: str) -> Path:
        """A local read-only file with the bytes, verified; not verified twice where that can be known."""

    @abstractmethod
    def folder(
        self, name: str, files: Mapping[str, str], *, folders: Iterable[str] = (), executables: Iterable[str] = ()
    ) -> Path:
        """A local read-only folder holding these blobs under these names (relative, with ``/``), each verified.

        ``name`` is the digest of the tree's manifest; names have been checked by `runlore.record.blobs.tree`.
        ``folders`` are its empty folders, ``executables`` those of ``files`` that can be executed.
        """

    @abstractmethod
    def has(self, digest: str) -> bool:
        """Whether the blob is there and, as far as can be known without hashing it again, whole."""

    def claim(self, digest: str) -> bool:
        """As `has`, by the holder of a lease that is about to refer to the blob: pruning leaves it from now on."""
        self.claimed(digest)
        return self.has(digest)

    @abstractmethod
    def verify(self, digest: str) -> None:
        """Hash the bytes in any case. Raises as `read` does."""

    @abstractmethod
    def list(self) -> Iterable[tuple[str, int]]:
        """Every (digest, size), in no order."""

    @abstractmethod
    def delete(self, digest: str) -> int:
        """Delete, and return the bytes freed; 0 if it was not there."""

    @abstractmethod
    def sweep(self) -> int:
        """Remove what dead writers left behind; return the number of files removed."""

    def put(self, data: bytes | bytearray | memoryview) -> str:
        """Write a whole blob; return its digest."""
        writer = self.writer(len(data))
        try:
            writer.write(data)
            return writer.commit()[0]
        finally:
            writer.abort()
