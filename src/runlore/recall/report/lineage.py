"""Lineage: what a run took from other runs and what they took from it, run by run."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from runlore.model.counted import counted
from runlore.model.lineage import Key, StepFacts, StepKey, VersionFacts
from runlore.model.status import Status
from runlore.recall.html.boxes import Box
from runlore.recall.html.graph import URGENT
from runlore.recall.html.lineage import ASKED, THING, drawn_graph, named_box, version_box
from runlore.recall.html.markup import Html
from runlore.recall.html.status import color
from runlore.recall.lineage.graph import Lineage, lineage_of
from runlore.recall.report.account import Account

#: How many steps away, links of one node, and nodes that are followed each way.
_DEPTH, _BREADTH, _LIMIT = 2, 8, 300
#: The position of a step that stands for all of its run.
_WHOLE = -1


def traced(account: Account) -> Lineage:
    """The lineage of the steps that are told of."""
    start = [StepKey(account.run.seq, step.index) for step in account.told]
    return lineage_of(account.record, account.pathspec, start, "both", depth=_DEPTH, breadth=_BREADTH, limit=_LIMIT)


def runs_graph(lineage: Lineage, run: int, *, most: int, height: str) -> Html | None:
    """Runs, and the versions that went from one to another or were there before; ``None`` if there are none."""
    versions: dict[Key, VersionFacts] = {node.key: node for node in lineage.versions}
    steps: dict[Key, list[StepFacts]] = {}
    for node in lineage.steps:
        steps.setdefault(_whole(node.key), []).append(node)
    links = _between(lineage, versions)

    def kind(key: Key) -> Hashable:
        if key in versions:
            return "version", versions[key].version.artifact
        return ("run", steps[key][0].pipeline) if key in steps and key != StepKey(run, _WHOLE) else key

    def box(keys: Sequence[Key]) -> Box:
        first = keys[0]
        if first == StepKey(run, _WHOLE):
            return named_box("this run", lineage.subject, "This run", ASKED, 1)
        found = versions.get(first)
        if found is not None:
            return version_box(found, len(keys), THING)
        return _run_box([one for key in keys for one in steps.get(key, ())], len(keys))

    return drawn_graph(lineage, links, kind, box, most, height)


def _whole(key: Key) -> Key:
    return StepKey(key.run, _WHOLE) if isinstance(key, StepKey) else key


def _between(lineage: Lineage, versions: dict[Key, VersionFacts]) -> set[tuple[Key, Key]]:
    """Links of versions to runs, without those that only one run had to do with."""
    made: set[tuple[Key, Key]] = set()
    taken: set[tuple[Key, Key]] = set()
    for link in lineage.links:
        source, target = _whole(link.source), _whole(link.target)
        if isinstance(link.source, StepKey):
            producer = versions[link.target].version.producer
            if producer is None or producer[0] == link.source.run:  # and not one that took it over
                made.add((source, target))
        else:
            taken.add((source, target))
    taken -= {(target, source) for source, target in made}
    went_on = {source for source, _ in taken}
    return {(source, target) for source, target in made if target in went_on} | taken


def _run_box(steps: Sequence[StepFacts], count: int) -> Box:
    first = steps[0]
    states = [one.status for one in steps if one.status is not None]
    if not states:
        return named_box("a deleted run", "nothing else is known", "A run that was deleted", THING, count)
    status: Status = min(states, key=URGENT.index)
    name = str(first.pipeline) if count > 1 else f"{first.pipeline}/{first.number}"
    fact = "runs" if count > 1 else f"{status} · {counted(len(steps), 'step')}"
    return named_box(
        name,
        fact,
        f"{first.pipeline}/{first.number}: {', '.join(one.name or '' for one in steps)}",
        color(status),
        count,
    )
