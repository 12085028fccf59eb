"""Note: what somebody wrote about a run."""

from __future__ import annotations

import re

from runlore.recall.html.markup import Html, cut, tag, visible
from runlore.recall.html.value import when
from runlore.recall.markdown import to_html
from runlore.recall.report.account import Account
from runlore.recall.report.part import more, section
from runlore.recall.report.room import Room

#: Characters of a note.
_LONGEST = 4_000
_HEADING = re.compile(r"<(/?)h([1-6])>")


def note(account: Account, room: Room) -> Html | None:
    """The run's note as Markdown, with who wrote it and when; ``None`` if there is none."""
    history = account.handle.note_history
    text = history[-1].text if history else None
    if text is None:
        return None
    length = min(len(text), _LONGEST)
    while True:
        drawn = _drawn(text[:length])
        if length < 100 or room.take(drawn):
            break
        length //= 2
    last = history[-1]
    by = f"{cut(last.user, 80)}, {when(last.at)}" if last.user else when(last.at)
    return section(
        "note",
        "Note",
        tag("div", drawn, class_="note"),
        more(len(text) - length, "more characters"),
        tag("p", by, class_="soft small"),
    )


def _drawn(text: str) -> Html:
    """Markdown whose headings stand below that of the section."""
    made = to_html(visible(text))
    return Html(_HEADING.sub(lambda found: f"<{found[1]}h{min(int(found[2]) + 2, 6)}>", made))
