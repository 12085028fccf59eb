"""Tasks: steps and tasks of one run, from the plan to their ends, within one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from runlore.errors import NotFound
from runlore.model.artifact import Content, LookedUp
from runlore.model.change import Input, NewVersion, Output, StepFinished, StepsPlanned, StepStarted, TaskFinished
from runlore.model.status import CODES, Status
from runlore.record.sql.memo import Memo
from runlore.record.sql.rows import pack_failure
from runlore.record.sql.tables import Tables
from runlore.record.sql.text import micros, pack, to_micros
from runlore.record.sql.versions import Versions

CODE = {status: code for code, status in enumerate(CODES)}


class Tasks:
    """Steps and tasks of one run."""

    def __init__(self, tables: Tables, versions: Versions, memo: Memo, run: int, clock: Callable[[], datetime]) -> None:
        self._tables = tables
        self._versions = versions
        self._planned = memo.steps
        #: The run, 0 until it has begun.
        self.run = run
        self._clock = clock

    def plan(self, change: StepsPlanned) -> None:
        run, definition = self.run, self._tables.definition
        for step in change.steps:
            self._planned[run, step.index] = step.tasks is not None
        self._tables.add_steps(
            [
                (
                    run,
                    step.index,
                    step.name,
                    definition(step.definition_digest, step.definition),
                    pack(step.parameters),
                    ",".join(map(str, step.upstream)) or None,
                    step.tasks,
                    pack(step.config),
                )
                for step in change.steps
            ]
        )

    def start(self, change: StepStarted) -> None:
        at = micros(change.at)
        if self._tables.start_step(self.run, change.index, at, change.tasks):
            if change.tasks is not None:
                self._planned[self.run, change.index] = True
            self.event(change.index, None, Status.RUNNING, at)
        else:
            self.require(change.index)

    def finish_task(self, change: TaskFinished) -> None:
        step, item, attempt = change.step, change.item, change.attempt
        usage = change.usage
        origin = change.origin or (None, None, None)
        at = to_micros(change.ended)
        added = self._tables.add_task(
            (
                self.run,
                step,
                item,
                attempt,
                CODE[change.status],
                to_micros(change.started),
                at,
                change.key,
                None if change.failure is None else pack_failure(change.failure),
                usage.wall,
                usage.cpu,
                usage.memory,
                usage.gpu_memory,
                *origin,
            )
        )
        if not added:
            self._versions.report(change.outputs)
            return
        if at is None:
            at = micros(self._clock())
        self._take_inputs(step, item, change.inputs)
        self._take_outputs(step, item, attempt, change.outputs, at)
        if change.looked_up:
            self._take_looked_up(step, item, attempt, change.looked_up)
        if self._is_mapped(step):
            self.event(step, item, change.status, at)

    def finish(self, change: StepFinished) -> None:
        ended = micros(change.ended)
        done = self._tables.finish_step(
            self.run,
            change.index,
            (
                CODE[change.status],
                ended,
                change.duration,
                *(change.origin or (None, None)),
                None if change.cache_note is None else pack(change.cache_note),
            ),
        )
        if not done:
            self.require(change.index)
            self._versions.report(change.outputs)
            return
        if change.origin is not None:
            self._tables.facts.take_over(self.run, change.index, change.origin)
        self._take_inputs(change.index, -1, change.inputs)
        self._take_outputs(change.index, -1, 0, change.outputs, ended)
        self.event(change.index, None, change.status, ended)

    def close_all(self, at: int, end: Callable[[Status], Status]) -> None:
        """Give each unfinished step its end, which depends on its status."""
        for index, status in self._tables.unfinished_steps(self.run):
            closed = end(CODES[status])
            self._tables.close_step(self.run, index, CODE[closed], at)
            self.event(index, None, closed, at)

    def event(self, step: int | None, item: int | None, status: Status, at: int) -> None:
        """Tell watchers what happened."""
        self._tables.add_event((self.run, step, item, CODE[status], at))

    def require(self, index: int) -> None:
        """Raise `NotFound` unless the step was planned."""
        if self._tables.tasks_of_step(self.run, index) is None:
            raise NotFound(f"Run {self.run} has no step {index}; it must be planned before anything happens in it.")

    def _is_mapped(self, step: int) -> bool:
        known = self._planned.get((self.run, step))
        if known is None:
            row = self._tables.tasks_of_step(self.run, step)
            if row is None:
                raise NotFound(f"Run {self.run} has no step {step}; it must be planned before its tasks finish.")
            known = self._planned[self.run, step] = row[0] is not None
        return known

    def _take_inputs(self, step: int, item: int, inputs: Iterable[Input]) -> None:
        tables = self._tables
        for position, taken in enumerate(inputs):
            version = taken.version
            seq = self._versions.require(version) if isinstance(version, int) else self._versions.seq_of(version)
            tables.add_edge((self.run, step, item, 0, position, tables.word(taken.name), seq, taken.element))

    def _take_looked_up(self, step: int, item: int, attempt: int, looked_up: Iterable[LookedUp]) -> None:
        word = self._tables.word
        for position, one in enumerate(looked_up):
            asked = None if one.asked is None else word(one.asked)
            version = None if one.version is None else self._versions.require(one.version)
            place = (self.run, step, item, (attempt << 16) + position)
            self._tables.add_lookup((*place, word(one.artifact), asked, version, one.code))

    def _take_outputs(self, step: int, item: int, attempt: int, outputs: Iterable[Output], at: int) -> None:
        tables, run = self._tables, self.run
        position = 0
        saved = attempt << 16  # what failed attempts saved by hand stays beside what later ones do
        for output in outputs:
            if output.direction == "output":
                way, place = 1, position
                position += 1
            else:
                way, place = 2, saved
                saved += 1
            value = output.value
            word = tables.word(output.name)
            if isinstance(value, Content):
                self._versions.add_item((run, step, item, place), word, value)
                continue
            if isinstance(value, NewVersion):
                seq = self._versions.add(value, at, (run, step, item, place))
            else:
                seq = self._versions.require(value)
            tables.add_edge((run, step, item, way, place, word, seq, None))
