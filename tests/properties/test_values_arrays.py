"""Properties of stored arrays and frames: exact round trips of what is taken, and honest descriptions."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import numpy
import pandas
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st
from hypothesis.extra import pandas as pd_st

from runlore.testing.payloads import round_trip
from runlore.values.codec import decode, encode
from runlore.values.facts import facts
from runlore.values.metadata import encode_metadata
from runlore.values.numpy import NumpyMaterializer
from runlore.values.pandas import PandasMaterializer
from runlore.values.registry import by_name

dtypes = (
    np_st.boolean_dtypes()
    | np_st.integer_dtypes(endianness="?")
    | np_st.unsigned_integer_dtypes(endianness="?")
    | np_st.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | np_st.complex_number_dtypes(sizes=(64, 128))
    | np_st.datetime64_dtypes()
    | np_st.timedelta64_dtypes()
    | np_st.unicode_string_dtypes()
    | np_st.byte_string_dtypes()
)
arrays = np_st.arrays(dtypes, np_st.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))


def stored(materializer: Any, value: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return round_trip(materializer, value, Path(folder))


@given(arrays, st.booleans(), st.booleans())
def test_arrays_come_back_exactly(array: Any, transpose: bool, reverse: bool) -> None:
    """Any array of a fixed-size dtype comes back with its shape, dtype and bits, whatever its memory layout."""
    array = array.T if transpose else array
    array = array[::-1] if reverse and array.ndim else array
    found = stored(NumpyMaterializer(), array)

    assert type(found) is numpy.ndarray
    assert (found.shape, found.dtype.str, found.tobytes()) == (array.shape, array.dtype.str, array.tobytes())


@given(arrays)
def test_every_array_is_described_and_pictured(array: Any) -> None:
    """Metadata is storable and true to shape and dtype; drawing never fails."""
    found = NumpyMaterializer().metadata(array)
    encode_metadata("meta", dict(found))
    NumpyMaterializer().pictures(array)

    assert found["shape"] == list(array.shape) and found["dtype"] == str(array.dtype)


@given(arrays.filter(lambda array: array.size > 0))
def test_numpy_scalars_come_back_exactly(array: Any) -> None:
    """Any numpy scalar comes back with its type, dtype and bits."""
    scalar = array.reshape(-1)[0]
    found = decode(encode(scalar))

    assert type(found) is type(scalar)
    assert found.tobytes() == scalar.tobytes() or found.dtype.byteorder != scalar.dtype.byteorder
    assert encode(found) == encode(scalar)


columns = st.sampled_from(
    ["int8", "uint16", "int64", "float32", "float64", "bool", "datetime64[ns]", "timedelta64[ns]"]
)
labels = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)


@st.composite
def frames(draw: st.DrawFn) -> pandas.DataFrame:
    rows = draw(st.integers(0, 5))
    members: list[Any] = []
    for _ in range(draw(st.integers(0, 4))):
        texts = st.one_of(labels, st.none(), st.just(numpy.nan), st.integers())
        numbers = columns.flatmap(lambda dtype: pd_st.series(dtype=dtype, index=pd_st.range_indexes(rows, rows)))
        objects = st.lists(texts, min_size=rows, max_size=rows).map(lambda items: pandas.Series(items, dtype=object))
        members.append(draw(numbers | objects))
    frame = pandas.concat(members, axis=1) if members else pandas.DataFrame(index=pandas.RangeIndex(rows))
    frame.columns = pandas.Index(
        draw(st.lists(labels | st.integers(), min_size=len(members), max_size=len(members))), dtype=object
    )
    return frame.set_axis(draw(st.lists(st.integers() | labels, min_size=rows, max_size=rows)), axis=0)


@given(frames())
def test_frames_come_back_exactly(frame: pandas.DataFrame) -> None:
    """Any frame that is taken comes back with values, dtypes, index and labels, each element of its own type."""
    store = PandasMaterializer()
    if not store.takes(frame):
        return
    found = stored(store, frame)

    pandas.testing.assert_frame_equal(found, frame, check_exact=True)
    for place in range(frame.shape[1]):
        assert list(map(type, found.iloc[:, place])) == list(map(type, frame.iloc[:, place]))
    encode_metadata("meta", dict(store.metadata(frame)))


zones = st.none() | st.just(dt.UTC) | st.timezones() | st.just(dt.timezone(dt.timedelta(hours=5, minutes=30)))
units = st.sampled_from(["s", "ms", "us", "ns"])
moments = st.builds(
    lambda moment, unit, zone: pandas.Timestamp(moment).as_unit(unit).tz_localize("UTC").tz_convert(zone),
    st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1)),
    units,
    zones,
)
spans = st.builds(
    lambda span, unit: pandas.Timedelta(span).as_unit(unit),
    st.timedeltas(dt.timedelta(days=-50_000), dt.timedelta(days=50_000)),
    units,
)
periods = st.builds(
    pandas.Period, st.dates(dt.date(1900, 1, 1)), freq=st.sampled_from(["D", "M", "3h", "Q-NOV", "W-TUE"])
)
scalars = moments | spans | periods | st.just(pandas.NaT) | st.just(pandas.NA)


@given(scalars, scalars)
def test_pandas_scalars_come_back_exactly(one: Any, other: Any) -> None:
    """A scalar of pandas keeps type, unit, zone, fold and nanoseconds, and shares its text with its equal only."""
    for value in (one, other):
        found = decode(encode([value]))[0]
        assert type(found) is type(value) and repr(found) == repr(value)
        for mark in ("unit", "tzinfo", "fold", "nanosecond", "freqstr"):
            assert str(getattr(found, mark, None)) == str(getattr(value, mark, None))
        assert facts("at", value) == facts("at", found)
    marks = [(repr(value), getattr(value, "unit", ""), repr(getattr(value, "tzinfo", ""))) for value in (one, other)]
    if encode(one) == encode(other):
        assert marks[0] == marks[1]


@given(st.recursive(arrays, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner), max_leaves=6))
def test_containers_of_arrays_come_back_exactly(value: Any) -> None:
    """Arrays in lists and tuples of any nesting come back with dtype, shape and bits, in the same places."""
    found = stored(by_name("nested"), value)

    def same(one: Any, other: Any) -> bool:
        if type(one) is not type(other):
            return False
        if isinstance(one, list | tuple):
            return len(one) == len(other) and all(map(same, one, other))
        return (one.shape, one.dtype.str, one.tobytes()) == (other.shape, other.dtype.str, other.tobytes())

    assert same(found, value)
