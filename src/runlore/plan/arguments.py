"""From what a step is called with to what the plan says about it: `Argument` values, checked and encoded."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection
from itertools import islice
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

from runlore.author.artifact_config import ExternalArtifact
from runlore.author.file import File
from runlore.author.handle import MappedHandle, OutputHandle
from runlore.author.items import bare
from runlore.author.pipeline import Pipeline
from runlore.author.signature import Parameter
from runlore.author.step import Step
from runlore.errors import DefinitionError, NotFound, ParameterError, TypeMismatch, ValueUnstorable
from runlore.model.artifact import Version
from runlore.model.plan import Argument, External, FromRecord, FromStep, Gathered, Literal, Mapped
from runlore.plan.redaction import Redaction
from runlore.values.checks import compatible, conforms
from runlore.values.codec import decode, encode

#: Finds a recorded version by artifact name and version label or alias (``None``: the latest), or by its own id; or
#: gives ``None``.
Lookup = Callable[[str | UUID, str | None], Version | None]
#: Says, as a sentence to be appended, what there is instead of an artifact or version that is absent.
Instead = Callable[[str, str | None], str]

#: Types whose values nobody can change, so that they need no copy.
_SIMPLE = frozenset({int, float, str, bool, type(None), bytes})
_HOLDERS = (list, tuple, dict)
_DEEPEST = 200
#: How many items of a value from outside are checked before the work starts.
_SAMPLE = 100
_PROCESS_SALT = secrets.token_bytes(32)


class Arguments:
    """Turns values into arguments for one trace."""

    def __init__(
        self,
        owner: object,
        lookup: Lookup | None,
        secret_names: Collection[str],
        salt: bytes | None,
        latest_output: Callable[[str], OutputHandle | None],
        instead: Instead | None = None,
    ) -> None:
        self._owner = owner
        self._latest_output = latest_output
        self._lookup = lookup
        self._instead = instead
        self._secret_names = frozenset(secret_names)
        # Without an installation's salt, secrets are told apart within this process only.
        self._salt = salt or _PROCESS_SALT
        #: The secrets that were among the arguments so far.
        self.redaction = Redaction()

    def argument(self, about: str, parameter: Parameter, value: Any) -> Argument:
        """What the plan says about one argument; `ParameterError` and `TypeMismatch` name ``about`` and parameter."""
        value = self._here(bare(value))
        if isinstance(value, OutputHandle):
            self._check_handle(about, parameter, value, value.annotation)
            return self._source(value)
        if type(value) in _HOLDERS and holds_sources(value):
            return self._gathered(about, parameter, value)
        found = self._from_outside(about, parameter, value)
        return found if found is not None else self.literal(about, parameter, value)

    def mapped(self, about: str, parameter: Parameter, value: Any) -> Mapped:
        """What the plan says about an argument that is walked item by item."""
        value = self._here(bare(value))
        if isinstance(value, OutputHandle):
            item = value.item_annotation if isinstance(value, MappedHandle) else item_annotation(value.annotation)
            self._check_handle(about, parameter, value, item)
            return Mapped(self._source(value))
        if isinstance(value, ExternalArtifact) and value.has_value:
            return Mapped(self._external_items(about, parameter, value))
        found = self._from_outside(about, parameter, value)
        if found is not None:
            return Mapped(found)
        if not isinstance(value, (list, tuple, range)):
            raise _not_walkable(about, parameter, value)
        return Mapped(tuple(self.argument(about, parameter, item) for item in value))

    def _here(self, value: Any) -> Any:
        """A value, or the output that the latest version of a name means in this body."""
        if isinstance(value, ExternalArtifact) and not value.has_value and value.version in (None, "latest"):
            made_here = self._latest_output(value.name) if value.name is not None else None
            return value if made_here is None else made_here
        return value

    def literal(self, about: str, parameter: Parameter, value: Any) -> Literal:
        """A parameter, recorded exactly, or `ParameterError`; its value is a copy if it could be changed later."""
        wrong = conforms(value, parameter.annotation)
        if wrong is not None:
            if isinstance(value, (Step, Pipeline)):
                wrong = f"{wrong.partition(', got ')[0]}, got {_uncalled(value)} itself. {_call_first(value)}"
            raise TypeMismatch(f"{about}, parameter {parameter.name!r}: {self._shown(parameter, value, wrong)}")
        if type(value) not in _SIMPLE:
            value = _sealed(value)
        try:
            encoded = encode(value)
            if type(value) not in _SIMPLE:
                value = decode(encoded)
        except ValueUnstorable as error:
            raise self._refused(about, parameter, value, error) from error
        if self.is_secret(parameter, value) or self.redaction.is_in(encoded):
            return Literal(value, self._redacted(value, encoded), secret=True)
        return Literal(value, encoded)

    def is_secret(self, parameter: Parameter, value: Any) -> bool:
        """Whether a value is redacted: by annotation, by name, or because it came in as a secret before."""
        if parameter.secret or parameter.name in self._secret_names:
            return True
        return self.redaction.is_secret(value)

    def _redacted(self, value: Any, encoded: str) -> str:
        self.redaction.add(value)
        digest = hmac.new(self._salt, encoded.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return encode(f"<secret> {digest[:32]}")

    def _shown(self, parameter: Parameter, value: Any, wrong: str) -> str:
        if self.is_secret(parameter, value):
            return "the value does not have the annotated type (it is secret and not shown)."
        return wrong

    def _refused(self, about: str, parameter: Parameter, value: Any, error: Exception) -> ParameterError:
        if isinstance(value, (Step, Pipeline)):
            remedy = _call_first(value)
        else:
            remedy = "Pass it as ExternalArtifact(value=...), or write a step that makes it and pass its output."
        detail = "" if parameter.secret or parameter.name in self._secret_names else f" ({str(error).rstrip('.')})"
        return ParameterError(
            f"{about} cannot take a {_type_name(value)} as its parameter {parameter.name!r}, because a parameter is "
            f"recorded exactly and this is not possible here{detail}. {remedy}"
        )

    def _source(self, handle: OutputHandle) -> FromStep:
        return FromStep(handle.step, handle.output, handle.element)

    def _check_handle(self, about: str, parameter: Parameter, handle: OutputHandle, annotation: Any) -> None:
        self.check_owner(about, handle)
        if annotation is parameter.annotation:
            return
        wrong = compatible(annotation, parameter.annotation)
        if wrong is not None:
            raise TypeMismatch(f"{about}, parameter {parameter.name!r} from {handle!r}: {wrong}")

    def check_owner(self, about: str, handle: OutputHandle) -> None:
        """Raise `DefinitionError` if a handle belongs to another run of a body."""
        if handle.trace is not self._owner:
            raise DefinitionError(
                f"{about} got {handle!r} of another run. Handles are good only inside the body that made them; to use "
                f"an earlier result, get it from the client."
            )

    def _gathered(self, about: str, parameter: Parameter, value: Any) -> Gathered:
        inner = Parameter(parameter.name, Any, parameter.default, parameter.secret)
        items = value.values() if isinstance(value, dict) else value
        keys = tuple(value) if isinstance(value, dict) else ()
        for key in keys:
            self.literal(about, inner, key)
        return Gathered(type(value), tuple(self.argument(about, inner, item) for item in items), keys)

    def _from_outside(self, about: str, parameter: Parameter, value: Any) -> FromRecord | External | None:
        if isinstance(value, ExternalArtifact):
            if value.has_value:
                return self._external(about, parameter, value)
            return FromRecord(self._found(about, parameter, value).seq)
        seq = getattr(type(value), "__runlore_version__", None)
        return None if seq is None else FromRecord(int(value.__runlore_version__))

    def _external(self, about: str, parameter: Parameter, artifact: ExternalArtifact) -> External:
        wrong = conforms(artifact.value, parameter.annotation)
        if wrong is not None:
            raise TypeMismatch(f"{about}, parameter {parameter.name!r}: {wrong}")
        return _as_external(artifact)

    def _external_items(self, about: str, parameter: Parameter, artifact: ExternalArtifact) -> External:
        items: Any = artifact.value
        if not hasattr(items, "__len__") or not hasattr(items, "__getitem__") or hasattr(items, "keys"):
            raise _not_walkable(about, parameter, items)
        for item in islice(items, _SAMPLE):
            self._external(about, parameter, ExternalArtifact(value=item))
        return _as_external(artifact)

    def _found(self, about: str, parameter: Parameter, artifact: ExternalArtifact) -> Version:
        if artifact.id is not None:
            found = self._lookup(artifact.id, None) if self._lookup is not None else None
            if found is None:
                raise NotFound(f"{about}, parameter {parameter.name!r}: there is no artifact version {artifact.id}.")
            return found
        assert artifact.name is not None  # the constructor asks for a value, an id or a name
        version = None if artifact.version == "latest" else artifact.version
        found = self._lookup(artifact.name, version) if self._lookup is not None else None
        if found is None:
            which = f"version {artifact.version!r} of " if artifact.version is not None else ""
            raise NotFound(
                f"{about}, parameter {parameter.name!r}: there is no {which}artifact {artifact.name!r} on record."
                + (self._instead(artifact.name, version) if self._instead is not None else "")
            )
        return found


def _as_external(artifact: ExternalArtifact) -> External:
    return External(artifact.value, artifact.materializer, artifact.name, artifact.describe, artifact.pictures)


def _uncalled(value: Step | Pipeline) -> str:
    return f"the {'step' if isinstance(value, Step) else 'pipeline'} {value.name!r}"


def _call_first(value: Step | Pipeline) -> str:
    return f"Call it first: {value.name}(...) gives a handle that can be passed on."


def _not_walkable(about: str, parameter: Parameter, value: Any) -> DefinitionError:
    return DefinitionError(
        f"{about} cannot walk {parameter.name!r}, a {type(value).__name__}: give a list, tuple, range or handle."
    )


def holds_sources(value: Any, depth: int = 0) -> bool:
    """Whether a list, tuple or dict holds, at any sensible depth, something that is not a plain value yet."""
    if depth > _DEEPEST:  # a cycle, or too deep for the codec, which will say so
        return False
    items = value.values() if isinstance(value, dict) else value
    for item in items:
        kind = type(item)
        if kind in _SIMPLE:
            continue
        if isinstance(item, (OutputHandle, ExternalArtifact)) or hasattr(kind, "__runlore_version__"):
            return True
        if kind in _HOLDERS and holds_sources(item, depth + 1):
            return True
    return False


def item_annotation(annotation: Any) -> Any:
    """Annotation of an item of an annotated sequence; `Any` where it does not tell."""
    if get_origin(annotation) is Annotated:
        return item_annotation(annotation.__origin__)
    parts = get_args(annotation)
    if get_origin(annotation) is tuple:
        return parts[0] if len(parts) == 2 and parts[1] is Ellipsis else Any
    return parts[0] if len(parts) == 1 else Any


def _sealed(value: Any, depth: int = 0) -> Any:
    """Give every `File` in plain containers the digest of its content; what holds none is returned as it is."""
    kind = type(value)
    if isinstance(value, File):
        return value.sealed()
    if kind not in _HOLDERS or depth > _DEEPEST:
        return value
    old = list(value.values() if kind is dict else value)
    new = [item if type(item) in _SIMPLE else _sealed(item, depth + 1) for item in old]
    if all(after is before for after, before in zip(new, old, strict=True)):
        return value
    return dict(zip(value, new, strict=True)) if kind is dict else kind(new)


def _type_name(value: Any) -> str:
    kind = type(value)
    if kind.__name__ == "function":
        return "lambda" if value.__name__ == "<lambda>" else f"function {value.__name__!r}"
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
