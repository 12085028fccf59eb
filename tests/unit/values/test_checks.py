"""Values against annotations, and annotations against each other."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NewType, Optional, Protocol, TypedDict, TypeVar, Union

import numpy
import numpy.typing
import pandas
import pytest

from runlore.values.checks import compatible, conforms

T = TypeVar("T")
UserId = NewType("UserId", int)


class Sized(Protocol):
    def size(self) -> int: ...


class Row(TypedDict):
    a: int


class Base: ...


class Derived(Base): ...


FITS: list[tuple[Any, Any]] = [
    (1, int),
    (1, float),
    (True, int),
    (1.0, complex),
    (numpy.float32(1), float),
    (numpy.int64(1), int),
    (numpy.int64(1), float),
    (numpy.bool_(True), bool),
    (numpy.str_("a"), str),
    (None, None),
    (None, Optional[int]),
    (1, int | None),
    ("a", Union[int, str]),
    ("a", Literal["a", "b"]),
    (numpy.int64(1), Literal[1]),
    (Derived(), Base),
    (Derived, type[Base]),
    ([1, 2], list[int]),
    ([1, 2], Sequence[float]),
    ((1, "a"), tuple[int, str]),
    ((1, 2, 3), tuple[int, ...]),
    ((), tuple[()]),
    ({"a": [1]}, dict[str, list[int]]),
    ({"a": 1}, Mapping[str, float]),
    ({1}, set[int]),
    (len, Callable[..., int]),
    (iter([1]), Iterable[str]),
    (numpy.zeros(2), numpy.typing.NDArray[numpy.float64]),
    (pandas.DataFrame(), pandas.DataFrame),
    (1, Annotated[int, "n"]),
    (1, UserId),
    ({"a": 1}, Row),
    ("anything", Any),
    ("anything", object),
    ("anything", T),
    ("anything", "Unresolved"),
    ("anything", Sized),
    ("anything", inspect.Parameter.empty),
    ("anything", typing.ForwardRef("X")),
]

CLASHES: list[tuple[Any, Any, str]] = [
    ("a", int, "expected int, got str 'a'"),
    (1.5, int, "expected int, got float 1.5"),
    (1, str, "expected str, got int 1"),
    (1, bool, "expected bool, got int 1"),
    (numpy.float64(1), int, "expected int, got numpy.float64"),
    (None, int, "expected int, got None$"),
    ("a", int | None, r"expected int \| None, got str 'a'"),
    ("c", Literal["a", "b"], "expected one of 'a', 'b', got 'c'"),
    (True, Literal[1], "expected one of 1, got True"),
    (Base(), Derived, "expected .*Derived, got .*Base"),
    (Base, type[Derived], "got the class .*Base"),
    ([1, "a"], list[int], "member 1: expected int, got str 'a'"),
    ([0] * 50 + ["a"], list[int], "member 50: expected int"),
    ((1, 2), tuple[int, str], "member 1: expected str, got int 2"),
    ((1,), tuple[int, str], "got a tuple of 1"),
    ({"a": "b"}, dict[str, int], "member 'a': expected int"),
    ({1: 1}, dict[str, int], "a key: expected str"),
    ([[["x"]]], list[list[list[int]]], "member 0: member 0: member 0: expected int"),
    ("a", UserId, "expected int"),
    ([1], Row, "expected dict"),
    (pandas.Series([1]), pandas.DataFrame, "DataFrame, got pandas.*Series"),
]


@pytest.mark.parametrize(("value", "annotation"), FITS, ids=lambda each: repr(each).partition(" object at ")[0][:30])
def test_fitting_values_pass(value: Any, annotation: Any) -> None:
    """Values of the annotated type, of the numeric tower, and under annotations that say nothing pass."""
    assert conforms(value, annotation) is None


@pytest.mark.parametrize(
    ("value", "annotation", "message"), CLASHES, ids=lambda each: repr(each).partition(" object at ")[0][:30]
)
def test_clashes_say_expected_and_got(value: Any, annotation: Any, message: str) -> None:
    """A clash is a sentence that says what was expected and what came, and where in a container."""
    problem = conforms(value, annotation)

    assert problem is not None
    assert re.search(message, problem), problem


def test_iterators_are_not_consumed() -> None:
    """Checking never takes anything from an iterator."""
    numbers = iter([1, 2])
    conforms(numbers, Iterable[str])

    assert list(numbers) == [1, 2]


def test_a_class_defined_again_still_fits() -> None:
    """A value of a local or notebook class that was defined anew fits the annotation of the same name."""

    def define() -> type:
        class Cell: ...

        return Cell

    assert conforms(define()(), define()) is None


@pytest.mark.parametrize(
    ("produced", "wanted"),
    [
        (int, int),
        (int, float),
        (Any, int),
        (int, Any),
        (Optional[int], int),
        (int, Optional[int]),
        (Derived, Base),
        (Base, Derived),
        (list[int], Sequence[int]),
        (list[int], list[float]),
        (list, list[int]),
        (numpy.float64, float),
        (int, numpy.int64),
        (Literal[1], int),
        (Annotated[int, "x"], int),
        (dict[str, int], Row),
        (Base, Sized),
        (inspect.Parameter.empty, int),
        (int, "Unresolved"),
        (tuple[int, ...], tuple[int, int]),
        (T, int),
    ],
    ids=repr,
)
def test_annotations_that_may_meet(produced: Any, wanted: Any) -> None:
    """Annotations that some value satisfies together are compatible."""
    assert compatible(produced, wanted) is None


@pytest.mark.parametrize(
    ("produced", "wanted"),
    [
        (str, int),
        (float, int),
        (int, str),
        (Optional[str], int),
        (list[str], list[int]),
        (list[int], dict[str, int]),
        (tuple[int, int], tuple[int]),
        (pandas.DataFrame, numpy.ndarray),
        (None, int),
        (Literal["a"], int),
        (dict[str, str], dict[str, int]),
    ],
    ids=repr,
)
def test_annotations_that_cannot_meet(produced: Any, wanted: Any) -> None:
    """Annotations that no value satisfies together are refused, naming both."""
    problem = compatible(produced, wanted)

    assert problem is not None and problem.startswith("expected ") and ", got " in problem
