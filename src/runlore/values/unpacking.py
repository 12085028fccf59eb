"""How a stored frame's Arrow arrays become columns and indexes again, as `runlore.values.frames` described them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
import pandas
import pyarrow

from runlore.errors import ValueUnloadable
from runlore.values import codec
from runlore.values.frames import HEADER, INDEX_CLASSES
from runlore.values.timezones import decode_zone

_FILLED_KINDS = frozenset(("numpy", "complex", "raw", "zoned", "category"))


class Unpacker:
    """Makes columns and indexes from a stored stream.

    Numbers are copied batch by batch into arrays of their final size, so that only one batch is held beside the value.
    """

    def __init__(self, source: Any) -> None:
        """``source``: what `pyarrow.ipc.open_stream` reads."""
        stream = pyarrow.ipc.open_stream(source)
        text = (stream.schema.metadata or {}).get(HEADER)
        if text is None:
            raise ValueUnloadable("The payload is an Arrow stream, but not one that runlore wrote.")
        #: What the writer said about the arrays.
        self.header: dict[str, Any] = codec.decode(text.decode())
        rows = self.header["rows"]
        #: The columns of a frame whose columns are all numbers of one dtype, one after the other; else None.
        self.block: Any = self._block(rows)
        filled = {place: numpy.empty(rows, dtype) for place, dtype in _filled(self.header, stream.schema)}
        if self.block is not None:
            filled |= {spec["array"]: self.block[row] for row, spec in enumerate(self.header["columns"])}
        kept: dict[int, list[Any]] = {place: [] for place in range(len(stream.schema)) if place not in filled}
        start = 0
        for batch in stream:
            stop = start + batch.num_rows
            for place, array in filled.items():
                array[start:stop] = _plain(batch.column(place), array.dtype)
            for place, chunks in kept.items():
                chunks.append(batch.column(place))
            start = stop
        if start != rows and len(stream.schema):
            raise ValueUnloadable(f"The stored frame has {start} rows where {rows} were written.")
        self._filled = filled
        self._kept = {
            place: pyarrow.chunked_array(chunks, stream.schema.field(place).type) for place, chunks in kept.items()
        }

    def _block(self, rows: int) -> Any:
        columns = self.header.get("columns", [])
        dtypes = {spec.get("dtype") for spec in columns}
        if len(dtypes) != 1 or {spec["kind"] for spec in columns} != {"numpy"}:
            return None
        return numpy.empty((len(columns), rows), dtypes.pop())

    def member(self, spec: dict[str, Any], rows: Any) -> Any:
        """Return a described column in the form from which a DataFrame takes it over without guessing its dtype."""
        values = self.values(spec)
        return pandas.Series(values, index=rows, dtype=object, copy=False) if values.dtype == object else values

    def series(self, spec: dict[str, Any], rows: Any) -> Any:
        """Return a described column as a Series over ``rows``."""
        values = self.values(spec)
        return pandas.Series(values, index=rows, dtype=values.dtype, copy=False)

    def values(self, spec: dict[str, Any]) -> Any:
        """Return a described array: numpy's where the dtype is numpy's, else pandas'."""
        kind = spec["kind"]
        if kind == "sparse":
            return _sparse(spec)
        place = spec["array"]
        if kind in ("numpy", "complex", "raw"):
            return self._filled[place]
        if kind == "category":
            categories = self.apart(spec["categories"])
            return pandas.Categorical.from_codes(self._filled[place], categories=categories, ordered=spec["ordered"])
        if kind == "zoned":
            zone = decode_zone(spec["zone"])
            return pandas.DatetimeIndex(self._filled[place]).tz_localize("UTC").tz_convert(zone).array
        array = self._kept[place]
        if kind == "text":
            return _texts(array, numpy.nan if "missing" in spec else None)  # the one nan that pandas uses
        if kind == "typed":
            return _object_array(codec.decode(item) for item in _members(array))
        if kind == "arrow":
            return pandas.arrays.ArrowExtensionArray(array)
        if kind == "string":
            dtype: Any = pandas.StringDtype(spec["storage"], na_value=numpy.nan if spec["nan"] else pandas.NA)
        elif kind == "extension":
            dtype = pandas.api.types.pandas_dtype(spec["dtype"])
            if isinstance(dtype, pandas.Float32Dtype | pandas.Float64Dtype):
                return _floats(array)
        else:
            raise ValueUnloadable(f"Columns of kind {kind!r} are unknown. A newer runlore wrote them; upgrade.")
        return dtype.__from_arrow__(array).copy()

    def index(self, spec: dict[str, Any]) -> Any:
        """Return a described index."""
        if spec["kind"] == "range":
            start, stop, step = spec["bounds"]
            return pandas.RangeIndex(start, stop, step, name=spec["name"])
        if spec["kind"] == "multi":
            levels = [self.apart(level) for level in spec["levels"]]
            codes: Any = [self._filled[place] for place in spec["codes"]]
            for level, places in zip(levels, codes, strict=True):
                if len(places) and not -1 <= places.min() <= places.max() < len(level):
                    raise ValueUnloadable("The stored index has members that none of its levels has.")
            return pandas.MultiIndex(levels=levels, codes=codes, names=spec["names"], verify_integrity=False)
        cls: Any = INDEX_CLASSES[spec["class"]]
        values = self.values(spec["values"])
        if cls in (pandas.DatetimeIndex, pandas.TimedeltaIndex):
            return cls(values, freq=spec.get("freq"), name=spec["name"])
        return pandas.Index(values, dtype=values.dtype, name=spec["name"])

    @staticmethod
    def apart(data: bytes) -> Any:
        """Return an index that was stored as a stream of its own."""
        unpacker = Unpacker(data)
        return unpacker.index(unpacker.header["index"])


def _filled(header: dict[str, Any], schema: Any) -> Iterator[tuple[int, Any]]:
    """Places of the arrays that are numbers, and numpy's dtype of each."""
    index = header.get("index") or {}
    for place in index.get("codes", ()):
        yield place, schema.field(place).type.to_pandas_dtype()
    specs = [header[name] for name in ("series", "values", "places") if name in header]
    specs += [index["values"]] if "values" in index else []
    for spec in [*specs, *header.get("columns", ())]:
        if spec["kind"] not in _FILLED_KINDS:
            continue
        place = spec["array"]
        if spec["kind"] == "category":
            yield place, schema.field(place).type.to_pandas_dtype()
        else:
            yield place, numpy.dtype(f"M8[{spec['unit']}]" if spec["kind"] == "zoned" else spec["dtype"])


def _plain(array: Any, dtype: Any) -> Any:
    """The numbers of an Arrow array, without copying them where they lie as numpy has them."""
    if pyarrow.types.is_fixed_size_list(array.type):
        return array.flatten().to_numpy(zero_copy_only=False).view(dtype)
    if pyarrow.types.is_fixed_size_binary(array.type):
        data = numpy.frombuffer(array.buffers()[1], dtype)
        return data[array.offset : array.offset + len(array)]
    if pyarrow.types.is_timestamp(array.type) and array.type.tz is not None:
        array = array.view(pyarrow.timestamp(array.type.unit))
    return array.to_numpy(zero_copy_only=False)


def _floats(array: Any) -> Any:
    """Numbers some of which are missing; pandas would take a nan for a missing one."""
    missing = array.is_null().to_numpy()
    return pandas.arrays.FloatingArray(array.fill_null(0).to_numpy().copy(), missing.copy())


def _sparse(spec: dict[str, Any]) -> Any:
    parts = Unpacker(spec["parts"])
    values, places = (parts.values(parts.header[name]) for name in ("values", "places"))
    kind, fill, length = spec["index"], spec["fill"], spec["length"]
    sparse: Any = pandas.arrays.SparseArray
    if hasattr(sparse, "from_indices"):  # pandas 3
        return sparse.from_indices(
            values, places, length, fill_value=fill, kind=kind, dtype=numpy.dtype(spec["subtype"])
        )
    index = type(sparse([0.0], kind="integer").sp_index)(length, places)
    dtype = pandas.SparseDtype(numpy.dtype(spec["subtype"]), fill)
    return sparse(
        values, sparse_index=index.to_block_index() if kind == "block" else index, fill_value=fill, dtype=dtype
    )


def _members(array: Any) -> Iterator[Any]:
    for chunk in array.chunks:
        yield from chunk.to_pylist()


def _texts(array: Any, missing: Any) -> Any:
    made = numpy.empty(len(array), dtype=object)
    start = 0
    for chunk in array.chunks:
        texts = chunk.to_numpy(zero_copy_only=False)  # equal texts are one object, which saves memory
        if missing is not None:
            texts[numpy.asarray(chunk.is_null())] = missing
        made[start : start + len(texts)] = texts
        start += len(texts)
    return made


def _object_array(items: Iterator[Any]) -> Any:
    members = list(items)
    array = numpy.empty(len(members), dtype=object)
    array[:] = members
    return array
