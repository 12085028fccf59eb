"""Schema: making a new record, and bringing an older one up to date."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from runlore.errors import StoreForeign, StoreReadOnly, StoreTooNew
from runlore.record.sql.connection import Connection
from runlore.record.sql.text import micros

#: Marks the file as ours: "rlor".
APPLICATION = 0x726C6F72
_HERE = Path(__file__).parent
#: Numbered, each taking the schema from the number before; the fresh schema is their sum.
MIGRATIONS = tuple(sorted(_HERE.joinpath("migrations").glob("[0-9]*.sql")))
VERSION = int(MIGRATIONS[-1].stem)


def split_script(script: str) -> list[str]:
    """The statements of a script, which `executescript` would run outside the transaction."""
    statements: list[str] = []
    rest = ""
    for line in script.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            statements.append(rest)
            rest = ""
    return statements


def prepare(connection: Connection, at: datetime) -> None:
    """Make the schema in an empty file, or check and upgrade the one that is there.

    Raises `StoreForeign` for a file of another program, `StoreTooNew` for a record of a newer runlore.
    """
    version = _version(connection)
    if version == VERSION:
        return
    if connection.read_only:
        if version == 0:
            raise StoreForeign(f"{connection.path} is empty, not a runlore record.")
        raise StoreReadOnly(
            f"{connection.path} has schema {version} and must be upgraded to {VERSION}; open it for writing once."
        )
    _set_up_file(connection)
    with connection.writing(durable=True) as cursor:
        version = _version(connection)  # another process may have been faster
        if version == 0:
            for statement in split_script(_HERE.joinpath("schema.sql").read_text("utf-8")):
                cursor.execute(statement)
            cursor.execute("insert into store(id, uid, created) values (1, ?, ?)", (str(uuid4()), micros(at)))
            cursor.execute(f"pragma application_id = {APPLICATION}")
        else:
            for migration in MIGRATIONS[version:VERSION]:
                for statement in split_script(migration.read_text("utf-8")):
                    cursor.execute(statement)
        cursor.execute(f"pragma user_version = {VERSION}")


def _version(connection: Connection) -> int:
    """The schema's number; 0 for an empty file."""
    application = connection.row("pragma application_id")[0]
    version = int(connection.row("pragma user_version")[0])
    if application != APPLICATION:
        if application or version or connection.row("select 1 from sqlite_master limit 1"):
            raise StoreForeign(
                f"{connection.path} is a database of another program, not a runlore record. "
                "Move it away, or set RUNLORE_HOME to another folder."
            )
        return 0
    if version > VERSION:
        raise StoreTooNew(
            f"{connection.path} was written by a newer runlore (schema {version}; this one knows {VERSION}). "
            "Upgrade runlore to open it."
        )
    return version


def _set_up_file(connection: Connection) -> None:
    # These hold for the file, are chosen before its first table, and cannot change inside a transaction.
    connection.rows("pragma page_size = 4096")
    connection.rows("pragma auto_vacuum = incremental")
    connection.rows("pragma journal_mode = wal")
