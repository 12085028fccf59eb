"""Steps: each with how it was called, what went in and came out, its code, what it wrote and why it failed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from itertools import islice
from typing import Any

from runlore.model.metadata import Owner, OwnerKind
from runlore.model.run import Step, Task
from runlore.model.status import Status
from runlore.model.units import shown_seconds, shown_size
from runlore.recall.config import Parameters
from runlore.recall.decoding import decode_notes
from runlore.recall.html.flow import flows
from runlore.recall.html.graph import took
from runlore.recall.html.markup import Html, cut, joined, tag
from runlore.recall.html.note import note_of
from runlore.recall.html.status import badge
from runlore.recall.html.step import attempts_of, latest, states_of
from runlore.recall.html.value import pairs, when
from runlore.recall.loglines import LogLine
from runlore.recall.report.account import Account
from runlore.recall.report.part import code, digest, facts, more, section, table
from runlore.recall.report.room import Room
from runlore.recall.written import step_log

#: Of one step: facts in a line, inputs and outputs, bytes of code, of a traceback and of what it wrote.
_PAIRS, _FLOWS, _CODE, _TRACEBACK, _LOG = 20, 24, 5_000, 6_000, 12_000
#: Bytes of code, and of what it wrote, that a step has room for while there is any.
_SHARE = 800
#: Tasks of a mapped step whose output is told.
_TASKS = 8
#: Lines of one task that are told: the last ones.
_LINES = 400
#: What moves the cursor of a terminal or colours its text (ECMA-48, control sequences; operating system commands).
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def steps(account: Account, room: Room, sources: Room, logs: Room) -> Html | None:
    """Every step that there is room for, folded; one that failed is open."""
    if not account.steps:
        return None
    drawn: dict[int, Html] = {}
    # what went wrong has the first choice of the room for code and logs
    order = sorted(account.told, key=lambda step: (step.status is not Status.FAILED, step.index))
    for told, step in enumerate(order):
        left = len(order) - told if step.status is not Status.FAILED else 1
        code_share = Room(min(_CODE, max(_SHARE, sources.left // left), sources.left))
        log_share = Room(min(_LOG, max(_SHARE, logs.left // left), logs.left))
        given = code_share.left, log_share.left
        drawn[step.index] = _step(account, step, code_share, log_share)
        sources.left -= given[0] - code_share.left
        logs.left -= given[1] - log_share.left
    fitting = room.fitting(drawn[step.index] for step in account.told)
    account.linked = frozenset(step.index for step in account.told[: len(fitting)])
    left_out = len(account.steps) - len(fitting)
    return section("steps", "Steps", tag("div", *fitting, class_="steps"), more(left_out, "more steps"))


def _step(account: Account, step: Step, sources: Room, logs: Room) -> Html:
    seconds = shown_seconds(took(step))
    beside = [badge(step.status), seconds if step.status is not Status.CACHED else None]
    if step.tasks is not None:
        beside.append(f"{step.tasks:,} tasks" if step.tasks != 1 else "1 task")
    summary = tag("summary", tag("strong", step.name), *(tag("span", one, class_="beside") for one in beside if one))
    # what a link leads to stands within, so that browsers unfold it
    inside = tag("div", tag("span", id=f"step-{step.index}"), *_inside(account, step, sources, logs))
    return tag("details", summary, inside, open=step.status is Status.FAILED)


def _inside(account: Account, step: Step, sources: Room, logs: Room) -> Iterator[Html | None]:
    tasks = account.tasks(step.index)
    failure = next((task.failure for task in tasks if task.failure is not None), None)
    if failure is not None and failure == account.failure:
        yield tag("p", tag("a", cut(failure.said, 200), href="#failure"))
    elif failure is not None:
        text = failure.traceback or failure.said
        yield code(_plain(text), logs, _TRACEBACK)
    yield facts(_facts(account, step, tasks), Room(6_000))
    found = flows(account.record, step)
    rows = [
        (
            cut(flow.name, 60),
            flow.kind,
            cut(flow.pathspec, 120),
            *(
                (
                    cut(flow.version.content.type, 60),
                    shown_size(flow.version.content.size),
                    digest(flow.version.content.digest),
                )
                if flow.version is not None
                else (None, None, None)
            ),
        )
        for flow in found[:_FLOWS]
    ]
    if rows:
        yield table(("name", "kind", "artifact", "type", "size", "digest"), rows, Room(8_000), count=len(found))
    source = _source(account, step)
    if source:
        yield tag("details", tag("summary", "Code", class_="soft"), code(source, sources))
    yield _log(account, step, tasks, logs)


def _facts(account: Account, step: Step, tasks: tuple[Task, ...]) -> Mapping[str, object]:
    owner = Owner(kind=OwnerKind.STEP, seq=step.run, step=step.index)
    waits = [account.steps[index].name for index in step.upstream if index < len(account.steps)]
    cpu = [task.usage.cpu for task in tasks if task.usage.cpu is not None]
    memory = [task.usage.memory for task in tasks if task.usage.memory is not None]
    config: Any = json.loads(step.config)
    return {
        "note": note_of(account.record, owner),
        "parameters": pairs(Parameters(step.parameters, owner=step.name).shown(), _PAIRS),
        "metadata": pairs({one.key: decode_notes(one.value) for one in account.record.metadata(owner)}, _PAIRS),
        "started": when(step.started),
        "ended": when(step.ended),
        "waits for": cut(", ".join(waits), 600),
        "tasks": None if step.tasks is None else states_of(latest(tasks), step.tasks),
        "attempts": attempts_of(tasks),
        "processor": shown_seconds(sum(cpu)) if cpu else None,
        "memory": f"{shown_size(max(memory))} at the peak" if memory else None,
        "cache": _cache(account, step, tasks),
        "options": pairs({key: value for key, value in config.items() if value}, _PAIRS) if config else None,
    }


def _cache(account: Account, step: Step, tasks: tuple[Task, ...]) -> str | None:
    origins = [step.origin[:2]] if step.origin else [task.origin[:2] for task in tasks if task.origin]
    if origins:
        places = dict.fromkeys(account.place(run) or "a run that was deleted" for run, _ in dict.fromkeys(origins))
        return f"taken from {cut(', '.join(places), 300)}"
    return cut(step.cache_note, 400) if step.cache_note else None


def _source(account: Account, step: Step) -> str | None:
    """The step's function as the fingerprint took it (`docs/design/cache-key.md`, "Definitions")."""
    body = json.loads(account.record.definition(step.definition).body)
    function = body.get("function")
    return next(
        (text for name, kind, *_, text in body.get("parts", ()) if kind == "function" and name == function), None
    )


def _log(account: Account, noun: Step, tasks: tuple[Task, ...], room: Room) -> Html | None:
    """What it wrote; of many tasks, those that failed and the first ones."""
    step = account.reader.step(noun, account.handle)
    items = list(dict.fromkeys(item for _, item, _ in account.record.logged(noun.run, noun.index)))
    failed = [task.item for task in tasks if task.failure is not None and task.item in items]
    chosen = sorted(list(dict.fromkeys([*failed[: _TASKS // 2], *items]))[:_TASKS])
    if items:
        written = [found for item in chosen for found in step_log(step, item, None)]
    else:  # of a result that was taken over
        written = list(islice(step_log(step, None, None), _TASKS))
    parts: list[Html | None] = []
    for source, lines in written:
        if not lines:
            continue
        origin = None if source.origin is None else f"written by {source.origin}"
        told = [f"task {source.item}" if noun.tasks is not None else None, origin]
        if any(told):
            parts.append(tag("p", ", ".join(one for one in told if one), class_="soft small"))
        parts.append(_lines(lines, room))
    if not parts:
        return None
    parts.append(more(len(items) - len(chosen), "more tasks"))
    return tag("details", tag("summary", "Log", class_="soft"), *parts, open=noun.status is Status.FAILED)


def _lines(lines: list[LogLine], room: Room) -> Html:
    """The last lines that there is room for, in the order in which they were written."""
    drawn: list[Html] = []
    share = Room(room.left)
    for line in reversed(lines[-_LINES:]):
        time = tag("span", f"{line.time.astimezone(UTC):%H:%M:%S} ", class_="t")
        text = cut(_plain(line.text), 2_000)
        one = joined([time, text if line.stream == "stdout" else tag("span", text, class_="e"), "\n"])
        if not share.take(one):
            break
        drawn.append(one)
    room.take(joined(drawn))
    above = len(lines) - len(drawn)
    written = tag("pre", *reversed(drawn), class_="log", tabindex=0) if drawn else None
    return joined(
        [tag("p", f"{above:,} earlier lines are in the record", class_="soft small") if above else None, written]
    )


def _plain(text: str) -> str:
    """What a terminal would show: without colours, and of a line that was overwritten its last state."""
    text = _TERMINAL.sub("", text)
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
