"""Run, step and task: what happened, as the record tells it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from runlore.model.noun import noun
from runlore.model.status import Status


@noun
class Failure:
    """An exception, kept as text so that showing it never runs code."""

    #: Qualified name of the class, such as ``builtins.ValueError``.
    type: str
    message: str
    #: Full traceback, formatted.
    traceback: str = ""
    #: What the exception can be made of again, if all of it can be kept: typed JSON, ``args`` and ``attributes``.
    state: str | None = None

    @property
    def said(self) -> str:
        """What was raised and why, as the end of a traceback says it: an exception without a message is its type."""
        return f"{self.type}: {self.message}" if self.message else self.type


@noun
class Usage:
    """What one attempt consumed. ``None`` where it could not be measured."""

    #: Wall-clock seconds, from the monotonic clock.
    wall: float | None = None
    #: Seconds of processor time, user and system together.
    cpu: float | None = None
    #: Bytes of resident memory at the peak.
    memory: int | None = None
    #: Bytes of accelerator memory at the peak.
    gpu_memory: int | None = None


@noun
class Pipeline:
    """A named declaration and how often it ran."""

    id: int
    name: str
    #: Grows by one when the code of its body or steps, or its defaults, change.
    version: int
    #: How many runs are recorded now.
    runs: int
    #: Number that the newest run received; deleted runs leave gaps behind it.
    last_number: int
    created: datetime


@noun
class Run:
    """One execution of a pipeline."""

    #: Position in the order of all runs of this record; never reused.
    seq: int
    id: UUID
    pipeline: str
    pipeline_version: int
    #: 1, 2, … within its pipeline.
    number: int
    name: str
    status: Status
    created: datetime
    ended: datetime | None = None
    #: Seconds, from the monotonic clock of the process that ran it.
    duration: float | None = None
    #: Arguments of the pipeline, defaults included: typed JSON (`docs/design/codec.md`).
    parameters: str = "{}"
    #: Options in force (settings, cache switch, schedule, entry script, …): typed JSON.
    config: str = "{}"
    #: Digest of the environment description (a blob), if captured.
    environment: str | None = None
    #: Digest of the code snapshot (a blob: manifest of files), if captured.
    code: str | None = None
    user: str | None = None
    host: str | None = None
    git_commit: str | None = None
    #: The run that this one resumed.
    origin: UUID | None = None
    #: What started it (another run, a schedule, an event): typed JSON.
    trigger: str | None = None
    failure: Failure | None = None
    #: The outputs that the pipeline's body returned: typed JSON, name → [step index, output name].
    outputs: str = "{}"


@noun
class Step:
    """One invocation of a step function in a run."""

    run: int
    #: Position in the declared order, from 0.
    index: int
    #: Invocation id: ``train``, ``train_2`` or a custom one.
    name: str
    #: Id of the stored definition (source, signature, settings); see `Definition`.
    definition: int
    status: Status
    started: datetime | None = None
    ended: datetime | None = None
    duration: float | None = None
    #: Literal arguments, defaults included: typed JSON. Secrets are redacted.
    parameters: str = "{}"
    #: Indices of the steps it waits for, by data or by ``after=``.
    upstream: tuple[int, ...] = ()
    #: Where a cached or resumed result came from: (run seq, step index).
    origin: tuple[int, int] | None = None
    #: Number of tasks; ``None`` for a plain step, which has exactly one.
    tasks: int | None = None
    #: Options that differ from the definition, such as tags or settings: typed JSON.
    config: str = "{}"
    #: Why it was or was not served from the cache, in a word or a sentence; see `docs/design/cache-key.md`.
    cache_note: str | None = None


@noun
class Task:
    """The latest attempt of one unit of work of a step, or one given attempt of it."""

    run: int
    step: int
    #: Index of the mapped item; 0 for a plain step.
    item: int
    #: Counts from 0.
    attempt: int
    status: Status
    started: datetime | None = None
    ended: datetime | None = None
    #: Cache key, or ``None`` if the task may not serve others.
    key: bytes | None = None
    failure: Failure | None = None
    usage: Usage = Usage()
    #: Where a cached result came from: (run seq, step index, item).
    origin: tuple[int, int, int] | None = None


@noun
class Definition:
    """What a step or a pipeline was when it ran; stored once per content, whatever the number of runs.

    ``body`` is canonical JSON; for steps, the keys are those of `docs/design/cache-key.md`, "Definitions".
    """

    id: int
    digest: bytes
    body: str


@noun
class Fence:
    """Proof of ownership that accompanies every write for a run: raising the token shuts the old owner out."""

    run: int
    token: int


@noun
class Lease:
    """Who owns a running run."""

    run: int
    run_id: UUID
    token: int
    host: str
    #: Changes at every boot of the host.
    boot: str
    pid: int
    #: Start time of the process, so that a reused pid is not mistaken for it.
    born: int
    #: Last renewal in store time; ``None`` where an operating-system lock proves life.
    beat: datetime | None = None


@noun
class LogChunk:
    """Consecutive log lines of one attempt.

    ``text`` holds one line per record: ``<microseconds since the epoch> <o|e|l> <text>``, where the letter tells
    stdout, stderr or logging, and line breaks inside a record are escaped (`docs/design/semantics.md`, "Logs").
    """

    step: int
    item: int
    attempt: int
    #: Counts from 0 within the attempt.
    part: int
    text: str


@noun
class Event:
    """Something that changed, in the order of the record; for those who watch."""

    seq: int
    run: int
    #: ``None`` when the event is about the run itself.
    step: int | None
    item: int | None
    status: Status
    at: datetime
