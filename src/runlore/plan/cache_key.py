"""Cache key: the identity of one call of a step. `docs/design/cache-key.md` specifies it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from json.encoder import encode_basestring_ascii as quote

#: Part of every key. Raised whenever the same call would get another key, so that old results are never mistaken.
SCHEME = "runlore cache key 1"
#: Notes of a step that had a key and was not served; every other note says why it could not have been.
NO_RESULT = "no earlier result with this key"
DAMAGED = "the earlier result is damaged or gone"


def cache_key(
    *,
    fingerprint: bytes,
    parameters: Mapping[str, str],
    inputs: Mapping[str, str],
    outputs: Sequence[tuple[str, str]],
    ordinal: int = 0,
    extras: Mapping[str, str] | None = None,
) -> bytes:
    """Return the 32 bytes under which the result of this call is remembered.

    ``parameters`` are typed JSON by name, ``inputs`` identities by name, ``outputs`` names with the materializer (or
    ``""``), ``ordinal`` counts identical calls of the same run from 0, ``extras`` are what the user declared.
    """
    # JSON, written directly: a general encoder takes ten times as long, for every step of every run
    image = (
        f'["{SCHEME}",["fingerprint","{fingerprint.hex()}"],["parameters",{_pairs(sorted(parameters.items()))}],'
        f'["inputs",{_pairs(sorted(inputs.items()))}],["outputs",{_pairs(outputs)}],["ordinal",{ordinal}],'
        f'["extras",{_pairs(sorted(extras.items())) if extras else "[]"}]]'
    )
    return sha256(image.encode()).digest()


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return f"[{','.join([f'[{quote(name)},{quote(text)}]' for name, text in pairs])}]"
