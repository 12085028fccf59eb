"""MemoryRecord: a record on dictionaries, for tests and to show what the port means. It dies with its process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

from runlore.errors import AlreadyExists, LeaseLost, NotFound, StoreError
from runlore.model.artifact import Alias, Artifact, Edge, Item, LookedUp, Version
from runlore.model.change import (
    RUN_BOUND,
    Change,
    NewRun,
    Receipt,
)
from runlore.model.digest import digest_of
from runlore.model.metadata import Entry, Note, Owner, OwnerKind, Tag
from runlore.model.metric import Metric, Points, joined
from runlore.model.noun import changed
from runlore.model.query import AnyOf, Condition, Filter, Not, Page, Query, keyed_parts
from runlore.model.run import Definition, Event, Fence, Lease, LogChunk, Pipeline, Run, Step, Task
from runlore.model.status import Status
from runlore.model.suggest import did_you_mean
from runlore.platform import ProcessIdentity
from runlore.record.matching import comparable, matches_fact, matches_field, matches_range, matches_tags, sorted_as
from runlore.record.meaning import means_the_same, with_own
from runlore.record.memory_prune import PrunedMemory
from runlore.record.memory_tables import OWN
from runlore.record.port import Finding, Hit
from runlore.record.queries import Term, checked_query, cursor_text, cursor_values, terms


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryRecord(PrunedMemory):
    """A metadata store in this process's memory. ``clock`` gives aware times."""

    def __init__(self, *, clock: Callable[[], datetime] = _now) -> None:
        super().__init__(clock)
        self.id = str(uuid4())

    # -- writing -------------------------------------------------------------------------------------------------

    def begin_run(self, new: NewRun, *, also: Sequence[Change] = ()) -> tuple[Run, Fence]:
        with self._writing():
            seq = self._next("run")
            name, suffix = new.name, 1
            taken = {run.name for run in self._t.runs.values()}
            while name in taken:
                if new.name_given:
                    raise AlreadyExists(
                        f"There is a run called {name!r} already. Choose another name, or have one made "
                        "each time, as with run_name='nightly-{date}-{time}'."
                    )
                suffix += 1
                name = f"{new.name}-{suffix}"
            pipeline = self._count_run(new)
            self._definition(sha256(new.definition.encode("utf-8", "surrogatepass")).digest(), new.definition)
            run = Run(
                seq=seq,
                id=new.id,
                pipeline=new.pipeline,
                pipeline_version=new.pipeline_version or pipeline.version,
                number=pipeline.last_number,
                name=name,
                status=Status.RUNNING,
                created=new.created,
                parameters=new.parameters,
                config=new.config,
                environment=new.environment,
                code=new.code,
                user=new.user,
                host=new.host,
                git_commit=new.git_commit,
                origin=new.origin,
                trigger=new.trigger,
            )
            self._put(self._t.runs, seq, run)
            lease = Lease(
                run=seq,
                run_id=new.id,
                token=1,
                host=new.lease_host,
                boot=new.lease_boot,
                pid=new.lease_pid,
                born=new.lease_born,
            )
            self._put(self._t.leases, seq, lease)
            self._put(self._t.facts, ("run", seq), {("parameter", key, OWN): value for key, value in new.facts})
            owner = Owner(kind=OwnerKind.RUN, seq=seq)
            self._add_tags(owner, new.system_tags, system=True)  # first: a tag that is there stays what it is
            self._add_tags(owner, new.tags, system=False)
            self._event(seq, None, None, Status.RUNNING, new.created)
            self._apply(seq, also)
            return self._t.runs[seq], Fence(run=seq, token=lease.token)

    def commit(self, changes: Sequence[Change], *, fence: Fence | None = None, durable: bool = True) -> Receipt:
        with self._writing():
            if fence is None:
                for change in changes:
                    if isinstance(change, RUN_BOUND):
                        raise StoreError(f"{type(change).__name__} belongs to a run and needs its fence.")
                return Receipt(versions=self._apply(0, changes))
            self._held(fence)
            return Receipt(versions=self._apply(fence.run, changes))

    def batch(self, *, durable: bool = True) -> AbstractContextManager[None]:
        return self._writing()

    def interrupt(self, lease: Lease, at: datetime) -> bool:
        with self._writing():
            held = self._t.leases.get(lease.run)
            if held is None or held.token != lease.token:
                return False
            self._close_steps(lease.run, at, {Status.RUNNING: Status.INTERRUPTED, Status.PENDING: Status.SKIPPED})
            self._end_run(changed(self._t.runs[lease.run], status=Status.INTERRUPTED, ended=at), at)
            return True

    def delete_run(self, seq: int) -> None:
        with self._writing():
            run = self.run(seq)
            if not run.status.finished:
                raise StoreError(f"Run {seq} is running; it can be deleted once it has ended.")
            pipeline, fingerprint = self._t.pipelines[run.pipeline]
            self._put(self._t.pipelines, run.pipeline, (changed(pipeline, runs=pipeline.runs - 1), fingerprint))
            self._drop(self._t.runs, seq)
            t = self._t
            by_run: tuple[dict[Any, Any], ...] = (t.steps, t.tasks, t.edges, t.looked_up, t.logs, t.points)
            for table in by_run:
                for key in [key for key in table if key[0] == seq]:
                    self._drop(table, key)
            for event in [e for e in self._t.events.values() if e.run == seq and e.seq < max(self._t.events)]:
                self._drop(self._t.events, event.seq)
            kinds = (OwnerKind.RUN, OwnerKind.STEP)
            for owner in [owner for owner in self._t.entries if owner.kind in kinds and owner.seq == seq]:
                self._drop(self._t.entries, owner)
            for owner in [owner for owner in self._t.notes if owner.kind in kinds and owner.seq == seq]:
                self._drop(self._t.notes, owner)
            for tagged in [key for key in self._t.tags if key[0].kind in kinds and key[0].seq == seq]:
                self._drop(self._t.tags, tagged)
            self._drop(self._t.facts, ("run", seq))

    # -- lists ---------------------------------------------------------------------------------------------------

    def select(self, query: Query) -> Page[Any]:
        checked_query(query)
        with self._lock:
            places = [(self._place(query, noun), noun) for noun in self._matching(query)]
        places.sort(key=lambda entry: entry[0][1:], reverse=query.descending)
        places.sort(key=lambda entry: entry[0][0], reverse=query.missing_first)
        if query.after is not None:
            after = tuple(cursor_values(query.after, 4))
            places = [entry for entry in places if _comes_after(query, entry[0], after)]
        page = places[: query.limit]
        cursor = cursor_text(list(page[-1][0])) if len(places) > query.limit else None
        return Page(items=tuple(noun for _, noun in page), cursor=cursor)

    def _matching(self, query: Query) -> list[Any]:
        nouns: dict[str, Iterable[Any]] = {
            "pipeline": [pipeline for pipeline, _ in self._t.pipelines.values()],
            "run": self._t.runs.values(),
            "artifact": [artifact for artifact in self._t.artifacts.values() if artifact.versions],
            "version": self._t.versions.values(),
        }
        wanted = terms(query.conditions)
        return [noun for noun in nouns[query.noun] if self._meets_all(query.noun, noun, wanted)]

    def _meets_all(self, kind: str, noun: Any, wanted: Sequence[Term]) -> bool:
        return all(self._meets(kind, noun, term) for term in wanted)

    def _meets(self, kind: str, noun: Any, term: Term) -> bool:
        def holds(part: Filter) -> bool:
            return self._meets_all(kind, noun, terms((part,)))

        if isinstance(term, AnyOf):
            return any(map(holds, term.parts))
        return not holds(term.part) if isinstance(term, Not) else self._compares(kind, noun, term)

    def _compares(self, kind: str, noun: Any, group: tuple[Condition, ...]) -> bool:
        seq = _sequence(noun)
        condition = group[0]
        if ":" in condition.field:
            values = list(self._facts_under(kind, seq, condition.field).values())
            return matches_range(group, *values) if len(group) > 1 else matches_fact(condition, *values)
        if condition.field == "tag":
            return matches_tags(condition, [tag.name for tag in self.tags(Owner(kind=OwnerKind(kind), seq=seq))])
        if condition.field == "alias":
            return matches_tags(condition, [alias.name for alias in self.aliases_of(seq)])
        return all(matches_field(kind, one, _field(noun, one.field)) for one in group)

    def _facts_under(self, kind: str, seq: int, field: str) -> dict[int, object]:
        """Step → value; of an artifact that a run made, version → value."""
        prefix, name, key = keyed_parts(field)
        if prefix.startswith("artifact."):
            versions = [version for version in self._t.versions.values() if version.artifact == name]
            made = [version.seq for version in versions if version.producer and version.producer[0] == seq]
            found = {one: self._facts_under("version", one, f"metadata:{key}") for one in made}
            return {one: values[OWN] for one, values in found.items() if values}
        facts = self._t.facts.get((kind, seq), {})
        place = (prefix.removeprefix("step."), key)
        values = {fact[2]: value for fact, value in facts.items() if fact[:2] == place}
        if name is None:
            return values
        return {step: value for step, value in values.items() if step != OWN and self._t.steps[seq, step].name == name}

    def _place(self, query: Query, noun: Any) -> tuple[bool, int, Any, int]:
        """Whether there is no value, its rank, the value, and the sequence."""
        seq = _sequence(noun)
        if query.order is None:
            return False, 0, 0, seq
        if ":" in query.order:
            values = self._facts_under(query.noun, seq, query.order)
            return *sorted_as(values[max(values)] if values else None), seq
        value = comparable(_field(noun, query.order))
        return (True, -1, 0, seq) if value is None else (False, 0, value, seq)

    def count(self, query: Query) -> int:
        checked_query(query)
        with self._lock:
            return len(self._matching(query))

    # -- one thing -----------------------------------------------------------------------------------------------

    def run(self, seq: int) -> Run:
        found = self._t.runs.get(seq)
        if found is None:
            raise NotFound(f"There is no run number {seq} in this record.")
        return found

    def steps(self, run: int) -> tuple[Step, ...]:
        with self._lock:
            return self._steps(run)

    def tasks(self, run: int, step: int, item: int | None = None) -> tuple[Task, ...]:
        with self._lock:
            keys = sorted(k for k in self._t.tasks if k[:2] == (run, step) and item in (None, k[2]))
            return tuple(self._t.tasks[key] for key in keys)

    def edges(self, run: int, step: int | None = None, item: int | None = None) -> tuple[Edge, ...]:
        with self._lock:
            keys = sorted(
                k
                for k in self._t.edges
                if k[0] == run and step in (None, k[1]) and (step is None or item in (None, k[2]))
            )
            return tuple(self._t.edges[key] for key in keys)

    def consumers(self, version: int) -> tuple[Edge, ...]:
        with self._lock:
            found = [(k, e) for k, e in self._t.edges.items() if e.version == version and e.direction == "input"]
            for (run, step, item, attempt), asked in self._t.looked_up.items():
                for number, one in enumerate(asked):
                    if one.version == version:
                        place = (run, step, item, 3, (attempt << 16) + number)
                        edge = Edge(
                            run=run, step=step, item=item, direction="looked-up", position=place[4], name=one.name,
                            version=version,
                        )  # fmt: skip
                        found.append((place, edge))
        return tuple(edge for _, edge in sorted(found, key=lambda entry: entry[0]))

    def looked_up(self, run: int, step: int, item: int | None = None) -> tuple[LookedUp, ...]:
        with self._lock:
            keys = sorted(k for k in self._t.looked_up if k[:2] == (run, step) and item in (None, k[2]))
            return tuple(dict.fromkeys(one for key in keys for one in self._t.looked_up[key]))

    def version(self, seq: int) -> Version:
        return self._version(seq)

    def items(self, version: int, start: int = 0, stop: int | None = None) -> tuple[Item, ...]:
        with self._lock:
            collection = self.version(version)
            origin = None if collection.origin is None else self._t.seqs.get(collection.origin)
            for home in (collection.producer, None if origin is None else self._t.versions[origin].producer):
                if home is None:
                    continue
                keys = sorted(k for k in self._t.items if k[:2] == home[:2] and k[3] == home[3])
                found = [k for k in keys if start <= k[2] and (stop is None or k[2] < stop)]
                if found:
                    return tuple(Item(index=key[2], content=self._t.items[key][1]) for key in found)
        return ()

    def payload(self, digest: str) -> bytes | None:
        return self._t.payloads.get(digest)

    def definition(self, id: int) -> Definition:
        with self._lock:
            for definition in self._t.definitions.values():
                if definition.id == id:
                    return definition
        raise NotFound(f"There is no definition number {id} in this record.")

    def metadata(self, owner: Owner) -> tuple[Entry, ...]:
        own = self._t.entries.get(owner, ())
        step = self._t.steps.get((owner.seq, owner.step)) if owner.kind is OwnerKind.STEP else None
        if step is None or step.origin is None:
            return with_own((), own)
        return with_own(self.metadata(Owner(kind=OwnerKind.STEP, seq=step.origin[0], step=step.origin[1])), own)

    def metadata_history(self, owner: Owner, key: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self._t.entries.get(owner, ()) if entry.key == key)

    def tags(self, owner: Owner) -> tuple[Tag, ...]:
        with self._lock:
            found = (tag for (tagged, _), tag in self._t.tags.items() if tagged.seq == owner.seq and tagged == owner)
            return tuple(sorted(found, key=lambda tag: tag.name))

    def notes(self, owner: Owner) -> tuple[Note, ...]:
        return self._t.notes.get(owner, ())

    def logs(
        self, run: int, step: int, item: int = 0, attempt: int | None = None, part: int = 0
    ) -> tuple[LogChunk, ...]:
        with self._lock:
            keys = sorted(key for key in self._t.logs if key[:3] == (run, step, item))
            if attempt is None and keys:
                attempt = keys[-1][3]
            return tuple(self._t.logs[key] for key in keys if key[3] == attempt and key[4] >= part)

    def logged(
        self, run: int, step: int | None = None, start: int = 0, stop: int | None = None
    ) -> tuple[tuple[int, int, int], ...]:
        with self._lock:
            found = {key[1:4] for key in self._t.logs if key[0] == run and step in (None, key[1])}
            items = range(start, 2**63 if stop is None else stop)
            return tuple(sorted(place for place in found if step is None or place[1] in items))

    def events(self, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        with self._lock:
            return tuple(event for seq, event in self._t.events.items() if seq > after)[:limit]

    # -- metrics and aliases -------------------------------------------------------------------------------------

    def metrics(self, run: int) -> tuple[Metric, ...]:
        with self._lock:
            own = {(key[1], key[4]): self._metric(run, key[1], key[4]) for key in self._t.points if key[0] == run}
            facts: dict[tuple[str, str, int], Any] = dict(self._t.facts.get(("run", run), {}))
            taken = {
                (step, name): Metric(
                    run=run, step=step, name=name, count=facts["metric.count", name, step], last=last,
                    min=facts["metric.min", name, step], max=facts["metric.max", name, step],
                )
                for (prefix, name, step), last in facts.items()
                if prefix == "metric" and step != OWN
            }  # fmt: skip
            return tuple(metric for _, metric in sorted((taken | own).items(), key=lambda found: found[0]))

    def points(
        self, run: int, name: str, *, step: int | None = None, item: int = 0, attempt: int | None = None, part: int = 0
    ) -> Points:
        place = (run, OWN if step is None else step, item)
        with self._lock:
            keys = sorted(key for key in self._t.points if key[:3] == place and key[4] == name)
            if attempt is None and keys:
                attempt = keys[-1][3]
            parts = [self._t.points[key] for key in keys if key[3] == attempt and key[5] >= part]
        return joined(parts)

    def aliases(self, artifact: str) -> tuple[Alias, ...]:
        return self._aliases(lambda alias: alias.artifact == artifact)

    def aliases_of(self, version: int) -> tuple[Alias, ...]:
        return self._aliases(lambda alias: alias.version == version)

    def _aliases(self, wanted: Callable[[Alias], bool]) -> tuple[Alias, ...]:
        with self._lock:
            return tuple(sorted(filter(wanted, self._t.aliases.values()), key=lambda alias: alias.name))

    def alias_history(self, artifact: str, alias: str) -> tuple[Alias, ...]:
        with self._lock:
            return tuple(m for m in self._t.alias_moves.values() if (m.artifact, m.name) == (artifact, alias))

    def aliased(self, artifact: str, alias: str) -> Version:
        with self._lock:
            held = self._t.aliases.get((artifact, alias))
            known = [one.name for one in self.aliases(artifact)]
        if held is None or held.version is None:
            raise NotFound(f"No version of artifact {artifact!r} is called {alias!r}.{did_you_mean(alias, known)}")
        return self.version(held.version)

    # -- cache, ownership, upkeep --------------------------------------------------------------------------------

    def cached(self, key: bytes, *, before: int | None = None) -> Hit | None:
        with self._lock:
            found = [
                place
                for place, task in self._t.tasks.items()
                if task.key == key and task.status is Status.COMPLETED and (before is None or task.run < before)
            ]
            for place in sorted(found, reverse=True):
                hit = self._hit(place)
                if hit is not None and all(means_the_same(self, one) for one in hit.looked_up):
                    return hit
        return None

    def cached_after(self, hit: Hit, limit: int) -> tuple[tuple[bytes, Hit], ...]:
        with self._lock:
            following = sorted(
                place
                for place, task in self._t.tasks.items()
                if place[0] == hit.run
                and place[1:3] > (hit.step, hit.item)
                and task.status is Status.COMPLETED
                and place not in self._t.looked_up
            )
            tasks = [(self._t.tasks[place].key, place) for place in following]
            hits = [(key, self._hit(place)) for key, place in tasks if key is not None][:limit]
            return tuple((key, found) for key, found in hits if found is not None)

    def known_keys(self, keys: Sequence[bytes]) -> frozenset[bytes]:
        with self._lock:
            known = {task.key for task in self._t.tasks.values() if task.status is Status.COMPLETED}
        return frozenset(key for key in keys if key in known)

    def _hit(self, place: tuple[int, int, int, int]) -> Hit | None:
        """What a task can serve, or ``None`` if some of it was deleted."""
        outputs = self._outputs(place)
        if any(isinstance(value, Version) and value.deleted for _, value in outputs):
            return None
        (run, step, item, _), ended = place, self._t.tasks[place].ended
        asked = self._t.looked_up.get(place, ())
        return Hit(run=run, step=step, item=item, ended=ended, outputs=outputs, looked_up=asked)

    def _outputs(self, place: tuple[int, int, int, int]) -> tuple[tuple[str, Version | Item], ...]:
        run, step, item, _ = place
        found: list[tuple[int, str, Version | Item]] = [
            (edge.position, edge.name, self._t.versions[edge.version])
            for edge in self.edges(run, step, item)
            if edge.direction == "output"
        ]
        for key, (name, content) in self._t.items.items():
            if key[:3] == (run, step, item):
                found.append((key[3], name, Item(index=item, content=content)))
        return tuple((name, value) for _, name, value in sorted(found, key=lambda entry: entry[0]))

    def last_execution(self, pipeline: str, step: str, *, before: int) -> tuple[Run, Step, Task] | None:
        with self._lock:
            found = [
                key
                for key, known in self._t.steps.items()
                if known.name == step
                and known.status is Status.COMPLETED
                and known.origin is None
                and known.run < before
                and self._t.runs[known.run].status.finished
                and self._t.runs[known.run].pipeline == pipeline
                and self.tasks(*key)
            ]
            if not found:
                return None
            newest = max(found)
            tasks = self.tasks(*newest)
            last = [task for task in tasks if task.item == tasks[0].item][-1]
            return self.run(newest[0]), self._t.steps[newest], last

    def leases(self) -> tuple[Lease, ...]:
        with self._lock:
            return tuple(self._t.leases.values())

    def renew(self, fence: Fence, at: datetime) -> None:
        with self._writing():
            self._put(self._t.leases, fence.run, changed(self._held(fence), beat=at))

    def take_over(self, run: int, identity: ProcessIdentity, at: datetime) -> Fence:
        with self._writing():
            held = self._t.leases.get(run)
            if held is None:
                raise LeaseLost(f"Run {run} is {self.run(run).status}; only a running one can be taken over.")
            lease = changed(
                held,
                token=held.token + 1,
                host=identity.host,
                boot=identity.boot,
                pid=identity.pid,
                born=identity.born,
                beat=at,
            )
            self._put(self._t.leases, run, lease)
            return Fence(run=run, token=lease.token)

    def _held(self, fence: Fence) -> Lease:
        lease = self._t.leases.get(fence.run)
        if lease is None or lease.token != fence.token:
            raise LeaseLost(f"Run {fence.run} has ended or is owned by another process now; nothing was written.")
        return lease

    def check(self) -> Iterable[Finding]:
        with self._lock:
            for digest, payload in self._t.payloads.items():
                if digest_of(payload) != digest:
                    yield Finding(rule="payload-digest", subject=digest, message="Its bytes are not those recorded.")
            for run in self._t.runs.values():
                if run.status.finished == (run.seq in self._t.leases):
                    yield Finding(
                        rule="running-without-lease", subject=f"run {run.seq}", message="Owner and status disagree."
                    )

    def close(self) -> None:
        """Nothing to give up."""


def _sequence(noun: Any) -> int:
    return int(noun.id if isinstance(noun, (Pipeline, Artifact)) else noun.seq)


def _field(noun: Any, name: str) -> Any:
    if isinstance(noun, Version):
        if name in ("type", "materializer", "artifact_type", "digest", "size"):
            return getattr(noun.content, name)
        if name == "run":
            return None if noun.producer is None else noun.producer[0]
    return getattr(noun, name)


def _comes_after(query: Query, place: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    if place[0] != after[0]:
        return bool(place[0] < after[0]) if query.missing_first else bool(place[0] > after[0])
    return place[1:] < after[1:] if query.descending else place[1:] > after[1:]
