"""Plan: which steps a run consists of, what they take, and in which order they were declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runlore.model.noun import field, noun


@noun(kw_only=False)
class Literal:
    """A parameter: a value known when the plan is made."""

    value: Any
    #: Typed JSON of ``value``; of a placeholder when it is secret.
    encoded: str
    secret: bool = False

    def __repr__(self) -> str:  # plans end up in logs and tracebacks, secrets do not
        return f"Literal({self.encoded if self.secret else repr(self.value)})"


@noun(kw_only=False)
class FromStep:
    """An output of another step of the plan. ``element`` picks one item of a mapped step's collection."""

    step: int
    output: str
    element: int | None = None


@noun(kw_only=False)
class FromRecord:
    """An artifact version that was there before; pinned when the body was traced."""

    #: `runlore.model.artifact.Version.seq`
    version: int


@noun(kw_only=False)
class External:
    """A value brought in from outside; it is saved as an artifact of its own, and its step is not cached."""

    value: Any
    materializer: Any = None
    name: str | None = None
    #: Whether the value is described, and whether pictures of it may be made.
    describe: bool = True
    pictures: bool = True


@noun(kw_only=False)
class Gathered:
    """A list, tuple or dict that holds outputs of steps; ``kind`` is the type to build again."""

    kind: type
    items: tuple[Argument, ...]
    #: Keys when ``kind`` is dict.
    keys: tuple[Any, ...] = ()


@noun(kw_only=False)
class Mapped:
    """One value per task: an argument that is itself a sequence and is walked item by item.

    ``source`` is a `FromStep`/`FromRecord` whose value is a sequence (or a mapped step's collection), or a `Gathered`
    or tuple of arguments when the items are known now.
    """

    source: FromStep | FromRecord | External | tuple[Argument, ...]


Argument = Literal | FromStep | FromRecord | External | Gathered | Mapped


@noun
class PlannedOutput:
    """An output as it will be recorded."""

    #: Key in ``step.outputs``: the declared name, placeholders filled in.
    name: str
    #: Artifact name.
    artifact: str
    annotation: Any = None
    #: Custom version label.
    version: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    materializer: Any = None
    artifact_type: str | None = None


@noun
class PlannedStep:
    """One invocation."""

    index: int
    #: Invocation id.
    name: str
    #: The `runlore.author.step.Step` that was called, with its options.
    step: Any
    arguments: Mapping[str, Argument]
    outputs: tuple[PlannedOutput, ...]
    #: Steps it waits for without taking data from them.
    after: tuple[int, ...] = ()
    mapped: bool = False

    def upstream(self) -> tuple[int, ...]:
        """Indices of all steps it waits for, ascending."""
        found = set(self.after)
        for argument in self.arguments.values():
            if type(argument) is FromStep:
                found.add(argument.step)
            elif type(argument) is not Literal:
                found.update(source.step for source in sources(argument))
        return tuple(sorted(found))


@noun
class Plan:
    """A pipeline's body, traced. Steps stand in declared order; each takes from earlier ones only."""

    pipeline: str
    steps: tuple[PlannedStep, ...]
    #: What the body returned: name → the output it stands for.
    outputs: tuple[tuple[str, FromStep], ...] = ()


def sources(argument: Argument) -> Iterator[FromStep]:
    """Every step output that an argument draws on."""
    if isinstance(argument, FromStep):
        yield argument
    elif isinstance(argument, Gathered):
        for item in argument.items:
            yield from sources(item)
    elif isinstance(argument, Mapped):
        if isinstance(argument.source, tuple):
            for item in argument.source:
                yield from sources(item)
        elif isinstance(argument.source, FromStep):
            yield argument.source
