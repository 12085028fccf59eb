"""Memo of verified files: which file was hashed and found whole, known again by inode, size and change time.

The change time cannot be set by anybody, so a file that has the same three was not written to since, provided that
the change time was already old when the hashing began: within the granularity of the file system's clock a second
write would leave no trace (git's rule for its index, here with two seconds).

Lines of ``verified`` are ``<digest> <inode> <size> <change time in ns>``; later lines win, broken ones are ignored. To
lose the file costs one hashing of each blob.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

#: How old a change time must be before it says that a file has not changed since.
SETTLED = 2_000_000_000
#: Smaller files are hashed again in each process, which takes less than a millisecond.
WORTH_KEEPING = 1 << 20

Stamp = tuple[int, int, int]


def stamp_of(status: os.stat_result) -> Stamp:
    """What a file is known by."""
    return status.st_ino, status.st_size, status.st_ctime_ns


class Memo:
    """Which files were verified, in this process and by earlier ones."""

    def __init__(
        self,
        path: Path,
        *,
        trust_times: bool,
        now: Callable[[], int] = time.time_ns,
        worth_keeping: int = WORTH_KEEPING,
    ) -> None:
        """``trust_times`` is false where change times are not reliable; then nothing is taken from other processes.

        Files below ``worth_keeping`` bytes are remembered in this process alone.
        """
        self._path = path
        self._worth_keeping = worth_keeping
        self._trust_times = trust_times
        self._now = now
        self._stamps: dict[str, Stamp] = {}
        self._kept: dict[str, Stamp] | None = None
        self._guard = threading.Lock()

    def knows(self, digest: str, stamp: Stamp) -> bool:
        """Whether the file with this stamp was verified to have this digest."""
        if self._stamps.get(digest) == stamp:
            return True
        return stamp[1] >= self._worth_keeping and self._read().get(digest) == stamp

    def now(self) -> int:
        """The moment at which a verification begins, for `learn`."""
        return self._now()

    def learn(self, digest: str, stamp: Stamp, began: int) -> None:
        """Remember a file that was hashed from ``began`` on and had this stamp before and after."""
        if not self._trust_times:
            self._stamps[digest] = stamp
            return
        if not 0 <= stamp[2] <= began - SETTLED:
            return
        self._stamps[digest] = stamp
        if stamp[1] >= self._worth_keeping:
            self._keep(digest, stamp)

    def forget(self, digest: str) -> None:
        """The file was deleted or found damaged."""
        with self._guard:
            self._stamps.pop(digest, None)
            if self._kept:
                self._kept.pop(digest, None)

    def compact(self, there: Callable[[str], bool]) -> None:
        """Rewrite the file without lines that were superseded or whose blob is gone."""
        with self._guard:
            kept = {digest: stamp for digest, stamp in self._parse().items() if there(digest)}
            temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            try:
                temporary.write_text("".join(_line(digest, stamp) for digest, stamp in kept.items()), "ascii")
                os.replace(temporary, self._path)
            except OSError:
                temporary.unlink(missing_ok=True)
            self._kept = kept

    def _read(self) -> dict[str, Stamp]:
        if self._kept is None:
            with self._guard:
                self._kept = self._parse() if self._trust_times else {}
        return self._kept

    def _parse(self) -> dict[str, Stamp]:
        kept: dict[str, Stamp] = {}
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]
        except OSError:
            return kept
        for line in lines:
            try:
                digest, inode, size, changed = line.decode("ascii").split(" ")
                kept[digest] = (int(inode), int(size), int(changed))
            except ValueError:
                continue
        return kept

    def _keep(self, digest: str, stamp: Stamp) -> None:
        """One short append, which the system writes in one piece; not flushed, since it may be lost."""
        try:
            descriptor = os.open(
                self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600
            )
            try:
                os.write(descriptor, _line(digest, stamp).encode("ascii"))
            finally:
                os.close(descriptor)
        except OSError:  # a read-only store is hashed again in each process
            return


def _line(digest: str, stamp: Stamp) -> str:
    return f"{digest} {stamp[0]} {stamp[1]} {stamp[2]}\n"
