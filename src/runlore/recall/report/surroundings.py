"""Surroundings: the code and the environment that a run had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runlore.errors import RunloreError
from runlore.recall.code import Code
from runlore.recall.html.markup import Html, cut, tag
from runlore.recall.html.value import shown
from runlore.recall.report.account import Account
from runlore.recall.report.part import code, facts, more, section
from runlore.recall.report.room import Room

#: Source files and bytes of each, and of the difference to the commit; packages.
_FILES, _FILE, _DIFF = 40, 8_000, 6_000
_PACKAGES = 400


def sources(account: Account, room: Room) -> Html | None:
    """The files and cells that a run's code was in, folded."""
    try:
        found = account.handle.code
        if found is None or not (len(found) or found.cells):
            return None
        changes = _changes(found, room)
        parts = [*_files(found, room), changes]
    except RunloreError as error:  # damaged, or not here
        return section("code", "Code", tag("p", cut(str(error), 400), class_="soft"))
    return section("code", "Code", *parts)


def _changes(found: Code, room: Room) -> Html | None:
    diff = found.diff
    if diff is None:
        return None
    share = Room(min(_DIFF, room.left // 2))
    changes = tag("details", tag("summary", "Changes that were not committed"), code(diff, share))
    room.left -= len(changes.encode("utf-8", "replace"))
    return changes


def _files(found: Code, room: Room) -> Iterator[Html | None]:
    pieces: list[tuple[str, str | None, int]] = [(path, path, 0) for path in found]
    pieces += [(f"Cell {number}", None, number) for number in range(1, len(found.cells) + 1)]
    for told, (name, path, number) in enumerate(pieces):
        if told >= _FILES or room.left < 300:
            yield more(len(pieces) - told, "more files")
            return
        room.left -= 200 + 6 * len(name)
        text = found[path] if path is not None else found.cells[number - 1]
        entry = " · the script that was started" if path is not None and path == found.entry_path else ""
        summary = tag("summary", tag("span", cut(name, 255), class_="mono"), tag("span", entry, class_="soft"))
        yield tag("details", summary, code(text, room, _FILE))
    yield more(found.omitted, "files that were not kept")


def environment(account: Account, room: Room) -> Html | None:
    """Python, the machine, and the packages, folded."""
    try:
        found = account.handle.environment
    except RunloreError as error:
        return section("environment", "Environment", tag("p", cut(str(error), 400), class_="soft"))
    if found.keys() <= {"host", "user"}:  # which the head of the page tells
        return None
    packages = found.get("packages")
    told = {cut(str(key), 60): shown(value, 200) for key, value in found.items() if key not in ("packages", "form")}
    return section("environment", "Environment", facts(told, room), _packages(packages, room))


def _packages(packages: Any, room: Room) -> Html | None:
    if not isinstance(packages, dict) or not packages:
        return None
    rows = (
        tag("div", cut(str(name), 80), " ", tag("span", cut(str(version), 40), class_="soft"))
        for name, version in list(packages.items())[:_PACKAGES]
    )
    fitting = room.fitting(rows)
    summary = tag("summary", f"{len(packages):,} packages")
    return tag(
        "details", summary, tag("div", *fitting, class_="packages"), more(len(packages) - len(fitting), "more packages")
    )
