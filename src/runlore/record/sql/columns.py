"""Columns: which expression over a noun's tables (`read.sql`) a field is, as an allow-list."""

from __future__ import annotations

from runlore.record.sql.rows import SAVE_TYPES

_SAVE_TYPE = "case t.save_type " + " ".join(f"when {i} then '{s}'" for i, s in enumerate(SAVE_TYPES)) + " end"
#: Field → expression, for every field of which there is one value.
COLUMNS: dict[str, dict[str, str]] = {
    "pipeline": {"name": "t.name", "id": "t.id", "created": "t.created"},
    "run": {
        "id": "t.uid",
        "seq": "t.seq",
        "name": "t.name",
        "number": "t.number",
        "pipeline": "p.name",
        "pipeline_version": "t.pipeline_version",
        "status": "t.status",
        "created": "t.created",
        "ended": "t.ended",
        "duration": "t.duration",
        "user": "t.user",
        "host": "t.host",
        "git_commit": "t.git_commit",
        "origin": "t.origin",
    },
    "artifact": {"name": "t.name", "id": "t.id", "created": "t.created"},
    "version": {
        "id": "t.uid",
        "seq": "t.seq",
        "artifact": "a.name",
        "version": "coalesce(t.label, cast(t.number as text))",
        "created": "t.created",
        "save_type": _SAVE_TYPE,
        "type": "k.type",
        "materializer": "k.materializer",
        "artifact_type": "k.artifact_type",
        "digest": "t.digest",
        "size": "t.size",
        "run": "t.run",
        "deleted": "t.deleted",
    },
}
#: The column that is the order of creation.
SEQUENCE = {"pipeline": "t.id", "run": "t.seq", "artifact": "t.id", "version": "t.seq"}
#: Fields that a noun may have no value in.
OPTIONAL = frozenset(
    {
        ("run", "ended"),
        ("run", "duration"),
        ("run", "user"),
        ("run", "host"),
        ("run", "git_commit"),
        ("run", "origin"),
        ("version", "run"),
    }
)
