"""The floor: the least that remembering costs, with no product around it.

Plain functions; SQLite in WAL mode; per step one commit that does not wait for the disk (the start) and one that does
(the end, with outputs of up to 32 KiB in the row). A larger output is a file of its own: hashed while written, flushed,
renamed, and its folder flushed.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

INLINE = 32 * 1024
PIECE = 1 << 20


class Floor:
    """A program that runs functions and notes, durably, what they returned."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.database = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self.database.executescript(
            "pragma journal_mode=wal;"
            "create table step(id integer primary key, name text, started int, ended int, digest text, payload blob);"
        )

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run one step."""
        return self._call(function, *arguments)[0]

    def pass_on(self, value: Any, function: Callable[[Any], Any], times: int) -> None:
        """Run a step that returns ``value``, then ``times`` steps that each load what the former one kept."""

        def make() -> Any:
            return value

        _, row = self._call(make)
        for _ in range(times):
            _, row = self._call(lambda row=row: function(self._load(row)))

    def put(self, data: bytes) -> str:
        """Keep bytes durably, as a row if they are few, else as a file; return the name that `get` takes."""
        if len(data) > INLINE:
            return self.keep(memoryview(data))
        self._synchronous("full")
        row = self.database.execute(
            "insert into step(ended, digest, payload) values (?, ?, ?)",
            (time.time_ns(), hashlib.sha256(data).hexdigest(), data),
        ).lastrowid
        return f"row {row}"

    def keep(self, data: bytes | memoryview) -> str:
        """Publish bytes as a file named by their digest; return that digest."""
        digest = hashlib.sha256()
        part = self.folder / f"part-{time.time_ns()}"
        with open(part, "xb", buffering=0) as file:
            for start in range(0, len(data), PIECE):
                piece = data[start : start + PIECE]
                digest.update(piece)
                file.write(piece)
            os.fsync(file.fileno())
        name = digest.hexdigest()
        os.replace(part, self.folder / name)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return name

    def get(self, name: str) -> bytes:
        """Read what `keep` or `put` kept, and check its digest."""
        if name.startswith("row "):
            return self._payload(int(name[4:]))
        data = (self.folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != name:
            raise RuntimeError(f"{name} is damaged")
        return data

    def forget(self, name: str) -> None:
        """Remove a published file."""
        (self.folder / name).unlink()

    def close(self) -> None:
        self.database.close()

    def _call(self, function: Callable[..., Any], *arguments: Any) -> tuple[Any, int | None]:
        self._synchronous("normal")
        row = self.database.execute(
            "insert into step(name, started) values (?, ?)", (function.__name__, time.time_ns())
        ).lastrowid
        value = function(*arguments)
        data = pickle.dumps(value, protocol=5)
        self._end(row, data)
        return value, row

    def _load(self, row: int | None) -> Any:
        return pickle.loads(self._payload(row))

    def _payload(self, row: int | None) -> bytes:
        digest, payload = self.database.execute("select digest, payload from step where id = ?", (row,)).fetchone()
        if payload is None:
            return self.get(digest)
        if hashlib.sha256(payload).hexdigest() != digest:
            raise RuntimeError(f"{digest} is damaged")
        return bytes(payload)

    def _end(self, row: int | None, data: bytes) -> None:
        inline = len(data) <= INLINE
        digest = hashlib.sha256(data).hexdigest() if inline else self.keep(memoryview(data))
        self._synchronous("full")
        self.database.execute(
            "update step set ended = ?, digest = ?, payload = ? where id = ?",
            (time.time_ns(), digest, data if inline else None, row),
        )

    def _synchronous(self, mode: str) -> None:
        self.database.execute(f"pragma synchronous={mode}")
