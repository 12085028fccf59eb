"""Options: a command line option, with its type, for each parameter of a pipeline."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import click

from runlore.author.signature import Parameter, Signature
from runlore.recall.search.operands import scalar

if TYPE_CHECKING:
    AnyType = click.ParamType[Any]

_PLAIN: dict[Any, Any] = {
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
    Path: click.Path(path_type=Path),
    datetime: click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]),
}
#: Marks an option that was not given: the pipeline's own default serves then.
UNSET = None


def options_of(signature: Signature) -> list[click.Parameter]:
    """One option per parameter: ``--learning-rate`` for ``learning_rate``; required where there is no default."""
    return [_option(parameter) for parameter in signature.parameters]


def argument_of(parameter: Parameter, given: Any) -> Any:
    """The value that the pipeline is called with for what the command line gave."""
    annotation = _bare(parameter.annotation)
    kind = get_origin(annotation) or annotation
    if kind in (list, tuple, set, frozenset):
        return kind(given)
    return given


def _option(parameter: Parameter) -> click.Option:
    annotation = _bare(parameter.annotation)
    name = parameter.name.replace("_", "-")
    shared: dict[str, Any] = {"required": parameter.required, "default": UNSET, "help": _help(parameter)}
    if annotation is bool or (annotation is Any and isinstance(parameter.default, bool)):
        return click.Option([f"--{name}/--no-{name}", parameter.name], **shared)
    if (get_origin(annotation) or annotation) in (list, tuple, set, frozenset):
        item = next((arg for arg in get_args(annotation) if arg is not Ellipsis), Any)
        return click.Option([f"--{name}", parameter.name], type=_type(item, None), multiple=True, **shared)
    return click.Option([f"--{name}", parameter.name], type=_type(annotation, parameter.default), **shared)


def _help(parameter: Parameter) -> str:
    if parameter.required:
        return ""
    return "default: <secret>" if parameter.secret else f"default: {parameter.default!r}"


def _bare(annotation: Any) -> Any:
    """Without ``Annotated`` and ``| None``."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [arg for arg in get_args(annotation) if arg is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else Any
    return annotation


def _type(annotation: Any, default: Any) -> AnyType:
    annotation = _bare(annotation)
    if annotation is Any and type(default) in _PLAIN:
        annotation = type(default)
    if annotation is bool:
        return click.BOOL
    if annotation in _PLAIN:
        kind: AnyType = _PLAIN[annotation]
        return kind
    if annotation is date:
        return _Read("DATE", date.fromisoformat)
    if get_origin(annotation) is Literal:
        return _Choice({str(value): value for value in get_args(annotation)})
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _Choice({member.name: member for member in annotation})
    if annotation is Any:
        return _Read("VALUE", scalar)
    return _Read("JSON", json.loads)


class _Read(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A value that a function reads from text."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._read(value)
        except (ValueError, TypeError):
            self.fail(f"{value!r} cannot be read as {self.name.lower()}.", param, ctx)


class _Choice(click.Choice):  # type: ignore[type-arg,unused-ignore]
    """One of several values, given by name."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(list(values))
        self._values = values

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self._values[super().convert(value, param, ctx)]
