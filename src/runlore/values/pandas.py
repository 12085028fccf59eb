"""pandas frames, series, indexes and categoricals as one Arrow IPC stream (zstd); index, labels and dtypes exact.

Columns are stored by position. What they are called and what Arrow alone does not say is typed JSON in the stream's
schema (`docs/design/codec.md`, "Frames").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pandas
import pyarrow
from pandas.api.extensions import ExtensionArray
from pandas.arrays import DatetimeArray, NumpyExtensionArray, TimedeltaArray

from runlore.errors import RunloreError, ValueUnloadable, ValueUnstorable
from runlore.values.described import (
    DESCRIBED_COLUMNS,
    STATISTICS,
    by_column,
    csv_picture,
    sampled,
    stride_of,
)
from runlore.values.files import WriterFile
from runlore.values.frames import Packed, Packer, frequency
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer
from runlore.values.numpy import histogram, statistics
from runlore.values.unpacking import Unpacker

# Up to this many bytes a payload is read at once.
_READ_UP_TO = 1 << 20
#: Frames of more columns than this, or of fewer members, are gathered in blocks when they are loaded.
_APART_COLUMNS, _APART_FROM = 100, 1 << 20
_PICTURED_ROWS = 10


class PandasMaterializer(Materializer):
    """Stores DataFrames, Series, indexes of any kind, Categoricals and pandas' other arrays.

    Loads an equal one with the same index, labels, dtypes, names and attributes.
    """

    name = "pandas"
    types = ("pandas.DataFrame", "pandas.Series", "pandas.Index", "pandas.api.extensions.ExtensionArray")
    extra = "pandas"

    def takes(self, value: Any) -> bool:
        if not self.may_take(value):
            return False
        try:
            _pack(value)
        except ValueUnstorable:
            return False
        return True

    def may_take(self, value: Any) -> bool:
        if isinstance(value, ExtensionArray):
            return type(value).__module__.partition(".")[0] == "pandas"
        return type(value) in _CLASSES or isinstance(value, pandas.Index)

    def save(self, value: Any, writer: Writer) -> None:
        try:
            packed = _pack(value)
        except ValueUnstorable as error:
            raise Declined(str(error)) from error
        packed.write(WriterFile(writer), pyarrow.ipc.IpcWriteOptions(compression="zstd"))

    def load(self, reader: Reader) -> Any:
        try:
            # read batch by batch: what is compressed gains nothing from being mapped
            return _unpack(reader.read() if reader.size <= _READ_UP_TO else pyarrow.OSFile(str(reader.path())))
        except RunloreError:
            raise
        except (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError) as error:
            raise ValueUnloadable(f"The payload is not a stored frame: {type(error).__name__}: {error}.") from error

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``shape`` and ``dtype``, ``null_count``, and of numbers ``min``, ``max``, ``mean``, ``std``.

        Of a DataFrame each is by column, for up to 100 columns. What is missing is counted where there is any, and
        statistics are over the rest. Of more than `SAMPLED_ABOVE` rows a regular sample is described, and ``sampled``
        tells its size. Of columns that share a label the last one counts.
        """
        found: dict[str, Any] = {"shape": list(value.shape)}
        if not isinstance(value, pandas.DataFrame):
            return found | {"dtype": str(value.dtype)} | _statistics(_sample(value)) | sampled(len(value))
        labels = [str(label) for label in value.columns[:DESCRIBED_COLUMNS]]
        columns = [value.iloc[:, place] for place in range(len(labels))]
        found["dtype"] = {label: str(column.dtype) for label, column in zip(labels, columns, strict=True)}
        notes = ((label, _statistics(_sample(column))) for label, column in zip(labels, columns, strict=True))
        return found | by_column(notes) | sampled(len(value))

    def pictures(self, value: Any) -> Sequence[Picture]:
        """``describe``: a summary by column; ``sample``: the first and last rows. Of numbers alone a histogram."""
        frame = _frame_of(value)
        if frame.shape[1] == 0:
            return ()
        frame = frame.iloc[:, :DESCRIBED_COLUMNS]
        pictures = []
        if len(frame):
            try:
                with numpy.errstate(all="ignore"):  # infinities are no news
                    described = _sample(frame).describe(include="all")
            except (TypeError, ValueError, NotImplementedError):  # unhashable objects cannot be counted
                described = None
            if described is not None:
                pictures.append(_sheet("describe", described))
        short = len(frame) <= 2 * _PICTURED_ROWS
        shown = frame if short else pandas.concat([frame.head(_PICTURED_ROWS), frame.tail(_PICTURED_ROWS)])
        pictures.append(_sheet("sample", shown))
        if not isinstance(value, pandas.DataFrame | pandas.MultiIndex):
            known = _numbers(_sample(frame.iloc[:, 0]).dropna())
            if known is not None:
                pictures.extend(histogram(known))
        return tuple(pictures)


_CLASSES = (pandas.DataFrame, pandas.Series)


def _sheet(name: str, frame: Any) -> Picture:
    """A frame as CSV, its index, level by level, in front."""
    index = frame.index
    levels = [index.get_level_values(place) for place in range(index.nlevels)]
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    header = ["" if label is None else str(label) for label in (*index.names, *frame.columns)]
    return csv_picture(name, header, zip(*levels, *columns, strict=True))


def _sample(value: Any) -> Any:
    """``value`` itself, or regularly chosen rows of a long one."""
    stride = stride_of(len(value))
    if stride == 1:
        return value
    return value[::stride] if isinstance(value, ExtensionArray | pandas.Index) else value.iloc[::stride]


def _frame_of(value: Any) -> Any:
    if isinstance(value, pandas.MultiIndex):
        return pandas.DataFrame({place: value.get_level_values(place) for place in range(value.nlevels)})
    if isinstance(value, pandas.Index):
        return value.to_frame(index=False)
    if isinstance(value, ExtensionArray):
        return pandas.DataFrame({"values": value})
    return value.to_frame() if isinstance(value, pandas.Series) else value


def _pack(value: Any) -> Packed:
    packer = Packer(len(value))
    header: dict[str, Any] = {"form": 1, "rows": len(value)}
    if isinstance(value, pandas.Index):
        return packer.packed(header | {"alone": "index", "index": packer.index(value, "index")})
    if isinstance(value, ExtensionArray):
        return packer.packed(header | {"alone": "values", "values": packer.column(value, "values"), **_wrapping(value)})
    header["index"] = packer.index(value.index, "index")
    if type(value) is pandas.Series:
        header["series"] = packer.column(value.array, "values")
        header["name"] = value.name
    elif type(value) is pandas.DataFrame:
        header["labels"] = packer.apart(value.columns, "columns")
        header["columns"] = [
            packer.column(value.iloc[:, place].array, f"column {label!r}") for place, label in enumerate(value.columns)
        ]
    else:
        raise ValueUnstorable(
            f"{type(value).__qualname__} is a subclass, which the pandas materializer does not store."
        )
    header["attrs"] = value.attrs
    header["duplicates"] = value.flags.allows_duplicate_labels
    return packer.packed(header)


def _wrapping(value: Any) -> dict[str, Any]:
    """What must be said of an array on its own whose dtype is numpy's, or that has a frequency."""
    plain = isinstance(value, NumpyExtensionArray | DatetimeArray | TimedeltaArray)
    found = {"array": type(value).__name__} if plain else {}
    freq = getattr(value, "freq", None) if type(value) in (DatetimeArray, TimedeltaArray) else None
    return found if freq is None else found | {"freq": frequency(freq, "values")}


def _unpack(source: Any) -> Any:
    unpacker = Unpacker(source)
    header = unpacker.header
    alone = header.get("alone")
    if alone == "index":
        return unpacker.index(header["index"])
    if alone is not None:
        return _unwrap(unpacker.values(header["values"]), header)
    index = unpacker.index(header["index"])
    rows = pandas.RangeIndex(header["rows"])
    value: Any
    if "series" in header:
        value = unpacker.series(header["series"], rows)
        value.name = header["name"]
    else:
        value = _columns(unpacker, rows)
        value.columns = unpacker.apart(header["labels"])
    value.index = index
    value.attrs = header["attrs"]
    return value if header["duplicates"] else value.set_flags(allows_duplicate_labels=False)


def _columns(unpacker: Unpacker, rows: Any) -> Any:
    if unpacker.block is not None:
        return pandas.DataFrame(unpacker.block.T, index=rows, copy=False)
    specs = unpacker.header["columns"]
    columns = {place: unpacker.member(spec, rows) for place, spec in enumerate(specs)}
    # pandas gathers columns of one dtype in one block; a long frame of few columns is better not copied for it
    gathered = len(specs) > _APART_COLUMNS or len(specs) * len(rows) < _APART_FROM
    return pandas.DataFrame(columns, index=rows, copy=gathered)


def _unwrap(values: Any, header: dict[str, Any]) -> Any:
    kind = header.get("array")
    if kind == "NumpyExtensionArray":
        return NumpyExtensionArray(values)
    if kind in ("DatetimeArray", "TimedeltaArray"):
        cls: Any = pandas.TimedeltaIndex if kind == "TimedeltaArray" else pandas.DatetimeIndex
        return cls(values, freq=header.get("freq")).array
    return values


def _statistics(column: Any) -> dict[str, Any]:
    if isinstance(column, pandas.MultiIndex):
        return {}
    missing = pandas.isna(column)
    count = int(missing.sum())
    found: dict[str, Any] = {"null_count": count} if count else {}
    if count == len(column):
        return found
    known = _numbers(column[~missing] if count else column)
    if known is None:
        return found
    notes = statistics(known)
    return found | {name: notes[name] for name in STATISTICS if name in notes}


def _numbers(known: Any) -> Any:
    """Members as numpy's numbers, if they are real ones and none is missing; else None."""
    dtype = known.dtype
    if not pandas.api.types.is_numeric_dtype(dtype) or pandas.api.types.is_complex_dtype(dtype) or not len(known):
        return None
    try:
        numbers = numpy.asarray(known)
        if numbers.dtype.kind == "O":  # such as decimals
            numbers = numbers.astype(numpy.float64)
    except (TypeError, ValueError):
        return None
    return numbers if numbers.dtype.kind in "biuf" else None
