"""Card: the frame of what a notebook shows of a handle: a title, facts beneath each other, tables.

Everything is styled in place, since there is no telling what else is on the page: no style sheet, no class that means
something elsewhere, no id. Colours are those that are there, made fainter, so that it fits light and dark themes alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runlore.recall.html.markup import Html, joined, tag

LINE = "1px solid color-mix(in srgb,currentColor 22%,transparent)"
SOFT = "opacity:.72"
#: What is wider or higher than its place; the bar is drawn in the text's colour, as nobody tells browsers of a theme.
SCROLLING = (
    "overflow:auto;max-width:100%;scrollbar-width:thin;"
    "scrollbar-color:color-mix(in srgb,currentColor 35%,transparent) transparent"
)
_CARD = "font:13px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;max-width:60em;color:inherit"
_CELL = "text-align:left;vertical-align:top;padding:.2em 1em .2em 0;border:0;background:none;color:inherit;"
_PRE = (
    "margin:.3em 0;padding:.5em .7em;border-radius:4px;overflow:auto;scrollbar-width:thin;max-height:16em;"
    "white-space:pre-wrap;color:inherit;overflow-wrap:anywhere;"
    "font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
    "background:color-mix(in srgb,currentColor 7%,transparent)"
)


def card(title: object, *inside: object) -> Html:
    """A title and what follows it."""
    return tag("div", tag("div", title, style="margin:0 0 .4em;overflow-wrap:anywhere"), *inside, style=_CARD)


def title(name: str, *beside: object) -> Html:
    """What something is called, and short words beside it."""
    return joined([tag("strong", name), *(tag("span", one, style="margin-left:.9em") for one in beside if one)])


def facts(told: Mapping[str, object]) -> Html:
    """Facts beneath each other; those that are ``None`` or empty are left out."""
    rows = [(name, fact) for name, fact in told.items() if fact is not None and fact != ""]
    body = [
        tag(
            "tr",
            tag("th", name, scope="row", style=_CELL + SOFT + ";font-weight:400;white-space:nowrap"),
            tag("td", fact, style=_CELL + "overflow-wrap:anywhere"),
            style="background:none",
        )
        for name, fact in rows
    ]
    return (
        tag("table", tag("tbody", *body), style="border-collapse:collapse;font:inherit;border:0;margin:0")
        if body
        else Html("")
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, more: int = 0) -> Html:
    """A table with a head; ``more`` tells how many rows are not in it."""
    head = [tag("th", name, scope="col", style=_CELL + SOFT + ";font-weight:400") for name in columns]
    body = [
        tag(
            "tr",
            *(tag("td", "–" if cell is None else cell, style=_CELL + f"border-top:{LINE}") for cell in row),
            style="background:none",
        )
        for row in rows
    ]
    drawn = tag(
        "table",
        tag("thead", tag("tr", *head, style="background:none")),
        tag("tbody", *body),
        style="border-collapse:collapse;font:inherit;border:0;margin:.2em 0",
    )
    return joined([tag("div", drawn, style=SCROLLING), remark(f"… and {more:,} more") if more > 0 else None])


def remark(text: str) -> Html:
    """A line of less weight."""
    return tag("div", text, style=SOFT + ";margin:.2em 0")


def pre(text: str) -> Html:
    """Text as it was written."""
    return tag("pre", text, style=_PRE)


def folded(summary: str, *inside: object) -> Html:
    """What is seen after a click."""
    return tag("details", tag("summary", summary, style=SOFT + ";cursor:pointer"), *inside, style="margin:.4em 0")
