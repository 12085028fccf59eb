"""Pieces of typed text: the common shape, sequences and members, and how a refusal finds its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: The key that makes a JSON object a typed value instead of a dict.
TAG = "~"

#: Writes one value found at the given depth; raises `Refused`.
Encode = Callable[[Any, int], str]

#: What a refusal says when there is nothing more precise to say.
WAY_OUT = "cannot be carried exactly by the typed codec"

quote = json.encoder.encode_basestring


class Refused(Exception):
    """Why a value has no text, and where in the whole value it sits. Becomes `ValueUnstorable` at the rim."""

    def __init__(self, value: Any, reason: str) -> None:
        super().__init__(reason)
        self.value = value
        self.reason = reason
        self.path: list[str] = []
        self.holders: list[int] = []

    def inside(self, step: str, holder: Any) -> Refused:
        """Note, on the way out, that the value sits in ``holder`` at ``step``."""
        self.path.append(step)
        self.holders.append(id(holder))
        return self


def shown(value: Any) -> str:
    """The value's ``repr`` for a message, cut to 80 characters; its type where it has none."""
    try:
        text = repr(value)
    except Exception:  # somebody else's __repr__
        text = f"<a {type(value).__qualname__}>"
    return text if len(text) <= 80 else text[:79] + "…"


def tagged(tag: str, payload: str) -> str:
    """Write the common shape of a typed value."""
    return f'{{"{TAG}":"{tag}","v":{payload}}}'


def write_items(items: Iterable[Any], depth: int, holder: Any, write: Encode) -> list[str]:
    """Write the members of a sequence that sits at ``depth``."""
    texts: list[str] = []
    position = 0
    try:
        for position, item in enumerate(items):  # noqa: B007 (named in the error)
            texts.append(write(item, depth + 1))
    except Refused as problem:
        raise problem.inside(f"[{position}]", holder) from problem.__cause__
    return texts


def write_members(members: Iterable[tuple[str, Any]], depth: int, holder: Any, write: Encode) -> str:
    """Write named members of ``holder`` as a JSON object; names must be proper text other than the tag."""
    texts: list[str] = []
    name = ""
    try:
        for name, member in members:
            texts.append(f"{quote(name)}:{write(member, depth + 1)}")
    except Refused as problem:
        raise problem.inside(f".{name}", holder) from problem.__cause__
    return "{" + ",".join(texts) + "}"


def write_pairs(value: Mapping[Any, Any], depth: int, write: Encode) -> str:
    """Write a mapping that sits at ``depth`` as a JSON array of pairs, in its order."""
    texts = []
    step = ""
    key: Any = None
    try:
        for key, member in value.items():
            step = " key "
            key_text = write(key, depth + 1)
            step = ""
            texts.append(f"[{key_text},{write(member, depth + 1)}]")
    except Refused as problem:
        raise problem.inside(f"{step}{shown(key)}" if step else f"[{shown(key)}]", value) from problem.__cause__
    return "[" + ",".join(texts) + "]"
