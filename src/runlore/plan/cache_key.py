"""Cache key: the identity of one call of a step. `docs/design/cache-key.md` specifies it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

#: Part of every key. Raised whenever the same call would get another key, so that old results are never mistaken.
SCHEME = "runlore cache key 1"


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
    image = [
        SCHEME,
        ["fingerprint", fingerprint.hex()],
        ["parameters", sorted(parameters.items())],
        ["inputs", sorted(inputs.items())],
        ["outputs", [list(output) for output in outputs]],
        ["ordinal", ordinal],
        ["extras", sorted((extras or {}).items())],
    ]
    return sha256(json.dumps(image, ensure_ascii=True, separators=(",", ":")).encode()).digest()
