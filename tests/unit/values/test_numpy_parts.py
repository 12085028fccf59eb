"""Arrays that no single .npy says: masked, record arrays, matrices, texts of any length, uncommon dtypes, scalars."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy
import pytest

from runlore.errors import ValueUnloadable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.metadata import encode_metadata
from runlore.values.numpy_parts import NumpyPartsMaterializer
from runlore.values.registry import by_name, materializer_for

STORE = NumpyPartsMaterializer()
ALIGNED = numpy.dtype([("a", "i1"), ("b", "i8")], align=True)
RECORDS = numpy.rec.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i1"), ("b", "<f8")])
STRINGS = getattr(numpy.dtypes, "StringDType", None)


def masked(**options: Any) -> Any:
    return numpy.ma.MaskedArray(numpy.arange(6.0).reshape(2, 3), mask=[[0, 1, 0], [0, 0, 1]], **options)


ARRAYS: dict[str, Any] = {
    "masked": masked(),
    "masked with a fill": masked(fill_value=-1.0),
    "masked for good": masked(hard_mask=True),
    "masked nowhere": numpy.ma.MaskedArray([1, 2]),
    "masked of no axes": numpy.ma.MaskedArray(3, mask=True),
    "masked moments": numpy.ma.MaskedArray(numpy.array(["2026", "NaT"], "M8[s]"), mask=[True, False]),
    "masked texts": numpy.ma.MaskedArray(["a", "bc"], mask=[False, True]),
    "masked fields": numpy.ma.MaskedArray([(1, 2), (3, 4)], mask=[(0, 1), (0, 0)], dtype=[("a", "i1"), ("b", "i4")]),
    "masked in columns": numpy.ma.MaskedArray(numpy.asfortranarray(numpy.eye(2)), mask=numpy.eye(2) > 0),
    "masked of nothing": numpy.ma.MaskedArray(numpy.empty((0, 2))),
    "records": RECORDS,
    "records of nothing": RECORDS[:0],
    "aligned": numpy.array([(1, 2), (3, 4)], dtype=ALIGNED),
    "aligned records": numpy.array([(1, 2)], dtype=ALIGNED).view(numpy.recarray),
    "metadata": numpy.zeros((2, 2), dtype=numpy.dtype("i4", metadata={"unit": "m"})),
    "metadata of a field": numpy.zeros(2, dtype=[("a", numpy.dtype("i4", metadata={"unit": "m"}))]),
    "overlapping fields": numpy.array(
        [(1, 1)], dtype={"names": ["a", "b"], "formats": ["<i4", "<i2"], "offsets": [0, 0], "itemsize": 8}
    ),
    "aligned with titles": numpy.zeros(2, numpy.dtype([(("long name", "a"), "i1"), ("b", "i4", (2,))], align=True)),
    "aligned with names of any letters": numpy.zeros(2, numpy.dtype([("Ā", "i1"), ("b", "i8")], align=True)),
    "names of any letters": numpy.zeros(2, [("Ā", "?")]),
    "nested aligned": numpy.zeros(2, numpy.dtype([("n", ALIGNED), ("x", ALIGNED, (2,))], align=True)),
    "matrix": numpy.arange(4).reshape(2, 2).view(numpy.matrix),
    "aligned in columns": numpy.asfortranarray(numpy.zeros((2, 3), dtype=ALIGNED)),
}
if STRINGS is not None:
    ARRAYS |= {
        "texts of any length": numpy.array([["a", "", "long" * 20], ["ü", "\0", "x"]], dtype=STRINGS()),
        "texts and nan": numpy.array(["a", numpy.nan], dtype=STRINGS(na_object=numpy.nan)),
        "texts and None, strict": numpy.array(["a", None], dtype=STRINGS(na_object=None, coerce=False)),
        "no texts": numpy.array([], dtype=STRINGS()),
    }
SCALARS: dict[str, Any] = {
    "record": RECORDS[0],
    "void": numpy.void(b"ab"),
    "long double": numpy.longdouble(1) / 3,
    "aligned row": numpy.zeros(1, ALIGNED)[0],
}


def assert_same(found: Any, value: Any) -> None:
    assert type(found) is type(value) and found.dtype == value.dtype and repr(found) == repr(value)
    assert (found.dtype.isalignedstruct, found.dtype.type) == (value.dtype.isalignedstruct, value.dtype.type)
    assert (found.dtype.metadata or {}) == (value.dtype.metadata or {})
    assert found.dtype.fields == value.dtype.fields
    if isinstance(value, numpy.ndarray):
        assert found.shape == value.shape and found.flags.writeable
        assert found.flags.f_contiguous == value.flags.f_contiguous
        if value.dtype.names is None and not (STRINGS is not None and isinstance(value.dtype, STRINGS)):
            assert numpy.ma.getdata(found).tobytes() == numpy.ma.getdata(value).tobytes()
    if isinstance(value, numpy.ma.MaskedArray):
        assert (found.mask is numpy.ma.nomask) == (value.mask is numpy.ma.nomask)
        assert numpy.array_equal(found.mask, value.mask) and found.hardmask == value.hardmask
        assert repr(found.fill_value) == repr(value.fill_value)


@pytest.mark.parametrize("value", [*ARRAYS.values(), *SCALARS.values()], ids=[*ARRAYS, *SCALARS])
def test_arrays_come_back_exactly(value: Any, tmp_path: Path) -> None:
    """Class, dtype with all that belongs to it, shape, order, members and masks come back, and are described."""
    assert materializer_for(value).name == "numpy-parts"
    assert_same(round_trip(STORE, value, tmp_path), value)
    encode_metadata("meta", dict(STORE.metadata(value)))
    assert all(len(picture.data) < 200_000 for picture in STORE.pictures(value))


@pytest.mark.parametrize("value", ARRAYS.values(), ids=list(ARRAYS))
def test_arrays_lie_in_containers(value: Any, tmp_path: Path) -> None:
    """In a list they are leaves of one payload."""
    assert materializer_for([value]).name == "nested"
    assert_same(round_trip(by_name("nested"), [value], tmp_path)[0], value)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "int4"])
def test_numbers_of_ml_dtypes(name: str, tmp_path: Path) -> None:
    """Arrays of another library's small numbers come back as such."""
    others = pytest.importorskip("ml_dtypes")
    value = numpy.array([[1, -2, 3]]).astype(getattr(others, name))
    assert materializer_for(value).name == "numpy-parts"

    assert_same(round_trip(STORE, value, tmp_path), value)
    assert STORE.metadata(value)["max"] == 3.0 and STORE.metadata(value)["dtype"] == name


def test_numpy_reads_the_payload() -> None:
    """`numpy.load` reads members and mask without us."""
    writer = MemoryWriter()
    STORE.save(masked(), writer)
    found = numpy.load(io.BytesIO(b"".join(writer.parts)), allow_pickle=False)

    assert found["data"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["mask"].tolist() == [[False, True, False], [False, False, True]]


class Own(numpy.ndarray): ...


@pytest.mark.parametrize(
    "value",
    [
        numpy.arange(3),
        numpy.float64(1),
        numpy.arange(3).view(Own),
        numpy.ma.MaskedArray([object()]),
        numpy.array([(1, None)], dtype=numpy.dtype([("a", "i1"), ("b", "O")], align=True)),
        numpy.zeros(2, numpy.dtype("i4", metadata={"unit": object()})),
        numpy.ma.masked,
    ],
    ids=["plain", "plain scalar", "subclass", "masked objects", "object field", "odd metadata", "the masked constant"],
)
def test_what_has_another_form_or_none_is_not_taken(value: Any) -> None:
    """Plain arrays are `.npy`; objects and classes of others are left to others."""
    assert not STORE.takes(value)


def test_metadata_of_a_masked_array() -> None:
    """Statistics are over what is not masked, and what is masked is counted."""
    assert STORE.metadata(masked()) == {
        "shape": [2, 3],
        "dtype": "float64",
        "masked": 2,
        "min": 0.0,
        "max": 4.0,
        "mean": 2.25,
        "std": pytest.approx(1.479, abs=1e-3),
    }


def test_a_large_masked_array_is_read_from_its_file(tmp_path: Path) -> None:
    """A masked array of some megabytes comes back whole."""
    value = numpy.ma.MaskedArray(numpy.arange(300_000.0), mask=numpy.arange(300_000) % 3 == 0)

    assert_same(round_trip(STORE, value, tmp_path), value)


def test_a_long_masked_array_is_described_by_a_sample() -> None:
    """Of more than a million elements a regular sample is described; what is masked is counted in all of them."""
    value = numpy.ma.MaskedArray(numpy.arange(1_000_001), mask=numpy.arange(1_000_001) == 0)

    assert STORE.metadata(value) == {
        "shape": [1_000_001],
        "dtype": "int64",
        "masked": 1,
        "sampled": 500_001,
        "min": 2,
        "max": 1_000_000,
        "mean": pytest.approx(500_001),
        "std": pytest.approx(288_675, rel=1e-3),
    }


@pytest.mark.parametrize("data", [b"hello", b"PK\x03\x04"], ids=["text", "zip"])
def test_foreign_bytes_are_refused(data: bytes, tmp_path: Path) -> None:
    """Bytes that are no stored array are a typed error."""
    with pytest.raises(ValueUnloadable):
        STORE.load(PayloadReader(tmp_path, {}, data))


def test_equal_arrays_have_equal_bytes() -> None:
    """Neither what lies between fields nor a look at a default shows in what is stored."""
    payloads = []
    for filler in (b"\0", b"\xff"):
        value = numpy.frombuffer(bytearray(filler * 32), ALIGNED)
        value["a"], value["b"] = 1, 2
        hidden = masked()
        if filler != b"\0":
            assert hidden.fill_value == 1e20
        for array in (value, hidden):
            writer = MemoryWriter()
            STORE.save(array, writer)
            payloads.append(b"".join(writer.parts))

    assert payloads[:2] == payloads[2:]
