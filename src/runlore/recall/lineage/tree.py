"""Lineage as a tree of text: each node once, with what it was made from or what came of it below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from runlore.model.artifact import SaveType
from runlore.model.lineage import Direction, Facts, Flow, Key, Link, More, StepFacts, Traced, VersionFacts
from runlore.model.name import printable
from runlore.model.status import Status

if TYPE_CHECKING:
    from runlore.recall.lineage.graph import Lineage

_HOW = {SaveType.MANUAL: "saved by hand", SaveType.REGISTERED: "registered", SaveType.EXTERNAL: "external"}
_HEADINGS = {Direction.UP: "made from:", Direction.DOWN: "went into:"}
_NOTHING = {Direction.UP: "nothing", Direction.DOWN: "nothing so far"}


def node_name(node: Facts) -> str:
    """What a node is called, in printable text."""
    return printable(node.pathspec or f"step {node.key.index} of a deleted run")  # type: ignore[union-attr]


def node_notes(node: Facts) -> str:
    """What is unusual about a node, in brackets, or nothing."""
    notes = []
    if isinstance(node, VersionFacts):
        notes += [_HOW[node.version.save_type]] if node.version.save_type in _HOW else []
        notes += ["bytes deleted"] if node.deleted else []
    elif node.status not in (None, Status.COMPLETED):
        notes.append(str(node.status))
        if node.origins:
            named = ", ".join(printable(origin) if origin else "a deleted run" for origin in node.origins)
            notes[-1] += f" from {named}"
    return f" ({', '.join(notes)})" if notes else ""


def more_words(direction: Direction, more: More) -> str:
    """What was not followed, in words."""
    if more.count is None:
        return "… and what comes before" if direction is Direction.UP else "… and what came of it"
    return f"… and {'' if more.exact else 'more than '}{more.count:,} more"


def tree_lines(lineage: Lineage) -> Iterator[str]:
    """The lines of the tree: one part for each direction."""
    yield printable(lineage.subject)
    for traced in lineage.traced:
        if len(lineage.traced) > 1:
            yield _HEADINGS[traced.direction]
        lines = list(_Tree(traced, lineage.subject).lines())
        yield from lines or [f"└ {_NOTHING[traced.direction]}"]


class _Tree:
    def __init__(self, traced: Traced, subject: str) -> None:
        self._up = traced.direction is Direction.UP
        self._traced = traced
        self._subject = subject
        self._nodes = {node.key: node for node in traced.nodes}
        self._more = {more.key: more for more in traced.more}
        self._links: dict[Key, list[Link]] = {}
        for link in traced.links:
            self._links.setdefault(link.target if self._up else link.source, []).append(link)
        self._shown: set[Key] = set()

    def lines(self) -> Iterator[str]:
        """Walked with a stack of our own: lineage may be deeper than Python's."""
        start = self._traced.start
        if len(start) == 1 and self._nodes[start[0]].pathspec == self._subject:
            self._shown.add(start[0])
            roots = self._below(start[0])
        else:
            roots = [(self._said(key, None), key) for key in start]
        stack: list[tuple[str, list[tuple[str, Key | None]]]] = [("", list(reversed(roots)))]
        while stack:
            indent, waiting = stack[-1]
            if not waiting:
                stack.pop()
                continue
            said, key = waiting.pop()
            last = not waiting
            text, below = self._unfolded(said, key)
            yield f"{indent}{'└' if last else '├'} {text}"
            if below:
                stack.append((indent + ("  " if last else "│ "), list(reversed(below))))

    def _unfolded(self, said: str, key: Key | None) -> tuple[str, list[tuple[str, Key | None]]]:
        """A line, and what stands below it. What leads on to a single thing says so in the same line."""
        while key is not None:
            if key in self._shown:
                return (f"{said}, see above" if self._leads_on(key) else said), []
            self._shown.add(key)
            below = self._below(key)
            joined = self._joined(key, below)
            if joined is None:
                return said, below
            said, key = said + joined[0], joined[1]
        return said, []

    def _joined(self, key: Key, below: list[tuple[str, Key | None]]) -> tuple[str, Key] | None:
        """The maker of a version, or the only output of a step, on the line of the thing itself."""
        links = self._links.get(key, ())
        if len(below) != 1 or len(links) != 1 or links[0].flow not in (Flow.OUTPUT, Flow.SAVED):
            return None
        said, end = below[0]
        return (f"{', ' if self._up else ' → '}{said}", end) if end is not None else None

    def _leads_on(self, key: Key) -> bool:
        return key in self._links or key in self._more

    def _below(self, key: Key) -> list[tuple[str, Key | None]]:
        found: list[tuple[str, Key | None]] = []
        for link in self._links.get(key, ()):
            end = link.source if self._up else link.target
            found.append((self._said(end, link), end))
        if key in self._more:
            found.append((more_words(self._traced.direction, self._more[key]), None))
        return found

    def _said(self, key: Key, link: Link | None) -> str:
        node = self._nodes[key]
        name = node_name(node) + node_notes(node)
        if link is None:
            return name
        if link.flow is Flow.SAVED and isinstance(node, VersionFacts) and not node.deleted:
            name = node_name(node)
        label = printable(link.name)
        elements = _elements(link)
        if link.flow is Flow.COPY:
            return f"same bytes as {name}" if self._up else f"same bytes in {name}"
        if isinstance(node, StepFacts):
            if self._up:
                return f"{'saved' if link.flow is Flow.SAVED else 'made'} by {name}"
            how = "looked up" if link.flow is Flow.LOOKED_UP else f"taken as {label}"
            return f"{how} by {name}{elements}"
        if link.flow is Flow.LOOKED_UP:
            return f"looked up: {name}"
        return f"{'saved ' if link.flow is Flow.SAVED else ''}{label}: {name}{elements}"


def _elements(link: Link) -> str:
    if link.elements is None:
        return ""
    first, last = link.elements
    return f", element {first}" if first == last else f", elements {first} to {last}"
