"""numpy arrays: exact, never pickled, described and pictured."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy
import pytest

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.numpy import NumpyMaterializer, statistics
from runlore.values.registry import by_name

STORE = NumpyMaterializer()
GENERATOR = numpy.random.default_rng(7)

ARRAYS = {
    "empty": numpy.zeros((0, 3), dtype="float32"),
    "zero dimensions": numpy.array(3.5),
    "bool": numpy.array([True, False]),
    "big endian": numpy.arange(3, dtype=">i4"),
    "fortran": numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)),
    "strided": numpy.arange(24).reshape(4, 6)[::2, ::-3],
    "complex": numpy.array([1j, complex("nan")]),
    "text": numpy.array(["a", "béta\0c"]),
    "bytes": numpy.array([b"a", b"\xff"]),
    "moments": numpy.array(["2026-01-01", "NaT"], dtype="datetime64[ns]"),
    "durations": numpy.array([1, 2], dtype="timedelta64[s]"),
    "records": numpy.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i1"), ("b", "<f8", (1,))]),
    "void": numpy.array([b"ab"], dtype="V2"),
    "nan bits": numpy.frombuffer(struct.pack("<Q", 0x7FF8000000000123), dtype="<f8"),
    "large": GENERATOR.random((300, 1000)),
    "large strided": GENERATOR.random((600, 1000))[::2],
    "large fortran": numpy.asfortranarray(GENERATOR.random((300, 1000))),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=list(ARRAYS))
def test_arrays_come_back_exactly(array: Any, tmp_path: Path) -> None:
    """An array comes back with its type, shape, dtype, byte order, memory order and bits, and may be changed."""
    found = round_trip(STORE, array, tmp_path)

    assert STORE.takes(array)
    assert type(found) is numpy.ndarray
    assert (found.shape, found.dtype, found.dtype.byteorder) == (array.shape, array.dtype, array.dtype.byteorder)
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable
    if array.flags.f_contiguous:
        assert found.flags.f_contiguous


def test_what_pads_long_doubles_is_no_part_of_them() -> None:
    """Equal long doubles have an equal payload, whatever lies between them in memory, in an array and in a dict."""
    one = numpy.arange(6, dtype="g").reshape(2, 3)
    other = one.copy()
    if numpy.finfo("g").nmant == 63:
        other.view("u1").reshape(-1, other.itemsize)[:, 10:] = 255
    for store, wrap in ((STORE, numpy.asarray), (by_name("nested"), lambda array: {"a": array})):
        for turned in (lambda array: array, lambda array: array.T, lambda array: array[:, ::2]):
            writers = [MemoryWriter(), MemoryWriter()]
            for writer, array in zip(writers, (one, other), strict=True):
                store.save(wrap(turned(array)), writer)

            assert b"".join(writers[0].parts) == b"".join(writers[1].parts)


def test_a_mapped_array_is_private(tmp_path: Path) -> None:
    """Changing a large loaded array changes neither what is stored nor what is loaded next."""
    writer = MemoryWriter()
    STORE.save(ARRAYS["large"], writer)
    (tmp_path / "payload").write_bytes(b"".join(writer.parts))
    reader = writer.reader(tmp_path)
    first = STORE.load(reader)
    first[:] = -1

    assert isinstance(first.base, numpy.memmap)
    assert numpy.array_equal(STORE.load(reader), ARRAYS["large"])


@pytest.mark.parametrize(
    "array",
    [
        numpy.array([object()]),
        numpy.array([(1, None)], dtype=[("a", "i1"), ("b", "O")]),
        numpy.ma.masked_array([1]),
        numpy.zeros(2, dtype=numpy.dtype("i4", metadata={"unit": "m"})),
        numpy.zeros(2, dtype=numpy.dtype([("a", "i1"), ("b", "i8")], align=True)),
        numpy.rec.array([(1,)], dtype=[("a", "i1")]),
    ],
    ids=["object", "object field", "masked", "metadata", "aligned", "record array"],
)
def test_what_npy_cannot_say_is_not_taken(array: Any) -> None:
    """What an .npy file does not carry exactly is left to others, and refused if asked for explicitly."""
    assert not STORE.takes(array)
    with pytest.raises(ValueUnstorable, match="no exact .npy form"):
        STORE.save(array, MemoryWriter())


def test_a_pickled_npy_is_never_loaded(tmp_path: Path) -> None:
    """A file with pickled objects inside, whoever made it, is refused without running anything."""
    numpy.save(tmp_path / "bad.npy", numpy.array([object()]), allow_pickle=True)
    payload = (tmp_path / "bad.npy").read_bytes()

    with pytest.raises(ValueUnloadable, match="allow_pickle"):
        STORE.load(PayloadReader(tmp_path, {}, payload))
    with pytest.raises(ValueUnloadable, match="not an .npy array"):
        STORE.load(PayloadReader(tmp_path, {}, b"hello"))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (
            numpy.array([1, 2, 3]),
            {"shape": [3], "dtype": "int64", "min": 1, "max": 3, "mean": 2.0, "std": (2 / 3) ** 0.5},
        ),
        (
            numpy.array([True, False]),
            {"shape": [2], "dtype": "bool", "min": False, "max": True, "mean": 0.5, "std": 0.5},
        ),
        (numpy.zeros((0, 2)), {"shape": [0, 2], "dtype": "float64"}),
        (numpy.array(1.5), {"shape": [], "dtype": "float64", "min": 1.5, "max": 1.5, "mean": 1.5, "std": 0.0}),
        (
            numpy.array([numpy.nan, 1.0], dtype="float32"),
            {"shape": [2], "dtype": "float32", "min": 1.0, "max": 1.0, "mean": 1.0, "std": 0.0, "nan_count": 1},
        ),
        (numpy.array([numpy.nan]), {"shape": [1], "dtype": "float64", "nan_count": 1}),
        (numpy.array([numpy.inf, 1]), {"shape": [2], "dtype": "float64", "min": 1.0, "max": float("inf")}),
        (
            numpy.array(["2026-01-01", "NaT"], "M8[D]"),
            {"shape": [2], "dtype": "datetime64[D]", "min": "2026-01-01", "max": "2026-01-01"},
        ),
        (
            numpy.array(["a", "b", "a"]),
            {
                "shape": [3],
                "dtype": "<U1",
                "unique_words": 2,
                "total_words": 3,
                "most_common_word": "a",
                "most_common_count": 2,
            },
        ),
        (numpy.array([1j]), {"shape": [1], "dtype": "complex128"}),
    ],
    ids=lambda each: str(getattr(each, "dtype", "")) + str(getattr(each, "shape", "")),
)
def test_metadata(array: Any, expected: dict[str, Any]) -> None:
    """Every array says shape and dtype as plain text, and statistics that are Python values of its kind."""
    found = STORE.metadata(array)

    assert {key: found[key] for key in ("shape", "dtype")} == {key: expected.pop(key) for key in ("shape", "dtype")}
    found = {key: value for key, value in found.items() if key not in ("shape", "dtype")}
    assert found == pytest.approx(expected)
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in expected.items()}


def test_statistics_by_chunks_equal_those_of_the_whole() -> None:
    """Statistics taken chunk by chunk are those of the whole array, far from zero too."""
    array = GENERATOR.normal(1e9, 1.0, 700_000)

    found = statistics(array)
    assert found["mean"] == pytest.approx(array.mean(), rel=1e-15)
    assert found["std"] == pytest.approx(array.std(), rel=1e-9)
    assert (found["min"], found["max"]) == (array.min(), array.max())


def test_pictures_are_readable_files() -> None:
    """A vector is drawn as a histogram in SVG, an image as a PNG of its pixels."""
    import io

    from PIL import Image

    pixels = GENERATOR.integers(0, 255, (20, 30, 3), dtype="uint8")
    (histogram,) = STORE.pictures(numpy.array([1.0, 2.0, numpy.nan, numpy.inf]))
    (image,) = STORE.pictures(pixels)
    (grey,) = STORE.pictures(numpy.array([[False, True]]))

    assert histogram.data.startswith(b"<svg") and histogram.media_type == "image/svg+xml"
    assert numpy.array_equal(numpy.asarray(Image.open(io.BytesIO(image.data))), pixels)
    assert numpy.asarray(Image.open(io.BytesIO(grey.data))).tolist() == [[0, 255]]


@pytest.mark.parametrize(
    "array",
    [
        numpy.zeros(0),
        numpy.array(["a"]),
        numpy.array([numpy.nan]),
        numpy.zeros((2, 2, 2, 2)),
        numpy.full((2, 2), numpy.nan),
        numpy.array([-1.7e308, 1.7e308]),
    ],
)
def test_nothing_to_draw(array: Any) -> None:
    """What has no sensible picture has none, and is no error."""
    assert STORE.pictures(array) == ()


def test_large_images_are_drawn_small() -> None:
    """A picture is at most 512 pixels wide and high."""
    (image,) = STORE.pictures(GENERATOR.random((2000, 100)))

    assert struct.unpack(">II", image.data[16:24]) == (25, 500)


@pytest.mark.parametrize("order", ["C", "F"])
def test_large_arrays_are_described_by_a_sample(order: str) -> None:
    """Above a million elements the statistics are those of a regular sample, which says its size."""
    value = numpy.asarray(numpy.arange(3_000_000.0).reshape(1_000, 3_000), order=order)
    notes = NumpyMaterializer().metadata(value)

    assert 200_000 < notes["sampled"] <= 1_000_000
    assert abs(notes["mean"] - 1_500_000) < 5_000
    assert notes["shape"] == [1_000, 3_000]


@pytest.mark.parametrize(
    "values", [[2.8147498e14], [1e300, 1e300], [-1.7e308, 1.7e308], [1e16, 1e16 + 2], [5e-324], [0.0]]
)
def test_numbers_too_close_for_a_histogram_are_drawn_anyway(values: list[float]) -> None:
    """A histogram never fails: where bins would be narrower than doubles lie apart, it shows a wider range."""
    for kind in (numpy.float32, numpy.float64):
        with numpy.errstate(over="ignore"):
            array = numpy.array(values).astype(kind)
        for picture in NumpyMaterializer().pictures(array):
            assert b"<svg" in picture.data


def test_an_archive_of_arrays_is_no_array(tmp_path: Path) -> None:
    """A payload that numpy reads as something other than one array is refused."""
    numpy.savez(tmp_path / "arrays.npz", a=numpy.arange(3))
    payload = (tmp_path / "arrays.npz").read_bytes()

    with pytest.raises(ValueUnloadable, match="archive"):
        NumpyMaterializer().load(PayloadReader(tmp_path, {}, payload))
