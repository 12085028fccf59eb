"""Properties of stored arrays and frames: exact round trips of what is taken, and honest descriptions."""

from __future__ import annotations

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
from runlore.values.metadata import encode_metadata
from runlore.values.numpy import NumpyMaterializer
from runlore.values.pandas import PandasMaterializer

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
