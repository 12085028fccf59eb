"""Any history of an alias is what a list of its moves says, on every record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.errors import NotFound
from runlore.model.change import VersionSaved
from runlore.recall.aliases import move, roll_back, take_away
from runlore.record.memory import MemoryRecord
from runlore.record.port import Record
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_stories import new_version

ALIASES = ("production", "best")
#: Promote one of three versions, take the alias away, or roll back.
STEPS = st.lists(st.tuples(st.sampled_from(ALIASES), st.sampled_from([0, 1, 2, "take away", "roll back"])), max_size=14)


@contextmanager
def records() -> Iterator[tuple[Record, Record]]:
    """An empty record in memory and one in SQLite."""
    with TemporaryDirectory() as folder:
        file = SQLiteRecord(Path(folder) / "record.db", durability="relaxed")
        yield MemoryRecord(), file
        file.close()


def expected_holder(moves: list[int | None]) -> int | None:
    """Whom rolling back would give the alias: the last holder before the one that holds it now."""
    return next((version for version in reversed(moves) if version not in (None, moves[-1])), None)


@settings(max_examples=60)
@given(STEPS)
def test_histories(steps: list[tuple[str, int | str]]) -> None:
    """The holder is the last of the moves that changed something, and a refused step changes nothing."""
    with records() as both:
        for record in both:
            versions = [new_version(data=bytes([number])) for number in range(3)]
            made = record.commit([VersionSaved(version=version) for version in versions]).versions
            seqs = [made[version.id][0] for version in versions]
            moves: dict[str, list[int | None]] = {alias: [] for alias in ALIASES}
            for alias, wanted in steps:
                known = moves[alias]
                if isinstance(wanted, int):
                    move(record, "model", alias, seqs[wanted])
                    if known[-1:] != [seqs[wanted]]:
                        known.append(seqs[wanted])
                elif wanted == "take away":
                    if known and known[-1] is not None:
                        take_away(record, "model", alias)
                        known.append(None)
                    else:
                        with pytest.raises(NotFound):
                            take_away(record, "model", alias)
                else:
                    back = expected_holder(known) if known else None
                    if back is None:
                        with pytest.raises(NotFound):
                            roll_back(record, "model", alias)
                    else:
                        assert roll_back(record, "model", alias) == back
                        known.append(back)
                assert [one.version for one in record.alias_history("model", alias)] == known
            held = {alias: known[-1] for alias, known in moves.items() if known and known[-1] is not None}
            assert {one.name: one.version for one in record.aliases("model")} == held
            assert {one.name for seq in seqs for one in record.aliases_of(seq)} == set(held)
            assert [finding for finding in record.check() if not finding.harmless] == []
