"""Check: the invariants of ``docs/design/schema.md``, as statements that find what breaks them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runlore.model.digest import digest_of
from runlore.record.port import Finding
from runlore.record.sql.connection import Connection
from runlore.record.sql.statements import load_statements
from runlore.record.sql.text import unpack_digest

#: Invariant → statement whose rows are (subject, message).
INVARIANTS = load_statements(Path(__file__).with_name("check.sql"))
#: Breaking one of these costs only space.
HARMLESS = frozenset({"payload_without_owner", "picture_without_version"})
_BATCH = 500


def findings(connection: Connection) -> Iterator[Finding]:
    """Everything that is wrong with a record: the file itself, the invariants, the bytes of every payload."""
    for (message,) in connection.rows("pragma integrity_check"):
        if message != "ok":
            yield Finding(rule="file", subject=str(connection.path), message=message)
    for name, statement in INVARIANTS.items():
        for subject, message in connection.rows(statement):
            yield Finding(rule=name.replace("_", "-"), subject=str(subject), message=message, harmless=name in HARMLESS)
    yield from _damaged_payloads(connection)


def _damaged_payloads(connection: Connection) -> Iterator[Finding]:
    last: bytes | str = b""
    # one flipped bit makes text of bytes, which would be refused before it could be compared
    statement = "select digest, cast(data as blob) from payload where digest > ? order by digest limit ?"
    while batch := connection.rows(statement, (last, _BATCH)):
        for stored, data in batch:
            digest = unpack_digest(stored)
            if digest_of(data) != digest:
                yield Finding(
                    rule="payload-digest",
                    subject=digest,
                    message=f"The payload's bytes are not those recorded; their digest is {digest_of(data)}.",
                )
        last = batch[-1][0]
