"""Properties of tables: whatever goes in comes out, in a fresh process that was started from another folder.

One process loads all of it, through the public door, and says of each value which bytes it would store for it.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st
from polars.testing import assert_frame_equal, assert_series_equal
from polars.testing.parametric import dataframes, series
from scipy import sparse

from runlore import load_artifact, save_artifact
from runlore.workspace import default_workspace

LOADING = """
import sys
from runlore import load_artifact
from runlore.workspace import default_workspace

vault = default_workspace().vault
for line in sys.stdin:
    try:
        content = vault.store(load_artifact("value", line.strip()))
        print(content.type, content.materializer, content.digest, flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"""
Check = Callable[..., str]


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Check]:
    """Saves a value, has it loaded here and by another process, and returns the name of its materializer."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNLORE_HOME", folder)
        patch.setenv("RUNLORE_DURABILITY", "relaxed")
        other = subprocess.Popen(
            [sys.executable, "-c", LOADING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=os.path.dirname(folder),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert other.stdin is not None and other.stdout is not None

        def check(value: Any, same: Callable[[Any, Any], Any] | None = None) -> str:
            version = save_artifact(value, "value")
            told = f"{version.type} {version.materializer} {version.digest}"
            found = load_artifact("value", version.version)
            if same is not None:
                same(found, value)
            here = default_workspace().vault.store(found)
            assert f"{here.type} {here.materializer} {here.digest}" == told
            assert other.stdin is not None and other.stdout is not None
            other.stdin.write(f"{version.version}\n")
            other.stdin.flush()
            assert other.stdout.readline().strip() == told
            return version.materializer

        try:
            yield check
        finally:
            other.stdin.close()
            other.wait()
            other.stdout.close()


few = settings(max_examples=15)


# --- numpy and scipy ----------------------------------------------------------------------------------------------

plain = np_st.scalar_dtypes()
fields = np_st.array_dtypes(subtype_strategy=plain, max_size=3).map(
    lambda dtype: numpy.dtype(dtype, align=True) if dtype.names else dtype
)
masked = np_st.arrays(plain, np_st.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)).flatmap(
    lambda data: np_st.arrays("?", data.shape).map(lambda mask: numpy.ma.MaskedArray(data, mask=mask))
)
rows = np_st.arrays(fields, np_st.array_shapes(min_side=0, max_side=4))


@few
@given(masked | rows | rows.map(lambda data: data.view(numpy.recarray)))
def test_arrays_of_any_class(elsewhere: Check, value: Any) -> None:
    """Masked, structured, aligned and record arrays come back with the same bytes, class and dtype."""

    def same(found: Any, value: Any) -> None:
        assert found.shape == value.shape and found.dtype == value.dtype
        assert repr(found) == repr(value)

    assert elsewhere(value, same) in ("numpy", "numpy-parts")


matrices = np_st.arrays(
    st.sampled_from(["?", "i1", "u8", "f4", "f8", "c16"]),
    np_st.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    fill=st.just(0),
)


@few
@given(
    matrices, st.sampled_from(["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]), st.sampled_from(["array", "matrix"])
)
def test_sparse_matrices_of_any_format(elsewhere: Check, dense: Any, form: str, kind: str) -> None:
    """Sparse matrices of every format and dtype come back with the same bytes and class."""
    same = lambda found, value: numpy.testing.assert_array_equal(found.toarray(), value.toarray())  # noqa: E731

    assert elsewhere(getattr(sparse, f"{form}_{kind}")(dense), same) == "scipy-sparse"


# --- pandas -------------------------------------------------------------------------------------------------------

zones = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30))]) | st.timezones()
moments = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1))
objects = st.none() | st.text() | st.integers() | st.decimals(allow_nan=False) | st.lists(st.booleans()) | st.dates()
arrow_types: dict[Any, Any] = {
    pyarrow.int32(): st.integers(-(2**31), 2**31 - 1),
    pyarrow.float64(): st.floats(allow_nan=False),
    pyarrow.bool_(): st.booleans(),
    pyarrow.string(): st.text(),
    pyarrow.large_binary(): st.binary(),
    pyarrow.date32(): st.dates(),
    pyarrow.timestamp("us", "Asia/Tokyo"): moments,
    pyarrow.decimal128(12, 2): st.decimals(-1000, 1000, places=2),
    pyarrow.list_(pyarrow.int8()): st.lists(st.integers(-128, 127), max_size=3),
    pyarrow.struct({"x": pyarrow.int8(), "y": pyarrow.string()}): st.fixed_dictionaries(
        {"x": st.none(), "y": st.text()}
    ),
    pyarrow.dictionary(pyarrow.int32(), pyarrow.string()): st.sampled_from(["a", "b"]),
    pyarrow.map_(pyarrow.string(), pyarrow.bool_()): st.dictionaries(st.text(), st.booleans(), max_size=2).map(
        lambda found: list(found.items())
    ),
}


def arrow_arrays(count: int) -> Any:
    return st.sampled_from(list(arrow_types)).flatmap(
        lambda kind: st.lists(st.none() | arrow_types[kind], min_size=count, max_size=count).map(
            lambda items: pyarrow.array(items, kind)
        )
    )


def columns(count: int) -> Any:
    """Columns of ``count`` rows, of every kind of dtype."""

    def lists(members: Any) -> Any:
        return st.lists(members, min_size=count, max_size=count)

    numbers = np_st.boolean_dtypes() | np_st.integer_dtypes() | np_st.floating_dtypes() | np_st.complex_number_dtypes()
    nullable = st.sampled_from(["Int8", "UInt64", "Float32", "boolean"])
    return st.one_of(
        np_st.arrays(numbers, count),
        np_st.arrays(st.sampled_from(["M8[s]", "M8[ns]", "m8[ms]"]), count),
        st.tuples(lists(st.none() | st.booleans()), nullable).map(lambda made: pandas.array(made[0], dtype=made[1])),
        st.tuples(lists(moments), zones).map(
            lambda made: pandas.DatetimeIndex(made[0]).as_unit("us").tz_localize("UTC").tz_convert(made[1]).array
        ),
        lists(st.none() | st.sampled_from("abc")).map(pandas.Categorical),
        np_st.arrays("f8", count, fill=st.just(numpy.nan)).map(pandas.arrays.SparseArray),
        np_st.arrays("i4", count, fill=st.just(0)).map(lambda data: pandas.arrays.SparseArray(data, kind="block")),
        arrow_arrays(count).map(lambda array: pandas.arrays.ArrowExtensionArray(pyarrow.chunked_array([array]))),
        lists(objects).map(lambda items: pandas.Series(items, dtype=object).array),
        lists(st.none() | st.text()).map(lambda items: pandas.array(items, dtype="string")),
        lists(st.dates(dt.date(1900, 1, 1))).map(lambda days: pandas.PeriodIndex(days, freq="M").array),
        lists(st.integers(0, 9)).map(
            lambda starts: pandas.arrays.IntervalArray.from_arrays(starts, [start + 1 for start in starts])
        ),
    )


@st.composite
def frames(draw: Any) -> Any:
    count = draw(st.integers(0, 4))
    members = draw(st.lists(columns(count), max_size=4))
    frame = pandas.DataFrame({place: pandas.Series(member, copy=False) for place, member in enumerate(members)})
    index = draw(
        st.none() | columns(count).filter(lambda data: data.dtype.kind not in "gG" and data.dtype != numpy.float16)
    )
    if members and index is not None and not isinstance(index.dtype, pandas.SparseDtype):
        frame.index = pandas.Index(index, name=draw(st.none() | st.text(max_size=2)))
    labels = draw(st.lists(st.sampled_from(["a", "b", 1, ("t", 1)]), min_size=len(members), max_size=len(members)))
    frame.columns = pandas.Index(labels, dtype=object, tupleize_cols=False)
    return frame


@settings(max_examples=25)
@given(frames())
def test_frames_of_any_columns(elsewhere: Check, value: Any) -> None:
    """Frames of any dtypes, with any index and repeated labels, come back with the same bytes."""
    same = partial(pandas.testing.assert_frame_equal, check_exact=True, check_freq=True, check_flags=True)

    assert elsewhere(value, same) == "pandas"


@few
@given(st.integers(0, 4).flatmap(columns))
def test_arrays_of_pandas(elsewhere: Check, value: Any) -> None:
    """An array of pandas on its own comes back with the same bytes and class."""
    same = partial(pandas.testing.assert_extension_array_equal, check_exact=True)

    assert elsewhere(pandas.Series(value, copy=False).array, same) == "pandas"


# --- pyarrow and polars -------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(0, 4).flatmap(lambda count: st.lists(arrow_arrays(count), max_size=3)), st.booleans())
def test_arrow_tables(elsewhere: Check, arrays: Any, with_metadata: bool) -> None:
    """Tables of any types come back with the same bytes and metadata."""
    names = [str(place % 2) for place in range(len(arrays))]
    metadata = {"k": "v"} if with_metadata else None

    def same(found: Any, value: Any) -> None:
        assert found.equals(value, check_metadata=True)

    assert elsewhere(pyarrow.table(arrays, names=names, metadata=metadata), same) == "pyarrow"


@few
@given(st.integers(0, 4).flatmap(arrow_arrays))
def test_arrow_arrays(elsewhere: Check, array: Any) -> None:
    """Arrays of any type, chunked or not, come back with the same bytes and class."""
    assert elsewhere(array) == "pyarrow"
    assert elsewhere(pyarrow.chunked_array([array, array])) == "pyarrow"


@few
@given(dataframes(max_size=4, max_cols=4, excluded_dtypes=[polars.Object]))
def test_polars_frames(elsewhere: Check, value: Any) -> None:
    """polars frames of any dtypes come back as they were."""
    assert elsewhere(value, partial(assert_frame_equal, check_exact=True)) == "polars"
    assert elsewhere(value.lazy()) == "polars-lazy"


@few
@given(series(max_size=4, excluded_dtypes=[polars.Object]))
def test_polars_series(elsewhere: Check, value: Any) -> None:
    """polars series of any dtype come back as they were."""
    assert elsewhere(value, partial(assert_series_equal, check_exact=True)) == "polars-series"
