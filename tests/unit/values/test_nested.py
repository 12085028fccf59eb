"""Containers with arrays, frames and the like inside: one payload, exact, without pickle."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import pandas
import pytest

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.codec import encode
from runlore.values.materializer import Materializer, Reader, Writer
from runlore.values.registry import by_name, materializer_for

STORE: Any = by_name("nested")
GENERATOR = numpy.random.default_rng(3)


@dataclasses.dataclass
class Layer:
    name: str
    weights: Any


class Fold(NamedTuple):
    train: Any
    test: Any


ARRAYS = {
    "vector": GENERATOR.random(10),
    "empty": numpy.zeros((0, 3), dtype="f4"),
    "zero dimensions": numpy.array(7, dtype="u1"),
    "fortran": numpy.asfortranarray(GENERATOR.random((4, 5))),
    "strided": numpy.arange(24).reshape(4, 6)[::2, ::-3],
    "big endian": numpy.arange(3, dtype=">i4"),
    "bool": numpy.array([[True], [False]]),
    "text": numpy.array(["a", "béta\0c", ""]),
    "bytes": numpy.array([b"a", b"\xff"]),
    "moments": numpy.array(["2026-01-01", "NaT"], dtype="M8[ns]"),
    "complex": numpy.array([1j, complex("nan")]),
    "records": numpy.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i1"), ("b", "<f8", (1,))]),
    "large": GENERATOR.random((300, 1000)),
    "large records": numpy.zeros(200_000, dtype=[("a", "i4"), ("b", "f8")]),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=list(ARRAYS))
@pytest.mark.parametrize(
    "hold", [lambda a: [{"x": a}], lambda a: (a, 1), lambda a: OrderedDict(a=a), lambda a: Layer("in", [a])]
)
def test_arrays_inside_containers_come_back_exactly(array: Any, hold: Any, tmp_path: Path) -> None:
    """An array in a list, dict, tuple or dataclass comes back with dtype, shape, order and bits, and may be changed."""
    value = hold(array)
    found = round_trip(STORE, value, tmp_path)
    inner = {list: lambda v: v[0]["x"], tuple: lambda v: v[0], OrderedDict: lambda v: v["a"]}.get(
        type(value), lambda v: v.weights[0]
    )(found)

    assert materializer_for(value) is STORE
    assert type(found) is type(value) and type(inner) is numpy.ndarray
    assert (inner.shape, inner.dtype, inner.dtype.byteorder) == (array.shape, array.dtype, array.dtype.byteorder)
    assert inner.tobytes() == array.tobytes()
    assert inner.flags.f_contiguous >= array.flags.f_contiguous
    assert inner.flags.writeable


def test_frames_and_scalars_inside_containers(tmp_path: Path) -> None:
    """A frame or series in a dict comes back with its index and dtypes, beside values of any other type."""
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]}, index=pandas.Index([3, 4], name="id"))
    value = {1: frame, "series": Fold(frame["a"], {"at": pandas.Timestamp("2026-01-01", tz="UTC")}), "n": numpy.int8(3)}
    found = round_trip(STORE, value, tmp_path)

    pandas.testing.assert_frame_equal(found[1], frame)
    assert type(found["series"]) is Fold
    pandas.testing.assert_series_equal(found["series"].train, frame["a"])
    assert found["series"].test == value["series"].test  # type: ignore[attr-defined]
    assert type(found["n"]) is numpy.int8 and found["n"] == 3


def test_object_arrays_are_no_pickles(tmp_path: Path) -> None:
    """An array of typed values, and one of arrays, comes back element by element, sequences among them as they are."""
    value = numpy.empty((2, 2), dtype=object)
    value[0, 0], value[0, 1], value[1, 0], value[1, 1] = "text", None, (1, 2), numpy.arange(3)
    found = round_trip(STORE, value, tmp_path)

    assert materializer_for(value) is STORE
    assert found.dtype == object and found.shape == (2, 2)
    assert found[0].tolist() == ["text", None] and found[1, 0] == (1, 2)
    assert type(found[1, 1]) is numpy.ndarray and found[1, 1].tolist() == [0, 1, 2]
    assert STORE.metadata(value) == {
        "shape": [2, 2],
        "dtype": "object",
        "unique_words": 1,
        "total_words": 1,
        "most_common_word": "text",
        "most_common_count": 1,
    }
    assert STORE.metadata(numpy.array([None], dtype=object)) == {"shape": [1], "dtype": "object"}


def test_arrays_of_one_payload_are_apart(tmp_path: Path) -> None:
    """Changing one loaded array changes no other one, and nothing that is loaded next."""
    value = [numpy.zeros(200_000), numpy.ones(200_000), numpy.ones(3)]
    writer = MemoryWriter()
    STORE.save(value, writer)
    (tmp_path / "payload").write_bytes(b"".join(writer.parts))
    reader = writer.reader(tmp_path)
    first = STORE.load(reader)
    first[0][:] = -1
    first[2][:] = -1

    assert first[1].min() == 1
    assert [array.min() for array in STORE.load(reader)] == [0, 1, 1]


def test_large_arrays_are_written_from_where_they_lie() -> None:
    """A large array inside a container is handed to the writer as a view of its own memory, without a copy."""
    array = numpy.zeros(1 << 20)
    parts: list[Any] = []

    class Writer(MemoryWriter):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            parts.append(data)

    STORE.save({"a": array}, Writer())

    assert any(numpy.shares_memory(numpy.frombuffer(part, "u1"), array) for part in parts if len(part))


def test_equal_containers_have_equal_bytes() -> None:
    """The payload depends on the value alone: not on strides, and not on which objects are shared."""

    def payload(value: Any) -> bytes:
        writer = MemoryWriter()
        STORE.save(value, writer)
        return b"".join(writer.parts)

    array = numpy.arange(6)
    assert payload([array, array]) == payload([array.copy(), numpy.arange(12)[::2] // 2])
    assert payload([array]) != payload([array.astype("i4")])
    assert payload([array.reshape(2, 3)]) != payload([numpy.asfortranarray(array.reshape(2, 3))])


def test_what_only_a_pickle_can_hold_goes_there() -> None:
    """A container with anything that has no form of its own is not taken, but with a pickle of just that behind."""
    cycle: list[Any] = [numpy.zeros(1)]
    cycle.append(cycle)
    pickled = ([numpy.zeros(1), lambda: 1], [numpy.ma.masked_array([object()])], {"a": object()})
    for value, name in ((cycle, "cloudpickle"), *((value, "nested-pickled") for value in pickled)):
        assert materializer_for(value).name == name
        with pytest.raises(ValueUnstorable):
            STORE.save(value, MemoryWriter())


def test_arrays_are_no_typed_text() -> None:
    """Where only text can be kept, such as a parameter, an array is refused by place and type."""
    with pytest.raises(ValueUnstorable, match=r"lr\['a'\]\[0\] is a numpy.ndarray"):
        encode({"a": [numpy.zeros(2)]}, name="lr")


@pytest.mark.parametrize("cut", [0, 5, 20, 60, 130, -1])
def test_a_damaged_payload_is_an_error(tmp_path: Path, cut: int) -> None:
    """A payload that is cut short or of another form is the typed error, never a wrong array."""
    writer = MemoryWriter()
    STORE.save([numpy.arange(100.0), "x"], writer)
    payload = b"".join(writer.parts)

    with pytest.raises(ValueUnloadable):
        STORE.load(PayloadReader(tmp_path, {}, payload[: cut if cut >= 0 else 900]))
    with pytest.raises(ValueUnloadable, match="not a nested value"):
        STORE.load(PayloadReader(tmp_path, {}, b"hello" + payload))


def test_many_numbers_beside_an_array_lie_in_columns(tmp_path: Path) -> None:
    """A long list of numbers costs its bytes also where an array lies beside it, at any depth."""
    value = {
        "weights": numpy.ones(4),
        "run": ({"losses": [place / 7 for place in range(1_000)]}, Layer("a", [(1, 2)] * 200)),
    }
    writer = MemoryWriter()
    STORE.save(value, writer)
    found = round_trip(STORE, value, tmp_path)

    assert materializer_for(value).name == "nested"
    assert sum(map(len, writer.parts)) < 10_000
    assert found["run"] == value["run"] and found["weights"].tolist() == [1.0] * 4


def test_a_leaf_never_runs_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A payload that names a materializer which can run code is refused before that one sees any byte."""

    class Runs(Materializer):
        name = "tests.runs"
        runs_code = True

        def save(self, value: Any, writer: Writer) -> None:
            raise AssertionError

        def load(self, reader: Reader) -> Any:
            raise AssertionError("it was asked to load")

    monkeypatch.setattr(STORE, "_find_name", lambda name: Runs())
    text = b'[{"~":"leaf","m":"tests.runs","at":0,"size":1}]'
    payload = b"runlore-nested-1 %d\n%b" % (len(text), text)

    with pytest.raises(ValueUnloadable, match="can run code"):
        STORE.load(PayloadReader(tmp_path, {}, payload + bytes(-len(payload) % 64) + b"x"))


def test_arrays_of_objects_keep_their_order(tmp_path: Path) -> None:
    """An array of objects in Fortran order comes back in Fortran order, with every member in its place."""
    value = numpy.array([[1, 2.5, "a"], ["x", None, (1,)]], dtype=object, order="F")
    found = round_trip(by_name("nested"), value, tmp_path)

    assert found.flags.f_contiguous and not found.flags.c_contiguous
    assert found.tolist() == value.tolist()
