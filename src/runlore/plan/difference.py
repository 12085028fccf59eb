"""Difference: what changed between two calls of a step, and so why the second was not served from the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from runlore.plan.fingerprint import Fingerprint, Part
from runlore.values.typenames import annotation_name


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """Everything that a cache key was made of, kept readable."""

    parts: tuple[Part, ...] = ()
    #: Name → typed JSON.
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: Name → identity.
    inputs: Mapping[str, str] = field(default_factory=dict)
    #: Output name → materializer, or ``""``.
    outputs: Mapping[str, str] = field(default_factory=dict)
    #: What was looked up by name, such as ``artifact 'model'`` → ``version 3``, or ``nothing``.
    looked_up: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was."""

    #: ``code``, ``parameter``, ``input``, ``look-up``, ``output``, ``extra`` or ``version`` (of an installed package).
    kind: str
    name: str
    #: ``None``: it was not there.
    old: str | None
    #: ``None``: it is no longer there.
    new: str | None
    #: Unified diff, for code.
    diff: str = ""
    #: Of code: ``function``, ``class`` or ``constant``.
    part: str = ""


def differences(old: StepFacts, new: StepFacts) -> tuple[Difference, ...]:
    """What changed from ``old`` to ``new``: code, parameters, inputs, look-ups, outputs, extras, versions."""
    return (
        *_parts(old.parts, new.parts, versions=False),
        *_values("parameter", old.parameters, new.parameters),
        *_values("input", old.inputs, new.inputs),
        *_values("look-up", old.looked_up, new.looked_up),
        *_values("output", old.outputs, new.outputs),
        *_values("extra", old.extras, new.extras),
        *_parts(old.parts, new.parts, versions=True),
    )


def definition_body(step: Any, fingerprint: Fingerprint) -> tuple[str, bytes]:
    """Canonical JSON of what a step is, and its digest. The record keeps it once per content.

    ``step`` is a step or a function; `parts_of` reads the fingerprint's parts back.
    """
    function, signature = getattr(step, "function", step), getattr(step, "signature", None)
    body = {
        "format": 1,
        "name": str(getattr(step, "name", getattr(function, "__name__", "step"))),
        "function": f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}",
        "fingerprint": fingerprint.digest.hex() if fingerprint.digest is not None else None,
        "uncacheable": fingerprint.reason,
        "outputs": [annotation_name(output.annotation) for output in getattr(signature, "outputs", ())],
        "parts": [[part.name, part.kind, part.digest, part.text] for part in fingerprint.parts],
    }
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return text, sha256(text.encode()).digest()


def parts_of(body: str) -> tuple[Part, ...]:
    """Parts of the fingerprint that a recorded definition carries."""
    return tuple(Part(*part) for part in json.loads(body).get("parts", []))


def _values(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if before != after:
            yield Difference(kind=kind, name=name, old=before, new=after)


def _parts(old: tuple[Part, ...], new: tuple[Part, ...], *, versions: bool) -> Iterator[Difference]:
    before = {(part.kind, part.name): part for part in old if (part.kind == "package") == versions}
    after = {(part.kind, part.name): part for part in new if (part.kind == "package") == versions}
    # the same code under the same name elsewhere: a file that ran as a script and is imported now is no change
    moved = {_anywhere(before[key]) for key in before.keys() - after} & {
        _anywhere(after[key]) for key in after.keys() - before
    }
    for key in {**after, **before}:
        was, now = before.get(key), after.get(key)
        if (was is None or now is None) and _anywhere(was or now) in moved:
            continue
        if was is not None and now is not None and was.digest == now.digest:
            continue
        texts = was.text if was else None, now.text if now else None
        diff = "" if versions else _diff(key[1], *texts)
        kind, part = ("version", "") if versions else ("code", key[0])
        yield Difference(kind=kind, name=key[1], old=texts[0], new=texts[1], diff=diff, part=part)


def _anywhere(part: Part | None) -> tuple[Any, ...]:
    return () if part is None else (part.kind, part.name.rpartition(".")[2], part.digest)


def _diff(name: str, old: str | None, new: str | None) -> str:
    import difflib

    lines = difflib.unified_diff(
        (old or "").splitlines(), (new or "").splitlines(), f"{name} (before)", f"{name} (now)", lineterm=""
    )
    return "\n".join(lines)
