"""Which arguments of a map are walked item by item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, get_origin

from runlore.author.handle import MappedHandle, OutputHandle, mapped, unmapped
from runlore.author.signature import Signature
from runlore.errors import DefinitionError

_SEQUENCES = (list, tuple, range, Sequence)


def is_walked(value: Any) -> bool:
    """Whether a map gives each task one item of this argument."""
    if isinstance(value, unmapped):
        return False
    if isinstance(value, (mapped, MappedHandle)):
        return True
    if isinstance(value, OutputHandle):
        return is_sequence(value.annotation)
    return type(value) in (list, tuple, range)


def is_sequence(annotation: Any) -> bool:
    """Whether an annotation promises a list, tuple, range or sequence (text and arrays do not count)."""
    if get_origin(annotation) is Annotated:
        return is_sequence(annotation.__origin__)
    return (get_origin(annotation) or annotation) in _SEQUENCES


def bare(value: Any) -> Any:
    """The argument without `mapped` or `unmapped` around it."""
    return value.value if isinstance(value, (mapped, unmapped)) else value


def checked_length(about: str, lengths: Mapping[str, int | None]) -> int | None:
    """The one length of all walked arguments, as far as known; `DefinitionError` if they differ or there is none."""
    if not lengths:
        raise DefinitionError(
            f"{about}.map(...) has nothing to walk: pass a list, tuple, range or mapped handle, or wrap a handle in "
            f"mapped(...)."
        )
    known = {name: length for name, length in lengths.items() if length is not None}
    if len(set(known.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in known.items())
        raise DefinitionError(f"{about}.map(...) walks its arguments side by side, but their lengths differ: {told}.")
    return next(iter(known.values()), None)


def plain_items(signature: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The arguments of each call that a map stands for, when all values are at hand."""
    given = signature.given(args, kwargs)
    walked = {name: list(bare(value)) for name, value in given.items() if is_walked(value)}
    length = checked_length(signature.about, {name: len(values) for name, values in walked.items()})
    fixed = {name: bare(value) for name, value in given.items() if name not in walked}
    for index in range(length or 0):
        yield signature.filled({**fixed, **{name: values[index] for name, values in walked.items()}})
