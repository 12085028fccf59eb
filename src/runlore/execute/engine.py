"""The engine: turns a growing plan into changes and events, step after step, in this process.

It notes changes in a `Ledger`, which knows when they are committed. Nothing is reported as finished before its commit
has returned (`docs/design/semantics.md`, "Order of writing").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from runlore.execute.arguments import Arguments, Resolved
from runlore.execute.attempt import Attempt, Attempts
from runlore.execute.entries import Entries
from runlore.execute.ledger import Ledger
from runlore.execute.mapping import MappedStep
from runlore.execute.outcome import Outcome, Produced
from runlore.execute.reuse import Reuse
from runlore.execute.services import Services
from runlore.execute.stepkey import StepKeys
from runlore.model.artifact import SaveType, Version
from runlore.model.change import (
    NewStep,
    NewVersion,
    Output,
    RunFinished,
    StepsPlanned,
    VersionSaved,
)
from runlore.model.plan import External, Gathered, Literal, Mapped, PlannedStep
from runlore.model.run import Fence, Run
from runlore.model.status import Status
from runlore.plan.redaction import Redaction
from runlore.record.port import Hit
from runlore.values import codec


class Engine:
    """Executes the steps of one run, in declared order, as far as it is asked to."""

    def __init__(self, services: Services, run: Run, fence: Fence, keys: StepKeys, redaction: Redaction) -> None:
        self._services = services
        self._keys = keys
        self._ledger = Ledger(services.record, fence, services.emit)
        self.outcomes: dict[int, Outcome] = {}
        self._arguments = Arguments(services.record, services.vault, self.outcomes)
        #: Steps that take a value from outside.
        self._outside: set[int] = set()
        self._reuse = Reuse(services, keys, self._arguments, self._ledger, self._outside, before=run.seq)
        self._attempts = Attempts(services, run, self._ledger, redaction)
        self._entries = Entries(services, run, self._ledger, redaction)
        self._planned = 0

    # -- the loop ------------------------------------------------------------------------------------------------

    def plan(self, steps: Sequence[PlannedStep]) -> None:
        """Record the steps that the plan has gained."""
        fresh = steps[self._planned :]
        if fresh:
            self._ledger.note(StepsPlanned(steps=tuple(self._new_step(step) for step in fresh)))
            for step in fresh:
                if step.step.options.tags:
                    self._entries.step_tagged(step)
            self._planned = len(steps)

    def advance(self, steps: Sequence[PlannedStep], *, need: int | None = None) -> None:
        """Execute every planned step that has no outcome yet; with ``need``, only that one and what it waits for."""
        self._ledger.require_ours()
        wanted = None if need is None else _closure(steps, need)
        with self._ledger.open():
            for step in steps:
                if step.index not in self.outcomes and (wanted is None or step.index in wanted):
                    self.outcomes[step.index] = self._step(step)

    def flush(self) -> None:
        """Commit what was noted so far, then report it."""
        self._ledger.flush()

    def finish(self, change: RunFinished, *, anyway: bool = False) -> None:
        """Commit the end of the run together with what is still noted; ``anyway`` if something failed already."""
        self._ledger.finish(change, anyway=anyway)

    @property
    def inherited(self) -> bool:
        """Whether this process is a fork of the one that executes the run."""
        return self._ledger.inherited

    # -- one step ------------------------------------------------------------------------------------------------

    def _step(self, step: PlannedStep) -> Outcome:
        for index in step.upstream():
            if not self.outcomes[index].status.successful:
                return self._entries.step_finished(step, Outcome(Status.SKIPPED))
        self._save_externals(step)
        if not step.mapped:
            return self._plain(step)
        mapped = MappedStep(
            step, record=self._services.record, arguments=self._arguments, attempts=self._attempts, reuse=self._reuse,
            entries=self._entries, ledger=self._ledger,
        )  # fmt: skip
        return mapped.run()

    def _plain(self, step: PlannedStep) -> Outcome:
        resolved = {name: self._arguments.resolve(name, argument) for name, argument in step.arguments.items()}
        key, note = self._reuse.key(step, resolved)
        hit, miss = self._reuse.find(step, key)
        if hit is not None:
            return self._cached(step, resolved, hit, key)
        self._entries.step_started(step)
        self._ledger.pause()
        with self._ledger.closed():
            attempt = self._attempts.make(step, resolved, item=None)
        if attempt.status is Status.COMPLETED:
            return self._completed(step, resolved, attempt, key, note or miss)
        return self._failed(step, resolved, attempt)

    def _completed(
        self, step: PlannedStep, resolved: Mapping[str, Resolved], attempt: Attempt, key: bytes | None, note: str | None
    ) -> Outcome:
        key, note = self._reuse.judged(attempt, key, note)
        outcome = Outcome(Status.COMPLETED)
        outputs = []
        for planned, content, value in attempt.outputs:
            version = self._entries.version(planned, content, attempt.contexts)
            outcome.outputs[planned.name] = self._entries.produced(version, content, value)
            outputs.append(Output(name=planned.name, value=version))
        self._entries.task_finished(step, 0, attempt, key, resolved, (*outputs, *attempt.saved))
        return self._entries.step_finished(step, outcome, seconds=attempt.usage.wall, note=note)

    def _failed(self, step: PlannedStep, resolved: Mapping[str, Resolved], attempt: Attempt) -> Outcome:
        self._reuse.judged(attempt, None, None)
        self._entries.task_finished(step, 0, attempt, None, resolved, attempt.saved)
        outcome = Outcome(attempt.status, error=attempt.error)
        self._entries.step_finished(step, outcome, seconds=attempt.usage.wall)
        if outcome.status is Status.CANCELLED and outcome.error is not None:
            raise outcome.error
        return outcome

    def _cached(self, step: PlannedStep, resolved: Mapping[str, Resolved], hit: Hit, key: bytes | None) -> Outcome:
        outcome = Outcome(Status.CACHED)
        outputs = []
        for planned, (_, version) in zip(step.outputs, hit.outputs, strict=True):
            assert isinstance(version, Version)
            made = self._entries.taken_over(planned, version)
            if isinstance(made, NewVersion):
                outcome.outputs[planned.name] = produced = Produced(version.content, made.id)
                self._ledger.expect(made.id, produced)
                outputs.append(Output(name=planned.name, value=made))
            else:
                outcome.outputs[planned.name] = Produced(version.content, made.seq)
                outputs.append(Output(name=planned.name, value=made.seq))
        self._entries.task_cached(step, 0, hit, key, resolved, tuple(outputs))
        return self._entries.step_finished(step, outcome, origin=(hit.run, hit.step), note="served from the cache")

    # -- recording -----------------------------------------------------------------------------------------------

    def _save_externals(self, step: PlannedStep) -> None:
        """Give values brought in from outside a version of their own, before the step that takes them."""
        for argument in _externals(step.arguments.values()):
            self._outside.add(step.index)
            content = self._services.vault.store(
                argument.value,
                materializer=argument.materializer,
                describe=argument.describe and self._services.describing,
                draw=argument.pictures and self._services.picturing,
            )
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
