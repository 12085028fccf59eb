"""Arrived: the classes that came inside pickles, as those of scripts and notebooks do.

Cloudpickle knows a class of this process again, and then writes every attribute of it anew: its methods would lose
their file, and with it their fingerprint, and would see copies of the globals. A class that was defined here stays
as it is, as one of a module does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

_ARRIVED: WeakSet[type] = WeakSet()


def _make(make: Callable[..., type], *parts: Any) -> type:
    """Make a class without attributes, or find the one that it is here."""
    known = _known(parts)
    found = make(*parts)
    if found is not known:
        _ARRIVED.add(found)
    return found


def _known(parts: tuple[Any, ...]) -> type | None:
    from cloudpickle import cloudpickle  # who unpickles such a class has it

    return cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.get(parts[-2])  # type: ignore[no-any-return]


def _fill(fill: Callable[[type, Any], type], cls: type, state: Any) -> type:
    return fill(cls, state) if cls in _ARRIVED else cls


#: What cloudpickle calls a function of its own → what is called in its place, with that function.
SPARING: dict[str, Callable[..., type]] = {
    "_make_skeleton_class": _make,
    "_make_skeleton_enum": _make,
    "_class_setstate": _fill,
}
