"""The record contract, on dictionaries."""

from __future__ import annotations

import pytest

from runlore.record.memory import MemoryRecord
from runlore.record.port import Record
from runlore.testing.record_contract import RecordContract


class TestMemoryRecord(RecordContract):
    @pytest.fixture
    def record(self) -> Record:
        """An empty record in memory."""
        return MemoryRecord()
