"""Step context: what a step can ask and note about itself while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from runlore.author.artifact_config import checked_tags
from runlore.author.reads import note_read
from runlore.errors import StepContextError
from runlore.execute.metric_log import MetricLog
from runlore.model.article import with_article
from runlore.model.change import Output
from runlore.model.suggest import did_you_mean
from runlore.values.metadata import kept_metadata

_current: ContextVar[StepContext | None] = ContextVar("runlore_step_context", default=None)


@dataclass(slots=True, eq=False)
class StepContext:
    """The running step, as `get_step_context` gives it."""

    _run_name: str
    _run_id: UUID
    step_name: str
    #: Index of the mapped item; 0 for a plain step.
    item: int
    attempt: int
    parameters: Mapping[str, Any]
    output_names: tuple[str, ...]
    _open_run: Callable[[], Any]
    #: Takes what the step measures.
    metric_log: MetricLog
    metadata: dict[str, Any] = field(default_factory=dict)
    output_metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    output_tags: dict[str, list[str]] = field(default_factory=dict)
    #: Versions that the step saved by hand, as edges to be recorded with its end.
    saved: list[Output] = field(default_factory=list)
    #: Pathspec of the task.
    _task: str = ""

    @property
    def run_name(self) -> str:
        """Name of the running run. Asking for it makes the step's result serve no other run."""
        note_read("the name of its run")
        return self._run_name

    @property
    def run_id(self) -> UUID:
        """Id of the running run. Asking for it makes the step's result serve no other run."""
        note_read("the id of its run")
        return self._run_id

    @property
    def pipeline_run(self) -> Any:
        """The running run, as a handle of the client."""
        return self._open_run()

    @property
    def pipeline(self) -> Any:
        """The pipeline that the running run belongs to."""
        return self.pipeline_run.pipeline

    @property
    def trigger(self) -> Any:
        """What started the running run, as `Run.trigger`; ``None`` if nobody said and no step did."""
        return self.pipeline_run.trigger

    @property
    def step_run(self) -> Any:
        """The running step, as a handle of the client."""
        return self.pipeline_run.steps[self.step_name]

    def log_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Note ``metadata`` on this step; a later value of a key wins. `ValueUnstorable` for what cannot be kept."""
        self.metadata.update(kept_metadata(metadata))

    def log_metric(self, name: str, value: Any, step: int | None = None) -> None:
        """Add a point to a series of this step, from whichever thread; see `runlore.log_metric`."""
        self.metric_log.log(name, value, step)

    def log_metrics(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Add a point to each of several series of this step, or to none; see `runlore.log_metrics`."""
        self.metric_log.log_all(values, step)

    def add_output_metadata(self, metadata: Mapping[str, Any], output_name: str | None = None) -> None:
        """Note ``metadata`` on the version that will be made of an output; the only one if none is named."""
        name = self._output(output_name)
        self.output_metadata.setdefault(name, {}).update(kept_metadata(metadata))

    def add_output_tags(self, tags: Sequence[str], output_name: str | None = None) -> None:
        """Tag the version that will be made of an output; the only one if none is named."""
        wanted = checked_tags([tags] if isinstance(tags, str) else tags)
        self.output_tags.setdefault(self._output(output_name), []).extend(wanted)

    def _output(self, name: str | None) -> str:
        if name is None:
            if len(self.output_names) == 1:
                return self.output_names[0]
            if not self.output_names:
                raise StepContextError(
                    f"Step {self.step_name!r} returns nothing, so there is no output to note on. "
                    f"log_metadata(...) notes on the step itself."
                )
            raise StepContextError(
                f"Step {self.step_name!r} has {len(self.output_names)} outputs; name the one that is meant."
                + did_you_mean("", self.output_names)
            )
        if not isinstance(name, str):
            raise StepContextError(
                f"An output is meant by its name, a str; {name!r} is {with_article(type(name).__name__)}."
            )
        if name not in self.output_names:
            raise StepContextError(
                f"Step {self.step_name!r} has no output {name!r}." + did_you_mean(name, self.output_names)
            )
        return name


def get_step_context() -> StepContext:
    """Return the context of the step that is running here. Raise `StepContextError` when none is."""
    context = _current.get()
    if context is None:
        raise StepContextError(
            "No step is running here: get_step_context() and log_metadata() work in the body of a step only."
        )
    return context


#: Returns the context of the step that is running here, if any.
current_step_context: Callable[[], StepContext | None] = _current.get


def enter(context: StepContext | None) -> object:
    """Make ``context`` the current one; return a token for `leave`."""
    return _current.set(context)


def leave(token: object) -> None:
    """Undo `enter`."""
    _current.reset(token)  # type: ignore[arg-type]
