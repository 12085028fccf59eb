"""Outlines: what a value is made of, short, whatever it is."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest

from runlore.values.outline import bytes_beginning, outline, text_beginning
from runlore.values.registry import by_name


class Trained:
    def __init__(self) -> None:
        self.weights = numpy.zeros((3, 2), numpy.float32)
        self.rates = [0.5, None]

    def __repr__(self) -> str:
        raise RuntimeError("nobody asked")


def read(value: Any) -> Any:
    return json.loads(outline(value))


def test_arrays_are_told_by_shape_and_dtype() -> None:
    """Containers show their members, arrays their class, shape and dtype, objects their class and attributes."""
    found = read({"a": numpy.zeros((2, 3)), 7: (1, "x"), "model": Trained(), "class": Trained})

    assert found == {
        "a": "numpy.ndarray (2, 3) float64",
        "7": [1, "x"],
        "model": {"": f"{__name__}.Trained", "weights": "numpy.ndarray (3, 2) float32", "rates": [0.5, None]},
        "class": f"{__name__}.Trained",
    }


def test_outlines_are_short() -> None:
    """However large, deep or odd a value is, its outline is small, and says what is left out."""
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    wide = [[list(range(100)) for _ in range(100)] for _ in range(100)]
    circle: list[Any] = []
    circle.append(circle)

    assert read(deep) == [[[[[["list of 1"]]]]]]
    assert len(outline(wide)) < 50_000 and read(wide)[-1].startswith("… ")
    assert "list of 1" in str(read(circle))
    assert read({"text": "x" * 5_000, "int": 10**5_000}) == {"text": "x" * 200 + "… (5,000 characters)", "int": "int"}


@pytest.mark.parametrize("text", ["plain", "```\n# no heading\n```", "`" * 9, "x" * 20_000, "\ud800"])
def test_a_text_stays_in_its_block(text: str) -> None:
    """Nothing in a text ends the block that shows it, and a long one says how much more there is."""
    first, *inside = text_beginning(text).decode().split("\n")
    fence = first

    assert set(fence) == {"`"} and inside.count(fence) == 1
    assert ("10,000 more characters" in inside[-2]) == (len(text) > 10_000)


def test_bytes_are_shown_as_numbers() -> None:
    """Bytes are shown in rows of 16, and as signs where they are any."""
    page = bytes_beginning(memoryview(b"runlore\x00" * 200)).decode()

    assert "00000000  72 75 6e 6c 6f 72 65 00 72 75 6e 6c 6f 72 65 00  runlore.runlore." in page
    assert "… 576 more bytes" in page and page.count("\n") < 75


def test_containers_have_an_outline_as_their_picture() -> None:
    """A container with arrays inside can be looked at."""
    [picture] = by_name("nested").pictures({"a": numpy.zeros(3)})

    assert (picture.kind, json.loads(picture.data)) == ("json", {"a": "numpy.ndarray (3,) float64"})
