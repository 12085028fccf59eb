"""Named classes: which classes of the project the bytes of a stored value name, found without loading it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from runlore.model.artifact import Content
from runlore.plan.fingerprint_origin import origin_of_module
from runlore.values.registry import by_name


def may_name(content: Content) -> bool:
    """Whether the format of ``content`` writes classes by name: the typed codec, and what runs code when loaded."""
    return content.materializer == "json" or by_name(content.materializer).runs_code


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
