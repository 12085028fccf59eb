"""numpy arrays as ``.npy``, never with pickled objects inside."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values import drawing
from runlore.values.described import SAMPLED_ABOVE
from runlore.values.materializer import Materializer, Picture, Reader, Writer

Array = numpy.ndarray[Any, Any]

# Up to this many bytes an array is read into memory, above it is mapped.
_MAP_FROM = 1 << 20
_CHUNK_BYTES = 1 << 20
_MAX_WORDS = 100_000
_MAX_PIXELS = 512
_BINS = 30
# Of the 12 or 16 bytes of an x87 number ten say something.
_PRECISE = 10
_LONG_DOUBLE = numpy.dtype("g").itemsize
_PADDED = numpy.finfo(numpy.longdouble).nmant == 63


class NumpyMaterializer(Materializer):
    """Stores plain arrays of any fixed-size dtype: values, shape, dtype with byte order, C or Fortran order."""

    name = "numpy"
    types = ("numpy.ndarray",)
    extra = "numpy"

    def takes(self, value: Any) -> bool:
        return type(value) in (numpy.ndarray, numpy.memmap) and is_exact(value.dtype)

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            kind = type(value)
            raise ValueUnstorable(
                f"A {kind.__module__}.{kind.__qualname__} of dtype {getattr(value, 'dtype', None)} has no exact .npy "
                "form. Convert it to a plain array of a fixed-size dtype."
            )
        write_npy(value, writer.write)

    def load(self, reader: Reader) -> Any:
        try:
            if reader.size <= _MAP_FROM:
                found = numpy.load(io.BytesIO(reader.read()), allow_pickle=False)
            else:  # private copy on write: changing the array changes neither the file nor what others load
                found = numpy.load(reader.path(), mmap_mode="c", allow_pickle=False)
            if not isinstance(found, numpy.ndarray):
                raise ValueError("it is an archive of several")
            return found.view(numpy.ndarray)
        except (ValueError, EOFError) as error:
            raise ValueUnloadable(f"The payload is not an .npy array: {error}.") from error

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``shape``, ``dtype`` and, unless it is empty, statistics that fit the dtype.

        Numbers and booleans: ``min``, ``max``, ``mean``, ``std``, over what is not nan, and ``nan_count`` if there is
        any; of more than `SAMPLED_ABOVE` elements a regular sample is taken, and ``sampled`` tells its size.
        Moments: ``min`` and ``max`` as text. Text of up to 100,000 elements: ``unique_words``, ``total_words``,
        ``most_common_word``, ``most_common_count``.
        """
        found: dict[str, Any] = {"shape": list(value.shape), "dtype": str(value.dtype)}
        if value.size == 0:
            return found
        if value.dtype.kind in "biuf":
            sample = _sample(value)
            found.update(statistics(sample))
            if sample.size < value.size:
                found["sampled"] = sample.size
        elif value.dtype.kind in "mM":
            known = value[~numpy.isnat(value)]
            if known.size:
                found.update(min=str(known.min()), max=str(known.max()))
        elif value.dtype.kind == "U":
            found.update(words(value))
        return found

    def pictures(self, value: Any) -> Sequence[Picture]:
        """A histogram of a numeric vector; an array of the shape and dtype of an image as that image."""
        if value.size == 0 or value.dtype.kind not in "biuf":
            return ()
        if value.ndim == 1:
            return histogram(value)
        if value.ndim == 2 or (value.ndim == 3 and value.shape[2] in (1, 3, 4)):
            return _image(value)
        return ()


def _sample(value: Array) -> Array:
    """``value`` itself, or of a large contiguous array every so-manieth element, as a view."""
    if value.size <= SAMPLED_ABOVE or not value.flags.forc:
        return value
    flat: Array = value.reshape(-1, order="C" if value.flags.c_contiguous else "F")
    stride = value.size // SAMPLED_ABOVE + 1
    while any(math.gcd(stride, length) > 1 for length in value.shape):  # else it falls in step with rows or columns
        stride += 1
    return flat[::stride]


def statistics(value: Array) -> dict[str, Any]:
    """Return min, max, mean and std of a non-empty boolean or real array, without copying it as a whole."""
    count, mean, spread, missing = 0, 0.0, 0.0, 0
    low: Any = None
    high: Any = None
    with numpy.errstate(all="ignore"):
        for chunk in _chunks(value):
            if value.dtype.kind == "f":
                if math.isnan(chunk.min()):
                    known = chunk[~numpy.isnan(chunk)]
                    missing += chunk.size - known.size
                    chunk = known
                    if not chunk.size:
                        continue
            least, most = chunk.min(), chunk.max()
            low = least if low is None or least < low else low
            high = most if high is None or most > high else high
            numbers = chunk if chunk.dtype == numpy.float64 else chunk.astype(numpy.float64)
            chunk_mean = float(numbers.mean())
            numbers = numbers - chunk_mean
            shift, total = chunk_mean - mean, count + chunk.size
            spread += float(numbers @ numbers) + shift * shift * count * chunk.size / total
            mean += shift * chunk.size / total
            count = total
    if count == 0:
        return {"nan_count": missing}
    found = {"min": _python(low), "max": _python(high)}
    if math.isfinite(mean) and math.isfinite(spread):  # not so with infinities, or numbers near the largest
        found |= {"mean": mean, "std": math.sqrt(spread / count)}
    return found | ({"nan_count": missing} if missing else {})


def _python(scalar: Any) -> Any:
    found = scalar.item()
    return float(found) if isinstance(found, numpy.generic) else found


def is_exact(dtype: numpy.dtype[Any]) -> bool:
    """Whether the description of a dtype in ``.npy`` leads back to that very dtype."""
    if not _is_said(dtype):
        return False
    try:
        descr = numpy.lib.format.dtype_to_descr(dtype)
        repr(descr).encode("latin1")
        return bool(numpy.lib.format.descr_to_dtype(descr) == dtype)
    except (ValueError, TypeError):
        return False


def _is_said(dtype: numpy.dtype[Any]) -> bool:
    """Whether nothing about a dtype, or a field of it, is of the kinds that ``.npy`` drops."""
    if dtype.hasobject or dtype.metadata or dtype.isalignedstruct:
        return False
    if dtype.subdtype is not None:
        return _is_said(dtype.subdtype[0])
    return dtype.fields is None or all(_is_said(field[0]) for field in dtype.fields.values())


def write_npy(value: Array, write: Callable[[Any], Any]) -> None:
    """Write an array as ``.npy``, piece by piece, without copying it as a whole."""
    write(_header(value))
    if value.size == 0:
        return
    if value.dtype.char in "gG":
        for chunk in _chunks(value):
            write(_bytes_of(without_padding(chunk)))
    elif value.flags.c_contiguous:
        write(_bytes_of(value))
    elif value.flags.f_contiguous:
        write(_bytes_of(value.T))
    else:
        for chunk in _chunks(value):
            write(chunk.tobytes())


def without_padding(value: Array) -> Array:
    """Return long doubles with zeros in the bytes that pad them, which hold anything; other arrays as given."""
    if value.dtype.char not in "gG" or not _PADDED:
        return value
    found = value.copy(order="A")  # in C or Fortran order, so that it is one row of memory
    members = found.reshape(-1, order="A").view(numpy.uint8).reshape(-1, _LONG_DOUBLE)
    if value.dtype.isnative:
        members[:, _PRECISE:] = 0
    else:
        members[:, :-_PRECISE] = 0
    return found


def _header(value: Array) -> bytes:
    fields = {
        "descr": numpy.lib.format.dtype_to_descr(value.dtype),
        "fortran_order": value.flags.f_contiguous and not value.flags.c_contiguous,
        "shape": value.shape,
    }
    out = io.BytesIO()
    try:
        numpy.lib.format.write_array_header_1_0(out, fields)  # type: ignore[no-untyped-call, unused-ignore]
    except ValueError:  # longer than 64 KiB
        out = io.BytesIO()
        numpy.lib.format.write_array_header_2_0(out, fields)  # type: ignore[no-untyped-call, unused-ignore]
    return out.getvalue()


def _bytes_of(value: Array) -> memoryview:
    return value.reshape(-1).view(numpy.uint8).data if value.dtype.itemsize else memoryview(b"")


def _chunks(value: Array) -> Iterator[Array]:
    length = max(_CHUNK_BYTES // max(value.dtype.itemsize, 1), 1)
    if value.flags.c_contiguous or value.flags.f_contiguous:
        flat = value.ravel(order="K")
        yield from (flat[start : start + length] for start in range(0, flat.size, length))
    else:
        yield from numpy.nditer(value, flags=["external_loop", "buffered", "zerosize_ok"], buffersize=length, order="C")


def words(value: Array) -> dict[str, Any]:
    """Count the texts in an array of text or objects; nothing where there are none, or too many to count in passing."""
    if value.size > _MAX_WORDS:
        return {}
    counts = Counter(text for text in value.reshape(-1).tolist() if type(text) is str)
    if not counts:
        return {}
    word, count = counts.most_common(1)[0]
    return {
        "unique_words": len(counts),
        "total_words": counts.total(),
        "most_common_word": word,
        "most_common_count": count,
    }


def histogram(value: Array) -> Sequence[Picture]:
    """Draw how the finite members of a vector of numbers are spread; nothing where there are none."""
    known = value.astype(numpy.float64)
    known = known[numpy.isfinite(known)]
    if not known.size:
        return ()
    low, high = drawing.spread(float(known.min()), float(known.max()))
    if not math.isfinite(high - low):
        return ()
    counts, _ = numpy.histogram(known, bins=_BINS, range=(low, high))
    drawn = drawing.histogram(counts.tolist(), low, high)
    return (Picture(kind="image", data=drawn, name="histogram", media_type="image/svg+xml"),)


def _image(value: Array) -> Sequence[Picture]:
    step = -(-max(value.shape[:2]) // _MAX_PIXELS)
    shown = value[::step, ::step]
    if shown.dtype != numpy.uint8:
        shown = _as_bytes(shown)
        if shown is None:
            return ()
    height, width = shown.shape[:2]
    channels = shown.shape[2] if shown.ndim == 3 else 1
    data = drawing.png(numpy.ascontiguousarray(shown).tobytes(), width, height, channels)
    return (Picture(kind="image", data=data, name="image", media_type="image/png"),)


def _as_bytes(value: Array) -> Any:
    numbers = value.astype(numpy.float64)
    finite = numbers[numpy.isfinite(numbers)]
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    if value.ndim == 3 and low >= 0 and high <= 1:  # colours as fractions
        low, high = 0.0, 1.0
    elif value.ndim == 3 and low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    width = (high - low) or 1.0
    scaled = numpy.clip(numpy.nan_to_num((numbers - low) / width, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    return (scaled * 255).astype(numpy.uint8)
