"""The record contract, on a SQLite file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runlore.record.port import Record
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_contract import RecordContract, SharedRecordContract


class TestSQLiteRecord(RecordContract):
    @pytest.fixture
    def record(self, tmp_path: Path) -> Iterator[Record]:
        """An empty file, in the mode that waits for no disk."""
        record = SQLiteRecord(tmp_path / "record.sqlite", durability="relaxed")
        yield record
        record.close()


class TestSharedSQLiteRecord(SharedRecordContract):
    @pytest.fixture
    def open_record(self, tmp_path: Path) -> Iterator[Callable[[], Record]]:
        """Every call opens the same file."""
        opened: list[SQLiteRecord] = []

        def open_record() -> Record:
            opened.append(SQLiteRecord(tmp_path / "record.sqlite"))
            return opened[-1]

        yield open_record
        for record in opened:
            record.close()
