"""Frame: tables of pandas or polars made of what was recorded."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from runlore.errors import MissingExtra, QueryInvalid
from runlore.model.suggest import did_you_mean

#: In the order of preference.
LIBRARIES = ("pandas", "polars")
_LEAST, _MOST = -(2**63), 2**63 - 1
#: Up to here a float is every whole number exactly.
_EXACT = 2**53


def frame_of_rows(rows: Iterable[Mapping[str, Any]], library: str | None = None) -> Any:
    """A frame with a row for each of ``rows``; a column for each key, in the order in which they come up.

    Raises as `frame_of_columns`.
    """
    module = _library(library)  # before anything is read
    listed = list(rows)
    columns = dict.fromkeys(key for row in listed for key in row)
    return _frame(module, {key: [row.get(key) for row in listed] for key in columns}, len(listed))


def frame_of_columns(columns: Mapping[str, Sequence[Any]], library: str | None = None) -> Any:
    """A frame of columns that are equally long.

    Whole numbers stay whole where some are missing, times are aware and in UTC, and what is neither number, text nor
    time stays an object. ``library`` is ``"pandas"`` or ``"polars"``; without it, pandas where that is installed, else
    polars. Raises `MissingExtra` where it is not installed, `QueryInvalid` for another name.
    """
    return _frame(_library(library), columns, len(next(iter(columns.values()), ())))


def _library(name: str | None) -> Any:
    if name is None:
        found = next((each for each in LIBRARIES if importlib.util.find_spec(each) is not None), LIBRARIES[0])
    elif name in LIBRARIES:
        found = name
    else:
        raise QueryInvalid(f"A frame is one of 'pandas' or 'polars', not {name!r}.{did_you_mean(str(name), LIBRARIES)}")
    try:
        return importlib.import_module(found)
    except ImportError:
        other = "" if name else ", or polars: pip install 'runlore[polars]'"
        raise MissingExtra(f"to_frame() needs {found}: pip install 'runlore[{found}]'{other}.") from None


def _frame(module: Any, columns: Mapping[str, Sequence[Any]], length: int) -> Any:
    if module.__name__ == "polars":
        return module.DataFrame([_polars_column(module, name, values) for name, values in columns.items()])
    made = {name: _pandas_column(module, values) for name, values in columns.items()}
    return module.DataFrame(made, index=module.RangeIndex(length))


def _kind(values: Sequence[Any]) -> str:
    """What the values are that are there: time, whole, number, truth, text, texts (lists of text), or other."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {datetime}:
        return "time" if all(value is None or value.tzinfo is not None for value in values) else "other"
    if kinds == {int}:
        return "whole" if all(value is None or _LEAST <= value <= _MOST for value in values) else "other"
    if kinds == {float} or kinds == {float, int}:
        exact = all(abs(value) <= _EXACT for value in values if type(value) is int)
        return "number" if exact else "other"
    if kinds == {list}:
        return "texts" if all(type(text) is str for value in values for text in value or ()) else "other"
    return {frozenset({bool}): "truth", frozenset({str}): "text"}.get(frozenset(kinds), "other")


def _pandas_column(pandas: Any, values: Sequence[Any]) -> Any:
    kind, listed = _kind(values), list(values)
    missing = None in listed if kind in ("whole", "truth") else False
    if kind == "time":
        return pandas.Series(pandas.to_datetime(listed, utc=True))
    if kind == "number":
        return pandas.Series(listed, dtype="float64")
    if kind == "text":
        return pandas.Series(listed)
    if kind in ("whole", "truth"):
        return pandas.Series(listed, dtype=_NULLABLE[kind] if missing else _PLAIN[kind])
    return pandas.Series(listed, dtype=object)


_PLAIN = {"whole": "int64", "truth": "bool"}
_NULLABLE = {"whole": "Int64", "truth": "boolean"}


def _polars_column(polars: Any, name: str, values: Sequence[Any]) -> Any:
    kinds = {
        "time": polars.Datetime("us", "UTC"),
        "whole": polars.Int64,
        "number": polars.Float64,
        "truth": polars.Boolean,
        "text": polars.String,
        "texts": polars.List(polars.String),
    }
    return polars.Series(name, list(values), dtype=kinds.get(_kind(values), polars.Object), strict=False)
