"""The record port: everything that runlore asks of a metadata store, and what a store promises.

Promises, tested by `runlore.testing.record_contract` on every implementation:

* **Atomic.** A commit applies all of its changes or none. It raises before anything is written, or after nothing was.
* **Durable.** When a commit with ``durable=True`` has returned, its effect survives a killed process, and in the
  default durability mode a power cut. With ``durable=False`` a later durable commit makes it durable as well.
* **Owned.** A commit with a fence fails with `LeaseLost`, writing nothing, unless the run is still running and its
  token is the fence's. Final states never change.
* **Ordered.** ``seq`` grows in the order in which runs (versions) become visible; numbers of runs within a pipeline
  and automatic versions within an artifact are gapless at the time of writing.
* **Honest.** Integers of any size, NaN, NUL and lone surrogates inside typed JSON come back as they went in.
* **Isolated.** A reader sees whole commits only.

Errors: `StoreError` and below for the store itself; `AlreadyExists`, `NotFound`, `LeaseLost`, `QueryInvalid`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runlore.model.artifact import Alias, Edge, Item, KeptPicture, LookedUp, Version
from runlore.model.metadata import Entry, Note, Owner, OwnerKind, Tag
from runlore.model.metric import Metric, Points
from runlore.model.noun import noun
from runlore.model.query import Page, Query
from runlore.model.run import Definition, Event, Fence, Lease, LogChunk, Run, Step, Task

if TYPE_CHECKING:
    from runlore.model.change import Change, NewRun, Receipt
    from runlore.model.lineage import Direction, Key, Traced
    from runlore.model.noted import Noted
    from runlore.model.pruning import Prunable, Pruning, Since
    from runlore.platform import ProcessIdentity


@noun
class Hit:
    """A finished task whose result can be taken over."""

    run: int
    step: int
    item: int
    ended: datetime | None
    #: One per output, in declared order: the version, or for a mapped item its content's row.
    outputs: tuple[tuple[str, Version | Item], ...]
    #: What the task looked up by name, which means the same now as it did then.
    looked_up: tuple[LookedUp, ...] = ()


@noun
class Finding:
    """Something that `check` found wrong."""

    #: Stable name of the invariant, such as ``run-without-lease``.
    rule: str
    #: What it is about: a pathspec, a digest, a file.
    subject: str
    message: str
    #: True for garbage that costs only space.
    harmless: bool = False


class Record(ABC):
    """A metadata store. Implementations are safe to use from several threads and, where shared, several processes."""

    #: Identity of this store, made once when it was created.
    id: str

    # -- writing -------------------------------------------------------------------------------------------------

    @abstractmethod
    def begin_run(self, new: NewRun, *, also: Sequence[Change] = ()) -> tuple[Run, Fence]:
        """Create a run in state ``running`` with its lease, apply ``also`` to it, all in one commit.

        The pipeline is created when new; its version grows when ``new.fingerprint`` differs from its last one.
        Raises `AlreadyExists` when ``new.name_given`` and the name is taken; otherwise a taken name gets the
        suffix ``-2``, ``-3``, …
        """

    @abstractmethod
    def commit(self, changes: Sequence[Change], *, fence: Fence | None = None, durable: bool = True) -> Receipt:
        """Apply ``changes`` in order, in one transaction.

        Run-bound changes need a fence. Raises `AlreadyExists` for a version label that is taken, by a version or by an
        alias, or for an alias that is a version's label; `NameInvalid` for what cannot be an alias; `LeaseLost`.
        Applying a `NewVersion` whose id is already there changes nothing and reports the existing one, so that a
        repeated commit is harmless; the same holds for a `TaskFinished` or `StepFinished` that is already final.
        """

    @abstractmethod
    def interrupt(self, lease: Lease, at: datetime) -> bool:
        """Mark the lease's run ``interrupted``, if the lease still holds with this token. Tell whether it did."""

    @abstractmethod
    def delete_run(self, seq: int) -> None:
        """Delete a finished run with its steps, tasks, logs, tags and metadata; artifact versions stay.

        Raises `NotFound`, or `StoreError` while the run is running.
        """

    @abstractmethod
    def batch(self, *, durable: bool = True) -> AbstractContextManager[None]:
        """Make everything that this thread writes inside the block one commit, for filling a record in bulk.

        Each verb does and refuses what it always does, and reading in the block sees what was written in it. Nobody
        else sees any of it before the block ends, and nothing of it stays if the block raises; a verb whose error is
        caught inside the block leaves nothing of its own. Other writers wait meanwhile, and what is written is kept at
        hand until the end, where a full disk may show: some ten thousand runs at a time are a good measure. A batch
        within a batch belongs to the outer one.
        """

    # -- lists ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def select(self, query: Query) -> Page[Any]:
        """Answer a query with a page of `Pipeline`, `Run`, `Artifact` or `Version`. Raises `QueryInvalid`."""

    @abstractmethod
    def count(self, query: Query) -> int:
        """Number of answers. Without conditions, or with only a pipeline's or artifact's name, a counter is read."""

    # -- one thing -----------------------------------------------------------------------------------------------

    @abstractmethod
    def run(self, seq: int) -> Run: ...

    @abstractmethod
    def steps(self, run: int) -> tuple[Step, ...]:
        """In declared order."""

    @abstractmethod
    def tasks(self, run: int, step: int, item: int | None = None) -> tuple[Task, ...]:
        """Every attempt, by item and attempt."""

    @abstractmethod
    def edges(self, run: int, step: int | None = None, item: int | None = None) -> tuple[Edge, ...]:
        """Inputs and outputs, in declared order. ``item=-1`` are those of the step as a whole."""

    @abstractmethod
    def consumers(self, version: int) -> tuple[Edge, ...]:
        """Edges from tasks that took this version or looked it up by name, in order of runs."""

    @abstractmethod
    def lineage(
        self,
        start: Sequence[Key],
        direction: Direction,
        *,
        depth: int | None = None,
        breadth: int | None = None,
        limit: int | None = None,
    ) -> Traced:
        """What ``start`` was made from, or what came of it, across runs (`docs/design/lineage.md`).

        ``depth`` bounds how many steps away, ``breadth`` how many links of one node are followed, ``limit`` the nodes
        in all, though ``start`` is always among them; what is left out is told. Costs a fixed number of statements for
        every 200 nodes of a level. Raises `NotFound` for a start that is not there.
        """

    @abstractmethod
    def looked_up(self, run: int, step: int, item: int | None = None) -> tuple[LookedUp, ...]:
        """What the tasks of a step looked up by name, by item and in the order of asking, each once."""

    @abstractmethod
    def version(self, seq: int) -> Version: ...

    @abstractmethod
    def items(self, version: int, start: int = 0, stop: int | None = None) -> tuple[Item, ...]:
        """Elements of a collection version, in order."""

    @abstractmethod
    def payload(self, digest: str) -> bytes | None:
        """Bytes of an inline payload, or ``None``. The caller verifies the digest."""

    @abstractmethod
    def pictures(self, version: int, element: int | None = None) -> tuple[KeptPicture, ...]:
        """What was drawn of a version or element and kept, in order; empty for what nobody has looked at.

        Where one of them is damaged there are none, as they can be drawn again.
        """

    @abstractmethod
    def definition(self, id: int) -> Definition: ...

    @abstractmethod
    def metadata(self, owner: Owner) -> tuple[Entry, ...]:
        """Current values in the order in which the keys were first written."""

    @abstractmethod
    def metadata_history(self, owner: Owner, key: str) -> tuple[Entry, ...]:
        """Every value of a key, oldest first, the current one last."""

    @abstractmethod
    def tags(self, owner: Owner) -> tuple[Tag, ...]:
        """By name."""

    @abstractmethod
    def notes(self, owner: Owner) -> tuple[Note, ...]:
        """Every writing of its note, oldest first, the one in force last."""

    def noted(self, kind: OwnerKind, seqs: Sequence[int]) -> dict[int, Noted]:
        """Tags, metadata and metrics of many runs, or of many versions, by sequence; empty for what is not there.

        What `tags`, `metadata` and `metrics` say of them and of the steps of these runs, all as of one moment. A record
        that can read many of them at once does.
        """
        from runlore.model.noted import Noted  # only tables need it

        found = {}
        for seq in dict.fromkeys(seqs):
            own = Owner(kind=kind, seq=seq)
            said: list[tuple[int | None, Entry]] = [(None, entry) for entry in self.metadata(own)]
            steps = self.steps(seq) if kind is OwnerKind.RUN else ()
            for index in sorted(step.index for step in steps):
                step = Owner(kind=OwnerKind.STEP, seq=seq, step=index)
                said += [(index, entry) for entry in self.metadata(step)]
            metrics = self.metrics(seq) if kind is OwnerKind.RUN else ()
            found[seq] = Noted(tags=self.tags(own), metadata=tuple(said), metrics=metrics)
        return found

    @abstractmethod
    def logs(
        self, run: int, step: int, item: int = 0, attempt: int | None = None, part: int = 0
    ) -> tuple[LogChunk, ...]:
        """Chunks from ``part`` on, of the given attempt or of the last one that has any."""

    @abstractmethod
    def logged(
        self, run: int, step: int | None = None, start: int = 0, stop: int | None = None
    ) -> tuple[tuple[int, int, int], ...]:
        """Which attempts have log lines: (step, item, attempt), in order; of one step, of items from start to stop."""

    @abstractmethod
    def events(self, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        """What changed since event ``after``, oldest first."""

    # -- metrics -------------------------------------------------------------------------------------------------

    @abstractmethod
    def metrics(self, run: int) -> tuple[Metric, ...]:
        """What was measured: by the run itself first, then by its steps in order; by name.

        A step that took its result over has what its origin had measured by then, as what sums it up.
        """

    @abstractmethod
    def points(
        self, run: int, name: str, *, step: int | None = None, item: int = 0, attempt: int | None = None, part: int = 0
    ) -> Points:
        """One series in the order of measuring, from ``part`` on; of the given attempt, or of the last with any."""

    # -- aliases -------------------------------------------------------------------------------------------------

    @abstractmethod
    def aliases(self, artifact: str) -> tuple[Alias, ...]:
        """Aliases of an artifact that a version holds, by name."""

    @abstractmethod
    def aliases_of(self, version: int) -> tuple[Alias, ...]:
        """Aliases that a version holds, by name."""

    @abstractmethod
    def alias_history(self, artifact: str, alias: str) -> tuple[Alias, ...]:
        """Every move of an alias, oldest first."""

    @abstractmethod
    def aliased(self, artifact: str, alias: str) -> Version:
        """The version that holds an alias. Raises `NotFound`, naming the aliases that there are."""

    # -- cache ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def cached(self, key: bytes, *, before: int | None = None) -> Hit | None:
        """The newest completed task with this key whose result still holds, from a run older than ``before``.

        It holds if its outputs are all there and what the task looked up by name (by label, by alias or the latest)
        means the same version now, or still nothing: no version called so; for an unknown artifact, none whose name
        begins like it.
        """

    @abstractmethod
    def cached_after(self, hit: Hit, limit: int) -> tuple[tuple[bytes, Hit], ...]:
        """Keys and results of at most ``limit`` tasks that follow ``hit`` in its run and could serve others as it does.

        Tasks that looked something up by name are left to `cached`. In order of steps and items. A run that repeats
        this one asks for them next.
        """

    @abstractmethod
    def known_keys(self, keys: Sequence[bytes]) -> frozenset[bytes]:
        """Those of ``keys`` that any completed task has; for no other can `cached` find anything."""

    @abstractmethod
    def last_execution(self, pipeline: str, step: str, *, before: int) -> tuple[Run, Step, Task] | None:
        """The newest completed, not cached, execution of this step in ended runs older than ``before``; to explain."""

    # -- ownership -----------------------------------------------------------------------------------------------

    @abstractmethod
    def leases(self) -> tuple[Lease, ...]:
        """Of every running run."""

    @abstractmethod
    def renew(self, fence: Fence, at: datetime) -> None:
        """Say that the owner was alive at this time. Raises `LeaseLost` when the fence no longer holds."""

    @abstractmethod
    def take_over(self, run: int, identity: ProcessIdentity, at: datetime) -> Fence:
        """Make a running run's owner another process; what the old one still commits gets `LeaseLost`.

        The caller makes sure that this is wanted: the old owner may be alive. Raises `NotFound`, or `LeaseLost` when
        the run has ended.
        """

    # -- upkeep --------------------------------------------------------------------------------------------------

    @abstractmethod
    def unused(self) -> Iterable[int]:
        """Versions that nothing refers to, oldest first: no run, no alias, and no version that took its bytes over.

        Those that somebody saved or registered by hand are among them. Looks at every version.
        """

    def digests(self) -> Iterable[tuple[str, str]]:
        """Every (digest, form) that is not inline and that something here refers to, each once."""
        return dict.fromkeys(one for one in self.references() if one[1] != "inline")

    # -- pruning: the rule is in `docs/design/blobs.md`, and `runlore.record.prune` calls these in their order -------

    @abstractmethod
    def prunable(self, pruning: Pruning) -> Prunable:
        """What `unused` names and ``pruning`` means, oldest first, and the moment at which that was so.

        Versions whose bytes were deleted are among them, unless only bytes are wanted. Looks at every version.
        """

    @abstractmethod
    def condemn(self, versions: Sequence[int], since: Since, part: str) -> tuple[int, ...]:
        """Mark those of ``versions``, unused at ``since``, that still are; return them.

        They read as deleted from now on. What is committed later and names one of them (an edge, something looked up,
        an alias, an origin) takes the mark away, and the version is as it was.
        """

    @abstractmethod
    def marks(self) -> tuple[int, ...]:
        """Marks whose versions or blobs are not gone yet. Each `condemn` and `condemn_blobs` makes one."""

    @abstractmethod
    def settle(self, marks: Iterable[int], held: Collection[str]) -> None:
        """``held`` are the leases found held after ``marks`` were read.

        A mark keeps those that it was first settled with and that are held still; without any it is ripe.
        """

    @abstractmethod
    def clear(self, limit: int) -> int:
        """Delete at most ``limit`` versions with a ripe mark, and their items; return how many.

        The number of an artifact's newest version is not given again.
        Once there are none, also items that belong to no run and no version are deleted, and 0 is returned.
        """

    @abstractmethod
    def references(self, *, condemned: bool = True, without: Collection[int] = ()) -> Iterable[tuple[str, str]]:
        """Every (digest, form) that something refers to.

        Forms are those of `Content.form`, and ``code`` for a snapshot, a blob that names others.
        ``condemned=False`` leaves out what only versions that are marked to go with their bytes refer to, items of
        collections included; ``without`` what these versions do.
        """

    @abstractmethod
    def payloads(self) -> Iterable[tuple[str, int]]:
        """Digest and size of every inline payload."""

    @abstractmethod
    def drop_payloads(self, digests: Sequence[str], since: Since) -> tuple[int, int]:
        """Delete those payloads to which nothing came to refer since; return their number and bytes."""

    @abstractmethod
    def condemn_blobs(self, digests: Sequence[str]) -> None:
        """Mark blobs to which nothing refers. One that is marked already keeps its mark."""

    @abstractmethod
    def dead(self) -> dict[str, bool]:
        """Blobs that are marked, and whether their mark is ripe."""

    @abstractmethod
    def spare(self, digest: str) -> None:
        """Take a blob's mark away, if it has one: it is about to be written or referred to by the holder of a lease."""

    @abstractmethod
    def bury(self, digests: Sequence[str], delete: Callable[[Sequence[str]], int]) -> int:
        """Call ``delete`` with those of ``digests`` whose mark is ripe, take the marks away, return what it returned.

        Nobody takes a mark away meanwhile.
        """

    @abstractmethod
    def compact(self) -> None:
        """Give space that was freed back to the disk, in steps; forget marks that nothing bears."""

    @abstractmethod
    def check(self) -> Iterable[Finding]:
        """Verify every invariant of `docs/design/schema.md` and every inline payload."""

    @abstractmethod
    def close(self) -> None:
        """Give up connections; what was committed stays."""
