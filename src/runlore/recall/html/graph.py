"""Graph: the steps of a run as a drawing, each with its state and how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from runlore.model.counted import counted
from runlore.model.run import Step
from runlore.model.status import Status
from runlore.model.units import shown_seconds
from runlore.recall.html.boxes import Box, boxes
from runlore.recall.html.layout import layout
from runlore.recall.html.markup import Html, cut, tag
from runlore.recall.html.status import color

#: The address that a step leads to, if any.
Target = Callable[[Step], str | None]
#: Which state of several is told: what needs attention first.
URGENT = (
    Status.FAILED,
    Status.INTERRUPTED,
    Status.CANCELLED,
    Status.RUNNING,
    Status.PENDING,
    Status.SKIPPED,
    Status.COMPLETED,
    Status.CACHED,
)


def graph(steps: Sequence[Step], *, most: int, target: Target = lambda step: None, height: str = "34em") -> Html:
    """Draw steps in declared order, at most ``most`` places of them; ``height`` is that of what is seen at once."""
    if not steps:
        return tag("p", "No step was planned.", style="opacity:.7;margin:.3em 0")
    found = layout([step.upstream for step in steps], [step.definition for step in steps], most)
    drawn = [_box([steps[node] for node in place.nodes], target) for place in found.places]
    told = f"The graph of {counted(len(steps), 'step')}; an arrow leads from a step to those that wait for it."
    more = f"… and {counted(found.left_out, 'more step')}, not drawn" if found.left_out else None
    return boxes(found, drawn, told=told, height=height, more=more)


def took(step: Step) -> float | None:
    """Seconds that a step took, or has been running."""
    if step.status is Status.RUNNING and step.started is not None:
        return max(0.0, (datetime.now(UTC) - step.started).total_seconds())
    return step.duration


def _box(steps: Sequence[Step], target: Target) -> Box:
    first = steps[0]
    status = min((step.status for step in steps), key=URGENT.index)
    several = len(steps) > 1
    fact = _facts(steps) if several else _fact(first)
    return Box(
        name=first.name,
        fact=fact,
        told=f"{cut(first.name, 80)} to {cut(steps[-1].name, 80)}: {fact}" if several else _told(first, fact),
        color=color(status),
        count=len(steps),
        several=several or first.tasks is not None,
        dashed=status in (Status.PENDING, Status.SKIPPED),
        href=target(first),
    )


def _facts(steps: Sequence[Step]) -> str:
    """How many are in which state, the most urgent first."""
    counts = Counter(step.status for step in steps)
    return ", ".join(f"{counts[status]:,} {status}" for status in URGENT if counts[status])


def _fact(step: Step) -> str:
    parts = [str(step.status)]
    seconds = took(step)
    if seconds is not None and step.status is not Status.CACHED:
        parts.append(shown_seconds(seconds) or "")
    if step.tasks is not None:
        parts.append(f"×{step.tasks:,}")
    return " · ".join(parts)


def _told(step: Step, fact: str) -> str:
    mapped = "" if step.tasks is None else f", {counted(step.tasks, 'task')}"
    note = "" if step.cache_note is None else f". Cache: {cut(step.cache_note, 200)}"
    return f"{cut(step.name, 160)}: {fact}{mapped}{note}"
