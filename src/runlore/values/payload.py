"""Payload at hand: bytes in memory as something that a materializer reads."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from runlore.errors import NotFound

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
