"""What an ``.npy`` file does not say of a numpy dtype: as typed values, and back."""

from __future__ import annotations

import importlib
import itertools
from typing import Any

import numpy

from runlore.errors import MissingExtra, ValueUnloadable, ValueUnstorable
from runlore.values import codec

_STRING = getattr(numpy.dtypes, "StringDType", None)  # numpy 2
_OTHERS = "ml_dtypes"


def is_string(dtype: numpy.dtype[Any]) -> bool:
    """Whether its members are texts of any length (numpy 2)."""
    return _STRING is not None and isinstance(dtype, _STRING)


def describe(dtype: Any) -> dict[str, Any]:
    """Return what leads back to this very dtype.

    Raises:
        ValueUnstorable: nothing does; it holds objects, or is another library's.
    """
    found: dict[str, Any] = {}
    if dtype.metadata:
        found["metadata"] = dict(dtype.metadata)
    if is_string(dtype):
        found["string"] = {"coerce": dtype.coerce, **({"na": dtype.na_object} if hasattr(dtype, "na_object") else {})}
    elif dtype.type.__module__ == _OTHERS:
        found["other"] = dtype.name
    elif dtype.subdtype is not None:
        base, shape = dtype.subdtype
        found.update(of=describe(base), shape=list(shape))
    elif dtype.fields is not None:
        found["fields"] = [_field(name, dtype) for name in dtype.names or ()]
        found["size"] = dtype.itemsize
        if dtype.isalignedstruct:
            found["align"] = True
        if dtype.type is numpy.record:
            found["record"] = True
    else:
        found["plain"] = dtype.str
    if not codec.is_codable(found) or dtype.hasobject and not is_string(dtype) or not _leads_back(found, dtype):
        raise ValueUnstorable(f"The dtype {dtype!r} has no exact form here.")
    return found


def _field(name: str, dtype: Any) -> list[Any]:
    kind, offset, *title = dtype.fields[name]
    return [name, describe(kind), offset, *title]


def _leads_back(found: dict[str, Any], dtype: numpy.dtype[Any]) -> bool:
    try:
        made = rebuild(found)
    except (ValueError, TypeError, ValueUnloadable):
        return False
    return bool(made == dtype) and (made.isalignedstruct, made.type) == (dtype.isalignedstruct, dtype.type)


def rebuild(found: dict[str, Any]) -> numpy.dtype[Any]:
    """Return the dtype that `describe` described.

    Raises:
        MissingExtra: it is another library's, which is not installed.
        ValueUnloadable: it does not exist here.
    """
    made: Any
    said: Any
    if "string" in found:
        if _STRING is None:
            raise ValueUnloadable("Texts of any length need numpy 2: pip install 'numpy>=2'.")
        said = found["string"]
        made = _STRING(coerce=said["coerce"], **({"na_object": said["na"]} if "na" in said else {}))
    elif "other" in found:
        try:
            made = numpy.dtype(getattr(importlib.import_module(_OTHERS), found["other"]))
        except ImportError as error:
            raise MissingExtra(f"The dtype {found['other']!r} is one of ml_dtypes: pip install ml_dtypes.") from error
    elif "of" in found:
        made = numpy.dtype((rebuild(found["of"]), tuple(found["shape"])))
    elif "fields" in found:
        fields = found["fields"]
        said = {
            "names": [field[0] for field in fields],
            "formats": [rebuild(field[1]) for field in fields],
            "offsets": [field[2] for field in fields],
            "itemsize": found["size"],
        }
        if any(len(field) > 3 for field in fields):
            said["titles"] = [field[3] if len(field) > 3 else None for field in fields]
        made = numpy.dtype(said, align=found.get("align", False))
        if found.get("record"):
            made = numpy.dtype((numpy.record, made))
    else:
        made = numpy.dtype(found["plain"])
    rebuilt: numpy.dtype[Any] = made
    if "metadata" in found:
        with_metadata: Any = numpy.dtype
        rebuilt = with_metadata(made, metadata=found["metadata"])
    return rebuilt


def stored_as(dtype: numpy.dtype[Any]) -> numpy.dtype[Any]:
    """Return the dtype in which an ``.npy`` file can hold members of this one.

    Fields lie one behind the other. Where they overlap, and so cannot, a member is its bytes.
    """
    if dtype.type.__module__ == _OTHERS:
        return numpy.dtype(f"u{dtype.itemsize}")
    if dtype.fields is not None:
        fields = sorted((dtype.fields[name][1], dtype.fields[name][0].itemsize) for name in dtype.names or ())
        if any(start + size > following for (start, size), (following, _) in itertools.pairwise(fields)):
            return numpy.dtype(f"V{dtype.itemsize}")
        names = list(dtype.names or ())
        if not all(name.isascii() for name in names):  # which a header of the first version cannot say
            names = [f"f{place}" for place in range(len(names))]
        kinds = [stored_as(dtype.fields[name][0]) for name in dtype.names or ()]
        return numpy.dtype(list(zip(names, kinds, strict=True)))
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return numpy.dtype((stored_as(base), shape))
    return numpy.dtype(dtype.str)
