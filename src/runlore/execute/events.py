"""Events: what happens while a run executes, for those who watch it. The record tells the same story for good."""

from __future__ import annotations

from dataclasses import dataclass

from runlore.model.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run has its number and name, and its first step is about to start."""

    pipeline: str
    number: int
    name: str
    #: How many steps are planned; ``None`` while the pipeline's body may still add some.
    steps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A step begins to work. Cached and skipped steps only finish."""

    #: Name of the run.
    run: str
    #: Invocation id, such as ``train_2``.
    step: str
    #: How many items a mapped step has; ``None`` for a plain step.
    tasks: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFinished:
    """One item of a mapped step reached its final state."""

    run: str
    step: str
    item: int
    status: Status
    #: Seconds; ``None`` if it never ran.
    duration: float | None = None
    #: What went wrong, in one line.
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """A step reached its final state."""

    run: str
    step: str
    status: Status
    #: Seconds; ``None`` if it never ran.
    duration: float | None = None
    #: Whether its result was taken from the cache.
    cached: bool = False
    #: What went wrong, in one line.
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """A run reached its final state."""

    pipeline: str
    number: int
    name: str
    status: Status
    #: Seconds.
    duration: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFailed:
    """A hook (``on_success``, ``on_failure``) raised; the step's result stands."""

    run: str
    step: str
    #: What the hook raised, in one line.
    message: str


Event = RunStarted | StepStarted | TaskFinished | StepFinished | HookFailed | RunFinished
