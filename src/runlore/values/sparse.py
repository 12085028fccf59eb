"""scipy's sparse matrices and arrays as ``.npz``, as `scipy.sparse.save_npz` writes them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import scipy.sparse

from runlore.errors import ValueUnloadable
from runlore.values import drawing
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer
from runlore.values.npz import read_npz, write_npz
from runlore.values.numpy import is_exact

_PIXELS = 256
#: Members of the compressed formats, which have one layout.
_COMPRESSED = ("csr", "csc", "bsr")


class SparseMaterializer(Materializer):
    """Stores sparse matrices and arrays of every format: the members stored, their order, and the dtypes of indices.

    The formats that scipy has no file for are stored as a near one, and come back as they were: ``lil`` as ``csr``, and
    ``dok`` as ``coo``.
    """

    name = "scipy-sparse"
    types = ("scipy.sparse.spmatrix", "scipy.sparse.sparray")
    extra = "scipy"

    def takes(self, value: Any) -> bool:
        form = getattr(value, "format", None)
        plain = type(value) is getattr(scipy.sparse, f"{form}_{_kind(value)}", None)
        return plain and is_exact(value.dtype) and (form != "coo" or len({part.dtype for part in _coords(value)}) == 1)

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(f"A {type(value).__name__} of dtype {value.dtype} has no exact .npz form.")
        form = value.format
        about = None
        if form == "lil":
            parts, form, about = _rows(value), "csr", {"format": "lil"}
        elif form == "dok":
            parts, form, about = _entries(value), "coo", {"format": "dok"}
        elif form == "dia":
            parts = {"offsets": value.offsets, "data": value.data}
        elif form == "coo":
            parts = {**_named(_coords(value)), "data": value.data}
        else:
            parts = {"indices": value.indices, "indptr": value.indptr, "data": value.data}
        parts |= {"format": numpy.array(form.encode()), "shape": numpy.array(value.shape, "<i8")}
        if _kind(value) == "array":
            parts["_is_array"] = numpy.array(True)
        write_npz(parts, writer, about)

    def load(self, reader: Reader) -> Any:
        parts, about = read_npz(reader)
        try:
            kind = "array" if "_is_array" in parts else "matrix"
            return _build(parts, kind, about["format"] if about else parts["format"].item().decode())
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueUnloadable(f"The payload is not a stored sparse matrix: {error}.") from error

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``shape``, ``dtype``, ``format``, ``nnz`` (members stored, zeros included) and ``density`` (their share)."""
        size = 1
        for length in value.shape:
            size *= int(length)
        stored = int(value.nnz)
        return {
            "shape": [int(length) for length in value.shape],
            "dtype": str(value.dtype),
            "format": value.format,
            "nnz": stored,
            "density": stored / size if size else 0.0,
        }

    def pictures(self, value: Any) -> Sequence[Picture]:
        """Where there are members, the darker the more, in at most 256 × 256 fields."""
        if value.ndim > 2 or not value.nnz or 0 in value.shape:
            return ()
        found = value.tocoo()
        shape = found.shape if found.ndim == 2 else (1, *found.shape)
        places = _coords(found) if found.ndim == 2 else (numpy.zeros(found.nnz, "i4"), *_coords(found))
        height, width = (min(length, _PIXELS) for length in shape)
        rows, columns = (
            part.astype("i8") * count // length
            for part, count, length in zip(places, (height, width), shape, strict=True)
        )
        counts = numpy.bincount(rows * width + columns, minlength=height * width).astype("f8")
        pixels = numpy.where(counts > 0, 200 - 200 * counts / counts.max(), 255).astype("u1")
        data = drawing.png(pixels.tobytes(), width, height, 1)
        return (Picture(kind="image", data=data, name="spy", media_type="image/png"),)


def _kind(value: Any) -> str:
    # its name says it, since what `sparray` is the base of differs between releases of scipy
    return "array" if type(value).__name__.endswith("_array") else "matrix"


def _coords(value: Any) -> tuple[Any, ...]:
    return tuple(value.coords) if hasattr(value, "coords") else (value.row, value.col)


def _named(coords: Sequence[Any]) -> dict[str, Any]:
    return {"row": coords[0], "col": coords[1]} if len(coords) == 2 else {"coords": numpy.stack(coords)}


def _rows(value: Any) -> dict[str, Any]:
    lengths = [len(row) for row in value.rows]
    chained = itertools.chain.from_iterable
    return {
        "indices": numpy.fromiter(chained(value.rows), "<i8", sum(lengths)),
        "indptr": numpy.concatenate([[0], numpy.cumsum(lengths, dtype="<i8")]),
        "data": numpy.fromiter(chained(value.data), value.dtype, sum(lengths)),
    }


def _entries(value: Any) -> dict[str, Any]:
    keys = list(value.keys())
    coords = list(zip(*keys, strict=True)) if value.ndim > 1 else [keys]
    parts = [numpy.array(part, "<i8") for part in coords] if keys else [numpy.empty(0, "<i8")] * value.ndim
    return {**_named(parts), "data": numpy.fromiter(value.values(), value.dtype, len(keys))}


def _build(parts: dict[str, Any], kind: str, form: str) -> Any:
    cls = getattr(scipy.sparse, f"{form}_{kind}")
    shape = tuple(parts["shape"].tolist())
    data = parts["data"]
    if form == "lil":
        _check_rows(parts, shape)
        made = cls(shape, dtype=data.dtype)
        ends = parts["indptr"].tolist()
        for place, (start, stop) in enumerate(itertools.pairwise(ends)):
            made.rows[place] = parts["indices"][start:stop].tolist()
            made.data[place] = data[start:stop].tolist()
        return made
    if form == "dia":
        made = cls((data, parts["offsets"]), shape=shape)
        made.offsets = parts["offsets"]
    elif form in _COMPRESSED:
        made = cls((data, parts["indices"], parts["indptr"]), shape=shape)
        made.check_format(full_check=True)  # else scipy would read and write memory at any place that a file says
        made.indices, made.indptr = parts["indices"], parts["indptr"]  # scipy narrows them where it can
    else:
        coords = (parts["row"], parts["col"]) if "row" in parts else tuple(parts["coords"])
        coo = getattr(scipy.sparse, f"coo_{kind}")
        made = coo((data, coords if len(coords) != 1 else (coords[0],)), shape=shape)
        if form == "dok":
            made.has_canonical_format = True  # so that the entries keep their order
            return made.todok()
        if hasattr(made, "coords"):
            made.coords = coords
        else:
            made.row, made.col = coords
    made.data = data
    return made


def _check_rows(parts: dict[str, Any], shape: tuple[int, ...]) -> None:
    scipy.sparse.csr_matrix((parts["data"], parts["indices"], parts["indptr"]), shape).check_format(full_check=True)
