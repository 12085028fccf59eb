"""Running a pipeline: from the call to the recorded end, whatever happens in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from runlore import platform
from runlore.errors import LeaseLost, RunloreError, StoreError
from runlore.execute import environment, events
from runlore.execute.code import project_root, snapshot
from runlore.execute.context import current_step_context
from runlore.execute.engine import Engine
from runlore.execute.failure import failure_of
from runlore.execute.git import GitCapture, GitState, ask_git
from runlore.execute.hooks import call_hook
from runlore.execute.outcome import Outcome
from runlore.execute.preview import Preview, executing, preview
from runlore.execute.services import Services
from runlore.execute.stepkey import StepKeys
from runlore.execute.tags import system_tags
from runlore.execute.trigger import recorded_trigger
from runlore.model.change import NewRun, RunDescribed, RunFinished
from runlore.model.plan import FromStep, Plan
from runlore.model.status import Status
from runlore.plan.difference import definition_body
from runlore.plan.fingerprint import fingerprint
from runlore.plan.trace import Trace
from runlore.plan.validate import validate
from runlore.record.ownership import Ownership
from runlore.values import codec
from runlore.values.facts import facts

#: Seconds after which git is asked: starting a process holds up whatever runs just then; by now short runs are over.
GIT_DELAY = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of a pipeline."""

    pipeline: Any
    #: Arguments of the body by name, defaults filled in.
    arguments: Mapping[str, Any]
    tags: tuple[str, ...] = ()


class PipelineRun:
    """The execution of one request. Made for one use: call `run` once."""

    def __init__(
        self,
        request: Request,
        services: Services,
        ownership: Ownership,
        *,
        resolve_artifact: Callable[..., Any],
        instead_of_artifact: Callable[..., str] | None = None,
        secret_names: Sequence[str] = (),
        salt: bytes | None = None,
        capture: bool = True,
        dry: bool = False,
    ) -> None:
        self._request = request
        self._services = services
        self._ownership = ownership
        self._lookup = resolve_artifact
        self._capture = capture
        self._id = uuid4()
        self._started = services.clock()
        self._clock = time.perf_counter()
        self._engine: Engine | None = None
        #: What asks git beside the run, if anything.
        self.git: GitCapture | None = None
        #: `Run.seq`, once the run has begun.
        self.seq = -1
        #: Number of steps that have been validated.
        self._validated = 0
        self._name, self._number = "", 0
        self.trace = Trace(
            request.pipeline,
            request.arguments,
            started=self._started,
            on_load=None if dry else self._load,
            resolve_artifact=resolve_artifact,
            instead_of_artifact=instead_of_artifact,
            secret_names=secret_names,
            salt=salt,
        )
        self._keys = StepKeys(enable_cache=self.trace.pipeline.options.enable_cache, salt=salt)

    def run(self) -> int:
        """Execute the pipeline; return the run's seq. Raises the original exception of the first failed step."""
        # before anything is looked up, so that pruning leaves what is found
        self._ownership.acquire(self._id)
        try:
            self.trace.run_body()
            plan = self.trace.plan()
            self._validate(plan)
            engine = self._begin()
            engine.plan(plan.steps)
            engine.advance(plan.steps)
            self._end(plan, engine)
        except BaseException as error:
            self._give_up(error)
            raise
        finally:
            self._ownership.release(self._id)
        self._raise_first(engine)
        return self.seq

    def preview(self) -> Preview:
        """Trace the pipeline and tell what would happen, without running or recording anything."""
        self.trace.run_body()
        services = self._services
        return preview(
            self.trace.plan(), self._keys, services.record, services.vault,
            complete=self.trace.complete, caching=services.caching,
        )  # fmt: skip

    def _validate(self, plan: Plan) -> None:
        """Raise for everything that can be known to be wrong before more work starts."""
        lookup, services = None, self._services
        will_run: frozenset[int] = frozenset()
        if any(output.version is not None for step in plan.steps[self._validated :] for output in step.outputs):
            lookup = self._lookup
            will_run = executing(plan, self._keys, services.record, services.vault, caching=services.caching)
        validate(plan, lookup=lookup, executing=will_run, first=self._validated)
        self._validated = len(plan.steps)

    # -- the beginning -------------------------------------------------------------------------------------------

    def _begin(self) -> Engine:
        if self._engine is not None:
            return self._engine
        run, fence = self._services.record.begin_run(self._new_run())
        # first of all, so that the run gets its end whatever comes now
        self._engine = Engine(self._services, run, fence, self._keys, self.trace.redaction)
        self.seq, self._name, self._number = run.seq, run.name, run.number
        self._services.emit(events.RunStarted(name=run.name, pipeline=run.pipeline, number=run.number))
        if self._capture:
            root = project_root(self.trace.pipeline.function.__code__.co_filename)
            self.git = ask_git(root, self._describe, after=GIT_DELAY)
        return self._engine

    def _new_run(self) -> NewRun:
        pipeline, parameters = self.trace.pipeline, self.trace.parameters
        options = pipeline.options
        taken = fingerprint(pipeline.function)
        body, digest = definition_body(pipeline, taken)
        identity = platform.this_process()
        user = platform.user_name()
        parent = current_step_context()
        trigger, started_by = recorded_trigger(options.trigger, parent, self._started, self.trace.redaction)
        return NewRun(
            id=self._id,
            pipeline=pipeline.name,
            fingerprint=taken.digest or digest,
            definition=body,
            name=self.trace.run_name,
            name_given=self.trace.run_name_given,
            created=self._started,
            parameters="{" + ",".join(f"{codec.encode(name)}:{one.encoded}" for name, one in parameters.items()) + "}",
            facts=tuple(fact for name, one in parameters.items() if not one.secret for fact in facts(name, one.value)),
            config=codec.encode(self._config()),
            environment=self._environment(),
            code=self._code(),
            user=user,
            host=environment.host(),
            tags=tuple(dict.fromkeys((*options.tags, *self._request.tags))),
            system_tags=(*system_tags(pipeline=pipeline.name, user=user, started=self._started), *started_by),
            trigger=trigger,
            lease_host=identity.host,
            lease_boot=identity.boot,
            lease_pid=identity.pid,
            lease_born=identity.born,
        )

    def _config(self) -> dict[str, Any]:
        options = self.trace.pipeline.options
        shown = {"settings": dict(options.settings), "enable_cache": options.enable_cache}
        if options.enable_artifact_metadata is not None:
            shown["enable_artifact_metadata"] = options.enable_artifact_metadata
        return shown

    def _environment(self) -> str | None:
        return environment.snapshot(self._services.vault.blobs) if self._capture else None

    def _code(self) -> str | None:
        if not self._capture:
            return None
        functions = [step.step.function for step in self.trace.steps]
        return snapshot([self.trace.pipeline.function, *functions], self._services.vault.blobs)

    # -- the body asks for a value -------------------------------------------------------------------------------

    def _load(self, wanted: FromStep) -> Any:
        """Run what ``wanted`` depends on and return its value, decoded afresh."""
        self._validate(self.trace.plan())
        engine = self._begin()
        engine.plan(self.trace.steps)
        engine.advance(self.trace.steps, need=wanted.step)
        engine.flush()
        outcome = engine.outcomes[wanted.step]
        if not outcome.status.successful:
            raise self._delivered(engine, outcome, wanted.step)
        produced = outcome.outputs[wanted.output]
        vault = self._services.vault
        if produced.elements is None:
            return vault.load(produced.content)
        if wanted.element is not None:
            return vault.load(produced.elements[wanted.element])
        return [vault.load(each) for each in produced.elements]

    def _delivered(self, engine: Engine, outcome: Outcome, index: int) -> BaseException:
        """The error to raise in the body; it may handle it, so the run is not failed by it alone."""
        outcome.delivered = True
        if outcome.error is not None:
            return outcome.error
        for upstream in self.trace.steps[index].upstream():
            before = engine.outcomes[upstream]
            if not before.status.successful:
                return self._delivered(engine, before, upstream)
        return RuntimeError(f"step {self.trace.steps[index].name!r} has no result: it is {outcome.status}")

    # -- the end -------------------------------------------------------------------------------------------------

    def _end(self, plan: Plan, engine: Engine) -> None:
        outcomes = engine.outcomes.values()
        failed = next((one for one in outcomes if one.error is not None and not one.delivered), None)
        if failed is not None:
            status = Status.FAILED
        elif engine.outcomes and all(one.status is Status.CACHED for one in outcomes):
            status = Status.CACHED
        else:
            status = Status.COMPLETED
        outputs = {name: [source.step, source.output] for name, source in plan.outputs}
        self._finish(engine, status, failed.error if failed else None, codec.encode(outputs))

    def _finish(
        self, engine: Engine, status: Status, error: BaseException | None, outputs: str, *, anyway: bool = False
    ) -> None:
        seconds = time.perf_counter() - self._clock
        engine.finish(
            RunFinished(
                status=status,
                ended=self._services.clock(),
                duration=seconds,
                failure=failure_of(error, self.trace.redaction) if error is not None else None,
                outputs=outputs,
                rest=Status.CANCELLED if status is Status.CANCELLED else Status.SKIPPED,
            ),
            anyway=anyway,
        )
        pipeline = self._request.pipeline.name
        self._services.emit(
            events.RunFinished(pipeline=pipeline, number=self._number, name=self._name, status=status, duration=seconds)
        )
        options = self.trace.pipeline.options
        hook = options.on_failure if status is Status.FAILED else options.on_success if status.successful else None
        if hook is not None:
            call_hook(hook, error, self._services.emit, run=self._name)

    def _describe(self, found: GitState) -> None:
        """Add what git said, in a thread of its own and maybe after the end of the run."""
        with suppress(RunloreError), self._ownership.holding():  # nobody is there to hear; the run is none the worse
            config = {**self._config(), "git": found.facts(self._services.vault.blobs)}
            change = RunDescribed(run=self.seq, git_commit=found.commit, config=codec.encode(config))
            self._services.record.commit([change], durable=False)

    def _give_up(self, error: BaseException) -> None:
        """Record that the body or the engine raised; the error itself goes on to the caller."""
        engine = self._engine
        if engine is None or engine.inherited:
            return
        status = Status.CANCELLED if isinstance(error, KeyboardInterrupt) else Status.FAILED
        if isinstance(error, StoreError):  # which stands in the way of what the caller would have been told
            for index, outcome in engine.outcomes.items():
                if outcome.error not in (None, error) and not outcome.delivered:
                    name = self.trace.steps[index].name
                    error.add_note(f"Before that, step {name!r} failed: {repr(outcome.error)[:200]}")
        try:
            self._finish(engine, status, error, "{}", anyway=True)
        except StoreError:  # says what `error` says, or matters less; without an owner it is interrupted
            error.add_note(f"The end of run {self._name!r} could not be recorded; it will read 'interrupted'.")
        except LeaseLost as lost:
            if lost.args != error.args:
                error.add_note(f"The end of run {self._name!r} was not recorded: {lost}")
        finally:
            self._ownership.release(self._id)

    def _raise_first(self, engine: Engine) -> None:
        for outcome in engine.outcomes.values():
            if outcome.error is not None and not outcome.delivered:
                raise outcome.error
