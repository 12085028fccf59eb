"""Attempts: one try of one task, from loading its arguments to storing what it returned."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from runlore.author.current import use_trace
from runlore.author.reads import Reads, unwatch, watch
from runlore.errors import LeaseLost, TypeMismatch
from runlore.execute import context as step_context
from runlore.execute.arguments import Resolved
from runlore.execute.failure import annotate
from runlore.execute.hooks import call_hook
from runlore.execute.ledger import Ledger
from runlore.execute.logs import LogCapture
from runlore.execute.metric_log import MetricLog
from runlore.execute.services import Services
from runlore.execute.ticker import TICKER
from runlore.model.article import with_article
from runlore.model.artifact import Content, LookedUp
from runlore.model.change import LogWritten, MetricsLogged, NewVersion, Output
from runlore.model.noun import changed
from runlore.model.plan import Literal, PlannedOutput, PlannedStep
from runlore.model.run import Run, Usage
from runlore.model.status import Status
from runlore.plan.redaction import Redaction
from runlore.values import checks


@dataclass(slots=True)
class Attempt:
    """What one attempt of one task brought."""

    status: Status
    outputs: tuple[tuple[PlannedOutput, Content, Any], ...] = ()
    saved: tuple[Output, ...] = ()
    error: BaseException | None = None
    context: step_context.StepContext | None = None
    reads: Reads = field(default_factory=Reads)
    looked_up: tuple[LookedUp, ...] = ()
    #: What it printed last, to be recorded with its end.
    logs: list[LogWritten] = field(default_factory=list)
    #: What it measured last, to be recorded with its end.
    measured: tuple[MetricsLogged, ...] = ()
    usage: Usage = Usage()
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def contexts(self) -> tuple[step_context.StepContext, ...]:
        """The context in which the step noted something about its outputs, if it got so far."""
        noted = self.context is not None and (self.context.output_metadata or self.context.output_tags)
        return (self.context,) if self.context is not None and noted else ()


class Attempts:
    """Makes attempts at the tasks of one run."""

    def __init__(self, services: Services, run: Run, ledger: Ledger, redaction: Redaction) -> None:
        self._services = services
        self._redaction = redaction
        self._run = run
        self._ledger = ledger

    def make(self, step: PlannedStep, resolved: Mapping[str, Resolved], *, item: int | None) -> Attempt:
        """Load the arguments, call the function, store what it returned."""
        attempt = Attempt(Status.RUNNING, started=self._services.clock())
        try:
            self._make(step, resolved, item, attempt)
        finally:
            if attempt.context is not None:
                attempt.measured = attempt.context.metric_log.close()
        return attempt

    def _make(self, step: PlannedStep, resolved: Mapping[str, Resolved], item: int | None, attempt: Attempt) -> None:
        clock, processor = time.perf_counter(), time.process_time()
        try:
            values = {name: one.load() for name, one in resolved.items()}
            _check_inputs(step, values, item)
            result = self._call(step, values, item or 0, attempt)
            self._ledger.require_ours()
            attempt.outputs = self._store(step, result, attempt, item)
            attempt.status = Status.COMPLETED
        except LeaseLost:
            raise
        except KeyboardInterrupt as error:
            if self._ledger.inherited:
                raise
            attempt.status, attempt.error = Status.CANCELLED, error
        except BaseException as error:
            if self._ledger.inherited:  # a child that a step forked came out of it: the attempt is its parent's
                raise
            attempt.status, attempt.error = Status.FAILED, error
            annotate(error, run=self._run.name, step=step.name, item=item)
            attempt.outputs = ()
        attempt.usage = Usage(wall=time.perf_counter() - clock, cpu=time.process_time() - processor)
        attempt.ended = self._services.clock()
        self._hook(step, attempt)
        if attempt.context is not None:
            attempt.saved = (*attempt.saved, *attempt.context.saved)

    def _call(self, step: PlannedStep, values: Mapping[str, Any], item: int, attempt: Attempt) -> Any:
        literals = {
            name: values[name]
            for name, argument in step.arguments.items()
            if isinstance(argument, Literal) and not argument.secret
        }
        metrics = MetricLog(
            self._ledger.write_beside, later=TICKER.after, step=step.index, item=item, kept=self._redaction.text
        )
        context = step_context.StepContext(
            self._run.name, self._run.id, step.name, item, 0, literals,
            tuple(output.name for output in step.outputs), self._open_run, metrics,
            _task=f"{self._run.pipeline}/{self._run.number}/{step.name}/{item}",
        )  # fmt: skip
        attempt.context = context
        over = False

        def write(part: int, text: str) -> None:
            written = LogWritten(step=step.index, item=item, attempt=0, part=part, text=self._redaction.text(text))
            if over:
                attempt.logs.append(written)
            else:
                self._ledger.write(written)

        def settle() -> None:
            metrics.hand_over()
            self._ledger.settle()

        token = step_context.enter(context)
        attempt.reads, watching = watch(settle, self._redaction.value)
        try:
            with use_trace(None), LogCapture(write, limit=self._services.log_limit, ticker=TICKER) as capture:
                try:
                    result = step.step.signature.call(step.step.function, values)
                finally:
                    over = True
            if isinstance(capture.failure, LeaseLost):
                raise capture.failure
            return result
        finally:
            unwatch(watching)
            step_context.leave(token)

    def _open_run(self) -> Any:
        self._ledger.settle()
        return self._services.open_run(self._run.seq)

    def _store(
        self, step: PlannedStep, result: Any, attempt: Attempt, item: int | None
    ) -> tuple[tuple[PlannedOutput, Content, Any], ...]:
        values = _split(step, result)
        stored = []
        for planned, value in zip(step.outputs, values, strict=True):
            wrong = checks.conforms(value, planned.annotation)
            if wrong is not None:
                attempt.saved = self._rescue(step, planned, value)
                raise TypeMismatch(f"Output {planned.name!r} of step {step.name!r}: {wrong}")
            stored.append((planned, self._content(step, planned, value, item), value))
        return tuple(stored)

    def _draws(self, step: PlannedStep, item: int | None) -> bool | None:
        """Whether cheap pictures are drawn; those of a collection's elements wait for the first look."""
        said = step.step.options.enable_artifact_visualization
        drawing = self._services.picturing if said is None else said
        return None if drawing and item is not None else drawing

    def _content(self, step: PlannedStep, planned: PlannedOutput, value: Any, item: int | None) -> Content:
        described = step.step.options.enable_artifact_metadata
        try:
            content = self._services.vault.store(
                value,
                annotation=planned.annotation,
                materializer=planned.materializer,
                describe=self._services.describing if described is None else described,
                draw=self._draws(step, item),
            )
        except Exception as error:
            error.add_note(f"while storing output {planned.name!r} of step {step.name!r}")
            raise
        return changed(content, artifact_type=planned.artifact_type) if planned.artifact_type else content

    def _rescue(self, step: PlannedStep, planned: PlannedOutput, value: Any) -> tuple[Output, ...]:
        """Keep a value of the wrong type under the failed attempt, so that the work behind it is not lost."""
        try:
            content = self._services.vault.store(value)
        except Exception:
            return ()
        version = NewVersion(
            id=uuid4(), artifact=f"{self._run.pipeline}::{step.name}::mismatched_{planned.name}", content=content
        )
        return (Output(name=planned.name, value=version, direction="saved"),)

    def _hook(self, step: PlannedStep, attempt: Attempt) -> None:
        options = step.step.options
        if attempt.status is Status.COMPLETED:
            hook, error = options.on_success, None
        elif attempt.status is Status.FAILED:
            hook, error = options.on_failure, attempt.error
        else:
            return
        if hook is None:
            return
        # a hook notes and saves for its step, if that got as far as having a context
        token = step_context.enter(attempt.context)
        try:
            with use_trace(None):
                call_hook(hook, error, self._services.emit, run=self._run.name, step=step.name)
        finally:
            step_context.leave(token)


def _split(step: PlannedStep, result: Any) -> Sequence[Any]:
    """What a step returned, output by output."""
    count = len(step.outputs)
    if count == 0:
        if result is not None:
            raise TypeMismatch(
                f"Step {step.name!r} is annotated to return nothing and returned "
                f"{with_article(type(result).__name__)}; annotate its return type to keep the value."
            )
        return ()
    if not step.step.signature.several:
        return (result,)
    # a list will do: much of the field returns one, such as train_test_split
    if not isinstance(result, (tuple, list)) or len(result) != count:
        names = ", ".join(repr(output.name) for output in step.outputs)
        kind = with_article(type(result).__name__)
        got = f"{kind} of {len(result)}" if isinstance(result, (tuple, list)) else kind
        raise TypeMismatch(f"Step {step.name!r} should return a tuple of {count} outputs ({names}), and gave {got}.")
    return result


def _check_inputs(step: PlannedStep, values: Mapping[str, Any], item: int | None) -> None:
    signature = step.step.signature
    for name, value in values.items():
        wrong = checks.conforms(value, signature.parameter(name).annotation)
        if wrong is not None:
            where = "" if item is None else f", task {item}"
            raise TypeMismatch(f"Argument {name!r} of step {step.name!r}{where}: {wrong}")
