"""Page: a report of a run, as one HTML file that needs nothing else (`docs/design/pages.md`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runlore.model import run as model
from runlore.model.metadata import Owner, OwnerKind
from runlore.recall.config import Parameters
from runlore.recall.decoding import decode_notes
from runlore.recall.html.graph import graph
from runlore.recall.html.markup import Html, cut, tag
from runlore.recall.html.value import shown, when
from runlore.recall.page import POLICY
from runlore.recall.report.account import Account
from runlore.recall.report.artifacts import artifacts
from runlore.recall.report.heading import heading
from runlore.recall.report.lineage import runs_graph, traced
from runlore.recall.report.measures import metrics
from runlore.recall.report.note import note
from runlore.recall.report.part import code, facts, section
from runlore.recall.report.room import Room
from runlore.recall.report.steps import steps
from runlore.recall.report.style import STYLE
from runlore.recall.report.surroundings import environment, sources
from runlore.recall.report.timeline import timeline

if TYPE_CHECKING:
    from runlore.recall.reader import Reader
    from runlore.recall.run import Run

#: What a file begins with that is a report, which the next report may replace.
BEGINNING = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="runlore report">'
)
#: Places of the lineage, and its bytes.
_PLACES_OF_LINEAGE, _LINEAGE = 20, 14_000
#: Places of the graph, and its bytes.
_PLACES, _GRAPH = 60, 40_000


def report_of(reader: Reader, handle: Run, noun: model.Run, *, draw: bool = False) -> str:
    """The page about a run; what it leaves out it counts. Nothing is loaded for it, unless pictures are to be drawn."""
    if draw:
        _draw(handle)
    account = Account(reader, handle, noun)
    every = steps(account, Room(95_000), Room(26_000), Room(32_000))  # first, as others lead to it
    parts = [
        ("failure", "Failure", _failure(account, Room(10_000))),
        ("note", "Note", note(account, Room(6_000))),
        ("graph", "Graph", _graph(account)),
        ("timeline", "Timeline", timeline(account, Room(16_000))),
        ("metrics", "Metrics", metrics(account, Room(24_000))),
        ("parameters", "Parameters", _parameters(account, Room(6_000), Room(6_000))),
        ("lineage", "Lineage", _lineage(account)),
        ("artifacts", "Artifacts", artifacts(account, Room(24_000))),
        ("steps", "Steps", every),
        ("code", "Code", sources(account, Room(20_000))),
        ("environment", "Environment", environment(account, Room(12_000))),
    ]
    contents = {id: title for id, title, part in parts if part is not None}
    title = f"{account.pathspec} · {noun.status}"
    now = when(datetime.now(UTC))
    foot = f"Written by runlore at {now}, as the record stood then. Times are UTC."
    body = tag("main", heading(account, contents), *(part for _, _, part in parts), tag("footer", foot))
    return (
        f'{BEGINNING}<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"{tag('title', title)}<style>{STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def _draw(handle: Run) -> None:
    """Draw what the run gave back and nobody has looked at yet; pictures are kept, where the page finds them."""
    for version in handle.outputs.values():
        with suppress(Exception):  # a class that is not here, a pickle of a stranger: then there is no picture
            version.pictures()


def _failure(account: Account, room: Room) -> Html | None:
    failure = account.failure
    if failure is None:
        return None
    said = tag("p", tag("strong", cut(failure.type, 200)), ": ", cut(failure.message, 1_000))
    trace = None
    if failure.traceback:
        lines = failure.traceback.rstrip("\n").split("\n")
        summary = tag("summary", "Traceback", class_="soft")
        trace = tag("details", summary, code("\n".join(lines[-150:]), room), open=len(lines) < 40)
    return section("failure", "Failure", tag("div", said, trace, class_="failure"))


def _graph(account: Account) -> Html:
    def target(step: model.Step) -> str | None:
        return account.address(step.index)

    drawn = _fitting(lambda most: graph(account.steps, most=most, target=target, height="54rem"), _PLACES, _GRAPH)
    return section("graph", "Graph", drawn)


def _fitting(draw: Callable[[int], Html | None], places: int, size: int) -> Html | None:
    """A drawing of as many places as take no more than so many bytes."""
    while True:
        drawn = draw(places)
        if drawn is None or places == 1 or Room(size).take(drawn):
            return drawn
        places //= 2


def _lineage(account: Account) -> Html | None:
    """What came from other runs and what other runs took; ``None`` if there is nothing of that."""
    if not account.steps:
        return None
    found, run = traced(account), account.run.seq
    drawn = _fitting(lambda most: runs_graph(found, run, most=most, height="40rem"), _PLACES_OF_LINEAGE, _LINEAGE)
    return None if drawn is None else section("lineage", "Lineage", drawn)


def _parameters(account: Account, parameters: Room, metadata: Room) -> Html | None:
    found = Parameters(account.run.parameters, owner=account.pathspec).shown()
    owner = Owner(kind=OwnerKind.RUN, seq=account.run.seq)
    noted = {entry.key: decode_notes(entry.value) for entry in account.record.metadata(owner)}
    if not found and not noted:
        return None
    sides = [
        tag(
            "div",
            tag("h3", what) if found and noted else None,
            facts({cut(name, 80): shown(value, 400) for name, value in values.items()}, room),
        )
        for what, values, room in (("Parameters", found, parameters), ("Metadata", noted, metadata))
        if values
    ]
    title = "Parameters and metadata" if found and noted else "Parameters" if found else "Metadata"
    return section("parameters", title, tag("div", *sides, class_="columns"))
