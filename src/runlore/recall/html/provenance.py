"""What a notebook shows of the code of a run, of what started it, and of an exception."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from runlore.model.counted import counted
from runlore.recall.html.card import card, facts, folded, pre, table, title
from runlore.recall.html.markup import Html, cut
from runlore.recall.html.value import pairs, shown, when

if TYPE_CHECKING:
    from runlore.recall.code import Code
    from runlore.recall.exception import RecordedException
    from runlore.recall.trigger import Trigger

#: Files, events, characters of a text.
_FILES, _EVENTS, _TEXT = 20, 12, 8_000


def code_html(code: Code, owner: str) -> Html:
    """The files, the state of the repository, and folded what defined the pipeline."""
    told = {
        "commit": code.commit,
        "branch": None if code.branch is None else cut(code.branch, 200),
        "changes": "not all were committed" if code.dirty else None,
        "left out": f"{code.omitted:,}" if code.omitted else None,
    }
    entry = code.entry
    rows = [(cut(path, 200),) for path in islice(code, _FILES)]
    cells = counted(len(code.cells), "cell") if code.cells else None
    return card(
        title(f"Code of {cut(owner, 200)}", counted(len(code), "file"), cells),
        facts(told),
        table(("file",), rows, more=len(code) - len(rows)) if rows else None,
        None if entry is None else folded("what defined the pipeline", pre(cut(entry, _TEXT))),
    )


def trigger_html(trigger: Trigger, owner: str) -> Html:
    """The events, latest first."""
    rows = [
        (cut(event.name, 80), cut(event.type, 40), when(event.timestamp), cut(pairs(event.payload, 6), 300))
        for event in trigger.events[:_EVENTS]
    ]
    more = len(trigger.events) - len(rows)
    return card(title(f"What started {cut(owner, 200)}"), table(("name", "type", "time", "told"), rows, more=more))


def exception_html(exception: RecordedException, owner: str) -> Html:
    """Class, message and traceback, as texts."""
    head = title(cut(exception.type, 200), f"raised by {cut(owner, 200)}")
    return card(head, shown(exception.message, 1_000), pre(_end(exception.traceback)) if exception.traceback else None)


def _end(text: str) -> str:
    return text if len(text) <= _TEXT else "…" + text[1 - _TEXT :]
