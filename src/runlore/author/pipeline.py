"""Pipeline: a function whose body says which steps run on what."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any, overload

from runlore.author import current
from runlore.author.options import PipelineOptions, with_changes
from runlore.author.signature import Signature
from runlore.author.step import function_name, refuse_unrunnable
from runlore.model.name import checked_name


class Pipeline:
    """What ``@pipeline`` makes of a function. Calling it runs it in the current workspace and returns the run.

    Called in another pipeline's body, its steps become part of that one, with ids prefixed, and what its own body
    returns is returned. What the body of a pipeline that is run returns are the outputs of the run, as far as they are
    outputs of steps.
    """

    __doc__: str | None
    function: Callable[..., Any]
    signature: Signature
    options: PipelineOptions
    name: str

    def __init__(
        self,
        function: Callable[..., Any],
        options: PipelineOptions | None = None,
        *,
        frame: types.FrameType | None = None,
    ) -> None:
        options = options or PipelineOptions()
        name = options.name if options.name is not None else function_name(function, "pipeline")
        functools.update_wrapper(self, function)  # first, because it copies the function's attributes
        self.signature = Signature(refuse_unrunnable(function, name), about=f"Pipeline {name!r}", frame=frame)
        self.function = function
        self.options = options
        self.name = checked_name("pipeline", name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trace = current.trace()
        if trace is not None:
            return trace.inline(self, args, kwargs)
        return current.workspace().run(self, args, kwargs)

    def plan(self, *args: Any, **kwargs: Any) -> Any:
        """Show the steps that a run with these arguments would have, and which would be cached. Nothing is run."""
        return current.workspace().plan(self, args, kwargs)

    def with_options(self, **changes: Any) -> Pipeline:
        """Return a copy with other options: `PipelineOptions`. Settings, substitutions and tags are added to."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.options = with_changes(self.options, changes, about=f"Pipeline {self.name!r}")
        copy.name = copy.options.name if copy.options.name is not None else self.name
        return copy

    @property
    def model(self) -> Any:
        """The recorded pipeline of this name, in the current workspace; `NotFound` before its first run."""
        return current.workspace().client.get_pipeline(self.name, allow_name_prefix_match=False)

    @property
    def runs(self) -> Any:
        """Recorded runs, newest first."""
        return self.model.runs

    @property
    def last_run(self) -> Any:
        """The newest recorded run."""
        return self.model.last_run

    @property
    def last_successful_run(self) -> Any:
        """The newest recorded run that completed or was cached."""
        return self.model.last_successful_run

    def __repr__(self) -> str:
        return f"<pipeline {self.name!r}>"


@overload
def pipeline(function: Callable[..., Any], /) -> Pipeline: ...
@overload
def pipeline(**options: Any) -> Callable[[Callable[..., Any]], Pipeline]: ...
def pipeline(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a pipeline of a function: ``@pipeline``, or ``@pipeline(name="training", …)`` with `PipelineOptions`."""
    if function is not None:
        return _made(function, options, sys._getframe(1))

    def decorate(function: Callable[..., Any]) -> Pipeline:
        return _made(function, options, sys._getframe(1))

    return decorate


def _made(function: Any, options: dict[str, Any], frame: types.FrameType) -> Pipeline:
    if isinstance(function, staticmethod):
        function = function.__func__
    if isinstance(function, Pipeline):
        return function.with_options(**options)
    name = options.get("name") or function_name(function, "pipeline")
    return Pipeline(function, with_changes(PipelineOptions(), options, about=f"Pipeline {name!r}"), frame=frame)
