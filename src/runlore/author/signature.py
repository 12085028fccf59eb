"""Signature: what a step or pipeline takes and gives, read once when it is decorated."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Never, NoReturn, get_args, get_origin

from runlore.author import annotations as notes
from runlore.author.artifact_config import ArtifactConfig
from runlore.author.secret import is_secret
from runlore.errors import DefinitionError, ParameterError
from runlore.model.name import checked_name
from runlore.model.noun import noun
from runlore.model.suggest import did_you_mean

#: Default of a parameter that has none.
REQUIRED: Any = inspect.Parameter.empty


@noun(kw_only=False)
class Parameter:
    """One parameter, with its evaluated annotation (`Any` where there is none or it is unresolved)."""

    name: str
    annotation: Any
    default: Any
    secret: bool = False

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


@noun(kw_only=False)
class DeclaredOutput:
    """One output as the annotation declares it. Its name may hold placeholders."""

    name: str
    annotation: Any
    config: ArtifactConfig | None = None


class Signature:
    """Parameters and outputs of a function, with argument binding that costs less than a microsecond."""

    def __init__(self, function: Callable[..., Any], *, about: str, frame: types.FrameType | None = None) -> None:
        self.about = about
        self._function = inspect.unwrap(function)
        self._raw = notes.raw_annotations(self._function)
        self._frame: types.FrameType | None = None
        self._declare(inspect.signature(function))
        self._evaluate(_locals(frame))
        if self.unresolved and _is_local(frame):
            # Names may be assigned in the enclosing function after this point; the frame is dropped at the first plan.
            self._frame = frame

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_frame": None}

    def _declare(self, signature: inspect.Signature) -> None:
        self._defaults: dict[str, Any] = {}
        positional: list[str] = []
        keywords: set[str] = set()
        self._positional_only = 0
        #: Name of the ``**`` parameter, if any.
        self.rest: str | None = None
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                raise DefinitionError(
                    f"{self.about} takes *{name}, but every input is recorded under a name. "
                    f"Give it a list parameter, or **{name} for inputs named by the caller."
                )
            if parameter.kind is parameter.VAR_KEYWORD:
                self.rest = name
                continue
            self._defaults[name] = parameter.default
            if parameter.kind is not parameter.KEYWORD_ONLY:
                positional.append(name)
            if parameter.kind is parameter.POSITIONAL_ONLY:
                self._positional_only += 1
            keywords.add(name)
        self._positional = tuple(positional)
        self._keywords = frozenset(keywords)

    def _evaluate(self, enclosing: Mapping[str, Any]) -> None:
        resolved = {name: notes.evaluated(note, self._function, enclosing) for name, note in self._raw.items()}
        #: Whether some annotation names what is not known (yet).
        self.unresolved = any(notes.has_unknown(note) for note in resolved.values())
        self._by_name = {
            name: _parameter(name, resolved.get(name, Any), default) for name, default in self._defaults.items()
        }
        self._rest_annotation = notes.checkable(resolved.get(self.rest or "", Any))
        self.parameters: tuple[Parameter, ...] = tuple(self._by_name.values())
        self.outputs: tuple[DeclaredOutput, ...] = declared_outputs(resolved.get("return", Any), self.about)
        named, inner = _named(resolved.get("return", Any))
        #: Whether the outputs are the members of a returned tuple, even if there is only one.
        self.several: bool = named is None and get_origin(inner) is tuple and bool(get_args(inner))

    def complete(self) -> None:
        """Evaluate again what was unresolved; called when a plan is about to use the annotations."""
        if self.unresolved:
            enclosing, self._frame = _locals(self._frame), None
            self._evaluate(enclosing)

    def parameter(self, name: str) -> Parameter:
        """The parameter that takes the argument ``name``."""
        found = self._by_name.get(name)
        return found if found is not None else Parameter(name, self._rest_annotation, REQUIRED)

    def accepts(self, name: str) -> bool:
        """Whether a parameter is declared under this very name."""
        return name in self._keywords

    def given(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Name the arguments of a call; `ParameterError` for too many, unknown or doubled ones."""
        names = self._positional
        if len(args) > len(names):
            takes = ", ".join(names) or "none"
            raise ParameterError(f"{self.about} takes {len(names)} positional arguments ({takes}), got {len(args)}.")
        bound = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name in bound:
                raise ParameterError(f"{self.about} got its argument {name!r} twice.")
            if name not in self._keywords and self.rest is None:
                hint = did_you_mean(name, self._defaults, nothing=" It takes no arguments.")
                raise ParameterError(f"{self.about} has no parameter {name!r}.{hint}")
            bound[name] = value
        return bound

    def filled(self, bound: Mapping[str, Any]) -> dict[str, Any]:
        """Put arguments into the declared order and fill in defaults; `ParameterError` names what is missing."""
        full: dict[str, Any] = {}
        for name, default in self._defaults.items():
            if name in bound:
                full[name] = bound[name]
            elif default is REQUIRED:
                missing = [n for n, d in self._defaults.items() if d is REQUIRED and n not in bound]
                raise ParameterError(
                    f"{self.about} needs {'arguments' if len(missing) > 1 else 'an argument'} for "
                    f"{', '.join(map(repr, missing))}, which {'have' if len(missing) > 1 else 'has'} no default."
                )
            else:
                full[name] = default
        if self.rest is not None:
            full.update((name, value) for name, value in bound.items() if name not in full)
        return full

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Name the arguments of a call and fill in defaults."""
        return self.filled(self.given(args, kwargs))

    def call(self, function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
        """Call ``function`` with named values; positional-only parameters are passed by position."""
        if not self._positional_only:
            return function(**values)
        first = self._positional[: self._positional_only]
        return function(*(values[n] for n in first), **{n: v for n, v in values.items() if n not in first})


def _is_local(frame: types.FrameType | None) -> bool:
    return frame is not None and frame.f_locals is not frame.f_globals


def _locals(frame: types.FrameType | None) -> Mapping[str, Any]:
    return frame.f_locals if frame is not None else {}


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:
    # A `Secret` that cannot be resolved, being imported for type checkers only, still keeps its value secret.
    secret = is_secret(annotation) or any(n.rpartition(".")[2] == "Secret" for n in notes.unknown_names(annotation))
    return Parameter(name, notes.checkable(annotation), default, secret)


def declared_outputs(annotation: Any, about: str) -> tuple[DeclaredOutput, ...]:
    """Outputs from a return annotation alone; `DefinitionError` for variable-length tuples and doubled names."""
    if annotation is None or annotation is type(None) or annotation is NoReturn or annotation is Never:
        return ()
    config, inner = _named(annotation)
    if config is not None or get_origin(inner) is not tuple or not get_args(inner):
        return (_output("output", config, inner),)
    parts = get_args(inner)
    if Ellipsis in parts:
        raise DefinitionError(
            f"{about} returns a tuple of variable length, so its outputs cannot be told. Write tuple[A, B] for two "
            f'outputs, list[A] for one, or Annotated[tuple[A, ...], "name"] to store the tuple as one output.'
        )
    outputs = tuple(_output(f"output_{i}", *_named(part)) for i, part in enumerate(parts))
    names = [output.name for output in outputs]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DefinitionError(f"{about} has two outputs named {doubled[0]!r}. Give each output a name of its own.")
    return outputs


def _named(annotation: Any) -> tuple[ArtifactConfig | None, Any]:
    """Split ``Annotated[T, "name"]`` or ``Annotated[T, ArtifactConfig(...)]``; other notes do not count."""
    if get_origin(annotation) is not Annotated:
        return None, annotation
    config: ArtifactConfig | None = None
    for note in annotation.__metadata__:
        if isinstance(note, str):
            note = ArtifactConfig(name=note)
        if isinstance(note, ArtifactConfig):
            config = note if config is None else config.updated(note)
    return config, annotation.__origin__


def _output(default: str, config: ArtifactConfig | None, annotation: Any) -> DeclaredOutput:
    name = config.name if config is not None and config.name is not None else default
    return DeclaredOutput(checked_name("output", name), notes.checkable(annotation), config)
