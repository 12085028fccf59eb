"""pandas frames and series: exact, described and pictured."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow
import pytest

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.metadata import encode_metadata
from runlore.values.pandas import PandasMaterializer
from runlore.values.registry import by_name, materializer_for

STORE = PandasMaterializer()
TWO = [1, 2]
LABELS = pandas.MultiIndex.from_tuples([("p", 1), ("q", 2)], names=["u", "v"])

VALUES: dict[str, Any] = {
    "simple": pandas.DataFrame({"a": [1, 2], "b": [numpy.nan, -0.0], "c": ["x", None]}),
    "small dtypes": pandas.DataFrame(
        {kind: numpy.array(TWO, dtype=kind) for kind in ("int8", "uint64", "float16", "float32", "bool")}
    ),
    "object text": pandas.DataFrame(
        {"none": pandas.Series(["x", None], dtype=object), "nan": pandas.Series(["x", numpy.nan], dtype=object)}
    ),
    "objects": pandas.Series([dt.date(2026, 1, 1), Decimal("1.0"), (1, 2), None, "x", 1.5, {"k": [1]}], dtype=object),
    "nullable": pandas.DataFrame(
        {
            "i": pandas.array([1, None], dtype="Int64"),
            "b": pandas.array([True, None], dtype="boolean"),
            "f": pandas.array([1.5, None], dtype="Float32"),
        }
    ),
    "strings": pandas.DataFrame(
        {
            "p": pandas.array(["a", None], dtype=pandas.StringDtype("python")),
            "a": pandas.array(["a", None], dtype=pandas.StringDtype("pyarrow")),
        }
    ),
    "arrow": pandas.DataFrame({"a": pandas.array(TWO, dtype="int64[pyarrow]")}),
    "moments": pandas.DataFrame(
        {
            "ns": numpy.array(["2026", "NaT"], "M8[ns]"),
            "s": numpy.array(TWO, "m8[s]"),
            "zone": pandas.to_datetime(["2026-01-01", None]).tz_localize("Europe/Berlin"),
        }
    ),
    "categories": pandas.DataFrame(
        {"c": pandas.Categorical(["b", None], categories=["b", "a"], ordered=True), "i": pandas.Categorical(TWO)}
    ),
    "periods and intervals": pandas.DataFrame(
        {"p": pandas.period_range("2026", periods=2, freq="M"), "i": pandas.arrays.IntervalArray.from_breaks([0, 1, 2])}
    ),
    "multi": pandas.DataFrame(
        numpy.ones((4, 2)), index=pandas.MultiIndex.from_product([["a", "b"], TWO], names=["x", None]), columns=LABELS
    ),
    "duplicate labels": pandas.DataFrame([[1, "x"]], columns=["a", "a"]),
    "integer labels": pandas.DataFrame(numpy.eye(2)),
    "mixed labels": pandas.DataFrame(
        [[1, 2, 3]], columns=pandas.Index(["a", 1, ("t", 2)], dtype=object, tupleize_cols=False)
    ),
    "nothing": pandas.DataFrame(),
    "no rows": pandas.DataFrame({"a": pandas.Series([], dtype="float32"), "o": pandas.Series([], dtype=object)}),
    "no columns": pandas.DataFrame(index=[1, 2, 5]),
    "frequency": pandas.DataFrame(
        {"a": TWO}, index=pandas.date_range("2026", periods=2, freq="D", name="day", tz="UTC")
    ),
    "duration index": pandas.Series(TWO, index=pandas.timedelta_range("1s", periods=2)),
    "range": pandas.Series(TWO, index=pandas.RangeIndex(5, 9, 2, name="r")),
    "named": pandas.Series(TWO, name=("a", 1), index=["x", "y"]),
    "category index": pandas.Series(TWO, index=pandas.CategoricalIndex(["a", "b"], name="c")),
    "period index": pandas.Series(TWO, index=pandas.period_range("2026", periods=2, freq="Q")),
    "interval index": pandas.Series(TWO, index=pandas.interval_range(0, 2)),
    "mixed index": pandas.Series(TWO, index=pandas.Index(["a", 1], dtype=object)),
    "empty series": pandas.Series([], dtype="int8", name="n"),
    "complex": pandas.DataFrame({"d": [1j, complex("nan")], "s": numpy.array([1, -2j], "complex64")}),
    "long doubles": pandas.Series(numpy.array([1, 3], numpy.longdouble) / 7),
    "sparse": pandas.DataFrame(
        {
            "i": pandas.arrays.SparseArray([0, 1]),
            "nan": pandas.arrays.SparseArray([numpy.nan, 1.5]),
            "fill": pandas.arrays.SparseArray([7, 7], fill_value=7),
            "block": pandas.arrays.SparseArray([True, False], kind="block"),
            "none": pandas.arrays.SparseArray([0.0, 0.0], fill_value=0.0),
        }
    ),
    "arrow of any kind": pandas.DataFrame(
        {
            str(place): pandas.arrays.ArrowExtensionArray(pyarrow.chunked_array([array]))
            for place, array in enumerate(
                [
                    pyarrow.array([[1], None], pyarrow.list_(pyarrow.int8())),
                    pyarrow.array([{"x": 1, "y": "z"}, None]),
                    pyarrow.array([Decimal("1.10"), None], pyarrow.decimal128(9, 2)),
                    pyarrow.array(["a", None]).dictionary_encode(),
                    pyarrow.array([dt.date(2026, 1, 2), None]),
                    pyarrow.array([1, None], pyarrow.timestamp("us", "Europe/Berlin")),
                    pyarrow.array([b"x", None], pyarrow.binary(1)),
                    pyarrow.array([[("k", 1)], None], pyarrow.map_(pyarrow.string(), pyarrow.int8())),
                ]
            )
        }
    ),
    "far moments": pandas.Series(numpy.array(["0001-01-01", "9999-12-31"], "M8[s]")),
    "fixed offset": pandas.Series(pandas.to_datetime(["2026", None]).tz_localize(dt.timezone(dt.timedelta(hours=5)))),
    "utc": pandas.Series(pandas.to_datetime(["2026", None]).tz_localize("UTC").as_unit("s")),
    "intervals of moments": pandas.Series(
        pandas.arrays.IntervalArray.from_breaks(pandas.date_range("2026", periods=3, freq="D"), closed="both")
    ),
    "arrow index": pandas.Series(TWO, index=pandas.Index(["a", None], dtype="string[pyarrow]")),
    "complex index": pandas.Series(TWO, index=pandas.Index([1j, 2])),
    "nan and missing": pandas.Series(pandas.array([0.0, None], dtype="Float64") / 0),
    "columns of three levels": pandas.DataFrame(
        [[1, 2]], columns=pandas.MultiIndex.from_tuples([("a", 1, None), ("a", 1, "x")], names=["n", "n", None])
    ),
    "moments as labels": pandas.DataFrame([[1, 2]], columns=pandas.date_range("2026", periods=2, freq="MS")),
}


def assert_exact(found: Any, value: Any) -> None:
    frame = isinstance(value, pandas.DataFrame)
    compare: Any = pandas.testing.assert_frame_equal if frame else pandas.testing.assert_series_equal
    compare(found, value, check_exact=True, check_freq=True, check_flags=True)
    assert type(found) is type(value) and type(found.index) is type(value.index)
    assert found.index.names == value.index.names and found.attrs == value.attrs
    if isinstance(value, pandas.DataFrame):
        assert type(found.columns) is type(value.columns) and list(found.dtypes) == list(value.dtypes)
    for column, wanted in zip(columns_of(found), columns_of(value), strict=True):
        assert column.dtype == wanted.dtype and list(map(type, column)) == list(map(type, wanted))


def columns_of(value: Any) -> list[Any]:
    if isinstance(value, pandas.Series):
        return [value]
    return [value.iloc[:, place] for place in range(value.shape[1])]


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_frames_come_back_exactly(value: Any, tmp_path: Path) -> None:
    """Values, dtypes, missing values, index, labels and names come back as they were."""
    assert STORE.takes(value)
    assert_exact(round_trip(STORE, value, tmp_path), value)


ALONE: dict[str, Any] = {
    **{name: value.index for name, value in VALUES.items() if isinstance(value, pandas.Series)},
    "numbers": pandas.Index([0.5, -0.0, numpy.nan], name=("a", 1)),
    "texts": pandas.Index(["a", None], dtype=object),
    "two levels": LABELS,
    "two levels of nothing": LABELS[:0],
    "equal names": LABELS.set_names(["n", "n"]),
    "frequency": pandas.date_range("2026", periods=3, freq="D", name="day", tz="UTC"),
    "strings": pandas.Index(["a", None], dtype="string"),
    "categorical": pandas.Categorical(["b", None, "b"], categories=["b", "a"], ordered=True),
    "categorical of nothing": pandas.Categorical([]),
    "categorical of moments": pandas.Categorical(pandas.date_range("2026", periods=2)),
    "nullable": pandas.array([1, None], dtype="Int64"),
    "numpy": pandas.arrays.NumpyExtensionArray(numpy.array([1.5, -0.0])),
    "moments": pandas.array(numpy.array(["2026", "NaT"], "M8[s]")),
    "moments of a frequency": pandas.date_range("2026", periods=3, freq="D").array,
    "moments in a zone": pandas.date_range("2026", periods=3, freq="D", tz="Europe/Berlin").array,
    "durations": pandas.array(numpy.array([1, 2], "m8[ms]")),
    "periods": pandas.array(pandas.period_range("2026", periods=2, freq="M")),
    "intervals": pandas.arrays.IntervalArray.from_breaks([0, 1, 2]),
    "sparse": pandas.arrays.SparseArray([0, 1, 0]),
    "arrow": pandas.array([[1], None], dtype=pandas.ArrowDtype(pyarrow.list_(pyarrow.int64()))),
    "texts of python": pandas.array(["a", None], dtype=pandas.StringDtype("python")),
}


@pytest.mark.parametrize("value", ALONE.values(), ids=list(ALONE))
def test_indexes_and_categoricals_come_back_exactly(value: Any, tmp_path: Path) -> None:
    """An index of any kind, or a Categorical, is stored on its own and comes back with class, names and categories."""
    assert materializer_for(value).name == "pandas"
    found = round_trip(STORE, value, tmp_path)

    assert type(found) is type(value) and found.dtype == value.dtype
    assert list(map(type, found)) == list(map(type, value))
    if isinstance(value, pandas.Index):
        pandas.testing.assert_index_equal(found, value, exact=True, check_exact=True)
        assert found.names == value.names and getattr(found, "freq", None) == getattr(value, "freq", None)
    elif not isinstance(value, pandas.Categorical):
        pandas.testing.assert_extension_array_equal(found, value, check_exact=True)
        assert getattr(found, "freq", None) == getattr(value, "freq", None)
    else:
        pandas.testing.assert_index_equal(found.categories, value.categories, exact=True)
        assert found.codes.tolist() == value.codes.tolist() and found.codes.dtype == value.codes.dtype
    in_a_list = round_trip(by_name("nested"), [value], tmp_path / "nested")[0]
    assert type(in_a_list) is type(value) and in_a_list.equals(value)


def test_subclasses_of_indexes_are_not_taken() -> None:
    """An index of somebody's own class is left to others, since its class would be lost."""

    class Own(pandas.Index):
        pass

    assert not STORE.takes(Own._simple_new(numpy.array(TWO)))


def test_many_rows_in_several_batches(tmp_path: Path) -> None:
    """A frame of several record batches comes back whole."""
    rows = 300_000
    value = pandas.DataFrame(
        {"a": numpy.arange(rows), "b": numpy.arange(rows) % 7 == 0, "c": ["x", "yy", None] * (rows // 3)}
    )

    pandas.testing.assert_frame_equal(round_trip(STORE, value, tmp_path), value)


def test_attributes_and_flags(tmp_path: Path) -> None:
    """`attrs` and the flag about duplicate labels come back."""
    value = pandas.DataFrame({"a": TWO}).set_flags(allows_duplicate_labels=False)
    value.attrs["source"] = {"rows": (1, 2)}
    found = round_trip(STORE, value, tmp_path)

    assert found.attrs == {"source": {"rows": (1, 2)}}
    assert not found.flags.allows_duplicate_labels


@pytest.mark.parametrize("name", ["simple", "nullable", "moments", "categories", "strings", "range"])
def test_loaded_values_may_be_changed(name: str, tmp_path: Path) -> None:
    """What was loaded is the user's own: every column can be assigned to."""
    found = round_trip(STORE, VALUES[name], tmp_path)
    for column in columns_of(found):
        column.iloc[0] = column.iloc[1]
    if isinstance(found, pandas.DataFrame):
        found.iloc[0] = found.iloc[1]

    assert len(found) == 2


class Subclass(pandas.DataFrame): ...


@pytest.mark.parametrize(
    "value",
    [
        pandas.Series([object()]),
        pandas.Series(
            TWO,
            index=pandas.date_range("2026-01-05", periods=2, freq=pandas.offsets.CustomBusinessDay(weekmask="Mon Tue")),
        ),
        pandas.Series([1], name=object()),
        Subclass({"a": [1]}),
    ],
    ids=["objects", "frequency", "name", "subclass"],
)
def test_what_has_no_exact_form_is_not_taken(value: Any) -> None:
    """What Arrow and the codec cannot say exactly is left to others, and refused if asked for explicitly."""
    assert not STORE.takes(value)
    with pytest.raises(ValueUnstorable):
        STORE.save(value, MemoryWriter())


def test_foreign_bytes_are_refused(tmp_path: Path) -> None:
    """Bytes that are no stored frame are a typed error, be they Arrow or not."""
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.table({"a": [1]})
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)

    with pytest.raises(ValueUnloadable, match="not one that runlore wrote"):
        STORE.load(PayloadReader(tmp_path, {}, bytes(sink.getvalue())))
    with pytest.raises(ValueUnloadable, match="not a stored frame"):
        STORE.load(PayloadReader(tmp_path, {}, b"hello"))


def test_metadata_by_column() -> None:
    """A frame says its shape, dtypes as plain text, and statistics of the numeric columns."""
    value = pandas.DataFrame({"i": [1, 3], "b": [True, False], "s": ["x", "y"], "n": [numpy.nan, 2.0]})

    assert STORE.metadata(value) == {
        "shape": [2, 4],
        "dtype": {"i": "int64", "b": "bool", "s": str(value["s"].dtype), "n": "float64"},
        "null_count": {"n": 1},
        "min": {"i": 1, "b": False, "n": 2.0},
        "max": {"i": 3, "b": True, "n": 2.0},
        "mean": {"i": 2.0, "b": 0.5, "n": 2.0},
        "std": {"i": 1.0, "b": 0.5, "n": 0.0},
    }


def test_metadata_of_series_and_empty_frames() -> None:
    """A series says its dtype; what is empty says shape and dtype alone."""
    assert STORE.metadata(pandas.Series([1, None], dtype="Int64"))["max"] == 1
    assert STORE.metadata(pandas.Series([], dtype="int8")) == {"shape": [0], "dtype": "int8"}
    assert STORE.metadata(pandas.DataFrame()) == {"shape": [0, 0], "dtype": {}}


@pytest.mark.parametrize(
    "value", [*VALUES.values(), *ALONE.values()], ids=[*VALUES, *(f"{name} alone" for name in ALONE)]
)
def test_every_frame_is_described_and_pictured(value: Any) -> None:
    """Metadata is storable and pictures are CSV, whatever the frame holds."""
    encode_metadata("meta", dict(STORE.metadata(value)))
    pictures = STORE.pictures(value)

    assert {picture.kind for picture in pictures} <= {"csv", "image"}
    names = [picture.name for picture in pictures]
    assert [name for name in names if name != "histogram"] in ([], ["sample"], ["describe", "sample"])


def test_infinities_are_drawn_without_a_warning() -> None:
    """Looking at numbers that are not finite is no reason to warn."""
    described, _, _ = PandasMaterializer().pictures(pandas.Series([numpy.inf, 1.0]))

    assert described.name == "describe" and b"inf" in described.data


def test_a_frame_of_an_earlier_release_still_loads() -> None:
    """A payload that an earlier release wrote loads as the value that was stored."""
    found = STORE.load(
        PayloadReader(Path("unused"), {}, (Path(__file__).parent / "stored" / "frame.arrow").read_bytes())
    )
    rows = pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])
    value = pandas.DataFrame(
        {
            "i": TWO,
            "f": numpy.array([1.5, numpy.nan], "float32"),
            "b": [True, False],
            "t": pandas.Series(["x", None], dtype=object),
            "n": pandas.Series(["x", numpy.nan], dtype=object),
            "o": pandas.Series([(1,), None], dtype=object),
            "c": pandas.Categorical(["u", None]),
            "z": pandas.to_datetime(["2026", None]).tz_localize("Europe/Berlin"),
            "p": pandas.array([1, None], dtype="Int64"),
            "a": pandas.array([1, None], dtype="int64[pyarrow]"),
            "s": pandas.array(["q", None], dtype="string[python]"),
            "d": numpy.array(TWO, "m8[s]"),
        }
    ).set_index(rows)
    value.attrs = {"k": (1,)}

    assert_exact(found, value)


def test_long_frames_are_described_by_a_sample() -> None:
    """Of more than a million rows every so-manieth is described, and the number of them is told."""
    value = pandas.DataFrame({"a": numpy.arange(2_000_001), "b": numpy.zeros(2_000_001)})
    found = STORE.metadata(value)

    assert found["sampled"] == 666_667 and found["shape"] == [2_000_001, 2]
    assert found["min"]["a"] == 0 and found["mean"]["a"] == pytest.approx(1e6, rel=1e-3)


def test_pictures_stay_light() -> None:
    """Long texts and many columns make no heavy picture."""
    value = pandas.DataFrame([["ü" * 10_000] * 150] * 4)

    assert all(len(picture.data) < 200_000 for picture in STORE.pictures(value))


def test_many_long_columns_load_as_one_block(tmp_path: Path) -> None:
    """Columns of one dtype share one array, so that whatever is computed over rows is as fast as before."""
    value = pandas.DataFrame(numpy.arange(400_000.0).reshape(-1, 4), index=numpy.arange(100_000) * 2)
    found = round_trip(STORE, value, tmp_path)

    pandas.testing.assert_frame_equal(found, value)
    assert numpy.shares_memory(found.iloc[:, 0].to_numpy().base, found.iloc[:, 3].to_numpy().base)
    found.iloc[0, 0] = 7.0
    assert found.iloc[0, 0] == 7.0


def test_a_sample_shows_the_index() -> None:
    """The levels of an index stand in front of the columns, under their names."""
    rows = pandas.MultiIndex.from_tuples([("p", 1), ("q", 2)], names=["u", None])
    _, sample = STORE.pictures(pandas.DataFrame({"a": TWO}, index=rows))

    assert sample.data == b"u,,a\np,1,1\nq,2,2\n"


def test_members_that_no_level_of_an_index_has_are_refused(tmp_path: Path) -> None:
    """A stored index whose codes lead past its levels is refused when it is loaded, not when it is used."""
    index = pandas.MultiIndex(levels=[[1, 2], ["a"]], codes=[[0, 100], [0, -1]], verify_integrity=False)

    with pytest.raises(ValueUnloadable, match="levels"):
        round_trip(PandasMaterializer(), pandas.DataFrame({"x": [1, 2]}, index=index), tmp_path)


def test_a_nan_is_not_missing(tmp_path: Path) -> None:
    """A nan among nullable floats comes back as a nan, and what is missing as missing."""
    for dtype in ("float64", "float32"):
        value = pandas.arrays.FloatingArray(numpy.array([numpy.nan, 1, 5], dtype), numpy.array([False, False, True]))
        found = round_trip(STORE, pandas.Series(value), tmp_path).array

        assert found.dtype == value.dtype
        assert found.isna().tolist() == [False, False, True]
        assert numpy.isnan(found[0]) and found[1] == 1
        found[1] = 2.0  # it can be written to


def _payload(value: Any) -> bytes:
    writer = MemoryWriter()
    STORE.save(value, writer)
    return b"".join(writer.parts)


def test_what_lies_under_the_missing_is_nothing() -> None:
    """Equal nullable values have an equal payload, whatever their memory holds where one is missing."""
    missing = numpy.array([False, True])
    one, other = (pandas.Series(pandas.arrays.IntegerArray(numpy.array([1, under]), missing)) for under in (5, 7))

    assert _payload(one) == _payload(other)


@pytest.mark.parametrize("dtype", ["str", "object", "string[python]", "string[pyarrow]"])
def test_rows_of_a_longer_frame_are_stored_alone(dtype: str) -> None:
    """Rows cut out of a frame have the payload of equal ones, and take nothing of their neighbours along."""
    cut = pandas.DataFrame({"a": ["neighbour", "x", "y", "neighbour"]}, dtype=dtype).iloc[1:3]
    alone = pandas.DataFrame({"a": ["x", "y"]}, index=pandas.RangeIndex(1, 3), dtype=dtype)

    assert _payload(cut) == _payload(alone)
