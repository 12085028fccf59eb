"""Units: sizes and durations as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def shown_size(count: int) -> str:
    """Bytes with a unit: ``812 B``, ``3.4 MiB``."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def shown_seconds(seconds: float | None) -> str | None:
    """A duration: ``12ms``, ``3.4s``, ``2m05s``, ``1h02m``."""
    if seconds is None:
        return None
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def shown_age(moment: datetime, now: datetime) -> str:
    """How long ago a time was, such as ``now``, ``12s ago``, ``5m ago``, ``3h ago``, ``6d ago``.

    Of what was more than a week ago, or is to come, the date.
    """
    seconds = (now - moment).total_seconds()
    if not 0 <= seconds < 7 * 86400:
        return "now" if -1 < seconds < 0 else moment.astimezone(UTC).strftime("%Y-%m-%d")
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size:
            return f"{seconds // size:.0f}{unit} ago"
    return "now"
