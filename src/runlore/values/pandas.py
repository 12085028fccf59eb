"""pandas frames, series, indexes and categoricals as one Arrow IPC stream (zstd); index, labels and dtypes exact.

Columns are stored by position. What they are called and what Arrow alone does not say is typed JSON in the stream's
schema (`docs/design/codec.md`, "Frames").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pandas
import pyarrow

from runlore.errors import RunloreError, ValueUnloadable, ValueUnstorable
from runlore.values import codec
from runlore.values.frames import HEADER, Packer, Unpacker
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer

_BATCH_ROWS = 1 << 17
_DESCRIBED_COLUMNS = 100
_PICTURED_ROWS = 10


class PandasMaterializer(Materializer):
    """Stores DataFrames, Series, indexes of any kind and Categoricals.

    Loads an equal one with the same index, labels, dtypes, names and attributes.
    """

    name = "pandas"
    types = ("pandas.DataFrame", "pandas.Series", "pandas.Index", "pandas.Categorical")
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
        return type(value) in _CLASSES or isinstance(value, pandas.Index)

    def save(self, value: Any, writer: Writer) -> None:
        try:
            table = _pack(value)
        except ValueUnstorable as error:
            raise Declined(str(error)) from error
        options = pyarrow.ipc.IpcWriteOptions(compression="zstd")
        with pyarrow.ipc.new_stream(_Sink(writer), table.schema, options=options) as stream:
            stream.write_table(table, max_chunksize=_BATCH_ROWS)

    def load(self, reader: Reader) -> Any:
        try:
            return _unpack(pyarrow.ipc.open_stream(reader.read()).read_all())
        except RunloreError:
            raise
        except (pyarrow.ArrowException, ValueError, TypeError, KeyError, IndexError) as error:
            raise ValueUnloadable(f"The payload is not a stored frame: {type(error).__name__}: {error}.") from error

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``shape`` and ``dtype`` (a DataFrame's by column), and ``min``, ``max``, ``mean``, ``std``.

        Statistics are over what is not missing, of numeric columns that have any value, for up to 100 columns. Of
        columns that share a label the last one counts.
        """
        found: dict[str, Any] = {"shape": list(value.shape)}
        if not isinstance(value, pandas.DataFrame):
            return found | {"dtype": str(value.dtype)} | _statistics(value)
        columns = [(str(label), value.iloc[:, place]) for place, label in enumerate(value.columns[:_DESCRIBED_COLUMNS])]
        found["dtype"] = {label: str(column.dtype) for label, column in columns}
        by_column = {label: _statistics(column) for label, column in columns}
        for kind in ("min", "max", "mean", "std"):
            shown = {label: values[kind] for label, values in by_column.items() if kind in values}
            if shown:
                found[kind] = shown
        return found

    def pictures(self, value: Any) -> Sequence[Picture]:
        """``describe``: a summary by column; ``sample``: the first and last rows. Both as CSV; none without columns."""
        frame = _frame_of(value)
        if frame.shape[1] == 0:
            return ()
        pictures = []
        if len(frame):
            try:
                with numpy.errstate(all="ignore"):  # infinities are no news
                    described = frame.describe(include="all").to_csv()
            except (TypeError, ValueError):  # unhashable objects cannot be counted
                described = None
            if described is not None:
                pictures.append(Picture(kind="csv", data=described.encode("utf-8", "replace"), name="describe"))
        short = len(frame) <= 2 * _PICTURED_ROWS
        sample = frame if short else pandas.concat([frame.head(_PICTURED_ROWS), frame.tail(_PICTURED_ROWS)])
        pictures.append(Picture(kind="csv", data=sample.to_csv().encode("utf-8", "replace"), name="sample"))
        return tuple(pictures)


_CLASSES = (pandas.DataFrame, pandas.Series, pandas.Categorical)


class _Sink:
    """What pyarrow writes to as if it were a file."""

    closed = False

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._writer.write(view)
        return view.nbytes

    def flush(self) -> None:
        pass  # the writer decides when bytes are durable

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


def _frame_of(value: Any) -> Any:
    if isinstance(value, pandas.MultiIndex):
        return pandas.DataFrame({place: value.get_level_values(place) for place in range(value.nlevels)})
    if isinstance(value, pandas.Index):
        return value.to_frame(index=False)
    if isinstance(value, pandas.Categorical):
        return pandas.DataFrame({"values": value})
    return value.to_frame() if isinstance(value, pandas.Series) else value


def _pack(value: Any) -> Any:
    packer = Packer(len(value))
    header: dict[str, Any] = {"form": 1, "rows": len(value)}
    if isinstance(value, pandas.Index):
        return packer.table(header | {"alone": "index", "index": packer.index(value, "index")})
    if type(value) is pandas.Categorical:
        return packer.table(header | {"alone": "values", "values": packer.column(value, "values")})
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
    return packer.table(header)


def _unpack(table: Any) -> Any:
    text = (table.schema.metadata or {}).get(HEADER)
    if text is None:
        raise ValueUnloadable("The payload is an Arrow stream, but not one that runlore wrote.")
    header = codec.decode(text.decode())
    unpacker = Unpacker(table)
    alone = header.get("alone")
    if alone is not None:
        return unpacker.index(header["index"]) if alone == "index" else unpacker.values(header["values"])
    index = unpacker.index(header["index"])
    rows = pandas.RangeIndex(header["rows"])
    value: Any
    if "series" in header:
        value = unpacker.series(header["series"], rows)
        value.name = header["name"]
    else:
        columns = {place: unpacker.member(spec, rows) for place, spec in enumerate(header["columns"])}
        value = pandas.DataFrame(columns, index=rows, copy=True)
        value.columns = unpacker.apart(header["labels"])
    value.index = index
    value.attrs = header["attrs"]
    return value if header["duplicates"] else value.set_flags(allows_duplicate_labels=False)


def _statistics(column: Any) -> dict[str, Any]:
    dtype = column.dtype
    if not pandas.api.types.is_numeric_dtype(dtype) or pandas.api.types.is_complex_dtype(dtype):
        return {}
    known = column.dropna()
    if not len(known):
        return {}
    numbers = numpy.asarray(known, dtype=None if known.dtype.kind in "biu" else numpy.float64)
    if numbers.dtype.kind not in "biuf":
        return {}
    found = {"min": numbers.min().item(), "max": numbers.max().item()}
    with numpy.errstate(all="ignore"):
        mean, std = float(numbers.mean(dtype=numpy.float64)), float(numbers.std(dtype=numpy.float64))
    return found | ({"mean": mean, "std": std} if math.isfinite(mean) and math.isfinite(std) else {})
