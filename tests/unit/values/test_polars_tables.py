"""polars frames, series and lazy frames: exact, described and pictured."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import pyarrow
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.materializer import Declined
from runlore.values.metadata import encode_metadata
from runlore.values.polars import PolarsLazyMaterializer, PolarsMaterializer, PolarsSeriesMaterializer
from runlore.values.registry import materializer_for

FRAMES, SERIES, LAZY = PolarsMaterializer(), PolarsSeriesMaterializer(), PolarsLazyMaterializer()

COLUMNS: dict[str, Any] = {
    "i8": polars.Series([1, None], dtype=polars.Int8),
    "i128": polars.Series([1 << 100, None], dtype=polars.Int128),
    "u64": polars.Series([(1 << 64) - 1, None], dtype=polars.UInt64),
    "f32": polars.Series([1.5, None], dtype=polars.Float32),
    "f64": polars.Series([float("nan"), -0.0]),
    "text": polars.Series(["x", None]),
    "bytes": polars.Series([b"x", None]),
    "bool": polars.Series([True, None]),
    "categorical": polars.Series(["b", None], dtype=polars.Categorical),
    "enum": polars.Series(["a", None], dtype=polars.Enum(["b", "a"])),
    "decimal": polars.Series([Decimal("1.10"), None], dtype=polars.Decimal(10, 2)),
    "list": polars.Series([[1], None]),
    "array": polars.Series([[1, 2], None], dtype=polars.Array(polars.Int8, 2)),
    "struct": polars.Series([{"a": 1, "b": ["x"]}, None]),
    "zone": polars.Series([dt.datetime(2026, 1, 1), None]).dt.replace_time_zone("Europe/Berlin"),
    "moment": polars.Series([dt.datetime(1, 1, 1), None], dtype=polars.Datetime("ms")),
    "date": polars.Series([dt.date(2026, 1, 1), None]),
    "time": polars.Series([dt.time(1), None]),
    "duration": polars.Series([dt.timedelta(1), None], dtype=polars.Duration("ns")),
    "null": polars.Series([None, None]),
}
TABLE = polars.DataFrame([column.alias(name) for name, column in COLUMNS.items()])
ALL: dict[str, Any] = {
    "table": TABLE,
    "no rows": TABLE.clear(),
    "nothing": polars.DataFrame(),
    "chunks": polars.concat([TABLE, TABLE], rechunk=False),
    **{f"series of {name}": column.alias(name) for name, column in COLUMNS.items()},
    "series without a name": polars.Series([1, 2]),
}


def payload(materializer: Any, value: Any) -> bytes:
    writer = MemoryWriter()
    materializer.save(value, writer)
    return b"".join(writer.parts)


@pytest.mark.parametrize("value", ALL.values(), ids=list(ALL))
def test_polars_data_comes_back_exactly(value: Any, tmp_path: Path) -> None:
    """Values, dtypes, nulls and names come back as they were, and are described and pictured."""
    series = isinstance(value, polars.Series)
    store: Any = SERIES if series else FRAMES
    assert materializer_for(value).name == store.name
    found = round_trip(store, value, tmp_path)

    compare: Any = assert_series_equal if series else assert_frame_equal
    compare(found, value, check_exact=True)
    assert type(found) is type(value)
    encode_metadata("meta", dict(store.metadata(value)))
    assert all(len(picture.data) < 200_000 for picture in store.pictures(value))


def test_a_lazy_frame_comes_back_lazy(tmp_path: Path) -> None:
    """What the plan of a LazyFrame gives is stored, and loads as a LazyFrame; the plan is described, not stored."""
    value = TABLE.lazy().filter(polars.col("i8") == 1).with_columns(polars.lit(2).alias("more"))
    assert materializer_for(value).name == "polars-lazy"
    found = round_trip(LAZY, value, tmp_path)

    assert type(found) is polars.LazyFrame
    assert_frame_equal(found.collect(), value.collect(), check_exact=True)
    told = LAZY.metadata(value)
    assert told["dtype"]["more"] == "Int32" and "FILTER" in told["plan"]
    assert [picture.name for picture in LAZY.pictures(found)] == ["describe", "sample"]


def test_a_plan_that_fails_is_not_stored() -> None:
    """A LazyFrame whose plan cannot run raises polars' own error."""
    with pytest.raises(polars.exceptions.ColumnNotFoundError):
        LAZY.save(TABLE.lazy().select("absent"), MemoryWriter())


def test_python_objects_are_left_to_others() -> None:
    """A column of Python objects is no Arrow data, alone or in a struct."""
    objects = polars.Series("o", [object()], dtype=polars.Object)

    assert not SERIES.takes(objects) and not FRAMES.takes(objects.to_frame())
    assert not LAZY.takes(objects.to_frame().lazy())
    with pytest.raises(Declined):
        FRAMES.save(objects.to_frame(), MemoryWriter())
    with pytest.raises(ValueUnstorable):
        SERIES.save(objects, MemoryWriter())


def test_subclasses_are_left_to_others() -> None:
    """A frame of somebody's own class would lose its class."""

    class Own(polars.DataFrame):
        pass

    assert not FRAMES.takes(Own({"a": [1]}))


def test_equal_frames_have_equal_bytes() -> None:
    """Neither other frames of the process nor, where nothing is missing, chunks show in what is stored."""
    before = payload(FRAMES, TABLE)
    polars.Series(["q", "r", "s"], dtype=polars.Categorical)
    parts = polars.DataFrame({"a": [1, 2], "s": ["x", "y"]}).vstack(polars.DataFrame({"a": [3], "s": ["z"]}))

    assert payload(FRAMES, TABLE.clone()) == before
    assert parts.n_chunks() == 2
    assert payload(FRAMES, parts) == payload(FRAMES, parts.rechunk())


def test_pyarrow_reads_the_payload() -> None:
    """What is stored is read by pyarrow without us."""
    table = pyarrow.ipc.open_file(io.BytesIO(payload(FRAMES, TABLE.select("i8", "text", "list")))).read_all()

    assert table.to_pydict() == {"i8": [1, None], "text": ["x", None], "list": [[1], None]}


def test_metadata_and_histogram() -> None:
    """A frame says its shape, dtypes, nulls and statistics; a series of numbers is drawn as a histogram too."""
    value = polars.DataFrame(
        {"i": [1, 3, None], "f": [1.0, float("nan"), 3.0], "b": [True, False, None], "s": ["x"] * 3}
    )

    assert FRAMES.metadata(value) == {
        "shape": [3, 4],
        "dtype": {"i": "Int64", "f": "Float64", "b": "Boolean", "s": "String"},
        "null_count": {"i": 1, "b": 1},
        "nan_count": {"f": 1},
        "min": {"i": 1, "f": 1.0, "b": False},
        "max": {"i": 3, "f": 3.0, "b": True},
        "mean": {"i": 2.0, "f": 2.0, "b": 0.5},
        "std": {"i": 1.0, "f": 1.0, "b": 0.5},
    }
    assert [picture.name for picture in SERIES.pictures(value["f"])] == ["describe", "sample", "histogram"]


def test_long_frames_are_described_by_a_sample() -> None:
    """Of more than a million rows every so-manieth is described, and the number of them is told."""
    found = FRAMES.metadata(polars.DataFrame({"a": range(1_000_001)}))

    assert found["sampled"] == 500_001 and found["shape"] == [1_000_001, 1]


def test_a_large_frame_is_read_from_its_file(tmp_path: Path) -> None:
    """A frame of more than a megabyte comes back whole."""
    value = polars.DataFrame({"a": range(300_000)})

    assert_frame_equal(round_trip(FRAMES, value, tmp_path), value)


@pytest.mark.parametrize("store", [FRAMES, SERIES, LAZY])
def test_foreign_bytes_are_refused(store: Any, tmp_path: Path) -> None:
    """Bytes that are no stored table are a typed error."""
    for data in (b"hello", b"", payload(FRAMES, TABLE)[:-200]):
        with pytest.raises(ValueUnloadable):
            store.load(PayloadReader(tmp_path, {}, data))
