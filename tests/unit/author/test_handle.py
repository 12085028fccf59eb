"""Handles stand for values that do not exist yet, and say so whenever they are taken for values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest

from runlore.author.handle import MappedHandle, OutputHandle
from runlore.errors import DefinitionError


class Loader:
    def load(self, handle: Any) -> Any:
        return ("loaded", handle.step, handle.element)


TRACE: Any = Loader()


@pytest.fixture
def handle() -> OutputHandle:
    return OutputHandle(3, "train", "model", Any, TRACE)


@pytest.mark.parametrize(
    "use",
    [
        bool,
        len,
        iter,
        int,
        float,
        operator.neg,
        lambda h: h + 1,
        lambda h: 2 * h,
        lambda h: h / h,
        lambda h: h > 1,
        lambda h: h == 1,
        lambda h: h != "a",
        lambda h: h[0],
        lambda h: 1 in h,
        lambda h: h(),
        lambda h: [*h],
        lambda h: not h,
    ],
)
def test_using_a_handle_as_a_value_says_to_load(use: Callable[[Any], Any], handle: OutputHandle) -> None:
    """Conditions, arithmetic, comparison, walking and calling name the output and the way out."""
    with pytest.raises(DefinitionError, match=r"'model' of step 'train'.*\.load\(\)"):
        use(handle)


def test_attributes_say_to_load(handle: OutputHandle) -> None:
    """`handle.score` is an AttributeError that says to load; `hasattr` works."""
    with pytest.raises(AttributeError, match=r"Call \.load\(\)\.score"):
        handle.score  # noqa: B018
    assert not hasattr(handle, "score")


def test_unpacking_one_output_explains(handle: OutputHandle) -> None:
    """Unpacking a single output tells how several are declared."""
    with pytest.raises(DefinitionError, match=r"tuple\[A, B\]"):
        _a, _b = handle


def test_handles_are_equal_when_they_stand_for_the_same(handle: OutputHandle) -> None:
    """Handles can be keys and members."""
    same = OutputHandle(3, "train", "model", Any, TRACE)
    assert handle == same and hash(handle) == hash(same) and handle in [same]
    assert handle != OutputHandle(4, "train_2", "model", Any, TRACE)


def test_load_asks_the_trace(handle: OutputHandle) -> None:
    """`load` hands the handle to its trace."""
    assert handle.load() == ("loaded", 3, None)


def test_items_of_a_mapped_output_are_addressed_by_index() -> None:
    """A mapped output of known length is walked and indexed; each item is a handle."""
    many = MappedHandle(1, "train", "model", list[int], TRACE, 3)

    assert len(many) == 3
    assert [item.element for item in many] == [0, 1, 2]
    assert many[-1].element == 2 and many[0].annotation is int
    assert many[1].load() == ("loaded", 1, 1)
    with pytest.raises(IndexError, match="3 items"):
        many[3]


def test_mapped_output_of_unknown_length_is_not_walked() -> None:
    """What is not known yet cannot be counted, but single items can be named."""
    many = MappedHandle(1, "train", "model", list[int], TRACE, None)

    assert many[5].element == 5
    for use in (len, list, bool, lambda h: h[-1]):
        with pytest.raises(DefinitionError):
            use(many)
