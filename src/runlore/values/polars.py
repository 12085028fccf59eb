"""polars frames, series and lazy frames as one Arrow IPC file, written by polars itself.

Each of the three classes is a materializer of its own, since the file holds a table whichever it was.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars

from runlore.errors import ValueUnloadable
from runlore.values import drawing
from runlore.values.described import DESCRIBED_COLUMNS, by_column, csv_picture, described_picture, sampled, stride_of
from runlore.values.files import WriterFile
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer

_READ_UP_TO = 1 << 20
_PICTURED_ROWS = 20
_PLAN_LENGTH = 4_000
_BINS = 30


class PolarsMaterializer(Materializer):
    """Stores DataFrames of any dtypes but Object, whose members are anything."""

    name = "polars"
    types = ("polars.DataFrame",)
    extra = "polars"

    def takes(self, value: Any) -> bool:
        return type(value) is polars.DataFrame and not _holds_objects(value.schema)

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(f"This {type(value).__name__} holds Python objects, or is a subclass: it is no Arrow data.")
        value.write_ipc(WriterFile(writer))

    def load(self, reader: Reader) -> Any:
        return _read(reader)

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``shape`` and, by column for up to 100 columns, ``dtype``, ``null_count``, ``nan_count`` and statistics.

        Statistics are ``min``, ``max``, ``mean`` and ``std`` of numbers and truth values, over what is there. Of more
        than a million rows a regular sample is described, and ``sampled`` tells its size.
        """
        shown = value[:, :DESCRIBED_COLUMNS]
        sample = shown.gather_every(stride_of(value.height))
        types = {name: str(dtype) for name, dtype in shown.schema.items()}
        notes = [(column.name, _statistics(column)) for column in sample]
        return {"shape": list(value.shape), "dtype": types, **by_column(notes), **sampled(value.height)}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """``describe``: what is known of each column; ``sample``: the first rows. Both as CSV."""
        if not value.width:
            return ()
        shown = value[:, :DESCRIBED_COLUMNS]
        sample = csv_picture("sample", shown.columns, shown.head(_PICTURED_ROWS).rows())
        return (described_picture(self.metadata(shown)), sample)


class PolarsSeriesMaterializer(Materializer):
    """Stores Series as the only column of a table, under their name."""

    name = "polars-series"
    types = ("polars.Series",)
    extra = "polars"

    def takes(self, value: Any) -> bool:
        return type(value) is polars.Series and not _holds_objects({value.name: value.dtype})

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined("This Series holds Python objects, or is a subclass: it is no Arrow data.")
        value.to_frame().write_ipc(WriterFile(writer))

    def load(self, reader: Reader) -> Any:
        frame = _read(reader)
        if frame.width != 1:
            raise ValueUnloadable(f"The payload of a Series holds {frame.width} columns.")
        return frame.to_series()

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``shape``, ``dtype``, and what is known of a column, as of a DataFrame."""
        notes = _statistics(value.gather_every(stride_of(len(value))))
        return {"shape": [len(value)], "dtype": str(value.dtype), **notes, **sampled(len(value))}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """As of a DataFrame, and a histogram of numbers."""
        return (*_FRAME.pictures(value.to_frame()), *_histogram(value.gather_every(stride_of(len(value)))))


class PolarsLazyMaterializer(Materializer):
    """Stores what a LazyFrame's plan gives, which is run once for it, row group by row group; loads it as a LazyFrame.

    The plan itself is not stored but described: what it reads may be gone or other tomorrow, and it may hold functions.
    """

    name = "polars-lazy"
    types = ("polars.LazyFrame",)
    extra = "polars"

    def takes(self, value: Any) -> bool:
        return type(value) is polars.LazyFrame and not _holds_objects(value.collect_schema())

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined("This LazyFrame gives Python objects, or is a subclass: it is no Arrow data.")
        value.sink_ipc(WriterFile(writer), maintain_order=True)

    def load(self, reader: Reader) -> Any:
        return _read(reader).lazy()

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``dtype`` by column for up to 100 columns, and ``plan`` as text. Nothing is computed for it."""
        schema = list(value.collect_schema().items())[:DESCRIBED_COLUMNS]
        return {"dtype": {name: str(dtype) for name, dtype in schema}, "plan": value.explain()[:_PLAN_LENGTH]}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """As of the DataFrame that it gives."""
        return _FRAME.pictures(value.collect())


_FRAME = PolarsMaterializer()


def _read(reader: Reader) -> Any:
    try:
        return polars.read_ipc(io.BytesIO(reader.read()) if reader.size <= _READ_UP_TO else reader.path())
    except (polars.exceptions.PolarsError, OSError, ValueError) as error:
        raise ValueUnloadable(f"The payload is not a stored polars table: {type(error).__name__}: {error}.") from error


def _holds_objects(schema: Mapping[str, Any]) -> bool:
    return any(_is_object(dtype) for dtype in schema.values())


def _is_object(dtype: Any) -> bool:
    inner = getattr(dtype, "inner", None)
    fields = getattr(dtype, "fields", ())
    return (
        dtype == polars.Object
        or (inner is not None and _is_object(inner))
        or any(_is_object(field.dtype) for field in fields)
    )


def _statistics(column: Any) -> dict[str, Any]:
    count = column.null_count()
    found: dict[str, Any] = {"null_count": count} if count else {}
    known = _numbers(column)
    if known is None:
        return found
    if known.null_count() > count:
        found["nan_count"] = known.null_count() - count
    low, high = known.min(), known.max()
    if low is None:
        return found
    found.update(min=low, max=high)
    numbers = known.cast(polars.Float64)
    mean, std = numbers.mean(), numbers.std(ddof=0)
    return found | ({"mean": mean, "std": std} if math.isfinite(mean) and math.isfinite(std) else {})


def _numbers(column: Any) -> Any:
    """A column of numbers or truth values, with null for what is not a number; None for any other."""
    if column.dtype.is_float():
        return column.fill_nan(None)
    return column if column.dtype.is_numeric() or column.dtype == polars.Boolean else None


def _histogram(column: Any) -> Sequence[Picture]:
    known = _numbers(column)
    if known is None:
        return ()
    known = known.cast(polars.Float64).drop_nulls()
    known = known.filter(known.is_finite())
    if not len(known):
        return ()
    low, high = drawing.spread(known.min(), known.max())
    if not math.isfinite(high - low):
        return ()
    places = ((known - low) * (_BINS / (high - low))).cast(polars.Int64).clip(0, _BINS - 1)
    counts = dict(places.alias("place").value_counts().rows())
    drawn = drawing.histogram([counts.get(place, 0) for place in range(_BINS)], low, high)
    return (Picture(kind="image", data=drawn, name="histogram", media_type="image/svg+xml"),)
