"""Which values may be noted as metadata, and their text."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy
import pytest

from runlore.errors import ValueUnstorable
from runlore.values.codec import decode, encode
from runlore.values.metadata import encode_metadata, plain_metadata

ALLOWED: list[Any] = [
    None,
    True,
    2**100,
    float("nan"),
    -0.0,
    "é",
    b"\xff",
    dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    UUID(int=5),
    Decimal("1.50"),
    Path("a"),
    [1, [2.0, {"a": None}]],
    {"group": {"x": 1}, 3: "int key"},
]


@pytest.mark.parametrize("value", ALLOWED, ids=repr)
def test_allowed_types_are_exact(value: Any) -> None:
    """Each allowed type comes back as it went in."""
    assert encode(decode(encode_metadata("key", value))) == encode(value)


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        (numpy.float32(0.5), 0.5),
        (numpy.int64(3), 3),
        (numpy.bool_(True), True),
        (numpy.str_("a\0"), "a\0"),
        (numpy.bytes_(b"a"), b"a"),
        (numpy.datetime64("2026-01-01T00:00:00", "us"), dt.datetime(2026, 1, 1)),
    ],
    ids=repr,
)
def test_numpy_scalars_become_python_values(scalar: Any, expected: Any) -> None:
    """A numpy scalar is stored as the Python value that it equals, nested ones too."""
    assert encode_metadata("key", {"x": [scalar]}) == encode({"x": [expected]})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((1, 2), r"metadata 'key' is a tuple, .* Pass list\(...\) of it"),
        ({1}, "is a set"),
        ({"a": [object()]}, r"metadata 'key'\['a'\]\[0\] is an object"),
        ({(1, 2): 1}, "a key of metadata 'key' is a tuple"),
        (numpy.zeros(3), r"numpy.ndarray, .*\.tolist\(\)"),
        (1j, "is a complex"),
        (numpy.complex64(1j), "is a numpy.complex64"),
        (numpy.datetime64("2026-01-01", "ns"), "is a numpy.datetime64"),
        (numpy.datetime64("NaT"), "is a numpy.datetime64"),
        (dt.date(2026, 1, 1), "is a datetime.date"),
    ],
)
def test_others_are_refused_by_name(value: Any, message: str) -> None:
    """What metadata cannot hold exactly is refused, naming key, place, type, and what is allowed."""
    with pytest.raises(ValueUnstorable, match=message) as caught:
        encode_metadata("key", value)

    assert "None, bool, int" in str(caught.value)


def test_a_cycle_is_refused() -> None:
    """A dict that contains itself is refused."""
    cycle: dict[str, Any] = {}
    cycle["a"] = cycle

    with pytest.raises(ValueUnstorable, match="contains itself"):
        encode_metadata("key", cycle)


def test_the_plain_value_is_a_copy() -> None:
    """Changing what was noted afterwards does not change the note."""
    given = {"a": [1]}
    noted = plain_metadata("key", given)
    given["a"].append(2)

    assert noted == {"a": [1]}
