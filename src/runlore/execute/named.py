"""Named classes: which classes of the project the bytes of a stored value name, found without loading it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from runlore.errors import ValueUnloadable
from runlore.model.artifact import Content
from runlore.plan.fingerprint import class_fingerprint
from runlore.plan.fingerprint_origin import origin_of_module
from runlore.values.registry import by_name


def materializer_code(materializer: Any) -> bytes | None:
    """Digest of the code of a materializer, or of its class, that the project wrote; ``None`` if it is installed.

    Code that has no identity counts by its name alone: a materializer is asked to give back what it was given.
    """
    cls = materializer if isinstance(materializer, type) else type(materializer)
    if materializer is None or origin_of_module(cls.__module__) != "project":
        return None
    return class_fingerprint(cls).digest


def reader_of(content: Content) -> type | None:
    """The project's materializer class that reads ``content``, if it is one of the project's and is there."""
    try:
        cls = type(by_name(content.materializer))
    except ValueUnloadable:
        return None
    return cls if origin_of_module(cls.__module__) == "project" else None


def classes_named(data: bytes) -> tuple[type, ...]:
    """Classes of imported project modules whose module and name both stand in ``data``, by name.

    A class that only happens to be called like a word in ``data`` is found as well, which costs a rerun at worst.
    """
    found = {f"{cls.__module__}.{cls.__qualname__}": cls for cls in _found(data)}
    return tuple(found[name] for name in sorted(found))


def _found(data: bytes) -> Iterator[type]:
    for name, module in list(sys.modules.items()):
        if origin_of_module(name) != "project" or name.encode() not in data:
            continue
        for attribute in list(vars(module).values()):
            if isinstance(attribute, type) and attribute.__module__ == name and attribute.__name__.encode() in data:
                yield attribute
