"""The engine: turns a growing plan into changes and events, step after step, in this process.

It notes changes in a `Ledger`, which knows when they are committed. Nothing is reported as finished before its commit
has returned (`docs/design/semantics.md`, "Order of writing").
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from runlore.errors import ParameterError
from runlore.execute import context as step_context
from runlore.execute import events
from runlore.execute.arguments import Arguments, Resolved
from runlore.execute.attempt import Attempt, Attempts
from runlore.execute.failure import failure_of
from runlore.execute.hits import Hits
from runlore.execute.ledger import Ledger
from runlore.execute.outcome import ABSENT, IMMUTABLE, Outcome, Produced
from runlore.execute.services import Services
from runlore.execute.stepkey import StepKeys
from runlore.model.artifact import Content, SaveType, Version
from runlore.model.change import (
    Input,
    MetadataSet,
    NewStep,
    NewVersion,
    Output,
    RunFinished,
    StepFinished,
    StepsPlanned,
    StepStarted,
    TaskFinished,
    VersionSaved,
)
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.plan import External, Gathered, Literal, Mapped, PlannedOutput, PlannedStep
from runlore.model.run import Fence, Run
from runlore.model.status import Status
from runlore.plan.cache_key import DAMAGED, NO_RESULT
from runlore.plan.redaction import Redaction
from runlore.record.port import Hit
from runlore.record.vault import collection_of
from runlore.values import codec
from runlore.values.facts import facts
from runlore.values.metadata import encode_metadata

#: Items of a mapped step whose keys are looked for together.
KEYS = 200


class Engine:
    """Executes the steps of one run, in declared order, as far as it is asked to."""

    def __init__(self, services: Services, run: Run, fence: Fence, keys: StepKeys, redaction: Redaction) -> None:
        self._redaction = redaction
        self._services = services
        self._run = run
        self._fence = fence
        self._keys = keys
        self._ledger = Ledger(services.record, fence, services.emit)
        self._ordinals: Counter[bytes] = Counter()
        self.outcomes: dict[int, Outcome] = {}
        self._arguments = Arguments(services.record, services.vault, self.outcomes)
        self._hits = Hits(services.record, self._arguments.same_code, before=run.seq)
        self._attempts = Attempts(services, run, self._ledger, redaction)
        self._planned = 0
        #: Steps that take a value from outside.
        self._outside: set[int] = set()
        #: Why tasks of a mapped step may serve nobody, by index of the step.
        self._notes: dict[int, str] = {}

    # -- the loop ------------------------------------------------------------------------------------------------

    def plan(self, steps: Sequence[PlannedStep]) -> None:
        """Record the steps that the plan has gained."""
        fresh = steps[self._planned :]
        if fresh:
            self._ledger.note(StepsPlanned(steps=tuple(self._new_step(step) for step in fresh)))
            self._planned = len(steps)

    def advance(self, steps: Sequence[PlannedStep], *, need: int | None = None) -> None:
        """Execute every planned step that has no outcome yet; with ``need``, only that one and what it waits for."""
        wanted = None if need is None else _closure(steps, need)
        with self._ledger.open():
            for step in steps:
                if step.index not in self.outcomes and (wanted is None or step.index in wanted):
                    self.outcomes[step.index] = self._step(step)

    def flush(self) -> None:
        """Commit what was noted so far, then report it."""
        self._ledger.flush()

    def finish(self, change: RunFinished) -> None:
        """Commit the end of the run together with what is still noted."""
        self._ledger.note(change)
        self._ledger.flush(durable=True)

    # -- one step ------------------------------------------------------------------------------------------------

    def _step(self, step: PlannedStep) -> Outcome:
        if any(not self.outcomes[index].status.successful for index in step.upstream()):
            return self._end(step, Outcome(Status.SKIPPED))
        self._save_externals(step)
        return self._mapped(step) if step.mapped else self._plain(step)

    def _plain(self, step: PlannedStep) -> Outcome:
        resolved = {name: self._arguments.resolve(name, argument) for name, argument in step.arguments.items()}
        key, note = self._key(step, resolved)
        hit, miss = self._look_up(step, key)
        if hit is not None:
            return self._cached(step, resolved, hit, key)
        self._start(step)
        with self._ledger.closed():
            attempt = self._attempts.make(step, resolved, item=None)
        if attempt.status is Status.COMPLETED:
            return self._completed(step, resolved, attempt, key, note or miss)
        return self._failed(step, resolved, attempt)

    def _completed(
        self, step: PlannedStep, resolved: Mapping[str, Resolved], attempt: Attempt, key: bytes | None, note: str | None
    ) -> Outcome:
        key, note = self._judged(attempt, key, note)
        outcome = Outcome(Status.COMPLETED)
        outputs = []
        for planned, content, value in attempt.outputs:
            version = self._new_version(planned, content, attempt.context)
            outcome.outputs[planned.name] = self._produced(version, content, value)
            outputs.append(Output(name=planned.name, value=version))
        self._task_finished(step, 0, attempt, key, resolved, (*outputs, *attempt.saved))
        self._note_metadata(step, attempt)
        return self._end(step, outcome, attempt=attempt, note=note)

    def _failed(self, step: PlannedStep, resolved: Mapping[str, Resolved], attempt: Attempt) -> Outcome:
        self._judged(attempt, None, None)
        self._task_finished(step, 0, attempt, None, resolved, attempt.saved)
        self._note_metadata(step, attempt)
        outcome = self._end(step, Outcome(attempt.status, error=attempt.error), attempt=attempt)
        self._raise_if_cancelled(outcome)
        return outcome

    def _cached(self, step: PlannedStep, resolved: Mapping[str, Resolved], hit: Hit, key: bytes | None) -> Outcome:
        outcome = Outcome(Status.CACHED)
        outputs = []
        for planned, (_, version) in zip(step.outputs, hit.outputs, strict=True):
            assert isinstance(version, Version)
            made: NewVersion | int = version.seq
            if version.artifact != planned.artifact or (planned.version or version.version) != version.version:
                made = replace(
                    self._new_version(planned, replace(version.content, payload=None), None), origin=version.id
                )
            produced = Produced(version.content, version.seq if isinstance(made, int) else made.id)
            if not isinstance(made, int):
                self._ledger.expect(made.id, produced)
            outcome.outputs[planned.name] = produced
            outputs.append(Output(name=planned.name, value=made))
        self._ledger.note(
            TaskFinished(
                step=step.index, status=Status.CACHED, started=None, ended=self._services.clock(), key=key,
                inputs=_edges(resolved), outputs=tuple(outputs), origin=(hit.run, hit.step, hit.item),
                looked_up=hit.looked_up,
            )
        )  # fmt: skip
        return self._end(step, outcome, origin=(hit.run, hit.step), note="served from the cache")

    # -- a mapped step -------------------------------------------------------------------------------------------

    def _mapped(self, step: PlannedStep) -> Outcome:
        try:
            count = self._count(step)
        except ParameterError as error:
            self._start(step)
            return self._end(step, Outcome(Status.FAILED, error=error))
        self._ledger.note(StepStarted(index=step.index, at=self._services.clock(), tasks=count))
        self._ledger.tell(events.StepStarted(run=self._run.name, step=step.name, tasks=count))
        shared = {
            name: self._arguments.resolve(name, argument)
            for name, argument in step.arguments.items()
            if not isinstance(argument, Mapped)
        }
        contents: dict[str, list[Content]] = {output.name: [] for output in step.outputs}
        hits: list[Hit] = []
        failure: Attempt | None = None
        began = time.monotonic()
        for item, own, key in self._items(step, count, shared):
            before = len(hits)
            failed = self._item(step, item, {**shared, **own}, own, key, contents, hits)
            failure = failure or failed
            self._ledger.tell(
                events.TaskFinished(
                    run=self._run.name, step=step.name, item=item, status=_status_of(failed, hits, before),
                    failure=self._redaction.text(repr(failed.error))[:200] if failed is not None else None,
                )
            )  # fmt: skip
        return self._gather(step, shared, contents, hits, failure, count, time.monotonic() - began)

    def _items(
        self, step: PlannedStep, count: int, shared: Mapping[str, Resolved]
    ) -> Iterator[tuple[int, dict[str, Resolved], bytes | None]]:
        """Each item with its own arguments and its key. Keys are made, and looked for, many at a time."""
        mapped = {name: argument for name, argument in step.arguments.items() if isinstance(argument, Mapped)}
        for start in range(0, count, KEYS):
            chunk = []
            for item in range(start, min(start + KEYS, count)):
                own = {name: self._arguments.item(name, argument, item) for name, argument in mapped.items()}
                key, note = self._key(step, {**shared, **own})
                if note is not None:
                    self._notes.setdefault(step.index, note)
                chunk.append((item, own, key))
            if self._services.caching:
                self._hits.expect([key for _, _, key in chunk if key is not None])
            yield from chunk

    def _item(
        self,
        step: PlannedStep,
        item: int,
        resolved: Mapping[str, Resolved],
        own: Mapping[str, Resolved],
        key: bytes | None,
        contents: dict[str, list[Content]],
        hits: list[Hit],
    ) -> Attempt | None:
        hit, _ = self._look_up(step, key)
        if hit is not None:
            hits.append(hit)
            found = [output.content for _, output in hit.outputs]
            for planned, content in zip(step.outputs, found, strict=True):
                contents[planned.name].append(content)
            self._ledger.note(
                TaskFinished(
                    step=step.index, item=item, status=Status.CACHED, started=None, ended=self._services.clock(),
                    key=key, inputs=_edges(own), origin=(hit.run, hit.step, hit.item), looked_up=hit.looked_up,
                    outputs=tuple(
                        Output(name=planned.name, value=replace(content, payload=None))
                        for planned, content in zip(step.outputs, found, strict=True)
                    ),
                )
            )  # fmt: skip
            return None
        self._ledger.pause()
        with self._ledger.closed():
            attempt = self._attempts.make(step, resolved, item=item)
        outputs = tuple(Output(name=planned.name, value=content) for planned, content, _ in attempt.outputs)
        for planned, content, _ in attempt.outputs:
            contents[planned.name].append(content)
        key, note = self._judged(attempt, key if attempt.status is Status.COMPLETED else None, None)
        if note is not None:
            self._notes.setdefault(step.index, note)
        self._task_finished(step, item, attempt, key, own, (*outputs, *attempt.saved))
        self._note_metadata(step, attempt)
        if attempt.status is Status.CANCELLED:
            self._raise_if_cancelled(self._end(step, Outcome(Status.CANCELLED, error=attempt.error)))
        return attempt if attempt.status is Status.FAILED else None

    def _gather(
        self,
        step: PlannedStep,
        shared: Mapping[str, Resolved],
        contents: Mapping[str, list[Content]],
        hits: Sequence[Hit],
        failure: Attempt | None,
        count: int,
        seconds: float,
    ) -> Outcome:
        """End a mapped step: its items become one collection per output."""
        if failure is not None:
            return self._end(step, Outcome(Status.FAILED, error=failure.error), inputs=_edges(shared), seconds=seconds)
        cached = count > 0 and len(hits) == count
        outcome = Outcome(Status.CACHED if cached else Status.COMPLETED)
        same = {(hit.run, hit.step) for hit in hits}
        origin = next(iter(same)) if cached and len(same) == 1 else None
        before = self._collections_of(origin) if origin else {}
        outputs = []
        for planned in step.outputs:
            elements = tuple(contents[planned.name])
            collection = collection_of(elements)
            known = before.get(planned.name)
            if known is not None and known.artifact == planned.artifact and known.content.digest == collection.digest:
                outcome.outputs[planned.name] = Produced(known.content, known.seq, elements=elements)
                outputs.append(Output(name=planned.name, value=known.seq))
                continue
            version = self._new_version(planned, collection, None)
            outcome.outputs[planned.name] = self._produced(version, collection, ABSENT, elements)
            outputs.append(Output(name=planned.name, value=version))
        note = "served from the cache" if cached else self._notes.get(step.index)
        return self._end(
            step, outcome, inputs=_edges(shared), outputs=tuple(outputs), origin=origin, note=note, seconds=seconds
        )

    def _collections_of(self, origin: tuple[int, int]) -> dict[str, Version]:
        record = self._services.record
        edges = record.edges(*origin, -1)
        return {edge.name: record.version(edge.version) for edge in edges if edge.direction == "output"}

    def _count(self, step: PlannedStep) -> int:
        lengths = {
            name: self._arguments.length(argument)
            for name, argument in step.arguments.items()
            if isinstance(argument, Mapped)
        }
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
            raise ParameterError(f"Step {step.name!r} is mapped over arguments of different lengths: {said}.")
        return next(iter(lengths.values()))

    # -- recording -----------------------------------------------------------------------------------------------

    def _start(self, step: PlannedStep) -> None:
        """Note the start; with everything that waits longer than it should, it is committed before the step runs."""
        self._ledger.note(StepStarted(index=step.index, at=self._services.clock()))
        self._ledger.tell(events.StepStarted(run=self._run.name, step=step.name, tasks=None))
        self._ledger.pause()

    def _task_finished(
        self,
        step: PlannedStep,
        item: int,
        attempt: Attempt,
        key: bytes | None,
        resolved: Mapping[str, Resolved],
        outputs: tuple[Output, ...],
    ) -> None:
        for written in attempt.logs:
            self._ledger.note(written)
        self._ledger.note(
            TaskFinished(
                step=step.index, item=item, attempt=0, status=attempt.status, started=attempt.started,
                ended=attempt.ended, key=key, usage=attempt.usage, inputs=_edges(resolved), outputs=outputs,
                looked_up=attempt.looked_up,
                failure=failure_of(attempt.error, self._redaction) if attempt.error is not None else None,
            )
        )  # fmt: skip

    def _end(
        self,
        step: PlannedStep,
        outcome: Outcome,
        *,
        attempt: Attempt | None = None,
        origin: tuple[int, int] | None = None,
        note: str | None = None,
        inputs: tuple[Input, ...] = (),
        outputs: tuple[Output, ...] = (),
        seconds: float | None = None,
    ) -> Outcome:
        seconds = attempt.usage.wall if attempt is not None else seconds
        self._ledger.note(
            StepFinished(
                index=step.index, status=outcome.status, ended=self._services.clock(), duration=seconds, origin=origin,
                cache_note=note, inputs=inputs, outputs=outputs,
            )
        )  # fmt: skip
        self._ledger.tell(
            events.StepFinished(
                run=self._run.name,
                step=step.name,
                status=outcome.status,
                duration=seconds,
                cached=outcome.status is Status.CACHED,
                failure=self._redaction.text(repr(outcome.error))[:200] if outcome.error is not None else None,
            )
        )
        return outcome

    def _produced(
        self, version: NewVersion, content: Content, value: Any, elements: tuple[Content, ...] | None = None
    ) -> Produced:
        kept = value if type(value) in IMMUTABLE else ABSENT
        produced = Produced(content, version.id, kept, elements)
        self._ledger.expect(version.id, produced)
        return produced

    def _new_version(
        self, planned: PlannedOutput, content: Content, context: step_context.StepContext | None
    ) -> NewVersion:
        notes = dict(planned.metadata)
        tags = planned.tags
        if context is not None:
            notes.update(context.output_metadata.get(planned.name, {}))
            tags = tuple(dict.fromkeys((*tags, *context.output_tags.get(planned.name, ()))))
            notes = self._redaction.value(notes)
        return NewVersion(
            id=uuid4(), artifact=planned.artifact, content=content, version=planned.version, tags=tags,
            metadata=_encoded(notes), facts=_facts(notes),
        )  # fmt: skip

    def _note_metadata(self, step: PlannedStep, attempt: Attempt) -> None:
        if attempt.context is not None and attempt.context.metadata:
            owner = Owner(kind=OwnerKind.STEP, seq=self._run.seq, step=step.index)
            notes = self._redaction.value(dict(attempt.context.metadata))
            self._ledger.note(
                MetadataSet(owner=owner, values=_encoded(notes), facts=_facts(notes), at=self._services.clock())
            )

    def _save_externals(self, step: PlannedStep) -> None:
        """Give values brought in from outside a version of their own, before the step that takes them."""
        for argument in _externals(step.arguments.values()):
            self._outside.add(step.index)
            content = self._services.vault.store(argument.value, materializer=argument.materializer)
            id = uuid4()
            name = argument.name or f"external_{id}"
            version = NewVersion(id=id, artifact=name, content=content, save_type=SaveType.EXTERNAL)
            receipt = self._services.record.commit([VersionSaved(version=version)], durable=False)
            self._arguments.external(argument, Produced(content, receipt.versions[id][0]))

    def _new_step(self, step: PlannedStep) -> NewStep:
        body, digest = self._keys.definition(step.step)
        literals = [
            f"{codec.encode(name)}:{one.encoded}" for name, one in step.arguments.items() if isinstance(one, Literal)
        ]
        return NewStep(
            index=step.index, name=step.name, definition=body, definition_digest=digest,
            parameters=f"{{{','.join(literals)}}}", upstream=step.upstream(), config=self._keys.config(step.step),
        )  # fmt: skip

    # -- cache ---------------------------------------------------------------------------------------------------

    def _key(self, step: PlannedStep, resolved: Mapping[str, Resolved]) -> tuple[bytes | None, str | None]:
        """The cache key of a task, or why it has none."""
        if step.index in self._outside:
            return None, "it takes a value from outside"
        key, reason = self._keys.key(step, {name: one.identity for name, one in resolved.items()})
        if key is None:
            return None, reason
        ordinal = self._ordinals[key]
        self._ordinals[key] += 1
        return self._keys.numbered(key, ordinal), None

    def _judged(self, attempt: Attempt, key: bytes | None, note: str | None) -> tuple[bytes | None, str | None]:
        """The key under which the result of an attempt may serve others, given what it read, or why it may not."""
        attempt.looked_up, unknown = self._arguments.looked_up(attempt.reads)
        reason = attempt.reads.reason or unknown
        return (key, note) if reason is None else (None, reason)

    def _look_up(self, step: PlannedStep, key: bytes | None) -> tuple[Hit | None, str | None]:
        if key is None or not self._services.caching:
            return None, None if key is None else "caching is off"
        hit = self._hits.find(key)
        if hit is not None and hit.looked_up and self._ledger.makes_versions:
            self._ledger.flush()  # what earlier steps of this run made may be what was looked up by name
            hit = self._hits.find(key)
        if hit is None:
            return None, NO_RESULT
        complete = len(hit.outputs) == len(step.outputs)  # not so if the run was deleted just now
        if complete and all(self._services.vault.present(output.content) for _, output in hit.outputs):
            return hit, None
        return None, DAMAGED

    def _raise_if_cancelled(self, outcome: Outcome) -> None:
        if outcome.status is Status.CANCELLED and outcome.error is not None:
            raise outcome.error


def _status_of(failed: Attempt | None, hits: Sequence[Hit], before: int) -> Status:
    if failed is not None:
        return failed.status
    return Status.CACHED if len(hits) > before else Status.COMPLETED


def _closure(steps: Sequence[PlannedStep], need: int) -> set[int]:
    """The step ``need`` and everything it waits for."""
    found: set[int] = set()
    open_ = [need]
    while open_:
        index = open_.pop()
        if index not in found:
            found.add(index)
            open_.extend(steps[index].upstream())
    return found


def _externals(arguments: Any) -> Sequence[External]:
    found: list[External] = []
    for argument in arguments:
        if isinstance(argument, External):
            found.append(argument)
        elif isinstance(argument, Gathered):
            found.extend(_externals(argument.items))
        elif isinstance(argument, Mapped):
            nested = argument.source if isinstance(argument.source, tuple) else (argument.source,)
            found.extend(_externals(nested))
    return found


def _edges(resolved: Mapping[str, Resolved]) -> tuple[Input, ...]:
    return tuple(edge for one in resolved.values() for edge in one.inputs)


def _encoded(notes: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((key, encode_metadata(key, value)) for key, value in notes.items())


def _facts(notes: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    return tuple(fact for key, value in notes.items() for fact in facts(key, value))
