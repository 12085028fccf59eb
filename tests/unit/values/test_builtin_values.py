"""The materializer of typed values."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pydantic
import pytest

from runlore.errors import ValueUnloadable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.builtin import BuiltinMaterializer

STORE = BuiltinMaterializer()


@dataclasses.dataclass
class Config:
    lr: float = 0.1


class Model(pydantic.BaseModel):
    depth: int = 1


def test_the_payload_is_the_codecs_text(tmp_path: Path) -> None:
    """The payload is the codec's text in UTF-8, and loads to the same value."""
    writer = MemoryWriter()
    STORE.save({"é": (1, None)}, writer)

    assert b"".join(writer.parts) == '{"é":{"~":"tuple","v":[1,null]}}'.encode()
    assert round_trip(STORE, {"é": (1, None)}, tmp_path) == {"é": (1, None)}


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A payload that is not UTF-8 is a typed error."""
    with pytest.raises(ValueUnloadable, match="not text"):
        STORE.load(PayloadReader(tmp_path, {}, b"\xff"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, {"string_representation": "3"}),
        (True, {"string_representation": "True"}),
        (None, {}),
        ("abc", {"length": 3}),
        (b"", {"length": 0}),
        ([1, 2], {"length": 2}),
        (Config(), {"fields": ["lr"]}),
        (Model(), {"fields": ["depth"]}),
    ],
)
def test_metadata(value: Any, expected: dict[str, Any]) -> None:
    """Sized values say their length, structured ones their fields, others their text."""
    assert STORE.metadata(value) == expected


def test_pictures_are_json_of_moderate_size() -> None:
    """A value is pictured as its JSON text, unless that is too long to look at."""
    (picture,) = STORE.pictures([1])

    assert (picture.kind, picture.data) == ("json", b"[1]")
    assert STORE.pictures(["x"] * 100_000) == ()


def test_a_huge_integer_is_described() -> None:
    """An integer too long for Python to print is no error."""
    assert "string_representation" in STORE.metadata(2**100_000)
