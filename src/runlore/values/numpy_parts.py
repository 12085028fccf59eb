"""Arrays that need more than one ``.npy``: masked and record arrays, matrices, texts of any length, uncommon dtypes.

The payload is an ``.npz`` that numpy reads; what its arrays do not say is typed text in it (`docs/design/codec.md`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values import dtypes
from runlore.values.described import sampled, stride_of
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer
from runlore.values.npz import read_npz, write_npz
from runlore.values.numpy import Array, NumpyMaterializer, is_exact, words

_PLAIN = NumpyMaterializer()
_CLASSES: dict[str, type] = {
    "array": numpy.ndarray,
    "masked": numpy.ma.MaskedArray,
    "records": numpy.recarray,
    "matrix": numpy.matrix,
}


class NumpyPartsMaterializer(Materializer):
    """Stores what `NumpyMaterializer` does not: other classes of numpy's own, and dtypes that ``.npy`` does not say."""

    name = "numpy-parts"
    types = ("numpy.ndarray", "numpy.generic")
    extra = "numpy"

    def takes(self, value: Any) -> bool:
        if isinstance(value, numpy.generic):  # others are text
            plain = value.dtype.kind in "V" or value.dtype.char in "gG"
            if not plain or type(value).__module__ not in ("numpy", "ml_dtypes", "numpy.rec"):
                return False
            return _has_form(value.dtype)
        kind = _class_of(value)
        if kind is None or (kind == "array" and is_exact(value.dtype)):
            return False
        if kind == "masked" and (value.baseclass is not numpy.ndarray or value._basedict or value._optinfo):
            return False
        if kind == "masked" and dtypes.is_string(value.dtype):
            return False
        return _has_form(value.dtype)

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(f"A {type(value).__name__} of dtype {value.dtype} has no exact .npz form.")
        kind = "scalar" if isinstance(value, numpy.generic) else _class_of(value)
        about: dict[str, Any] = {"form": 1, "class": kind, "dtype": dtypes.describe(value.dtype)}
        parts: dict[str, Array] = {}
        if kind == "masked":
            if value.hardmask:
                about["hard"] = True
            if numpy.ma.getmask(value) is not numpy.ma.nomask:
                parts["mask"] = _stored(numpy.ma.getmaskarray(value))
            if repr(value.fill_value) != repr(numpy.ma.MaskedArray(numpy.empty(0, value.dtype)).fill_value):
                parts["fill"] = _stored(numpy.asarray(value.fill_value, dtype=value.dtype))
            value = numpy.ma.getdata(value)
        data = numpy.asarray(value).view(numpy.ndarray)
        if dtypes.is_string(data.dtype):
            about["shape"] = list(data.shape)
            parts |= _texts(data)
        else:
            parts["data"] = _stored(data)
        write_npz(parts, writer, about)

    def load(self, reader: Reader) -> Any:
        parts, about = read_npz(reader)
        try:
            return _build(parts, about)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueUnloadable(f"The payload is not a stored array: {type(error).__name__}: {error}.") from error

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """As of a plain array; of a masked one ``masked`` counts what is, and the statistics are over the rest."""
        if isinstance(value, numpy.ma.MaskedArray):
            told = {"shape": list(value.shape), "dtype": str(value.dtype)}
            if value.dtype.names is not None:
                return told
            masked = int(numpy.count_nonzero(numpy.ma.getmask(value)))
            stride = stride_of(value.size)
            sample = value if stride == 1 else value.ravel(order="K")[::stride]
            return {**_PLAIN.metadata(sample.compressed()), **told, "masked": masked, **sampled(value.size)}
        if dtypes.is_string(value.dtype):
            return {"shape": list(value.shape), "dtype": str(value.dtype), **words(value)}
        if value.dtype.type.__module__ == "ml_dtypes":
            return {**_PLAIN.metadata(numpy.asarray(value, numpy.float32)), "dtype": str(value.dtype)}
        return _PLAIN.metadata(numpy.asarray(value))

    def pictures(self, value: Any) -> Sequence[Picture]:
        """As of a plain array; what is masked is not there."""
        if isinstance(value, numpy.ma.MaskedArray):
            known = value.compressed() if value.dtype.kind in "biuf" else numpy.empty(0)
            if not known.size:
                return ()
            return _PLAIN.pictures(known if value.ndim == 1 else value.filled(known.min()))
        if value.dtype.type.__module__ == "ml_dtypes":
            return _PLAIN.pictures(numpy.asarray(value, numpy.float32))
        return () if dtypes.is_string(value.dtype) else _PLAIN.pictures(numpy.asarray(value))


def _class_of(value: Any) -> str | None:
    found = numpy.ndarray if type(value) is numpy.memmap else type(value)
    return next((name for name, cls in _CLASSES.items() if cls is found), None)


def _has_form(dtype: numpy.dtype[Any]) -> bool:
    try:
        dtypes.describe(dtype)
    except ValueUnstorable:
        return False
    return True


def _stored(array: Any) -> Array:
    """The same members under a dtype that ``.npy`` says; what lies between fields is left out."""
    plain: Array = numpy.asarray(array).view(numpy.ndarray)
    return _turned(plain, dtypes.stored_as(plain.dtype))


def _turned(array: Array, dtype: numpy.dtype[Any]) -> Array:
    return array.view(dtype) if array.dtype.itemsize == dtype.itemsize else array.astype(dtype)


def _texts(data: Array) -> dict[str, Array]:
    """Texts one after the other in UTF-8, where each ends, and which are missing."""
    members = data.ravel(order="C").tolist()
    encoded = [member.encode() if type(member) is str else b"" for member in members]
    parts = {
        "text": numpy.frombuffer(b"".join(encoded), "u1"),
        "ends": numpy.cumsum([len(member) for member in encoded], dtype="<i8"),
    }
    missing = numpy.array([type(member) is not str for member in members], "?")
    return parts | ({"missing": missing} if missing.any() else {})


def _build(parts: dict[str, Any], about: dict[str, Any]) -> Any:
    dtype = dtypes.rebuild(about["dtype"])
    kind = about["class"]
    data: Any
    if dtypes.is_string(dtype):
        data = _build_texts(parts, dtype, about["shape"])
    else:
        data = _turned(parts["data"], dtype)
    if kind == "scalar":
        return data[()].copy() if dtype.kind == "V" else data[()]
    if kind == "array":
        return data
    if kind == "masked":
        mask = _turned(parts["mask"], numpy.ma.make_mask_descr(dtype)) if "mask" in parts else numpy.ma.nomask
        made: Any = numpy.ma.MaskedArray(data, mask=mask, hard_mask=about.get("hard", False))
        if "fill" in parts:
            made.fill_value = _turned(parts["fill"], dtype)[()]
        return made
    if kind in _CLASSES:
        return data.view(_CLASSES[kind])
    raise ValueUnloadable(f"Arrays of class {kind!r} are unknown. A newer runlore wrote them; upgrade.")


def _build_texts(parts: dict[str, Any], dtype: Any, shape: list[int]) -> Array:
    data = parts["text"].tobytes()
    missing = parts["missing"].tolist() if "missing" in parts else [False] * len(parts["ends"])
    made = numpy.empty(len(missing), dtype)
    start = 0
    for place, (stop, is_missing) in enumerate(zip(parts["ends"].tolist(), missing, strict=True)):
        made[place] = dtype.na_object if is_missing else data[start:stop].decode()
        start = stop
    return made.reshape(shape)
