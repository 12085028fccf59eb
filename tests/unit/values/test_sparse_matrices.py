"""scipy's sparse matrices and arrays: exact in every format, readable by scipy, described and pictured."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy
import pytest
from scipy import sparse

from runlore.errors import ValueUnloadable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.metadata import encode_metadata
from runlore.values.npz import write_npz
from runlore.values.registry import by_name, materializer_for
from runlore.values.sparse import SparseMaterializer

STORE = SparseMaterializer()
DENSE = numpy.array([[0, 1.5, 0, 0], [0, 0, 0, -2], [3, 0, 0, 0], [0, 0, 0, 0]])
FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")


def unsorted() -> Any:
    return sparse.csr_array((numpy.array([1, 2, 3]), numpy.array([2, 0, 0]), numpy.array([0, 2, 2, 3])), shape=(3, 4))


def wide_indices() -> Any:
    value = sparse.csr_array(DENSE)
    value.indices, value.indptr = value.indices.astype("i8"), value.indptr.astype("i8")
    return value


VALUES: dict[str, Any] = {
    **{f"{form} {kind}": getattr(sparse, f"{form}_{kind}")(DENSE) for form in FORMATS for kind in ("array", "matrix")},
    **{f"{form} of nothing": getattr(sparse, f"{form}_array")((2, 3), dtype="f4") for form in FORMATS},
    **{
        f"{form} without rows": getattr(sparse, f"{form}_array")((0, 3)) for form in ("csr", "csc", "coo", "lil", "dok")
    },
    **{
        str(numpy.dtype(dtype)): sparse.csr_array(DENSE.astype(dtype))
        for dtype in ("?", "i1", "u8", "f4", "g", "c8", "c16")
    },
    "vector": sparse.coo_array(numpy.array([0, 2.5, 0])),
    "vector csr": sparse.csr_array(numpy.array([0, 2.5, 0])),
    "vector dok": sparse.dok_array(numpy.array([0, 2.5, 0])),
    "three axes": sparse.coo_array(numpy.arange(8).reshape(2, 2, 2)),
    "unsorted": unsorted(),
    "wide indices": wide_indices(),
    "twice the same place": sparse.coo_array(([1, 2], ([0, 0], [1, 1])), shape=(2, 2)),
    "stored zero": sparse.csr_array((numpy.array([0.0]), numpy.array([1]), numpy.array([0, 1])), shape=(1, 2)),
    "blocks": sparse.bsr_array(numpy.kron(numpy.eye(2), numpy.ones((2, 3))), blocksize=(2, 3)),
}


def entries(value: Any) -> Any:
    """All that a sparse matrix holds, in its order."""
    if value.format in ("csr", "csc", "bsr"):
        return [plain(part) for part in (value.data, value.indices, value.indptr)]
    if value.format == "dia":
        return [plain(part) for part in (value.data, value.offsets)]
    if value.format == "coo":
        return [plain(part) for part in (value.data, *value.coords)]
    if value.format == "lil":
        return [list(value.rows), list(value.data)]
    return [[(repr(numpy.array(key).tolist()), item) for key, item in value.items()]]


def plain(part: Any) -> Any:
    return part.dtype.str, part.shape, part.tolist()


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_sparse_matrices_come_back_exactly(value: Any, tmp_path: Path) -> None:
    """Class, shape, dtype, stored members, their order and the dtypes of indices come back."""
    assert materializer_for(value).name == "scipy-sparse"
    found = round_trip(STORE, value, tmp_path)

    assert type(found) is type(value) and found.shape == value.shape and found.dtype == value.dtype
    assert entries(found) == entries(value)
    encode_metadata("meta", dict(STORE.metadata(value)))
    assert all(len(picture.data) < 200_000 for picture in STORE.pictures(value))


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_scipy_reads_the_payload(value: Any) -> None:
    """`scipy.sparse.load_npz` reads what is stored; of formats that have no file, a near one."""
    writer = MemoryWriter()
    STORE.save(value, writer)
    found = sparse.load_npz(io.BytesIO(b"".join(writer.parts)))

    assert found.format == {"lil": "csr", "dok": "coo"}.get(value.format, value.format)
    assert isinstance(found, sparse.sparray) is isinstance(value, sparse.sparray)
    assert numpy.array_equal(found.toarray(), value.toarray())


def test_what_scipy_saved_is_read(tmp_path: Path) -> None:
    """A file that scipy saved loads as the matrix that it holds."""
    sparse.save_npz(tmp_path / "own.npz", sparse.csc_matrix(DENSE))
    found = STORE.load(PayloadReader(tmp_path, {}, (tmp_path / "own.npz").read_bytes()))

    assert type(found) is sparse.csc_matrix and numpy.array_equal(found.toarray(), DENSE)


def test_sparse_matrices_lie_in_containers(tmp_path: Path) -> None:
    """A sparse matrix in a dict is a leaf of one payload."""
    found = round_trip(by_name("nested"), {"m": sparse.csr_array(DENSE)}, tmp_path)

    assert type(found["m"]) is sparse.csr_array and numpy.array_equal(found["m"].toarray(), DENSE)


def test_equal_matrices_have_equal_bytes() -> None:
    """Neither the time nor what has been computed of a matrix shows in what is stored."""
    payloads = []
    for value in (sparse.csr_array(DENSE), sparse.csr_array(DENSE)):
        writer = MemoryWriter()
        STORE.save(value, writer)
        payloads.append(b"".join(writer.parts))
        assert value.has_sorted_indices

    assert payloads[0] == payloads[1]


def test_subclasses_are_left_to_others() -> None:
    """A matrix of somebody's own class would lose its class."""

    class Own(sparse.csr_array):
        pass

    assert not STORE.takes(Own(DENSE))


def test_metadata_and_picture() -> None:
    """A sparse matrix says its shape, dtype, format, members and density, and shows where they are."""
    assert STORE.metadata(sparse.csr_array(DENSE)) == {
        "shape": [4, 4],
        "dtype": "float64",
        "format": "csr",
        "nnz": 3,
        "density": 3 / 16,
    }
    (picture,) = STORE.pictures(sparse.random_array((10_000, 5_000), density=1e-3, rng=numpy.random.default_rng(0)))

    assert picture.kind == "image" and picture.data.startswith(b"\x89PNG") and len(picture.data) < 100_000


@pytest.mark.parametrize("data", [b"hello", b""], ids=["text", "nothing"])
def test_foreign_bytes_are_refused(data: bytes, tmp_path: Path) -> None:
    """Bytes that are no stored matrix are a typed error."""
    with pytest.raises(ValueUnloadable):
        STORE.load(PayloadReader(tmp_path, {}, data))


@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "lil"])
def test_places_outside_of_a_matrix_are_refused(form: str, tmp_path: Path) -> None:
    """A file whose members lie outside of the matrix is no matrix: scipy would read and write memory there."""
    data = numpy.ones((2, 1, 1)) if form == "bsr" else numpy.ones(2)
    parts = {"indices": numpy.array([0, 10**7]), "indptr": numpy.array([0, 1, 2]), "data": data}
    parts |= {"format": numpy.array(form.replace("lil", "csr").encode()), "shape": numpy.array([2, 2])}
    writer = MemoryWriter()
    write_npz(parts, writer, {"format": "lil"} if form == "lil" else None)

    with pytest.raises(ValueUnloadable, match="2"):
        SparseMaterializer().load(writer.reader(tmp_path))
