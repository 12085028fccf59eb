"""Run: the handle of one execution of a pipeline."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runlore.author.reads import note_read
from runlore.errors import NotFound, RunFailed
from runlore.model import run as model
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.name import shortened
from runlore.model.query import Condition, Operator, Query
from runlore.model.status import Status
from runlore.recall.code import Code
from runlore.recall.config import Config, Parameters
from runlore.recall.container import Container
from runlore.recall.decoding import decode
from runlore.recall.logs import Logged
from runlore.recall.named import Named
from runlore.recall.notes import Notes
from runlore.recall.position import Timed, Traceable

if TYPE_CHECKING:
    from runlore.model.lineage import Key
    from runlore.model.trigger import TriggerEvent
    from runlore.recall.compare.comparison import Comparison
    from runlore.recall.data import Data
    from runlore.recall.exception import RecordedException
    from runlore.recall.listing import Listing
    from runlore.recall.metric import Metric
    from runlore.recall.pipeline import Pipeline
    from runlore.recall.reader import Reader
    from runlore.recall.step import Step
    from runlore.recall.steps import Steps
    from runlore.recall.trigger import Trigger
    from runlore.recall.version import ArtifactVersion
    from runlore.record.port import Record


class Run(Notes, Logged, Container["Step"], Timed, Traceable):
    """A run of the record, and a container of its steps in declared order.

    Live: until it has finished, each look reads the record again.
    """

    def __init__(self, reader: Reader, noun: model.Run) -> None:
        self._reader = reader
        self._noun = noun
        self._steps: Steps | None = None

    @property
    def _record(self) -> Record:
        return self._reader.record

    def _owner(self) -> Owner:
        return Owner(kind=OwnerKind.RUN, seq=self._noun.seq)

    def _now(self) -> model.Run:
        if not self._noun.status.finished:
            self._noun = self._reader.current_run(self._noun.seq)
        return self._noun

    def _whole(self) -> model.Run:
        """As `_now`, with what is gathered beside a run and may be recorded after its end."""
        if self._noun.git_commit is None:
            self._reader.place.complete(self._noun.seq)
            self._noun = self._record.run(self._noun.seq)
        return self._now()

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """Position in the order of all runs of this record."""
        return self._noun.seq

    @property
    def id(self) -> UUID:
        return self._noun.id

    @property
    def name(self) -> str:
        return self._noun.name

    @property
    def number(self) -> int:
        """1, 2, … within its pipeline."""
        return self._noun.number

    @property
    def pathspec(self) -> str:
        return f"{self._noun.pipeline}/{self._noun.number}"

    @property
    def pipeline(self) -> Pipeline:
        return self._reader.pipeline(self._reader.lookup.pipeline_named(self._noun.pipeline))

    @property
    def parent(self) -> Pipeline:
        """The same as `pipeline`."""
        return self.pipeline

    @property
    def pipeline_name(self) -> str:
        return self._noun.pipeline

    @property
    def pipeline_version(self) -> int:
        """Version of the pipeline's code that ran."""
        return self._noun.pipeline_version

    @property
    def status(self) -> Status:
        """Where the run stands now; equal to its name: ``run.status == "completed"``."""
        return self._now().status

    @property
    def finished(self) -> bool:
        return self.status.finished

    @property
    def successful(self) -> bool:
        """Completed, or entirely taken from the cache."""
        return self.status.successful

    @property
    def created(self) -> datetime:
        return self._noun.created

    @property
    def ended(self) -> datetime | None:
        return self._now().ended

    def _times(self) -> tuple[datetime | None, datetime | None]:
        return self.created, self.ended

    @property
    def duration(self) -> float | None:
        """Seconds; until the run has ended, the time since it began."""
        now = self._now()
        if now.status is Status.RUNNING:
            return (datetime.now(UTC) - now.created).total_seconds()
        return now.duration

    @property
    def user(self) -> str | None:
        return self._noun.user

    @property
    def host(self) -> str | None:
        return self._noun.host

    @property
    def git_commit(self) -> str | None:
        """The commit that the project was at; ``None`` outside a repository."""
        return self._whole().git_commit

    @property
    def environment(self) -> dict[str, Any]:
        """What it ran with, by name: python, system, machine, processors, gpus, host, user, packages, runlore, ….

        With ``capture_code`` off it is host and user only.
        """
        digest = self._now().environment
        if digest is None:
            return {"host": self.host, "user": self.user}
        described: dict[str, Any] = decode(self._reader.bytes_of(digest).decode())
        return described

    @property
    def code(self) -> Code:
        """Sources as they were when the run began, by path in the project, with `Code.entry`, commit and difference."""
        return Code(
            self._now().code, self._reader.bytes_of, owner=self.pathspec,
            steps=lambda: {name: step.source_code for name, step in self.steps.items()},
            git=lambda: decode(self._whole().config).get("git"),
        )  # fmt: skip

    @property
    def trigger(self) -> Trigger | None:
        """What started it, events and runs; ``None`` if nobody said and no step did."""
        from runlore.recall.trigger import trigger_of  # most runs have none

        return trigger_of(self._reader, self._noun.trigger, self.pathspec)

    @property
    def triggered(self) -> Listing[Run]:
        """Runs that it started, newest first: what its steps called, and what named it as its trigger."""
        from runlore.model.trigger import run_tag  # as above

        found: Listing[Run] = self._reader.list("run", {}, Condition("tag", Operator.EQ, run_tag(str(self.id))))
        return found

    def __runlore_trigger__(self) -> TriggerEvent:
        """What makes a run something that starts others: ``with_options(trigger=run)``."""
        from runlore.model.trigger import RUN, TriggerEvent  # as above

        return TriggerEvent(
            name=self.pipeline_name, id=str(self.id), timestamp=self.ended, type=RUN, payload={"run": self.pathspec}
        )

    @property
    def origin(self) -> Run | None:
        """The run that this one resumed, if any. Raises `NotFound` when that one was deleted."""
        origin = self._noun.origin
        return None if origin is None else self._reader.run(self._reader.lookup.anywhere.run(str(origin)))

    @property
    def parameters(self) -> Parameters:
        """Arguments of the pipeline, defaults included."""
        return Parameters(self._noun.parameters, owner=self.pathspec)

    @property
    def config(self) -> Config:
        """Parameters, settings and options in force."""
        now = self._whole()
        return Config(now.parameters, decode(now.config), owner=self.pathspec)

    # -- what is in it -------------------------------------------------------------------------------------------

    @property
    def steps(self) -> Steps:
        """Steps by invocation id, in declared order; those that never started are among them."""
        if self._steps is None or not self._now().status.finished:
            finished = self._now().status.finished
            from runlore.recall.steps import Steps  # a list of runs asks for none

            found = {noun.name: self._reader.step(noun, self) for noun in self._record.steps(self.seq)}
            steps = Steps(found, self)
            if not finished:
                return steps
            self._steps = steps
        return self._steps

    @property
    def outputs(self) -> Named[ArtifactVersion]:
        """What the pipeline's body returned, by name."""
        from_body = decode(self._now().outputs)
        steps = list(self.steps.values()) if from_body else []
        found = {}
        for name, (index, which) in from_body.items():
            versions = steps[index].outputs
            # an output is recorded by its name or by its position
            key = which if isinstance(which, str) else dict(enumerate(versions)).get(which)
            if key in versions:
                found[name] = versions[key]
        return Named(found, kind="output", owner=self.pathspec)

    @property
    def output(self) -> ArtifactVersion:
        """The only output. Raises ValueError naming all when there is not exactly one."""
        return self.outputs.only("output")

    @property
    def data(self) -> Data:
        """Values of its `outputs`, by attribute: ``run.data.model``; each is loaded when it is looked at."""
        from runlore.recall.data import Data  # not imported by who only lists

        return Data(self.outputs)

    @property
    def metrics(self) -> Named[Metric]:
        """Series that its steps measured, by name: of several steps under one name, the last step's in declared order.

        ``run.metrics["loss"].last``. Those of another step are ``run.steps["train"].metrics``.
        """
        from runlore.recall.measured import metrics_of_run  # listings do without it

        note_read(f"the metrics of {self.pathspec}")
        return metrics_of_run(self._record, self.seq, self.pathspec)

    def artifact_versions(self) -> tuple[ArtifactVersion, ...]:
        """Every version that its steps made or took over, in declared order."""
        return tuple(version for step in self.steps.values() for version in step.outputs.values())

    def _nodes(self) -> Sequence[Key]:
        from runlore.model.lineage import StepKey  # what is loaded or listed needs no graph

        return [StepKey(self.seq, noun.index) for noun in self._record.steps(self.seq)]

    def _logged_steps(self) -> Iterable[Step]:
        return self.steps.values()

    @property
    def failure(self) -> model.Failure | None:
        """Type, message and traceback of what made it fail, as text; ``None`` if it did not fail."""
        now = self._now()
        if now.failure is not None or now.status is not Status.FAILED:
            return now.failure
        failures = (step.failure for step in self.steps.values() if step.status is Status.FAILED)
        return next((failure for failure in failures if failure is not None), None)

    @property
    def exception(self) -> RecordedException | None:
        """What made it fail: type, message and traceback as text, and ``load()`` for the object; else ``None``."""
        from runlore.recall.exception import exception_of  # not imported by who only lists

        return exception_of(self.failure, self.pathspec)

    @property
    def previous(self) -> Run | None:
        """The run of the same pipeline before this one, or ``None``."""
        note_read(f"the run before {self.pathspec}")
        before = Query(
            noun="run",
            conditions=(
                *self._reader.lookup.within,
                Condition("pipeline", Operator.EQ, self._noun.pipeline),
                Condition("number", Operator.LT, self.number),
            ),
            limit=1,
        )
        found = self._record.select(before).items
        return self._reader.run(found[0]) if found else None

    # -- what can be done with it --------------------------------------------------------------------------------

    def to_html(self, *, draw: bool = False) -> str:
        """A report of the run as one HTML page that needs nothing else: graph, timeline, steps, artifacts, code, …

        It has no script and fetches nothing. It stays below 300 kB without its pictures, and counts what it leaves out.
        Its pictures are those that are kept; ``draw`` first draws what the run gave back, which loads these values.
        """
        from runlore.recall.report.page import report_of  # what only reports need

        note_read(f"the report of {self.pathspec}")
        return report_of(self._reader, self, self._whole(), draw=draw)

    def report(self, path: str | Path, *, overwrite: bool = False, draw: bool = False) -> Path:
        """Write `to_html` to ``path`` and return it; an earlier report there is replaced.

        Raises `AlreadyExists` for any other file that is there, unless ``overwrite``.
        """
        from runlore.recall.report.file import write_report  # what only reports need

        return write_report(self.to_html(draw=draw), path, overwrite=overwrite)

    def diff(self, *others: Run | str | int | UUID) -> Comparison:
        """What is different between this run and others: parameters, metrics, steps, code, environment and results.

        Others are handles, or what `Client.get_pipeline_run` takes: ``run.diff("training/11")``. Runs of different
        pipelines are compared as far as they can be. Raises `QueryInvalid` without another run.
        """
        from runlore.recall.compare.comparing import (
            compare,  # brings in the fingerprints, which listings can do without
        )

        return compare([self, *map(self._reader.run_called, others)])

    def wait(self, timeout: float | None = None, poll: float = 0.2) -> Run:
        """Return when the run has finished. Raises TimeoutError after ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.finished:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"Run {self.pathspec} is still {self.status} after {timeout} seconds.")
            time.sleep(poll)
        return self

    def raise_for_status(self) -> Run:
        """Return the run if it was successful; raise `RunFailed` telling why if it was not."""
        if self.finished and not self.successful:
            failure = self.failure
            why = f": {failure.said}" if failure else ""
            raise RunFailed(f"Run {self.pathspec} {self.status}{why}")
        return self

    def delete(self) -> None:
        """Delete the run with its steps, logs, tags and metadata; artifact versions stay."""
        self._record.delete_run(self.seq)

    def export(
        self, path: str | os.PathLike[str], *, artifacts: bool = True, only: Collection[str] | str | None = None
    ) -> Path:
        """Write the run to the folder ``path``, new or empty, with all that is known of it; return the folder.

        `Client.import_run` reads it, in any record. The bytes of what the run read and made go along; with
        ``artifacts=False`` none do, with ``only`` those of the artifacts of these names.

        Raises:
            AlreadyExists: something is in the folder.
            StoreError: the run has not ended.
            NotFound: it has no artifact of a name in ``only``.
            ArtifactMissing, ArtifactCorrupt: bytes that should go along are not there, or are damaged.
        """
        from runlore.recall.portable import export_run  # not imported by who only reads

        return export_run(self, path, artifacts=artifacts, only=only)

    def summary(self) -> dict[str, Any]:
        """What is known about it as plain values that `json.dumps` takes; its keys are in ``howto/metrics.md``."""
        from runlore.recall.summary import summary_of  # not imported by who shows a few facts

        note_read(f"a summary of {self.pathspec}")
        return summary_of(self)

    def to_row(self) -> dict[str, Any]:
        """Facts, tags, parameters, metadata and last values of metrics for a table; see `Listing.to_frame`."""
        from runlore.recall.rows import run_row  # not imported by who shows a few facts

        note_read(f"what was noted on {self.pathspec}")
        return run_row(self._now(), self._record.noted(OwnerKind.RUN, [self.seq])[self.seq])

    def __getitem__(self, step: str) -> Step:
        """The step with this invocation id. Raises `NotFound`."""
        return self.steps[step]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps.values())

    def __len__(self) -> int:
        return len(self.steps)

    def _key(self, child: Step) -> str:
        return child.name

    def _holds(self, handle: Any) -> bool:
        return handle in list(self.steps.values())

    def _repr_html_(self) -> str:
        from runlore.recall.html.run import run_html  # what only notebooks need

        note_read(f"what {self.pathspec} looks like")
        return run_html(self._record, self._now())

    def __repr__(self) -> str:
        try:
            status = self.status
        except NotFound:
            return f"<Run {shortened(repr(self.pathspec), 60)} (deleted)>"
        return f"<Run {shortened(repr(self.pathspec), 36)} {shortened(repr(self.name), 44)}: {status}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)
