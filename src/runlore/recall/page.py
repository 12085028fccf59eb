"""Page: pictures as HTML that shows them and does nothing else.

What a picture says may come from anywhere. So HTML sits in a frame of its own without scripts, forms, links that lead
out of it, or access to the page; SVG is only ever an image; every other text is escaped. A policy in the page and in
each frame forbids whatever would be fetched, so that looking at a stranger's value tells nobody that it was looked at.
"""

from __future__ import annotations

import csv
import html
import io
import json
from base64 import b64encode
from collections.abc import Callable, Sequence

from runlore.model.artifact import Picture
from runlore.recall.markdown import to_html

#: Nothing is fetched and nothing runs; pictures and styles are in the page itself.
POLICY = (
    "default-src 'none'; img-src data:; media-src data:; font-src data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'"
)
_POLICY_TAG = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
#: What an image may be, with how its bytes begin.
_IMAGES = {
    "image/png": (b"\x89PNG",),
    "image/jpeg": (b"\xff\xd8",),
    "image/gif": (b"GIF8",),
    "image/webp": (b"RIFF",),
    "image/bmp": (b"BM",),
    "image/avif": (b"\0\0\0",),
    "image/svg+xml": (b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE svg"),
}
#: Rows of a table, and characters of a text, that are shown; a browser that lays out more takes its time.
_ROWS = 5_000
_CHARACTERS = 2_000_000

STYLE = """
.runlore{--text:#1b1f24;--soft:#5b6672;--line:#d5dbe1;--back:#fff;--band:#f5f7f9;color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;background:var(--back);color-scheme:light dark}
@media (prefers-color-scheme:dark){.runlore{--text:#e4e8ec;--soft:#9aa5b1;--line:#39424c;--back:#14181d;--band:#1c2229}}
.runlore h1{font-size:1.25em;margin:0 0 1em;overflow-wrap:anywhere}
.runlore figure{margin:0 0 1.8em}.runlore figcaption{color:var(--soft);font-size:.87em;margin:0 0 .4em}
.runlore img{max-width:100%;height:auto;background:#fff;border-radius:4px}
.runlore iframe{width:100%;height:30em;resize:vertical;overflow:auto;border:1px solid var(--line);border-radius:4px;
background:#fff;
color-scheme:light}
.runlore .runlore-wide{overflow:auto;width:fit-content;max-width:100%;max-height:46em;
border:1px solid var(--line);border-radius:4px}
.runlore table{border-collapse:collapse;font-size:.92em;font-variant-numeric:tabular-nums;background:none;margin:0}
.runlore th,.runlore td{padding:.28em .8em;border:0;border-bottom:1px solid var(--line);text-align:left;
white-space:pre;color:var(--text);background:none;font-weight:400}
.runlore thead th{position:sticky;top:0;background:var(--band);font-weight:600}
.runlore td.runlore-number{text-align:right}
.runlore pre{margin:0;padding:.8em 1em;background:var(--band);color:var(--text);overflow:auto;border-radius:4px;
font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.runlore code{background:var(--band);padding:.1em .3em;border-radius:3px;font-size:.92em}
.runlore blockquote{margin:0;padding-left:1em;border-left:3px solid var(--line);color:var(--soft)}
.runlore .runlore-note{color:var(--soft);border-left:3px solid var(--line);padding-left:.8em;margin:0}
"""


def page_of(title: str, pictures: Sequence[Picture]) -> str:
    """One self-contained HTML page."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{_POLICY_TAG}'
        '<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">'
        f"<title>{html.escape(title)}</title><style>body{{margin:0}}.runlore{{min-height:100vh;box-sizing:border-box;"
        f"padding:2em max(1.5em,calc(50vw - 36em))}}{STYLE}</style></head>\n"
        f'<body><main class="runlore"><h1>{html.escape(title)}</h1>\n{_figures(pictures)}\n</main></body></html>\n'
    )


def fragment_of(title: str, pictures: Sequence[Picture]) -> str:
    """The same as a part of somebody else's page, such as a notebook's."""
    head = f"<figcaption>{html.escape(title)}</figcaption>"
    return f'<style>{STYLE}</style><div class="runlore">{head}{_figures(pictures)}</div>'


def drawn_in_page(picture: Picture) -> str:
    """One picture as a part of a page that has `POLICY`; it is as inert as in `page_of`."""
    return _DRAWN.get(picture.kind, _text)(picture)


def _figures(pictures: Sequence[Picture]) -> str:
    if not pictures:
        return "<p class='runlore-note'>This kind of value has no pictures.</p>"
    return "\n".join(
        drawn_in_page(picture)
        if picture.kind == "note"
        else f"<figure><figcaption>{html.escape(picture.name)}</figcaption>{drawn_in_page(picture)}</figure>"
        for picture in pictures
    )


def _decoded(picture: Picture) -> str:
    text = picture.data.decode("utf-8", errors="replace")
    if len(text) <= _CHARACTERS:
        return text
    return f"{text[:_CHARACTERS]}\n… {len(text) - _CHARACTERS:,} more characters"


def _note(picture: Picture) -> str:
    return f"<p class='runlore-note'>{html.escape(_decoded(picture))}</p>"


def image_source(data: bytes, media_type: str | None) -> str | None:
    """The picture in an address that an image may have, or ``None`` for what is no type of images that are shown."""
    begins = data.lstrip()[:16] if data[:1] in b" \t\r\n<" else data[:16]
    fits = [media for media, starts in _IMAGES.items() if begins.startswith(starts)]
    media = media_type or (fits[0] if fits else "image/png")
    return f"data:{media};base64,{b64encode(data).decode()}" if media in _IMAGES else None


def _image(picture: Picture) -> str:
    source = image_source(picture.data, picture.media_type)
    if source is None:
        what = f"The picture {picture.name!r} is of the type {picture.media_type!r}."
        said = f"{what} What is shown is {', '.join(_IMAGES)}."
        return _note(Picture("note", said.encode("utf-8", "replace")))
    return f"<img alt='{html.escape(picture.name, quote=True)}' src='{source}'>"


def _framed(picture: Picture) -> str:
    document = f"<!doctype html><meta charset='utf-8'>{_POLICY_TAG}{picture.data.decode('utf-8', errors='replace')}"
    return f"<iframe sandbox='' referrerpolicy='no-referrer' srcdoc='{html.escape(document, quote=True)}'></iframe>"


def _table(picture: Picture) -> str:
    try:
        rows = list(csv.reader(io.StringIO(_decoded(picture).replace("\0", "\ufffd"), newline="")))
    except csv.Error:  # a field beyond what the module takes
        return _text(picture)
    if not rows:
        return "<p class='runlore-note'>The table is empty.</p>"
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows[1 : _ROWS + 1])
    more = f"<p class='runlore-note'>{len(rows) - 1 - _ROWS:,} more rows</p>" if len(rows) > _ROWS + 1 else ""
    return f"<div class='runlore-wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}"


def _cell(text: str) -> str:
    try:
        float(text)
    except ValueError:
        return f"<td>{html.escape(text)}</td>"
    return f"<td class='runlore-number'>{html.escape(text)}</td>"


def _json(picture: Picture) -> str:
    text = _decoded(picture)
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):  # it is shown as it is
        pass
    return f"<pre>{html.escape(text)}</pre>"


def _markdown(picture: Picture) -> str:
    try:
        return to_html(_decoded(picture))
    except RecursionError:
        return _text(picture)


def _text(picture: Picture) -> str:
    return f"<pre>{html.escape(_decoded(picture))}</pre>"


_DRAWN: dict[str, Callable[[Picture], str]] = {
    "note": _note,
    "image": _image,
    "plot": _image,
    "html": _framed,
    "csv": _table,
    "markdown": _markdown,
    "json": _json,
}
