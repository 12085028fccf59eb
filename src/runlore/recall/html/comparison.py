"""What a notebook shows of a comparison: a table for each section in which something differs, and sources."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from runlore.recall.html.card import SOFT, card, folded, pre, table
from runlore.recall.html.curve import Series, curve
from runlore.recall.html.markup import Html, cut, joined, tag

if TYPE_CHECKING:
    from runlore.recall.compare.comparison import Comparison, Curve

#: Rows of a section, characters of a cell, and of the difference of one source; curves.
_ROWS, _CELL, _DIFF, _CURVES = 50, 300, 20_000, 12


def comparison_html(comparison: Comparison) -> Html:
    """What differs; that nothing does, if nothing does."""
    head = joined([tag("strong", "Comparison"), tag("span", f" of {cut(', '.join(comparison.runs), 400)}", style=SOFT)])
    parts: list[Html] = []
    if not comparison.changed:
        parts.append(tag("div", "Nothing differs but times."))
    for title, section in comparison.sections.items():
        rows = [row for row in section.values() if row.changed or not row.counts]
        if rows:
            cells = [(cut(row.name, _CELL), *(cut(cell.text, _CELL) for cell in row.cells)) for row in rows[:_ROWS]]
            runs = tuple(cut(run, 60) for run in comparison.runs)
            parts.append(table((title, *runs), cells, more=len(rows) - _ROWS))
        if title == "metrics":
            parts += [_drawn(one) for one in islice(comparison.curves, _CURVES)]
    for one in comparison.code:
        subject = f"{one.where}: {one.what}" if one.what else one.where
        summary = f"{cut(subject, _CELL)} in {one.run} (+{one.added} −{one.removed})"
        parts.append(folded(summary, pre(cut(one.diff, _DIFF))))
    return card(head, *parts)


def _drawn(one: Curve) -> Html:
    lines = [Series(name=cut(run, 60), values=values, steps=steps) for run, values, steps in one.lines]
    name = cut(one.name, 80)
    return tag("div", tag("div", name, style=SOFT), curve(lines, name), style="margin:.4em 0")
