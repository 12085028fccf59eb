"""Fingerprint: a digest over all code and constants that can change what a step returns.

`docs/design/cache-key.md` says what counts and what does not. A fingerprint is kept in memory with a watch list of all
that it saw, so that asking again costs microseconds, and a redefined helper or a changed constant is still noticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from runlore.plan.fingerprint_values import carried_code
from runlore.plan.fingerprint_walk import Found, Uncacheable, Walk, walk
from runlore.plan.fingerprint_watch import Watch

#: Part of every digest: raised when the same code would get another fingerprint than before.
SCHEME = "runlore fingerprint 1"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a fingerprint covers."""

    #: ``module.qualname`` of a function or class, dotted name of a constant, name of an installed package.
    name: str
    #: ``function``, ``class``, ``constant`` or ``package``.
    kind: str
    #: Hex digits of a SHA-256 over what follows.
    digest: str
    #: Normalised source, instructions, value, or version. Long values are cut; the digest covers all of them.
    text: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a function is, for the cache."""

    #: 32 bytes, or ``None`` if the function's results must not be served from the cache.
    digest: bytes | None
    #: Why ``digest`` is ``None``.
    reason: str | None
    parts: tuple[Part, ...]


_MEMO: dict[tuple[int, tuple[tuple[str, str], ...]], tuple[object, Watch, Fingerprint]] = {}
_MEMO_LIMIT = 1024
#: Characters of a constant that are kept for people.
_SHOWN = 4000


def fingerprint(function: Any, *, extras: Mapping[str, str] | None = None) -> Fingerprint:
    """Digest everything of the project that ``function`` (or a step) reaches.

    ``extras`` go into the digest as they are. Never raises for what it finds: what has no identity makes the result
    uncacheable, with the reason.
    """
    declared = tuple(sorted((extras or {}).items()))
    memo = _MEMO.get((id(function), declared))
    if memo is not None and memo[0] is function and memo[1].unchanged():
        return memo[2]
    watch, found = _fingerprint(function, declared)
    if len(_MEMO) >= _MEMO_LIMIT:
        _MEMO.clear()
    if watch is None:
        _MEMO.pop((id(function), declared), None)
    else:
        _MEMO[(id(function), declared)] = (function, watch, found)
    return found


def class_fingerprint(cls: type) -> Fingerprint:
    """Digest the code of a class, for project classes of inputs and parameters. Installed ones count by version."""
    return fingerprint(cls)


def value_fingerprint(value: Any) -> Fingerprint | None:
    """Digest the project's code that a value carries: classes of instances, classes and functions in it.

    ``None`` if there is none, as in numbers, texts, arrays and containers of these.
    """
    found = carried_code(value)
    if not found:
        return None
    if len(found) == 1:
        return fingerprint(found[0])
    return _fingerprint(tuple(found), ())[1]


def _fingerprint(subject: object, declared: tuple[tuple[str, str], ...]) -> tuple[Watch | None, Fingerprint]:
    try:
        walked, token = walk(subject)
    except Uncacheable as reason:
        return None, Fingerprint(None, str(reason), ())
    except RecursionError:
        return None, Fingerprint(None, "a constant that it reaches is nested too deeply", ())
    except Exception as error:  # attributes and __reduce__ of the user's objects may raise anything
        return None, Fingerprint(None, f"looking into what it reaches raised {type(error).__name__}: {error}", ())
    image = json.dumps([SCHEME, token, walked.nodes, declared], ensure_ascii=True, separators=(",", ":"))
    found = Fingerprint(sha256(image.encode()).digest(), None, _parts(walked))
    return (None if walked.watch.volatile else walked.watch), found


def _parts(walked: Walk) -> tuple[Part, ...]:
    parts = [_part(found, walked.labels) for found in walked.found]
    packages = [Found(name, "package", version) for name, version in walked.packages.items()]
    return tuple(parts + [_part(found, ()) for found in sorted(packages, key=lambda found: found.name)])


def _part(found: Found, labels: Any) -> Part:
    text = found.text if isinstance(found.text, str) else _shown(found.text, labels)
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if found.kind == "constant" and len(text) > _SHOWN:
        text = f"{text[:_SHOWN]}… ({len(text)} characters)"
    return Part(found.name, found.kind, digest, text)


def _shown(token: Any, labels: Any) -> str:
    """A value for people: plain constants as Python writes them, everything else by its structure."""
    if not isinstance(token, list) or not token:
        return str(token)
    kind, *rest = token
    if kind == "node":
        return str(labels[rest[0]])
    if kind == "float":
        return repr(float.fromhex(rest[0]))
    if kind in ("int", "bool", "str", "bytes", "complex", "constant", "range", "slice"):
        return str(rest[0])
    if kind in ("list", "tuple", "set", "frozenset"):
        inner = ", ".join(_shown(item, labels) for item in rest[0])
        return {"list": f"[{inner}]", "tuple": f"({inner})"}.get(str(kind), f"{kind}({inner})")
    if kind in ("dict", "mappingproxy"):
        return "{" + ", ".join(f"{_shown(key, labels)}: {_shown(item, labels)}" for key, item in rest[0]) + "}"
    return f"{_shown(kind, labels)}({', '.join(_shown(item, labels) for item in rest)})"
