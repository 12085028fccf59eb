"""Points: stretches of series as columns of numbers, packed as `docs/design/schema.md` ("Metrics") says."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from runlore.model.metric import Points

_SWAPPED = sys.byteorder == "big"


def pack_points(points: Points) -> tuple[int, bytes, bytes, bytes | str | None]:
    """Count, values, times and progress."""
    return len(points.values), _packed("d", points.values), _packed("q", points.times), _progress(points.progress)


def unpack_points(rows: Iterable[tuple[bytes, bytes | str | None, bytes, int]]) -> Points:
    """The points of rows of values, progress, times and count, in their order."""
    values, times = array("d"), array("q")
    progress: list[int | None] = []
    for value, said, at, count in rows:
        values.extend(_unpacked("d", value))
        times.extend(_unpacked("q", at))
        if said is None:
            progress.extend([None] * count)
        else:
            progress.extend(json.loads(said) if isinstance(said, str) else _unpacked("q", said))
    return Points(values=tuple(values), progress=tuple(progress), times=tuple(times))


def _progress(progress: Sequence[int | None]) -> bytes | str | None:
    if progress.count(None) == len(progress):
        return None
    try:
        return _packed("q", progress)  # type: ignore[arg-type]
    except (TypeError, OverflowError):  # some are missing, or beyond 64 bits
        return json.dumps(list(progress), separators=(",", ":"))


def _packed(code: Any, numbers: Sequence[float]) -> bytes:
    packed = array(code, numbers)
    if _SWAPPED:
        packed.byteswap()
    return packed.tobytes()


def _unpacked(code: Any, data: bytes) -> Any:
    numbers = array(code)
    numbers.frombytes(data)
    if _SWAPPED:
        numbers.byteswap()
    return numbers
