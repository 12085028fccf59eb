"""Drawing without a plotting library: a PNG of pixels, a histogram as SVG, and a table as CSV."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Sequence

_LISTED = 100
_WIDTH, _HEIGHT, _MARGIN = 480, 240, 24


def png(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """Return a PNG file of 8-bit ``pixels`` in rows: 1 channel is grey, 2 grey with alpha, 3 RGB, 4 RGBA."""
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    stride = width * channels
    rows = b"".join(b"\0" + pixels[start : start + stride] for start in range(0, stride * height, stride))
    header = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def spread(low: float, high: float) -> tuple[float, float]:
    """Return bounds for a histogram of numbers between ``low`` and ``high``, far enough apart to tell bins apart."""
    least = max(abs(low), abs(high)) * 2.0**-40  # below that, doubles are too far apart
    if high - low < least or high == low:
        least = max(least, 0.5)
        low, high = low - least, high + least
    return low, high


def histogram(counts: Sequence[int], low: float, high: float) -> bytes:
    """Return an SVG histogram of equally wide bins between ``low`` and ``high``."""
    tallest = max(counts, default=0) or 1
    bar = (_WIDTH - 2 * _MARGIN) / max(len(counts), 1)
    shapes = []
    for position, count in enumerate(counts):
        height = (_HEIGHT - 2 * _MARGIN) * count / tallest
        left, top = _MARGIN + position * bar, _HEIGHT - _MARGIN - height
        shapes.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(bar - 1, 0.5):.1f}" height="{height:.1f}" fill="#4c78a8">'
            f"<title>{count}</title></rect>"
        )
    baseline = _HEIGHT - _MARGIN
    labels = (
        f'<text x="{_MARGIN}" y="{baseline + 16}">{low:.6g}</text>'
        f'<text x="{_WIDTH - _MARGIN}" y="{baseline + 16}" text-anchor="end">{high:.6g}</text>'
        f'<text x="{_MARGIN}" y="{_MARGIN - 8}">{tallest}</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="12">{"".join(shapes)}{labels}</svg>'
    ).encode()


def table(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows of texts as CSV (RFC 4180, but for the line ends, which are single)."""
    return ("\n".join(",".join(map(_cell, row)) for row in rows) + "\n").encode("utf-8", "replace")


def importances(names: Iterable[str], values: Iterable[float]) -> bytes:
    """Return the features and their importance as CSV, the most important first; at most 100."""
    pairs = zip(map(str, names), map(float, values), strict=True)
    ordered = sorted(pairs, key=lambda pair: (not math.isnan(pair[1]), pair[1]), reverse=True)[:_LISTED]
    return table([("feature", "importance"), *((name, f"{importance:.6g}") for name, importance in ordered)])


def _cell(text: str) -> str:
    if any(sign in text for sign in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
