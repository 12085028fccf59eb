"""Arguments: what a step receives, as identities for the cache key, as edges for the record, and as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from runlore.author.reads import Reads
from runlore.errors import ArtifactCorrupt, ArtifactMissing, ParameterError, ValueUnloadable
from runlore.execute.named import classes_named, reader_of
from runlore.execute.outcome import ABSENT, IMMUTABLE, Outcome, Produced
from runlore.model.artifact import Content, LookedUp, Version
from runlore.model.change import Input
from runlore.model.plan import Argument, External, FromRecord, FromStep, Gathered, Literal, Mapped
from runlore.plan.fingerprint import class_fingerprint, value_fingerprint
from runlore.record.port import Hit, Record
from runlore.record.vault import Vault
from runlore.values import codec
from runlore.values.registry import by_name


@dataclass(slots=True)
class Resolved:
    """One argument, found."""

    #: Equal exactly where the values are indistinguishable; ``None`` where that is not known.
    identity: str | None
    inputs: tuple[Input, ...]
    load: Callable[[], Any]


#: Their values carry no code, whatever they are.
_PLAIN = frozenset(f"builtins.{name}" for name in ("int", "float", "bool", "str", "bytes", "complex", "NoneType"))


class Arguments:
    """Resolves the arguments of a plan's steps against what earlier steps produced."""

    def __init__(self, record: Record, vault: Vault, outcomes: Mapping[int, Outcome]) -> None:
        self._record = record
        self._vault = vault
        self._outcomes = outcomes
        self._externals: dict[int, Produced] = {}
        self._pinned: dict[int, Produced] = {}
        self._sequences: dict[int, Sequence[Any]] = {}
        #: Digest of a payload → classes of the project that it names.
        self._named: dict[str, tuple[type, ...]] = {}

    def external(self, argument: External, produced: Produced) -> None:
        """Remember under which version an external value was saved."""
        self._externals[id(argument)] = produced

    def same_code(self, hit: Hit) -> bool:
        """Whether the project's classes in what a task looked up by name are as they were then."""
        return all(self._code(one.version)[0] == one.code for one in hit.looked_up)

    def looked_up(self, reads: Reads) -> tuple[tuple[LookedUp, ...], str | None]:
        """What a task looked up by name, as it is recorded, and why that has no identity, if it has none."""
        found, reason = [], None
        for artifact, asked, version in reads.looked_up:
            code, unknown = self._code(version)
            reason = reason or (unknown and f"the code of artifact {artifact!r}, which it looked up, has no identity")
            found.append(LookedUp(artifact=artifact, asked=asked, version=version, code=code))
        return tuple(found), reason

    def _code(self, version: int | None) -> tuple[bytes | None, str | None]:
        """Digest of the project's classes in a recorded value, ``None`` without any; and why there is none."""
        if version is None:
            return None, None
        produced = self._produced(FromRecord(version))
        digests = [class_fingerprint(cls) for cls in self._all_classes(produced)]
        unknown = next((one.reason for one in digests if one.digest is None), None)
        if unknown is not None or not digests:
            return None, unknown
        return sha256(b"".join(one.digest or b"" for one in digests)).digest(), None

    def resolve(self, name: str, argument: Argument) -> Resolved:
        """Find one argument that goes to the step as a whole."""
        if isinstance(argument, Literal):
            return _literal(argument)
        if isinstance(argument, Gathered):
            return self._gathered(name, argument)
        if isinstance(argument, Mapped):
            raise TypeError(f"{name!r} is mapped; its items are resolved one by one")
        return self._stored(name, self._produced(argument), getattr(argument, "element", None))

    def length(self, argument: Mapped) -> int:
        """Number of items of a mapped argument."""
        if isinstance(argument.source, tuple):
            return len(argument.source)
        produced = self._produced(argument.source)
        if produced.elements is not None:
            return len(produced.elements)
        return len(self._sequence(produced))

    def item(self, name: str, argument: Mapped, index: int) -> Resolved:
        """Find the item of a mapped argument that task ``index`` receives."""
        if isinstance(argument.source, tuple):
            return self.resolve(name, argument.source[index])
        produced = self._produced(argument.source)
        if produced.elements is not None:
            return self._stored(name, produced, index)
        sequence = self._sequence(produced)
        value = sequence[index]
        whole = self._identity(produced)
        identity = codec.encode(value) if type(value) in IMMUTABLE else whole and f"{whole}[{index}]"
        return Resolved(
            identity,
            (Input(name=name, version=produced.version, element=index),),
            lambda: value,
        )

    def _identity(self, produced: Produced) -> str | None:
        """Identity of a stored value: its materializer, its type and the digest of its bytes.

        The code of the project's classes counts, wherever in the value their instances are, since a step may call
        their methods. ``None`` if such code has no identity.
        """
        content = produced.content
        text = f"{content.materializer}|{content.type}|{content.digest}"
        if content.type in _PLAIN and content.materializer == "json":
            return text
        for cls in self._all_classes(produced):
            digest = class_fingerprint(cls).digest
            if digest is None:
                return None
            text += f"|{digest.hex()}"
        return text

    def _all_classes(self, produced: Produced) -> tuple[type, ...]:
        """Classes of the project in a value, or in the elements of a collection, and those that read them."""
        contents = (produced.content,) if produced.elements is None else produced.elements
        found = dict.fromkeys(cls for content in contents for cls in self._classes(content))
        for content in {content.materializer: content for content in contents}.values():
            cls = reader_of(content)
            if cls is not None:
                found.setdefault(cls)
        return tuple(found)

    def _classes(self, content: Content) -> tuple[type, ...]:
        if content.type in _PLAIN or content.materializer == "collection":
            return ()
        found = self._named.get(content.digest)
        if found is None:
            try:
                naming = by_name(content.materializer).naming(self._vault.reader(content))
                found = classes_named(naming) if naming else ()
            except (ArtifactMissing, ArtifactCorrupt, ValueUnloadable):
                found = ()  # the digest says enough: the value cannot be loaded
            self._named[content.digest] = found
        return found

    def _produced(self, argument: FromStep | FromRecord | External) -> Produced:
        if isinstance(argument, FromStep):
            return self._outcomes[argument.step].outputs[argument.output]
        if isinstance(argument, FromRecord):
            if argument.version not in self._pinned:
                self._pinned[argument.version] = self._pin(self._record.version(argument.version))
            return self._pinned[argument.version]
        return self._externals[id(argument)]

    def _stored(self, name: str, produced: Produced, element: int | None) -> Resolved:
        vault = self._vault
        edge = (Input(name=name, version=produced.version, element=element),)
        if produced.elements is not None:
            elements = produced.elements
            if element is not None:
                content = elements[element]
                identity = self._identity(Produced(content, produced.version))
                return Resolved(identity, edge, lambda: vault.load(content, about=name))
            return Resolved(self._identity(produced), edge, lambda: [vault.load(each, about=name) for each in elements])
        if produced.value is not ABSENT:
            value = produced.value
            return Resolved(self._identity(produced), edge, lambda: value)
        return Resolved(self._identity(produced), edge, lambda: vault.load(produced.content, about=name))

    def _gathered(self, name: str, argument: Gathered) -> Resolved:
        keys: Sequence[Any] = argument.keys or range(len(argument.items))
        parts = [self.resolve(f"{name}.{key}", item) for key, item in zip(keys, argument.items, strict=True)]
        known = [part.identity for part in parts]
        identity = None
        if None not in known:
            identity = codec.encode([argument.kind.__name__, list(argument.keys), known])

        def load() -> Any:
            values = [part.load() for part in parts]
            return dict(zip(argument.keys, values, strict=True)) if argument.kind is dict else argument.kind(values)

        return Resolved(identity, tuple(edge for part in parts for edge in part.inputs), load)

    def _pin(self, version: Version) -> Produced:
        elements = None
        if version.content.materializer == "collection":
            elements = tuple(item.content for item in self._record.items(version.seq))
        return Produced(version.content, version.seq, elements=elements)

    def _sequence(self, produced: Produced) -> Sequence[Any]:
        found = self._sequences.get(id(produced))
        if found is not None:
            return found
        value: Sequence[Any] = self._vault.load(produced.content)
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            try:
                value = list(value)
            except TypeError:
                raise ParameterError(
                    f"map() needs a sequence, and a {produced.content.type} came; wrap it in unmapped() to hand it to "
                    "every task as it is."
                ) from None
        self._sequences[id(produced)] = value
        return value


def _literal(argument: Literal) -> Resolved:
    if argument.secret or type(argument.value) in IMMUTABLE:
        return Resolved(argument.encoded, (), lambda: argument.value)
    # The code of project classes and functions inside the value counts: the step may call it.
    code = value_fingerprint(argument.value)
    identity: str | None = argument.encoded
    if code is not None:
        identity = None if code.digest is None else f"{argument.encoded}|{code.digest.hex()}"
    return Resolved(identity, (), lambda: codec.decode(argument.encoded))
