"""Outline: what a value is made of, as JSON that fits a screen or two; arrays and frames by class, shape and dtype."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

_DEPTH = 6
_MEMBERS = 50
_CHARACTERS = 200
_ENTRIES = 2_000
_BEGINNING = 10_000
_ROW = 16


def outline(value: Any) -> bytes:
    """Return JSON of a value's structure: at most 50 members of each container, six levels, 2,000 entries in all.

    Objects are told by class and attributes; nothing of theirs is called but to ask for ``shape`` and ``dtype``.
    """
    return json.dumps(_Outline().of(value, 0), ensure_ascii=False, indent=1).encode("utf-8", "replace")


def text_beginning(text: str) -> bytes:
    """Return the first 10,000 characters as a block of code in Markdown."""
    shown = text[:_BEGINNING]
    fence = "`" * max(3, 1 + max((len(run) for run in _runs_of_ticks(shown)), default=0))
    more = "" if len(text) <= _BEGINNING else f"\n\n… {len(text) - _BEGINNING:,} more characters"
    return f"{fence}\n{shown}\n{fence}{more}\n".encode("utf-8", "replace")


def bytes_beginning(data: memoryview) -> bytes:
    """Return the first 1,024 bytes in rows of 16, hexadecimal and as ASCII, as a block of code in Markdown."""
    shown = bytes(data[:1024])
    rows = []
    for start in range(0, len(shown), _ROW):
        row = shown[start : start + _ROW]
        signs = "".join(chr(byte) if 32 <= byte < 127 and byte != 96 else "." for byte in row)
        rows.append(f"{start:08x}  {row.hex(' '):<{3 * _ROW - 1}}  {signs}")
    more = "" if len(data) <= len(shown) else f"\n\n… {len(data) - len(shown):,} more bytes"
    return ("```\n" + "\n".join(rows) + f"\n```{more}\n").encode()


def _runs_of_ticks(text: str) -> list[str]:
    return [run for run in "".join(char if char == "`" else " " for char in text).split() if run]


class _Outline:
    def __init__(self) -> None:
        self._left = _ENTRIES

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        kind = type(value)
        if value is None or kind in (bool, int, float):
            return value if kind is not int or abs(value) < 1 << 63 else _named(value)
        if kind is str:
            return value if len(value) <= _CHARACTERS else f"{value[:_CHARACTERS]}… ({len(value):,} characters)"
        if isinstance(value, dict):
            return self._members(value.items(), len(value), depth, _named(value))
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._items(value, depth)
        shape = _shape(value)
        if shape is not None:
            return shape
        state = getattr(value, "__dict__", None)
        if isinstance(state, dict) and state and not isinstance(value, type) and not callable(value):
            return {"": _named(value), **self._members(state.items(), len(state), depth, _named(value))}
        return _named(value)

    def _members(self, items: Any, length: int, depth: int, what: str) -> Any:
        if depth >= _DEPTH or self._left <= 0:
            return f"{what} of {length:,}"
        found: dict[str, Any] = {}
        for place, (key, member) in enumerate(items):
            if place == _MEMBERS or self._left <= 0:
                found["…"] = f"{length - place:,} more"
                break
            found[key if type(key) is str else _key(key)] = self.of(member, depth + 1)
        return found

    def _items(self, value: Any, depth: int) -> Any:
        if depth >= _DEPTH or self._left <= 0:
            return f"{_named(value)} of {len(value):,}"
        found: list[Any] = []
        for place, member in enumerate(value):
            if place == _MEMBERS or self._left <= 0:
                found.append(f"… {len(value) - place:,} more")
                break
            found.append(self.of(member, depth + 1))
        return found


def _key(key: Any) -> str:
    return str(key) if type(key) in (int, float, bool) or key is None else _named(key)


def _shape(value: Any) -> str | None:
    with suppress(Exception):  # somebody else's attributes
        shape, dtype = value.shape, getattr(value, "dtype", None)
        if isinstance(shape, tuple):
            return f"{_named(value)} {tuple(map(int, shape))}" + ("" if dtype is None else f" {dtype}")
    return None


def _named(value: Any) -> str:
    kind = value if isinstance(value, type) else type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
