"""Figures of matplotlib. Nothing but a pickle holds all that one can be made of, so they fall under its policy."""

from __future__ import annotations

import copyreg
import io
from collections.abc import Mapping, Sequence
from typing import Any

import cloudpickle
from matplotlib.figure import Figure

from runlore.errors import ValueUnstorable
from runlore.values import pickled
from runlore.values.materializer import ArtifactType, Materializer, Picture, Reader, Writer

_LARGEST = 200_000
#: Dots per inch, tried in this order until the picture is small enough.
_RESOLUTIONS = (100, 60, 30)


class MatplotlibMaterializer(Materializer):
    """Stores a figure so that it can be changed and drawn again. Loading one opens no window."""

    name = "matplotlib"
    types = ("matplotlib.figure.Figure",)
    artifact_type = ArtifactType.ANALYSIS
    extra = "plot"
    runs_code = True
    #: Drawn when it is saved: later it would have to be unpickled for that.
    cheap_pictures = True

    def save(self, value: Any, writer: Writer) -> None:
        out = io.BytesIO()
        try:
            _Pickler(out, protocol=5).dump(value)
        except Exception as error:
            raise ValueUnstorable(
                f"The figure cannot be stored: {type(error).__name__}: {error}. Save it as a file with savefig, and "
                "return the Path of that."
            ) from error
        writer.write(out.getbuffer())

    def load(self, reader: Reader) -> Any:
        return pickled.loads(reader.read(), mac=None, key=b"", trust=True)  # the caller has checked the signature

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``class``, that it is a ``pickle``, ``width`` and ``height`` in inches, ``axes`` and their ``titles``."""
        width, height = value.get_size_inches()
        titles = [axes.get_title() for axes in value.axes]
        kind = type(value)
        return {
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "pickle": True,
            "width": float(width),
            "height": float(height),
            "axes": len(titles),
            "titles": [title for title in titles if title],
        }

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The figure as PNG, in at most 200 kB."""
        for resolution in _RESOLUTIONS:
            out = io.BytesIO()
            value.savefig(out, format="png", dpi=resolution)
            if out.tell() <= _LARGEST:
                return (Picture(kind="image", data=out.getvalue(), name="figure", media_type="image/png"),)
        return ()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
    """Leaves out whether pyplot knew the figure: loading it would make it pyplot's current one, and open its window."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Figure):
            state: dict[str, Any] = value.__getstate__()  # type: ignore[assignment, unused-ignore]
            state.pop("_restore_to_pylab", None)
            return copyreg.__newobj__, (type(value),), state  # type: ignore[attr-defined]
        return super().reducer_override(value)
