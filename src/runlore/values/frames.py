"""How columns and indexes of a frame become Arrow arrays; `runlore.values.unpacking` is the way back.

Arrays are made batch by batch while a frame is written, so that no column is held twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pandas
import pyarrow

from runlore.errors import ValueUnstorable
from runlore.values import codec
from runlore.values.arrow import compact
from runlore.values.numpy import without_padding
from runlore.values.text import Refused
from runlore.values.timezones import encode_zone

#: Key of the header in the stream's schema metadata.
HEADER = b"runlore"
#: Rows of a record batch.
BATCH_ROWS = 1 << 17

_NUMPY_KINDS = "biufmM"
#: Classes of indexes that are described by their values; a frame's other indexes have forms of their own.
INDEX_CLASSES = {
    cls.__name__: cls
    for cls in (
        pandas.Index,
        pandas.DatetimeIndex,
        pandas.TimedeltaIndex,
        pandas.PeriodIndex,
        pandas.IntervalIndex,
        pandas.CategoricalIndex,
    )
}

_MASKED = (pandas.arrays.IntegerArray, pandas.arrays.FloatingArray, pandas.arrays.BooleanArray)

#: Makes the Arrow array of some rows, from the first to before the second.
Rows = Callable[[int, int], Any]


class Packed:
    """A frame that is ready to be written: its schema with the header, and its rows in batches."""

    def __init__(self, schema: Any, makers: list[Rows], rows: int) -> None:
        self.schema = schema
        self._makers = makers
        self._rows = rows

    def batches(self) -> Iterator[Any]:
        """Make one record batch after the other."""
        for start, stop in _spans(self._rows if self._makers else 0):
            arrays = [compact(_one(make(start, stop))) for make in self._makers]
            yield pyarrow.RecordBatch.from_arrays(arrays, schema=self.schema)

    def write(self, sink: Any, options: Any = None) -> None:
        """Write an Arrow IPC stream."""
        with pyarrow.ipc.new_stream(sink, self.schema, options=options) as stream:
            for batch in self.batches():
                stream.write_batch(batch)


class Packer:
    """Collects equally long arrays and says, for each column or index, how to make it of them again."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._types: list[Any] = []
        self._makers: list[Rows] = []

    def packed(self, header: dict[str, Any]) -> Packed:
        """Return the collected arrays as something to write that carries ``header``."""
        text = codec.encode(header, name="frame")
        fields = [pyarrow.field(str(place), kind) for place, kind in enumerate(self._types)]
        schema = pyarrow.schema(fields, metadata={HEADER: text.encode()})
        return Packed(schema, self._makers, self._rows)

    def column(self, values: Any, place: str) -> dict[str, Any]:
        """Add one array of values and describe it.

        Raises:
            ValueUnstorable: it has no exact form here.
        """
        if type(values) is pandas.arrays.NumpyExtensionArray:  # not its subclass for strings
            values = values.to_numpy()
        dtype = values.dtype
        try:
            if isinstance(dtype, numpy.dtype):
                return self._objects(values, place) if dtype.kind == "O" else self._numbers(values, place)
            if isinstance(dtype, pandas.CategoricalDtype):
                return self._categories(values)
            if isinstance(dtype, pandas.SparseDtype):
                return self._sparse(values, place)
            return self._extension(values, place)
        except (pyarrow.ArrowException, UnicodeEncodeError, OverflowError, Refused) as error:
            raise ValueUnstorable(f"{place} of dtype {dtype} has no exact Arrow form: {error}") from error

    def index(self, index: Any, place: str) -> dict[str, Any]:
        """Add an index with as many entries as there are rows, and describe it."""
        kind = type(index)
        if kind is pandas.RangeIndex:
            bounds = [index.start, index.stop, index.step]
            return {"kind": "range", "bounds": [int(bound) for bound in bounds], "name": index.name}
        if kind is pandas.MultiIndex:
            levels = [self.apart(level.rename(None)) for level in index.levels]
            places = [self._add(numpy.asarray(codes)) for codes in index.codes]
            return {"kind": "multi", "names": list(index.names), "levels": levels, "codes": places}
        if INDEX_CLASSES.get(kind.__name__) is not kind:
            raise ValueUnstorable(f"{place} is a {kind.__name__}, which has no exact form here.")
        spec = {"kind": "index", "class": kind.__name__, "values": self.column(index.array, place), "name": index.name}
        if kind in (pandas.DatetimeIndex, pandas.TimedeltaIndex) and index.freq is not None:
            spec["freq"] = frequency(index.freq, place)
        return spec

    def apart(self, index: Any, place: str = "labels") -> bytes:
        """Return an index of another length as a stream of its own."""
        packer = Packer(len(index))
        return _stream(packer.packed({"index": packer.index(index, place), "rows": len(index)}))

    # -- within ----------------------------------------------------------------------------------------------------

    def _add(self, plain: Any) -> int:
        """Add numbers of numpy."""
        kind = pyarrow.array(plain[:0], from_pandas=False).type
        return self._later(kind, lambda start, stop: pyarrow.array(plain[start:stop], kind, from_pandas=False))

    def _later(self, kind: Any, make: Rows) -> int:
        self._types.append(kind)
        self._makers.append(make)
        return len(self._makers) - 1

    def _numbers(self, values: Any, place: str) -> dict[str, Any]:
        plain = numpy.asarray(values)
        dtype = plain.dtype
        if dtype.kind in _NUMPY_KINDS and dtype.isnative and dtype.char != "g":
            return {"kind": "numpy", "dtype": dtype.str, "array": self._add(plain)}
        if dtype.char in "FD" and dtype.isnative:
            part = pyarrow.from_numpy_dtype(numpy.empty(0, dtype).real.dtype)
            kind = pyarrow.list_(part, 2)

            def pairs(start: int, stop: int) -> Any:
                parts = numpy.ascontiguousarray(plain[start:stop]).view(part.to_pandas_dtype())
                return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(parts, from_pandas=False), type=kind)

            return {"kind": "complex", "dtype": dtype.str, "array": self._later(kind, pairs)}
        if dtype.kind in "biufcmM":

            def bits(start: int, stop: int) -> Any:
                data = without_padding(numpy.ascontiguousarray(plain[start:stop])).view("u1")
                return pyarrow.Array.from_buffers(
                    pyarrow.binary(dtype.itemsize), stop - start, [None, pyarrow.py_buffer(data)]
                )

            return {"kind": "raw", "dtype": dtype.str, "array": self._later(pyarrow.binary(dtype.itemsize), bits)}
        raise ValueUnstorable(f"{place} of dtype {dtype} has no exact Arrow form.")

    def _objects(self, values: Any, place: str) -> dict[str, Any]:
        plain = numpy.asarray(values, dtype=object)
        kinds = set(map(type, plain))
        if kinds <= {str, type(None)} and str in kinds:
            return {"kind": "text", "array": self._texts(plain, missing_is_nan=False)}
        if kinds == {str, float} and all(type(item) is str or item is numpy.nan for item in plain):
            return {"kind": "text", "missing": float("nan"), "array": self._texts(plain, missing_is_nan=True)}
        chunks = []
        for start, stop in _spans(self._rows):
            texts = [codec.encode(item, name=f"{place}[{row}]") for row, item in enumerate(plain[start:stop], start)]
            chunks.append(pyarrow.array(texts, pyarrow.large_string()))
        whole = pyarrow.chunked_array(chunks, pyarrow.large_string())
        return {"kind": "typed", "array": self._later(whole.type, _slices(whole))}

    def _texts(self, plain: Any, *, missing_is_nan: bool) -> int:
        kind = pyarrow.large_string()
        return self._checked(
            kind, lambda start, stop: pyarrow.array(plain[start:stop], kind, from_pandas=missing_is_nan)
        )

    def _checked(self, kind: Any, make: Rows) -> int:
        """As `_later`, of what may fail to become Arrow: this must show before anything is written."""
        for start, stop in _spans(self._rows):
            make(start, stop)
        return self._later(kind, make)

    def _categories(self, values: Any) -> dict[str, Any]:
        codes = self._add(numpy.asarray(values.codes))
        categories = self.apart(values.categories)
        return {"kind": "category", "ordered": bool(values.ordered), "categories": categories, "array": codes}

    def _sparse(self, values: Any, place: str) -> dict[str, Any]:
        """What is there and where, as a stream of its own: its length is not that of the frame."""
        if type(values) is not pandas.arrays.SparseArray or values.fill_value is None:
            raise ValueUnstorable(f"{place} is a {type(values).__name__} that has no exact form here.")
        packer = Packer(len(values.sp_values))
        header = {
            "rows": len(values.sp_values),
            "values": packer.column(values.sp_values, place),
            "places": packer.column(values.sp_index.indices, place),
        }
        return {
            "kind": "sparse",
            "length": len(values),
            "index": values.kind,
            "fill": values.fill_value,
            "subtype": values.sp_values.dtype.str,
            "parts": _stream(packer.packed(header)),
        }

    def _extension(self, values: Any, place: str) -> dict[str, Any]:
        dtype = values.dtype
        kind = type(dtype)
        if kind is pandas.DatetimeTZDtype:
            return self._zoned(values)
        if kind is pandas.ArrowDtype:
            whole = pyarrow.chunked_array(values.__arrow_array__())
            if whole.type != dtype.pyarrow_dtype:
                raise ValueUnstorable(f"{place} of dtype {dtype} holds {whole.type}.")
            return {"kind": "arrow", "array": self._later(whole.type, _slices(whole))}
        spec: dict[str, Any] = {"kind": "extension", "dtype": str(dtype)}
        if kind is pandas.StringDtype:
            spec = {"kind": "string", "storage": dtype.storage, "nan": dtype.na_value is not pandas.NA}
        elif isinstance(values, _MASKED):
            return spec | {"array": self._masked(values)}
        elif not _is_named(dtype):
            raise ValueUnstorable(f"{place} of dtype {dtype} has no exact Arrow form.")
        arrow = _one(pyarrow.array(values[:0])).type
        spec["array"] = self._checked(arrow, lambda start, stop: _one(pyarrow.array(values[start:stop])))
        return spec

    def _masked(self, values: Any) -> int:
        """Add numbers some of which are missing. A nan is a number, and what lies under a missing one is nothing."""

        def make(start: int, stop: int) -> Any:
            part = values[start:stop]
            plain = part.to_numpy(dtype=values.dtype.numpy_dtype, na_value=0)
            return pyarrow.array(plain, mask=part.isna(), from_pandas=False)

        return self._later(make(0, 0).type, make)

    def _zoned(self, values: Any) -> dict[str, Any]:
        zone = json.loads(encode_zone(values.dtype.tz))
        unit = values.dtype.unit
        shown = zone["key"] if type(zone) is dict and "key" in zone else "UTC"
        kind = pyarrow.timestamp(unit, shown)
        moments = values.asi8.view(f"M8[{unit}]")
        make = lambda start, stop: pyarrow.array(moments[start:stop], from_pandas=False).view(kind)  # noqa: E731
        return {"kind": "zoned", "unit": unit, "zone": zone, "array": self._later(kind, make)}


def frequency(freq: Any, place: str) -> str:
    """Return the text of a frequency, if it leads back to that very one. Raises `ValueUnstorable`."""
    text: str = freq.freqstr
    try:
        if pandas.tseries.frequencies.to_offset(text) == freq:
            return text
    except (ValueError, TypeError):
        pass
    raise ValueUnstorable(f"{place} has the frequency {freq!r}, whose text {text!r} is not exact.")


def _is_named(dtype: Any) -> bool:
    """Whether the dtype's text gives the dtype, and the dtype reads Arrow arrays."""
    if not hasattr(dtype, "__from_arrow__"):
        return False
    try:
        found = pandas.api.types.pandas_dtype(str(dtype))
        return bool(found == dtype) and type(found) is type(dtype)
    except (TypeError, ValueError, NotImplementedError):
        return False


def _spans(rows: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + BATCH_ROWS, rows)) for start in range(0, rows, BATCH_ROWS))


def _slices(whole: Any) -> Rows:
    return lambda start, stop: whole.slice(start, stop - start)


def _one(array: Any) -> Any:
    """One array of what may be several chunks."""
    return array.combine_chunks() if isinstance(array, pyarrow.ChunkedArray) else array


def _stream(packed: Packed) -> bytes:
    sink = pyarrow.BufferOutputStream()
    packed.write(sink)
    return bytes(sink.getvalue())
