"""Explanation: why a step ran or was served from the cache, and what changed since it last ran."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from runlore.model.status import Status
from runlore.plan.cache_key import DAMAGED, NO_RESULT
from runlore.plan.difference import Difference, StepFacts, differences, parts_of
from runlore.recall.config import parameter_texts

if TYPE_CHECKING:
    from runlore.recall.step import Step
    from runlore.recall.version import ArtifactVersion

#: Columns of the text. Code is not wrapped.
_WIDTH = 80
#: Characters of one value in a line that shows two.
_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Explanation:
    """What can be said about a step's use of the cache. Shown or printed, it gives sentences and diffs."""

    #: Pathspec of the step.
    step: str
    status: Status
    #: A sentence or two.
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

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return "\n".join([f"{self.step}: {self.status}", *_wrapped(self.reason, "  "), *self._lines()])

    def _lines(self) -> Iterator[str]:
        if self.differences and f" {self.compared}" not in self.reason:
            yield f"  Changed since {self.compared}:"
        for one in self.differences:
            yield from _shown(one)


def _shown(one: Difference) -> Iterator[str]:
    subject = f"{one.part or {'version': 'package'}.get(one.kind, one.kind)} {one.name}"
    if one.kind == "look-up":
        old, new = (f"version {one.old}" if one.old != "nothing" else "nothing", one.new)
        yield from _wrapped(f"{one.name} resolved to {old} then and {new} now", "    ")
    elif one.diff and (one.part == "function" or "\n" in (one.old or "") + (one.new or "")):
        yield f"    {subject}:" if one.old and one.new else f"    {subject} is {'new' if one.new else 'gone'}:"
        yield from ("      " + line for line in one.diff.splitlines() if not line.startswith(("--- ", "+++ ")))
    elif one.old is None or one.new is None:
        text = f"is {one.new} and was not there" if one.new is not None else f"was {one.old} and is no longer there"
        yield from _wrapped(f"{subject} {_cut(text)}", "    ")
    else:
        yield from _pair(subject, *_apart(one.old, one.new))


def _pair(subject: str, old: str, new: str) -> Iterator[str]:
    line = f"    {subject}: {old} -> {new}"
    if len(line) <= _WIDTH:
        yield line
    else:
        yield from (f"    {subject}:", f"      was {old}", f"      is  {new}")


def _apart(old: str, new: str) -> tuple[str, str]:
    """Two long texts from shortly before where they differ."""
    if max(len(old), len(new)) <= _SHOWN:
        return old, new
    same = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), 0)
    same = same or (min(len(old), len(new)) if old[:1] == new[:1] else 0)
    start = max(0, same - 20)
    before = "…" if start else ""
    return before + _cut(old[start:]), before + _cut(new[start:])


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def explain(step: Step) -> Explanation:
    """Explain a recorded step. Only the record is read: neither values nor today's code."""
    if step.status is Status.CACHED:
        return _explain_cached(step)
    if not step.status.finished or step.status is Status.SKIPPED:
        return Explanation(step=step.pathspec, status=step.status, reason=f"It is {step.status} and has not run.")
    note, earlier = step.cache_note, step.last_execution_before()
    barred = note not in (None, NO_RESULT, DAMAGED)
    if earlier is None:
        reason = "It ran: no earlier run of this pipeline had completed this step."
        if barred:
            reason += f" It is not served from the cache, because {note}."
        return Explanation(step=step.pathspec, status=step.status, reason=reason)
    found = differences(_facts(earlier), _facts(step))
    return Explanation(
        step=step.pathspec,
        status=step.status,
        reason=_reason(note, earlier, barred=barred, changed=bool(found)),
        compared=earlier.pathspec,
        differences=_with_versions(found, earlier.inputs, step.inputs),
    )


def _reason(note: str | None, earlier: Step, *, barred: bool, changed: bool) -> str:
    """Why a step ran that an earlier run had completed."""
    if barred:
        return f"It ran: it is not served from the cache, because {note}."
    if note == DAMAGED:
        return "It ran: there was an earlier result, but its bytes are damaged or gone."
    if changed:
        return f"It ran, because something has changed since {earlier.pathspec}."
    if earlier.cache_note not in (None, NO_RESULT, DAMAGED):
        return f"It ran: the result of {earlier.pathspec} serves nobody, because {earlier.cache_note}."
    return (
        f"It ran, although all that can be compared is as it was in {earlier.pathspec}. Not compared is the code of "
        "project classes whose instances are among its inputs and parameters."
    )


def _explain_cached(step: Step) -> Explanation:
    origins = step.origin_pathspecs()
    source = ", ".join(origins) if origins else "a run that is not in this record"
    reason = f"It was served from the cache: code, parameters and inputs are those of {source}."
    return Explanation(
        step=step.pathspec, status=step.status, reason=reason, compared=origins[0] if len(origins) == 1 else None
    )


def _facts(step: Step) -> StepFacts:
    looked_up = step.looked_up
    return StepFacts(
        parts=parts_of(step.definition_body),
        parameters=parameter_texts(step.parameters_text),
        inputs={name: version.digest for name, version in step.inputs.items() if name not in looked_up},
        looked_up={_asked(name): version.version if version else "nothing" for name, version in looked_up.items()},
        extras={name: str(text) for name, text in step.config.get("cache_extras", {}).items()},
    )


def _asked(pathspec: str) -> str:
    """``artifact:model@3`` as people say it."""
    name, _, label = pathspec.removeprefix("artifact:").partition("@")
    return f"artifact {name!r}" + (f", asked for as {label!r}," if label else "")


def _with_versions(
    found: tuple[Difference, ...], old: Mapping[str, ArtifactVersion], new: Mapping[str, ArtifactVersion]
) -> tuple[Difference, ...]:
    """Inputs by the versions that they were, with the beginning of their digests."""
    return tuple(
        one
        if one.kind != "input"
        else replace(one, old=_version(old.get(one.name), one.old), new=_version(new.get(one.name), one.new))
        for one in found
    )


def _version(version: ArtifactVersion | None, digest: str | None) -> str | None:
    return None if version is None or digest is None else f"{version.pathspec} ({digest.partition(':')[2][:8]})"
