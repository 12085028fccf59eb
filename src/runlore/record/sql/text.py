"""How single values are kept in columns: times, digests, ids, and text that UTF-8 cannot hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PREFIX = "sha256:"
_DAY = 86_400_000_000


def to_micros(at: datetime | None) -> int | None:
    """Microseconds since the epoch."""
    return None if at is None else micros(at)


def micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware time."""
    delta = at - _EPOCH
    return delta.days * _DAY + delta.seconds * 1_000_000 + delta.microseconds


def moment(micros: int) -> datetime:
    """The time that `micros` made a number of."""
    return _EPOCH + timedelta(microseconds=micros)


def to_moment(micros: int | None) -> datetime | None:
    """As `moment`; ``None`` stays."""
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def pack(text: str) -> str | bytes:
    """Return what a column can hold: the text itself, or bytes when it has lone surrogates."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def unpack(value: str | bytes) -> str:
    """Undo `pack`."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def pack_digest(digest: str) -> bytes | str:
    """Keep a SHA-256 as 32 bytes; any other algorithm as its text."""
    return bytes.fromhex(digest[7:]) if digest.startswith(_PREFIX) and len(digest) == 71 else digest


def unpack_digest(value: bytes | str) -> str:
    """Undo `pack_digest`."""
    return _PREFIX + value.hex() if isinstance(value, bytes) else value


def to_digest(digest: str | None) -> bytes | str | None:
    """As `pack_digest`; ``None`` stays."""
    return None if digest is None else pack_digest(digest)


def from_digest(value: bytes | str | None) -> str | None:
    """As `unpack_digest`; ``None`` stays."""
    return None if value is None else unpack_digest(value)


def to_uid(id: UUID | None) -> bytes | None:
    """The sixteen bytes of an id."""
    return None if id is None else id.bytes


def from_uid(value: bytes | None) -> UUID | None:
    """Undo `to_uid`."""
    return None if value is None else UUID(bytes=value)
