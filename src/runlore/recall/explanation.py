"""Explanation: why a step ran or was served from the cache, and what changed since it last ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlore.model.status import Status
from runlore.plan.difference import Difference, StepFacts, differences, parts_of
from runlore.values.codec import decode, encode

if TYPE_CHECKING:
    from runlore.recall.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What can be said about a step's use of the cache. Printing it gives sentences and diffs."""

    #: Pathspec of the step.
    step: str
    status: Status
    #: One sentence.
    reason: str
    #: Pathspec of the step it was served from or is compared with, if there is one.
    compared: str | None = None
    #: What is different from that one.
    differences: tuple[Difference, ...] = ()

    def to_row(self) -> dict[str, Any]:
        """Facts for JSON, by name."""
        fields = ("kind", "name", "old", "new", "diff")
        return {
            "step": self.step,
            "status": str(self.status),
            "reason": self.reason,
            "compared": self.compared,
            "differences": [{field: getattr(one, field) for field in fields} for one in self.differences],
        }

    def __str__(self) -> str:
        return "\n".join([f"{self.step}: {self.status}", f"  {self.reason}", *self._lines()])

    def _lines(self) -> Iterator[str]:
        if self.differences:
            yield f"  Changed since {self.compared}:"
        for one in self.differences:
            if one.diff:
                yield f"    {one.kind} {one.name}:"
                yield from ("      " + line for line in one.diff.splitlines())
            else:
                yield f"    {one.kind} {one.name}: {_short(one.old)} -> {_short(one.new)}"


def explain(step: Step) -> Explanation:
    """Explain a recorded step. Only the record is read: neither values nor today's code."""
    if step.status is Status.CACHED:
        return _explain_cached(step)
    if not step.status.finished or step.status is Status.SKIPPED:
        return Explanation(step=step.pathspec, status=step.status, reason=f"It is {step.status} and has not executed.")
    note = step.cache_note
    earlier = step.last_execution_before()
    if earlier is None:
        reason = "It executed, and no earlier run of this pipeline completed this step."
        return Explanation(step=step.pathspec, status=step.status, reason=_with(reason, note))
    found = differences(_facts(earlier), _facts(step))
    reason = f"It executed; the step last completed in {earlier.run.pathspec}."
    if not found:
        reason += " Code, parameters and inputs are the same as there."
    return Explanation(
        step=step.pathspec,
        status=step.status,
        reason=_with(reason, note),
        compared=earlier.pathspec,
        differences=found,
    )


def _explain_cached(step: Step) -> Explanation:
    origins = step.origin_pathspecs()
    source = ", ".join(origins) if origins else "a run that has been deleted"
    reason = f"It was served from the cache: code, parameters and inputs are those of {source}."
    return Explanation(
        step=step.pathspec, status=step.status, reason=reason, compared=origins[0] if len(origins) == 1 else None
    )


def _with(reason: str, note: str | None) -> str:
    return reason if not note else f"{reason} Noted then: {note}."


def _facts(step: Step) -> StepFacts:
    return StepFacts(
        parts=parts_of(step.definition_body),
        parameters=_encoded(decode(step.parameters_text)),
        inputs={name: version.digest for name, version in step.inputs.items()},
        extras={name: str(text) for name, text in dict(step.config).get("cache_extras", {}).items()},
    )


def _encoded(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {name: encode(value, name=name) for name, value in parameters.items()}


def _short(text: str | None) -> str:
    if text is None:
        return "(absent)"
    return text if len(text) <= 60 else text[:57] + "..."
