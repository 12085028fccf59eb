"""Changes: what execution asks the record to write. A commit applies a sequence of them in one transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from runlore.model.artifact import Content, KeptPicture, LookedUp, SaveType
from runlore.model.metadata import Owner
from runlore.model.metric import Points
from runlore.model.noun import field, noun
from runlore.model.run import Failure, Usage
from runlore.model.status import Status


@noun
class NewRun:
    """Everything known about a run when it begins. It starts in state ``running``, owned by ``owner``."""

    id: UUID
    pipeline: str
    #: Identity of the pipeline's code and defaults; the pipeline's version grows when it differs from the last.
    fingerprint: bytes
    #: Canonical JSON describing the pipeline (source, signature); stored once per content.
    definition: str
    name: str
    #: False: the name was made from a template, and a taken one gets a suffix; True: a taken one is an error.
    name_given: bool
    created: datetime
    parameters: str = "{}"
    #: Parameters for searching: flat name → int, float, bool, str (others are not searchable).
    facts: tuple[tuple[str, object], ...] = ()
    config: str = "{}"
    environment: str | None = None
    code: str | None = None
    user: str | None = None
    host: str | None = None
    git_commit: str | None = None
    origin: UUID | None = None
    trigger: str | None = None
    #: Of a run that happened in another record; the pipeline's own version and fingerprint then stay as they are.
    pipeline_version: int | None = None
    tags: tuple[str, ...] = ()
    system_tags: tuple[str, ...] = ()
    #: Identity of the owning process; the store adds the token.
    lease_host: str = ""
    lease_boot: str = ""
    lease_pid: int = 0
    lease_born: int = 0


@noun
class NewStep:
    """A step that the plan has just gained; it starts ``pending``."""

    index: int
    name: str
    #: Canonical JSON; stored once per content.
    definition: str
    definition_digest: bytes
    parameters: str = "{}"
    upstream: tuple[int, ...] = ()
    tasks: int | None = None
    config: str = "{}"


@noun
class StepsPlanned:
    """The plan has gained steps."""

    steps: tuple[NewStep, ...]


@noun
class StepStarted:
    """A step began to run; a mapped one tells its number of tasks."""

    index: int
    at: datetime
    tasks: int | None = None


@noun
class NewVersion:
    """An artifact version to be made. Numbered by the store unless ``version`` is given, which must be free."""

    id: UUID
    artifact: str
    content: Content
    save_type: SaveType = SaveType.OUTPUT
    version: str | None = None
    origin: UUID | None = None
    tags: tuple[str, ...] = ()
    #: key → typed JSON
    metadata: tuple[tuple[str, str], ...] = ()
    #: Searchable form of ``metadata``: dotted key → int, float, bool, str.
    facts: tuple[tuple[str, object], ...] = ()
    #: When it was made; by default when its task or step ended, or now.
    created: datetime | None = None
    #: Its bytes are not here, and it reads as one whose bytes were deleted.
    deleted: bool = False


@noun
class Input:
    """One version that a task (or a whole mapped step) read."""

    name: str
    #: `Version.seq`, or the id of a `NewVersion` of this or an earlier commit.
    version: int | UUID
    element: int | None = None


@noun
class Output:
    """One output of a task: a new version, an existing one (cached), or an item of a collection to come."""

    name: str
    #: A new version; the seq of an existing one; or plain content, for a mapped item.
    value: NewVersion | int | Content
    #: ``output``, or ``saved`` for what a step saved by hand.
    direction: str = "output"


@noun
class TaskFinished:
    """One attempt of one task came to its end, with everything it made."""

    step: int
    item: int = 0
    attempt: int = 0
    status: Status
    started: datetime | None
    ended: datetime | None
    key: bytes | None = None
    failure: Failure | None = None
    usage: Usage = Usage()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    origin: tuple[int, int, int] | None = None
    #: What it looked up by name, in the order of first asking.
    looked_up: tuple[LookedUp, ...] = ()


@noun
class StepFinished:
    """A step came to its end. A mapped one brings its collections and the inputs its tasks share."""

    index: int
    status: Status
    ended: datetime
    duration: float | None = None
    origin: tuple[int, int] | None = None
    cache_note: str | None = None
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()


@noun
class RunFinished:
    """The run came to its end. Steps still pending or running take ``rest`` as their status."""

    status: Status
    ended: datetime
    duration: float | None = None
    failure: Failure | None = None
    outputs: str = "{}"
    rest: Status = Status.SKIPPED


@noun
class RunDescribed:
    """Facts about a run that were gathered beside it; ``None`` leaves a field as it is.

    They may come after its end, so they need no fence. A run that is gone by then is left alone.
    """

    #: `Run.seq`
    run: int
    environment: str | None = None
    code: str | None = None
    git_commit: str | None = None
    config: str | None = None


@noun
class LogWritten:
    """Log lines of one attempt; see `runlore.model.run.LogChunk`."""

    step: int
    item: int
    attempt: int
    part: int
    text: str


@noun
class MetadataSet:
    """Write metadata; a later write of a key wins, and the history is kept."""

    owner: Owner
    #: key → typed JSON
    values: tuple[tuple[str, str], ...]
    at: datetime
    #: Searchable form: dotted key → int, float, bool, str.
    facts: tuple[tuple[str, object], ...] = ()


@noun
class NoteWritten:
    """Write the note of a run, step or version in place of what it was; ``None`` takes it away."""

    owner: Owner
    text: str | None
    at: datetime
    user: str | None = None


@noun
class MetricsLogged:
    """Points of metrics, in the order in which they were measured; see `runlore.model.metric`.

    A part of a series that is there already is not written again, so a repeated commit is harmless.
    """

    #: The step that measured; ``None`` for the run itself.
    step: int | None = None
    item: int = 0
    attempt: int = 0
    #: Counts from 0 within the attempt.
    part: int
    #: name → what follows in the series of this name; each name once, and at least one point of it.
    series: tuple[tuple[str, Points], ...]


@noun
class AliasMoved:
    """Let a version hold an alias of its artifact, in place of whichever held it before; ``None`` takes it away.

    An alias is neither all digits nor ``latest``, nor what a version of the artifact is called.
    """

    artifact: str
    alias: str
    #: `Version.seq`, or the id of a `NewVersion` of this or an earlier commit.
    version: int | UUID | None
    at: datetime


@noun
class TagsChanged:
    """Remove tags, then add tags; a tag in both ends up present. System tags are never removed here."""

    owner: Owner
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@noun
class PicturesKept:
    """What was drawn of a version, or of an element of it, in place of what was kept before.

    Of a version that is not there, or whose bytes were deleted, nothing is kept.
    """

    #: `Version.seq`
    version: int
    element: int | None = None
    pictures: tuple[KeptPicture, ...]


@noun
class VersionSaved:
    """A version saved or registered outside a run."""

    version: NewVersion


Change = (
    StepsPlanned
    | StepStarted
    | TaskFinished
    | StepFinished
    | RunFinished
    | RunDescribed
    | LogWritten
    | MetricsLogged
    | MetadataSet
    | NoteWritten
    | TagsChanged
    | AliasMoved
    | PicturesKept
    | VersionSaved
)

#: Changes that belong to one run and need its fence.
RUN_BOUND = (StepsPlanned, StepStarted, TaskFinished, StepFinished, RunFinished, LogWritten, MetricsLogged)


@noun
class Receipt:
    """What a commit decided: sequence and version text of every `NewVersion`, by its id."""

    versions: dict[UUID, tuple[int, str]] = field(default_factory=dict)
