"""Step: a function whose calls in a pipeline's body become invocations, and which elsewhere is a plain function."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any, overload

from runlore.author import current
from runlore.author.items import plain_items
from runlore.author.options import StepOptions, with_changes
from runlore.author.signature import Signature
from runlore.errors import ConfigurationError, DefinitionError
from runlore.model.name import checked_name
from runlore.model.suggest import did_you_mean


class Step:
    """What ``@step`` makes of a function.

    Called in a pipeline's body it records an invocation and returns a handle, a tuple of handles, or ``None`` if it has
    no outputs. Called anywhere else, it just calls the function.
    """

    __doc__: str | None
    function: Callable[..., Any]
    signature: Signature
    options: StepOptions
    name: str

    def __init__(
        self,
        function: Callable[..., Any],
        options: StepOptions | None = None,
        *,
        frame: types.FrameType | None = None,
    ) -> None:
        options = options or StepOptions()
        name = options.name if options.name is not None else function_name(function, "step")
        functools.update_wrapper(self, function)  # first, because it copies the function's attributes
        self.signature = Signature(refuse_unrunnable(function, name), about=f"Step {name!r}", frame=frame)
        self.function = function
        self.options = options
        #: Invocation ids are made from it.
        self.name = checked_name("step", name)
        self._check_output_options()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trace = current.trace()
        if trace is None:
            return self.function(*args, **kwargs)
        return trace.invoke(self, args, kwargs)

    def map(self, *args: Any, **kwargs: Any) -> Any:
        """Call the step once per item: lists, tuples, ranges and mapped handles are walked side by side.

        Handles annotated as sequences are walked too; everything else goes to every task. `unmapped` and `mapped` say
        otherwise. Each output is one handle on the collection of all items. Outside a pipeline's body, the function is
        called in order and a list of its results returned.
        """
        trace = current.trace()
        if trace is None:
            return map_plainly(self, args, kwargs)
        return trace.invoke(self, args, kwargs, mapped=True)

    def with_options(self, **changes: Any) -> Step:
        """Return a copy with other options: those of `StepOptions`. Settings, substitutions and tags are added to."""
        return self.with_step_options(with_changes(self.options, changes, about=f"Step {self.name!r}"))

    def with_step_options(self, options: StepOptions) -> Step:
        """Return a copy that has exactly ``options``."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.options = options
        copy.name = options.name if options.name is not None else self.name
        copy._check_output_options()
        return copy

    def _check_output_options(self) -> None:
        materializers = self.options.output_materializers
        if not self.options.outputs and not isinstance(materializers, dict):
            return
        known = [output.name for output in self.signature.outputs]
        for name in (*self.options.outputs, *(materializers if isinstance(materializers, dict) else ())):
            if name not in known:
                raise ConfigurationError(f"Step {self.name!r} has no output {name!r}.{did_you_mean(name, known)}")

    def __repr__(self) -> str:
        return f"<step {self.name!r}>"


def function_name(function: Any, kind: str) -> str:
    """Name of a callable; `DefinitionError` if it has none or is no callable."""
    if not callable(function) or isinstance(function, type):
        raise DefinitionError(f"@{kind} decorates a function, not {function!r}.")
    name = getattr(function, "__name__", None)
    if name is None and isinstance(function, functools.partial):
        name = getattr(function.func, "__name__", None)
    if name is None:
        raise DefinitionError(f"{function!r} has no name of its own: write {kind}(name=...)(...).")
    return str(name)


def refuse_unrunnable(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return ``function``; `DefinitionError` if calling it does not run it to its end."""
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner):
        raise DefinitionError(f"{name!r} is an async function. Write a plain one that calls asyncio.run(...).")
    if inspect.isgeneratorfunction(inner):
        raise DefinitionError(f"{name!r} is a generator, whose values cannot be stored. Return a list instead.")
    return function


def map_plainly(step: Step, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """What ``map`` means outside a pipeline: the same function over the same items, in order."""
    return [step.signature.call(step.function, values) for values in plain_items(step.signature, args, kwargs)]


@overload
def step(function: Callable[..., Any], /) -> Step: ...
@overload
def step(**options: Any) -> Callable[[Callable[..., Any]], Step]: ...
def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a step of a function: ``@step``, or ``@step(enable_cache=False, …)`` with options of `StepOptions`.

    Outputs come from the return annotation. `DefinitionError` if the function cannot be a step.
    """
    if function is not None:
        return _made(function, options, sys._getframe(1))

    def decorate(function: Callable[..., Any]) -> Step:
        return _made(function, options, sys._getframe(1))

    return decorate


def _made(function: Any, options: dict[str, Any], frame: types.FrameType) -> Step:
    if isinstance(function, staticmethod):
        function = function.__func__
    if isinstance(function, Step):
        return function.with_options(**options)
    name = options.get("name") or function_name(function, "step")
    return Step(function, with_changes(StepOptions(), options, about=f"Step {name!r}"), frame=frame)
