"""Fields: members of an exported manifest, each checked as it is read, since it may come from anyone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from runlore.errors import ExportInvalid, NameInvalid, RunloreError
from runlore.model.digest import is_digest
from runlore.model.status import Status
from runlore.values.codec import decode_notes

#: Greatest number of anything in an export: positions, attempts, versions of a pipeline.
MOST = 2**31 - 1
#: Greatest number of bytes.
MOST_BYTES = 2**53


class Fields:
    """An object of the manifest. ``where`` names it in errors: ``steps[2].tasks[0]``.

    Each method reads one member and raises `ExportInvalid` if it is not what the method is called after, or is missing
    and has no default.
    """

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, dict):
            raise _wrong(where, "an object", data)
        self._data = data
        self.where = where

    def has(self, name: str) -> bool:
        """Whether the member is there and not null."""
        return self._data.get(name) is not None

    def text(self, name: str, *, check: Callable[[Any], str] | None = None) -> str:
        """A text, which ``check`` may refuse by `NameInvalid`."""
        value = self._data.get(name)
        if not isinstance(value, str):
            raise self.wrong(name, "a text")
        if check is not None:
            try:
                return check(value)
            except NameInvalid as error:
                raise ExportInvalid(f"{self.where}.{name}: {error}") from error
        return value

    def text_or_none(self, name: str) -> str | None:
        return self.text(name) if self.has(name) else None

    def whole(self, name: str, *, least: int = 0, most: int = MOST, default: int | None = None) -> int:
        """An integer from ``least`` to ``most``."""
        value = self._data.get(name)
        if value is None and default is not None:
            return default
        if type(value) is not int or not least <= value <= most:
            raise self.wrong(name, f"an integer from {least} to {most}")
        return value

    def whole_or_none(self, name: str, *, most: int = MOST) -> int | None:
        return self.whole(name, most=most) if self.has(name) else None

    def number_or_none(self, name: str) -> float | None:
        """A finite number that is not negative."""
        value = self._data.get(name)
        if value is None:
            return None
        if type(value) not in (int, float) or not 0 <= value < 2**63 or not math.isfinite(value):
            raise self.wrong(name, "a number of seconds")
        return float(value)

    def time(self, name: str) -> datetime:
        """A time with a zone."""
        return time_of(self._data.get(name), f"{self.where}.{name}")

    def time_or_none(self, name: str) -> datetime | None:
        return self.time(name) if self.has(name) else None

    def id(self, name: str) -> UUID:
        """A UUID."""
        value = self._data.get(name)
        try:
            if isinstance(value, str):
                return UUID(value)
        except ValueError:
            pass
        raise self.wrong(name, "an id (UUID)")

    def id_or_none(self, name: str) -> UUID | None:
        return self.id(name) if self.has(name) else None

    def digest(self, name: str) -> str:
        """A digest."""
        value = self._data.get(name)
        if not isinstance(value, str) or not is_digest(value):
            raise self.wrong(name, "a digest (sha256: and 64 hexadecimal digits)")
        return value

    def digest_or_none(self, name: str) -> str | None:
        return self.digest(name) if self.has(name) else None

    def status(self, name: str) -> Status:
        """A final status."""
        value = self._data.get(name)
        ends = [status for status in Status if status.finished]
        if value not in ends:
            raise self.wrong(name, f"one of {', '.join(ends)}")
        return Status(value)

    def one_of(self, name: str, *choices: str) -> str:
        """One of a few words."""
        value = self._data.get(name)
        if value not in choices:
            raise self.wrong(name, f"one of {', '.join(choices)}")
        return str(value)

    def json(self, name: str, default: str = "{}") -> str:
        """The text of a JSON value."""
        return json_of(self._data.get(name, default), f"{self.where}.{name}")

    def typed(self, name: str, kind: type = dict) -> str:
        """The text of a typed JSON value of a kind; an empty one if it is missing."""
        text = self.json(name)
        if not isinstance(decoded(text, f"{self.where}.{name}"), kind):
            raise self.wrong(name, f"typed JSON of a {kind.__name__}")
        return text

    def typed_or_none(self, name: str) -> str | None:
        return self.typed(name, object) if self.has(name) else None

    def flag(self, name: str) -> bool:
        """True or false; false if it is missing."""
        value = self._data.get(name, False)
        if type(value) is not bool:
            raise self.wrong(name, "true or false")
        return value

    def items(self, name: str) -> Iterator[tuple[str, Any]]:
        """Places and members of a list; none if it is missing."""
        value = self._data.get(name)
        if value is None:
            return
        if not isinstance(value, list):
            raise self.wrong(name, "a list")
        for position, one in enumerate(value):
            yield f"{self.where}.{name}[{position}]", one

    def each(self, name: str) -> Iterator[Fields]:
        """Members of a list of objects."""
        return (Fields(one, where) for where, one in self.items(name))

    def texts(self, name: str, check: Callable[[Any], str]) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(Fields({"it": one}, where).text("it", check=check) for where, one in self.items(name))

    def within(self, name: str) -> Fields:
        """An object."""
        return Fields(self._data.get(name), f"{self.where}.{name}")

    def within_or_none(self, name: str) -> Fields | None:
        return self.within(name) if self.has(name) else None

    def wrong(self, name: str, expected: str) -> ExportInvalid:
        """The error for a member."""
        return _wrong(f"{self.where}.{name}", expected, self._data.get(name))


def time_of(value: object, where: str) -> datetime:
    """A time in ISO 8601 with a zone, that every store can keep."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            if found.tzinfo is not None and 1000 <= found.year <= 9000:
                return found
    except (ValueError, OverflowError):
        pass
    raise _wrong(where, "a time in ISO 8601 with a zone", value)


def decoded(text: str, where: str) -> Any:
    """What typed JSON says, without importing what it names."""
    try:
        return decode_notes(text)
    except (RunloreError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise _wrong(where, "typed JSON", text) from error


def json_of(value: object, where: str) -> str:
    """The text of a JSON value."""
    try:
        if isinstance(value, str):
            json.loads(value)
            return value
    except (ValueError, RecursionError):
        pass
    raise _wrong(where, "the text of a JSON value", value)


def _wrong(where: str, expected: str, value: object) -> ExportInvalid:
    given = "nothing" if value is None else repr(value)
    given = given if len(given) <= 80 else given[:77] + "…"
    return ExportInvalid(f"{where} should be {expected}; there is {given}. Nothing was imported.")
