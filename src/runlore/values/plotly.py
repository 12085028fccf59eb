"""Figures of plotly: its own JSON for every other program, and beside it what that JSON does not say exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as graph
import plotly.io

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.model.digest import digest_of
from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer
from runlore.values.payload import InlineReader, InlineWriter
from runlore.values.registry import by_name

_JSON = "figure.json"
#: Arrays with their dtypes, nan, moments: the same figure as a payload of `nested`. Not written if the JSON is exact.
_EXACT = "figure.nested"
_LARGEST = 200_000


class PlotlyMaterializer(Materializer):
    """Stores what a figure is made of, as text that runs no code."""

    name = "plotly"
    types = ("plotly.graph_objs._figure.Figure",)
    artifact_type = ArtifactType.ANALYSIS
    extra = "plotly"

    def takes(self, value: Any) -> bool:
        return type(value) is graph.Figure

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined("Only a plotly.graph_objects.Figure has an exact form.")
        text = json.dumps(json.loads(value.to_json()), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        exact = _typed(value)
        again = _figure(exact)
        if _typed(again) != exact:
            raise Declined("Plotly makes another figure of what this one consists of.")
        with writer.file(_JSON) as file:
            file.write(text.encode())
        if not _is_exact(text, exact):
            with writer.file(_EXACT) as file:
                file.write(exact)

    def load(self, reader: Reader) -> Any:
        if _EXACT in reader.files():
            return _figure(reader.file(_EXACT))
        return _read(reader.file(_JSON).decode())

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``traces``: the kind of each of the first 100; ``title`` if there is one."""
        found: dict[str, Any] = {"traces": [trace.type for trace in value.data[:100]]}
        title = value.layout.title.text
        return {**found, "title": title} if isinstance(title, str) else found

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The figure's JSON, if it has at most 200 kB: a drawing would need plotly's four megabytes of script."""
        data = value.to_json().encode()
        return (Picture(kind="json", data=data, name="figure"),) if len(data) <= _LARGEST else ()


def _read(text: str) -> Any:
    try:
        return plotly.io.from_json(text, output_type="Figure")
    except ValueError as error:
        raise ValueUnloadable(f"The payload is not a figure of plotly: {error}.") from error


def _typed(figure: Any) -> bytes:
    """All that a figure is made of, exactly, but for the order of names, which means nothing and varies."""
    out = InlineWriter()
    try:
        by_name("nested").save(_sorted(_members(figure)), out)
    except ValueUnstorable as error:
        raise Declined(f"The figure holds what has no exact form: {error}") from error
    return bytes(out.data)


def _members(figure: Any) -> dict[str, Any]:
    """As ``to_plotly_json``, which gives arrays as texts in base64, and integers of another size."""
    found = {"data": figure._data, "layout": figure._layout}
    frames = [frame._props for frame in figure.frames]
    return {**found, "frames": frames} if frames else found


def _sorted(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _sorted(part[name]) for name in sorted(part)}
    return type(part)(map(_sorted, part)) if type(part) in (list, tuple) else part


def _figure(exact: bytes) -> Any:
    return graph.Figure(by_name("nested").load(InlineReader(exact, digest_of(exact))))


def _is_exact(text: str, exact: bytes) -> bool:
    try:
        return _typed(_read(text)) == exact
    except (Declined, ValueUnloadable):
        return False
