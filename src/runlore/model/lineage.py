"""Lineage: which versions and steps led to something, or came of it, as the record tells it."""

from __future__ import annotations

from enum import StrEnum

from runlore.model.artifact import Version
from runlore.model.noun import noun
from runlore.model.status import Status


class Direction(StrEnum):
    """Which way lineage is followed: ``up`` to what something was made from, ``down`` to what came of it."""

    UP = "up"
    DOWN = "down"


class Flow(StrEnum):
    """How data went from one node to the next (`docs/design/lineage.md`)."""

    INPUT = "input"
    LOOKED_UP = "looked-up"
    OUTPUT = "output"
    SAVED = "saved"
    COPY = "copy"


@noun(kw_only=False)
class VersionKey:
    """A version, or one element of a collection version, as a node."""

    #: `Version.seq`
    seq: int
    element: int | None = None

    def __hash__(self) -> int:  # nodes are looked up all the time
        return hash((self.seq, self.element))


@noun(kw_only=False)
class StepKey:
    """A step, or one task of a mapped step, as a node."""

    #: `Run.seq`
    run: int
    index: int
    item: int | None = None

    def __hash__(self) -> int:
        return hash((self.run, self.index, self.item))


Key = VersionKey | StepKey


@noun
class StepFacts:
    """What a node tells of a step; ``None`` throughout when its run was deleted."""

    key: StepKey
    name: str | None = None
    pipeline: str | None = None
    #: Number of the run within its pipeline.
    number: int | None = None
    #: Name of the run.
    run: str | None = None
    status: Status | None = None
    #: Seconds.
    duration: float | None = None
    #: Number of tasks; ``None`` for a plain step.
    tasks: int | None = None
    #: Pathspecs of the steps that a cached or resumed result came from; ``None`` stands for one of a deleted run.
    origins: tuple[str | None, ...] = ()

    @property
    def deleted(self) -> bool:
        """Whether its run was deleted, so that nothing else is known."""
        return self.name is None

    @property
    def pathspec(self) -> str | None:
        """Name by position; ``None`` when its run was deleted."""
        if self.name is None:
            return None
        task = "" if self.key.item is None else f"/{self.key.item}"
        return f"{self.pipeline}/{self.number}/{self.name}{task}"


@noun
class VersionFacts:
    """What a node tells of a version."""

    key: VersionKey
    version: Version

    @property
    def deleted(self) -> bool:
        """Whether its bytes were deleted on purpose."""
        return self.version.deleted

    @property
    def pathspec(self) -> str:
        """Name as an artifact version: ``artifact:model@3``, for an element ``artifact:models@1[4]``."""
        element = "" if self.key.element is None else f"[{self.key.element}]"
        return f"artifact:{self.version.artifact}@{self.version.version}{element}"


Facts = StepFacts | VersionFacts


@noun
class Link:
    """Data went from one node to another."""

    source: Key
    target: Key
    flow: Flow
    #: Parameter or output name; for a look-up, how it was asked for.
    name: str = ""
    #: First and last element of a collection that was walked item by item.
    elements: tuple[int, int] | None = None


@noun
class More:
    """Links of a node that were not followed."""

    key: Key
    #: How many; ``None`` when the node was not followed at all, and it leads on.
    count: int | None = None
    #: Whether the count is exact, or only the least that there are.
    exact: bool = True


@noun
class Traced:
    """Lineage in one direction, in the order in which it was walked: breadth first."""

    direction: Direction
    start: tuple[Key, ...]
    nodes: tuple[Facts, ...] = ()
    links: tuple[Link, ...] = ()
    more: tuple[More, ...] = ()
