"""What only a SQLite file can do: be foreign, damaged, newer, locked, full, forked, and upgraded."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from runlore.errors import (
    StoreCorrupt,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    StoreTooNew,
)
from runlore.model.artifact import Content
from runlore.model.change import NewVersion, VersionSaved
from runlore.model.digest import digest_of
from runlore.model.query import Condition, Operator, Query
from runlore.record.queries import terms
from runlore.record.sql import connection, migrate
from runlore.record.sql.check import INVARIANTS
from runlore.record.sql.drivers import drivers
from runlore.record.sql.keyed import valued_page
from runlore.record.sql.read import READ
from runlore.record.sql.select import compiled, estimating
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.record.sql.statements import load_statements
from runlore.testing.record_stories import at, new_run

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the record's file goes."""
    return tmp_path / "record.sqlite"


@pytest.fixture
def record(path: Path) -> Iterator[SQLiteRecord]:
    """A new record."""
    record = SQLiteRecord(path, clock=lambda: NOW)
    yield record
    record.close()


def saved(data: bytes = b"1") -> VersionSaved:
    """A version of the artifact ``model``."""
    content = Content(materializer="json", type="builtins.int", digest=digest_of(data), size=len(data), payload=data)
    return VersionSaved(version=NewVersion(id=uuid4(), artifact="model", content=content))


def test_the_migrations_make_the_fresh_schema(path: Path) -> None:
    """Running every migration in turn ends in exactly the schema that a new record gets."""
    fresh, migrated = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    fresh.executescript(Path(migrate.__file__).with_name("schema.sql").read_text("utf-8"))
    for migration in migrate.MIGRATIONS:
        migrated.executescript(migration.read_text("utf-8"))

    def schema(database: sqlite3.Connection) -> list[tuple[str, str, str]]:
        listed = database.execute("select type, name, sql from sqlite_master order by type, name").fetchall()
        return [(kind, name, " ".join((sql or "").split())) for kind, name, sql in listed]

    assert schema(fresh) == schema(migrated)
    assert [migration.stem for migration in migrate.MIGRATIONS] == [
        f"{number:04}" for number in range(1, migrate.VERSION + 1)
    ]


def test_an_older_record_is_upgraded_in_one_go(
    record: SQLiteRecord, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a record of an earlier schema runs the missing migrations; reading only, it is refused instead."""
    record.commit([saved()])
    record.close()
    number = migrate.VERSION + 1
    later = tmp_path / f"{number:04}.sql"
    later.write_text("-- One more; with a semicolon in a comment.\nalter table store add column note text;\n")
    monkeypatch.setattr(migrate, "MIGRATIONS", (*migrate.MIGRATIONS, later))
    monkeypatch.setattr(migrate, "VERSION", number)

    with pytest.raises(StoreReadOnly, match="upgraded"):
        SQLiteRecord(path, read_only=True)
    upgraded = SQLiteRecord(path)

    assert upgraded._db.row("select note from store") == (None,)
    assert upgraded._db.row("pragma user_version") == (number,) and upgraded.version(1).artifact == "model"
    upgraded.close()


def test_a_failed_upgrade_changes_nothing(
    record: SQLiteRecord, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a migration fails, the record keeps its old schema as a whole."""
    record.close()
    later = tmp_path / f"{migrate.VERSION + 1:04}.sql"
    later.write_text("alter table store add column note text;\ninsert into nowhere values (1);\n")
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "MIGRATIONS", (*migrate.MIGRATIONS, later))
        patch.setattr(migrate, "VERSION", migrate.VERSION + 1)
        with pytest.raises(StoreError, match="nowhere"):
            SQLiteRecord(path)

    again = SQLiteRecord(path)
    assert "note" not in [row[1] for row in again._db.rows("pragma table_info(store)")]
    again.close()


def test_the_file_says_what_it_is(record: SQLiteRecord, path: Path) -> None:
    """A record's file carries our application id, its schema's number, and the settings fixed at birth."""
    record.close()
    with sqlite3.connect(path) as plain:
        found = {
            name: plain.execute(f"pragma {name}").fetchone()[0]
            for name in ("application_id", "user_version", "page_size", "auto_vacuum", "journal_mode")
        }
    plain.close()

    assert found == {
        "application_id": migrate.APPLICATION,
        "user_version": migrate.VERSION,
        "page_size": 4096,
        "auto_vacuum": 2,
        "journal_mode": "wal",
    }


def test_a_newer_record_is_refused(record: SQLiteRecord, path: Path) -> None:
    """A record with a later schema raises `StoreTooNew` and is not touched."""
    record.close()
    plain = sqlite3.connect(path)
    plain.execute("pragma user_version = 999")
    plain.close()

    with pytest.raises(StoreTooNew, match="999"):
        SQLiteRecord(path)


def test_another_programs_database_is_refused(path: Path) -> None:
    """A SQLite file with foreign tables raises `StoreForeign` and stays as it was."""
    plain = sqlite3.connect(path)
    plain.execute("create table theirs(x)")
    plain.commit()
    plain.close()
    before = path.read_bytes()

    with pytest.raises(StoreForeign):
        SQLiteRecord(path)

    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """A file of any other format raises `StoreForeign` and stays as it was."""
    path.write_bytes(b"Dear diary, " * 1000)

    with pytest.raises(StoreForeign):
        SQLiteRecord(path)

    assert path.read_bytes() == b"Dear diary, " * 1000


def test_a_damaged_file_is_named(record: SQLiteRecord, path: Path) -> None:
    """Overwritten pages raise `StoreCorrupt`, or are told by the check."""
    for number in range(50):
        record.commit([saved(str(number).encode() * 500)])
    record.close()
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xa5" * (len(data) - 8192)
    path.write_bytes(data)

    with pytest.raises(StoreCorrupt, match="record.sqlite"):
        list(SQLiteRecord(path).check())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A record cannot be made in a folder that does not exist."""
    with pytest.raises(StoreReadOnly, match="nowhere"):
        SQLiteRecord(tmp_path / "nowhere" / "record.sqlite")


def test_reading_only_writes_nothing(record: SQLiteRecord, path: Path) -> None:
    """A record opened for reading answers, and refuses to write."""
    record.commit([saved()])
    reader = SQLiteRecord(path, read_only=True)

    assert reader.version(1).artifact == "model"
    with pytest.raises(StoreReadOnly):
        reader.commit([saved()])
    reader.close()


def test_a_full_disk_loses_nothing_that_was_there(record: SQLiteRecord) -> None:
    """Running out of space raises `StoreFull`, rolls the commit back, and leaves the record usable."""
    record.commit([saved()])
    pages = record._db.row("pragma page_count")[0]
    record._db.row(f"pragma max_page_count = {pages}")

    with pytest.raises(StoreFull):
        record.commit([saved(os.urandom(30_000)) for _ in range(10)])

    record._db.row("pragma max_page_count = 1000000")
    record.commit([saved(b"2")])
    assert [version.version for version in record.select(Query(noun="version")).items] == ["2", "1"]


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_batch_that_ran_out_of_space_is_given_up_whole(record: SQLiteRecord, goes_on: bool) -> None:
    """When space runs out within a batch, nothing of the batch is kept, even if the batch tries to go on."""
    record.commit([saved()])
    pages = record._db.row("pragma page_count")[0]
    record._db.row(f"pragma max_page_count = {pages}")

    with pytest.raises(StoreError, match="given up" if goes_on else "no transaction"), record.batch():
        record.commit([saved(b"small")])
        with pytest.raises(StoreFull):
            record.commit([saved(os.urandom(30_000)) for _ in range(10)])
            record.count(Query(noun="version"))  # at the latest, rows are written when somebody reads
        if goes_on:
            record.commit([saved(b"more")])

    record._db.row("pragma max_page_count = 1000000")
    record.commit([saved(b"2")])
    assert [version.version for version in record.select(Query(noun="version")).items] == ["2", "1"]
    assert list(record.check()) == []


def test_a_lock_that_is_never_given_up_is_an_error(
    record: SQLiteRecord, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer waits for the lock for a while, then raises `StoreLocked`; readers are not held up."""
    record.commit([saved()])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    monkeypatch.setattr(connection, "PATIENCE", 0.02)

    with pytest.raises(StoreLocked):
        record.commit([saved()])
    assert record.version(1).version == "1"

    other.execute("rollback")
    other.close()
    record.commit([saved()])


def test_a_closed_record_is_refused(record: SQLiteRecord) -> None:
    """After closing, a record answers nothing."""
    record.close()

    with pytest.raises(StoreError, match="closed"):
        record.version(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_and_its_parent_both_go_on(record: SQLiteRecord) -> None:
    """After a fork, parent and child write to the same record and see each other's commits."""
    record.commit([saved()])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            record.commit([saved(b"child")])
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    record.commit([saved(b"parent")])

    assert [version.version for version in record.select(Query(noun="version")).items] == ["3", "2", "1"]
    assert [finding for finding in record.check() if not finding.harmless] == []


_WRITER = """
import sys, os
from datetime import UTC, datetime
from uuid import uuid4
from runlore.model.artifact import Content
from runlore.model.change import NewVersion, VersionSaved
from runlore.model.digest import digest_of
from runlore.record.sql.sqlite import SQLiteRecord

record = SQLiteRecord(sys.argv[1])
for number in range(100_000):
    data = str(number).encode()
    content = Content(materializer="json", type="builtins.int", digest=digest_of(data), size=len(data), payload=data)
    record.commit([VersionSaved(version=NewVersion(id=uuid4(), artifact="model", content=content))])
    os.write(1, b"%d\\n" % number)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_writer_loses_nothing_that_it_reported(record: SQLiteRecord, path: Path) -> None:
    """Whatever a process reported as committed is there after SIGKILL, and the record is sound."""
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    for _ in range(40):
        writer.stdout.readline()
    writer.kill()
    reported = 40 + len(writer.stdout.read().splitlines())
    writer.wait()
    writer.stdout.close()

    assert record.count(Query(noun="version")) >= reported
    assert [finding for finding in record.check() if not finding.harmless] == []


def test_checkpoints_keep_the_log_small(record: SQLiteRecord, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write-ahead log is emptied into the database every so many commits, so that it stops growing."""
    monkeypatch.setattr(connection, "CHECKPOINT_EVERY", 10)
    log = path.with_name(path.name + "-wal")
    sizes = []
    for number in range(100):
        record.commit([saved(str(number).encode())], durable=False)
        sizes.append(log.stat().st_size)

    assert sizes[-1] <= 3 * sizes[15]


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("update payload set data = x'00'", "payload-digest"),
        ("update payload set data = cast(x'ff00' as text)", "payload-digest"),
        ("delete from payload", "payload-missing"),
        ("delete from artifact", "version-without-artifact"),
        ("update artifact set gone = 1", "version-count"),
        ("update version set number = 7 where seq = 1", "version-order"),
        ("insert into lease(run, token, host, boot, pid, born) values (5, 1, '', '', 0, 0)", "lease-without-running"),
        ("insert into task(run, step, item, attempt, status) values (5, 0, 0, 0, 2)", "task-without-step"),
        (
            "insert into edge(run, step, item, way, pos, word, version) values (5, 0, 0, 0, 0, 1, 9)",
            "edge-without-version",
        ),
        ("insert into fact(kind, owner, key, step, num) values (0, 5, 1, -1, 1)", "fact-without-owner"),
        ("insert into fact(kind, owner, key, step, num) values (2, 1, 1, -1, 1)", "fact-outside-zone"),
        ("insert into zone(kind, key, level, block, lo, hi) values (2, 1, 0, 0, 1, 1)", "zone-outside-zone"),
        ("insert into metric(run, step, key, count) values (5, -1, 1, 0)", "metric-without-run"),
        ("insert into metric(run, step, key, count) values (5, -1, 1, 1)", "metric-count"),
        (
            "insert into point(run, step, item, attempt, key, part, count, value, at) "
            "values (5, -1, 0, 0, 1, 0, 1, zeroblob(8), zeroblob(8))",
            "point-without-metric",
        ),
        (
            "insert into point(run, step, item, attempt, key, part, count, value, at) "
            "values (5, -1, 0, 0, 1, 0, 2, zeroblob(16), zeroblob(8))",
            "point-columns",
        ),
        ("insert into alias(artifact, word, version, at) values (1, 1, 9, 0)", "alias-without-version"),
        ("update pipeline set runs = 2; insert into pipeline values (9, 'p', 1, 1, 1, 0, x'')", "run-count"),
        ("insert into payload values (x'00', x'01')", "payload-without-owner"),
    ],
)
def test_the_check_finds_planted_damage(record: SQLiteRecord, damage: str, rule: str) -> None:
    """Each broken invariant is found and named."""
    record.commit([saved(), saved()])
    with record._db.writing(durable=False) as cursor:
        cursor.execute("insert into word(id, text) values (1, 'word')")
    assert list(record.check()) == []
    with record._db.writing(durable=False) as cursor:
        for statement in damage.split(";"):
            cursor.execute(statement)

    assert rule in {finding.rule for finding in record.check()}


@pytest.mark.parametrize("name", ["tags", "metadata_history", "tasks_of_item", "edges_of_item", "items"])
def test_what_one_thing_bears_is_read_by_its_index(record: SQLiteRecord, name: str) -> None:
    """What belongs to one thing is found by that thing, whatever all others of its kind bear."""
    statement = READ[name]
    plan = [row[3] for row in record._db.rows("explain query plan " + statement, (1,) * statement.count("?"))]

    assert not [line for line in plan if line.startswith("SCAN") or line.endswith(("(kind=?)", "(run=?)"))], plan


@pytest.mark.parametrize(
    ("noun", "conditions"),
    [
        ("run", ()),
        ("run", (("pipeline", "eq", "p"),)),
        ("run", (("pipeline", "eq", "p"), ("status", "eq", "failed"))),
        ("run", (("status", "eq", "running"),)),
        ("run", (("tag", "eq", "t"),)),
        ("run", (("parameter:lr", "eq", 1),)),
        ("run", (("parameter:lr", "eq", "x"),)),
        ("run", (("parameter:lr", "le", 1),)),
        ("run", (("metadata:loss", "gt", 1),)),
        ("run", (("metadata:loss", "eq", 1),)),
        ("run", (("metadata:loss", "ge", "x"),)),
        ("run", (("metric.max:accuracy", "ge", 1),)),
        ("run", (("name", "eq", "x"),)),
        ("run", (("id", "eq", str(uuid4())),)),
        ("version", ()),
        ("version", (("artifact", "eq", "model"),)),
        ("version", (("artifact", "eq", "model"), ("version", "eq", "3"))),
        ("version", (("tag", "eq", "t"),)),
        ("version", (("alias", "eq", "production"),)),
        ("version", (("metadata:loss", "lt", 1),)),
        ("version", (("run", "eq", 1),)),
    ],
)
def test_listed_queries_walk_an_index(
    record: SQLiteRecord, noun: str, conditions: tuple[tuple[str, str, object], ...]
) -> None:
    """Neither a page nor its estimate scans a table from end to end or sorts it, except for what is known to be few."""
    query = Query(noun=noun, conditions=tuple(Condition(f, Operator(o), v) for f, o, v in conditions), limit=50)
    wanted = terms(query.conditions)
    candidates = drivers(noun, wanted)
    for driver in candidates or [None]:
        statement = compiled(query, wanted, driver, READ[noun + "_columns"], READ[noun + "_tables"])
        plan = [row[3] for row in record._db.rows("explain query plan " + statement.sql, statement.values)]
        if driver is None:
            assert plan[0].startswith("SCAN t")  # by rowid, which is the order asked for, up to the limit
            plan = plan[1:]
        # "o" is the one version with a given label or number; aliases are few.
        few = ("SCAN o", "SCAN g USING COVERING INDEX alias_version")
        assert not [line for line in plan if line.startswith("SCAN") and line not in few], plan
        if driver is None or not driver.sort:
            unique = any(field in ("name", "id", "version") for field, _, _ in conditions)
            assert unique or not [line for line in plan if "TEMP B-TREE" in line], plan
        if driver is not None:
            piece = estimating(noun, driver, 101)
            plan = [row[3] for row in record._db.rows("explain query plan " + piece.sql, piece.values)]
            assert not [
                line for line in plan if line.startswith("SCAN") and line not in few and "subquery" not in line.lower()
            ], plan


def test_statements_are_named_and_not_repeated(tmp_path: Path) -> None:
    """A statement file gives each name its text without comments; a repeated name is an error."""
    file = tmp_path / "some.sql"
    file.write_text("-- About.\n-- name: one\nselect 1\n  -- why\n  from x\n-- name: two\nselect 2;\n")

    assert load_statements(file) == {"one": "select 1 from x", "two": "select 2"}

    file.write_text("-- name: one\nselect 1\n-- name: one\nselect 2\n")
    with pytest.raises(ValueError, match="one"):
        load_statements(file)


def test_the_design_page_lists_every_table_and_invariant() -> None:
    """`docs/design/schema.md` names each table, each rule of the check, and the number of the schema."""
    page = Path(__file__).parents[3].joinpath("docs", "design", "schema.md").read_text("utf-8")
    database = sqlite3.connect(":memory:")
    database.executescript(Path(migrate.__file__).with_name("schema.sql").read_text("utf-8"))
    tables = [
        row[0] for row in database.execute("select name from sqlite_master where type = 'table' and sql not null")
    ]
    rules = [name.replace("_", "-") for name in INVARIANTS]

    assert [name for name in [*tables, *rules] if f"`{name}`" not in page and name != "sqlite_sequence"] == []
    assert f"Schema number {migrate.VERSION}." in page


@pytest.mark.parametrize("noun", ["run", "version"])
@pytest.mark.parametrize("column", ["num", "text"])
@pytest.mark.parametrize("descending", [True, False])
def test_an_order_by_key_walks_its_index(record: SQLiteRecord, noun: str, column: str, descending: bool) -> None:
    """A page sorted by values under a key neither scans a table nor sorts, from the beginning and further on."""
    query = Query(noun=noun, order="metadata:loss", descending=descending)
    for after in (None, (1, 1)):
        columns, tables = READ[noun + "_columns"], READ[noun + "_tables"]
        statement = valued_page(query, [], None, column, after, columns, tables)
        plan = [row[3] for row in record._db.rows("explain query plan " + statement.sql, statement.values)]

        assert plan[0].startswith(f"SEARCH s USING COVERING INDEX fact_{column}") or plan[0].startswith(
            f"SEARCH s USING INDEX fact_{column}"
        ), plan
        assert not [line for line in plan if line.startswith("SCAN") or "TEMP B-TREE" in line], plan


@pytest.mark.parametrize("operator", ["lt", "ge"])
def test_times_bound_the_walk_of_another_index(record: SQLiteRecord, operator: str) -> None:
    """Runs of a time that also meet something common are found without a look at those of other times."""
    runs = 1_200
    with record.batch():
        for number in range(runs):
            record.begin_run(new_run(created=at(number), tags=("t",), facts=(("lr", 1),)))
    moment = at(20 if operator == "lt" else runs - 20)
    handle = record._db._handle
    assert handle is not None
    for common in (("pipeline", "training"), ("tag", "t"), ("parameter:lr", 1)):
        conditions = (Condition(common[0], Operator.EQ, common[1]), Condition("created", Operator(operator), moment))
        looked: list[int] = []
        handle.set_progress_handler(lambda looked=looked: looked.append(0), 10)

        found = record.select(Query(noun="run", conditions=conditions, descending=operator == "lt")).items

        assert len(found) == 20 and len(looked) * 10 < 4 * runs, common
    handle.set_progress_handler(None, 10)
