"""Part: the pieces that sections of a report are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runlore.recall.html.markup import Html, cut, joined, tag
from runlore.recall.report.room import Room


def section(id: str, title: str, *inside: object) -> Html:
    """A part of the report with a heading that the contents lead to."""
    return tag("section", tag("h2", title, id=f"{id}-title"), *inside, id=id, aria_labelledby=f"{id}-title")


def facts(told: Mapping[str, object], room: Room) -> Html:
    """Facts beneath each other, as many as there is room for; those that are ``None`` or empty are left out."""
    rows = [
        tag("tr", tag("th", name, scope="row"), tag("td", fact))
        for name, fact in told.items()
        if fact is not None and fact != ""
    ]
    fitting = room.fitting(rows)
    drawn = tag("table", tag("tbody", *fitting), class_="facts") if fitting else None
    return joined([drawn, more(len(rows) - len(fitting))])


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], room: Room, *, count: int | None = None) -> Html:
    """A table, as many rows as there is room for; ``count`` is how many there are in all, if not all are given."""
    made = [tag("tr", *(_cell(cell) for cell in row)) for row in rows]
    fitting = room.fitting(made)
    head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in columns)))
    drawn = tag("div", tag("table", head, tag("tbody", *fitting)), class_="wide") if fitting else None
    return joined([drawn, more((len(made) if count is None else count) - len(fitting))])


def _cell(cell: object) -> Html:
    return tag("td", "–" if cell is None or cell == "" else cell)


def digest(text: str) -> Html:
    """The beginning of a digest; a pointer that rests on it is told all of it."""
    return tag("code", cut(text.partition(":")[2] or text, 13), title=text)


def more(count: int, what: str = "more") -> Html | None:
    """What is left out."""
    return tag("p", f"… and {count:,} {what}", class_="soft small") if count > 0 else None


def code(text: str, room: Room, most: int | None = None) -> Html:
    """Text as it was written, as many lines as there is room for."""
    lines = [piece for line in text.rstrip("\n").split("\n") for piece in _pieces(line)]
    fitting = room.lines(lines, most)
    drawn = tag("pre", "\n".join(fitting), tabindex=0) if fitting else None
    return joined([drawn, more(len(lines) - len(fitting), "lines" if len(lines) - len(fitting) > 1 else "line")])


#: Characters after which a line is broken, so that one long line does not take all the room.
_LINE = 2_000


def _pieces(line: str) -> list[str]:
    return [line[at : at + _LINE] for at in range(0, len(line), _LINE)] or [""]
