"""What is current: the trace that step calls belong to, and the workspace that pipelines run in.

Both are context variables, so that nothing here is shared between threads or asynchronous tasks by accident. The
package binds a process-wide factory for the default workspace; authoring never imports the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from runlore.errors import RunloreError


class Tracer(Protocol):
    """What collects the calls of a pipeline's body."""

    def invoke(self, step: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, mapped: bool = False) -> Any:
        """Record a call of ``step``; return its handle, a tuple of handles, or None if it has no outputs."""

    def inline(self, pipeline: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Trace another pipeline's body as part of this one and return what it returns."""

    def load(self, handle: Any) -> Any:
        """Run what ``handle`` depends on and return its value."""

    def latest_output(self, artifact: str) -> Any:
        """The newest output so far that makes a version of ``artifact``, or ``None``."""


class Workspace(Protocol):
    """What authoring asks of a workspace."""

    @property
    def client(self) -> Any:
        """Recall over this workspace's record."""

    def run(self, pipeline: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run a pipeline and return its run."""

    def plan(self, pipeline: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Show what a run would do, without running anything."""


_trace: ContextVar[Tracer | None] = ContextVar("runlore_trace", default=None)
_workspace: ContextVar[Any] = ContextVar("runlore_workspace", default=None)
_factory: Callable[[], Any] | None = None
_opener: Callable[[Any], Any] | None = None

#: The trace that step calls go to, or ``None``: steps are plain functions then.
trace: Callable[[], Tracer | None] = _trace.get


class use_trace:
    """Make ``value`` the current trace; ``None`` makes steps plain functions, as they are while a step runs."""

    __slots__ = ("_token", "_value")

    def __init__(self, value: Tracer | None) -> None:
        self._value = value

    def __enter__(self) -> None:
        self._token = _trace.set(self._value)

    def __exit__(self, *raised: object) -> None:
        _trace.reset(self._token)


def set_workspace_factory(factory: Callable[[], Any] | None) -> None:
    """Say how the default workspace is found. It is called at every need and should give the same one each time."""
    global _factory
    _factory = factory


def set_workspace_opener(opener: Callable[[Any], Any] | None) -> None:
    """Say how a workspace is found that is named by its place, such as a path."""
    global _opener
    _opener = opener


def workspace_at(place: Any) -> Any:
    """The workspace at ``place``: one already, or a path. Raises `ConfigurationError` for no place of a record."""
    if _opener is None:
        raise RunloreError("No workspace can be opened here: import runlore first.")
    return _opener(place)


@contextmanager
def use_workspace(value: Any) -> Iterator[Any]:
    """Make ``value`` the workspace of everything inside the ``with`` block."""
    token = _workspace.set(value)
    try:
        yield value
    finally:
        _workspace.reset(token)


def workspace() -> Any:
    """The workspace in force: the one of `use_workspace`, else the default."""
    chosen = _workspace.get()
    if chosen is not None:
        return chosen
    if _factory is None:
        raise RunloreError("There is no workspace: use runlore.author.current.use_workspace(...) or import runlore.")
    return _factory()
