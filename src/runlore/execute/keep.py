"""Keep: store bytes that accompany a run, once, whatever the number of runs."""

from __future__ import annotations

from typing import Protocol

from runlore.model.digest import digest_of


class Store(Protocol):
    """The part of a blob store that keeping needs."""

    def put(self, data: bytes | bytearray | memoryview) -> str: ...

    def claim(self, digest: str) -> bool: ...


def keep(content: str | bytes, blobs: Store) -> str:
    """Store ``content`` (text as UTF-8) unless it is there, which saves the wait for the disk; return its digest."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    digest = digest_of(data)
    return digest if blobs.claim(digest) else blobs.put(data)
