"""Artifacts: what a run made, with the pictures that are kept of it; no value is loaded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice

from runlore.errors import NotFound
from runlore.model.artifact import KeptPicture, Picture
from runlore.model.noun import changed
from runlore.model.units import shown_size
from runlore.recall.html.markup import Html, cut, joined, tag
from runlore.recall.html.value import pairs, shown
from runlore.recall.page import drawn_in_page
from runlore.recall.report.account import Account
from runlore.recall.report.part import digest, facts, section, table
from runlore.recall.report.room import Room
from runlore.recall.version import ArtifactVersion

#: Versions told of, facts of each, pictures of each and bytes of all of them.
_VERSIONS, _FACTS, _EACH, _PICTURES = 60, 8, 3, 4_000_000
#: Rows and columns of a table, characters of a cell and of a text.
_ROWS, _COLUMNS, _CELL, _TEXT = 12, 12, 60, 2_000


def artifacts(account: Account, room: Room) -> Html | None:
    """A card for what the run gives back and for what has pictures, a row for every other version."""
    places = _places(account)
    if not places:
        return None
    returned = _returned(account)
    places.sort(key=lambda place: place[1] not in returned)
    pictures = Room(_PICTURES)
    cards: list[Html] = []
    rows: list[tuple[object, ...]] = []
    for name, seq in places[:_VERSIONS]:
        try:
            version = account.reader.version_at(seq)
        except NotFound:  # deleted since
            continue
        kept = version.kept_pictures()
        if seq in returned or kept:
            words = _words(f"{name}, returned" if seq in returned else name, version)
            if room.take(words):
                cards.append(tag("div", words, *_figures(kept, pictures), class_="card"))
                continue
        rows.append(_row(name, version))
    columns = ("artifact", "made by", "type", "size", "facts", "digest")
    untold = len(places) - len(cards)
    return section(
        "artifacts",
        "Artifacts",
        tag("div", *cards, class_="cards") if cards else None,
        table(columns, rows, room, count=untold) if untold else None,
    )


def _places(account: Account) -> list[tuple[str, int]]:
    """Name and sequence of every version that the steps made, in declared order."""
    found: dict[int, str] = {}
    for edge in account.record.edges(account.run.seq):
        step = account.steps[edge.step]
        whole = step.tasks is None or edge.item == -1  # not the items of a collection
        if edge.direction == "saved" or (edge.direction == "output" and whole):
            found.setdefault(edge.version, f"{step.name} · {edge.name}")
    return [(name, seq) for seq, name in found.items()]


def _returned(account: Account) -> frozenset[int]:
    try:
        return frozenset(version.seq for version in account.handle.outputs.values())
    except NotFound:  # one of them was deleted since
        return frozenset()


def _row(name: str, version: ArtifactVersion) -> tuple[object, ...]:
    content = version.content
    noted = {key: entry.value for key, entry in version.run_metadata.items() if key != "storage_size"}
    return (
        cut(version.pathspec, 100),
        cut(name, 100),
        cut(content.type, 60),
        shown_size(content.size),
        cut(pairs(noted, 4), 120),
        digest(content.digest),
    )


def _words(name: str, version: ArtifactVersion) -> Html:
    content = version.content
    noted = [(key, entry.value) for key, entry in version.run_metadata.items() if key != "storage_size"]
    told: dict[str, object] = {cut(key, 40): shown(value, 160) for key, value in noted[:_FACTS]}
    if len(noted) > _FACTS:
        told["…"] = f"and {len(noted) - _FACTS:,} more facts"
    note = version.note
    labels = [*version.aliases, *version.tags]
    return joined(
        [
            tag("h3", cut(version.pathspec, 160)),
            tag("p", cut(name, 160), class_="soft small"),
            tag("p", cut(content.type, 120), f" · {shown_size(content.size)}", class_="small"),
            tag("p", cut(", ".join(labels), 200), class_="small") if labels else None,
            tag("p", cut(note, 300)) if note else None,
            facts(told, Room(4_000)),
            tag("p", digest(content.digest), class_="soft small"),
        ]
    )


def _figures(kept: Sequence[KeptPicture], room: Room) -> Iterator[Html]:
    for one in kept[:_EACH]:
        if one.data is None:
            said = f"{cut(one.name, 60)}: {shown_size(one.size)}, too large to be kept; visualize(large=True) shows it."
            figure = tag("p", said, class_="soft small")
        else:
            drawn = Html(drawn_in_page(_light(one, one.data)))
            caption = tag("figcaption", cut(one.name, 80))
            figure = tag("figure", caption, drawn, class_="tiny" if _is_tiny(one.data) else None)
        if not room.take(figure):
            yield tag("p", f"{cut(one.name, 60)}: not in this report, which has many pictures", class_="soft small")
        else:
            yield figure
    if len(kept) > _EACH:
        yield tag("p", f"… and {len(kept) - _EACH} more pictures", class_="soft small")


def _is_tiny(data: bytes) -> bool:
    """Whether an image has so few pixels that one would look for it (PNG, third edition, 11.2.1)."""
    return data[:8] == b"\x89PNG\r\n\x1a\n" and int.from_bytes(data[16:20], "big") < 64


def _light(kept: KeptPicture, data: bytes) -> Picture:
    """A picture of words or numbers as its beginning, any other as it is."""
    picture = Picture(kept.kind, data, kept.name, kept.media_type)
    if kept.kind == "csv":
        return _short_table(picture)
    if kept.kind in ("json", "markdown", "note"):
        text = data.decode("utf-8", errors="replace")
        return changed(picture, data=cut(text, _TEXT).encode("utf-8", "replace"))
    return picture


def _short_table(picture: Picture) -> Picture:
    text = picture.data.decode("utf-8", errors="replace").replace("\0", "\ufffd")
    try:
        rows = list(islice(csv.reader(io.StringIO(text, newline="")), _ROWS + 2))
    except csv.Error:  # a field beyond what the module takes
        return changed(picture, kind="note", data=cut(text, _TEXT).encode("utf-8", "replace"))
    shown_rows = [[cut(cell, _CELL) for cell in row[:_COLUMNS]] + ["…"] * (len(row) > _COLUMNS) for row in rows]
    if len(rows) > _ROWS + 1:
        shown_rows[-1] = ["…" for _ in shown_rows[-1]]
    written = io.StringIO()
    csv.writer(written).writerows(shown_rows)
    return changed(picture, data=written.getvalue().encode("utf-8", "replace"))
