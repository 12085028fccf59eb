"""Markdown as HTML, the modest part of it that notes and reports use, with nothing in it that acts.

Headings, paragraphs, lists, quotations, fenced code, rules, tables, emphasis, code and links. Everything else, HTML
above all, is shown as the text that it is. A picture from elsewhere is shown as its description, since nothing is
fetched. The source of the forms is CommonMark 0.31, of tables GitHub's.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

# Texts may come from anywhere, so what a pattern tries anew at each place is bounded: the time grows as the text does.
_HEADING = re.compile(r"(#{1,6})\s")
_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")
_RULE = re.compile(r"\s{0,3}([-*_])(\s*\1){2,}\s*$")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,9}[.)])\s+(.*)")
_TABLE_RULE = re.compile(r":?-+:?")
_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)(.{1,1000}?)(?<!`)\1(?!`)")
_IMAGE = re.compile(r"!\[([^\[\]]{0,1000})\]\([^)]{0,2000}\)")
_LINK = re.compile(r"\[([^\[\]]{1,1000})\]\(([^)\s]{1,2000})\)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.{1,1000}?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=\S)([^*_]+?)(?<=\S)\1(?![\w*])")
#: Links lead there on a click; a scheme such as ``javascript:`` is none of them.
_LEADS = ("https://", "http://", "mailto:", "#")


def to_html(text: str) -> str:
    """Return the HTML of a text in Markdown; every character that the text brings is escaped."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd").split("\n")
    parts: list[str] = []
    at = 0
    while at < len(lines):
        for block in _BLOCKS:
            found = block(lines, at)
            if found is not None:
                part, at = found
                parts.append(part)
                break
    return "\n".join(part for part in parts if part)


Block = Callable[[list[str], int], "tuple[str, int] | None"]


def _blank(lines: list[str], at: int) -> tuple[str, int] | None:
    return None if lines[at].strip() else ("", at + 1)


def _fenced(lines: list[str], at: int) -> tuple[str, int] | None:
    fence = _FENCE.match(lines[at])
    if fence is None:
        return None
    end = at + 1
    while end < len(lines) and not lines[end].strip().startswith(fence[1]):
        end += 1
    return f"<pre>{html.escape(chr(10).join(lines[at + 1 : end]))}</pre>", end + 1


def _heading(lines: list[str], at: int) -> tuple[str, int] | None:
    found = _HEADING.match(lines[at])
    if found is None:
        return None
    level = len(found[1])
    said = lines[at][level:].strip().rstrip("#").rstrip()
    return f"<h{level}>{_inline(said)}</h{level}>", at + 1


def _rule(lines: list[str], at: int) -> tuple[str, int] | None:
    return ("<hr>", at + 1) if _RULE.match(lines[at]) else None


def _quotation(lines: list[str], at: int) -> tuple[str, int] | None:
    end = at
    while end < len(lines) and lines[end].lstrip().startswith(">"):
        end += 1
    if end == at:
        return None
    said = " ".join(line.lstrip().lstrip("> ").strip() for line in lines[at:end])
    return f"<blockquote><p>{_inline(said)}</p></blockquote>", end


def _table(lines: list[str], at: int) -> tuple[str, int] | None:
    if at + 1 >= len(lines) or "|" not in lines[at] or not all(map(_TABLE_RULE.fullmatch, _cells(lines[at + 1]))):
        return None
    end = at + 2
    while end < len(lines) and "|" in lines[end]:
        end += 1
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in _cells(lines[at]))
    rows = "".join(
        "<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in _cells(line)) + "</tr>" for line in lines[at + 2 : end]
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>", end


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _list(lines: list[str], at: int) -> tuple[str, int] | None:
    first = _ITEM.match(lines[at])
    if first is None:
        return None
    parts: list[str] = []
    open_at: list[tuple[int, str]] = []
    end = at
    while end < len(lines):
        item = _ITEM.match(lines[end])
        if item is None:
            if not lines[end].strip() or not lines[end].startswith(" "):
                break
            parts.append(" " + _inline(lines[end].strip()))  # the item goes on
            end += 1
            continue
        depth, kind = len(item[1]), "ul" if item[2] in "-*+" else "ol"
        if depth == 0 and open_at and open_at[0][1] != kind:  # a list of another kind begins
            break
        while len(open_at) > 1 and depth < open_at[-1][0]:
            parts.append(f"</li></{open_at.pop()[1]}>")
        if not open_at or depth > open_at[-1][0]:
            open_at.append((depth, kind))
            parts.append(f"<{kind}><li>")
        else:
            parts.append("</li><li>")
        parts.append(_inline(item[3]))
        end += 1
    parts += [f"</li></{kind}>" for _, kind in reversed(open_at)]
    return "".join(parts), end


def _paragraph(lines: list[str], at: int) -> tuple[str, int]:
    end = at + 1
    while end < len(lines) and all(block(lines, end) is None for block in _BLOCKS[:-1]):
        end += 1
    return f"<p>{_inline(' '.join(line.strip() for line in lines[at:end]))}</p>", end


_BLOCKS: tuple[Block, ...] = (_blank, _fenced, _heading, _rule, _quotation, _table, _list, _paragraph)


def _inline(text: str) -> str:
    kept: list[str] = []

    def keep(made: str) -> str:
        kept.append(made)
        return f"\0{len(kept) - 1}\0"  # a character that `to_html` has taken out of the text

    text = _CODE.sub(lambda found: keep(f"<code>{html.escape(found[2].strip())}</code>"), text)
    text = _IMAGE.sub(lambda found: keep(f"<em>[picture: {html.escape(found[1])}]</em>"), text)
    text = _LINK.sub(lambda found: _linked(found, keep), text)
    text = html.escape(text)
    text = _STRONG.sub(r"<strong>\2</strong>", text)
    text = _EMPHASIS.sub(r"<em>\2</em>", text)
    while "\0" in text:
        text = re.sub(r"\0(\d+)\0", lambda found: kept[int(found[1])], text)
    return text


def _linked(found: re.Match[str], keep: Callable[[str], str]) -> str:
    if "\0" in found[2] or not found[2].lower().startswith(_LEADS):
        return found[0]
    target = html.escape(found[2], quote=True)
    return keep(f"<a href='{target}' rel='noopener noreferrer' target='_blank'>") + found[1] + keep("</a>")
