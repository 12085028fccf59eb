"""A record of every earlier schema is brought up to date whole or not at all, with everything that is in it."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from runlore import platform
from runlore.model.digest import digest_of
from runlore.model.metadata import Owner, OwnerKind
from runlore.record.sql import migrate
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.record.sql.text import micros, pack_digest
from runlore.testing.record_stories import ask, at, finished, new_version, step_end

RUNS = 600
_DATA = b"1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file as the first schema left it: finished runs of one step, the last of them running."""
    path = tmp_path / "record.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        for pragma in ("page_size = 4096", "auto_vacuum = incremental", "journal_mode = wal"):
            file.execute(f"pragma {pragma}")
        file.execute("begin")
        for statement in migrate.split_script(migrate.MIGRATIONS[0].read_text("utf-8")):
            file.execute(statement)
        _fill(file)
        file.execute(f"pragma application_id = {migrate.APPLICATION}")
        file.execute("pragma user_version = 1")
        file.execute("commit")
    return path


def _fill(file: sqlite3.Connection) -> None:
    digest = pack_digest(digest_of(_DATA))
    file.execute("insert into store values (1, 'the store', 0)")
    file.execute("insert into pipeline values (1, 'training', 1, ?, ?, 0, x'00')", (RUNS, RUNS))
    file.execute("insert into definition values (1, x'00', '{}')")
    file.executemany(
        "insert into word values (?, ?)", enumerate(("lr", "accuracy", "model", "kind", "odd", "good", "done"), start=1)
    )
    file.execute("insert into kind values (1, 'json', 'builtins.int', 'DataArtifact')")
    file.execute("insert into artifact values (1, 'model', 0, 0)")
    file.execute("insert into payload values (?, ?)", (digest, _DATA))
    for seq in range(1, RUNS + 1):
        running = seq == RUNS
        status, ended = (1, None) if running else (2, 1_000_000)
        file.execute(
            "insert into run(seq, uid, pipeline, pipeline_version, number, name, status, created, ended, definition, "
            "parameters, config, outputs) values (?, ?, 1, 1, ?, ?, ?, ?, ?, 1, '{}', '{}', '{}')",
            (seq, UUID(int=seq).bytes, seq, f"run-{seq}", status, micros(at(seq)), ended),
        )
        file.execute(
            "insert into step(run, idx, name, definition, status, ended, parameters, config) "
            "values (?, 0, 'train', 1, ?, ?, '{}', '{}')",
            (seq, status, ended),
        )
        file.execute("insert into fact values (0, ?, 1, ?, null)", (seq, seq / 10))
        file.execute("insert into tag values (1, 6, ?, 0, 0)", (seq,))
        noted = [(2, str(0.5 + seq / 2000)), (4, '"tree"'), (5, '{"$":"x"}'), (7, "true")]
        file.executemany(
            "insert into entry(kind, owner, step, key, value, at) values (2, ?, 0, ?, ?, 0)",
            [(seq, key, value) for key, value in noted],
        )
        if not running:
            file.execute(
                "insert into version(seq, uid, artifact, number, nth, created, save_type, kind, digest, size, form, "
                "run, step, item, pos, meta) values (?, ?, 1, ?, ?, 0, 0, 1, ?, 1, 0, ?, 0, 0, 0, '{}')",
                (seq, UUID(int=seq).bytes, seq, seq, digest, seq),
            )
            file.execute("insert into task(run, step, item, attempt, status) values (?, 0, 0, 0, 2)", (seq,))
            file.execute("insert into edge values (?, 0, 0, 1, 0, 3, ?, null)", (seq, seq))
    # the first run has a note of its own, and a step's first note was overwritten
    file.execute("insert into entry(kind, owner, step, key, value, at) values (1, 1, 0, 2, '7', 0)")
    file.execute("insert into fact values (1, 1, 2, 7, null)")
    file.execute("insert into entry(kind, owner, step, key, value, at) values (2, 2, 0, 2, '-3', 0)")
    file.execute("insert into lease values (?, 3, 'h', 'b', 1, 1, null)", (RUNS,))


def holds_everything(record: SQLiteRecord) -> None:
    """Assert that what `_fill` wrote is there, can be found, and can be gone on with."""
    assert record.id == "the store" and list(record.check()) == []
    assert ask(record, "run", ("parameter:lr", "gt", 59.75)) == [600, 599, 598]
    assert ask(record, "run", ("parameter:lr", "le", 30), limit=1000) == list(range(300, 0, -1))
    assert ask(record, "run", ("created", "ge", at(599))) == [600, 599]
    assert ask(record, "run", ("created", "lt", at(3))) == [2, 1]
    assert ask(record, "run", ("tag", "eq", "good"), limit=2) == [600, 599]
    assert ask(record, "run", ("metadata:accuracy", "gt", 0.7985), limit=3) == [600, 599, 598]
    assert ask(record, "run", ("metadata:accuracy", "eq", 7)) == [1]
    assert ask(record, "run", ("metadata:accuracy", "eq", 0.5005)) == []
    assert ask(record, "run", ("metadata:accuracy", "lt", 0)) == [2]
    assert len(ask(record, "run", ("metadata:kind", "eq", "tree"), limit=1000)) == RUNS
    assert len(ask(record, "run", ("metadata:done", "eq", True), limit=1000)) == RUNS
    step = Owner(kind=OwnerKind.STEP, seq=2, step=0)
    assert [entry.value for entry in record.metadata_history(step, "accuracy")] == ["0.501", "-3"]
    assert record.version(599).content.payload == _DATA and record.edges(599)[0].version == 599
    fence = record.take_over(RUNS, platform.this_process(), at(1))
    assert fence.token == 4
    record.commit([finished(0, new_version()), step_end()], fence=fence)
    assert record.version(600).version == "600"


def test_a_record_of_the_first_schema_is_upgraded_with_all_that_is_in_it(path: Path) -> None:
    """What the first schema held is there after the upgrade; what steps had noted can be found now."""
    record = SQLiteRecord(path)

    holds_everything(record)
    record.close()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("pragma user_version").fetchone() == (migrate.VERSION,)


@pytest.mark.kill
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize("point", ["record.begun", "record.written", "record.committed"])
def test_a_killed_upgrade_leaves_the_old_record_or_the_new_one(path: Path, point: str) -> None:
    """Killed anywhere in an upgrade, the file is whole, and the next open finishes the work."""
    child = os.fork()
    if child == 0:
        platform.on_crash_point(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == point else None)
        SQLiteRecord(path)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    with closing(sqlite3.connect(path)) as file:
        found = file.execute("pragma user_version").fetchone()[0]
        names = [row[0] for row in file.execute("select name from sqlite_master")]
    assert found == (migrate.VERSION if point == "record.committed" else 1)
    assert ("zone" in names) == (found > 1) and "fact_1" not in names

    record = SQLiteRecord(path)

    holds_everything(record)
    record.close()
