"""Entries: what the starts and ends of steps and tasks put into the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from runlore.execute import events
from runlore.execute.arguments import Resolved
from runlore.execute.attempt import Attempt
from runlore.execute.context import StepContext
from runlore.execute.failure import failure_of
from runlore.execute.ledger import Ledger
from runlore.execute.outcome import ABSENT, IMMUTABLE, Outcome, Produced
from runlore.execute.services import Services
from runlore.execute.taken import taken_over
from runlore.model.artifact import Content, Version
from runlore.model.change import (
    Input,
    MetadataSet,
    NewVersion,
    Output,
    StepFinished,
    StepStarted,
    TagsChanged,
    TaskFinished,
)
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.plan import PlannedOutput, PlannedStep
from runlore.model.run import Run
from runlore.model.status import Status
from runlore.plan.redaction import Redaction
from runlore.record.port import Hit
from runlore.values.facts import facts
from runlore.values.metadata import encode_metadata

#: Characters of a failure that progress is told.
_TOLD = 200


class Entries:
    """Writes the entries of one run, without its secrets."""

    def __init__(self, services: Services, run: Run, ledger: Ledger, redaction: Redaction) -> None:
        self._services = services
        self._run = run
        self._ledger = ledger
        self._redaction = redaction

    def step_started(self, step: PlannedStep, *, tasks: int | None = None) -> None:
        self._ledger.note(StepStarted(index=step.index, at=self._services.clock(), tasks=tasks))
        self._ledger.tell(events.StepStarted(run=self._run.name, step=step.name, tasks=tasks))

    def step_tagged(self, step: PlannedStep) -> None:
        """The tags that a step was declared with."""
        owner = Owner(kind=OwnerKind.STEP, seq=self._run.seq, step=step.index)
        self._ledger.note(TagsChanged(owner=owner, add=step.step.options.tags))

    def task_finished(
        self,
        step: PlannedStep,
        item: int,
        attempt: Attempt,
        key: bytes | None,
        resolved: Mapping[str, Resolved],
        outputs: tuple[Output, ...],
    ) -> None:
        """A task that ran, with its log and series, and with what the step noted about itself."""
        for written in attempt.logs:
            self._ledger.note(written)
        for measured in attempt.measured:
            self._ledger.note(measured)
        self._ledger.note(
            TaskFinished(
                step=step.index, item=item, attempt=0, status=attempt.status, started=attempt.started,
                ended=attempt.ended, key=key, usage=attempt.usage, inputs=edges(resolved), outputs=outputs,
                looked_up=attempt.looked_up,
                failure=failure_of(attempt.error, self._redaction) if attempt.error is not None else None,
            )
        )  # fmt: skip
        if attempt.context is not None and attempt.context.metadata:
            owner = Owner(kind=OwnerKind.STEP, seq=self._run.seq, step=step.index)
            notes = self._redaction.value(dict(attempt.context.metadata))
            self._ledger.note(
                MetadataSet(owner=owner, values=_encoded(notes), facts=_facts(notes), at=self._services.clock())
            )

    def task_cached(
        self,
        step: PlannedStep,
        item: int,
        hit: Hit,
        key: bytes | None,
        resolved: Mapping[str, Resolved],
        outputs: tuple[Output, ...],
    ) -> None:
        """A task that took an earlier result over."""
        self._ledger.note(
            TaskFinished(
                step=step.index, item=item, status=Status.CACHED, started=None, ended=self._services.clock(), key=key,
                inputs=edges(resolved), outputs=outputs, origin=(hit.run, hit.step, hit.item), looked_up=hit.looked_up,
            )
        )  # fmt: skip

    def item_finished(
        self, step: PlannedStep, item: int, status: Status, error: BaseException | None, seconds: float | None = None
    ) -> None:
        """Tell of one item of a mapped step, and how long it took if it ran."""
        self._ledger.tell(
            events.TaskFinished(
                run=self._run.name, step=step.name, item=item, status=status, duration=seconds,
                failure=self._told(error),
            )
        )  # fmt: skip

    def step_finished(
        self,
        step: PlannedStep,
        outcome: Outcome,
        *,
        seconds: float | None = None,
        origin: tuple[int, int] | None = None,
        note: str | None = None,
        inputs: tuple[Input, ...] = (),
        outputs: tuple[Output, ...] = (),
    ) -> Outcome:
        """A step that came to its end, whatever it is; return the outcome."""
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
                failure=self._told(outcome.error),
            )
        )
        return outcome

    def version(self, planned: PlannedOutput, content: Content, contexts: Iterable[StepContext] = ()) -> NewVersion:
        """The version that an output becomes, with what the step, or each task of it in turn, noted about it."""
        notes = dict(planned.metadata)
        tags = planned.tags
        for context in contexts:
            notes.update(context.output_metadata.get(planned.name, {}))
            tags = tuple(dict.fromkeys((*tags, *context.output_tags.get(planned.name, ()))))
        notes = self._redaction.value(notes)
        # what was declared stays in the history of a key that the step noted anew, for `taken_over` to see
        declared = _encoded(self._redaction.value(dict(planned.metadata)))
        return NewVersion(
            id=uuid4(), artifact=planned.artifact, content=content, version=planned.version, tags=tags,
            metadata=tuple(dict.fromkeys((*declared, *_encoded(notes)))), facts=_facts(notes),
        )  # fmt: skip

    def taken_over(self, planned: PlannedOutput, found: Version) -> Version | NewVersion:
        """The version that an output is whose value is that of ``found``: one that is there, or one that is made."""
        return taken_over(planned, found, self._services.record, self._redaction)

    def produced(
        self, version: NewVersion, content: Content, value: Any, elements: tuple[Content, ...] | None = None
    ) -> Produced:
        """What later steps take of a new version; it learns its seq when the version has one."""
        kept = value if type(value) in IMMUTABLE else ABSENT
        produced = Produced(content, version.id, kept, elements)
        self._ledger.expect(version.id, produced)
        return produced

    def _told(self, error: BaseException | None) -> str | None:
        return None if error is None else self._redaction.text(repr(error))[:_TOLD]


def edges(resolved: Mapping[str, Resolved]) -> tuple[Input, ...]:
    """What was read, in the order of the arguments."""
    return tuple(edge for one in resolved.values() for edge in one.inputs)


def _encoded(notes: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((key, encode_metadata(key, value)) for key, value in notes.items())


def _facts(notes: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    return tuple(fact for key, value in notes.items() for fact in facts(key, value))
