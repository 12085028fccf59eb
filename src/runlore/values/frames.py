"""How columns and indexes of a frame become Arrow arrays and back; `runlore.values.pandas` puts them together."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import pyarrow

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values import codec

#: Key of the header in the stream's schema metadata.
HEADER = b"runlore"

_NUMPY_KINDS = "biufmM"
_INDEX_CLASSES = {
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


class Packer:
    """Collects equally long arrays and says, for each column or index, how to make it of them again."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._arrays: list[Any] = []

    def table(self, header: dict[str, Any]) -> Any:
        """Return the collected arrays as a table that carries ``header``."""
        names = [str(place) for place in range(len(self._arrays))]
        text = codec.encode(header, name="frame")
        return pyarrow.table(self._arrays, names=names).replace_schema_metadata({HEADER: text.encode()})

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
            return self._extension(values, place)
        except (pyarrow.ArrowException, UnicodeEncodeError, OverflowError) as error:
            raise ValueUnstorable(f"{place} of dtype {dtype} has no exact Arrow form: {error}") from error

    def index(self, index: Any, place: str) -> dict[str, Any]:
        """Add an index with as many entries as there are rows, and describe it."""
        kind = type(index)
        if kind is pandas.RangeIndex:
            bounds = [index.start, index.stop, index.step]
            return {"kind": "range", "bounds": [int(bound) for bound in bounds], "name": index.name}
        if kind is pandas.MultiIndex:
            levels = [self.apart(level.rename(None)) for level in index.levels]
            places = [self._add(pyarrow.array(numpy.asarray(codes))) for codes in index.codes]
            return {"kind": "multi", "names": list(index.names), "levels": levels, "codes": places}
        if _INDEX_CLASSES.get(kind.__name__) is not kind:
            raise ValueUnstorable(f"{place} is a {kind.__name__}, which has no exact form here.")
        freq = getattr(index, "freq", None) if kind in (pandas.DatetimeIndex, pandas.TimedeltaIndex) else None
        spec = {"kind": "index", "class": kind.__name__, "values": self.column(index.array, place), "name": index.name}
        if freq is not None:
            if pandas.tseries.frequencies.to_offset(freq.freqstr) != freq:
                raise ValueUnstorable(f"{place} has the frequency {freq!r}, whose text {freq.freqstr!r} is not exact.")
            spec["freq"] = freq.freqstr
        return spec

    def apart(self, index: Any, place: str = "labels") -> bytes:
        """Return an index of another length as a stream of its own."""
        packer = Packer(len(index))
        table = packer.table({"index": packer.index(index, place), "rows": len(index)})
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return bytes(sink.getvalue())

    def _add(self, array: Any) -> int:
        if isinstance(array, pyarrow.ChunkedArray):
            array = array.combine_chunks()
        self._arrays.append(array)
        return len(self._arrays) - 1

    def _numbers(self, values: Any, place: str) -> dict[str, Any]:
        plain = numpy.asarray(values)
        if plain.dtype.kind not in _NUMPY_KINDS or not plain.dtype.isnative:
            raise ValueUnstorable(f"{place} of dtype {plain.dtype} has no exact Arrow form.")
        return {"kind": "numpy", "dtype": plain.dtype.str, "array": self._add(pyarrow.array(plain, from_pandas=False))}

    def _objects(self, values: Any, place: str) -> dict[str, Any]:
        plain = numpy.asarray(values, dtype=object)
        kinds = set(map(type, plain))
        if kinds <= {str, type(None)} and str in kinds:
            return {"kind": "text", "array": self._add(pyarrow.array(plain, pyarrow.large_string(), from_pandas=False))}
        if kinds == {str, float} and all(type(item) is str or item is numpy.nan for item in plain):
            return {
                "kind": "text",
                "missing": float("nan"),
                "array": self._add(pyarrow.array(plain, pyarrow.large_string(), from_pandas=True)),
            }
        texts = [codec.encode(item, name=f"{place}[{row}]") for row, item in enumerate(plain)]
        return {"kind": "typed", "array": self._add(pyarrow.array(texts, pyarrow.large_string()))}

    def _categories(self, values: Any) -> dict[str, Any]:
        codes = self._add(pyarrow.array(numpy.asarray(values.codes)))
        categories = self.apart(values.categories)
        return {"kind": "category", "ordered": bool(values.ordered), "categories": categories, "array": codes}

    def _extension(self, values: Any, place: str) -> dict[str, Any]:
        dtype = values.dtype
        spec: dict[str, Any] = {"kind": "extension", "dtype": str(dtype)}
        if type(dtype) is pandas.StringDtype:
            spec = {"kind": "string", "storage": dtype.storage, "nan": dtype.na_value is not pandas.NA}
        elif not _is_named(dtype):
            raise ValueUnstorable(f"{place} of dtype {dtype} has no exact Arrow form.")
        spec["array"] = self._add(pyarrow.array(values))
        return spec


class Unpacker:
    """Makes columns and indexes from a stored table; arrays of numbers may share its memory, and be read-only."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def member(self, spec: dict[str, Any], rows: Any) -> Any:
        """Return a described column in the form from which a DataFrame takes it over without guessing its dtype."""
        values = self.values(spec)
        return pandas.Series(values, index=rows, dtype=object, copy=False) if values.dtype == object else values

    def series(self, spec: dict[str, Any], rows: Any) -> Any:
        """Return a described column as a Series over ``rows``, in memory of its own."""
        values = self.values(spec)
        return pandas.Series(values, index=rows, dtype=values.dtype, copy=True)

    def values(self, spec: dict[str, Any]) -> Any:
        """Return a described array: numpy's where the dtype is numpy's, else pandas'."""
        array = self._table.column(spec["array"])
        kind = spec["kind"]
        if kind == "numpy":
            return array.to_numpy().astype(spec["dtype"], copy=False)
        if kind == "text":
            return _object_array([spec.get("missing") if item is None else item for item in _texts(array, spec)])
        if kind == "typed":
            return _object_array([codec.decode(item) for item in array.to_pylist()])
        if kind == "category":
            categories = self.apart(spec["categories"])
            return pandas.Categorical.from_codes(
                array.to_numpy().copy(), categories=categories, ordered=spec["ordered"]
            )
        if kind == "string":
            dtype: Any = pandas.StringDtype(spec["storage"], na_value=numpy.nan if spec["nan"] else pandas.NA)
        elif kind == "extension":
            dtype = pandas.api.types.pandas_dtype(spec["dtype"])
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
            codes = [self._table.column(place).to_numpy().copy() for place in spec["codes"]]
            return pandas.MultiIndex(levels=levels, codes=codes, names=spec["names"], verify_integrity=False)
        cls: Any = _INDEX_CLASSES[spec["class"]]
        values = self.values(spec["values"]).copy()
        if cls in (pandas.DatetimeIndex, pandas.TimedeltaIndex):
            return cls(values, freq=spec.get("freq"), name=spec["name"])
        return pandas.Index(values, dtype=values.dtype, name=spec["name"])

    @staticmethod
    def apart(data: bytes) -> Any:
        """Return an index that was stored as a stream of its own."""
        table = pyarrow.ipc.open_stream(data).read_all()
        header = codec.decode(table.schema.metadata[HEADER].decode())
        return Unpacker(table).index(header["index"])


def _is_named(dtype: Any) -> bool:
    """Whether the dtype's text gives the dtype, and the dtype reads Arrow arrays."""
    if isinstance(dtype, pandas.SparseDtype) or not hasattr(dtype, "__from_arrow__"):
        return False
    try:
        return bool(pandas.api.types.pandas_dtype(str(dtype)) == dtype)
    except (TypeError, ValueError, NotImplementedError):
        return False


def _texts(array: Any, spec: dict[str, Any]) -> list[Any]:
    if "missing" in spec:
        spec["missing"] = numpy.nan  # the one object that pandas uses for it
    found: list[Any] = array.to_pylist()
    return found


def _object_array(items: list[Any]) -> Any:
    array = numpy.empty(len(items), dtype=object)
    array[:] = items
    return array
