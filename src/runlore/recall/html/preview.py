"""Preview: a small look at a version, from a picture that is kept; no value is loaded and nothing is drawn for it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from runlore.model.artifact import KeptPicture
from runlore.model.units import shown_size
from runlore.recall.html.card import LINE, SCROLLING, SOFT, pre, remark
from runlore.recall.html.markup import Html, cut, tag
from runlore.recall.page import image_source

#: Bytes of an image, rows and columns of a table, characters of a cell and of a text.
_IMAGE, _ROWS, _COLUMNS, _CELL, _TEXT = 60_000, 6, 10, 24, 500
_PADDED = "padding:.1em .8em .1em 0;border:0;text-align:left;background:none;color:inherit;white-space:nowrap;"


def preview(kept: Sequence[KeptPicture]) -> Html | None:
    """The first picture that can be shown small, or a word about why there is none."""
    for picture in kept:
        if picture.data is None:
            continue
        if picture.kind in ("image", "plot"):
            source = image_source(picture.data, picture.media_type)
            if source is not None and picture.size <= _IMAGE:
                style = "max-width:100%;max-height:220px;background:#fff;border-radius:4px;display:block;margin:.4em 0"
                return tag("img", src=source, alt=picture.name, style=style)
        elif picture.kind == "csv":
            return _table(picture.data)
        elif picture.kind in ("json", "markdown", "note"):
            return pre(_text(picture))
    if not kept:
        return None
    told = ", ".join(f"{cut(one.name, 40)} ({one.kind}, {shown_size(one.size)})" for one in kept[:3])
    return remark(f"To look at {told}: visualize()")


def _text(picture: KeptPicture) -> str:
    text = (picture.data or b"")[: 4 * _TEXT].decode("utf-8", errors="replace")
    if picture.kind == "json" and picture.size <= 4 * _TEXT:
        try:
            text = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
        except (ValueError, RecursionError):  # it is shown as it is
            pass
    return cut(text, _TEXT)


def _table(data: bytes) -> Html:
    text = data.decode("utf-8", errors="replace").replace("\0", "\ufffd")
    rows: list[list[str]] = []
    more = False
    try:
        for row in csv.reader(io.StringIO(text, newline="")):
            if len(rows) > _ROWS:
                more = True
                break
            cells = [cut(cell, _CELL) for cell in row[:_COLUMNS]]
            rows.append([*cells, "…"] if len(row) > _COLUMNS else cells)
    except csv.Error:  # a field beyond what the module takes
        return pre(cut(text, _TEXT))
    if not rows:
        return remark("The table is empty.")
    head = tag("tr", *(tag("th", cell, scope="col", style=_PADDED + SOFT) for cell in rows[0]), style="background:none")
    body = [
        tag("tr", *(tag("td", cell, style=f"{_PADDED}border-top:{LINE}") for cell in row), style="background:none")
        for row in rows[1:]
    ]
    drawn = tag(
        "table",
        tag("thead", head),
        tag("tbody", *body),
        style="border-collapse:collapse;border:0;margin:0;font-variant-numeric:tabular-nums;font-size:.92em",
    )
    return tag("div", drawn, remark("…") if more else None, style=f"{SCROLLING};margin:.4em 0")
