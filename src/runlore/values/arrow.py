"""pyarrow's tables, record batches, arrays, scalars and schemas as one Arrow IPC stream, mapped when it is loaded.

The stream is not compressed: Arrow data never changes in place, so what is mapped is used as it lies, however large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow
import pyarrow.compute

from runlore.errors import RunloreError, ValueUnloadable
from runlore.values import codec, drawing
from runlore.values.described import (
    DESCRIBED_COLUMNS,
    SAMPLED_ABOVE,
    by_column,
    csv_picture,
    described_picture,
)
from runlore.values.files import WriterFile
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer

#: Key of the header in the stream's schema metadata; it is not there any more in what is loaded.
HEADER = b"runlore-arrow"

_BATCH_ROWS = 1 << 17
_MAP_FROM = 1 << 20
_PICTURED_ROWS = 20
_SAMPLED_BLOCKS = 100
_BINS = 30


class ArrowMaterializer(Materializer):
    """Stores tables, record batches, arrays (chunked or not), scalars and schemas of pyarrow, with their metadata.

    How a table or chunked array is cut into chunks is no part of it: it is stored in batches of 131,072 rows.
    """

    name = "pyarrow"
    types = (
        "pyarrow.Table",
        "pyarrow.RecordBatch",
        "pyarrow.ChunkedArray",
        "pyarrow.Array",
        "pyarrow.Scalar",
        "pyarrow.Schema",
    )
    extra = "pyarrow"

    def takes(self, value: Any) -> bool:
        return _kind_of(value) is not None and HEADER not in (_schema_of(value).metadata or {})

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(f"A {type(value).__name__} has no exact Arrow stream.")
        schema = _schema_of(value)
        header = {"kind": _kind_of(value), "extensions": sorted(set(_extensions(schema)))}
        metadata = {**(schema.metadata or {}), HEADER: codec.encode(header).encode()}
        try:
            stream_schema = schema.with_metadata(metadata)
            with pyarrow.ipc.new_stream(WriterFile(writer), stream_schema) as stream:
                for batch in _batches(value, schema):
                    columns = [compact(column) for column in batch.columns]
                    stream.write_batch(pyarrow.RecordBatch.from_arrays(columns, schema=stream_schema))
        except pyarrow.ArrowNotImplementedError as error:
            raise Declined(f"This {type(value).__name__} has no exact Arrow stream: {error}") from error

    def load(self, reader: Reader) -> Any:
        try:
            whole = reader.read() if reader.size <= _MAP_FROM else pyarrow.memory_map(str(reader.path()))
            table = pyarrow.ipc.open_stream(whole).read_all()
            metadata = dict(table.schema.metadata or {})
            header = codec.decode(metadata.pop(HEADER).decode())
            _check_extensions(header["extensions"], table.schema)
            return _rebuilt(header["kind"], table.replace_schema_metadata(metadata or None))
        except RunloreError:
            raise
        except (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError) as error:
            raise ValueUnloadable(f"The payload is not stored Arrow data: {type(error).__name__}: {error}.") from error

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``shape`` and ``dtype``, ``null_count``, and of numbers ``min``, ``max``, ``mean``, ``std``.

        Of tables and batches each is by column, for up to 100 columns. Of more than a million rows a hundred blocks
        are described, and ``sampled`` tells how many rows these hold. A schema says the types of its fields only.
        """
        if isinstance(value, pyarrow.Schema):
            return {"fields": {field.name: str(field.type) for field in list(value)[:DESCRIBED_COLUMNS]}}
        if isinstance(value, pyarrow.Scalar):
            return {"dtype": str(value.type)}
        table = _table_of(value)
        sample = _sample(table)
        names = table.schema.names[:DESCRIBED_COLUMNS]
        told = {} if sample.num_rows == table.num_rows else {"sampled": sample.num_rows}
        if isinstance(value, pyarrow.Array | pyarrow.ChunkedArray):
            return {"shape": [len(value)], "dtype": str(value.type), **_statistics(sample.column(0)), **told}
        notes = [(name, _statistics(sample.column(place))) for place, name in enumerate(names)]
        types = {name: str(table.schema.field(place).type) for place, name in enumerate(names)}
        return {"shape": list(table.shape), "dtype": types, **by_column(notes), **told}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """``describe``: what is known of each column; ``sample``: the first rows. Of numbers alone a histogram."""
        if isinstance(value, pyarrow.Schema | pyarrow.Scalar):
            return ()
        table = _table_of(value)
        if not table.num_columns:
            return ()
        table = table.select(list(range(min(table.num_columns, DESCRIBED_COLUMNS))))
        head = table.slice(0, _PICTURED_ROWS)
        rows = zip(*(column.to_pylist() for column in head.columns), strict=True)
        pictures = [described_picture(self.metadata(table)), csv_picture("sample", table.schema.names, rows)]
        if isinstance(value, pyarrow.Array | pyarrow.ChunkedArray):
            pictures.extend(_histogram(_sample(table).column(0)))
        return tuple(pictures)


def _kind_of(value: Any) -> str | None:
    for kind, cls in (
        ("table", pyarrow.Table),
        ("batch", pyarrow.RecordBatch),
        ("chunked", pyarrow.ChunkedArray),
        ("schema", pyarrow.Schema),
    ):
        if type(value) is cls:
            return kind
    if isinstance(value, pyarrow.Array):
        return "array"
    return "scalar" if isinstance(value, pyarrow.Scalar) else None


def _schema_of(value: Any) -> Any:
    if isinstance(value, pyarrow.Schema):
        return value
    if isinstance(value, pyarrow.Table | pyarrow.RecordBatch):
        return value.schema
    return pyarrow.schema([pyarrow.field("values", value.type)])


def _batches(value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(value, pyarrow.Schema):
        return
    if isinstance(value, pyarrow.RecordBatch):
        yield value
        return
    if isinstance(value, pyarrow.Array | pyarrow.Scalar):
        array = pyarrow.array([value.as_py()], value.type) if isinstance(value, pyarrow.Scalar) else value
        yield pyarrow.RecordBatch.from_arrays([array], schema=schema)
        return
    table = _table_of(value)
    if any(pyarrow.types.is_dictionary(kind) for kind in schema.types):
        table = table.unify_dictionaries()
    for start in range(0, table.num_rows, _BATCH_ROWS):
        piece = table.slice(start, _BATCH_ROWS)
        try:
            yield from piece.combine_chunks().to_batches()
        except pyarrow.ArrowNotImplementedError:  # what nests dictionaries that differ stays in its chunks
            yield from piece.to_batches()


def compact(array: Any) -> Any:
    """Return an array that holds nothing but its own members: one cut from a larger one would take neighbours along."""
    if array.nbytes == array.get_total_buffer_size():
        return array
    try:
        return pyarrow.concat_arrays([array, array.slice(0, 0)])
    except pyarrow.ArrowNotImplementedError:
        return array


def _rebuilt(kind: str, table: Any) -> Any:
    if kind == "table":
        return table
    if kind == "schema":
        return table.schema
    if kind == "batch":
        batches = table.to_batches()
        return batches[0] if batches else _empty_batch(table.schema)
    if kind == "chunked":
        return table.column(0)
    if kind in ("array", "scalar"):
        column = table.column(0)
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        return array if kind == "array" else array[0]
    raise ValueUnloadable(f"Arrow data of kind {kind!r} is unknown. A newer runlore wrote it; upgrade.")


def _empty_batch(schema: Any) -> Any:
    arrays = [pyarrow.array([], field.type) for field in schema]
    return pyarrow.RecordBatch.from_arrays(arrays, schema=schema)


def _extensions(schema: Any) -> Iterator[str]:
    """Names of the extension types in a schema that are not Arrow's own."""
    for field in schema:
        yield from _extensions_of(field.type)


def _extensions_of(kind: Any) -> Iterator[str]:
    if isinstance(kind, pyarrow.BaseExtensionType):
        if not kind.extension_name.startswith("arrow."):
            yield kind.extension_name
        kind = kind.storage_type
    for place in range(kind.num_fields):
        yield from _extensions_of(kind.field(place).type)


def _check_extensions(names: list[str], schema: Any) -> None:
    missing = sorted(set(names) - set(_extensions(schema)))
    if missing:
        raise ValueUnloadable(
            f"The Arrow extension type {missing[0]!r} is not registered here. Import the package that brings it, or "
            "call pyarrow.register_extension_type, before loading."
        )


def _table_of(value: Any) -> Any:
    if isinstance(value, pyarrow.Table):
        return value
    if isinstance(value, pyarrow.RecordBatch):
        return pyarrow.Table.from_batches([value])
    return pyarrow.table([value], names=["values"])


def _sample(table: Any) -> Any:
    """The table itself, or of a long one a hundred blocks at equal distances, which are not copied."""
    rows = table.num_rows
    if rows <= SAMPLED_ABOVE:
        return table
    length = SAMPLED_ABOVE // _SAMPLED_BLOCKS
    return pyarrow.concat_tables(
        [table.slice(block * (rows - length) // (_SAMPLED_BLOCKS - 1), length) for block in range(_SAMPLED_BLOCKS)]
    )


def _statistics(column: Any) -> dict[str, Any]:
    count = column.null_count
    found: dict[str, Any] = {"null_count": count} if count else {}
    known = _numbers(column)
    if known is None:
        return found
    if known.null_count > count:
        found["nan_count"] = known.null_count - count
    compute = pyarrow.compute
    bounds = compute.min_max(known)
    if bounds["min"].as_py() is None:
        return found
    boolean = pyarrow.types.is_boolean(known.type)
    numbers = known.cast(pyarrow.int8()) if boolean else known
    if pyarrow.types.is_decimal(known.type):
        numbers = known.cast(pyarrow.float64())
    mean, std = compute.mean(numbers).as_py(), compute.stddev(numbers).as_py()
    found.update(min=bounds["min"].as_py(), max=bounds["max"].as_py())
    return found | ({"mean": mean, "std": std} if math.isfinite(mean) and math.isfinite(std) else {})


def _numbers(column: Any) -> Any:
    """A column of numbers or truth values with null for what is not a number; None for any other."""
    kind = column.type
    types = pyarrow.types
    if types.is_float16(kind):
        column, kind = column.cast(pyarrow.float32()), pyarrow.float32()
    if types.is_floating(kind):
        return pyarrow.compute.if_else(pyarrow.compute.is_nan(column), pyarrow.scalar(None, kind), column)
    return column if types.is_integer(kind) or types.is_boolean(kind) or types.is_decimal(kind) else None


def _histogram(column: Any) -> Sequence[Picture]:
    known = _numbers(column)
    if known is None:
        return ()
    compute = pyarrow.compute
    if pyarrow.types.is_boolean(known.type):
        known = known.cast(pyarrow.int8())
    known = known.cast(pyarrow.float64(), safe=False).drop_null()
    known = known.filter(compute.is_finite(known))
    if not len(known):
        return ()
    bounds = compute.min_max(known)
    low, high = drawing.spread(bounds["min"].as_py(), bounds["max"].as_py())
    if not math.isfinite(high - low):
        return ()
    places = compute.floor(compute.multiply(compute.subtract(known, low), _BINS / (high - low)))
    found = compute.value_counts(compute.min_element_wise(places, _BINS - 1).cast(pyarrow.int64()))
    counts = dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))
    drawn = drawing.histogram([counts.get(place, 0) for place in range(_BINS)], low, high)
    return (Picture(kind="image", data=drawn, name="histogram", media_type="image/svg+xml"),)
