"""Exception: what an attempt raised, as text that is always there, and as the object where it can be made again."""

from __future__ import annotations

from typing import Any

from runlore.errors import ValueUnloadable
from runlore.model.name import printable, shortened
from runlore.model.run import Failure

#: Where the classes come from that fill in what they are made of by themselves.
_BUILT_IN = "builtins"


class RecordedException:
    """What was raised. Type, message and traceback are texts; only `load` imports or runs anything."""

    def __init__(self, failure: Failure, *, owner: str) -> None:
        self._failure = failure
        self._owner = owner

    @property
    def type(self) -> str:
        """Qualified name of the class, such as ``builtins.ValueError``."""
        return self._failure.type

    @property
    def message(self) -> str:
        return self._failure.message

    @property
    def traceback(self) -> str:
        """The traceback as Python shows it, with the exceptions that led to this one."""
        return self._failure.traceback

    def load(self) -> BaseException:
        """Return the exception as an object, with its arguments and attributes; without traceback and cause.

        Its class is imported, and made from what was recorded without calling an ``__init__`` of the user's. Raises
        `ValueUnloadable`, saying why, where the class is not there or arguments were of a kind that is not kept.
        """
        from runlore.values import codec  # few ask for the object
        from runlore.values.typenames import resolve_type

        state = self._failure.state
        if state is None:
            raise self._unloadable("it was made of something that only a pickle could keep")
        try:
            cls = resolve_type(self.type)
            if not (isinstance(cls, type) and issubclass(cls, BaseException)):
                raise TypeError(f"{self.type} is no class of exceptions")
            made = codec.decode(state)
            return _made(cls, tuple(made["args"]), made["attributes"])
        except Exception as problem:  # importing and making run code of the user's
            raise self._unloadable(str(problem) or type(problem).__name__) from problem

    def _unloadable(self, why: str) -> ValueUnloadable:
        return ValueUnloadable(
            f"The {self.type} of {self._owner} cannot be made again: {why}. Its type, message and traceback are there "
            "as text."
        )

    def __str__(self) -> str:
        return self.message

    def _repr_html_(self) -> str:
        from runlore.recall.html.provenance import exception_html  # what only notebooks need

        return exception_html(self, self._owner)

    def __repr__(self) -> str:
        kind = shortened(printable(self.type.removeprefix("builtins.")), 30)
        said = shortened(printable(self.message.partition("\n")[0]), 40)
        return f"<{kind} of {shortened(printable(self._owner), 26)}: {said}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedException) and self._failure == other._failure

    def __hash__(self) -> int:
        return hash(self._failure)


def _made(cls: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    """An exception like the one that was raised: what a class of the user's set is among the attributes."""
    base = next(each for each in cls.__mro__ if each.__module__ == _BUILT_IN)
    made = cls.__new__(cls, *args)
    base.__init__(made, *args)  # type: ignore[misc]
    made.__setstate__(attributes)
    return made


def exception_of(failure: Failure | None, owner: str) -> RecordedException | None:
    """The exception that a failure tells of."""
    return None if failure is None else RecordedException(failure, owner=owner)
