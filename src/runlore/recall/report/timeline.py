"""Timeline: when each step ran, try by try; of a mapped step, how many of its tasks ran at each time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from runlore.model.counted import counted
from runlore.model.run import Step, Task
from runlore.model.status import Status
from runlore.model.units import shown_seconds
from runlore.recall.html.markup import Html, tag
from runlore.recall.html.status import color
from runlore.recall.report.account import Account
from runlore.recall.report.part import more, section
from runlore.recall.report.room import Room

#: Tries of a plain step, and tasks of a mapped one up to which each has a bar of its own.
_BARS = 16
#: Columns of the drawing of many tasks.
_COLUMNS = 80
#: Steps.
_ROWS = 60


def timeline(account: Account, room: Room) -> Html | None:
    """Bars over the time of the run; ``None`` if nothing has started."""
    began = [(step, begin) for step in account.told if (begin := _began(account, step)) is not None]
    if not began:
        return None
    begin = account.run.created
    ends = [end for step, at in began for end in (step.ended, at) if end is not None]
    now = datetime.now(UTC) if account.run.status is Status.RUNNING else begin
    span = max((max(*ends, account.run.ended or begin, now) - begin).total_seconds(), 1e-6)
    rows = room.fitting(_row(account, step, at, begin, span) for step, at in began[:_ROWS])
    marks = [tag("span", shown_seconds(span * part / 4) if part else "0") for part in range(5)]
    axis = (tag("span"), tag("div", *marks, class_="axis", aria_hidden="true"))
    started = (
        len(began)
        + sum(step.started is not None for step in account.steps)
        - sum(step.started is not None for step in account.told)
    )
    drawn = tag("div", *rows, *axis, class_="time")
    return section("timeline", "Timeline", drawn, more(started - len(rows), "more steps"))


def _began(account: Account, step: Step) -> datetime | None:
    if step.started is not None or not step.status.successful and step.status is not Status.FAILED:
        return step.started
    return min((task.started for task in account.tasks(step.index) if task.started is not None), default=None)


def _row(account: Account, step: Step, began: datetime, begin: datetime, span: float) -> Html:
    def share(time: datetime) -> float:
        return min(max((time - begin).total_seconds() / span * 100, 0.0), 100.0)

    now = datetime.now(UTC)
    ran = [task for task in account.tasks(step.index) if task.started is not None]
    href = account.address(step.index)
    name = tag("span" if href is None else "a", step.name, href=href, class_="name", title=step.name)
    if not ran:
        bars = [_bar(share(began), share(step.ended or now), step.status, f"{step.name}: {step.status}")]
    elif len(ran) <= _BARS:
        bars = [
            _bar(share(task.started or begin), share(task.ended or now), task.status, _told(step, task)) for task in ran
        ]
    else:
        bars = [_many(step, [(share(task.started or begin), share(task.ended or now)) for task in ran])]
    return Html(name + tag("div", *bars, class_="lane"))


def _told(step: Step, task: Task) -> str:
    which = step.name if step.tasks is None else f"{step.name}[{task.item}]"
    lasted = (task.ended - task.started).total_seconds() if task.ended and task.started else None
    took = f" after {shown_seconds(lasted)}" if lasted is not None else ""
    return f"{which}, attempt {task.attempt}: {task.status}{took}"


def _bar(left: float, right: float, status: Status, told: str) -> Html:
    style = f"left:{left:.2f}%;width:{max(right - left, 0.0):.2f}%;background:{color(status)}"
    return tag("div", class_="bar", style=style, title=told, role="img", aria_label=told)


def _many(step: Step, spans: Sequence[tuple[float, float]]) -> Html:
    """How many ran in each column of time, as a hill."""
    changes = [0] * (_COLUMNS + 1)
    for left, right in spans:
        first = min(int(left / 100 * _COLUMNS), _COLUMNS - 1)
        last = min(int(right / 100 * _COLUMNS), _COLUMNS - 1)
        changes[first] += 1
        changes[last + 1] -= 1
    running, heights = 0, []
    for change in changes[:_COLUMNS]:
        running += change
        heights.append(running)
    highest = max(heights) or 1
    path = (
        "M0 10"
        + "".join(f"L{at} {10 - 10 * height / highest:.1f}H{at + 1}" for at, height in enumerate(heights))
        + f"L{_COLUMNS} 10Z"
    )
    tried = counted(len(spans), "attempt")
    told = (
        f"{step.name}: {tried} of {step.tasks or 1:,} tasks, at most {highest:,} in the same 1/{_COLUMNS} of the time"
    )
    return tag(
        "svg",
        tag("title", told),
        tag("path", d=path, style=f"fill:{color(step.status)}", opacity=".88"),
        viewBox=f"0 0 {_COLUMNS} 10",
        preserveAspectRatio="none",
        role="img",
    )
