"""pyarrow's tables, batches, arrays, scalars and schemas: exact, described and pictured."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow
import pytest

from runlore.errors import ValueUnloadable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.arrow import ArrowMaterializer
from runlore.values.metadata import encode_metadata
from runlore.values.registry import materializer_for

STORE = ArrowMaterializer()

COLUMNS: dict[str, Any] = {
    "i": pyarrow.array([1, None, 3]),
    "f": pyarrow.array([1.5, float("nan"), None], pyarrow.float32()),
    "h": pyarrow.array([1, 2, None], pyarrow.float16()),
    "b": pyarrow.array([True, None, False]),
    "s": pyarrow.array(["x", None, "üß"]),
    "v": pyarrow.array(["x", None, "long enough to be no inline view"], pyarrow.string_view()),
    "d": pyarrow.array(["x", None, "x"]).dictionary_encode(),
    "m": pyarrow.array([Decimal("1.10"), None, Decimal("-2.00")], pyarrow.decimal128(9, 2)),
    "l": pyarrow.array([[1], None, []], pyarrow.large_list(pyarrow.int8())),
    "r": pyarrow.array([{"x": 1}, None, {"x": None}]),
    "t": pyarrow.array([dt.datetime(2026, 1, 1), None, None], pyarrow.timestamp("ns", "Europe/Berlin")),
    "n": pyarrow.nulls(3),
    "u": pyarrow.array([UUID(int=1).bytes, None, UUID(int=2).bytes], pyarrow.uuid()),
    "e": pyarrow.RunEndEncodedArray.from_arrays([2, 3], [1.0, None]),
}
TABLE = pyarrow.table(COLUMNS)

VALUES: dict[str, Any] = {
    "table": TABLE,
    "metadata": TABLE.replace_schema_metadata({"k": "v", "pandas": "{}"}),
    "metadata of a field": pyarrow.table(
        [COLUMNS["i"]], schema=pyarrow.schema([pyarrow.field("i", pyarrow.int64(), metadata={"unit": "m"})])
    ),
    "not nullable": pyarrow.table([[1]], schema=pyarrow.schema([pyarrow.field("i", pyarrow.int8(), nullable=False)])),
    "no rows": TABLE.slice(0, 0),
    "no columns": pyarrow.table({}),
    "equal names": pyarrow.table([[1], ["x"]], names=["a", "a"]),
    "slice": TABLE.slice(1, 1),
    "chunks": pyarrow.concat_tables([TABLE, TABLE.slice(1)]),
    "chunks of dictionaries": pyarrow.table(
        {"d": pyarrow.chunked_array([pyarrow.array([x]).dictionary_encode() for x in "ab"])}
    ),
    "batch": TABLE.to_batches()[0],
    "batch of nothing": TABLE.slice(0, 0).to_batches()[0] if TABLE.slice(0, 0).to_batches() else TABLE.to_batches()[0],
    "chunked": pyarrow.chunked_array([[1], [2, None]]),
    "chunked of nothing": pyarrow.chunked_array([], pyarrow.int8()),
    "schema": TABLE.schema.with_metadata({"k": "v"}),
    "empty array": pyarrow.array([], pyarrow.string()),
    **{f"array of {array.type}": array for array in COLUMNS.values()},
    **{f"scalar of {array.type}": array[0] for array in COLUMNS.values()},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_arrow_data_comes_back_exactly(value: Any, tmp_path: Path) -> None:
    """Values, types, nulls and metadata come back, as the same class, described by what can be kept."""
    assert materializer_for(value).name == "pyarrow"
    found = round_trip(STORE, value, tmp_path)

    assert type(found) is type(value)
    if isinstance(value, pyarrow.Schema):
        assert found.equals(value, check_metadata=True)
        return
    if isinstance(value, pyarrow.Table | pyarrow.RecordBatch):
        found.validate(full=True)
        assert found.schema.equals(value.schema, check_metadata=True)
        columns, wanted = found.columns, value.columns
    else:
        assert found.type == value.type
        columns, wanted = [found], [value]
    for one, other in zip(columns, wanted, strict=True):
        assert repr(_plain(one)) == repr(_plain(other))
    encode_metadata("meta", dict(STORE.metadata(value)))
    assert all(len(picture.data) < 200_000 for picture in STORE.pictures(value))


def _plain(value: Any) -> Any:
    return value.as_py() if isinstance(value, pyarrow.Scalar) else value.to_pylist()


def payload(value: Any) -> bytes:
    writer = MemoryWriter()
    STORE.save(value, writer)
    return b"".join(writer.parts)


def test_chunks_are_no_part_of_a_table() -> None:
    """Equal tables that are cut differently have equal bytes."""
    whole = pyarrow.table({"a": [*range(9), None], "s": [None, *"abcdefghi"], "b": [True, None] * 5})
    parts = pyarrow.concat_tables([whole.slice(0, 3), whole.slice(3)])

    assert parts.column(0).num_chunks == 2
    assert payload(parts) == payload(whole)


def test_a_large_table_is_mapped(tmp_path: Path) -> None:
    """A table of many rows comes back in batches that lie in the mapped file, and takes no memory of its own."""
    value = pyarrow.table({"a": pyarrow.array(range(300_000))})
    before = pyarrow.total_allocated_bytes()
    found = STORE.load(PayloadReader(tmp_path, {}, payload(value)))

    assert pyarrow.total_allocated_bytes() - before < 100_000
    assert found.equals(value) and found.column(0).num_chunks == 3


def test_polars_reads_the_payload() -> None:
    """What is stored is read by polars without us."""
    polars = pytest.importorskip("polars")
    import io

    assert polars.read_ipc_stream(io.BytesIO(payload(pyarrow.table({"a": [1, None]})))).to_dict(as_series=False) == {
        "a": [1, None]
    }


class Celsius(pyarrow.ExtensionType):
    def __init__(self) -> None:
        super().__init__(pyarrow.float64(), "tests.celsius")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: Any, serialized: bytes) -> Celsius:
        return cls()


def test_an_extension_type_must_be_registered_where_it_is_loaded(tmp_path: Path) -> None:
    """Data of an extension type comes back as that; where it is unknown, the error says what to register."""
    value = pyarrow.table({"t": pyarrow.ExtensionArray.from_storage(Celsius(), pyarrow.array([1.5]))})
    data = payload(value)
    with pytest.raises(ValueUnloadable, match=r"'tests\.celsius' is not registered"):
        STORE.load(PayloadReader(tmp_path, {}, data))
    pyarrow.register_extension_type(Celsius())
    try:
        assert STORE.load(PayloadReader(tmp_path, {}, data)).equals(value)
    finally:
        pyarrow.unregister_extension_type("tests.celsius")


def test_metadata_of_a_table() -> None:
    """A table says its shape, types, nulls, and statistics of its numeric columns."""
    value = pyarrow.table({"i": [1, 3, None], "b": [True, False, True], "s": ["x", "y", "z"]})

    assert STORE.metadata(value) == {
        "shape": [3, 3],
        "dtype": {"i": "int64", "b": "bool", "s": "string"},
        "null_count": {"i": 1},
        "min": {"i": 1, "b": False},
        "max": {"i": 3, "b": True},
        "mean": {"i": 2.0, "b": pytest.approx(2 / 3)},
        "std": {"i": 1.0, "b": pytest.approx((2 / 9) ** 0.5)},
    }
    assert [picture.name for picture in STORE.pictures(value)] == ["describe", "sample"]
    assert [picture.name for picture in STORE.pictures(value["i"])] == ["describe", "sample", "histogram"]


def test_long_tables_are_described_by_a_sample() -> None:
    """Of more than a million rows a million are described, and their number is told."""
    found = STORE.metadata(pyarrow.chunked_array([range(1_000_001)]))

    assert found["sampled"] == 1_000_000 and found["max"] == 1_000_000


@pytest.mark.parametrize("data", [b"hello", b"", payload(TABLE)[:-200]], ids=["text", "nothing", "cut"])
def test_foreign_bytes_are_refused(data: bytes, tmp_path: Path) -> None:
    """Bytes that are no stored Arrow data are a typed error."""
    with pytest.raises(ValueUnloadable):
        STORE.load(PayloadReader(tmp_path, {}, data))


def test_rows_of_a_longer_table_are_stored_alone() -> None:
    """Rows cut out of a table have the payload of equal ones, and take nothing of their neighbours along."""
    whole = pyarrow.table({"s": ["neighbour", None, "y", "z"], "l": [["a"], ["b"], [], ["c"]], "b": [b"aa"] * 4})
    cut = whole.slice(1, 2)
    alone = pyarrow.table(cut.to_pydict(), schema=whole.schema)

    assert payload(cut) == payload(alone)
    assert payload(cut["s"].chunk(0)) == payload(alone["s"].chunk(0))
