"""Nouns behave as frozen dataclasses do, whatever their ``__init__`` waits for."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, asdict, fields, is_dataclass, replace

import pytest

from runlore.model.metadata import Owner, OwnerKind
from runlore.model.noun import changed, field, noun


@noun
class Point:
    x: int
    y: int = 2
    seen: tuple[int, ...] = ()
    notes: list[str] = field(default_factory=list)


@noun(kw_only=False)
class Pair:
    left: int
    right: int = 0


def test_fields_have_their_defaults() -> None:
    """A field that is not given takes its default, and a default made by a factory is made anew."""
    one, two = Point(x=1), Point(x=1)

    assert (one.x, one.y, one.seen, one.notes) == (1, 2, (), [])
    assert one.notes is not two.notes
    assert [part.name for part in fields(one)] == ["x", "y", "seen", "notes"]  # type: ignore[arg-type]


def test_equal_fields_are_equal_nouns() -> None:
    """Nouns of one class are equal exactly when their fields are, and equal ones hash alike."""
    assert Pair(1, 2) == Pair(1, right=2)
    assert Pair(1, 2) != Pair(2, 1)
    assert len({Pair(1, 2), Pair(1, 2), Pair(2, 1)}) == 2

    @noun(kw_only=False)
    class Twin:
        left: int
        right: int = 0

    assert Pair(1) != Twin(1)


def test_a_noun_does_not_change() -> None:
    """A field is neither assigned nor deleted, and no other attribute is added."""
    pair = Pair(1)

    for name in ("left", "other"):
        with pytest.raises(FrozenInstanceError, match=repr(name)):
            setattr(pair, name, 2)
    with pytest.raises(FrozenInstanceError, match="'left'"):
        delattr(pair, "left")
    assert pair == Pair(1)
    assert not hasattr(pair, "__dict__")


@pytest.mark.parametrize("given", [{}, {"x": 1, "z": 2}])
def test_wrong_arguments_are_refused(given: dict[str, int]) -> None:
    """A missing or unknown field is a TypeError, for the first instance as for any other."""

    @noun
    class Fresh:
        x: int

    for _ in range(2):
        with pytest.raises(TypeError, match="'[xz]'"):
            Fresh(**given)


def test_positions_are_for_those_that_allow_them() -> None:
    """Fields are given by keyword unless the noun says otherwise."""
    with pytest.raises(TypeError, match="positional"):
        Point(1)  # type: ignore[misc,call-arg]


def test_copies_and_replacements_are_equal() -> None:
    """Copying, pickling and replacing give a noun with the same fields but those replaced."""
    point = Point(x=1, notes=["a"])
    owner = Owner(kind=OwnerKind.STEP, seq=3, step=1)

    assert copy.deepcopy(point) == copy.copy(point) == point
    assert pickle.loads(pickle.dumps(owner)) == owner
    assert replace(point, y=5) == Point(x=1, y=5, notes=["a"])  # type: ignore[type-var]
    assert changed(point, y=5, notes=["b"]) == Point(x=1, y=5, notes=["b"])
    with pytest.raises(TypeError, match="'z'"):
        changed(point, z=1)
    assert is_dataclass(Pair)
    assert asdict(Pair(1)) == {"left": 1, "right": 0}  # type: ignore[call-overload]
    assert repr(Pair(1)) == "Pair(left=1, right=0)"


@noun(kw_only=False)
class Checked:
    name: str
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.lower())


def test_a_noun_may_finish_itself() -> None:
    """``__post_init__`` is called after the fields are set, for the first instance as for every other."""
    assert [Checked("A").name, Checked("B", tags=("x",)).name, replace(Checked("C"), name="D").name] == ["a", "b", "d"]


def test_what_is_missing_or_unknown_is_named() -> None:
    """A field without default that is not given, and a keyword that is no field, are the errors of any call."""
    for _ in range(2):
        with pytest.raises(TypeError, match="Point.*'x'"):
            Point()  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="'z'"):
            Point(x=1, z=2)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="positional"):
            Point(1)  # type: ignore[misc]


def test_a_noun_shows_how_it_is_made() -> None:
    """The signature is that of its fields, before the first instance is made as after it."""

    @noun(kw_only=False)
    class Fresh:
        left: int
        right: list[int] = field(default_factory=list)

    said = "(left: 'int', right: 'list[int]' = <factory>)"
    assert str(inspect.signature(Fresh)) == said
    Fresh(1)
    assert str(inspect.signature(Fresh)) == said
    assert list(inspect.signature(Point).parameters) == ["x", "y", "seen", "notes"]
