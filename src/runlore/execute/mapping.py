"""Mapped steps: one task per item, whose results become one collection per output."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from runlore.errors import ParameterError
from runlore.execute.arguments import Arguments, Resolved
from runlore.execute.attempt import Attempt, Attempts
from runlore.execute.context import StepContext
from runlore.execute.entries import Entries, edges
from runlore.execute.ledger import Ledger
from runlore.execute.outcome import ABSENT, Outcome, Produced
from runlore.execute.reuse import Reuse
from runlore.model.artifact import Content, Version
from runlore.model.change import Output
from runlore.model.noun import changed
from runlore.model.plan import Mapped, PlannedStep
from runlore.model.status import Status
from runlore.record.port import Hit, Record
from runlore.record.vault import collection_of

#: Items whose keys are looked for together.
KEYS = 200


class MappedStep:
    """The execution of one mapped step. Made for one use: call `run` once."""

    def __init__(
        self,
        step: PlannedStep,
        *,
        record: Record,
        arguments: Arguments,
        attempts: Attempts,
        reuse: Reuse,
        entries: Entries,
        ledger: Ledger,
    ) -> None:
        self._step = step
        self._record = record
        self._arguments = arguments
        self._attempts = attempts
        self._reuse = reuse
        self._entries = entries
        self._ledger = ledger
        self._mapped = {name: one for name, one in step.arguments.items() if isinstance(one, Mapped)}
        self._contents: dict[str, list[Content]] = {output.name: [] for output in step.outputs}
        self._hits: list[Hit] = []
        #: Of the tasks that noted something about their outputs, in order.
        self._contexts: list[StepContext] = []
        #: Why tasks of it may serve nobody: the first reason that came up.
        self._note: str | None = None

    def run(self) -> Outcome:
        """Run every item that is not served from the cache, in order. Raises `KeyboardInterrupt` if that came."""
        step, entries = self._step, self._entries
        try:
            count = self._count()
        except ParameterError as error:
            entries.step_started(step)
            self._ledger.pause()
            return entries.step_finished(step, Outcome(Status.FAILED, error=error))
        entries.step_started(step, tasks=count)
        shared = {
            name: self._arguments.resolve(name, argument)
            for name, argument in step.arguments.items()
            if name not in self._mapped
        }
        failure: BaseException | None = None
        began = time.monotonic()
        for item, own, key in self._items(count, shared):
            hit, _ = self._reuse.find(step, key)
            if hit is not None:
                self._take_over(item, own, key, hit)
                entries.item_finished(step, item, Status.CACHED, None)
                continue
            attempt = self._attempt(item, {**shared, **own}, own, key)
            entries.item_finished(step, item, attempt.status, attempt.error, attempt.usage.wall)
            failure = failure or attempt.error
        return self._gather(shared, failure, count, time.monotonic() - began)

    def _count(self) -> int:
        lengths = {name: self._arguments.length(argument) for name, argument in self._mapped.items()}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
            raise ParameterError(f"Step {self._step.name!r} is mapped over arguments of different lengths: {said}.")
        return next(iter(lengths.values()))

    def _items(
        self, count: int, shared: Mapping[str, Resolved]
    ) -> Iterator[tuple[int, dict[str, Resolved], bytes | None]]:
        """Each item with its own arguments and its key. Keys are made, and looked for, many at a time."""
        for start in range(0, count, KEYS):
            chunk = []
            for item in range(start, min(start + KEYS, count)):
                own = {name: self._arguments.item(name, argument, item) for name, argument in self._mapped.items()}
                key, note = self._reuse.key(self._step, {**shared, **own})
                self._note = self._note or note
                chunk.append((item, own, key))
            self._reuse.expect([key for _, _, key in chunk if key is not None])
            yield from chunk

    def _take_over(self, item: int, own: Mapping[str, Resolved], key: bytes | None, hit: Hit) -> None:
        self._hits.append(hit)
        outputs = []
        for planned, (_, found) in zip(self._step.outputs, hit.outputs, strict=True):
            self._contents[planned.name].append(found.content)
            outputs.append(Output(name=planned.name, value=changed(found.content, payload=None)))
        self._entries.task_cached(self._step, item, hit, key, own, tuple(outputs))

    def _attempt(
        self, item: int, resolved: Mapping[str, Resolved], own: Mapping[str, Resolved], key: bytes | None
    ) -> Attempt:
        step = self._step
        self._ledger.pause()
        with self._ledger.closed():
            attempt = self._attempts.make(step, resolved, item=item)
        for planned, content, _ in attempt.outputs:
            self._contents[planned.name].append(content)
        self._contexts.extend(attempt.contexts)
        key, note = self._reuse.judged(attempt, key if attempt.status is Status.COMPLETED else None, None)
        self._note = self._note or note
        outputs = tuple(Output(name=planned.name, value=content) for planned, content, _ in attempt.outputs)
        self._entries.task_finished(step, item, attempt, key, own, (*outputs, *attempt.saved))
        if attempt.status is Status.CANCELLED and attempt.error is not None:
            self._entries.step_finished(step, Outcome(Status.CANCELLED, error=attempt.error))
            raise attempt.error
        return attempt

    def _gather(
        self, shared: Mapping[str, Resolved], failure: BaseException | None, count: int, seconds: float
    ) -> Outcome:
        """End the step: its items become one collection per output."""
        step, entries, inputs = self._step, self._entries, edges(shared)
        if failure is not None:
            return entries.step_finished(step, Outcome(Status.FAILED, error=failure), inputs=inputs, seconds=seconds)
        cached = count > 0 and len(self._hits) == count
        outcome = Outcome(Status.CACHED if cached else Status.COMPLETED)
        homes = {(hit.run, hit.step) for hit in self._hits}
        origin = next(iter(homes)) if cached and len(homes) == 1 else None
        before = self._collections_of(origin) if origin else {}
        outputs = []
        for planned in step.outputs:
            elements = tuple(self._contents[planned.name])
            collection = collection_of(elements)
            if planned.artifact_type is not None:
                collection = changed(collection, artifact_type=planned.artifact_type)
            known = before.get(planned.name)
            same = known is not None and known.content.digest == collection.digest
            taken = entries.taken_over(planned, known) if known is not None and same else None
            if isinstance(taken, Version):
                outcome.outputs[planned.name] = Produced(taken.content, taken.seq, elements=elements)
                outputs.append(Output(name=planned.name, value=taken.seq))
                continue
            if taken is None:
                version = entries.version(planned, collection, self._contexts)
            else:  # the items of a collection are its own
                version = changed(taken, content=collection, origin=None)
            outcome.outputs[planned.name] = entries.produced(version, collection, ABSENT, elements)
            outputs.append(Output(name=planned.name, value=version))
        note = "served from the cache" if cached else self._note
        return entries.step_finished(
            step, outcome, inputs=inputs, outputs=tuple(outputs), origin=origin, note=note, seconds=seconds
        )

    def _collections_of(self, origin: tuple[int, int]) -> dict[str, Version]:
        found = self._record.edges(*origin, -1)
        return {edge.name: self._record.version(edge.version) for edge in found if edge.direction == "output"}
