"""Values of each family, made the same way in every process, and what it means that two of them are the same."""

from __future__ import annotations

import collections
import datetime as dt
import enum
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.figure
import numpy
import pandas
import PIL.Image
import plotly.graph_objects
import pydantic
import sklearn.svm

from runlore.types import CSVString, HTMLString, JSONString, MarkdownString


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Point:
    x: float
    at: dt.datetime
    colour: Colour
    note: str | None = None


@dataclass(frozen=True)
class Frozen:
    inner: Point
    numbers: tuple[int, ...] = ()


class Pair(NamedTuple):
    first: int
    second: str


class Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    rate: float
    weights: Any = None


@dataclass
class Trained:
    model: Any
    frame: Any
    scores: dict[str, float] = field(default_factory=dict)


class Opaque:
    """Nothing but a pickle holds it."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and self.content == other.content

    __hash__ = None  # type: ignore[assignment]


def named_function(number: int) -> int:
    """Found by its name."""
    return number + 1


def fitted() -> Any:
    """A small model, always trained the same way."""
    return sklearn.svm.SVC(C=2.0, kernel="linear").fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])


def frame() -> Any:
    """A small frame."""
    return pandas.DataFrame({"a": [1, 2], "b": ["x", None]}, index=["r", "s"])


def image(mode: str = "P") -> PIL.Image.Image:
    """A small image with what PIL notes beside its pixels."""
    made = PIL.Image.frombytes(mode, (3, 2), bytes(range(len(PIL.Image.new(mode, (3, 2)).tobytes()))))
    if mode == "P":
        made.putpalette(bytes(range(200, 230)))
        made.info["transparency"] = 2
    made.info.update(dpi=(72.0, 72.5), exif=b"Exif\0\0", comment="é")
    return made


def figure() -> matplotlib.figure.Figure:
    """A figure that pyplot does not know."""
    made = matplotlib.figure.Figure(figsize=(3, 2))
    made.subplots().plot([1, 2, 3], label="line")
    return made


def chart() -> plotly.graph_objects.Figure:
    """A figure with what JSON does not say: a dtype, nan and a moment."""
    data = [
        plotly.graph_objects.Scatter(x=numpy.arange(5, dtype="i2"), y=[1.0, float("nan"), None, 2, 3]),
        plotly.graph_objects.Bar(x=[dt.datetime(2026, 1, 1)], y=(1,)),
    ]
    return plotly.graph_objects.Figure(data, layout={"title": "chart"})


def sound(folder: Path) -> Path:
    """Half a second of silence."""
    place = folder / "silence.wav"
    with wave.open(str(place), "wb") as made:
        made.setparams((2, 2, 8_000, 0, "NONE", "not compressed"))
        made.writeframes(bytes(4 * 4_000))
    return place


def tree(folder: Path) -> Path:
    """A folder with folders, one of them empty, and a file that can be executed."""
    place = folder / "tree"
    (place / "inner" / "empty").mkdir(parents=True)
    (place / "inner" / "weights.bin").write_bytes(bytes(range(256)))
    (place / "run.sh").write_text("#!/bin/sh\necho done\n")
    (place / "run.sh").chmod(0o755)
    (place / "again").symlink_to("inner/weights.bin")
    return place


MOMENT = dt.datetime(2026, 3, 29, 2, 30, 0, 5, tzinfo=dt.UTC)

#: Name → what makes the value. A name is an artifact's name.
VALUES: dict[str, Callable[[], Any]] = {
    "bytes": lambda: bytes(range(256)) * 100,
    "bytes-short": lambda: b"\0\xff",
    "bytearray": lambda: bytearray(range(256)) * 6_000,
    "memoryview": lambda: memoryview(bytes(range(256)) * 20),
    "memoryview-writable": lambda: memoryview(bytearray(range(256)) * 20),
    "memoryview-numbers": lambda: memoryview(bytes(80_000)).cast("d", [100, 100]),
    "text": lambda: "zeile é\r\n\0" * 10_000,
    "text-very-long": lambda: "\U0001f600é" * 600_000,
    "text-surrogate": lambda: "\ud800" + "x" * 40_000,
    "html": lambda: HTMLString("<b>ä</b>\n"),
    "markdown": lambda: MarkdownString("# " + "long " * 20_000),
    "csv": lambda: CSVString("a,b\r\n1,2\r\n"),
    "json": lambda: JSONString('{"a": 1.0}'),
    "html-inside": lambda: {"report": HTMLString("<i>"), "more": [CSVString("")]},
    "image": image,
    "image-float": lambda: image("F"),
    "matplotlib": figure,
    "plotly": chart,
    "enum": lambda: [Colour.RED, Access.READ | Access.WRITE],
    "dataclasses": lambda: [
        Point(place / 3, MOMENT + dt.timedelta(seconds=place), Colour.GREEN, None if place % 3 else str(place))
        for place in range(400)
    ],
    "dataclasses-inside": lambda: {"all": [Frozen(Point(1.0, MOMENT, Colour.RED), (1, 2))] * 300},
    "named-tuples": lambda: [Pair(place, str(place)) for place in range(400)],
    "moments": lambda: [MOMENT + dt.timedelta(days=place) for place in range(400)],
    "pydantic": lambda: Settings(rate=0.5),
    "pydantic-array": lambda: Settings(rate=0.5, weights=numpy.arange(6.0).reshape(2, 3)),
    "arrays-inside": lambda: Trained(None, frame(), {"w": numpy.arange(3), "i": image("RGB")}),  # type: ignore[dict-item]
    "model-inside": lambda: {"model": fitted(), "scores": {"accuracy": 0.5}, "frame": frame()},
    "model-in-dataclass": lambda: [Trained(fitted(), frame(), {"a": 1.0})],
    "opaque-inside": lambda: (Opaque([1]), [Opaque("x"), numpy.arange(2)]),
    "function": lambda: named_function,
    "class": lambda: [Point, collections.OrderedDict],
}


def same(one: Any, other: Any) -> bool:
    """Whether two values cannot be told apart."""
    if type(one) is not type(other):
        return False
    compared = _COMPARED.get(type(one))
    if compared is not None:
        return bool(compared(one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Trained | Settings):
        return same(dict(vars(one)), dict(vars(other)))
    return bool(one == other)


def _same_views(one: memoryview, other: memoryview) -> bool:
    return (one.format, one.shape, one.readonly, bytes(one)) == (
        other.format,
        other.shape,
        other.readonly,
        bytes(other),
    )


def _same_arrays(one: Any, other: Any) -> bool:
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def _same_charts(one: Any, other: Any) -> bool:
    # nan is not equal to itself, but reads the same; the order of names in a figure means nothing
    return repr(_sorted(one.to_plotly_json())) == repr(_sorted(other.to_plotly_json()))


def _sorted(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _sorted(part[name]) for name in sorted(part)}
    return type(part)(map(_sorted, part)) if isinstance(part, list | tuple) else part


def _same_figures(one: Any, other: Any) -> bool:
    lines = [[line.get_xydata().tolist() for line in figure.axes[0].lines] for figure in (one, other)]
    return lines[0] == lines[1] and other.axes[0].figure is other


_COMPARED: dict[type, Callable[[Any, Any], bool]] = {
    memoryview: _same_views,
    numpy.ndarray: _same_arrays,
    pandas.DataFrame: lambda one, other: one.equals(other),
    sklearn.svm.SVC: lambda one, other: same(one.predict([[5.0]]), other.predict([[5.0]])),
    plotly.graph_objects.Figure: _same_charts,
    matplotlib.figure.Figure: _same_figures,
}
