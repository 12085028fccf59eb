"""Values of classes found by name."""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
from collections import namedtuple
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy
import pydantic
import pytest

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.record.blobs.local import LocalBlobs
from runlore.record.memory import MemoryRecord
from runlore.record.vault import Vault
from runlore.values.codec import decode, encode, is_codable

T = TypeVar("T")


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1
    BLUE = (1, 2)


class Level(enum.IntEnum):
    LOW = 1


class Rights(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Point(NamedTuple):
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Config:
    lr: float
    layers: list[int] = dataclasses.field(default_factory=list)
    scaled: float = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.scaled = self.lr * 10

    @functools.cached_property
    def heavy(self) -> int:
        return 42


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen(Generic[T]):
    item: T


@dataclasses.dataclass
class ListLike(list):  # type: ignore[type-arg]
    size: int = 0


class Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    lr: float = 0.1
    names: tuple[str, ...] = ()
    _secret: int = pydantic.PrivateAttr(default=1)


@pytest.mark.parametrize(
    "value", [Color.RED, Color.CRIMSON, Color.BLUE, Level.LOW, Rights.READ, Rights.READ | Rights.WRITE]
)
def test_enum_members_come_back_themselves(value: Any) -> None:
    """A member comes back as the very same object, flags in any combination."""
    assert decode(encode(value)) is value


def test_int_enum_is_not_its_int() -> None:
    """An IntEnum member is told from the integer that it equals."""
    assert encode(Level.LOW) != encode(1)


def test_dataclass_state_is_carried_without_running_its_code() -> None:
    """Fields come back as they were, including those that `__init__` does not take; `__post_init__` does not run."""
    value = Config(0.1, [1])
    value.scaled = 7.0
    value.heavy  # noqa: B018 (a cached property is no state)
    found = decode(encode(value))

    assert found == value and type(found) is Config and found.scaled == 7.0
    assert "heavy" not in vars(found)


def test_frozen_slotted_dataclass() -> None:
    """Frozen dataclasses with slots are carried too, and serve as keys."""
    assert decode(encode({Frozen((1, 2)): 1})) == {Frozen((1, 2)): 1}


def test_dataclass_with_more_than_its_fields_is_refused() -> None:
    """An attribute that is no field, or content of a built-in base, is not dropped but refused."""
    stray = Config(0.1)
    stray.extra = 1  # type: ignore[attr-defined]

    with pytest.raises(ValueUnstorable, match="attribute 'extra' is not one of its fields"):
        encode(stray)
    with pytest.raises(ValueUnstorable, match="inherits from list"):
        encode(ListLike())


def test_a_lost_field_is_an_error_and_a_new_one_takes_its_default() -> None:
    """A stored field that the class lost is named; a field that it gained takes its default, or is named."""
    text = encode(Config(0.1, [1]))

    with pytest.raises(ValueUnloadable, match="no field 'old' any more"):
        decode(text.replace('"lr":', '"old":1,"lr":'))
    assert decode(re.sub(r',"layers":\[1\]', "", text)).layers == []
    with pytest.raises(ValueUnloadable, match="field 'lr' now, without default"):
        decode(text.replace('"lr":0.1,', ""))


def test_named_tuples() -> None:
    """Named tuples come back as their class."""
    found = decode(encode([Point(1.0)]))[0]

    assert type(found) is Point and found == Point(1.0, 0.0)


def test_local_classes_are_refused() -> None:
    """A class that no name leads to is refused, saying why."""
    Local = namedtuple("Local", "a")  # noqa: PYI024

    with pytest.raises(ValueUnstorable, match="Local"):
        encode(Local(1))
    assert not is_codable(type("Other", (), {}))


def test_pydantic_models_with_everything() -> None:
    """A model keeps fields, which of them were set, extras and private attributes, without validation."""
    value = Settings(lr=1, more=[1])  # type: ignore[call-arg]
    value._secret = 5
    value.names = ["not a tuple"]  # type: ignore[assignment]
    found = decode(encode(value))

    assert found == value
    assert (found._secret, found.names, found.model_fields_set) == (5, ["not a tuple"], value.model_fields_set)
    assert found.model_extra == {"more": [1]}
    assert encode(Settings()) != encode(Settings(lr=0.1))


@pytest.mark.parametrize(
    "value",
    [
        numpy.float64(0.1),
        numpy.float32(-0.0),
        numpy.float16("nan"),
        numpy.int8(-3),
        numpy.uint64(2**64 - 1),
        numpy.bool_(True),
        numpy.complex64(1j),
        numpy.datetime64("2026-01-01", "ns"),
        numpy.datetime64("NaT"),
        numpy.timedelta64(3, "D"),
        numpy.str_("a\0"),
        numpy.bytes_(b"a\0"),
        numpy.str_(""),
    ],
    ids=repr,
)
def test_numpy_scalars_keep_their_type(value: Any) -> None:
    """A numpy scalar comes back with the same type, dtype and bits, and is told from Python's."""
    found = decode(encode(value))

    assert type(found) is type(value) and found.dtype == value.dtype
    assert encode(found) == encode(value) != encode(value.item())
    assert found.tobytes() == value.tobytes()


@pytest.mark.parametrize(
    "text", ['{"~":"enum","t":"builtins.int","v":"A"}', '{"~":"dataclass","t":"builtins.int","v":{}}']
)
def test_a_class_of_another_kind_is_an_error(text: str) -> None:
    """A name that leads to something else by now is an error, and nothing is built."""
    with pytest.raises(ValueUnloadable, match=r"builtins\.int was .* when this value was written"):
        decode(text)


def test_a_missing_enum_member_lists_those_that_are_there() -> None:
    """A member that was removed is named together with what there is."""
    with pytest.raises(ValueUnloadable, match="no member 'GREEN' any more. There is RED, CRIMSON, BLUE"):
        decode(encode(Color.RED).replace('"RED"', '"GREEN"'))


class Silent:
    """An object that answers nothing about itself."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")


class Pretending:
    """An object that claims to be something else."""

    @property
    def __class__(self) -> Any:
        return dict


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (Silent(), "value is a .*Silent"),
        ([1, Silent()], r"value\[1\] is a .*Silent"),
        ({Silent(): 1}, "value key <a Silent> is a .*Silent"),
        ({1: 2, (1,) * 200: Silent()}, r"value\[\(1, 1, .*…\] is a .*Silent"),
        ({Silent()}, "value member <a Silent> is a .*Silent"),
        (Pretending(), "value is a .*Pretending, which cannot be carried exactly by the typed codec\\."),
    ],
    ids=["alone", "in a list", "as a key", "under a long key", "in a set", "pretending"],
)
def test_hostile_objects_are_refused_by_name(value: Any, place: str) -> None:
    """An object that raises at every touch, or lies about its class, is refused like any other, by place and type."""
    with pytest.raises(ValueUnstorable, match=place):
        encode(value)


def test_a_hostile_object_is_pickled_by_itself(tmp_path: Path) -> None:
    """What it does when it is asked for attributes does not keep an object that can be pickled from being stored."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path / "blobs"), key=b"k" * 32)
    content = vault.store(Stubborn())

    assert content.materializer == "cloudpickle"
    assert type(vault.load(content)) is Stubborn


class Stubborn:
    """An object that raises when it is asked for anything that it does not have, and can be pickled."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError(name)
