"""Images of PIL as PNG, or as TIFF where PNG has no such pixels; a private part of the file keeps the rest.

The format is `docs/design/codec.md`, "Images".
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from PIL import Image, ImageFile, PngImagePlugin, TiffImagePlugin

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values import codec
from runlore.values.files import scratch_folder, take_file
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer

#: Chunk of the PNG: ancillary, private, safe to copy.
_CHUNK = b"rlOi"
#: Tag of the TIFF, of those that are free for private use.
_TAG = 65_000
_PNG_MODES = frozenset(("1", "L", "LA", "P", "RGB", "RGBA", "I;16"))
_TIFF_MODES = frozenset(("I", "F", "CMYK", "YCbCr", "LAB", "I;16B"))
#: Modes whose bytes are stored as if they were those of another one with as many bands.
_AS = {"HSV": "RGB", "RGBX": "RGBA", "RGBa": "RGBA", "La": "LA", "PA": "LA", "I;16L": "I;16"}
_PALETTES = frozenset(("P", "PA"))
_THUMBNAIL = 400
_LARGEST = 200_000


class ImageMaterializer(Materializer):
    """Stores images of all modes exactly: pixels, mode, palette, ``info`` with EXIF and colour profile.

    An image opened from a file comes back as a plain `PIL.Image.Image`, without the file.
    """

    name = "image"
    types = ("PIL.Image.Image",)
    extra = "pillow"

    def takes(self, value: Any) -> bool:
        kind = type(value)
        return (kind is Image.Image or issubclass(kind, ImageFile.ImageFile)) and (
            value.mode in _PNG_MODES or value.mode in _TIFF_MODES or value.mode in _AS
        )

    def save(self, value: Any, writer: Writer) -> None:
        if getattr(value, "n_frames", 1) > 1:
            raise ValueUnstorable(
                f"The image has {value.n_frames} frames, and one image is one frame. Return the Path of its file, or "
                "[frame.copy() for frame in PIL.ImageSequence.Iterator(image)]."
            )
        value.load()
        if not self.takes(value):
            raise Declined(f"An image of mode {value.mode} has no exact file.")
        header = _header(value).encode()
        if value.mode in _TIFF_MODES and 0 not in value.size:
            _save_tiff(value, header, writer)
        else:
            _save_png(value, header, writer)

    def load(self, reader: Reader) -> Any:
        with reader.path().open("rb") if reader.size > 1 << 20 else io.BytesIO(reader.read()) as file:
            try:
                return _loaded(file)
            except ValueUnloadable:
                raise
            except Exception as error:  # whatever PIL finds wrong with a file
                raise ValueUnloadable(f"The payload is not an image: {type(error).__name__}: {error}.") from error

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``width`` and ``height`` in pixels, ``mode``, and ``format`` of the file that it was opened from."""
        found: dict[str, Any] = {"width": value.width, "height": value.height, "mode": value.mode}
        return {**found, "format": value.format} if getattr(value, "format", None) else found

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The image itself, made smaller, in at most 200 kB."""
        if 0 in value.size:
            return ()
        small = _visible(value)
        small.thumbnail((_THUMBNAIL, _THUMBNAIL))
        data = _as_file(small, "PNG")
        if len(data) <= _LARGEST:
            return (Picture(kind="image", data=data, name="image", media_type="image/png"),)
        data = _as_file(small.convert("RGB"), "JPEG")
        return (Picture(kind="image", data=data, name="image", media_type="image/jpeg"),)


# --- writing ------------------------------------------------------------------------------------------------------


def _header(value: Any) -> str:
    found: dict[str, Any] = {"mode": value.mode, "size": list(value.size)}
    if value.mode in _PALETTES and value.palette is not None:
        palette = value.palette
        found["palette"] = [palette.mode, bytes(value.im.getpalette(palette.mode, palette.mode))]
    if _stored_mode(value) != _AS.get(value.mode, value.mode):
        found["stored"] = _stored_mode(value)
    found["info"] = [[key, *_packed(entry)] for key, entry in value.info.items()]
    try:
        return codec.encode(found)
    except ValueUnstorable as error:
        raise Declined(f"The info of the image has no exact form: {error}") from error


def _stored_mode(value: Any) -> str:
    """The mode of the file. PNG readers change numbers of colours that the palette does not have."""
    if value.mode == "P" and 0 not in value.size and value.getextrema()[1] >= len(value.getpalette() or ()) // 3:
        return "L"
    mode: str = value.mode
    return _AS.get(mode, mode)


def _packed(entry: Any) -> tuple[str, Any]:
    """What PIL has of its own in ``info``, as values of the codec; `_UNPACKED` turns them back."""
    if type(entry) is PngImagePlugin.iTXt:
        return "text", [str(entry), entry.lang, entry.tkey]
    if type(entry) is TiffImagePlugin.IFDRational:
        return "rational", _rational(entry)
    if type(entry) is tuple and entry and all(type(part) is TiffImagePlugin.IFDRational for part in entry):
        return "rationals", [_rational(part) for part in entry]
    return "value", entry


def _rational(value: Any) -> list[Any]:
    return [value.numerator, value.denominator]


_UNPACKED: dict[str, Callable[[Any], Any]] = {
    "value": lambda entry: entry,
    "text": lambda entry: PngImagePlugin.iTXt(*entry),
    "rational": lambda entry: TiffImagePlugin.IFDRational(*entry),
    "rationals": lambda entry: tuple(TiffImagePlugin.IFDRational(*part) for part in entry),
}


def _save_png(value: Any, header: bytes, writer: Writer) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add(_CHUNK, header)  # type: ignore[no-untyped-call, unused-ignore]
    image = value
    more: dict[str, Any] = {}
    if 0 in value.size:  # no PNG is empty
        image = Image.new("L", (1, 1))
    elif (stored := _stored_mode(value)) != value.mode:
        image = Image.frombytes(stored, value.size, value.tobytes())
    elif value.mode == "P":
        more = {"bits": 8}
        transparency = value.info.get("transparency")
        if isinstance(transparency, int | bytes):
            more["transparency"] = transparency
    plain = _without_info(image)
    plain.save(_Stream(writer), "PNG", pnginfo=notes, compress_level=1, **more)


def _save_tiff(value: Any, header: bytes, writer: Writer) -> None:
    notes = TiffImagePlugin.ImageFileDirectory_v2()
    notes[_TAG] = header
    notes.tagtype[_TAG] = 7  # bytes of no meaning to others
    with scratch_folder() as folder:  # its writer goes back and forth
        place = folder / "image.tiff"
        _without_info(value).save(place, "TIFF", tiffinfo=notes, compression="raw")
        take_file(place, writer)


def _without_info(value: Any) -> Any:
    """The same pixels, in the same memory, with nothing that PIL would write of its own accord."""
    plain = value._new(value.im)
    plain.info = {}
    return plain


class _Stream(io.RawIOBase):
    """What PIL writes to: it appends only."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._writer.write(data)
        return len(data)


# --- reading ------------------------------------------------------------------------------------------------------


def _loaded(file: Any) -> Any:
    is_png = file.read(8) == b"\x89PNG\r\n\x1a\n"
    file.seek(0)
    header = codec.decode((_chunk(file) if is_png else _tag(file)).decode())
    mode, size = header["mode"], tuple(header["size"])
    file.seek(0)
    if 0 in size:
        found = Image.new(mode, size)
    else:
        with Image.open(file, formats=["PNG" if is_png else "TIFF"]) as opened:
            if opened.size != size:
                raise ValueUnloadable("The payload is not an image of the size that it tells.")
            opened.load()
            stored = header.get("stored", _AS.get(mode, mode))
            if opened.mode != stored:
                raise ValueUnloadable(f"PIL reads the file as mode {opened.mode}; it was written as {stored}.")
            found = Image.new(mode, size)
            found.im.paste(opened.im, (0, 0, *size)) if mode == stored else found.frombytes(opened.tobytes())
    if "palette" in header:
        palette_mode, palette = header["palette"]
        found.putpalette(palette, palette_mode)
    found.info = {key: _UNPACKED[kind](entry) for key, kind, entry in header["info"]}
    return found


def _chunk(file: Any) -> bytes:
    """Our chunk of a PNG file."""
    for kind, size in _chunks(file):
        if kind == _CHUNK:
            return bytes(file.read(size))
    raise ValueUnloadable("The payload is a PNG file without the part that says what the image was.")


def _chunks(file: Any) -> Iterator[tuple[bytes, int]]:
    at = 8
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        yield kind, size
        at += size + 12


def _tag(file: Any) -> bytes:
    with Image.open(file, formats=["TIFF"]) as opened:
        found: Any = opened.tag_v2.get(_TAG)  # type: ignore[attr-defined]
    if not isinstance(found, bytes):
        raise ValueUnloadable("The payload is a TIFF file without the part that says what the image was.")
    return found


# --- pictures -----------------------------------------------------------------------------------------------------


def _visible(value: Any) -> Any:
    """A copy in a mode that a browser shows; numbers that are no bytes are stretched between black and white."""
    if value.mode in ("I", "F") or value.mode.startswith("I;16"):
        numbers = value.convert("F")
        low, high = numbers.getextrema()
        scale = 255 / (high - low) if high > low else 0.0
        return numbers.point(lambda number: number * scale + (-low * scale)).convert("L")
    if value.mode in ("L", "LA", "RGB", "RGBA"):
        return value.copy()
    if value.mode == "La":
        return value.convert("LA")
    return value.convert("RGBA" if value.mode in ("P", "PA", "RGBa") else "RGB")


def _as_file(image: Any, form: str) -> bytes:
    out = io.BytesIO()
    image.info = {}
    image.save(out, form)
    return out.getvalue()
