"""Read: the statements that only read, by name."""

from __future__ import annotations

from pathlib import Path

from runlore.record.sql.statements import load_statements

READ = load_statements(Path(__file__).with_name("read.sql"))
