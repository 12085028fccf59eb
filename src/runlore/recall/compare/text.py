"""A comparison as text: names to the left, a column for each run, and what is too long for a column beneath it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from runlore.model.counted import counted
from runlore.model.name import columns_of, printable

if TYPE_CHECKING:
    from runlore.recall.compare.comparison import Comparison, Row, Section

_GAP = "  "
#: Columns that a run has at least; with less, each run has a line of its own.
_NARROWEST = 12
#: Lines that a value has at most in a column.
_LINES = 3
#: Characters of one value.
_LONGEST = 400
#: Characters of a long value before the place at which it differs.
_BEFORE = 30


def text_of(comparison: Comparison, *, everything: bool, code: bool, width: int) -> str:
    """The lines, joined."""
    return "\n".join(_lines(comparison, everything, code, width))


def _lines(comparison: Comparison, everything: bool, code: bool, width: int) -> Iterator[str]:
    shown = [
        (section, [row for row in section.values() if everything or row.changed or not row.counts])
        for section in comparison.sections.values()
    ]
    name = max((columns_of(printable(row.name)) for _, rows in shown for row in rows), default=0)
    layout = _Layout(comparison.runs, min(name + len("  "), width // 3), width)
    yield from layout.head()
    for section, rows in shown:
        yield from _section(section, rows, layout)
    if comparison.code:
        yield from _code(comparison, code)
    if not comparison.changed:
        yield ""
        yield f"Nothing differs between {printable(_listed(comparison.runs))} but times."
    elif not everything:
        same = sum(
            not row.changed and row.counts for section in comparison.sections.values() for row in section.values()
        )
        if same:
            yield ""
            yield f"{counted(same, 'other row')} {'is' if same == 1 else 'are'} the same in all."


def _section(section: Section, rows: Sequence[Row], layout: _Layout) -> Iterator[str]:
    if not rows:
        return
    if section.title != "run":
        yield ""
        yield section.title.capitalize()
    for row in rows:
        yield from layout.row(row)


def _listed(runs: Sequence[str]) -> str:
    return ", ".join(runs[:-1]) + f" and {runs[-1]}"


def _code(comparison: Comparison, whole: bool) -> Iterator[str]:
    yield ""
    yield "Code"
    last, indent = None, "  "
    for one in comparison.code:
        if len(comparison.runs) > 2 and one.run != last:
            yield f"  {printable(one.run)} against {printable(comparison.runs[0])}"
            last, indent = one.run, "    "
        subject = printable(f"{one.where}: {one.what}" if one.what else one.where)
        yield f"{indent}{subject} (+{one.added} -{one.removed})"
        if whole:
            yield from (f"{indent}  {printable(line.expandtabs(4))}" for line in one.diff.splitlines())
    if not whole:
        yield "  The lines that differ: --code, or to_text(code=True)."


class _Layout:
    """Where the columns are."""

    def __init__(self, runs: Sequence[str], name: int, width: int) -> None:
        self._runs = [printable(run) for run in runs]
        self._name = name
        self._column = (width - name) // len(runs) - len(_GAP)
        self._width = width

    @property
    def _side_by_side(self) -> bool:
        return self._column >= _NARROWEST

    def head(self) -> Iterator[str]:
        """The runs."""
        if self._side_by_side:
            yield self._line("", [_fitted(run, self._column) for run in self._runs])
        else:
            yield from _wrapped(", ".join(self._runs), self._width)

    def row(self, row: Row) -> Iterator[str]:
        """A name and what the runs have under it."""
        name, texts = "  " + printable(row.name), [cell.text for cell in row.cells]
        cells = [_wrapped(text, self._column) for text in texts] if self._side_by_side else []
        if not cells or max(map(len, cells)) > _LINES:
            yield name
            for run, text in zip(self._runs, _apart(texts), strict=True):
                yield from self._alone(run, text)
            return
        if columns_of(name) > self._name:
            yield name
            name = ""
        for some in zip_longest(*cells, fillvalue=""):
            yield self._line(name, some)
            name = ""

    def _line(self, name: str, texts: Sequence[str]) -> str:
        cells = [text + " " * (self._column - columns_of(text)) for text in texts]
        return (name + " " * (self._name - columns_of(name)) + "".join(_GAP + cell for cell in cells)).rstrip()

    def _alone(self, run: str, text: str) -> Iterator[str]:
        indent = max(map(columns_of, self._runs)) + 6
        head = f"    {run}".ljust(indent)
        for piece in _wrapped(text, max(20, self._width - indent)):
            yield (head + piece).rstrip()
            head = " " * indent


def _wrapped(text: str, room: int) -> list[str]:
    """The text in lines of so many columns, broken at blanks where there are any."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and columns_of(line) + 1 + columns_of(word) <= room:
            line += f" {word}"
            continue
        if line:
            lines.append(line)
        while columns_of(word) > room:
            end = next(end for end in range(min(room, len(word)), 0, -1) if columns_of(word[:end]) <= room)
            lines.append(word[:end])
            word = word[end:]
        line = word
    return [*lines, line] if line or not lines else lines


def _apart(texts: Sequence[str]) -> list[str]:
    """Long texts, from shortly before where they begin to differ."""
    if max(map(len, texts)) <= _LONGEST:
        return list(texts)
    same = next((at for at, some in enumerate(zip(*texts, strict=False)) if len(set(some)) > 1), min(map(len, texts)))
    start = max(0, same - _BEFORE)
    return [
        ("…" if start else "") + text[start : start + _LONGEST] + ("…" if len(text) > start + _LONGEST else "")
        for text in texts
    ]


def _fitted(text: str, size: int) -> str:
    """The end of a text that is too long, which tells runs apart."""
    return text if columns_of(text) <= size else "…" + text[-(size - 1) :]
