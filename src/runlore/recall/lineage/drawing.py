"""Lineage as others read it: Mermaid, DOT, and a dict for JSON. Names come from anybody, and stand only in quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runlore.model.lineage import Facts, Flow, Link, StepFacts, VersionFacts
from runlore.model.name import printable
from runlore.recall.lineage.tree import more_words, node_name, node_notes

if TYPE_CHECKING:
    from runlore.recall.lineage.graph import Lineage

#: What means something in a quoted label of Mermaid, or would as HTML; ``#`` begins its codes.
_MERMAID = re.compile(r'["#&<>`\\]')
#: Words after which Mermaid takes codes in the rest of a line apart, if a colon follows.
_STYLES = re.compile(r"style|classDef")
_ARROWS = {Flow.LOOKED_UP: "-.->", Flow.COPY: "==>"}
_LINES = {Flow.LOOKED_UP: "dashed", Flow.COPY: "bold"}


def mermaid_lines(lineage: Lineage) -> Iterator[str]:
    """A flowchart: versions are boxes, steps have round ends, dashed arrows are look-ups, thick ones lead to copies."""
    ids = _ids(lineage)
    yield "flowchart LR"
    for node in lineage.nodes:
        label = mermaid_text(node_name(node) + node_notes(node))
        yield f"  {ids[node.key]}" + (f'["{label}"]' if isinstance(node, VersionFacts) else f'(["{label}"])')
    for link in lineage.links:
        label = _label(link)
        said = f'|"{mermaid_text(label)}"|' if label else ""
        yield f"  {ids[link.source]} {_ARROWS.get(link.flow, '-->')}{said} {ids[link.target]}"
    for number, (direction, more) in enumerate(lineage.more, start=1):
        ends = (f"m{number}", ids[more.key]) if direction == "up" else (ids[more.key], f"m{number}")
        yield f'  m{number}["{mermaid_text(more_words(direction, more))}"]'
        yield f"  {ends[0]} -.- {ends[1]}"
    asked, gone = _classes(lineage)
    if asked:
        yield "  classDef asked stroke-width:3px"
        yield f"  class {','.join(asked)} asked"
    if gone:
        yield "  classDef gone stroke-dasharray:4"
        yield f"  class {','.join(gone)} gone"


def dot_lines(lineage: Lineage) -> Iterator[str]:
    """A digraph: versions are boxes, steps ellipses, dashed edges are look-ups, bold ones lead to copies."""
    ids = _ids(lineage)
    asked, gone = map(set, _classes(lineage))
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    for node in lineage.nodes:
        id = ids[node.key]
        style = "dashed" if id in gone else "bold" if id in asked else "solid"
        shape = "box" if isinstance(node, VersionFacts) else "ellipse"
        yield f"  {id} [label={dot_text(node_name(node) + node_notes(node))}, shape={shape}, style={style}];"
    for link in lineage.links:
        label, line = _label(link), _LINES.get(link.flow, "solid")
        yield f"  {ids[link.source]} -> {ids[link.target]} [label={dot_text(label)}, style={line}];"
    for number, (direction, more) in enumerate(lineage.more, start=1):
        ends = (f"m{number}", ids[more.key]) if direction == "up" else (ids[more.key], f"m{number}")
        yield f"  m{number} [label={dot_text(more_words(direction, more))}, shape=plaintext];"
        yield f"  {ends[0]} -> {ends[1]} [style=dotted, arrowhead=none];"
    yield "}"


def mermaid_text(text: str) -> str:
    """Text for a quoted label, which shows exactly as it is given."""
    escaped = _MERMAID.sub(lambda found: f"#{ord(found[0])};", printable(text))
    return escaped.replace(":", "#58;") if _STYLES.search(escaped) else escaped


def dot_text(text: str) -> str:
    """Text as a quoted string, which shows exactly as it is given."""
    return '"' + printable(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def described(lineage: Lineage) -> dict[str, Any]:
    """Nodes, links and what was not followed, with ids that are the same in Mermaid and DOT."""
    ids = _ids(lineage)
    return {
        "subject": lineage.subject,
        "start": [ids[key] for key in lineage.start],
        "nodes": [{"id": ids[node.key], **_facts(node)} for node in lineage.nodes],
        "links": [
            {
                "source": ids[link.source],
                "target": ids[link.target],
                "flow": str(link.flow),
                "name": link.name,
                "elements": None if link.elements is None else list(link.elements),
            }
            for link in lineage.links
        ],
        "more": [
            {"node": ids[more.key], "direction": str(direction), "count": more.count, "exact": more.exact}
            for direction, more in lineage.more
        ],
    }


def _facts(node: Facts) -> dict[str, Any]:
    if isinstance(node, StepFacts):
        return {
            "kind": "step",
            "pathspec": node.pathspec,
            "pipeline": node.pipeline,
            "number": node.number,
            "run": node.run,
            "step": node.name,
            "task": node.key.item,
            "status": None if node.status is None else str(node.status),
            "duration": node.duration,
            "tasks": node.tasks,
            "origins": list(node.origins),
            "deleted": node.deleted,
        }
    version = node.version
    return {
        "kind": "version",
        "pathspec": node.pathspec,
        "artifact": version.artifact,
        "version": version.version,
        "element": node.key.element,
        "type": version.content.type,
        "size": version.content.size,
        "digest": version.content.digest,
        "created": version.created.isoformat(),
        "save_type": str(version.save_type),
        "id": str(version.id),
        "deleted": node.deleted,
    }


def _ids(lineage: Lineage) -> dict[Any, str]:
    return {node.key: f"n{number}" for number, node in enumerate(lineage.nodes, start=1)}


def _classes(lineage: Lineage) -> tuple[list[str], list[str]]:
    """Ids of what was asked about, and of what is gone."""
    ids = _ids(lineage)
    return [ids[key] for key in lineage.start], [ids[node.key] for node in lineage.nodes if node.deleted]


def _label(link: Link) -> str:
    elements = "" if link.elements is None else f" {link.elements[0]}–{link.elements[1]}"
    return link.name + elements
