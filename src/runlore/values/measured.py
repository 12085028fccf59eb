"""Measured numbers: which values a metric takes, and the float that stands for each of them."""

from __future__ import annotations

import operator
from typing import Any

from runlore.errors import ValueUnstorable
from runlore.model.article import with_article


def measured(name: object, value: Any) -> float:
    """Return the float that is exactly ``value``: an int, a bool (0 or 1), or one number of numpy, torch and the like.

    Raises:
        ValueUnstorable: it is no number, or an int that no float is; names the metric.
    """
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return _whole(name, value)
    found = _item(value)
    if type(found) is float:
        return found
    if type(found) in (int, bool):
        return _whole(name, found)
    raise ValueUnstorable(f"Metric {name!r} takes a number; {_said(value)}.{_hint(value)}")


def counted(name: object, step: Any) -> int:
    """Return what a metric is counted by, such as the epoch, as an int. Raises `ValueUnstorable` for what is none."""
    try:
        if isinstance(step, bool):
            raise TypeError
        return operator.index(step)
    except TypeError:
        found = _item(step)
        if type(found) is int:
            return found
        raise ValueUnstorable(
            f"Metric {name!r}: step= counts, such as the epoch or the batch, and is an int; {_said(step)}."
        ) from None


def _whole(name: object, value: int) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = 0.5
    if number != value:
        # Python writes no integers of more than 4,300 digits
        said = str(value) if value.bit_length() < 200 else f"an int of {value.bit_length():,} bits"
        raise ValueUnstorable(
            f"Metric {name!r} is {said}, and a series holds floats, of which none is exactly that. "
            "Pass float(value) to have it rounded, or keep it with log_metadata()."
        )
    return number


def _item(value: Any) -> Any:
    """What an array or tensor of one number holds; ``None`` for anything else."""
    item = getattr(value, "item", None)
    if not callable(item):
        return None
    try:
        return item()
    except Exception:  # each library refuses larger ones in its own way
        return None


def _said(value: Any) -> str:
    text = repr(value)
    shown = text if len(text) <= 60 else f"{text[:59]}…"
    return f"{shown} is {with_article(type(value).__name__)}"


def _hint(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None and tuple(shape) not in ((), (1,)):
        return f" Its shape is {tuple(shape)}: pass one number, such as its mean."
    if isinstance(value, dict):
        return " log_metrics() takes several, by name."
    return " Pass float(value)." if hasattr(value, "__float__") or isinstance(value, str) else ""
