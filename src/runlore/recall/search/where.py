"""Where: the text ``status = completed and metrics.loss < 0.3``, read into a filter (`docs/design/search.md`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from runlore.errors import QueryInvalid
from runlore.model.noun import noun
from runlore.model.query import AllOf, AnyOf, Filter, Not, Operator
from runlore.model.suggest import did_you_mean
from runlore.recall.search.comparisons import RANGES, TEXTUAL, all_of_tags, compared, has_no_value, one_of
from runlore.recall.search.fields import Field, Name, field_called
from runlore.recall.search.operands import bound, scalar, shortly

Made = TypeVar("Made")
LONGEST, DEEPEST = 10_000, 40

_TOKEN = re.compile(
    r"""(?P<blank>\s+)|(?P<sign>[<>!=]=|<>|[<>=])|(?P<mark>[()\[\],])"""
    r"""|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[^\s()\[\],"'<>=!]+)""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"""\\(["'\\])""")
_SIGNS = {
    "=": Operator.EQ,
    "==": Operator.EQ,
    "!=": Operator.NE,
    "<": Operator.LT,
    "<=": Operator.LE,
    ">": Operator.GT,
    ">=": Operator.GE,
}
_WORDS = {
    "contains": Operator.CONTAINS,
    "startswith": Operator.STARTSWITH,
    "endswith": Operator.ENDSWITH,
}
_RESERVED = frozenset({"and", "or", "not", "in", "is"})
_OPERATORS = (*_SIGNS, "in", "not in", "is null", "is not null", *_WORDS, "all of", "any of", "none of")
#: How much of a long text a message shows around the place.
_AROUND = 36


@noun(kw_only=False)
class _Token:
    kind: str
    text: str
    begin: int
    end: int

    @property
    def said(self) -> str:
        """What a text says without its quotes; anything else as it is."""
        return _ESCAPED.sub(r"\1", self.text[1:-1]) if self.kind == "text" else self.text

    @property
    def word(self) -> str:
        """A word of the grammar; nothing for anything quoted."""
        return self.text.lower() if self.kind == "word" else ""


def where(noun: str, text: str) -> Filter:
    """Read a filter. Raises `QueryInvalid`, showing the place, for what is not one."""
    if not isinstance(text, str):
        raise QueryInvalid(f'where takes a text such as "status = completed", not {shortly(text)}.')
    if len(text) > LONGEST:
        raise QueryInvalid(f"The filter has {len(text)} characters; at most {LONGEST} are read.")
    return _Parser(noun, text).whole()


def field_in(noun: str, text: str, *, verb: str = "filtered") -> Field:
    """Read the name of a field, such as ``metrics.loss.min`` or ``metadata."a.b"``. Raises `QueryInvalid`."""
    if len(text) > LONGEST:
        raise QueryInvalid(f"The name of a field has at most {LONGEST} characters, not {len(text)}.")
    return _Parser(noun, text).only_field(verb)


class _Parser:
    """Reads one text from left to right."""

    def __init__(self, noun: str, text: str) -> None:
        self._noun = noun
        self._text = text
        self._tokens = self._split()
        self._at = 0

    def whole(self) -> Filter:
        if self._now.kind == "end":
            raise self._wrong("The filter is empty; it is written like status = completed.")
        found = self._filter(0)
        if self._now.kind != "end":
            raise self._wrong(self._beyond())
        return found

    def only_field(self, verb: str) -> Field:
        field = self._field(verb)
        if self._now.kind != "end":
            raise self._wrong(f"The name of a field ends before {shortly(self._now.text)}.")
        return field

    # -- the grammar ---------------------------------------------------------------------------------------------

    def _filter(self, depth: int) -> Filter:
        parts = [self._conjunct(depth)]
        while self._took("or"):
            parts.append(self._conjunct(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _conjunct(self, depth: int) -> Filter:
        parts = [self._part(depth)]
        while self._took("and"):
            parts.append(self._part(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _part(self, depth: int) -> Filter:
        if depth > DEEPEST:
            raise self._wrong(f"The filter is nested more than {DEEPEST} deep; it has to be written with less.")
        if self._took("not"):
            return Not(self._part(depth + 1))
        if self._now.text == "(" and self._now.kind == "mark":
            begin = self._next()
            found = self._filter(depth + 1)
            if self._now.text != ")":
                raise self._wrong(f"A ) is missing for the ( at character {begin.begin + 1}." + self._hint())
            self._next()
            return found
        return self._comparison()

    def _comparison(self) -> Filter:
        field = self._field("filtered")
        if self._took("is"):
            holds = not self._took("not")
            if not self._took("null"):
                raise self._wrong("After 'is' comes null, or not null. Values are compared by =.")
            return has_no_value(field, holds=holds)
        opposite = self._took("not")
        found = self._compared(field, opposite)
        return Not(found) if opposite else found

    def _compared(self, field: Field, opposite: bool) -> Filter:
        token = self._now
        if token.word == "in":
            self._next()
            return self._about(token, lambda: one_of(field, self._list(field)))
        if token.word in _WORDS:
            self._next()
            operator = _WORDS[token.word]
            return self._about(self._now, lambda: compared(field, operator, self._value(field, operator)))
        if token.word in ("all", "any", "none") and not opposite:
            self._next()
            self._took("of")
            values = self._list(field)
            if token.word == "all":
                return self._about(token, lambda: all_of_tags(field, values))
            any_of = self._about(token, lambda: one_of(field, values))
            return any_of if token.word == "any" else Not(any_of)
        if token.kind == "sign" and token.text in _SIGNS and not opposite:
            self._next()
            operator = _SIGNS[token.text]
            return self._about(self._now, lambda: compared(field, operator, self._value(field, operator)))
        raise self._wrong(self._no_operator(token, opposite))

    def _no_operator(self, token: _Token, opposite: bool) -> str:
        known = ("in", *_WORDS) if opposite else _OPERATORS
        if token.kind == "end":
            return f"A comparison is missing here: {', '.join(known)}."
        meant = did_you_mean(token.text[:40], known, limit=len(known))
        return f"{shortly(token.text)} is no comparison.{meant}"

    def _field(self, verb: str) -> Field:
        begin = self._now
        if begin.kind not in ("word", "text") or begin.word in _RESERVED:
            raise self._wrong("The name of a field is expected here, such as status or metrics.loss.")
        path: list[Name] = []
        glued = True  # to what comes next, without a blank between
        while glued and self._now.kind in ("word", "text"):
            token = self._next()
            if token.kind == "text":
                path.append(Name(token.said, quoted=True))
            else:
                inner = token.text.strip(".")
                path += [Name(part) for part in inner.split(".")] if inner else []
            glued = self._now.begin == token.end and (token.text.endswith(".") or self._now.text.startswith("."))
        ends = self._tokens[self._at - 1]
        dotted = begin.text.startswith(".") or (ends.kind == "word" and ends.text.endswith("."))
        if dotted or any(not name.text for name in path):
            raise self._wrong("A part of the name of a field is empty.", begin)
        return self._about(begin, lambda: field_called(self._noun, path, verb=verb))

    def _list(self, field: Field) -> list[Any]:
        begin = self._now
        closing = {"(": ")", "[": "]"}.get(begin.text if begin.kind == "mark" else "")
        if closing is None:
            raise self._wrong("A list is expected here, such as (a, b).")
        self._next()
        values: list[Any] = []
        while True:
            values.append(self._value(field, Operator.EQ))
            if self._now.text == "," and self._now.kind == "mark":
                self._next()
                if self._now.text != closing:
                    continue
            if self._now.text != closing:
                raise self._wrong(f"A list goes on with a comma and ends with {closing}." + self._hint())
            self._next()
            return values

    def _value(self, field: Field, operator: Operator) -> Any:
        token = self._now
        if token.kind not in ("word", "text") or token.word in _RESERVED:
            quoted = f" As a text it is written '{token.text}'." if token.word in _RESERVED else ""
            raise self._wrong(f"A value is expected here.{quoted}")
        self._next()
        if operator in TEXTUAL or token.kind == "text":
            return token.said
        if token.word == "null":
            return None
        if field.kind != "fact":
            return token.text
        return bound(token.text) if operator in RANGES else scalar(token.text)

    # -- tokens --------------------------------------------------------------------------------------------------

    def _split(self) -> list[_Token]:
        found: list[_Token] = []
        at = 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if match is None:
                place = _Token("wrong", self._text[at], at, at + 1)
                quote = self._text[at] in "\"'"
                raise self._wrong(
                    "This text is not closed by another quote." if quote else "! stands only in !=.", place
                )
            if match.lastgroup != "blank":
                found.append(_Token(match.lastgroup or "", match[0], at, match.end()))
            at = match.end()
        return [*found, _Token("end", "", len(self._text), len(self._text))]

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._now
        self._at += 1
        return token

    def _took(self, word: str) -> bool:
        if self._now.word != word:
            return False
        self._at += 1
        return True

    # -- errors --------------------------------------------------------------------------------------------------

    def _about(self, token: _Token, make: Callable[[], Made]) -> Made:
        """What ``make`` gives; its error is shown at the token, unless it is shown already."""
        try:
            return make()
        except QueryInvalid as error:
            if "\n" in str(error):
                raise
            raise self._wrong(str(error), token) from None

    def _beyond(self) -> str:
        return (
            f"{shortly(self._now.text)} cannot stand here: a comparison is followed by and, or, or the end."
            + self._hint()
        )

    def _hint(self) -> str:
        before = self._tokens[self._at - 1]
        if self._now.kind == "word" and before.kind == "word":
            return f" A text of several words is quoted: '{before.text} {self._now.text} …'."
        return ""

    def _wrong(self, what: str, token: _Token | None = None) -> QueryInvalid:
        at = (self._now if token is None else token).begin
        begin = 0 if at <= _AROUND + 4 else at - _AROUND
        end = min(len(self._text), max(at + _AROUND, 72))
        end = len(self._text) if end >= len(self._text) - 4 else end
        shown = "".join(char if char.isprintable() else "·" for char in self._text[begin:end])
        before, after = ("… " if begin else ""), (" …" if end < len(self._text) else "")
        return QueryInvalid(f"{what}\n  {before}{shown}{after}\n  {' ' * (at - begin + len(before))}^")
