"""Namespace: the tag that a client looks through, so that it sees only the runs that have it."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import EllipsisType

from runlore.model.name import checked_tag

#: What the innermost `use_namespace` says; ``...`` outside of all.
_block: ContextVar[str | None | EllipsisType] = ContextVar("runlore_namespace", default=...)


class use_namespace:
    """Let every client that is made in the ``with`` block look through a namespace; ``None`` is all there is.

    A namespace is a tag that people or runlore gave to runs, such as ``user:ann``. It holds for this thread or
    asynchronous task alone. Raises `NameInvalid` for what can be no tag.
    """

    __slots__ = ("namespace", "_tokens")

    def __init__(self, namespace: str | None) -> None:
        self.namespace = checked_namespace(namespace)
        self._tokens: list[Token[str | None | EllipsisType]] = []

    def __enter__(self) -> str | None:
        self._tokens.append(_block.set(self.namespace))
        return self.namespace

    def __exit__(self, *raised: object) -> None:
        _block.reset(self._tokens.pop())


def checked_namespace(namespace: object) -> str | None:
    """Return a namespace, or raise `NameInvalid`."""
    return None if namespace is None else checked_tag(namespace)


def namespace_in_force(settings: object) -> str | None:
    """The namespace of the innermost `use_namespace`, else that of the settings, else none."""
    chosen = _block.get()
    if isinstance(chosen, EllipsisType):
        return checked_namespace(getattr(settings, "namespace", None))
    return chosen
