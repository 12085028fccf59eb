"""Several arrays as one ``.npz``, as `numpy.savez` writes it, but with the same bytes for the same arrays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy

from runlore.errors import ValueUnloadable
from runlore.values import codec
from runlore.values.files import WriterFile
from runlore.values.materializer import Reader, Writer
from runlore.values.numpy import write_npy

#: Member that holds, as typed text, what the arrays do not say.
ABOUT = "about.json"

_MAP_FROM = 1 << 20


def write_npz(arrays: Mapping[str, Any], writer: Writer, about: Any = None) -> None:
    """Write plain arrays under their names, uncompressed, and what there is to say about them."""
    with zipfile.ZipFile(WriterFile(writer), "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            # an entry made by hand carries no time, so that equal arrays have equal bytes
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                write_npy(array, file.write)
        if about is not None:
            archive.writestr(zipfile.ZipInfo(ABOUT), codec.encode(about))


def read_npz(reader: Reader) -> tuple[dict[str, Any], Any]:
    """Return the arrays by name, each in memory of its own, and what is said about them.

    Raises:
        ValueUnloadable: the payload is no such file.
    """
    source = io.BytesIO(reader.read()) if reader.size <= _MAP_FROM else reader.path()
    try:
        with numpy.load(source, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files if name != ABOUT}
            return arrays, codec.decode(found[ABOUT].decode()) if ABOUT in found.files else None
    except (ValueError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueUnloadable(f"The payload is not an .npz file: {error}.") from error
