"""Arguments are named without coercion, and what is missing or unknown is named."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.author.secret import Secret
from runlore.author.signature import Signature
from runlore.errors import DefinitionError, ParameterError

if TYPE_CHECKING:
    import runlore.author.secret as marks


def plain(a: int, b: int = 2, *, c: int, d: int = 4) -> None: ...


def positional(a: int, /, b: int = 2) -> tuple[int, int]:
    return a, b


def rest(a: int, **more: float) -> dict[str, float]:
    return {"a": a, **more}


FUNCTIONS = (plain, positional, rest)


@given(
    function=st.sampled_from(FUNCTIONS),
    args=st.lists(st.integers(), max_size=4).map(tuple),
    kwargs=st.dictionaries(st.sampled_from("abcdx"), st.integers(), max_size=4),
)
def test_binding_agrees_with_the_standard_library(function: Any, args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    """Whatever Python would accept is bound to the same values, and nothing else (by name, also positional-only)."""
    signature = Signature(function, about="Step 's'")
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        if function is not positional or "a" not in kwargs:
            with pytest.raises(ParameterError):
                signature.bind(args, kwargs)
        return
    bound.apply_defaults()
    expected = dict(bound.arguments)
    expected.update(expected.pop("more", {}))

    assert signature.bind(args, kwargs) == expected


def test_call_passes_positional_only_by_position() -> None:
    """A function is called with its values by name, except where Python forbids it."""
    assert Signature(positional, about="s").call(positional, {"a": 1, "b": 5}) == (1, 5)


def test_unknown_argument_suggests_the_near_one() -> None:
    """A typo in an argument name is met with the right name."""
    with pytest.raises(ParameterError, match="Step 's' has no parameter 'learnin'.*'learning'"):
        Signature(lambda learning: None, about="Step 's'").bind((), {"learnin": 1})


def test_missing_arguments_are_all_named() -> None:
    """The message lists everything that is missing at once."""
    with pytest.raises(ParameterError, match="'a', 'c'"):
        Signature(plain, about="Step 's'").bind((), {})


def test_star_arguments_are_refused() -> None:
    """Inputs without names cannot be recorded."""

    def star(*items: int) -> None: ...

    with pytest.raises(DefinitionError, match=r"\*items"):
        Signature(star, about="Step 's'")


def test_secret_parameters_are_known() -> None:
    """`Secret[...]` marks a parameter, also when the name is known to type checkers only."""

    def login(user: str, token: Secret[str], other: marks.Secret[str]) -> None: ...

    assert [parameter.secret for parameter in Signature(login, about="s").parameters] == [False, True, True]
