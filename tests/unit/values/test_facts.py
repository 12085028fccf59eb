"""What of a value can be searched for."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy
import pandas
import pydantic
import pytest

from runlore.values.facts import facts


class Kind(enum.Enum):
    FAST = "fast"
    ODD = (1, 2)


class Pair(NamedTuple):
    x: int
    y: str


@dataclasses.dataclass
class Optimizer:
    lr: float
    pair: Pair


class Model(pydantic.BaseModel):
    depth: int = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (True, True),
        (0.5, 0.5),
        (float("inf"), float("inf")),
        ("x", "x"),
        (numpy.float32(0.5), 0.5),
        (numpy.int8(2), 2),
        (numpy.bool_(False), False),
        (Kind.FAST, "fast"),
        (Kind.ODD, "ODD"),
        (dt.datetime(2026, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))), "2026-01-01T00:00:00+00:00"),
        (dt.datetime(2026, 1, 1), "2026-01-01T00:00:00"),
        (dt.date(2026, 1, 1), "2026-01-01"),
        (dt.timedelta(minutes=1), 60.0),
        (Decimal("0.5"), 0.5),
        (UUID(int=1), str(UUID(int=1))),
        (Path("a"), "a"),
    ],
    ids=repr,
)
def test_scalars_are_one_fact(value: Any, expected: Any) -> None:
    """A scalar is one fact under its own name, as a number, boolean or text."""
    ((key, found),) = facts("lr", value)

    assert (key, found, type(found)) == ("lr", expected, type(expected))


@pytest.mark.parametrize(
    "value",
    [float("nan"), Decimal("nan"), b"x", [1], [], (1,), {1}, object(), 1j, numpy.float64("nan"), numpy.zeros(2)],
    ids=lambda value: type(value).__name__,
)
def test_what_compares_with_nothing_is_there_all_the_same(value: Any) -> None:
    """What has no searchable form is NaN, so that it is found as being there, and by nothing else."""
    ((key, found),) = facts("x", value)

    assert key == "x" and isinstance(found, float) and math.isnan(found)


@pytest.mark.parametrize(
    "value",
    [None, numpy.datetime64("NaT"), numpy.timedelta64("NaT"), pandas.NaT, pandas.NA],
    ids=lambda value: type(value).__name__,
)
def test_what_is_missing_gives_none(value: Any) -> None:
    """None, and what libraries have in its place, gives no fact."""
    assert facts("x", value) == ()


def test_members_are_dotted() -> None:
    """Dicts, dataclasses, named tuples and models contribute a dotted key per leaf, in order."""
    value = {"opt": Optimizer(0.1, Pair(1, "z")), 5: {"m": Model()}, "skip": None}

    assert facts("p", value) == (("p.opt.lr", 0.1), ("p.opt.pair.x", 1), ("p.opt.pair.y", "z"), ("p.5.m.depth", 3))
